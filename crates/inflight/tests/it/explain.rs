//! `inflight explain`: formulas with computed examples.

use crate::cli::check;
use expect_test::expect;

#[test]
fn a_formula_by_name() {
    check(
        &["explain", "theory", "erlang-c"],
        expect![[r#"
        exit 0
        --- stdout
        erlang-c
          gives    M/M/c: the share that waits; means and percentiles of wait and sojourn time
          formula  C = c*B / (c - a*(1 - B));
                   Wq = C / (c/S - rate);
                   P(wait > t) = C*exp(-(c/S - rate)*t)
          domain   Poisson arrivals; exponential service times with mean S; c servers, first come first
                   served; a < c
          source   Erlang 1917; percentiles of the sojourn time: Gross and Harris
          example  20 servers at 180/s, mean service time 100 ms
                   utilisation       90.000%
                   share that waits  55.077%
                   mean wait         27.538 ms
                   mean in flight    22.957
                   wait p99          200.44 ms
                   sojourn time p99  504.16 ms
    "#]],
    );
}

#[test]
fn topics_are_listed() {
    check(
        &["explain"],
        expect![[r#"
        exit 0
        --- stdout
        Topics (inflight explain TOPIC [NAME])
          theory
              formulas that stand beside a measurement: what each gives, where it holds, an example
              little, erlang-b, erlang-c, m-m-c-k, m-d-c
              pollaczek-khinchine, kimura, impatience, processor-sharing, no-queue
              parallel-calls, hedging, repairman, mean-value-analysis, usl
              usl-fit, tipping-point
    "#]],
    );
}

#[test]
fn what_is_unknown_is_guessed() {
    check(
        &["explain", "theorie"],
        expect![[r#"
        exit 2
        --- stderr
        error: no topic "theorie". did you mean theory? There is theory
    "#]],
    );
    check(
        &["explain", "theory", "erlang_c"],
        expect![[r#"
        exit 2
        --- stderr
        error: no formula "erlang_c". did you mean erlang-c? There is little, erlang-b, erlang-c, m-m-c-k, m-d-c, pollaczek-khinchine, kimura, impatience, processor-sharing, no-queue, parallel-calls, hedging, repairman, mean-value-analysis, usl, usl-fit, tipping-point
    "#]],
    );
}
