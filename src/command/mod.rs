//! One file per subcommand. A command prints for a person and ends with an exit status for a script.

mod check;
mod completions;
mod demo;
mod descriptors;
mod doctor;
mod extract;
mod hash_password;
mod health;
mod init;
mod lint;
mod man;
mod reload;
mod replay;
mod returns;
mod run;
mod schema;
mod sheet;
mod units;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::finding::Finding;

/// A streaming reverse proxy that gives an unmodified webshop OCI punchout.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Look at a shop, write a proxy.toml for it, and prove that: sign in, put an article into the cart, read it, empty it.
    Init(Box<init::Options>),
    /// Serve the shop, and punchout sessions in it, until SIGTERM or Ctrl-C.
    Run(run::Options),
    /// Say what is wrong with the configuration: all of it at once, with line and column. Ends with 0 or 78.
    Check(check::Options),
    /// Make a running proxy take up its changed configuration, if that has no fault; sessions and connections stay.
    Reload(reload::Options),
    /// Ask a running proxy, at its `admin` address, whether it is ready. Ends with 0 or 1.
    Health(health::Options),
    /// Look at everything from the public address to the shop's cart: one line each, and what to do. Ends with 0 where all is
    /// well, 1 with a warning, 2 with a fault.
    Doctor(doctor::Options),
    /// Find a cart that was handed over, and send it again: from the file of `[audit]`.
    Returns(returns::Options),
    /// Read and map a recorded cart page again and show what is different now. Ends with 0: the same, 1: not, 2: cannot be told.
    Replay(replay::Options),
    /// Write what a buyer's procurement team has to know to set the catalogue up: address, parameters, fields, codes.
    Sheet(sheet::Options),
    /// Show a whole punchout on this machine: a small shop, a small procurement system, and the proxy between them.
    Demo(demo::Options),
    /// Show what is read from a cart page, from where, and which fields one buyer gets. Ends with 0 if the cart may leave.
    Extract(extract::Options),
    /// Say what a buyer's system would trip over in a returned cart that was captured. Ends with 0 or 1.
    Lint(lint::Options),
    /// Show which words are understood as units, and the codes that a buyer gets for them.
    Units(units::Options),
    /// Turn a password, read from standard input, into what `password_hash` wants.
    HashPassword,
    /// Print the JSON schema of proxy.toml, for editors.
    Schema,
    /// Print what a shell needs to complete our commands and options.
    Completions(completions::Options),
    /// Write the manual pages, one for each command, into a folder.
    Man(man::Options),
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
            Verb::Init(options) => init::init(&options),
            Verb::Run(options) => run::run(&options),
            Verb::Check(options) => check::check(&options),
            Verb::Reload(options) => reload::reload(&options),
            Verb::Health(options) => health::health(&options),
            Verb::Doctor(options) => doctor::doctor(&options),
            Verb::Returns(options) => returns::returns(&options),
            Verb::Replay(options) => replay::replay(&options),
            Verb::Sheet(options) => sheet::sheet(&options),
            Verb::Demo(options) => demo::demo(&options),
            Verb::Extract(options) => extract::extract(&options),
            Verb::Lint(options) => lint::lint(&options),
            Verb::Units(options) => units::units(&options),
            Verb::HashPassword => hash_password::hash_password(),
            Verb::Schema => schema::schema(),
            Verb::Completions(options) => completions::completions(&options),
            Verb::Man(options) => man::man(&options),
        }
    }
}

/// One finding a line, the gravest first.
fn print_findings(findings: &[Finding]) {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.line));
    for finding in sorted {
        println!("{:<8} {finding}", finding.severity.word());
    }
}
