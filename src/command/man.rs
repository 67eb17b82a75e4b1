//! `man`: the manual pages, made from what the command line is made of.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;

use super::Command;

/// What `man` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A folder, such as `/usr/local/share/man/man1`; made where there is none.
    folder: PathBuf,
}

/// Writes `punchout-proxy.1`, `punchout-proxy-run.1` and so on; ends with 1 where one cannot be written.
pub(super) fn man(options: &Options) -> ExitCode {
    match write(&options.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("man: {}: {error}", options.folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // Each command has its page; `help` has none of its own to tell.
    clap_mangen::generate_to(Command::command().disable_help_subcommand(true), folder)
}
