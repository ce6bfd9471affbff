//! What a driver says about itself: how late it was, what it did not send and why, how busy it was; and the verdict that
//! follows.

use crate::{
    experiment::{ArmOutcome, Control, Latencies, MAX_LATENESS_P99},
    record::{Ending, Record},
    wire::Wires,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};

/// What a driver's machine says about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Its worker threads.
    pub workers: u32,
    /// Whether they ran before all other programs (real-time priority).
    pub realtime: bool,
    /// Processor time of all of them, in nanoseconds.
    pub cpu_ns: u64,
    /// The share of one processor that the busiest of them used.
    pub busiest_share: f64,
    /// The share of the processors' time that a hypervisor took away meanwhile, if the system tells.
    pub stolen_share: Option<f64>,
    /// The share of the time in which the worst of the processors stood still, which a system does not count as stolen; `None` if
    /// nobody watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stood_still_share: Option<f64>,
}

impl Effort {
    /// What processors lost, however it was seen, if anybody looked.
    pub fn loss(&self) -> Option<Loss> {
        self.losses().reduce(Loss::or_worse)
    }

    /// What processors lost, if it was so much that the figures are not the target's.
    pub fn robbed(&self) -> Option<Loss> {
        self.loss().filter(|loss| loss.share > MOST_LOST)
    }

    /// What processors lost, if it was so much that a round should be measured again: as before, or a standstill that moves its
    /// p99, which is a hundredth of the time in one piece.
    pub fn spoiled(&self) -> Option<Loss> {
        let most = |loss: &Loss| if loss.seen == Seen::Stolen { MOST_LOST } else { SEEN_LOST };
        self.losses().filter(|loss| loss.share > most(loss)).reduce(Loss::or_worse)
    }

    fn losses(&self) -> impl Iterator<Item = Loss> {
        let seen = |share: Option<f64>, seen| share.map(|share| Loss { share, seen });
        let stolen = seen(self.stolen_share, Seen::Stolen);
        stolen.into_iter().chain(seen(self.stood_still_share, Seen::StoodStill))
    }

    /// This round's, with the shares of `other` where they are worse.
    pub(crate) fn or_worse(self, other: Effort) -> Effort {
        let worse = |a: Option<f64>, b: Option<f64>| [a, b].into_iter().flatten().reduce(f64::max);
        Effort {
            busiest_share: self.busiest_share.max(other.busiest_share),
            stolen_share: worse(self.stolen_share, other.stolen_share),
            stood_still_share: worse(self.stood_still_share, other.stood_still_share),
            ..self
        }
    }
}

/// Time in which processors worked for nobody here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The share of the time.
    pub share: f64,
    seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The system counted it.
    Stolen,
    /// Nobody did, but a thread that should have been woken was not.
    StoodStill,
}

impl Loss {
    /// The larger of two.
    pub fn or_worse(self, other: Loss) -> Loss {
        if other.share > self.share { other } else { self }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share * 100.0;
        match self.seen {
            Seen::Stolen => write!(f, "a hypervisor took {percent:.1} % of the processors' time"),
            Seen::StoodStill => write!(f, "a processor stood still for {percent:.1} % of the time"),
        }
    }
}

/// From this share of lost time on short waits grow by it.
pub const SEEN_LOST: f64 = 0.01;
/// With a larger share of it figures are not the target's.
pub const MOST_LOST: f64 = 0.05;

/// What processors lost while `arms` were measured, of which `repeated` rounds were measured again because it had been too much;
/// `None` if nobody looked.
pub fn steal(arms: &[ArmOutcome], repeated: u32) -> Option<Control> {
    let told = arms.iter().filter_map(|arm| Some((arm.driver.as_ref()?.effort.loss()?, &arm.name)));
    let (loss, arm) = told.reduce(|worst, one| if one.0.share > worst.0.share { one } else { worst })?;
    let ok = loss.share <= SEEN_LOST;
    let again = match repeated {
        0 => String::new(),
        1 => "; one round was measured again, which had lost too much".into(),
        n => format!("; {n} rounds were measured again, which had lost too much"),
    };
    let text = match ok {
        true => format!("{loss} at most"),
        false => format!("{loss} while /{arm} was measured: waits grow by it"),
    };
    Some(Control {
        name: "steal".into(),
        ok,
        text: text + &again,
        figures: BTreeMap::from([
            ("worst_percent".into(), loss.share * 100.0),
            ("rounds_repeated".into(), f64::from(repeated)),
        ]),
    })
}

/// What a driver did and did not do, in the counted time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Its threads and their time.
    pub effort: Effort,
    /// Processor time per request in nanoseconds, the warm-up included in both.
    pub cpu_per_request_ns: u64,
    /// Requests per second that should have been begun.
    pub asked_per_s: f64,
    /// Requests per second that were, in time to count.
    pub begun_per_s: f64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were not, by what became of them. With `sent` these sum to the offered.
    pub not_sent: BTreeMap<Ending, u64>,
    /// Requests sent more than 1 ms after their intended start, for whatever reason.
    pub late: u64,
    /// Requests that the driver itself began more than 1 ms late.
    pub begun_late: u64,
    /// Waits of those requests that had to wait for a connection.
    pub connection_wait: Latencies,
    /// How late requests were begun at the 99.9th percentile, in nanoseconds.
    pub lateness_p999_ns: u64,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether a driver's figures are its target's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Requests were sent when they were due.
    Trustworthy,
    /// They were late: latencies are partly the driver's own.
    Late,
    /// They could not be sent as fast as was asked: the figures are the driver's.
    GeneratorLimited,
}

