//! The least that hyper can do: the yardstick. One worker, keep-alive, a constant body with the app's headers.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, process::Command};
use tokio::net::{TcpListener, TcpStream};

/// The word that makes this program a bare server.
pub(crate) const MODE: &str = "bare-server";

/// What an endpoint without delays answers.
const BODY: &str = r#"{"serviceAData":{"value":"data-from-A","sleepMs":0},"serviceBData":{"value":"data-from-B","sleepMs":0},"mode":"async","totalMs":0}"#;

/// This program, as a bare server.
pub(crate) fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.arg(MODE);
    command
}

/// Serves until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("listening on http://{}", listener.local_addr().expect("bound above"));
        // As in the app, connections are accepted outside of the worker and served by it.
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream));
            }
        }
    });
}

async fn connection(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|_| async {
        let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        Ok::<_, Infallible>(response)
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
