//! What the system says about this process. On systems without /proc it says nothing, and nothing is exported.

use std::fs;

/// A look at the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) cpu_seconds: f64,
}

impl Look {
    /// Reads /proc/self/stat.
    pub(super) fn now() -> Option<Look> {
        Look::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Look> {
        // The second field is a name in brackets that may hold anything; the third follows the last bracket (proc(5)).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = number(14)? + number(15)?;
        Some(Look {
            resident_bytes: number(24)? * rustix::param::page_size() as u64,
            virtual_bytes: number(23)?,
            threads: number(20)?,
            cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        })
    }
}

/// How many file descriptors are open.
pub(super) fn open_fds() -> Option<u64> {
    // Since Linux 6.2 the directory's size is their number; listing 20,000 of them takes tens of milliseconds.
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 {
        return Some(size);
    }
    // One of those in the list is the directory that is being read.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_shifts_no_field() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1000 4096000 25 18446744073709551615";
        let look = Look::parse(stat).expect("it is a stat line");
        assert_eq!((look.threads, look.virtual_bytes, look.cpu_seconds), (9, 4_096_000, 3.0));
    }
}
