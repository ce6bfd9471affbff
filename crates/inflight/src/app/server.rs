//! The accept loop: a cap on connections, a time limit on headers, and a drain that ends.

use super::App;
use super::lazy_timer::LazyTimer;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use inflight_strategies::rt::{Clock as _, First, race};
use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// How the server treats connections.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// How long a client may take to send a request's head, and how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long the drain may take.
    pub drain: Duration,
}

/// What the drain came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still open when the deadline came, and were cut.
    pub cut: usize,
}

/// How long to pause after a failed accept: long enough not to spin when file descriptors are out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until `stop` is done, then lets what is in flight finish, for a bounded time.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    options: Options,
    stop: impl Future<Output = ()>,
) -> Drained {
    let places = Arc::new(Semaphore::new(options.max_connections));
    let (stopping, stopped) = watch::channel(false);
    match race(stop, accept(&app, listener, &places, options, &stopped)).await {
        First::Left(()) => {}
        First::Right(never) => match never {},
    }
    // The listener is closed; connections are told to finish what they are at.
    let _ = stopping.send(true);
    drop(stopped);
    let deadline = app.world.sleep_until(app.world.now() + options.drain);
    race(stopping.closed(), deadline).await;
    Drained { cut: options.max_connections - places.available_permits() }
}

async fn accept(
    app: &Arc<App>,
    listener: TcpListener,
    places: &Arc<Semaphore>,
    options: Options,
    stopped: &watch::Receiver<bool>,
) -> Infallible {
    loop {
        // A place first, then the connection: what has no place stays in the kernel's queue.
        let place = places.clone().acquire_owned().await.expect("never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve_connection(app.clone(), stream, options, stopped.clone());
                let place = Place::taken(place, app);
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) if is_the_connections_own(&error) => {}
            Err(error) => {
                app.telemetry.accept_failed(&error);
                app.world.sleep_until(app.world.now() + ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Errors that concern the connection that was about to be accepted, not the listener.
fn is_the_connections_own(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A place among the open connections; given back, and counted down, by dropping it.
struct Place {
    app: Arc<App>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn taken(permit: OwnedSemaphorePermit, app: &Arc<App>) -> Place {
        app.telemetry.connections(1);
        Place { app: app.clone(), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.telemetry.connections(-1);
    }
}

async fn serve_connection(
    app: Arc<App>,
    stream: TcpStream,
    options: Options,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are small and whole: waiting to fill a packet would only add delay.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(LazyTimer)
        .header_read_timeout(options.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // An error here is a client that went away or spoke no HTTP: its request, if there was one, has been counted.
    if let First::Right(_) = race(connection.as_mut(), stopped.changed()).await {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
