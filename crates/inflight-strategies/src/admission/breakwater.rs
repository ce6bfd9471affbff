//! Breakwater: the server hands out credits, and who has none does not even send.
//!
//! **What it does.** The server keeps a pool of credits and shares them among its clients. Once per round-trip time it looks at its
//! queueing delay d: below the target the pool grows by a little per client, above it the pool shrinks by a factor that
//! depends on how far above. A call takes one of its client's credits along and brings it back; a client without one
//! refuses the call on the spot. What arrives although the queue is twice too long is dropped at the server's door.
//!
//! **Which failure it answers.** Overload by many clients with little work each: refusals cost the server as much as calls when
//! calls take microseconds, so calls must not be sent in vain.
//!
//! **When it harms.** With one client it is a concurrency limit with a roundabout way to its value. With a service time
//! that varies by itself the delay is noise, and the pool shrinks without overload. It starts slowly: one credit more per
//! 1/(`grow` · clients) round trips.
//!
//! **Knobs.** caladan's numbers are for a service of 10 µs. Written `{ breakwater = { permits = 20, … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `permits` | calls served at once, and the smallest pool | required | – |
//! | `clients` | number, up to 100,000 | `1` | ours |
//! | `target` | duration of waiting | `"80us"` | caladan |
//! | `rtt` | duration between looks | `"10us"` | caladan |
//! | `grow` | credits per client and look | `0.001` | caladan |
//! | `shrink` | per look and relative excess | `0.02` | caladan |
//!
//! **Where it comes from.** Cho et al., "Overload Control for µs-scale RPCs with Breakwater", OSDI 2020; steps and bounds are those of
//! caladan's server (at most 64 credits per client, the pool at most halved). Clients refuse at once instead of keeping a queue of
//! their own, so their demand is what is under way.
//!
//! **Slow services.** Everything is in proportion to the service time. For 0.75 s: `target = "300ms"` (0.4 of the service time, as in the
//! paper), `rtt = "100ms"`, `grow` such that grow · clients / rtt is about one credit per second.

use super::{Admission, AdmissionLayer, Pass, Refusal};
use crate::{
    event::Watch,
    limit::{DEFAULT_QUEUE, MAX_PERMITS, Permit, Semaphore},
    rt::{Clock, Instant},
    service::Reason,
    units::scaled,
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most credits that a client can have (caladan's `CBW_MAX_WINDOW`).
const MAX_WINDOW: u32 = 64;
/// The pool is at most halved at once.
const MOST_SHRINK: f64 = 0.5;
/// Calls are dropped at the door when the delay is so many times the target.
const DROP: u32 = 2;
/// The largest number of clients.
pub const MAX_CLIENTS: u32 = 100_000;

/// Says which client sent a request, from 0.
pub trait Client<Request>: Send + Sync + 'static {
    /// The number of the client.
    fn client(&self, request: &Request) -> u32;
}

/// How the pool moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Calls served at once, and the smallest pool.
    pub permits: u32,
    /// How many clients there are.
    pub clients: u32,
    /// The queueing delay that is wanted.
    pub target: Duration,
    /// How often the pool moves.
    pub rtt: Duration,
    /// Credits per client by which it grows.
    pub grow: f64,
    /// How strongly it shrinks: this times (d − target)/target.
    pub shrink: f64,
}

impl Config {
    /// caladan's numbers for a service of 10 µs.
    pub fn new(permits: u32, clients: u32) -> Config {
        let (target, rtt) = (Duration::from_micros(80), Duration::from_micros(10));
        Config { permits, clients, target, rtt, grow: 0.001, shrink: 0.02 }
    }

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.permits == 0 || self.permits > MAX_PERMITS {
            return Err("`permits` must be between 1 and 1000000");
        }
        if self.clients == 0 || self.clients > MAX_CLIENTS {
            return Err("`clients` must be between 1 and 100000");
        }
        let is_time = |time: Duration| !time.is_zero() && time <= Duration::from_secs(60);
        if !is_time(self.target) || !is_time(self.rtt) {
            return Err("`target` and `rtt` must be above zero and at most 60s");
        }
        let is_gain = |gain: f64| gain > 0.0 && gain <= 100.0;
        if !is_gain(self.grow) || !is_gain(self.shrink) {
            return Err("`grow` and `shrink` must be above 0 and at most 100");
        }
        Ok(())
    }

    /// The same control with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        Config { target: scaled(self.target, factor), rtt: scaled(self.rtt, factor), ..*self }
    }
}

