//! `check`: is this configuration one to run with?

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::EX_CONFIG;
use crate::config::{self, plan::Plan};

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

/// Reads a configuration and says on standard error all that is wrong with it.
pub(super) fn load(path: &Path) -> Option<Arc<Plan>> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{shown}: cannot be read: {error}");
            return None;
        }
    };
    let config::Outcome { plan, faults, warnings } = config::read(&text, path.parent().unwrap_or(Path::new(".")));
    for warning in &warnings {
        eprintln!("{shown}:{warning} (warning)");
    }
    for fault in &faults {
        eprintln!("{shown}:{fault}");
    }
    if plan.is_none() {
        let count = faults.len();
        eprintln!("{shown}: {count} {} to mend; nothing was started", if count == 1 { "fault" } else { "faults" });
    }
    plan.map(Arc::new)
}
