//! DAGOR: under overload only the more important calls get in.
//!
//! **What it does.** Every call has a level: a business class, and a user within it; level 1 is the most important. The server
//! counts calls per level and watches how long admitted calls wait for one of its `permits`. When the mean wait of a window is above the
//! threshold, it moves its cursor down until 5 % fewer of the window's calls would have got in; otherwise up until 1 % of all
//! more would. Calls at or above the cursor get in, the others are refused at once. A window in which
//! nobody calls opens it wholly.
//!
//! **Which failure it answers.** Overload of a service that is needed several times per task: refusing calls at random with
//! probability p lets (1 − p)ⁿ of the tasks through, refusing by user lets whole tasks through.
//!
//! **When it harms.** With few levels: a cursor cannot stop inside one, and the load swings. With few calls per window: 5 %
//! of ten calls is one. Users at the bottom get nothing for as long as the overload lasts.
//!
//! **Knobs.** The paper's text was not at hand: its numbers are those that others report. Written `{ dagor = { permits = 20, … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `permits` | calls at once | required | – |
//! | `threshold` | duration: a longer mean wait is overload | `"20ms"` | reported of the paper |
//! | `window` | duration | `"1s"` | reported of the paper |
//! | `calls` | calls that end a window earlier | `2000` | reported of the paper |
//! | `classes` | number | `1` | ours |
//! | `users` | levels per class | `128` | reported of the paper |
//! | `down` | share of those that got in | `"5%"` | reported of the paper |
//! | `up` | share of all | `"1%"` | reported of the paper |
//!
//! **Where it comes from.** Zhou et al., "Overload Control for Scaling WeChat Microservices", SoCC 2018. The cursor moves from
//! where it stands. (A public port in Go begins at an end of the scale each time, which is the same only for a server that
//! admitted everything.) The paper's clients also drop early what the server would refuse; here there is nobody between.
//!
//! **Slow services.** At 20/s a window of 1 s holds 20 calls, and 20 ms of waiting is nothing for a service that takes 0.75 s: a
//! window of 10 s, a threshold of 200 ms, and `users = 32`.

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

/// The largest number of levels, over all classes.
pub const MAX_LEVELS: u32 = 1 << 20;

/// How important a call is: class first, user second; 1 is the most important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level {
    /// The business class, from 1.
    pub class: u32,
    /// The user's level within it, from 1.
    pub user: u32,
}

/// Says how important requests are.
pub trait Rank<Request>: Send + Sync + 'static {
    /// The level of `request`.
    fn level(&self, request: &Request) -> Level;
}

/// When a server is overloaded, and how fast it reacts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Calls inside at once.
    pub permits: u32,
    /// A mean wait above this is overload.
    pub threshold: Duration,
    /// How long a window is,
    pub window: Duration,
    /// or how many calls arrive in it.
    pub calls: u32,
    /// Business classes.
    pub classes: u32,
    /// Levels of users in each.
    pub users: u32,
    /// Under overload so many fewer get in, as a share of those that did.
    pub down: f64,
    /// Otherwise so many more, as a share of all that came.
    pub up: f64,
}

impl Config {
    /// The paper's numbers around so many permits.
    pub fn new(permits: u32) -> Config {
        Config {
            permits,
            threshold: Duration::from_millis(20),
            window: Duration::from_secs(1),
            calls: 2_000,
            classes: 1,
            users: 128,
            down: 0.05,
            up: 0.01,
        }
    }

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.permits == 0 || self.permits > MAX_PERMITS {
            return Err("`permits` must be between 1 and 1000000");
        }
        let levels = self.classes.checked_mul(self.users);
        if !levels.is_some_and(|n| (1..=MAX_LEVELS).contains(&n)) || self.calls == 0 {
            return Err("`classes` times `users` must be between 1 and 1048576, and `calls` above 0");
        }
        if self.window < Duration::from_micros(1) || self.window > super::throttle::MAX_WINDOW {
            return Err("`window` must be between 1us and 1h");
        }
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        if !is_share(self.down) || !is_share(self.up) {
            return Err("`down` and `up` must be above 0% and at most 100%");
        }
        Ok(())
    }

    /// The same control with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        Config { threshold: scaled(self.threshold, factor), window: scaled(self.window, factor), ..*self }
    }
}

