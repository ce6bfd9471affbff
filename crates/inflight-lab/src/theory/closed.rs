//! Closed loops: N users who think, ask, and wait for the answer before they think again.

use super::not_applicable::{NotApplicable, Result, positive};

/// More users than this are not computed.
pub const MAX_USERS: u32 = 1_000_000;

/// What a closed loop does in its steady state. Times in seconds, rates per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosedLoop {
    /// X: answers per second.
    pub throughput: f64,
    /// R: from question to answer, in seconds.
    pub response: f64,
}

/// The machine repairman, M/M/c//N: `users` with exponential think times of mean `think`, `servers` with exponential
/// service times of mean `service`. Exact, by the birth–death process.
pub fn repairman(users: u32, think: f64, servers: u32, service: f64) -> Result<ClosedLoop> {
    check(users, think, service)?;
    if servers == 0 {
        return Err(NotApplicable::OutsideDomain("at least one server"));
    }
    if think == 0.0 {
        // All are always inside.
        let throughput = f64::from(users.min(servers)) / service;
        return Ok(ClosedLoop { throughput, response: f64::from(users) / throughput });
    }
    let (mut weight, mut total, mut busy) = (1.0, 1.0, 0.0);
    for n in 1..=users {
        // From n − 1 to n at the rate (N − n + 1)/Z, back at min(n, c)/S.
        let served = f64::from(n.min(servers));
        weight *= f64::from(users - n + 1) / think * service / served;
        total += weight;
        busy += weight * served;
        if weight > 1e200 {
            (weight, total, busy) = (weight * 1e-200, total * 1e-200, busy * 1e-200);
        }
    }
    let throughput = busy / total / service;
    Ok(ClosedLoop { throughput, response: f64::from(users) / throughput - think })
}

/// Mean value analysis (Reiser and Lavenberg 1980): `users` with think times of mean `think` who pass every station once,
/// each a single server, first come first served with exponential service, or processor sharing with any, whose mean
/// work is in `demands`. Exact.
pub fn mean_value_analysis(users: u32, think: f64, demands: &[f64]) -> Result<ClosedLoop> {
    if demands.is_empty() {
        return Err(NotApplicable::OutsideDomain("at least one station"));
    }
    demands.iter().try_for_each(|demand| check(users, think, *demand))?;
    let mut inside = vec![0.0; demands.len()];
    let mut all = ClosedLoop { throughput: 0.0, response: 0.0 };
    for n in 1..=users {
        // An arrival sees the network with one user less.
        let at_each = |(demand, others): (&f64, &f64)| demand * (1.0 + others);
        let responses: Vec<f64> = demands.iter().zip(&inside).map(at_each).collect();
        let response = responses.iter().sum();
        let throughput = f64::from(n) / (think + response);
        inside.iter_mut().zip(responses).for_each(|(l, r)| *l = throughput * r);
        all = ClosedLoop { throughput, response };
    }
    Ok(all)
}

/// The best that any closed loop can do (Muntz and Wong 1974): X ≤ min(N/(Z + S), c/S), and so R ≥ max(S, N·S/c − Z).
pub fn asymptotic_bounds(users: u32, think: f64, servers: u32, service: f64) -> Result<ClosedLoop> {
    check(users, think, service)?;
    let throughput = (f64::from(users) / (think + service)).min(f64::from(servers) / service);
    positive(throughput, "at least one server")?;
    Ok(ClosedLoop { throughput, response: f64::from(users) / throughput - think })
}

fn check(users: u32, think: f64, service: f64) -> Result<()> {
    if users == 0 || users > MAX_USERS {
        return Err(NotApplicable::OutsideDomain("1 to 1,000,000 users"));
    }
    if !(think >= 0.0 && think.is_finite()) {
        return Err(NotApplicable::OutsideDomain("a think time of zero or more"));
    }
    positive(service, "a mean service time above zero").map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, all_agree};
    use super::*;

    #[test]
    fn the_repairman_gives_the_published_digits() {
        for (servers, users, printed) in [
            (1, 10, "7.85418, 273.208"),
            (1, 20, "9.98131, 1003.75"),
            (1, 50, "10.0000, 4000.00"),
            (4, 20, "18.1197, 103.771"),
            (4, 50, "38.8498, 287.007"),
            (4, 100, "40.0000, 1500.00"),
            (20, 100, "90.9087, 100.005"),
            (20, 220, "192.230, 144.462"),
            (20, 300, "200.000, 500.000"),
        ] {
            let closed = repairman(users, 1.0, servers, 0.1).unwrap();
            all_agree(&[closed.throughput, closed.response * 1e3], printed);
        }
    }

    #[test]
    fn mean_value_analysis_of_one_station_is_the_repairman() {
        for (users, think) in [(1, 1.0), (10, 1.0), (37, 0.2), (500, 3.0), (9, 0.0)] {
            let (mva, exact) = (
                mean_value_analysis(users, think, &[0.1]).unwrap(),
                repairman(users, think, 1, 0.1).unwrap(),
            );
            agrees(mva.throughput / exact.throughput, "1.0000000000");
        }
    }

    #[test]
    fn nothing_beats_the_bounds_and_both_ends_reach_them() {
        for users in [1, 5, 20, 100, 1000] {
            for servers in [1, 4, 20] {
                let (exact, best) = (
                    repairman(users, 1.0, servers, 0.1).unwrap(),
                    asymptotic_bounds(users, 1.0, servers, 0.1).unwrap(),
                );
                assert!(exact.throughput <= best.throughput * (1.0 + 1e-12), "{users} {servers}");
                assert!(exact.response >= best.response - 1e-9, "{users} {servers}");
            }
        }
        agrees(repairman(1, 1.0, 4, 0.1).unwrap().response, "0.1000000000");
        agrees(repairman(100_000, 1.0, 4, 0.1).unwrap().throughput, "40.0000000000");
        let two = mean_value_analysis(1_000, 0.0, &[0.1, 0.05]).unwrap();
        agrees(two.throughput, "10.0000000000");
    }

    #[test]
    fn extremes_stay_finite() {
        let closed = repairman(1_000_000, 1.0, 10_000, 1.0).unwrap();
        agrees(closed.throughput, "10000.000000");
        assert!(repairman(0, 1.0, 1, 0.1).is_err() && repairman(1, -1.0, 1, 0.1).is_err());
    }
}
