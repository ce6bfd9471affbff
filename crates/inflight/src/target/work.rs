//! What a request asks of the target, and when its answer is due. Pure.

use inflight_lab::{dependency::Latency, load::truth::SingleServer};
use inflight_strategies::units::parse_duration;
use std::{collections::BTreeMap, time::Duration};

/// The longest work and the longest pause that can be asked for.
const LONGEST: Duration = Duration::from_secs(60);
/// The most single servers: each path is one of its own.
const MAX_SERVERS: usize = 64;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// An answer at once.
    AtOnce,
    /// An answer after so long, whatever else is in flight.
    After(Duration),
    /// The work of a single server, first come, first served.
    Single(Latency),
    /// When requests arrived.
    Arrivals,
}

/// Reads a path: `/`, `/after/20ms`, `/single/constant/5ms`, `/single/exponential/5ms`, `/arrivals`.
pub(super) fn asked(path: &str) -> Option<Asked> {
    let path = path.split('?').next().unwrap_or(path);
    let time = |text: &str| {
        parse_duration(&text.replace("%C2%B5", "u"))
            .ok()
            .filter(|time| (Duration::from_nanos(1)..=LONGEST).contains(time))
    };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts[..] {
        [""] => Some(Asked::AtOnce),
        ["arrivals"] => Some(Asked::Arrivals),
        ["after", pause] => time(pause).map(Asked::After),
        ["single", "constant", work] => time(work).map(Latency::Constant).map(Asked::Single),
        ["single", "exponential", work] => time(work).map(Latency::Exponential).map(Asked::Single),
        _ => None,
    }
}

/// When an answer is due, since the first request's arrival, and how long its request waits in line before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: Duration,
    pub(super) wait: Option<Duration>,
}

/// The single servers, one for each path that asks for one.
#[derive(Debug)]
pub(super) struct Servers {
    seed: u64,
    known: BTreeMap<String, SingleServer>,
}

impl Servers {
    pub(super) fn new(seed: u64) -> Servers {
        Servers { seed, known: BTreeMap::new() }
    }

    /// When the answer is due to a request that arrives at `now` and asks for `asked` under `path`. `None` if there are too
    /// many servers, or if it asks for no work.
    pub(super) fn due(&mut self, path: &str, asked: &Asked, now: Duration) -> Option<Due> {
        match asked {
            Asked::AtOnce => Some(Due { at: now, wait: None }),
            Asked::After(pause) => Some(Due { at: now + *pause, wait: None }),
            Asked::Single(work) => {
                if !self.known.contains_key(path) {
                    if self.known.len() == MAX_SERVERS {
                        return None;
                    }
                    self.known.insert(path.into(), SingleServer::new(work.clone(), self.seed));
                }
                let (wait, at) = self.known.get_mut(path)?.take(now);
                Some(Due { at, wait: Some(wait) })
            }
            Asked::Arrivals => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn paths_say_what_is_asked() {
        assert_eq!(asked("/"), Some(Asked::AtOnce));
        assert_eq!(asked("/?x=1"), Some(Asked::AtOnce));
        assert_eq!(asked("/after/20ms"), Some(Asked::After(ms(20))));
        assert_eq!(asked("/single/exponential/5ms"), Some(Asked::Single(Latency::Exponential(ms(5)))));
        for wrong in ["/x", "/after", "/after/0s", "/after/2h", "/after/20", "/single/uniform/5ms", "//after"]
        {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_single_server_is_busy_and_others_are_not() {
        let mut servers = Servers::new(1);
        let mut due = |path: &str, at| {
            let asked = asked(path).expect("a path");
            servers.due(path, &asked, ms(at)).map(|due| (due.at.as_millis(), due.wait.map(|w| w.as_millis())))
        };
        assert_eq!(due("/single/constant/5ms", 0), Some((5, Some(0))));
        assert_eq!(due("/single/constant/5ms", 1), Some((10, Some(4))));
        assert_eq!(due("/single/constant/7ms", 1), Some((8, Some(0))), "another path, another server");
        assert_eq!(due("/after/5ms", 1), Some((6, None)));
        assert_eq!(due("/single/constant/5ms", 30), Some((35, Some(0))));
    }
}
