//! `check`: is this configuration one to run with?

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::EX_CONFIG;
use crate::config::{self, Outcome, plan::Plan};

/// Prints every fault and warning, and ends with 0 or 78.
pub(super) fn check(path: &Path) -> ExitCode {
    match load(path) {
        Some(plan) => {
            let buyers = plan.buyers.len();
            println!("{}: good; {buyers} {}", path.display(), if buyers == 1 { "buyer" } else { "buyers" });
            ExitCode::SUCCESS
        }
        None => ExitCode::from(EX_CONFIG),
    }
}

/// What the file at `path` comes to.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &Path) -> io::Result<Outcome> {
    let text = std::fs::read_to_string(path)?;
    Ok(config::read(&text, path.parent().unwrap_or(Path::new("."))))
}

/// Reads a configuration and says on standard error all that is wrong with it.
pub(super) fn load(path: &Path) -> Option<Arc<Plan>> {
    let shown = path.display();
    let Outcome { plan, faults, warnings } = match read(path) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{shown}: cannot be read: {error}");
            return None;
        }
    };
    for warning in &warnings {
        eprintln!("{shown}:{warning} (warning)");
    }
    for fault in &faults {
        eprintln!("{shown}:{fault}");
    }
    if plan.is_none() {
        let count = faults.len();
        eprintln!("{shown}: {count} {} to mend; nothing was done", if count == 1 { "fault" } else { "faults" });
    }
    plan.map(Arc::new)
}
