//! Erlang's two formulas (1917): the share that is lost without a queue, the share that waits with one.

use super::not_applicable::{NotApplicable, Result, positive};

/// More servers than this are not computed.
pub const MAX_SERVERS: u32 = 1_000_000;

/// Erlang B: the share of arrivals that finds all `servers` busy and is lost. `offered` is arrival rate times mean
/// service time, in Erlang; any distribution of service times, any load.
///
/// By B(0) = 1, B(n) = a·B(n−1)/(n + a·B(n−1)), which neither overflows nor cancels.
pub fn erlang_b(servers: u32, offered: f64) -> Result<f64> {
    if servers > MAX_SERVERS {
        return Err(NotApplicable::OutsideDomain("at most 1,000,000 servers"));
    }
    positive(offered, "an offered load above zero")?;
    Ok((1..=servers).fold(1.0, |blocked, n| {
        let arriving = offered * blocked;
        arriving / (f64::from(n) + arriving)
    }))
}

/// Erlang C: the share of arrivals that finds all `servers` busy and waits, however long. Needs `offered` < `servers`.
pub fn erlang_c(servers: u32, offered: f64) -> Result<f64> {
    let blocked = erlang_b(servers, offered)?;
    let servers = f64::from(servers);
    if offered >= servers {
        return Err(NotApplicable::Unstable { utilisation: offered / servers });
    }
    Ok(servers * blocked / (servers - offered * (1.0 - blocked)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;

    #[test]
    fn erlang_b_gives_the_published_digits() {
        for (servers, offered, printed) in [
            (1, 0.9, "0.473684"),
            (2, 1.0, "0.200000"),
            (5, 4.0, "0.199067"),
            (10, 9.0, "0.167963"),
            (20, 10.0, "0.00186905"),
            (20, 15.0, "0.0455932"),
            (20, 18.0, "0.109213"),
            (20, 20.0, "0.158892"),
            (20, 24.0, "0.257083"),
            (50, 45.0, "0.0541045"),
            (100, 90.0, "0.0269574"),
            (100, 100.0, "0.0757005"),
        ] {
            agrees(erlang_b(servers, offered).unwrap(), printed);
        }
    }

    #[test]
    fn ten_thousand_servers_neither_overflow_nor_lose_their_digits() {
        // √(πa/2) balancing: B(a, a) → √(2/(πa)) with relative error of order 1/√a.
        let blocked = erlang_b(10_000, 10_000.0).unwrap();
        let limit = (2.0 / (std::f64::consts::PI * 10_000.0)).sqrt();
        assert!((blocked / limit - 1.0).abs() < 0.01, "{blocked} {limit}");
        let waits = erlang_c(10_000, 9_999.0).unwrap();
        assert!(waits > 0.98 && waits < 1.0, "{waits}");
        assert_eq!(erlang_c(10_000, 1.0).unwrap(), 0.0, "below the smallest double");
    }

    #[test]
    fn without_a_steady_state_there_is_no_share_that_waits() {
        assert_eq!(erlang_c(20, 21.0), Err(NotApplicable::Unstable { utilisation: 1.05 }));
        assert_eq!(erlang_c(1, f64::NAN), Err(NotApplicable::OutsideDomain("an offered load above zero")));
    }
}
