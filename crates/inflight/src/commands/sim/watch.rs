//! The lives of single requests: printed, and written for viewers.

use crate::{
    cli,
    commands::library::Source,
    terminal::{print, say},
};
use anyhow::Context as _;
use inflight_lab::trace::{MAX_WATCHED, TraceFile, Watched, draws, life};
use std::sync::Arc;

/// One watcher for each arm, if anybody wants to see.
pub(super) fn each(flags: &cli::Sim, arms: usize) -> Vec<Arc<Watched>> {
    let ids = match (&flags.trace, &flags.trace_file) {
        (Some(ids), _) => ids.clone(),
        (None, Some(_)) => 0..=MAX_WATCHED - 1,
        (None, None) => return Vec::new(),
    };
    (0..arms).map(|_| Arc::new(Watched::new(ids.clone()))).collect()
}

/// Prints and writes what was seen of `arms`.
pub(super) fn show(
    source: &Source,
    flags: &cli::Sim,
    arms: &[usize],
    watched: &[Arc<Watched>],
) -> anyhow::Result<()> {
    let name = |arm: usize| source.document.endpoints[arms[arm]].name.as_str();
    if let Some(ids) = &flags.trace {
        let mut out = String::new();
        let lives: Vec<_> = watched.iter().map(|watched| watched.lives()).collect();
        for id in ids.clone() {
            out.push_str(&format!("{}\n", draws(&source.document, id)));
            for (arm, lives) in lives.iter().enumerate() {
                out.push_str(&life(name(arm), lives.get(&id).map_or(&[], Vec::as_slice)));
            }
            out.push('\n');
        }
        print(out.trim_end_matches('\n'));
        print("\n");
    }
    if let Some(path) = &flags.trace_file {
        let mut file = TraceFile::new();
        watched.iter().enumerate().for_each(|(arm, watched)| file.add(name(arm), watched));
        let json = serde_json::to_vec(&file)?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!(
            "{} events in {}: open it in Perfetto or Chrome",
            file.trace_events.len(),
            path.display()
        ));
    }
    Ok(())
}
