//! The command that repeats a run of built-in experiments.

use super::{library::Source, suite::is_built_in};
use crate::cli::{Choice, Profile};

/// The seed that all of `sources` have, if it is the same.
pub(super) fn seed(sources: &[Source]) -> Option<u64> {
    let first = sources.first()?.document.seed;
    sources.iter().all(|source| source.document.seed == first).then_some(first)
}

/// `inflight VERB NAMES …` with what was chosen and the experiments' own seed, if they have one in common; `None` if one of
/// `names` is a file.
pub(super) fn command(
    verb: &str,
    names: &[String],
    choice: &Choice,
    (only, set): (&[String], &[String]),
    seed: Option<u64>,
) -> Option<String> {
    if names.iter().any(|name| !is_built_in(name)) {
        return None;
    }
    let mut words = vec![format!("inflight {verb}")];
    words.extend(names.iter().cloned());
    words.extend(choice.seed.or(seed).map(|seed| format!("--seed {seed}")));
    words.extend(choice.rounds.map(|rounds| format!("--rounds {rounds}")));
    words.extend((choice.profile == Profile::Full).then(|| "--profile full".to_string()));
    words.extend(only.iter().map(|arm| format!("--only {arm}")));
    words.extend(set.iter().map(|value| format!("--set '{value}'")));
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_in_it_and_files_have_none() {
        let choice = Choice { seed: None, rounds: Some(3), details: true, profile: Profile::Full };
        let again = |names: &[&str], set: &[&str]| {
            let text = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
            command("sim", &text(names), &choice, (&text(&["async"]), &text(set)), Some(7))
        };
        assert_eq!(
            again(&["tour", "queues"], &["rate=24/s"]).as_deref(),
            Some(
                "inflight sim tour queues --seed 7 --rounds 3 --profile full --only async --set 'rate=24/s'"
            )
        );
        assert_eq!(again(&["tour", "./mine.toml"], &[]), None);
    }
}
