//! `inflight explain`: strategies, and formulas with computed examples.

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
fn a_strategy_by_its_name_alone() {
    check(
        &["explain", "little"],
        expect![[r#"
        exit 0
        --- stdout
        little
          A bound by Little's law: as many may wait as can be served in time.

          does     With L permits and a mean service time of S, the queue drains L/S calls per second.
                   Whoever finds q calls waiting is answered after about q·S/L + S; for that to be within
                   the target, q may be at most L·(target/S − 1). S is measured: a moving average over calls
                   that completed.

          answers  A bound in calls is a guess about time: 40 places in front of 20 permits are 1.5 s at 750
                   ms and 40 ms at 20 ms. This one says the time, and follows the service when it slows
                   down.

          harms    The mean says nothing of the spread: with a service that takes 1 ms or 10 s it admits too
                   many. While a service slows down the average lags behind.

          knobs    Written `{ limit = { permits = 20, queue = { bound = { little = { target = "2s" } } } }
                   }`.
                   target         duration, wait and service together; required

          source   Little (1961); as a load shedder: the crate little-loadshedder, whose bound is
                   concurrency·(target/latency − 1), at least 1. It also climbs the concurrency; here that
                   is the limit's business.
    "#]],
    );
    check(
        &["explain", "strategies", "timeout"],
        expect![[r#"
        exit 0
        --- stdout
        timeout
          Timeout: an upper bound on how long a caller waits.

          does     Answers `Failure::TimedOut` when the inner call, including every wait inside it, has not
                   answered after a fixed time. Then the work is dropped (`Late::Cancel`) or left running
                   (`Late::Detach`).

          answers  Work and memory that pile up behind a dependency that has become slow or has stopped:
                   without a bound every request in flight is a leak that lasts as long as the stall.

          harms    When it is shorter than the healthy service time: U(300, 1200) ms under 600 ms fails two
                   of three requests on an idle system. Detached, it bounds only the caller's wait: the
                   work, its permits and its memory live on, and a retry adds to them.

          knobs    Written `{ timeout = { after = "600ms", … } }`.
                   after          duration, 1 ns to 1 h; required
                   late           `"cancel"` or `"detach"`; default "cancel" (ours: what is left running is
                                  a leak)

          source   Deadlines over a whole call are as old as RPC; "the answer is given, the work lives on"
                   is what `select` on a channel does in many services, and is kept here as `Late::Detach`
                   to be measured.
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
            Topics (inflight explain TOPIC, inflight explain NAME)
              strategies
                  what each does, which failure it answers, when it harms, its knobs, where it comes from
                  limit, partitions, queue, order, codel
                  deadline-drop, little, ramp, pid, aimd
                  vegas, gradient, gradient2, windowed, envoy
                  correlation, arc, bbr, sre-throttle, admission-control
                  rate-limit, dagor, breakwater, timeout, deadline
                  retry, backoff, retry-budget, retry-bucket, retry-throttle
                  adaptive-pace, hedge, tied, breaker, coalesce
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
        &["explain", "codell"],
        expect![[r#"
        exit 2
        --- stderr
        error: nothing is known about "codell". did you mean codel? `inflight explain` lists what is
    "#]],
    );
    check(
        &["explain", "strategies", "hedg"],
        expect![[r#"
            exit 2
            --- stderr
            error: no strategy "hedg". did you mean hedge? There is limit, partitions, queue, order, codel, deadline-drop, little, ramp, pid, aimd, vegas, gradient, gradient2, windowed, envoy, correlation, arc, bbr, sre-throttle, admission-control, rate-limit, dagor, breakwater, timeout, deadline, retry, backoff, retry-budget, retry-bucket, retry-throttle, adaptive-pace, hedge, tied, breaker, coalesce
        "#]],
    );
    check(
        &["explain", "hedging", "hedge"],
        expect![[r#"
        exit 2
        --- stderr
        error: no topic "hedging". There is strategies, theory
    "#]],
    );
    check(
        &["explain", "theorie"],
        expect![[r#"
            exit 2
            --- stderr
            error: nothing is known about "theorie". did you mean theory? `inflight explain` lists what is
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

#[test]
#[allow(clippy::too_many_lines, reason = "the whole table")]
fn strategies_are_listed() {
    check(
        &["list", "strategies"],
        expect![[r#"
            exit 0
            --- stdout
            Strategies (inflight explain NAME)

              limits
                limit              Concurrency limit: at most so many calls inside at once; the others wait in
                                   line.
                partitions         Partitions: classes of calls share one limit, and each is sure of its part.

              queues
                queue              Queue: who waits for a limit's permits, who is next, and who is dropped.
                order              The order of a queue: fifo, lifo, adaptive lifo, priority.
                codel              CoDel for servers: drops whoever waited long while the queue stands.
                deadline-drop      Deadline-aware drop: whoever cannot be answered in time is not served at all.
                little             A bound by Little's law: as many may wait as can be served in time.
                ramp               Reject ramp: turns away a growing share of arrivals as the queue grows.
                pid                PID rejector: turns away the share of arrivals that keeps inflow and outflow
                                   equal.

              limits that find their own value
                aimd               AIMD: one more while it goes well, a tenth less when a call is dropped.
                vegas              Vegas: keeps the queue that it infers from latency between two bounds.
                gradient           Gradient: the limit follows the ratio of the shortest round trip to the
                                   present one.
                gradient2          Gradient2: the limit follows the ratio of a long average of round trips to
                                   the present one.
                windowed           Windowed: feeds any limiter with windows of calls instead of single calls.
                envoy              Envoy's gradient controller: the limit follows the ratio to a round trip that
                                   was measured without load.
                correlation        Correlation: latency against its own past, and whether more in flight still
                                   brings more throughput.
                arc                ARC: one more while it goes as usual, a tenth less when it is unusually slow.
                bbr                BBR-like: no more in flight than the best throughput times the shortest round
                                   trip.

              admission
                sre-throttle       Adaptive throttling: the client itself refuses a share of its calls, by how
                                   many of the latest were answered.
                admission-control  Adaptive throttling: the client itself refuses a share of its calls, by how
                                   many of the latest were answered.
                rate-limit         Rate limit: so many calls per second, and so many at once after a pause.
                dagor              DAGOR: under overload only the more important calls get in.
                breakwater         Breakwater: the server hands out credits, and who has none does not even
                                   send.

              time
                timeout            Timeout: an upper bound on how long a caller waits.
                deadline           Deadline: a moment after which nobody wants the answer, handed on with the
                                   call.

              retries
                retry              Retries: what failed is tried again, after a while, as often as a budget
                                   allows.
                backoff            Backoff: how long to wait before trying again.
                retry-budget       Retry budget: so many retries per request, and so many per second besides.
                retry-bucket       Retry bucket: retries cost tokens, success pays them back.
                retry-throttle     Retry throttle: retries stop while too many attempts fail.
                adaptive-pace      Adaptive pace: a client that learns at which rate it is not throttled.

              hedging
                hedge              Hedging: when an answer is late, the same call is sent once more, and the
                                   first answer counts.
                tied               Tied requests: a call goes to several replicas at once, and the first that
                                   begins to serve it cancels the others.

              breakers and sharing
                breaker            Circuit breaker: when too many of the latest calls failed or were slow, it
                                   refuses calls for a while.
                coalesce           Coalescing (single flight): equal calls that are under way at the same time
                                   are one call.
        "#]],
    );
    check(
        &["list", "strategy"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'strategy' for '[WHAT]'
          [possible values: experiments, runs, strategies]

          tip: a similar value exists: 'strategies'

        For more information, try '--help'.
    "#]],
    );
}
