//! `completions`: what a shell needs to complete our commands and options.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Command;

/// What `completions` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// For which shell.
    shell: Shell,
}

/// Prints the shell's script.
pub(super) fn completions(options: &Options) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Command::command(), "punchout-proxy", &mut script);
    match io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("completions: {error}");
            ExitCode::FAILURE
        }
    }
}