/// The deciding half.
#[derive(Clone, Debug)]
pub struct Dagor {
    config: Config,
    /// Calls of this window per level, the most important first.
    arrived: Vec<u32>,
    calls: u64,
    admitted: u64,
    /// The least important level that gets in, as an index into `arrived`.
    cursor: usize,
    waited: Duration,
    waits: u32,
    began: Instant,
}

impl Dagor {
    /// A server that admits everything.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config) -> Dagor {
        config.validate().expect("a valid DAGOR");
        let levels = (config.classes * config.users) as usize;
        Dagor {
            config,
            arrived: vec![0; levels],
            calls: 0,
            admitted: 0,
            cursor: levels - 1,
            waited: Duration::ZERO,
            waits: 0,
            began: Instant::ZERO,
        }
    }

    /// A call arrives; whether it gets in.
    pub fn admit(&mut self, now: Instant, level: Level) -> bool {
        if now - self.began >= self.config.window || self.calls >= u64::from(self.config.calls) {
            self.turn(now);
        }
        let index = self.index(level);
        self.arrived[index] += 1;
        self.calls += 1;
        let admitted = index <= self.cursor;
        self.admitted += u64::from(admitted);
        admitted
    }

    /// A call that got in waited so long for its turn.
    pub fn on_wait(&mut self, waited: Duration) {
        self.waited += waited;
        self.waits += 1;
    }

    /// The least important level that gets in.
    pub fn cursor(&self) -> Level {
        let (index, users) = (self.cursor as u32, self.config.users);
        Level { class: index / users + 1, user: index % users + 1 }
    }

    /// Levels beyond the scale are the least important of it.
    fn index(&self, level: Level) -> usize {
        let (class, user) =
            (level.class.clamp(1, self.config.classes), level.user.clamp(1, self.config.users));
        ((class - 1) * self.config.users + user - 1) as usize
    }

    /// Ends the window and moves the cursor.
    fn turn(&mut self, now: Instant) {
        let overloaded = self.waits > 0 && self.waited / self.waits > self.config.threshold;
        let mut inside = self.admitted;
        if now - self.began >= self.config.window * 2 {
            // A whole window without a call: whatever the load was, it is gone.
            self.cursor = self.arrived.len() - 1;
        } else if overloaded {
            let wanted = ((1.0 - self.config.down) * self.admitted as f64) as u64;
            while inside > wanted && self.cursor > 0 {
                inside -= u64::from(self.arrived[self.cursor]);
                self.cursor -= 1;
            }
        } else {
            let wanted = self.admitted + (self.config.up * self.calls as f64).ceil() as u64;
            while inside < wanted && self.cursor + 1 < self.arrived.len() {
                self.cursor += 1;
                inside += u64::from(self.arrived[self.cursor]);
            }
        }
        self.arrived.fill(0);
        (self.calls, self.admitted, self.waits, self.waited) = (0, 0, 0, Duration::ZERO);
        self.began = now;
    }
}

/// Puts DAGOR around a service. All services made by one layer share its permits and its cursor.
pub type DagorLayer<C, R, O = ()> = AdmissionLayer<ByRank<R>, C, O>;

impl<C, R, O> DagorLayer<C, R, O> {
    /// Admission by what `rank` says of requests.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, rank: R, observer: O) -> Self {
        let dagor = Mutex::new(Dagor::new(config));
        let permits = Semaphore::new(config.permits, Some(DEFAULT_QUEUE));
        AdmissionLayer::of(ByRank { dagor, permits, rank }, clock, observer)
    }
}

/// The more important first.
#[derive(Debug)]
pub struct ByRank<R> {
    dagor: Mutex<Dagor>,
    permits: Semaphore,
    rank: R,
}

