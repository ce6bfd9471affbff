//! Formulas about requests that wait for each other.

use super::Formula;
use crate::{
    dependency::Profile,
    theory::{
        Impatient, Mdc, Mg1, Mgc, Mmc, Mmck, Patience, ServiceTime, Sharing, Value, conditional_sojourn,
        erlang_b,
    },
};
use Value::{Count, PerSecond, Seconds, Share};

/// Erlang B.
pub static ERLANG_B: Formula = Formula {
    name: "erlang-b",
    gives: "the share of requests that is rejected when nobody may wait",
    formula: "B(0) = 1;  B(n) = a*B(n-1) / (n + a*B(n-1)) up to n = c;  a = rate * mean service time",
    domain: "Poisson arrivals; any service time; c permits, no queue; any load",
    source: "Erlang 1917",
    given: "20 permits, no queue, 180/s, mean service time 100 ms",
    example: || Ok(vec![("rejected", Share(erlang_b(20, 18.0)?))]),
};

/// Erlang C, with all that M/M/c gives.
pub static ERLANG_C: Formula = Formula {
    name: "erlang-c",
    gives: "M/M/c: the share that waits; means and percentiles of wait and sojourn time",
    formula: "C = c*B / (c - a*(1 - B));  Wq = C / (c/S - rate);  P(wait > t) = C*exp(-(c/S - rate)*t)",
    domain: "Poisson arrivals; exponential service times with mean S; c servers, first come first served; a < c",
    source: "Erlang 1917; percentiles of the sojourn time: Gross and Harris",
    given: "20 servers at 180/s, mean service time 100 ms",
    example: || {
        let q = Mmc::new(20, 180.0, 0.1)?;
        Ok(vec![
            ("utilisation", Share(q.utilisation())),
            ("share that waits", Share(q.wait_probability())),
            ("mean wait", Seconds(q.mean_wait())),
            ("mean in flight", Count(q.mean_inside())),
            ("wait p99", Seconds(q.wait_quantile(0.99)?)),
            ("sojourn time p99", Seconds(q.sojourn_quantile(0.99)?)),
        ])
    },
};

/// M/M/c/K.
pub static M_M_C_K: Formula = Formula {
    name: "m-m-c-k",
    gives: "rejected share, wait and throughput of a limit with a bounded queue",
    formula: "p(n) ~ a^n/n! up to c, then times a/c for each one that waits, up to K = permits + queue; rejected = p(K)",
    domain: "Poisson arrivals; exponential service times; any load",
    source: "Kendall 1953; textbook result of birth-death processes",
    given: "20 permits, a queue of 20, 240/s, mean service time 100 ms",
    example: || {
        let q = Mmck::new(20, 20, 240.0, 0.1)?;
        Ok(vec![
            ("rejected", Share(q.loss_probability())),
            ("mean wait of the others", Seconds(q.mean_wait())),
            ("their wait p99", Seconds(q.wait_quantile(0.99)?)),
            ("throughput", PerSecond(q.throughput())),
        ])
    },
};

/// M/D/c.
pub static M_D_C: Formula = Formula {
    name: "m-d-c",
    gives: "M/D/c: the share that waits, mean and percentiles of the wait",
    formula: "number waiting, seen every D: Q' = max(Q + Poisson(a) - c, 0);  one server: Wq = a*D / (2*(1 - a))",
    domain: "Poisson arrivals; constant service time D; c servers, first come first served; a < c",
    source: "Erlang 1909, Crommelin 1932; distribution: Franx 2001",
    given: "20 servers at 180/s, service time always 100 ms",
    example: || {
        let q = Mdc::new(20, 180.0, 0.1)?;
        Ok(vec![
            ("share that waits", Share(q.wait_probability())),
            ("mean wait", Seconds(q.mean_wait())),
            ("wait p99", Seconds(q.wait_quantile(0.99)?)),
        ])
    },
};

/// Pollaczek–Khinchine.
pub static POLLACZEK_KHINCHINE: Formula = Formula {
    name: "pollaczek-khinchine",
    gives: "M/G/1: mean, standard deviation and percentiles of the wait",
    formula: "Wq = rate*E[X^2] / (2*(1 - rho));  E[Wq^2] = 2*Wq^2 + rate*E[X^3] / (3*(1 - rho));  percentiles by inverting the transform",
    domain: "Poisson arrivals; any service time X with the moments needed; one server, first come first served; rho < 1",
    source: "Pollaczek 1930, Khinchine 1932; inversion: Abate and Whitt 1992",
    given: "one server, 1.0667/s (utilisation 80%), service times uniform between 300 and 1200 ms",
    example: || {
        let q = Mg1::new(0.8 / 0.75, service_b())?;
        Ok(vec![
            ("mean wait", Seconds(q.mean_wait()?)),
            ("standard deviation of the wait", Seconds(q.wait_deviation()?)),
            ("wait p99", Seconds(q.wait_quantile(0.99)?)),
            ("sojourn time p99", Seconds(q.sojourn_quantile(0.99)?)),
        ])
    },
};

