//! How much a search costs: its bounds.

/// The bounds of a search. All of them together bound the number of its trials and the requests of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Requests that a trial counts, about.
    pub requests: f64,
    /// Seeds of the coarse grid, of its survivors, of a refinement, of the last round, and of the judgement and the margins.
    pub seeds: [u64; 5],
    /// By which factor limits of the coarse grid are apart.
    pub stride: f64,
    /// So many of each limit survive the coarse grid.
    pub survivors: usize,
    /// So many are the centres of a refinement.
    pub centres: usize,
    /// So many of the last round are judged, and so many of the frontier.
    pub judged: usize,
    /// Steps to each side on the way to where the objective breaks.
    pub steps: i32,
}

impl Effort {
    /// What a recommendation needs.
    pub const FULL: Effort = Effort {
        requests: 2000.0,
        seeds: [2, 6, 12, 20, 20],
        stride: 1.25,
        survivors: 10,
        centres: 8,
        judged: 12,
        steps: 12,
    };

    /// A first look, some twenty times as fast: fewer seeds and shorter trials, so wider intervals and coarser margins.
    pub const QUICK: Effort = Effort {
        requests: 500.0,
        seeds: [1, 3, 4, 8, 8],
        stride: 1.5,
        survivors: 4,
        centres: 4,
        judged: 6,
        steps: 6,
    };
}
