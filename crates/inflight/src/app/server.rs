//! The accept loop: a cap on connections, a time limit on headers, and a drain that ends.

use super::{
    App,
    connections::{Connections, LOOKS, Open},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use inflight_strategies::rt::{Clock as _, First, race};
use std::{convert::Infallible, future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// How the server treats connections.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at once; further ones wait in the kernel's queue.
    pub max_connections: u32,
    /// How long a client may take to send a request's head, to read an answer, or to ask again.
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
    let places = Arc::new(Semaphore::new(options.max_connections as usize));
    let connections = Arc::new(Connections::default());
    let serving = race(accept(&app, listener, &places, &connections), look(&app, &connections, options));
    if let First::Right(never) = race(stop, serving).await {
        match never {
            First::Left(never) | First::Right(never) => match never {},
        }
    }
    // The listener is closed by now. Connections finish what they are at; all have ended when all places are free.
    connections.drain();
    let deadline = app.world.sleep_until(app.world.now() + options.drain);
    race(places.acquire_many(options.max_connections), deadline).await;
    Drained { cut: options.max_connections as usize - places.available_permits() }
}

async fn accept(
    app: &Arc<App>,
    listener: TcpListener,
    places: &Arc<Semaphore>,
    connections: &Arc<Connections>,
) -> Infallible {
    loop {
        // A place first, then the connection: what has no place stays in the kernel's queue.
        let place = places.clone().acquire_owned().await.expect("never closed");
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(app.clone(), stream, connections.enter(), place))),
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

/// Cuts connections that are quiet for longer than they may be.
async fn look(app: &App, connections: &Connections, options: Options) -> Infallible {
    loop {
        app.world.sleep_until(app.world.now() + options.header_timeout / LOOKS).await;
        connections.look();
    }
}

/// One connection, from its first byte to its last.
async fn converse(app: Arc<App>, stream: TcpStream, open: Open, _place: OwnedSemaphorePermit) {
    // Answers are small and whole: waiting to fill a packet would only add delay.
    let _ = stream.set_nodelay(true);
    let _counted = app.telemetry.connection();
    // Made in the place where it stays: a connection is large, and there may be 20,000. An answer is so small that copying its
    // body behind its head is cheaper than a system call with two pieces.
    let mut connection = pin!(http1::Builder::new().writev(false).serve_connection(
        TokioIo::new(stream),
        service_fn(|request| {
            let busy = open.pulse.begin();
            let answer = app.answer(request);
            async move {
                let reply = answer.await;
                drop(busy);
                Ok::<_, Infallible>(reply)
            }
        })
    ));
    let mut was_told = false;
    poll_fn(|cx| {
        if open.pulse.is_cut(cx.waker()) {
            return Poll::Ready(());
        }
        if open.connections.is_draining() && !std::mem::replace(&mut was_told, true) {
            connection.as_mut().graceful_shutdown();
        }
        // An error is a client that went away or spoke no HTTP: its request, if there was one, has been counted.
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
}
