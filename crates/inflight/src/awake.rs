//! Keeps processors from halting while something is measured.
//!
//! A processor with nothing to do halts. Under a hypervisor that gives it back to the host, and what is to wake on it waits until
//! the host returns it: tens of microseconds on a quiet host, milliseconds on a shared one, in every sleep, every answer and every
//! pause of the driver. The system counts those waits as stolen time. So one thread per processor stays there and asks the system,
//! every few microseconds, whether anybody else wants it. The threads are of the idle class (`SCHED_IDLE`, sched(7)), behind all
//! others. Asking is what matters: a kernel that preempts lazily may let a mere loop go on until its next tick.

use crate::{cli::Idle, processors};
use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

/// How often a thread looks away between two questions: some microseconds.
const PAUSES: u32 = 200;

/// As long as it lives, processors do not halt, or are left alone.
#[derive(Debug)]
pub(crate) struct Awake(Option<Arc<AtomicBool>>);

impl Awake {
    /// As was asked, or as suits this machine: kept awake where a hypervisor would take halted processors away, if no quota
    /// counts the time that this takes.
    pub(crate) fn new(idle: Option<Idle>) -> Awake {
        match idle.unwrap_or_else(suitable) {
            Idle::Halt => Awake(None),
            Idle::Poll => Awake::keep(),
        }
    }

    /// Whether processors are kept awake.
    pub(crate) fn keeps(&self) -> bool {
        self.0.is_some()
    }

    /// All processors, or none if the system does not let us.
    fn keep() -> Awake {
        let awake = Awake(Some(Arc::new(AtomicBool::new(false))));
        let stays = processors::allowed().into_iter().map(|number| awake.start(number)).collect::<Vec<_>>();
        let all_stay = stays.iter().all(|stays| stays.as_ref().is_some_and(|stays| stays.recv() == Ok(true)));
        if all_stay { awake } else { Awake(None) }
    }

    /// Starts the thread that stays on a processor, and is told whether it does.
    fn start(&self, number: usize) -> Option<Receiver<bool>> {
        let over = self.0.clone()?;
        let (tell, told) = sync_channel(1);
        let stay = move || {
            let may = processors::stay_on(number) && processors::step_back();
            let _ = tell.send(may);
            if may {
                stay(&over);
            }
        };
        thread::Builder::new().name(format!("awake-{number}")).spawn(stay).ok().map(|_| told)
    }
}

impl Drop for Awake {
    /// Nobody waits for the threads: where there is work they come last.
    fn drop(&mut self) {
        if let Some(over) = &self.0 {
            over.store(true, Ordering::Relaxed);
        }
    }
}

fn stay(over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        (0..PAUSES).for_each(|_| std::hint::spin_loop());
        thread::yield_now();
    }
}

/// What suits this machine.
fn suitable() -> Idle {
    // What a process may use at once is less than its processors where it has a quota.
    let without_quota =
        thread::available_parallelism().map_or(1, NonZero::get) >= processors::allowed().len();
    if without_quota && processors::are_lent() { Idle::Poll } else { Idle::Halt }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, time::Duration};

    /// The scheduling policies of the threads that keep processors awake: the 41st field of their `stat` (proc(5)).
    fn policies() -> Vec<u32> {
        let tasks = fs::read_dir("/proc/self/task").expect("Linux");
        let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
        stats
            .filter(|stat| stat.contains("(awake-"))
            .filter_map(|stat| stat.rsplit_once(") ")?.1.split(' ').nth(38)?.parse().ok())
            .collect()
    }

    fn becomes(expected: &[u32]) -> bool {
        (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            policies() == expected
        })
    }

    #[test]
    fn processors_are_kept_awake_by_the_idle_class_until_it_is_over() {
        const SCHED_IDLE: u32 = 5;
        let awake = Awake::new(Some(Idle::Poll));
        assert!(awake.keeps());
        assert!(becomes(&vec![SCHED_IDLE; processors::allowed().len()]), "{:?}", policies());
        drop(awake);
        assert!(becomes(&[]), "{:?}", policies());
        assert!(!Awake::new(Some(Idle::Halt)).keeps());
    }
}
