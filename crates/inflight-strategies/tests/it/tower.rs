//! Every strategy behind tower's contract: readiness is the inner service's, reservations go with the call or back, and what stands
//! around (Buffer, LoadShed, a balancer, clones, callers who leave, panics) takes nothing away.

use inflight_strategies::{
    admission::{breakwater, dagor, rate, throttle},
    attempt::Attempt,
    breaker, coalesce,
    deadline::{DeadlineLayer, WithDeadline},
    hedge::{
        self,
        tied::{Begin, Tied, TiedCalls, Twin},
    },
    limit::{Config, LimitLayer, Permits, Queue, adaptive},
    observe::Observe,
    retry,
    rt::{Clock as _, Instant},
    service::{Deadline, Failure, Layer, Reason},
    timeout::{self, Late, TimeoutLayer},
    tokio::{Luck, World},
    tower::{Called, Fails, Failures, Front, Judge, TowerLayer, TowerService},
    units::Rate,
};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, limit::ConcurrencyLimit};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How the inner service is used, over all of its clones.
#[derive(Debug, Default)]
struct Use {
    /// Services that were readied and are neither called nor dropped.
    reserved: AtomicUsize,
    calls: AtomicUsize,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    /// Whether `poll_ready` says that it is not.
    closed: AtomicUsize,
}

/// Counts as long as it lives.
#[derive(Debug)]
struct Token(Arc<Use>, fn(&Use) -> &AtomicUsize);

impl Token {
    fn new(used: &Arc<Use>, field: fn(&Use) -> &AtomicUsize) -> Token {
        field(used).fetch_add(1, SeqCst);
        Token(used.clone(), field)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, SeqCst);
    }
}

/// A tower service that reserves something in `poll_ready` and insists on being readied.
#[derive(Debug, Default)]
struct Probe {
    used: Arc<Use>,
    reserved: Option<Token>,
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Probe { used: self.used.clone(), reserved: None }
    }
}

/// What a request does inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Answers,
    Fails,
    Panics,
}

#[derive(Clone, Debug)]
struct Request {
    does: Does,
    /// How long, in milliseconds.
    work: u64,
    attempt: u32,
    deadline: Option<Instant>,
    twin: Option<Twin>,
}

fn request(does: Does, work: u64) -> Request {
    Request { does, work, attempt: 0, deadline: None, twin: None }
}

impl Attempt for Request {
    fn attempt(&self, n: u32) -> Request {
        Request { attempt: n, ..self.clone() }
    }
}

impl Deadline for Request {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl WithDeadline for Request {
    fn with_deadline(self, at: Instant) -> Request {
        Request { deadline: Some(at), ..self }
    }
}

impl Tied for Request {
    fn tied(&self, twin: Twin) -> Request {
        Request { twin: Some(twin), ..self.clone() }
    }

