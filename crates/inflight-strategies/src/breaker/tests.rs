//! The breaker against resilience4j's and failsafe's published cases.

use super::*;
use crate::service::Reason;
use Circuit::{Closed, HalfOpen, Open};
use Outcome::{Cancelled, Completed, Failed, TimedOut};

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// The breaker of resilience4j's `CircuitBreakerStateMachineTest`.
fn resilience4j() -> Breaker {
    Breaker::new(Config {
        slow_after: Duration::from_secs(4),
        slow: 0.5,
        window: Window::Time(Duration::from_secs(5)),
        min_calls: 5,
        open_for: Duration::from_secs(5),
        probes: 4,
        ..Config::default()
    })
}

/// A call that is let through and ends at once, as if it had taken so many seconds.
fn call(breaker: &mut Breaker, now: Instant, outcome: Outcome, took: u64) -> Circuit {
    let pass = breaker.admit(now).0.expect("it may pass");
    breaker.on_end(now, pass, outcome, Duration::from_secs(took));
    breaker.circuit()
}

fn calls(breaker: &mut Breaker, now: Instant, outcomes: &[(Outcome, u64)]) -> Vec<Circuit> {
    outcomes.iter().map(|(outcome, took)| call(breaker, now, *outcome, *took)).collect()
}

/// Opened by five failures at the beginning of time.
fn open() -> Breaker {
    let mut breaker = resilience4j();
    calls(&mut breaker, at(0), &[(Failed, 0); 5]);
    assert_eq!(breaker.circuit(), Open);
    breaker
}

fn admitted(breaker: &mut Breaker, now: Instant, n: usize) -> Vec<bool> {
    (0..n).map(|_| breaker.admit(now).0.is_ok()).collect()
}

#[test]
fn resilience4j_opens_after_the_failure_rate() {
    let mut breaker = resilience4j();
    let outcomes = [(Failed, 0), (Failed, 0), (Failed, 0), (Completed, 0), (Completed, 0)];
    assert_eq!(calls(&mut breaker, at(0), &outcomes), [Closed, Closed, Closed, Closed, Open]);
    assert_eq!(breaker.admit(at(0)), (Err(Some(Duration::from_secs(5))), None));
}

#[test]
fn resilience4j_opens_after_the_slow_call_rate() {
    let mut breaker = resilience4j();
    let outcomes = [(Failed, 5), (Completed, 5), (Failed, 0), (Completed, 0), (Completed, 5)];
    assert_eq!(calls(&mut breaker, at(0), &outcomes), [Closed, Closed, Closed, Closed, Open]);
}

#[test]
fn resilience4j_is_half_open_after_the_wait() {
    let mut breaker = open();
    assert!(breaker.admit(at(3)).0.is_err());
    assert_eq!(breaker.admit(at(3)).0, Err(Some(Duration::from_secs(2))));
    let (admitted, moved) = breaker.admit(at(6));
    assert!(admitted.is_ok());
    assert_eq!(moved, Some((Open, HalfOpen)));
}

#[test]
fn resilience4j_permits_only_four_calls_in_half_open() {
    let mut breaker = open();
    assert_eq!(admitted(&mut breaker, at(5), 6), [true, true, true, true, false, false]);
    let pass = Pass(breaker.turn);
    breaker.on_end(at(5), pass, Cancelled, Duration::ZERO);
    assert_eq!(admitted(&mut breaker, at(5), 2), [true, false], "a place that was given back");
}

#[test]
fn resilience4j_closes_or_opens_again_when_all_probes_have_ended() {
    for (outcomes, end) in [
        ([(Failed, 0), (Failed, 0), (Failed, 0), (Completed, 0)], Open),
        ([(Failed, 0), (Completed, 0), (Completed, 0), (Completed, 0)], Closed),
        ([(Failed, 0), (Failed, 0), (Completed, 0), (Completed, 0)], Open),
        ([(Completed, 5), (Completed, 5), (Completed, 5), (Completed, 0)], Open),
    ] {
        let mut breaker = open();
        let states = calls(&mut breaker, at(5), &outcomes);
        assert_eq!(states, [HalfOpen, HalfOpen, HalfOpen, end], "{outcomes:?}");
    }
}

#[test]
fn resilience4j_a_window_of_calls_needs_no_more_than_itself() {
    let mut breaker = Breaker::new(Config { window: Window::Calls(4), min_calls: 100, ..Config::default() });
    let outcomes = [(Failed, 0), (Completed, 0), (Completed, 0), (Failed, 0)];
    assert_eq!(calls(&mut breaker, at(0), &outcomes), [Closed, Closed, Closed, Open]);
}

#[test]
fn failsafe_opens_after_five_failures_in_a_row() {
    let config = Config { in_a_row: Some(5), ..Config::default() };
    let mut breaker = Breaker::new(config);
    let rejected = Outcome::Rejected(Reason::LimitReached);
    let outcomes = [(Failed, 0), (TimedOut, 0), (Failed, 0), (Failed, 0), (rejected, 0)];
    assert_eq!(calls(&mut breaker, at(0), &outcomes).last(), Some(&Closed), "a rejection does not add");
    assert_eq!(call(&mut breaker, at(0), Failed, 0), Open);
    let mut breaker = Breaker::new(config);
    calls(&mut breaker, at(0), &[(Failed, 0), (Failed, 0), (Failed, 0), (Failed, 0), (Completed, 0)]);
    assert_eq!(call(&mut breaker, at(0), Failed, 0), Closed, "a good answer ends the row");
}

#[test]
fn a_call_counts_only_in_the_state_in_which_it_was_let_through() {
    let mut breaker = resilience4j();
    let late = breaker.admit(at(0)).0.expect("closed");
    calls(&mut breaker, at(0), &[(Failed, 0); 5]);
    assert_eq!(breaker.on_end(at(1), late, Completed, Duration::ZERO), None);
    let probe = breaker.admit(at(5)).0.expect("half open");
    breaker.on_end(at(5), late, Cancelled, Duration::ZERO);
    assert_eq!(admitted(&mut breaker, at(5), 4), [true, true, true, false], "no fifth probe");
    assert_eq!(breaker.on_end(at(5), probe, Failed, Duration::ZERO), None);
}

#[test]
fn old_failures_are_forgotten() {
    let mut breaker = resilience4j();
    calls(&mut breaker, at(0), &[(Failed, 0); 4]);
    assert_eq!(call(&mut breaker, at(6), Failed, 0), Closed);
    let mut breaker = Breaker::new(Config { window: Window::Calls(10), ..Config::default() });
    let mut outcomes = [(Completed, 0); 10];
    outcomes[..4].fill((Failed, 0));
    calls(&mut breaker, at(0), &outcomes);
    let states = calls(&mut breaker, at(0), &[(Failed, 0); 4]);
    assert_eq!(states, [Closed; 4], "each pushes an old failure out");
    assert_eq!(call(&mut breaker, at(0), Failed, 0), Open);
}

#[test]
fn nonsense_is_refused() {
    let good = Config::default();
    assert!(good.validate().is_ok());
    for bad in [
        Config { failures: 0.0, ..good },
        Config { slow: 1.1, ..good },
        Config { probes: 0, ..good },
        Config { in_a_row: Some(0), ..good },
        Config { window: Window::Calls(0), ..good },
        Config { window: Window::Time(Duration::ZERO), ..good },
        Config { open_for: Duration::ZERO, ..good },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}