/// The deciding half: the pool, and every client's share of it.
#[derive(Clone, Debug)]
pub struct Credits {
    config: Config,
    pool: u32,
    /// What was earned and is not yet a whole credit.
    fraction: f64,
    issued: u32,
    clients: Vec<Account>,
    looked: Instant,
}

/// One client's credits.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// All of them.
    window: u32,
    /// Those that are with a call.
    pending: u32,
}

impl Credits {
    /// A pool of `permits` credits, none of which is issued.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config) -> Credits {
        config.validate().expect("a valid Breakwater");
        let clients = vec![Account::default(); config.clients as usize];
        Credits { config, pool: config.permits, fraction: 0.0, issued: 0, clients, looked: Instant::ZERO }
    }

    /// The pool moves, if it is time: the queueing delay is `delay` now. Round trips that nobody looked at are made up for
    /// if there is no queue; a queue counts once.
    pub fn look(&mut self, now: Instant, delay: Duration) {
        let trips = (now - self.looked).as_nanos() / self.config.rtt.as_nanos();
        if trips == 0 {
            return;
        }
        self.looked = now;
        if delay < self.config.target {
            self.fraction += f64::from(self.config.clients) * self.config.grow * trips as f64;
            let whole = self.fraction.floor().min(f64::from(u32::MAX / 2));
            self.fraction = (self.fraction - whole).min(1.0);
            self.pool = self.pool.saturating_add(whole as u32);
        } else {
            // In single precision, and what was earned is lost, as in the reference.
            let micros = |time: Duration| (time.as_nanos() as f64 / 1e3) as f32;
            let excess = micros(delay - self.config.target) / micros(self.config.target);
            let excess = (f64::from(excess) * self.config.shrink) as f32;
            let factor = (1.0 - f64::from(excess)).max(MOST_SHRINK) as f32;
            self.pool = (self.pool as f32 * factor) as u32;
            self.fraction = 0.0;
        }
        let most = self.config.clients.saturating_mul(MAX_WINDOW).max(self.config.permits);
        self.pool = self.pool.clamp(self.config.permits, most);
    }

    /// A call of `client` takes a credit along, if it has one.
    pub fn take(&mut self, client: u32) -> bool {
        let client = (client % self.config.clients) as usize;
        self.share_out(client, 1);
        let account = &mut self.clients[client];
        let has_one = account.pending < account.window;
        account.pending += u32::from(has_one);
        has_one
    }

    /// A call came back with its credit.
    pub fn give_back(&mut self, client: u32) {
        let client = (client % self.config.clients) as usize;
        self.clients[client].pending -= 1;
        self.share_out(client, 0);
    }

    /// Credits that exist, and those that clients hold.
    pub fn pool(&self) -> (u32, u32) {
        (self.pool, self.issued)
    }

    /// Decides a client's window anew; `demand` calls of it wait for a credit.
    fn share_out(&mut self, client: usize, demand: u32) {
        let Account { window, pending } = self.clients[client];
        let open = self.pool.saturating_sub(self.issued);
        let spare = (open / self.config.clients).max(1);
        let wanted = pending + demand + spare;
        let new = if self.issued < self.pool {
            wanted.min(window + open)
        } else if self.issued > self.pool {
            window.saturating_sub(1)
        } else {
            window
        };
        // Few clients, or one that is about to lose its last credit, keep a share.
        let keeps = self.config.clients <= self.config.permits || (window > 0 && new == 0);
        let new = if keeps { new.max(spare) } else { new };
        let new = new.max(pending).min(MAX_WINDOW - 1).min(wanted);
        self.clients[client].window = new;
        self.issued = self.issued - window + new;
    }
}

