//! What is shown while a load goes on: a few lines on the terminal, drawn again each second.

use crate::{
    live,
    terminal::{Canvas, ink_of_stderr, width},
};
use hdrhistogram::Histogram;
use inflight_lab::{
    load::Driver,
    record::Recorder,
    report::{self, Around, Moment},
};
use inflight_strategies::rt::Clock as _;
use std::{sync::Arc, time::Duration};

/// One target's history, and its books as they were a second ago.
struct Watched {
    name: String,
    recorder: Arc<Recorder>,
    before: Option<Histogram<u64>>,
    moments: Vec<Moment>,
    late: Option<Duration>,
}

/// Draws until it is aborted; nothing is drawn and nothing is read if nobody can see it.
pub(super) async fn watch(recorders: Vec<(String, Arc<Recorder>)>, driver: Driver<live::World>) {
    let mut canvas = Canvas::new();
    if !canvas.is_shown() {
        return;
    }
    let new = |(name, recorder)| Watched { name, recorder, before: None, moments: Vec::new(), late: None };
    let mut all: Vec<Watched> = recorders.into_iter().map(new).collect();
    let (workload, total) = (driver.workload.to_string(), driver.workload.duration);
    for second in 0_u32.. {
        driver.world.sleep_until(driver.start + Duration::from_secs(second.into())).await;
        if second > 0 {
            all.iter_mut().for_each(|watched| watched.look(&driver));
        }
        let passed = driver.world.now() - driver.start;
        let ink = ink_of_stderr();
        let blocks: Vec<String> = all
            .iter()
            .map(|watched| {
                let around =
                    Around { name: &watched.name, workload: &workload, passed, total, late: watched.late };
                report::live(&around, &watched.moments, width(), &*ink)
            })
            .collect();
        canvas.draw(&blocks.concat());
    }
}

impl Watched {
    fn look(&mut self, driver: &Driver<live::World>) {
        let record = self.recorder.close(driver.world.now());
        let mut fresh = record.answered.clone();
        if let Some(before) = &self.before {
            fresh.subtract(before).expect("what was counted stays counted");
        }
        let at = |quantile| (!fresh.is_empty()).then(|| fresh.value_at_quantile(quantile));
        let ticks = &record.timeline[record.timeline.len().saturating_sub(10)..];
        self.moments.push(Moment {
            in_flight: ticks.iter().map(|tick| tick.in_flight).max().unwrap_or(0),
            p50_us: at(0.5),
            p99_us: at(0.99),
            completed: ticks.iter().map(|tick| u64::from(tick.completed)).sum(),
            other: ticks.iter().map(|tick| u64::from(tick.other)).sum(),
        });
        self.late = (!record.lateness.is_empty())
            .then(|| Duration::from_micros(record.lateness.value_at_quantile(0.99)));
        self.before = Some(record.answered);
    }
}
