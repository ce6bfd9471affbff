//! A sweep: arms × factors × seeds. Every combination of levels is a cell; every cell runs every arm with the same seeds, so
//! that cells and arms differ in nothing but what is asked (common random numbers).

use super::{
    diagnostics::Diagnostics,
    factor::{Factor, FactorError},
    reader::ReadFile,
    spec::Document,
};
use std::fmt;

/// The most cells that a sweep has.
pub const MAX_CELLS: usize = 10_000;
/// The most jobs, arms × cells × seeds, that a sweep has.
pub const MAX_JOBS: usize = 100_000;

/// One combination of levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The level of each factor, in the factors' order.
    pub levels: Vec<String>,
    /// The experiment with these levels.
    pub document: Document,
}

/// One run of one arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The number of its cell.
    pub cell: usize,
    /// The number of its arm in [`Sweep::arms`].
    pub arm: usize,
    /// The number of its replication.
    pub replication: usize,
}

/// What is to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What changes.
    pub factors: Vec<Factor>,
    /// The combinations, the last factor's levels changing fastest.
    pub cells: Vec<Cell>,
    /// The arms, as numbers of endpoints.
    pub arms: Vec<usize>,
    /// How often each arm of each cell is run.
    pub replications: usize,
}

/// Why there is no such sweep.
#[derive(Clone, Debug, PartialEq)]
pub enum SweepError {
    /// A factor does not fit the experiment.
    Factor(FactorError),
    /// With these levels the experiment has problems.
    Levels {
        /// The levels, such as `rate=10/s`.
        levels: String,
        /// What is wrong.
        diagnostics: Diagnostics,
    },
    /// So many cells or jobs are too many.
    TooLarge {
        /// Cells.
        cells: usize,
        /// Jobs.
        jobs: usize,
    },
}

impl fmt::Display for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SweepError::Factor(error) => error.fmt(f),
            SweepError::Levels { levels, diagnostics } => write!(f, "{diagnostics}\nwith {levels}"),
            SweepError::TooLarge { cells, jobs } => {
                write!(
                    f,
                    "{cells} cells and {jobs} jobs (arms × cells × seeds): at most {MAX_CELLS} and {MAX_JOBS}"
                )
            }
        }
    }
}

impl std::error::Error for SweepError {}