    fn twin(&self) -> Option<&Twin> {
        self.twin.as_ref()
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<u32, &'static str>> + Send>>;

impl Service<Request> for Probe {
    type Response = u32;
    type Error = &'static str;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if self.used.closed.load(SeqCst) > 0 {
            // It looks again; none of these tests waits for it long.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.reserved.get_or_insert_with(|| Token::new(&self.used, |used| &used.reserved));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answer {
        drop(self.reserved.take().expect("it is called when it is ready"));
        self.used.calls.fetch_add(1, SeqCst);
        let inside = Token::new(&self.used, |used| &used.inside);
        self.used.most_inside.fetch_max(self.used.inside.load(SeqCst), SeqCst);
        Box::pin(async move {
            tokio::time::sleep(ms(request.work)).await;
            drop(inside);
            match request.does {
                Does::Answers => Ok(request.attempt),
                Does::Fails => Err("broken"),
                // Without the panic hook's noise.
                Does::Panics => std::panic::resume_unwind(Box::new("on purpose")),
            }
        })
    }
}

/// A probe behind `layer`, and how it is used.
fn behind<L>(layer: L) -> (TowerService<Probe, L>, Arc<Use>) {
    let probe = Probe::default();
    let used = probe.used.clone();
    (TowerLayer::new(layer).layer(probe), used)
}

fn limit(permits: u32, queue: u32) -> LimitLayer<World> {
    LimitLayer::new(Config::fixed(permits, Queue::Bounded(queue)), World::new(), ())
}

fn count(used: &Use, field: fn(&Use) -> &AtomicUsize) -> usize {
    field(used).load(SeqCst)
}

fn is_ready<S: Service<Request>>(service: &mut S) -> bool {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_services_and_no_strategys() {
    let (mut service, used) = behind(limit(1, 0));
    let taken = service.ready().await.expect("ready").call(request(Does::Answers, 10));
    let busy = tokio::spawn(taken);
    tokio::task::yield_now().await;
    assert!(is_ready(&mut service), "a limit that is full makes nobody wait for readiness");
    let refused = service.call(request(Does::Answers, 1)).await;
    assert!(matches!(refused, Err(Failure::Rejected(r)) if r.why == Reason::LimitReached));
    assert_eq!(count(&used, |used| &used.reserved), 0, "whoever is refused gives the reservation back");
    used.closed.store(1, SeqCst);
    assert!(!is_ready(&mut service), "an inner service that is not ready does");
    assert_eq!(busy.await.expect("no panic"), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn load_shed_sheds_for_the_inner_service_only() {
    let (service, used) = behind(limit(1, 100));
    let mut shed = ServiceBuilder::new().load_shed().service(service);
    let calls: Vec<_> = (0..20)
        .map(|_| request(Does::Answers, 5))
        .map(|call| {
            assert!(is_ready(&mut shed));
            tokio::spawn(shed.call(call))
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic").expect("nobody is shed: they wait in line"), 0);
    }
    used.closed.store(1, SeqCst);
    assert!(is_ready(&mut shed));
    assert!(
        shed.call(request(Does::Answers, 5))
            .await
            .is_err_and(|e| e.is::<tower::load_shed::error::Overloaded>())
    );
    assert_eq!((count(&used, |used| &used.calls), count(&used, |used| &used.most_inside)), (20, 1));
}

#[tokio::test(start_paused = true)]
async fn a_buffer_around_a_limit_serves_everybody_and_never_more_at_once() {
    let (service, used) = behind(limit(3, 1000));
    let buffered = ServiceBuilder::new().buffer(4).service(service);
    let calls: Vec<_> =
        (0..200).map(|i| tokio::spawn(buffered.clone().oneshot(request(Does::Answers, i % 7)))).collect();
    for call in calls {
        call.await.expect("no panic").expect("an answer");
    }
    assert_eq!((count(&used, |used| &used.calls), count(&used, |used| &used.most_inside)), (200, 3));
    assert_eq!(count(&used, |used| &used.inside) + count(&used, |used| &used.reserved), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clone_has_its_own_readiness_and_shares_the_permits() {
    let permits = Arc::new(tokio::sync::Semaphore::new(1));
    let inner = ConcurrencyLimit::with_semaphore(Probe::default(), permits.clone());
    let mut service = TowerLayer::new(limit(5, 5)).layer(inner);
    assert!(is_ready(&mut service));
    let mut clone = service.clone();
    assert!(!is_ready(&mut clone), "the first one has reserved tower's only permit");
    let answer = service.call(request(Does::Answers, 5));
    assert!(!is_ready(&mut clone), "it went along with the call");
    drop(answer);
    assert_eq!(clone.ready().await.expect("ready").call(request(Does::Answers, 5)).await, Ok(0));
    drop((service, clone));
    assert_eq!(permits.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_balancer_sees_which_inner_service_is_ready() {
    let ((one, used_one), (two, used_two)) = (behind(limit(5, 5)), behind(limit(5, 5)));
    used_one.closed.store(1, SeqCst);
    let loads = [one, two].map(|s| tower::load::Constant::new(s, 1u32));
    let mut balance = tower::balance::p2c::Balance::new(tower::discover::ServiceList::new(loads));
    for _ in 0..10 {
        let answer = balance.ready().await.expect("one is ready").call(request(Does::Answers, 1)).await;
        assert_eq!(answer.expect("an answer"), 0);
    }
    assert_eq!([used_one, used_two].map(|used| count(&used, |used| &used.calls)), [0, 10]);
}

#[tokio::test(start_paused = true)]
async fn callers_who_leave_and_calls_that_panic_leave_nothing_behind() {
    let (permits, layer) = (Arc::new(tokio::sync::Semaphore::new(6)), limit(3, 8));
    let watched = layer.layer(Called::new(Probe::default(), Fails));
    let probe = Probe::default();
    let used = probe.used.clone();
    let service = TowerLayer::new(layer).layer(ConcurrencyLimit::with_semaphore(probe, permits.clone()));
    let does = [Does::Answers, Does::Fails, Does::Panics];
    let callers: Vec<_> = (0..300)
        .map(|i| {
            let mut service = service.clone();
            tokio::spawn(async move {
                tokio::time::sleep(ms(i * 13 % 400)).await;
                let call = async {
                    service.ready().await?;
                    service.call(request(does[i as usize % 3], i % 11)).await
                };
                tokio::time::timeout(ms(i * 7 % 15), call).await.is_ok()
            })
        })
        .collect();
    let (mut left, mut panicked) = (0, 0);
    for caller in callers {
        match caller.await {
            Ok(stayed) => left += usize::from(!stayed),
            Err(_) => panicked += 1,
        }
    }
    assert!(left > 20 && panicked > 20, "{left} left, {panicked} panicked");
    assert_eq!(permits.available_permits(), 6);
    assert_eq!((watched.semaphore().in_flight(), watched.semaphore().waiting()), (0, 0));
    assert_eq!(count(&used, |used| &used.inside) + count(&used, |used| &used.reserved), 0);
    assert!(count(&used, |used| &used.most_inside) <= 3);
    assert_eq!(service.oneshot(request(Does::Answers, 1)).await, Ok(0), "and it still serves");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_made_on_a_service_that_was_readied() {
    let backoff = retry::Backoff::Fixed(ms(1));
    let config =
        retry::Config { attempts: 4, backoff, budget: retry::BudgetConfig::Unlimited, ..Default::default() };
    let (mut service, used) = behind(retry::RetryLayer::new(config, World::new(), Luck::new(), ()));
    let ends = service.ready().await.expect("ready").call(request(Does::Fails, 1)).await;
    assert_eq!(ends, Err(Failure::Failed("broken")));
    assert_eq!((count(&used, |used| &used.calls), count(&used, |used| &used.reserved)), (4, 0));

    let config = hedge::Config {
        after: hedge::After::Fixed(ms(3)),
        attempts: 3,
        budget: retry::BudgetConfig::Unlimited,
    };
    let (mut service, used) = behind(hedge::HedgeLayer::new(config, World::new(), ()));
    assert_eq!(service.ready().await.expect("ready").call(request(Does::Answers, 10)).await, Ok(0));
    assert_eq!(
        (count(&used, |used| &used.calls), count(&used, |used| &used.inside)),
        (3, 0),
        "losers are cancelled"
    );
}

#[tokio::test(start_paused = true)]
async fn work_that_is_detached_keeps_what_was_reserved_for_it() {
    let permits = Arc::new(tokio::sync::Semaphore::new(1));
    let config = timeout::Config { after: ms(5), late: Late::Detach };
    let mut service = TowerLayer::new(TimeoutLayer::new(config, World::new(), ()))
        .layer(ConcurrencyLimit::with_semaphore(Probe::default(), permits.clone()));
    let late = service.ready().await.expect("ready").call(request(Does::Answers, 20)).await;
    assert_eq!(late, Err(Failure::TimedOut { after: ms(5) }));
    assert_eq!(permits.available_permits(), 0, "it lives on, with its permit");
    tokio::time::sleep(ms(20)).await;
    assert_eq!(permits.available_permits(), 1);
}

#[derive(Clone, Copy, Debug)]
struct Same;

impl coalesce::Key<Request> for Same {
    type Key = ();
    fn key(&self, _: &Request) -> Option<()> {
        Some(())
    }
}

#[tokio::test(start_paused = true)]
async fn equal_calls_on_different_clones_are_one() {
    let (service, used) = behind(coalesce::CoalesceLayer::new(World::new(), Same, ()));
    let calls = [(); 5].map(|()| tokio::spawn(service.clone().oneshot(request(Does::Answers, 5))));
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Ok(0));
    }
    assert_eq!((count(&used, |used| &used.calls), count(&used, |used| &used.reserved)), (1, 0));
}

impl dagor::Rank<Request> for Same {
    fn level(&self, _: &Request) -> dagor::Level {
        dagor::Level { class: 1, user: 1 }
    }
}

impl breakwater::Client<Request> for Same {
    fn client(&self, _: &Request) -> u32 {
        0
    }
}

/// Answers, failures and refusals pass through `layer`, and everything comes back.
async fn serves<L, N>(name: &str, layer: L)
where
    L: Layer<Called<Probe>, Service = N>,
    N: inflight_strategies::service::Service<Request, Response = u32, Error = Failure<&'static str>>
        + 'static,
    L: Send + Sync + 'static,
{
    let (service, used) = behind(layer);
    let mut buffered = ServiceBuilder::new().buffer(8).service(service);
    for does in [Does::Answers, Does::Fails, Does::Answers] {
        let answer = buffered.ready().await.expect("ready").call(request(does, 1)).await;
        assert_eq!(answer.is_ok(), does == Does::Answers, "{name}: {answer:?}");
    }
    drop(buffered);
    tokio::task::yield_now().await;
    assert_eq!((count(&used, |used| &used.reserved), count(&used, |used| &used.inside)), (0, 0), "{name}");
}

#[tokio::test(start_paused = true)]
async fn every_strategy_is_a_tower_layer() {
    let w = World::new();
    let time = timeout::Config { after: ms(100), late: Late::Cancel };
    let budget = retry::BudgetConfig::Unlimited;
    let again = retry::Config { backoff: retry::Backoff::None, budget, ..Default::default() };
    let hedged = hedge::Config { after: hedge::After::Fixed(ms(50)), attempts: 2, budget };
    let rate = rate::Config { rate: Rate::per_second(1e3).expect("a rate"), burst: 9, max_wait: None };
    serves("limit", limit(2, 2)).await;
    serves("timeout", TimeoutLayer::new(time, w, ())).await;
    serves("deadline", DeadlineLayer::new(time, w, ())).await;
    serves("retry", retry::RetryLayer::new(again, w, Luck::new(), ())).await;
    serves("hedge", hedge::HedgeLayer::new(hedged, w, ())).await;
    serves("breaker", breaker::BreakerLayer::new(breaker::Config::default(), w, ())).await;
    serves("coalesce", coalesce::CoalesceLayer::new(w, Same, ())).await;
    serves("throttle", throttle::ThrottleLayer::new(throttle::Config::SRE, w, Luck::new(), ())).await;
    serves("rate-limit", rate::RateLayer::new(rate, w, ())).await;
    serves("dagor", dagor::DagorLayer::new(dagor::Config::new(2), w, Same, ())).await;
    serves("breakwater", breakwater::BreakwaterLayer::new(breakwater::Config::new(2, 1), w, Same, ())).await;
    serves("tied", Begin::new(w, ())).await;
    serves("observe", Observe::new(w, ())).await;
    serves(
        "six at once",
        (
            DeadlineLayer::new(time, w, ()),
            retry::RetryLayer::new(again, w, Luck::new(), ()),
            hedge::HedgeLayer::new(hedged, w, ()),
            breaker::BreakerLayer::new(breaker::Config::default(), w, ()),
            limit(2, 2),
            TimeoutLayer::new(time, w, ()),
        ),
    )
    .await;
}

/// How 24 calls end that come every 3 ms, fail, panic, or go away.
async fn ends<S>(service: S) -> Vec<String>
where
    S: Service<Request, Response = u32, Error = Failure<&'static str>, Future: Send> + Clone + Send + 'static,
{
    let calls = (0..24).map(|i: u64| {
        let mut service = service.clone();
        let does = [Does::Answers, Does::Answers, Does::Fails, Does::Answers, Does::Panics][i as usize % 5];
        tokio::spawn(async move {
            tokio::time::sleep(ms(i * 3)).await;
            let call = service.ready().await.expect("ready").call(request(does, i * 7 % 23));
            tokio::time::timeout(ms(i * 5 % 31 + 1), call).await
        })
    });
    let mut ends = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        ends.push(format!("{:?}", call.await.map_err(|lost| lost.is_panic())));
    }
    ends
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_box_end_as_those_in_one() {
    let time = |late| TimeoutLayer::new(timeout::Config { after: ms(9), late }, World::new(), ());
    let vegas = || {
        let permits = Permits::Adaptive(adaptive::Config::Vegas(adaptive::vegas::Config::default()));
        LimitLayer::new(Config { permits, ..Config::fixed(1, Queue::Bounded(2)) }, World::new(), ())
    };
    macro_rules! same {
        ($layer:expr, $most:expr) => {
            let probes = [Probe::default(), Probe::default()];
            let used = probes.each_ref().map(|probe| probe.used.clone());
            let [boxed, direct] = probes;
            let found = ends(TowerLayer::new($layer).direct().layer(direct)).await;
            assert_eq!(found, ends(TowerLayer::new($layer).layer(boxed)).await);
            tokio::time::sleep(ms(50)).await;
            for used in used {
                let counts = [count(&used, |used| &used.reserved), count(&used, |used| &used.inside)];
                assert_eq!(counts, [0, 0], "nothing is left");
                assert!(count(&used, |used| &used.most_inside) <= $most);
            }
        };
    }
    same!(limit(2, 0), 2);
    same!(limit(2, 3), 2);
    same!(vegas(), 24);
    same!(time(Late::Cancel), 24);
    same!(time(Late::Detach), 24);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_box_that_is_dropped_takes_no_permit_along() {
    let probe = Probe::default();
    let mut service = TowerLayer::new(limit(1, 0)).direct().layer(probe);
    drop(service.ready().await.expect("ready").call(request(Does::Answers, 5)));
    let held = service.ready().await.expect("ready").call(request(Does::Answers, 5));
    let refused = service.ready().await.expect("ready").call(request(Does::Answers, 5)).await;
    assert!(matches!(refused, Err(Failure::Rejected(r)) if r.why == Reason::LimitReached), "{refused:?}");
    assert_eq!(held.await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn tied_calls_are_a_tower_service() {
    let probes = [Probe::default(), Probe::default()];
    let used = probes.each_ref().map(|probe| probe.used.clone());
    let queue = limit(1, 10);
    let replica = |probe| (limit(1, 10), Begin::new(World::new(), ())).layer(Called::new(probe, Fails));
    let service = Front::new(TiedCalls::new(probes.map(replica).into()));
    let calls = [(); 6].map(|()| tokio::spawn(service.clone().oneshot(request(Does::Answers, 10))));
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Ok(0));
    }
    assert_eq!(used.map(|used| count(&used, |used| &used.calls)), [3, 3], "nothing twice");
    drop(queue);
}

/// An answer above ten is none.
#[derive(Clone, Copy, Debug)]
struct Strict;

impl Judge<u32, Infallible> for Strict {
    type Fault = u32;

    fn error(&self, error: Infallible) -> Failure<u32> {
        match error {}
    }

    fn answer(&self, answer: u32) -> Result<u32, Failure<u32>> {
        if answer > 10 { Err(Failure::Failed(answer)) } else { Ok(answer) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_says_which_answers_are_none_and_a_second_layer_keeps_failures_as_they_are() {
    let breaker = breaker::Config { in_a_row: Some(2), ..Default::default() };
    let mut service = ServiceBuilder::new()
        .layer(TowerLayer::new(limit(1, 0)).judging(Failures))
        .layer(TowerLayer::new(breaker::BreakerLayer::new(breaker, World::new(), ())).judging(Strict))
        .service_fn(|n: u32| async move { Ok::<u32, Infallible>(n) });
    let mut ask = async |n: u32| service.ready().await.expect("ready").call(n).await;
    assert_eq!([ask(1).await, ask(11).await], [Ok(1), Err(Failure::Failed(11))]);
    assert_eq!(ask(12).await, Err(Failure::Failed(12)));
    assert!(matches!(ask(1).await, Err(Failure::Rejected(r)) if r.by == "breaker"), "two in a row");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_becomes_ready_later_is_waited_for_by_further_attempts() {
    let permits = Arc::new(tokio::sync::Semaphore::new(2));
    let inner = ConcurrencyLimit::with_semaphore(Probe::default(), permits.clone());
    let config = hedge::Config {
        after: hedge::After::Fixed(ms(2)),
        attempts: 2,
        budget: retry::BudgetConfig::Unlimited,
    };
    let mut service = TowerLayer::new(hedge::HedgeLayer::new(config, World::new(), ())).layer(inner);
    let elsewhere = permits.clone().acquire_owned().await.expect("open");
    let begun = World::new();
    let call = tokio::spawn(service.ready().await.expect("ready").call(request(Does::Answers, 30)));
    tokio::time::sleep(ms(10)).await;
    assert_eq!(permits.available_permits(), 0, "the hedge waits for a permit");
    drop(elsewhere);
    tokio::task::yield_now().await;
    assert_eq!(permits.available_permits(), 0, "and has it now");
    assert_eq!(call.await.expect("no panic"), Ok(0));
    assert_eq!((begun.now(), permits.available_permits()), (Instant::ZERO + ms(30), 2));
    let _ = poll_fn(|cx| service.poll_ready(cx)).await;
}

#[tokio::test(start_paused = true)]
async fn a_tokio_world_keeps_the_contract_of_worlds() {
    use inflight_strategies::rt::{Executor as _, Task as _};
    let world = World::new();
    world.sleep_until(Instant::ZERO + ms(7)).await;
    assert_eq!(world.now(), Instant::ZERO + ms(7));
    world.sleep_until(Instant::ZERO).await;
    assert_eq!(world.now(), Instant::ZERO + ms(7), "what is past is over at once");
    assert!(tokio::time::timeout(ms(1), world.sleep_until(Instant::NEVER)).await.is_err());
    let (used, kept) = (Arc::new(Use::default()), Arc::new(Use::default()));
    let work = |used: &Arc<Use>| {
        let inside = Token::new(used, |used| &used.inside);
        async move {
            tokio::time::sleep(ms(10)).await;
            drop(inside);
        }
    };
    drop(world.spawn("dropped", work(&used)));
    world.spawn("detached", work(&kept)).detach();
    tokio::task::yield_now().await;
    assert_eq!([used, kept].map(|used| count(&used, |used| &used.inside)), [0, 1]);
    assert!(world.spawn("panics", async { std::panic::resume_unwind(Box::new(())) }).await.is_err());
}
