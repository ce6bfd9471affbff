//! Deadline: a moment after which nobody wants the answer, handed on with the call.
//!
//! **What it does.** Gives the call a deadline: the earlier of the one that it brings along and `after` from now. A call whose deadline
//! is over is refused before it begins. The call carries the deadline inwards, where queues can drop what would come too late
//! and calls to others can say how much time is left ([`format_timeout`], [`parse_timeout`]). At the deadline the caller gets
//! [`Failure::TimedOut`]; the work is cancelled, or lives on ([`Late`]). The deadline covers everything inside, waits for permits
//! and between retries included.
//!
//! **Which failure it answers.** Work for callers who gave up long ago, in every service of a chain: each timeout begins anew, the
//! deadline does not.
//!
//! **When it harms.** As a timeout does when it is shorter than the healthy service time. A FIFO queue that only drops what has
//! expired serves calls that have hardly any time left: dropping expired calls alone cures no overload. Deadlines between machines
//! are sent as time that is left, because clocks differ; the time on the wire is then not counted.
//!
//! **Knobs.** Written `{ deadline = { after = "3s", … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `after` | duration, 1 ns to 1 h | required | – |
//! | `late` | `"cancel"` or `"detach"` | `"cancel"` | ours: what is left running is a leak |
//!
//! **Where it comes from.** gRPC's deadlines and `grpc-timeout` header (its HTTP/2 protocol page); Finagle's `DeadlineFilter`.
//!
//! **Slow services.** Nothing to scale: there is no default. At least the p99 of the healthy service, plus the wait that is
//! acceptable.

use crate::{
    detach::outlive,
    event::{Event, Observer, Watch},
    rt::{Instant, World},
    service::{Deadline, Failure, Layer, Reason, Rejected, Service},
    timeout::{Config, Late, unless},
};
use std::{pin::pin, time::Duration};

/// A request that can carry a deadline.
pub trait WithDeadline: Deadline {
    /// The same request, whose answer is worth nothing after `at`.
    fn with_deadline(self, at: Instant) -> Self;
}

/// Gives every call a deadline. Its knobs are those of the timeout.
#[derive(Clone, Debug)]
pub struct DeadlineLayer<W, O = ()> {
    config: Config,
    world: W,
    observer: O,
}

impl<W, O> DeadlineLayer<W, O> {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, world: W, observer: O) -> Self {
        config.validate().expect("a valid deadline");
        DeadlineLayer { config, world, observer }
    }
}

impl<S, W: Clone, O: Clone> Layer<S> for DeadlineLayer<W, O> {
    type Service = Timely<S, W, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Timely { inner, shared: self.clone() }
    }
}

/// A service whose calls have deadlines.
#[derive(Clone, Debug)]
pub struct Timely<S, W, O = ()> {
    inner: S,
    shared: DeadlineLayer<W, O>,
}

impl<Request, S, W, O, T, E> Service<Request> for Timely<S, W, O>
where
    Request: WithDeadline + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    S: Service<Request, Response = T, Error = Failure<E>> + Clone + 'static,
    W: World,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let DeadlineLayer { config, world, observer } = &self.shared;
        let (start, mut watch) = (world.now(), observer.observe(&request));
        let own = start + config.after;
        let deadline = request.deadline().map_or(own, |brought| brought.min(own));
        if deadline <= start {
            let why = Reason::TooLate;
            watch.on_event(start, Event::Rejected(why));
            return Err(Failure::Rejected(Rejected { by: "deadline", why, retry_after: None }));
        }
        let request = request.with_deadline(deadline);
        let over = pin!(world.sleep_until(deadline));
        let timed_out = || {
            let (after, detached) = (deadline - start, config.late == Late::Detach);
            watch.on_event(world.now(), Event::TimedOut { after, detached });
            Failure::TimedOut { after }
        };
        match config.late {
            Late::Cancel => unless(pin!(self.inner.call(request)), over, timed_out).await,
            Late::Detach => {
                let inner = self.inner.clone();
                let work = outlive(world, async move { inner.call(request).await });
                unless(pin!(work), over, timed_out).await
            }
        }
    }
}

/// Units of the `grpc-timeout` header, the finest first, in nanoseconds.
const UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60_000_000_000),
    ('H', 3_600_000_000_000),
];
/// The header has at most eight digits.
const MOST: u128 = 99_999_999;

/// The time that is left as gRPC writes it in `grpc-timeout`: at most eight digits and a unit, in the finest unit that
/// fits, cut down to it: never more than there is.
pub fn format_timeout(left: Duration) -> String {
    let nanos = left.as_nanos();
    let (unit, size) = UNITS.into_iter().find(|(_, size)| nanos / size <= MOST).unwrap_or(UNITS[5]);
    format!("{}{unit}", (nanos / size).min(MOST))
}

/// Reads a `grpc-timeout` header: one to eight digits and one of `H M S m u n`.
pub fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (_, size) = UNITS.into_iter().find(|(name, _)| unit.starts_with(*name))?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = digits.parse::<u128>().ok()? * size;
    Some(Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn grpc_timeout_header() {
        for (text, nanos) in [
            ("1n", 1),
            ("99999999n", 99_999_999),
            ("100u", 100_000),
            ("250m", 250_000_000),
            ("1S", 1_000_000_000),
            ("2M", 120_000_000_000),
            ("1H", 3_600_000_000_000),
            ("0m", 0),
        ] {
            assert_eq!(parse_timeout(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "1", "m", "123456789m", "-1m", "+1m", "1.5S", "1 m", "1s", "1h", "1µ"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
        assert_eq!(parse_timeout("99999999H").map(|d| d.as_secs()), Some(99_999_999 * 3_600));
    }

    #[test]
    fn the_finest_unit_that_fits_is_written() {
        for (nanos, text) in [
            (0, "0n"),
            (99_999_999, "99999999n"),
            (100_000_000, "100000u"),
            (99_999_999_999, "99999999u"),
            (100_000_000_999, "100000m"),
            (3_600_000_000_000, "3600000m"),
        ] {
            assert_eq!(format_timeout(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(format_timeout(Duration::MAX), "99999999H");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_a_little_shorter_never_longer(nanos in any::<u64>(), smaller in 0u32..64) {
            let left = Duration::from_nanos(nanos >> smaller);
            let read = parse_timeout(&format_timeout(left)).expect("it reads back");
            // Eight digits do not hold it: it has more than 10^8 of a unit, and loses less than one of the next, a thousand times as long.
            prop_assert!(read <= left && left - read <= left / 100_000);
        }
    }
}
