//! What is shown while a load goes on: a few lines on the terminal, drawn again each second.

use crate::{
    driver::Watch,
    terminal::{Canvas, ink_of_stderr, width},
};
use hdrhistogram::Histogram;
use inflight_lab::report::{self, Around, Moment};
use std::time::Duration;

/// One target's history, and its books as they were a second ago.
struct Watched {
    name: String,
    watch: Watch,
    before: Option<Histogram<u64>>,
    moments: Vec<Moment>,
    late: Option<Duration>,
}

/// Draws until it is aborted; nothing is drawn and nothing is read if nobody can see it.
pub(super) async fn watch(targets: Vec<(String, Watch)>, workload: String, total: Duration) {
    let mut canvas = Canvas::new();
    if !canvas.is_shown() {
        return;
    }
    let new = |(name, watch)| Watched { name, watch, before: None, moments: Vec::new(), late: None };
    let mut all: Vec<Watched> = targets.into_iter().map(new).collect();
    // A picture may be a little late: nothing is measured by it.
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for second in 0_u32.. {
        seconds.tick().await;
        if second > 0 {
            all.iter_mut().for_each(Watched::look);
        }
        let ink = ink_of_stderr();
        let blocks: Vec<String> = all
            .iter()
            .map(|watched| {
                let (name, workload, passed) = (&watched.name, &workload, watched.watch.passed());
                let around = Around { name, workload, passed, total, late: watched.late };
                report::live(&around, &watched.moments, width(), &*ink)
            })
            .collect();
        canvas.draw(&blocks.concat());
    }
}

impl Watched {
    fn look(&mut self) {
        let glance = self.watch.glance();
        let mut fresh = glance.answered.clone();
        if let Some(before) = &self.before {
            fresh.subtract(before).expect("what was counted stays counted");
        }
        let at = |quantile| (!fresh.is_empty()).then(|| fresh.value_at_quantile(quantile));
        // The last of them has only begun.
        let ticks = &glance.ticks[..glance.ticks.len().saturating_sub(1)];
        self.moments.push(Moment {
            in_flight: ticks.iter().map(|tick| tick.in_flight).max().unwrap_or(glance.in_flight),
            p50_us: at(0.5),
            p99_us: at(0.99),
            completed: ticks.iter().map(|tick| u64::from(tick.completed)).sum(),
            other: ticks.iter().map(|tick| u64::from(tick.other)).sum(),
        });
        self.late = (!glance.lateness.is_empty())
            .then(|| Duration::from_micros(glance.lateness.value_at_quantile(0.99)));
        self.before = Some(glance.answered);
    }
}
