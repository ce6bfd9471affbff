//! What a load needs of this machine, and what there is: file descriptors and ports.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// Raises the limit on open files as far as the system lets us and returns it: each request in flight needs one.
pub fn raise_open_files() -> u64 {
    const WANTED: u64 = 1 << 18;
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX);
    let higher = [(WANTED, WANTED.max(hard)), (hard.min(WANTED), hard)];
    for (current, maximum) in higher {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        if now.current.is_some_and(|c| c < current) && setrlimit(Resource::Nofile, limit).is_ok() {
            return current;
        }
    }
    now.current.unwrap_or(WANTED)
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Files that this process may have open.
    pub files: u64,
    /// Ports that connections from one address to one port may have; `None` if the system does not tell.
    pub ports: Option<u64>,
}

impl Machine {
    /// This one, with its limit on open files raised.
    pub fn look() -> Machine {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
        Machine { files: raise_open_files(), ports: range.as_deref().and_then(ports) }
    }
}

/// How many ports there are in `range`, the first and the last.
fn ports(range: &str) -> Option<u64> {
    let mut bounds = range.split_whitespace().map(|bound| bound.parse::<u64>().ok());
    let (first, last) = (bounds.next()??, bounds.next()??);
    Some((last + 1).saturating_sub(first))
}

/// What a load needs at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Connections at once.
    pub connections: u64,
    /// Addresses from which they are made: 1 if the system chooses.
    pub sources: u64,
    /// Whether they are TCP, which needs ports.
    pub tcp: bool,
}

/// Files beside connections: the program's own.
const OWN_FILES: u64 = 32;

impl Needs {
    /// What there is too little of, for people; nothing if there is enough.
    pub fn lacks(&self, machine: &Machine) -> Vec<String> {
        let mut lacks = Vec::new();
        let files = self.connections + OWN_FILES;
        if files > machine.files {
            lacks.push(format!(
                "{} connections may need {files} open files, and this process may have {}: raise `ulimit -n`",
                self.connections, machine.files
            ));
        }
        let ports = machine.ports.filter(|_| self.tcp).map(|ports| ports.saturating_mul(self.sources.max(1)));
        if let Some(ports) = ports.filter(|ports| self.connections > *ports) {
            lacks.push(format!(
                "{} connections may need as many ports, and there are {ports}: use more source addresses, or widen \
                 net.ipv4.ip_local_port_range",
                self.connections
            ));
        }
        lacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_little_is_told() {
        let machine = Machine { files: 20_000, ports: ports("32768\t60999\n") };
        let needs = |connections, sources| Needs { connections, sources, tcp: true };
        assert_eq!(machine.ports, Some(28_232));
        assert_eq!(needs(10_000, 1).lacks(&machine), Vec::<String>::new());
        assert_eq!(needs(20_000, 1).lacks(&machine).len(), 1);
        assert_eq!(needs(50_000, 1).lacks(&machine).len(), 2);
        assert_eq!(needs(50_000, 2).lacks(&machine).len(), 1);
        assert_eq!(Needs { tcp: false, ..needs(50_000, 1) }.lacks(&machine).len(), 1);
    }

    #[test]
    fn a_range_that_is_none_has_no_ports() {
        assert_eq!([ports(""), ports("1"), ports("a b")], [None; 3]);
    }
}