/// A driver that began less than this share of its requests in time was the limit.
const LEAST_BEGUN: f64 = 0.995;
/// So many requests may be begun after the counted time whatever their share: those that were due just before its end.
const AT_THE_END: u64 = 2;
/// A worker of a closed loop that was busier than this answered as fast as it could itself.
const SATURATED: f64 = 0.97;

impl Verdict {
    /// Judges by what was offered and begun in time, by how late that was at the 99th percentile, by how many requests
    /// failed for want of something of the driver's own, and, in a closed loop, by the busiest worker's share of a processor.
    pub fn of(offered: u64, begun: u64, late_p99: Duration, own: u64, busiest: Option<f64>) -> Verdict {
        let least = (offered as f64 * LEAST_BEGUN) as u64;
        if begun.saturating_add(AT_THE_END) < least || own > 0 || busiest.is_some_and(|b| b > SATURATED) {
            Verdict::GeneratorLimited
        } else if late_p99 > MAX_LATENESS_P99 {
            Verdict::Late
        } else {
            Verdict::Trustworthy
        }
    }
}

impl Audit {
    /// Of a closed record with the books of its connections; `None` without them.
    pub fn of(record: &Record, effort: Effort) -> Option<Audit> {
        let wires: &Wires = record.wires.as_deref()?;
        let seconds = record.counted().as_secs_f64().max(1e-9);
        let late_p99 = Duration::from_micros(record.lateness.value_at_quantile(0.99));
        let own = [Ending::Exhausted, Ending::Unsent].iter().filter_map(|e| record.endings.get(e)).sum();
        let busiest = (!record.has_schedule()).then_some(effort.busiest_share);
        Some(Audit {
            effort,
            cpu_per_request_ns: effort.cpu_ns / record.offered_ever().max(1),
            asked_per_s: record.offered as f64 / seconds,
            begun_per_s: record.begun as f64 / seconds,
            sent: wires.sent,
            not_sent: wires.not_sent.clone(),
            late: wires.late,
            begun_late: wires.begun_late,
            connection_wait: Latencies::of(&wires.connection_wait),
            lateness_p999_ns: record.lateness.value_at_quantile(0.999) * 1000,
            verdict: Verdict::of(record.offered, record.begun, late_p99, own, busiest),
        })
    }

    /// Why the driver's figures cannot be trusted, for people; `None` if they can. Lateness has a line of its own in every
    /// outcome.
    pub fn problem(&self) -> Option<String> {
        let Audit { asked_per_s, begun_per_s, .. } = self;
        if self.verdict == Verdict::GeneratorLimited {
            return Some(format!(
                "the driver was the limit: {asked_per_s:.0}/s asked, {begun_per_s:.0}/s begun in time, its busiest worker used \
                 {:.0} % of a processor",
                self.effort.busiest_share * 100.0
            ));
        }
        Some(format!("{} (at most {:.0} %)", self.effort.robbed()?, MOST_LOST * 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_about_the_driver_only() {
        let us = Duration::from_micros;
        let verdict = |begun, late, own, busiest| Verdict::of(20_000, begun, us(late), own, busiest);
        assert_eq!(verdict(20_000, 80, 0, None), Verdict::Trustworthy);
        assert_eq!(verdict(19_950, 10_000, 0, None), Verdict::Trustworthy);
        assert_eq!(verdict(20_000, 10_001, 0, None), Verdict::Late);
        // What vegeta did when it was asked for 20,000/s on one core: 6 % of it, and "success 100 %".
        assert_eq!(verdict(1_259, 12_000_000, 0, None), Verdict::GeneratorLimited);
        assert_eq!(verdict(20_000, 80, 1, None), Verdict::GeneratorLimited);
        assert_eq!(verdict(20_000, 0, 0, Some(0.5)), Verdict::Trustworthy);
        assert_eq!(verdict(20_000, 0, 0, Some(0.99)), Verdict::GeneratorLimited);
    }

    #[test]
    fn a_round_is_robbed_of_more_than_a_twentieth() {
        let effort = |stolen_share, stood_still_share| {
            let (workers, realtime, cpu_ns, busiest_share) = (1, true, 0, 0.0);
            Effort { workers, realtime, cpu_ns, busiest_share, stolen_share, stood_still_share }
        };
        let robbed = |stolen, still| effort(stolen, still).robbed().map(|loss| loss.to_string());
        let spoiled = |stolen, still| effort(stolen, still).spoiled().map(|loss| loss.share);
        let (taken, still) = (
            "a hypervisor took 6.0 % of the processors' time",
            "a processor stood still for 11.0 % of the time",
        );
        assert_eq!(robbed(Some(0.06), None).as_deref(), Some(taken));
        assert_eq!(robbed(Some(0.06), Some(0.11)).as_deref(), Some(still));
        assert_eq!([robbed(Some(0.05), Some(0.05)), robbed(None, None)], [None, None]);
        // The larger of the two need not be the one that moves a p99.
        assert_eq!(spoiled(Some(0.04), Some(0.03)), Some(0.03));
        assert_eq!([spoiled(Some(0.05), Some(0.01)), spoiled(None, None)], [None, None]);
    }

    #[test]
    fn the_last_requests_may_be_begun_after_the_end() {
        assert_eq!(Verdict::of(3, 1, Duration::ZERO, 0, None), Verdict::Trustworthy);
        assert_eq!(Verdict::of(0, 0, Duration::ZERO, 0, None), Verdict::Trustworthy);
        assert_eq!(Verdict::of(100, 90, Duration::ZERO, 0, None), Verdict::GeneratorLimited);
    }
}
