//! Requests that share a rate: whoever comes or goes changes everybody's progress, from that moment on.
//!
//! All in service progress at the same rate r(n), so one *virtual-work clock* V with dV/dt = r(n) does for all: a request
//! with work w that enters at V₀ ends when V reaches V₀ + w. Only the one that ends first needs a timer, and only that
//! timer moves when n changes: O(log n) per event. Scheduled faults multiply the rate by a plan that is known beforehand.

use super::pace::Pace;
use inflight_strategies::rt::{Instant, World};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// How fast each of n requests in service progresses; 1 is the speed of a request alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slowdown {
    /// Processor sharing over `capacity` processors: min(1, capacity/n).
    Sharing {
        /// Processors.
        capacity: u32,
    },
    /// A memory or garbage-collection cliff: 1 up to `knee`, then 1/(1 + slope·(n − knee)).
    /// Capacity falls beyond the knee if slope · knee > 1.
    Memory {
        /// The largest n that does no harm.
        knee: u32,
        /// How much each further request costs all.
        slope: f64,
    },
    /// Gunther's Universal Scalability Law: 1/(1 + σ(n − 1) + κn(n − 1)). Peak at √((1 − σ)/κ).
    Usl {
        /// σ: contention, the serial share.
        sigma: f64,
        /// κ: coherence, the cost of agreeing, which grows with the square.
        kappa: f64,
    },
}

impl Slowdown {
    /// The rate of each of `n` requests, for n ≥ 1.
    pub fn rate(self, n: u32) -> f64 {
        let x = f64::from(n);
        match self {
            Slowdown::Sharing { capacity } => (f64::from(capacity) / x).min(1.0),
            Slowdown::Memory { knee, slope } => 1.0 / (1.0 + slope * (x - f64::from(knee)).max(0.0)),
            Slowdown::Usl { sigma, kappa } => 1.0 / (1.0 + sigma * (x - 1.0) + kappa * x * (x - 1.0)),
        }
    }
}

/// Names a request in service: when it ends in virtual work (as ordered bits of a non-negative double), then by arrival.
type Ticket = (u64, u64);

/// The pure half: who is in service, how far, and when the first of them will end.
#[derive(Debug)]
struct Progress<T> {
    slowdown: Slowdown,
    /// What faults do to everybody's speed, beside what the requests do to each other.
    pace: Pace,
    /// The virtual-work clock in nanoseconds of work, as of `at`.
    work: f64,
    at: Instant,
    arrivals: u64,
    inside: BTreeMap<Ticket, T>,
}

impl<T> Progress<T> {
    fn new(slowdown: Slowdown, pace: Pace) -> Self {
        Progress { slowdown, pace, work: 0.0, at: Instant::ZERO, arrivals: 0, inside: BTreeMap::new() }
    }

    fn rate(&self) -> f64 {
        self.slowdown.rate(u32::try_from(self.inside.len()).unwrap_or(u32::MAX))
    }

    /// Moves the virtual-work clock to `now`. It never runs past the first end: a timer that fires late, as live timers
    /// do, does not let the others finish early.
    fn advance(&mut self, now: Instant) {
        match self.inside.first_key_value() {
            None => self.work = 0.0,
            Some((&(end, _), _)) => {
                let moved = self.work + self.pace.done(self.at, now) * self.rate();
                self.work = moved.min(f64::from_bits(end).max(self.work));
            }
        }
        self.at = now;
    }

    fn enter(&mut self, now: Instant, work: Duration, value: T) -> Ticket {
        self.advance(now);
        let end = self.work + work.as_nanos() as f64;
        self.arrivals += 1;
        let ticket = (end.to_bits(), self.arrivals);
        self.inside.insert(ticket, value);
        ticket
    }

    fn leave(&mut self, now: Instant, ticket: Ticket) {
        self.advance(now);
        self.inside.remove(&ticket);
    }

    fn is_first(&self, ticket: Ticket) -> bool {
        self.inside.first_key_value().is_some_and(|(&first, _)| first == ticket)
    }

    /// When the first to end will end, if nobody comes or goes.
    fn first_end(&self) -> Option<Instant> {
        let (&(end, _), _) = self.inside.first_key_value()?;
        let left = (f64::from_bits(end) - self.work).max(0.0) / self.rate();
        Some(self.pace.end(self.at, left))
    }
}

/// The waiting half: a dependency whose requests share a rate.
#[derive(Debug)]
pub struct SharedRate<W: World> {
    world: W,
    progress: Mutex<Progress<Option<Waker>>>,
}

impl<W: World> SharedRate<W> {
    /// Nobody in service yet.
    pub(super) fn new(slowdown: Slowdown, pace: Pace, world: W) -> Self {
        SharedRate { world, progress: Mutex::new(Progress::new(slowdown, pace)) }
    }

    /// Does `work` together with whoever else is in service.
    pub fn serve(&self, work: Duration) -> Serve<'_, W> {
        Serve { shared: self, work, ticket: None, timer: None }
    }

    fn lock(&self) -> MutexGuard<'_, Progress<Option<Waker>>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the first to end, whose timer is now wrong, unless that is `except` itself.
fn wake_first(progress: &Progress<Option<Waker>>, except: Option<Ticket>) {
    if let Some((&first, Some(waker))) = progress.inside.first_key_value()
        && Some(first) != except
    {
        waker.wake_by_ref();
    }
}