/// The approximations for M/G/c.
pub static MEAN_OF_M_G_C: Formula = Formula {
    name: "kimura",
    gives: "M/G/c: the mean wait, three approximations; percentiles by interpolation",
    formula: "Kimura: Wq = (1 + v) / (2*v/M + (1 - v)/D);  Bjorklund-Elldin: v*M + (1 - v)*D;  Allen-Cunneen: (1 + v)/2 * M;  \
              M, D = mean wait of M/M/c, M/D/c;  v = squared coefficient of variation",
    domain: "Poisson arrivals; c servers, first come first served; v <= 1 (Allen-Cunneen: any). Against simulations with v = 0.12: \
             Kimura within 1%, Allen-Cunneen up to 17% low, share that waits within 2%, percentiles of the wait within 4%, of the \
             sojourn time within 1%",
    source: "Kimura 1986; Bjorklund and Elldin 1964; Allen 1978, Lee and Longton 1959; Tijms 1994",
    given: "20 servers at utilisation 90%, service times uniform between 300 and 1200 ms",
    example: || {
        let q = Mgc::new(20, 24.0, 0.75, service_b().scv()?)?;
        Ok(vec![
            ("mean wait, Kimura", Seconds(q.kimura()?)),
            ("mean wait, Bjorklund-Elldin", Seconds(q.bjorklund_elldin()?)),
            ("mean wait, Allen-Cunneen", Seconds(q.allen_cunneen())),
            ("share that waits", Share(q.wait_probability()?)),
            ("wait p99", Seconds(q.wait_quantile(0.99)?)),
            ("sojourn time p99", Seconds(q.sojourn_quantiles(&service_b(), [0.99])?[0])),
        ])
    },
};

/// Impatience.
pub static IMPATIENCE: Formula = Formula {
    name: "impatience",
    gives: "M/M/c+G: the share that gives up in the queue, mean wait, goodput, for a bounded wait",
    formula: "J = integral of exp(rate*H(x) - c*x/S), H(x) = min(x, patience);  gives up = (1 + (rate - c/S)*J) / (1/B(c-1) + rate*J)",
    domain: "Poisson arrivals; exponential service times with mean S; patience constant or exponential; any load",
    source: "Palm 1957 (exponential patience); Zeltyn and Mandelbaum 2005",
    given: "20 permits, 240/s, mean service time 100 ms, nobody waits longer than 100 ms",
    example: || {
        let q = Impatient::new(20, 240.0, 0.1, Patience::Constant(0.1))?;
        Ok(vec![
            ("gives up", Share(q.timeout_probability())),
            ("mean time in the queue, of all", Seconds(q.mean_wait())),
            ("goodput", PerSecond(q.goodput())),
        ])
    },
};

/// Processor sharing.
pub static PROCESSOR_SHARING: Formula = Formula {
    name: "processor-sharing",
    gives: "M/G/c-PS: mean sojourn time and mean number in flight",
    formula: "W = that of M/M/c;  one processor: W = S / (1 - rho), and x / (1 - rho) for a request with work x",
    domain: "Poisson arrivals; any service time (only its mean S counts); everybody gets min(1, c/n) of a processor; rho < 1",
    source: "Kleinrock 1967; insensitivity: Sakata, Noguchi and Oizumi 1969, Kelly 1979",
    given: "service times uniform between 300 and 1200 ms: 20 processors at 90%; then one at 80%",
    example: || {
        Ok(vec![
            ("mean sojourn time, 20 processors", Seconds(Sharing::new(20, 24.0, 0.75)?.mean_sojourn())),
            ("mean in flight", Count(Sharing::new(20, 24.0, 0.75)?.mean_inside())),
            ("one processor, mean", Seconds(Sharing::new(1, 0.8 / 0.75, 0.75)?.mean_sojourn())),
            ("one processor, work of 300 ms", Seconds(conditional_sojourn(0.3, 0.8 / 0.75, 0.75)?)),
        ])
    },
};

fn service_b() -> ServiceTime {
    ServiceTime::from(&Profile::service_b())
}
