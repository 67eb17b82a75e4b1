//! `check`: is this configuration one to run with?

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::{Config, EX_CONFIG};
use crate::config::{self, Outcome, plan::Plan};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: Config,
    /// Print the file as it is in force: preset, profiles and defaults written out, secrets masked.
    #[arg(long)]
    print: bool,
}

/// Prints every fault and warning, and ends with 0 or 78.
pub(super) fn check(options: &Options) -> ExitCode {
    let path = options.config.config.as_path();
    match load(path) {
        Some(_) if options.print => print(path),
        Some(plan) => {
            let buyers = plan.buyers.len();
            println!("{}: good; {buyers} {}", path.display(), if buyers == 1 { "buyer" } else { "buyers" });
            ExitCode::SUCCESS
        }
        None => ExitCode::from(EX_CONFIG),
    }
}

/// The file in force, on standard output.
fn print(path: &Path) -> ExitCode {
    let folder = path.parent().unwrap_or(Path::new("."));
    let text = std::fs::read_to_string(path).ok().and_then(|text| config::effective::effective(&text, folder));
    // It had no fault a moment ago.
    let Some(text) = text else { return ExitCode::from(EX_CONFIG) };
    println!("# {} as it is in force: preset, profiles and defaults written out, secrets masked.\n", path.display());
    print!("{text}");
    ExitCode::SUCCESS
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
