//! Claims that are understood, and what is said about those that are not.

use super::{Claim, Mistake, Names};
use expect_test::{Expect, expect};

const NAMES: Names<'static> =
    Names { arms: &["async", "async-limited"], phases: Some(&["base", "burst", "recovery"]) };

fn check(claims: &[&str], expected: Expect) {
    let mut out = String::new();
    for text in claims {
        match Claim::read(text, NAMES) {
            Ok(claim) => out += &format!("{text}\n    {}\n", claim.sentence()),
            Err(mistakes) => {
                out += &format!("{text}\n");
                for Mistake { span, message, label, .. } in mistakes {
                    let under = format!("{}{}", " ".repeat(span.start), "^".repeat(span.len().max(1)));
                    out += &format!("{under} {message}; {label}\n");
                }
            }
        }
    }
    expected.assert_eq(&out);
}

#[test]
fn claims_are_understood() {
    check(
        &[
            "p99(async-limited) < 0.8 * p99(async)",
            "goodput(async) >= 95% of offered",
            "slope(inflight(async-limited)) < 1/s within burst",
            "recovers(async) within 20s",
            "tasks(async) returns to baseline within 2s after burst",
            "share(async, status = 408) in 66%..70%",
            "share(async, timed-out) ~ 68% ± 3%",
            "p99(async) = p99(async-limited) within 5%",
            "p50(async-limited) - p50(async) < 20ms after burst",
            "p99(wait(async-limited)) > 10ms",
            "peak(inflight(async)) > 2 * peak(inflight(async-limited)) @ rate=24/s",
            "p95(async, answered) <= 600ms",
        ],
        expect![[r#"
            p99(async-limited) < 0.8 * p99(async)
                P99 of /async-limited is less than 0.8 times p99 of /async
            goodput(async) >= 95% of offered
                Goodput of /async is at least 95 % of what is offered
            slope(inflight(async-limited)) < 1/s within burst
                Growth of inflight of /async-limited is less than 1/s during burst
            recovers(async) within 20s
                Goodput of /async is back at its baseline within 20s after burst
            tasks(async) returns to baseline within 2s after burst
                Tasks of /async is back at its baseline within 2s after burst
            share(async, status = 408) in 66%..70%
                Share timed out of /async is between 66 % and 70 %
            share(async, timed-out) ~ 68% ± 3%
                Share timed out of /async is between 65.96 % and 70.04 %
            p99(async) = p99(async-limited) within 5%
                P99 of /async equals p99 of /async-limited, up to 5 %
            p50(async-limited) - p50(async) < 20ms after burst
                P50 of /async-limited minus p50 of /async is less than 20 ms after burst
            p99(wait(async-limited)) > 10ms
                P99 wait of /async-limited is more than 10 ms
            peak(inflight(async)) > 2 * peak(inflight(async-limited)) @ rate=24/s
                Peak of inflight of /async is more than 2 times peak of inflight of /async-limited at rate 24/s
            p95(async, answered) <= 600ms
                P95 of all answers of /async is at most 600 ms
        "#]],
    );
}

#[test]
fn mistakes_have_their_place_and_a_guess() {
    check(
        &[
            "p99(asynk) < 0.8 * p99(async-limitd)",
            "p98x(async) < 1ms",
            "p99(async) < 24/s",
            "p99(async) = p99(async-limited)",
            "goodput(async) >= 95% of",
            "share(async, status = 418) < 1%",
            "slope(inflight(async)) <= 0 within overload",
            "p99(async) < 20ms 20ms",
            "20ms < p99(async)",
            "",
        ],
        expect![[r#"
            p99(asynk) < 0.8 * p99(async-limitd)
                ^^^^^ there is no arm `asynk`; did you mean `async`?
                                   ^^^^^^^^^^^^ there is no arm `async-limitd`; did you mean `async-limited`?
            p98x(async) < 1ms
            ^^^^ a claim knows no quantity `p98x`; did you mean `p90`?
            p99(async) < 24/s
                         ^^^^ a time cannot be compared with a rate; expected a time such as `200ms`
            p99(async) = p99(async-limited)
                                           ^ `within` is missing; expected up to what: `within 5%`, as nothing measured is equal
            goodput(async) >= 95% of
                                    ^ a quantity is missing; expected one
            share(async, status = 418) < 1%
                                  ^^^ no request ends as `418`; did you mean `408`?
            slope(inflight(async)) <= 0 within overload
                                               ^^^^^^^^ the workload has no phase `overload`; not known here
            p99(async) < 20ms 20ms
                              ^^^^ the claim is over here; expected `within PHASE`, `after PHASE`, `@ FACTOR=LEVEL` or nothing
            20ms < p99(async)
            ^^^^ a claim speaks of something measured; expected a quantity

            ^ a quantity is missing; expected one
        "#]],
    );
}