/// Puts Breakwater around a service. All services made by one layer share its credits.
pub type BreakwaterLayer<C, N, O = ()> = AdmissionLayer<ByCredit<N>, C, O>;

impl<C, N, O> BreakwaterLayer<C, N, O> {
    /// Credits for the clients that `client` tells apart.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, client: N, observer: O) -> Self {
        let server = Mutex::new(Server { credits: Credits::new(config), delay: Duration::ZERO });
        let permits = Semaphore::new(config.permits, Some(DEFAULT_QUEUE));
        AdmissionLayer::of(ByCredit { server, permits, config, client }, clock, observer)
    }
}

/// Calls that need a credit.
#[derive(Debug)]
pub struct ByCredit<N> {
    server: Mutex<Server>,
    permits: Semaphore,
    config: Config,
    client: N,
}

/// The credits, and what the server last knew of its queue.
#[derive(Debug)]
struct Server {
    credits: Credits,
    delay: Duration,
}

impl<N> ByCredit<N> {
    /// Nothing but arithmetic happens under this lock.
    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Request, N: Client<Request>> Admission<Request> for ByCredit<N> {
    type Pass<'a> = Credit<'a, N>;

    fn name(&self) -> &'static str {
        "breakwater"
    }

    /// A call needs a credit of its client, and a queue that is not far too long.
    fn enter<'a>(
        &'a self,
        now: Instant,
        request: &Request,
        _: &mut impl Watch,
    ) -> Result<Credit<'a, N>, Refusal> {
        let client = self.client.client(request);
        let mut server = self.server();
        if self.permits.waiting() == 0 {
            server.delay = Duration::ZERO;
        }
        let delay = server.delay;
        server.credits.look(now, delay);
        if !server.credits.take(client) {
            return Err(Reason::LimitReached.into());
        }
        drop(server);
        let credit = Credit { permit: None, layer: self, client, came: now };
        if delay >= self.config.target * DROP { Err(Reason::Throttled.into()) } else { Ok(credit) }
    }
}

/// A credit on its way with a call; goes back when dropped.
#[derive(Debug)]
pub struct Credit<'a, N> {
    permit: Option<Permit<'a>>,
    layer: &'a ByCredit<N>,
    client: u32,
    came: Instant,
}

impl<N: Send + Sync> Pass for Credit<'_, N> {
    const WAITS: bool = true;

    async fn turn(&mut self, clock: &impl Clock) -> Result<(), Reason> {
        self.permit = Some(self.layer.permits.acquire().await?);
        self.layer.server().delay = clock.now() - self.came;
        Ok(())
    }
}