impl<R> ByRank<R> {
    /// Nothing but arithmetic happens under this lock.
    fn dagor(&self) -> MutexGuard<'_, Dagor> {
        self.dagor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Request, R: Rank<Request>> Admission<Request> for ByRank<R> {
    type Pass<'a> = Important<'a, R>;

    fn name(&self) -> &'static str {
        "dagor"
    }

    fn enter<'a>(
        &'a self,
        now: Instant,
        request: &Request,
        _: &mut impl Watch,
    ) -> Result<Important<'a, R>, Refusal> {
        let admitted = self.dagor().admit(now, self.rank.level(request));
        let pass = Important { permit: None, server: self, came: now };
        if admitted { Ok(pass) } else { Err(Reason::Throttled.into()) }
    }
}

/// A call that is important enough.
#[derive(Debug)]
pub struct Important<'a, R> {
    permit: Option<Permit<'a>>,
    server: &'a ByRank<R>,
    came: Instant,
}

impl<R: Send + Sync> Pass for Important<'_, R> {
    const WAITS: bool = true;

    async fn turn(&mut self, clock: &impl Clock) -> Result<(), Reason> {
        self.permit = Some(self.server.permits.acquire().await?);
        self.server.dagor().on_wait(clock.now() - self.came);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn dagor() -> Dagor {
        Dagor::new(Config { classes: 2, users: 10, ..Config::new(1) })
    }

    /// One window in which each level sends ten calls and those that get in wait so long; where the cursor is then.
    fn window(dagor: &mut Dagor, number: u64, waited: u64) -> (u32, u32) {
        let now = at(number * 1_000);
        for class in 1..=2 {
            for user in 1..=10 {
                (0..10).for_each(|_| {
                    if dagor.admit(now, Level { class, user }) {
                        dagor.on_wait(Duration::from_millis(waited));
                    }
                });
            }
        }
        dagor.turn(at(number * 1_000 + 999));
        let Level { class, user } = dagor.cursor();
        (class, user)
    }

    #[test]
    fn wechat_admits_five_percent_fewer_under_overload_and_one_percent_more_otherwise() {
        let mut dagor = dagor();
        // 200 calls, all in: 190 are wanted, one level of ten less. Then 180.5, which takes a level more.
        assert_eq!(window(&mut dagor, 0, 21), (2, 9));
        assert_eq!(window(&mut dagor, 1, 21), (2, 8));
        assert_eq!(window(&mut dagor, 2, 20), (2, 9), "a mean wait at the threshold is no overload");
        assert_eq!(window(&mut dagor, 3, 0), (2, 10));
        assert_eq!(window(&mut dagor, 4, 0), (2, 10), "there is no more");
    }

    #[test]
    fn the_cursor_passes_from_class_to_class_and_stops_at_the_most_important() {
        let mut dagor = dagor();
        let cursors: Vec<_> = (0..30).map(|number| window(&mut dagor, number, 100)).collect();
        assert_eq!(cursors[9..11], [(1, 10), (1, 9)]);
        assert_eq!(cursors.last(), Some(&(1, 1)));
        assert!(dagor.admit(at(30_500), Level { class: 1, user: 1 }));
        assert!(!dagor.admit(at(30_500), Level { class: 1, user: 2 }));
    }

    #[test]
    fn a_window_ends_with_time_or_with_calls() {
        let mut dagor = Dagor::new(Config { calls: 5, users: 4, ..Config::new(1) });
        let mut send = |now, user| {
            let admitted = dagor.admit(now, Level { class: 1, user });
            dagor.on_wait(Duration::from_millis(500));
            admitted
        };
        assert_eq!([1, 2, 3, 4, 4].map(|user| send(at(0), user)), [true; 5]);
        assert_eq!([4, 3].map(|user| send(at(0), user)), [false, true], "the sixth call begins a window");
        assert_eq!([4, 3, 2].map(|user| send(at(1_000), user)), [false, false, true]);
    }
}
