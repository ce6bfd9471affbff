//! What driving cost: processor time of the workers, and what the machine was not there for meanwhile.

use super::worker::Report;
use crate::{processors::Usage, standstill::Standstill};
use inflight_lab::audit::Effort;

/// Looks at the machine from the beginning of a run on.
#[derive(Debug)]
pub(super) struct Meter {
    before: Option<Usage>,
    standstill: Standstill,
}

impl Meter {
    pub(super) fn start() -> Meter {
        Meter { before: Usage::now(), standstill: Standstill::start() }
    }

    /// The effort of these workers, who have just ended.
    pub(super) fn effort(&self, reports: &[Report]) -> Effort {
        let share = |report: &Report| report.cpu.as_secs_f64() / report.wall.as_secs_f64().max(1e-9);
        let stolen = self.before.zip(Usage::now()).map(|(before, now)| now.since(&before).stolen);
        Effort {
            workers: reports.len() as u32,
            realtime: reports.iter().all(|report| report.realtime),
            cpu_ns: reports.iter().map(|report| report.cpu.as_nanos() as u64).sum(),
            busiest_share: reports.iter().map(share).fold(0.0, f64::max),
            stolen_share: stolen,
            stood_still_share: Some(self.standstill.share()),
        }
    }
}