impl<N> Drop for Credit<'_, N> {
    fn drop(&mut self) {
        // The permit first: who then looks at the credits finds no queue that is none.
        self.permit = None;
        self.layer.server().credits.give_back(self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: u64) -> Instant {
        Instant::from_nanos(us * 1_000)
    }

    fn micros(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn caladan_pool_grows_by_a_thousandth_of_the_clients() {
        // 100 clients: a tenth of a credit per round trip of 10 µs.
        let mut credits = Credits::new(Config::new(4, 100));
        (1..=9).for_each(|i| credits.look(us(i * 10), micros(0)));
        assert_eq!(credits.pool, 4);
        (10..=21).for_each(|i| credits.look(us(i * 10), micros(79)));
        assert_eq!(credits.pool, 6, "what is not yet whole is kept");
        credits.look(us(215), micros(0));
        assert_eq!(credits.pool, 6, "half a round trip later it is not time");
    }

    #[test]
    fn caladan_pool_shrinks_with_the_excess_and_at_most_by_half() {
        let mut credits = Credits::new(Config::new(4, 100));
        credits.pool = 1_000;
        credits.look(us(10), micros(80));
        assert_eq!(credits.pool, 1_000, "at the target the factor is 1");
        credits.look(us(20), micros(160));
        assert_eq!(credits.pool, 980, "1 − 0.02 · (160 − 80)/80");
        credits.look(us(30), micros(480));
        assert_eq!(credits.pool, 882, "1 − 0.02 · 5");
        credits.look(us(40), micros(80_000));
        assert_eq!(credits.pool, 441);
        (5..40).for_each(|i| credits.look(us(i * 10), micros(80_000)));
        assert_eq!(credits.pool, 4, "never below the permits");
        credits.look(us(1_000_000_000), micros(0));
        assert_eq!(credits.pool, 6_400, "never above 64 per client");
    }

    #[test]
    fn caladan_windows_share_what_is_open() {
        // Two clients, ten credits: the first call of a client gets pending + demand + max(open/clients, 1), if there is as much.
        let mut credits = Credits::new(Config::new(10, 2));
        assert!(credits.take(0));
        assert_eq!(credits.clients[0].window, 6, "1 + 10/2");
        assert!(credits.take(1));
        assert_eq!(credits.clients[1].window, 3, "1 + 4/2");
        assert_eq!(credits.pool(), (10, 9));
        // One is open: the first client may have it besides those that it has.
        let taken = (0..20).filter(|_| credits.take(0)).count();
        assert!((4..=6).contains(&taken), "{taken}");
        assert!(credits.issued <= 10);
    }

    #[test]
    fn windows_follow_a_pool_that_shrinks_and_keep_what_is_pending() {
        let mut credits = Credits::new(Config::new(10, 1));
        let taken = (0..20).filter(|_| credits.take(0)).count();
        assert_eq!(taken, 10);
        credits.config.permits = 2;
        credits.look(us(10), micros(1_000_000));
        assert_eq!(credits.pool(), (5, 10));
        (0..6).for_each(|_| credits.give_back(0));
        assert_eq!(credits.clients[0].pending, 4);
        assert_eq!(credits.issued, 5, "one credit fewer with every answer, down to the pool");
        (0..4).for_each(|_| credits.give_back(0));
        assert_eq!(credits.clients[0].pending, 0);
    }

    /// 200,000 round trips, in each of which one client takes a credit or gives one back: FNV-1a over pool, credits issued,
    /// window and pending calls, as 32 bits, little-endian; dice are Knuth's generator from 42.
    fn trajectory(clients: u32, permits: u32) -> u64 {
        let mut credits = Credits::new(Config::new(permits, clients));
        let (mut knuth, mut fnv) = (42_u64, 0xcbf2_9ce4_8422_2325_u64);
        let mut below = |n: u64| {
            knuth = knuth.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (knuth >> 33) % n
        };
        for trip in 1..=200_000 {
            let delay = if below(100) == 0 { below(10_000) } else { below(100) };
            credits.look(Instant::from_nanos(trip * 10_000), Duration::from_micros(delay));
            let client = below(u64::from(clients)) as u32;
            if below(2) == 0 {
                credits.take(client);
            } else if credits.clients[client as usize].pending > 0 {
                credits.give_back(client);
            }
            let Account { window, pending } = credits.clients[client as usize];
            for byte in [credits.pool, credits.issued, window, pending].map(u32::to_le_bytes).concat() {
                fnv = (fnv ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        fnv
    }

    #[test]
    fn caladan_breakwater_trajectory() {
        // From caladan's own bw_server.c at bdb4ddeb: the body of srpc_cc_worker up to the drained list, which is not kept here, and
        // srpc_update_window, called when a client asks (demand 1) and when an answer goes out (demand 0).
        assert_eq!(trajectory(1000, 20), 0x71c4_b343_f6bf_8c7b);
        assert_eq!(trajectory(10, 4), 0x79cb_1277_29b2_a804);
        assert_eq!(trajectory(3, 8), 0xed71_9910_fbb6_ac01);
    }
}
