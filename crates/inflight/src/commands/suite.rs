//! The experiments that are built in, and groups of them by one name.

/// Name and text of an experiment.
pub(super) type BuiltIn = (&'static str, &'static str);

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../experiments/", $name, ".toml")))),*]
    };
}

/// Every built-in experiment.
pub(super) const EXPERIMENTS: &[BuiltIn] = built_in![
    "sync-or-async",
    "sync-or-async-closed",
    "unbounded",
    "unbounded-sleeping",
    "backpressure",
    "timeouts",
    "measured",
    "seed-sleeping",
    "seed-degrading",
    "seed-closed",
    "seed-closed-pool",
    "seed-saturated",
    "four-endpoints",
    "memory-cliff",
    "limit-and-pool",
    "limit-and-knee",
    "blocking-calls",
    "one-task-or-two",
    "adaptive-limits",
    "queues",
    "hedging",
    "hedging-no-stragglers",
    "hedging-pool",
    "metastable-retries",
    "repro-brooker-collapse",
    "repro-brooker-retries",
    "repro-osdi22-step",
];

/// Several experiments by one name.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    /// What it is, in a few words.
    pub(super) what: &'static str,
    pub(super) members: &'static [&'static str],
}

/// Every group. What is in no group is run by its own name.
pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "tour",
        what: "the five questions of the lab",
        members: &[
            "sync-or-async",
            "sync-or-async-closed",
            "unbounded",
            "unbounded-sleeping",
            "backpressure",
            "timeouts",
            "measured",
        ],
    },
    Group {
        name: "seed-claims",
        what: "what the original lab expected of its endpoints, regime by regime",
        members: &["seed-sleeping", "seed-degrading", "seed-closed", "seed-closed-pool", "seed-saturated"],
    },
    Group {
        name: "beyond",
        what: "limits, hedges, blocking calls and tasks where they help and where they harm",
        members: &[
            "memory-cliff",
            "limit-and-pool",
            "limit-and-knee",
            "blocking-calls",
            "one-task-or-two",
            "adaptive-limits",
            "hedging",
            "hedging-no-stragglers",
            "hedging-pool",
        ],
    },
    Group {
        name: "reproductions",
        what: "published experiments as models that fit one machine",
        members: &[
            "metastable-retries",
            "repro-brooker-collapse",
            "repro-brooker-retries",
            "repro-osdi22-step",
            "queues",
        ],
    },
];

/// The name of all groups together.
pub(super) const SUITE: &str = "suite";

/// Whether `name` is that of a built-in experiment or of a group of them.
pub(super) fn is_built_in(name: &str) -> bool {
    members(name).iter().all(|member| EXPERIMENTS.iter().any(|known| known.0 == *member))
}

/// The experiments that `name` stands for: those of a group, of all groups, or itself.
pub(super) fn members(name: &str) -> Vec<&str> {
    match GROUPS.iter().find(|group| group.name == name) {
        Some(group) => group.members.to_vec(),
        None if name == SUITE => GROUPS.iter().flat_map(|group| group.members).copied().collect(),
        None => vec![name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn groups_name_what_is_built_in_and_nothing_twice() {
        let known: BTreeSet<&str> = EXPERIMENTS.iter().map(|known| known.0).collect();
        assert_eq!(known.len(), EXPERIMENTS.len());
        let suite = members(SUITE);
        assert_eq!(suite.iter().collect::<BTreeSet<_>>().len(), suite.len());
        assert!(suite.iter().all(|name| known.contains(name)));
        assert!(GROUPS.iter().all(|group| !known.contains(group.name)));
    }
}
