//! Strategies inside an axum app: a limit that sheds, a timeout, a rate limit, throttled admission, a breaker. Run it with
//! `cargo run -p inflight-strategies --example axum --features tower,tokio`.

use axum::{
    Router,
    error_handling::HandleErrorLayer,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use inflight_strategies::{
    admission::rate::{self, RateLayer},
    breaker::{self, BreakerLayer},
    limit::{Config, LimitLayer, Permits, Queue, adaptive},
    service::Failure,
    timeout::{self, Late, TimeoutLayer},
    tokio::World,
    tower::{Judge, TowerLayer},
    units::Rate,
};
use std::{convert::Infallible, time::Duration};
use tower::ServiceBuilder;

/// What a caller is told who gets no answer.
fn refusal<E>(failure: &Failure<E>) -> Response {
    let status = match failure {
        Failure::Rejected(_) => StatusCode::SERVICE_UNAVAILABLE,
        Failure::TimedOut { .. } => StatusCode::REQUEST_TIMEOUT,
        Failure::Failed(_) | Failure::Lost => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = status.into_response();
    if let Some(wait) = failure.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil() as u64));
    }
    response
}

/// An app's errors are responses: those of 500 and above are failures to the breaker.
#[derive(Clone, Copy)]
struct ServerErrors;

impl Judge<Response, Infallible> for ServerErrors {
    type Fault = Response;

    fn error(&self, error: Infallible) -> Failure<Response> {
        match error {}
    }

    fn answer(&self, answer: Response) -> Result<Response, Failure<Response>> {
        if answer.status().is_server_error() { Err(Failure::Failed(answer)) } else { Ok(answer) }
    }
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(100)).await;
    "done"
}

async fn broken() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// The app; `world` is whose time it lives in.
pub(crate) fn app(world: World) -> Router {
    let refused = || HandleErrorLayer::new(async |failure: Failure<Infallible>| refusal(&failure));
    let answered = || {
        HandleErrorLayer::new(async |failure| match failure {
            Failure::Failed(response) => response,
            other => refusal(&other),
        })
    };
    let limit = LimitLayer::new(Config::fixed(2, Queue::Bounded(1)), world, ());
    let vegas = Permits::Adaptive(adaptive::Config::Vegas(adaptive::vegas::Config::default()));
    let vegas = LimitLayer::new(Config { permits: vegas, ..Config::fixed(1, Queue::Bounded(0)) }, world, ());
    let after = Duration::from_millis(50);
    let timeout = TimeoutLayer::new(timeout::Config { after, late: Late::Cancel }, world, ());
    let rate = Rate::per_second(1.0).expect("a rate");
    let rate = RateLayer::new(rate::Config { rate, burst: 2, max_wait: None }, world, ());
    let config = breaker::Config { in_a_row: Some(3), ..Default::default() };
    let breaker = BreakerLayer::new(config, world, ());
    Router::new()
        .route(
            "/limited",
            get(slow).layer(ServiceBuilder::new().layer(refused()).layer(TowerLayer::new(limit))),
        )
        // Several strategies are a tuple, the outermost first.
        .route(
            "/adaptive",
            get(slow).layer(
                ServiceBuilder::new().layer(refused()).layer(TowerLayer::new((timeout.clone(), vegas))),
            ),
        )
        .route(
            "/timeout",
            get(slow).layer(ServiceBuilder::new().layer(refused()).layer(TowerLayer::new(timeout))),
        )
        .route("/rate", get(slow).layer(ServiceBuilder::new().layer(refused()).layer(TowerLayer::new(rate))))
        .route(
            "/breaker",
            get(broken).layer(
                ServiceBuilder::new().layer(answered()).layer(TowerLayer::new(breaker).judging(ServerErrors)),
            ),
        )
}

#[allow(
    dead_code,
    clippy::print_stdout,
    reason = "it is a module of the tests, too; an example talks to its terminal"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "http://{}/limited, /adaptive, /timeout, /rate, /breaker; Ctrl-C ends it",
        listener.local_addr()?
    );
    axum::serve(listener, app(World::new())).await
}
