//! The processors of this machine: how busy they are, how much of them a hypervisor takes away, and who comes first on them.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::{fs, num::NonZero};
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ScheduleParams, ThreadPriority,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Processor time since the start, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    all: u64,
    idle: u64,
    stolen: u64,
}

/// Shares of the processors' time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shares {
    pub(crate) busy: f64,
    pub(crate) stolen: f64,
}

/// How many processors this machine has, whichever of them this process may use: one that was given one of several has it to
/// itself.
pub(crate) fn of_the_machine() -> usize {
    let counted = fs::read_to_string("/proc/stat").map_or(0, |stat| count(&stat));
    counted.max(std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// The processors on which this process may run.
pub(crate) fn allowed() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number)).collect()
}

/// Puts this thread on one processor. Whether the system lets it.
pub(crate) fn stay_on(processor: usize) -> bool {
    let mut here = CpuSet::new();
    here.set(processor);
    sched_setaffinity(None, &here).is_ok()
}

/// Puts this thread before all whose real-time priority is less than `priority` or who have none, if the system lets it and there is
/// another processor for them. Whether it did.
pub(crate) fn come_first(priority: i32) -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let priority = ThreadPriority::from_posix(ScheduleParams { sched_priority: priority });
    of_the_machine() > 1 && set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
}

/// Puts this thread behind everybody else. Whether the system lets it.
pub(crate) fn step_back() -> bool {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy).is_ok()
}

/// Whether a hypervisor lends this machine its processors, if they tell.
pub(crate) fn are_lent() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| is_lent(&info))
}

/// Whether the first processor of `/proc/cpuinfo` has the flag that hypervisors set.
fn is_lent(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags")?.split_once(':'));
    flags.is_some_and(|(_, flags)| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// The lines of `/proc/stat` that are about one processor each.
fn count(stat: &str) -> usize {
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    stat.lines().filter(is_one).count()
}

impl Usage {
    /// Up to now, if the system tells.
    pub(crate) fn now() -> Option<Usage> {
        Usage::read(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// From the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
    fn read(stat: &str) -> Option<Usage> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|tick| tick.parse().ok()).take(8).collect();
        let [_, _, _, idle, waiting, _, _, stolen] = ticks[..] else { return None };
        Some(Usage { all: ticks.iter().sum(), idle: idle + waiting, stolen })
    }

    pub(crate) fn since(&self, earlier: &Usage) -> Shares {
        let all = self.all.saturating_sub(earlier.all).max(1) as f64;
        let idle = self.idle.saturating_sub(earlier.idle) as f64;
        let stolen = self.stolen.saturating_sub(earlier.stolen) as f64;
        Shares { busy: (1.0 - (idle + stolen) / all).clamp(0.0, 1.0), stolen: stolen / all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_by_their_lines() {
        assert_eq!(count("cpu  1 2 3\ncpu0 1 2\ncpu1 1 2\nintr 3\n"), 2);
    }

    #[test]
    fn a_hypervisor_is_known_by_its_flag() {
        assert!(is_lent("processor\t: 0\nflags\t\t: fpu hypervisor lahf_lm\nbugs\t\t:\n"));
        assert!(!is_lent("processor\t: 0\nflags\t\t: fpu lahf_lm\nbugs\t\t: hypervisor\n"));
        assert!(!is_lent("processor\t: 0\nFeatures\t: fp asimd\n"));
    }

    #[test]
    fn the_share_of_others_is_what_was_neither_idle_nor_stolen() {
        let before = Usage::read("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2\n").expect("a line");
        let after = Usage::read("cpu  130 0 60 840 60 0 0 10 0 0\n").expect("a line");
        assert_eq!(after.since(&before), Shares { busy: 0.4, stolen: 0.1 });
        assert_eq!(Usage::read("cpu  1 2 3"), None);
        assert_eq!(Usage::read(""), None);
    }
}
