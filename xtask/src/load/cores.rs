//! The target on one core, the client on another, where that is permitted.

use crate::process::on_path;
use std::path::Path;
use std::process::Command;

/// Where programs run.
pub(super) struct Cores {
    is_pinned: bool,
}

impl Cores {
    /// Two cores, if there are two and `taskset` may choose.
    pub(super) fn find() -> Cores {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let is_allowed = || {
            let tried = Command::new("taskset").args(["-c", "1", "true"]).output();
            tried.is_ok_and(|output| output.status.success())
        };
        Cores { is_pinned: processors >= 2 && on_path("taskset").is_some() && is_allowed() }
    }

    /// A target's command.
    pub(super) fn target(&self, program: &Path) -> Command {
        self.on("0", program)
    }

    /// A client's command.
    pub(super) fn client(&self, program: &Path) -> Command {
        self.on("1", program)
    }

    fn on(&self, core: &str, program: &Path) -> Command {
        if !self.is_pinned {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(program);
        command
    }

    /// In words.
    pub(super) fn words(&self) -> &'static str {
        if self.is_pinned { "target on core 0, client on core 1" } else { "not pinned to cores" }
    }
}