impl Sweep {
    /// Plans the sweep of `factors` over the experiment `text`, which is called `file` in messages. Every cell is read, so that
    /// a level that cannot be is known before anything runs.
    pub fn plan(
        (text, file, read_file): (&str, &str, ReadFile<'_>),
        factors: Vec<Factor>,
        arms: Vec<usize>,
        replications: usize,
    ) -> Result<Sweep, SweepError> {
        let cells = factors.iter().fold(1_usize, |n, factor| n.saturating_mul(factor.levels.len()));
        let jobs = cells.saturating_mul(arms.len()).saturating_mul(replications);
        if cells > MAX_CELLS || jobs > MAX_JOBS {
            return Err(SweepError::TooLarge { cells, jobs });
        }
        let read = |cell| {
            let levels = levels(&factors, cell);
            let document = document((text, file, read_file), &factors, &levels)?;
            Ok(Cell { levels, document })
        };
        let cells = (0..cells).map(read).collect::<Result<_, _>>()?;
        Ok(Sweep { factors, cells, arms, replications })
    }

    /// The time-scale of all cells, if they have one in common.
    pub fn time_scale(&self) -> Option<f64> {
        let first = self.cells.first()?.document.time_scale;
        self.cells.iter().all(|cell| cell.document.time_scale == first).then_some(first)
    }

    /// How many jobs there are.
    pub fn jobs(&self) -> usize {
        self.cells.len() * self.arms.len() * self.replications
    }

    /// Job `number`: cells first, then arms, then replications.
    pub fn job(&self, number: usize) -> Job {
        let (row, replication) = (number / self.replications, number % self.replications);
        Job { cell: row / self.arms.len(), arm: row % self.arms.len(), replication }
    }

    /// The experiment of `job` with its seed, and the number of the endpoint that is its arm.
    pub fn task(&self, job: Job) -> (Document, usize) {
        let mut document = self.cells[job.cell].document.clone();
        document.seed = document.seed.wrapping_add(job.replication as u64);
        (document, self.arms[job.arm])
    }
}

/// The levels of cell `number`.
fn levels(factors: &[Factor], mut number: usize) -> Vec<String> {
    let mut levels: Vec<String> = Vec::new();
    for factor in factors.iter().rev() {
        levels.push(factor.levels[number % factor.levels.len()].clone());
        number /= factor.levels.len();
    }
    levels.reverse();
    levels
}

/// The experiment `text` with every factor at its level.
fn document(
    (text, file, read_file): (&str, &str, ReadFile<'_>),
    factors: &[Factor],
    levels: &[String],
) -> Result<Document, SweepError> {
    let text = set_levels(text, factors, levels).map_err(SweepError::Factor)?;
    Document::read(&text, file, read_file).map_err(|diagnostics| {
        let levels: Vec<String> =
            factors.iter().zip(levels).map(|(f, level)| format!("{}={level}", f.key)).collect();
        SweepError::Levels { levels: levels.join(", "), diagnostics }
    })
}

/// The experiment `text` with every factor at its level, as text.
pub fn set_levels(text: &str, factors: &[Factor], levels: &[String]) -> Result<String, FactorError> {
    factors
        .iter()
        .zip(levels)
        .try_fold(text.to_string(), |text, (factor, level)| factor.applied(&text, level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
[workload]
arrivals = { poisson = { rate = \"20/s\" } }
duration = \"10s\"
[[arm]]
name = \"one\"
calls = \"parallel\"
b = [ { limit = { permits = 20 } } ]
[[arm]]
name = \"two\"
calls = \"sequential\"
";

    fn plan(factors: &[&str], arms: Vec<usize>, replications: usize) -> Result<Sweep, SweepError> {
        let factors = factors.iter().map(|text| Factor::parse(text).expect("a factor")).collect();
        Sweep::plan((TEXT, "x.toml", &|_| Err("no files".into())), factors, arms, replications)
    }

    #[test]
    fn cells_are_all_combinations_the_last_factor_fastest() {
        let sweep = plan(&["rate=10/s,20/s", "permits=1..3/1"], vec![0, 1], 1).expect("a sweep");
        let cells: Vec<String> = sweep.cells.iter().map(|cell| cell.levels.join(" ")).collect();
        assert_eq!(cells, ["10/s 1", "10/s 2", "10/s 3", "20/s 1", "20/s 2", "20/s 3"]);
        let rates: Vec<f64> = sweep
            .cells
            .iter()
            .filter_map(|cell| Some(cell.document.workload.as_ref()?.rate()?.as_per_second()))
            .collect();
        assert_eq!(rates, [10.0, 10.0, 10.0, 20.0, 20.0, 20.0]);
    }

    #[test]
    fn a_level_that_cannot_be_is_told_with_its_place() {
        let Err(error) = plan(&["rate=10/s,fast"], vec![0], 1) else { panic!("fast is no rate") };
        let text = error.to_string();
        assert!(text.contains("x.toml:2:33"), "{text}");
        assert!(text.ends_with("with rate=fast"), "{text}");
    }

    #[test]
    fn a_sweep_has_bounds() {
        assert!(matches!(
            plan(&["permits=1..200/1", "rate=1/s..100/s/1/s"], vec![0], 1),
            Err(SweepError::TooLarge { cells: 20_000, .. })
        ));
        assert!(matches!(
            plan(&["permits=1..100/1"], vec![0, 1], 501),
            Err(SweepError::TooLarge { jobs: 100_200, .. })
        ));
    }

    proptest! {
        /// Every job is one of arms × cells × seeds, none is there twice, and its seed depends on its replication alone.
        #[test]
        fn jobs_are_arms_by_cells_by_seeds(rates in 1usize..4, permits in 1usize..4, replications in 1usize..5) {
            let factors = [format!("permits=1..{permits}/1"), format!("rate=1/s..{rates}/s/1/s")];
            let sweep = plan(&[&factors[0], &factors[1]], vec![0, 1], replications).expect("a sweep");
            prop_assert_eq!(sweep.jobs(), rates * permits * 2 * replications);
            let mut seen = std::collections::BTreeSet::new();
            for number in 0..sweep.jobs() {
                let job = sweep.job(number);
                prop_assert!(seen.insert((job.cell, job.arm, job.replication)));
                let (document, endpoint) = sweep.task(job);
                prop_assert_eq!(document.seed, 1 + job.replication as u64);
                prop_assert_eq!(endpoint, job.arm);
            }
        }
    }
}
