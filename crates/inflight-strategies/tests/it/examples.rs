//! The examples do what they say: an axum app with a strategy per family, and a client stack that calls it over HTTP. On tokio's
//! paused clock, over pipes in memory.

#[path = "../../examples/axum.rs"]
mod axum_app;
#[path = "../../examples/client.rs"]
mod client;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
    routing::{MethodRouter, get},
};
use client::Ask;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use inflight_strategies::{service::Failure, tokio::World};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::ServiceExt as _;

/// The statuses of so many requests at once, in the order in which they were made.
async fn statuses(app: &Router, path: &str, n: usize) -> Vec<u16> {
    let ask = |_| {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        tokio::spawn(app.clone().oneshot(request))
    };
    let mut statuses = Vec::new();
    for answer in (0..n).map(ask).collect::<Vec<_>>() {
        statuses.push(answer.await.expect("no panic").expect("an app answers").status().as_u16());
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn an_axum_app_refuses_by_the_strategy_of_each_route() {
    let app = axum_app::app(World::new());
    assert_eq!(statuses(&app, "/limited", 5).await, [200, 200, 200, 503, 503], "two inside, one in line");
    assert_eq!(statuses(&app, "/limited", 3).await, [200, 200, 200], "and all permits came back");
    assert_eq!(statuses(&app, "/timeout", 2).await, [408, 408]);
    assert_eq!(statuses(&app, "/adaptive", 2).await, [408, 408], "the outer of two strategies");
    assert_eq!(statuses(&app, "/rate", 3).await, [200, 200, 503]);
    let mut broken = Vec::new();
    for _ in 0..5 {
        broken.extend(statuses(&app, "/breaker", 1).await);
    }
    assert_eq!(broken, [500, 500, 500, 503, 503], "after three in a row the breaker answers");
}

/// Serves `app` on the other end of a pipe, per connection.
fn connect(
    app: Router,
) -> impl Fn() -> std::future::Ready<std::io::Result<TokioIo<tokio::io::DuplexStream>>> + Clone {
    move || {
        let (here, there) = tokio::io::duplex(4096);
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(there), service),
        );
        std::future::ready(Ok(TokioIo::new(here)))
    }
}

/// A route whose first request ends as `first` does, and all others well; `asked` counts them.
fn once<F>(asked: &Arc<AtomicU32>, first: impl Fn() -> F + Clone + Send + Sync + 'static) -> MethodRouter
where
    F: Future<Output = Result<&'static str, StatusCode>> + Send,
{
    let (asked, own) = (asked.clone(), Arc::new(AtomicU32::new(0)));
    get(move || async move {
        asked.fetch_add(1, SeqCst);
        if own.fetch_add(1, SeqCst) == 0 { first().await } else { Ok("well") }
    })
}

#[tokio::test(start_paused = true)]
async fn a_client_stack_retries_hedges_and_coalesces() {
    let asked = Arc::new(AtomicU32::new(0));
    let slow_once = once(&asked, || async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok("slow")
    });
    let fails_once = once(&asked, || async { Err(StatusCode::BAD_GATEWAY) });
    let hang = get(|| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "too late"
    });
    let sees =
        get(|headers: HeaderMap| async move { headers["grpc-timeout"].to_str().expect("text").to_owned() });
    let app = Router::new().route("/slow-once", slow_once).route("/fails-once", fails_once);
    let app = app.route("/hang", hang).route("/sees", sees);
    let world = World::new();
    let client = client::client(world, connect(app));
    let ask = |path: &str| tokio::spawn(client.clone().oneshot(Ask { path: path.to_owned(), until: None }));

    // Two callers are one flight; a call that is late is hedged; one that failed is retried, for the hedges have no budget left.
    for (path, requests) in [("/slow-once", 2), ("/fails-once", 4)] {
        for answer in [ask(path), ask(path)] {
            let (status, body) = answer.await.expect("no panic").expect("an answer");
            assert_eq!((status, &body[..]), (200, &b"well"[..]), "{path}");
        }
        assert_eq!(asked.load(SeqCst), requests, "{path}");
    }
    let (_, left) = ask("/sees").await.expect("no panic").expect("an answer");
    assert_eq!(&left[..], b"2000000u", "the whole deadline, as gRPC writes it");
    let late = ask("/hang").await.expect("no panic");
    assert_eq!(late, Err(Failure::TimedOut { after: Duration::from_secs(2) }));
}
