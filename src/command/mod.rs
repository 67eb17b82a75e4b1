//! One file per subcommand. A command prints for a person and ends with an exit status for a script.

mod check;
mod demo;
mod descriptors;
mod hash_password;
mod reload;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A streaming reverse proxy that gives an unmodified webshop OCI punchout.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the shop, and punchout sessions in it, until SIGTERM or Ctrl-C.
    Run(run::Options),
    /// Say what is wrong with the configuration: all of it at once, with line and column. Ends with 0 or 78.
    Check(Config),
    /// Make a running proxy take up its changed configuration, if that has no fault; sessions and connections stay.
    Reload(reload::Options),
    /// Show a whole punchout on this machine: a small shop, a small procurement system, and the proxy between them.
    Demo(demo::Options),
    /// Turn a password, read from standard input, into what `password_hash` wants.
    HashPassword,
}

#[derive(Debug, clap::Args)]
struct Config {
    /// The configuration file.
    #[arg(short, long, env = "PUNCHOUT_CONFIG", default_value = "proxy.toml")]
    config: PathBuf,
}

/// sysexits.h: something was found in an unconfigured or misconfigured state.
const EX_CONFIG: u8 = 78;

impl Command {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        match self.verb {
            Verb::Run(options) => run::run(&options),
            Verb::Check(config) => check::check(&config.config),
            Verb::Reload(options) => reload::reload(&options),
            Verb::Demo(options) => demo::demo(&options),
            Verb::HashPassword => hash_password::hash_password(),
        }
    }
}
