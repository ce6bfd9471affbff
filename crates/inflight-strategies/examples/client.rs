//! Strategies around an HTTP client: a deadline that is sent along, coalescing, retries with a budget, hedging, a breaker, a limit.
//! `cargo run -p inflight-strategies --example client --features tower,tokio -- 127.0.0.1:8080 /health`

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes, rt::Read, rt::Write};
use inflight_strategies::{
    attempt::Attempt,
    breaker::{self, BreakerLayer},
    coalesce::{CoalesceLayer, Key},
    deadline::{DeadlineLayer, WithDeadline, format_timeout},
    hedge::{self, HedgeLayer},
    limit::{Config, LimitLayer, Queue},
    retry::{self, RetryLayer},
    rt::{Clock as _, Instant},
    service::{Deadline, Failure},
    timeout::{self, Late},
    tokio::{Luck, World},
    tower::{Judge, TowerLayer},
};
use std::{future::Future, time::Duration};
use tower::{BoxError, Service, ServiceBuilder};

/// A request: what strategies want to know of it is in it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What is asked for.
    pub(crate) path: String,
    /// Until when the answer is worth something.
    pub(crate) until: Option<Instant>,
}

impl Attempt for Ask {
    fn attempt(&self, _: u32) -> Ask {
        self.clone()
    }
}

impl Deadline for Ask {
    fn deadline(&self) -> Option<Instant> {
        self.until
    }
}

impl WithDeadline for Ask {
    fn with_deadline(self, at: Instant) -> Ask {
        Ask { until: Some(at), ..self }
    }
}

/// Requests for the same path are equal.
#[derive(Clone, Copy, Debug)]
struct ByPath;

impl Key<Ask> for ByPath {
    type Key = String;
    fn key(&self, ask: &Ask) -> Option<String> {
        Some(ask.path.clone())
    }
}

/// Status and body.
pub(crate) type Answer = (u16, Bytes);

/// A status of 500 or more is no answer; what failed is told as text, so that all who wait for it can be told.
#[derive(Clone, Copy, Debug)]
struct Strict;

impl Judge<Answer, BoxError> for Strict {
    type Fault = String;

    fn error(&self, error: BoxError) -> Failure<String> {
        Failure::Failed(error.to_string())
    }

    fn answer(&self, (status, body): Answer) -> Result<Answer, Failure<String>> {
        if status >= 500 { Err(Failure::Failed(format!("status {status}"))) } else { Ok((status, body)) }
    }
}

/// One request over one connection.
async fn exchange<Io>(io: Io, ask: Ask, world: World) -> Result<Answer, BoxError>
where
    Io: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    let driven = tokio::spawn(connection);
    let mut request = Request::get(&ask.path).header("host", "example");
    if let Some(until) = ask.until {
        request = request.header("grpc-timeout", format_timeout(until - world.now()));
    }
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    driven.abort();
    Ok((status, body))
}

/// A client whose connections `connect` makes.
pub(crate) fn client<Io, F>(
    world: World,
    connect: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> impl Service<Ask, Response = Answer, Error = Failure<String>, Future: Send> + Clone + Send
where
    Io: Read + Write + Unpin + Send + 'static,
    F: Future<Output = std::io::Result<Io>> + Send,
{
    let luck = Luck::new();
    let whole = timeout::Config { after: Duration::from_secs(2), late: Late::Cancel };
    let base = Duration::from_millis(10);
    let again = retry::Config {
        backoff: retry::Backoff::FullJitter(retry::Steps::doubling(base, Duration::from_secs(1))),
        ..retry::Config::default()
    };
    // Hedges for 5 % of the requests, and one now and then when there are few.
    let budget =
        retry::BudgetConfig::Ratio(retry::Ratio { ratio: 0.05, min: 0.1, ttl: Duration::from_secs(10) });
    let hedged =
        hedge::Config { after: hedge::After::Fixed(Duration::from_millis(300)), attempts: 2, budget };
    let strategies = (
        DeadlineLayer::new(whole, world, ()),
        CoalesceLayer::new(world, ByPath, ()),
        RetryLayer::new(again, world, luck, ()),
        HedgeLayer::new(hedged, world, ()),
        BreakerLayer::new(breaker::Config::default(), world, ()),
        LimitLayer::new(Config::fixed(20, Queue::Bounded(100)), world, ()),
    );
    ServiceBuilder::new().layer(TowerLayer::new(strategies).judging(Strict)).service_fn(move |ask: Ask| {
        let connect = connect.clone();
        async move { exchange(connect().await?, ask, world).await }
    })
}

#[allow(
    dead_code,
    clippy::print_stdout,
    reason = "it is a module of the tests, too; an example talks to its terminal"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    use hyper_util::rt::TokioIo;
    use tower::ServiceExt as _;
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: client ADDRESS:PORT PATH".into());
    };
    let connect = move || {
        let address = address.clone();
        async move { tokio::net::TcpStream::connect(address).await.map(TokioIo::new) }
    };
    let (status, body) = client(World::new(), connect).oneshot(Ask { path, until: None }).await?;
    println!("{status} {}", String::from_utf8_lossy(&body));
    Ok(())
}
