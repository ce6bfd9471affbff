//! How long processors stood still while something was measured.
//!
//! A hypervisor counts as stolen what it gave to others while a processor had work. When it stops a whole machine for a moment, or a
//! processor's timers with it, nothing is counted, and whatever ran there is late by tenths of a second. So one thread per processor
//! asks to be woken every few milliseconds, before all other programs where the system allows that. What it is late by is time in
//! which nobody was served there.

use crate::processors;
use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often a thread wants to be woken.
const EVERY: Duration = Duration::from_millis(5);
/// Being woken later than this is standing still. Busy machines and halted processors let one wait for a few milliseconds.
const LEAST: Duration = Duration::from_millis(20);

/// Those who watch, as long as anybody wants to know.
static WATCH: Mutex<Weak<Watch>> = Mutex::new(Weak::new());

/// How long each processor has stood still so far, in nanoseconds.
#[derive(Debug)]
struct Watch(Vec<AtomicU64>);

impl Watch {
    /// The one of this process: whoever asks first starts it.
    fn shared() -> Arc<Watch> {
        let mut known = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = known.upgrade() {
            return watch;
        }
        let processors = processors::allowed();
        let watch = Arc::new(Watch(processors.iter().map(|_| AtomicU64::new(0)).collect()));
        for (index, processor) in processors.into_iter().enumerate() {
            let watch = Arc::downgrade(&watch);
            // Without a thread nothing is seen there, and nothing is told.
            let _ = thread::Builder::new()
                .name(format!("watch-{processor}"))
                .spawn(move || watch_over(processor, index, &watch));
        }
        *known = Arc::downgrade(&watch);
        watch
    }

    fn so_far(&self) -> Vec<u64> {
        self.0.iter().map(|still| still.load(Ordering::Relaxed)).collect()
    }
}

/// Stays on a processor until nobody wants to know any more.
#[expect(clippy::disallowed_methods, reason = "it watches the machine, outside of any world")]
fn watch_over(processor: usize, index: usize, watch: &Weak<Watch>) {
    if !processors::stay_on(processor) {
        return;
    }
    processors::come_first(2);
    let mut before = Instant::now();
    while let Some(watch) = watch.upgrade() {
        let still = stood_still(before.elapsed());
        watch.0[index].fetch_add(still.as_nanos() as u64, Ordering::Relaxed);
        drop(watch);
        before = Instant::now();
        thread::sleep(EVERY);
    }
}

/// How long a processor stood still, if a thread came back after this time.
fn stood_still(after: Duration) -> Duration {
    Some(after.saturating_sub(EVERY)).filter(|late| *late > LEAST).unwrap_or_default()
}

/// Looks from its beginning on.
#[derive(Debug)]
pub(crate) struct Standstill {
    watch: Arc<Watch>,
    before: Vec<u64>,
    began: Instant,
}

impl Standstill {
    #[expect(clippy::disallowed_methods, reason = "it watches the machine, outside of any world")]
    pub(crate) fn start() -> Standstill {
        let watch = Watch::shared();
        Standstill { before: watch.so_far(), watch, began: Instant::now() }
    }

    /// The share of the time since then in which the worst of the processors stood still.
    pub(crate) fn share(&self) -> f64 {
        let still = self.watch.so_far().into_iter().zip(&self.before).map(|(now, before)| now - before).max();
        let passed = self.began.elapsed().as_nanos().max(1) as f64;
        (still.unwrap_or(0) as f64 / passed).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_some_milliseconds_is_no_standstill() {
        let ms = Duration::from_millis;
        assert_eq!(stood_still(ms(1)), Duration::ZERO);
        assert_eq!(stood_still(ms(25)), Duration::ZERO);
        assert_eq!(stood_still(ms(105)), ms(100));
    }

    #[test]
    fn the_worst_processor_counts_from_the_beginning_on() {
        let look = Standstill::start();
        assert!(Arc::ptr_eq(&look.watch, &Standstill::start().watch), "there is one watch");
        let second = Duration::from_secs(1).as_nanos() as u64;
        look.watch.0[0].fetch_add(3600 * second, Ordering::Relaxed);
        assert!(look.share() > 0.99, "{}", look.share());
        let later = Standstill::start();
        thread::sleep(Duration::from_millis(20));
        assert!(later.share() < 0.99, "{}", later.share());
    }
}
