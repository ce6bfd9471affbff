//! Every query of every dashboard, asked of the real Prometheus over the time of the run.

use crate::checkout;
use crate::grafana;
use crate::prometheus::{Prometheus, now};
use crate::report::Checks;
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;

const FOLDER: &str = "deploy/grafana/dashboards";

/// A query without a single finite point would be an empty panel.
pub(super) fn check(checks: &mut Checks, prometheus: &Prometheus, start: f64) -> Result<()> {
    let dashboards = dashboards()?;
    ensure!(!dashboards.is_empty(), "{FOLDER} holds no dashboard");
    for file in dashboards {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let queries = grafana::queries(&text).with_context(|| file.display().to_string())?;
        let mut points = 0;
        let mut empty = 0;
        for query in &queries {
            match ask(prometheus, &query.expression, start) {
                Ok(0) => {
                    empty += 1;
                    checks.check(
                        false,
                        format!("(c) {name}, {}: no finite point: {}", query.place, query.expression),
                    );
                }
                Ok(some) => points += some,
                Err(error) => {
                    empty += 1;
                    checks.check(false, format!("(c) {name}, {}: {error:#}", query.place));
                }
            }
        }
        let full = queries.len() - empty;
        let what =
            format!("(c) {name}: {full} of {} queries return data, {points} finite points", queries.len());
        checks.check(empty == 0 && !queries.is_empty(), what);
    }
    Ok(())
}

fn ask(prometheus: &Prometheus, expression: &str, start: f64) -> Result<usize> {
    let end = now();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a run of minutes"
    )]
    let range = (end - start).max(15.0) as u64;
    prometheus.finite_points(&grafana::substitute(expression, range), start, end)
}

fn dashboards() -> Result<Vec<PathBuf>> {
    let folder = checkout::root().join(FOLDER);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}