/// One request in service; see [`SharedRate::serve`].
#[must_use = "work does nothing unless awaited"]
pub struct Serve<'a, W: World> {
    shared: &'a SharedRate<W>,
    work: Duration,
    ticket: Option<Ticket>,
    /// The first to end holds the timer, for this end.
    timer: Option<(Instant, Pin<Box<W::Sleep>>)>,
}

impl<W: World> Future for Serve<'_, W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let now = this.shared.world.now();
        let mut progress = this.shared.lock();
        let ticket = match this.ticket {
            Some(ticket) => ticket,
            None => {
                let ticket = progress.enter(now, this.work, None);
                this.ticket = Some(ticket);
                wake_first(&progress, Some(ticket));
                ticket
            }
        };
        if progress.is_first(ticket) && progress.first_end().is_some_and(|end| end <= now) {
            progress.leave(now, ticket);
            this.ticket = None;
            wake_first(&progress, None);
            return Poll::Ready(());
        }
        match progress.inside.get_mut(&ticket) {
            Some(Some(waker)) => waker.clone_from(cx.waker()),
            place => *place.expect("in service until it leaves") = Some(cx.waker().clone()),
        }
        let end = progress.first_end().filter(|_| progress.is_first(ticket));
        drop(progress);
        this.poll_timer(end, cx)
    }
}

impl<W: World> Serve<'_, W> {
    /// Keeps the timer at `end` (none: not the first to end) and asks to be polled then.
    fn poll_timer(&mut self, end: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = end else {
            self.timer = None;
            return Poll::Pending;
        };
        if self.timer.as_ref().is_none_or(|(at, _)| *at != end) {
            self.timer = Some((end, Box::pin(self.shared.world.sleep_until(end))));
        }
        let (_, timer) = self.timer.as_mut().expect("set one line above");
        if timer.as_mut().poll(cx).is_ready() {
            // It rang between reading the clock and setting it: look again.
            self.timer = None;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<W: World> Drop for Serve<'_, W> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let now = self.shared.world.now();
            let mut progress = self.shared.lock();
            progress.leave(now, ticket);
            wake_first(&progress, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn progress_changes_when_others_come_and_go() {
        // One processor. First alone for 10 of its 30 ms; then two share, so the second's 10 ms end after 20.
        let mut p = Progress::new(Slowdown::Sharing { capacity: 1 }, Pace::default());
        let first = p.enter(at(0), Duration::from_millis(30), "first");
        assert_eq!(p.first_end(), Some(at(30)));
        let second = p.enter(at(10), Duration::from_millis(10), "second");
        assert!(p.is_first(second));
        assert_eq!(p.first_end(), Some(at(30)));
        p.leave(at(30), second);
        assert_eq!(p.first_end(), Some(at(40)), "10 ms of work are left, alone again");
        p.leave(at(40), first);
        assert_eq!(p.first_end(), None);
    }

    #[test]
    fn rates_are_those_of_the_formulas() {
        assert_eq!(Slowdown::Sharing { capacity: 4 }.rate(8), 0.5);
        assert_eq!(Slowdown::Memory { knee: 20, slope: 0.06 }.rate(20), 1.0);
        assert_eq!(Slowdown::Memory { knee: 20, slope: 0.06 }.rate(30), 1.0 / 1.6);
        // Schwartz's Cisco benchmark (usl4j's test data) with work of 0.7125 s: 20/s at the peak of √((1−σ)/κ) = 35.6.
        let cisco = Slowdown::Usl { sigma: 0.026_715_91, kappa: 7.690_945e-4 };
        let throughput = |n: u32| f64::from(n) * cisco.rate(n) / 0.7125;
        assert!((throughput(20) - 15.6).abs() < 0.1, "{}", throughput(20));
        assert!((throughput(36) - 17.4).abs() < 0.1, "{}", throughput(36));
        assert!(throughput(35) > throughput(20) && throughput(36) > throughput(60));
    }

    proptest! {
        /// Against a step-by-step integration of n(t): whoever enters with work w leaves when ∫ r(n) dt = w.
        #[test]
        fn work_is_conserved(arrivals in proptest::collection::vec((0u64..50, 1u64..40), 1..20), pick in 0usize..3) {
            let slowdown = [
                Slowdown::Sharing { capacity: 2 },
                Slowdown::Memory { knee: 3, slope: 0.5 },
                Slowdown::Usl { sigma: 0.1, kappa: 0.01 },
            ][pick];
            let mut times: Vec<(Instant, Duration)> =
                arrivals.iter().map(|&(t, w)| (at(t), Duration::from_millis(w))).collect();
            times.sort();
            let mut p = Progress::new(slowdown, Pace::default());
            let mut left: BTreeMap<Ticket, f64> = BTreeMap::new();
            let mut now = Instant::ZERO;
            let mut next = times.into_iter().peekable();
            while next.peek().is_some() || !p.inside.is_empty() {
                let end = p.first_end();
                let arrival = next.peek().map(|&(t, _)| t);
                let then = [end, arrival].into_iter().flatten().min().expect("one of them");
                let rate = if left.is_empty() { 0.0 } else { p.rate() };
                left.values_mut().for_each(|w| *w -= (then - now).as_nanos() as f64 * rate);
                now = then;
                if arrival == Some(then) {
                    let (_, work) = next.next().expect("peeked");
                    left.insert(p.enter(now, work, ()), work.as_nanos() as f64);
                } else {
                    let (&ticket, _) = p.inside.first_key_value().expect("it ends");
                    let rest = left.remove(&ticket).expect("inside");
                    prop_assert!(rest.abs() < 20.0, "left with {rest} ns of work to do");
                    p.leave(now, ticket);
                }
            }
        }
    }
}
