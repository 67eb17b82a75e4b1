//! `lint`: what a buyer's system would trip over in a returned cart that somebody captured.

use std::io::Read;
use std::process::ExitCode;

use serde_json::json;

use super::{Config, EX_CONFIG, check};
use crate::config::compile::{Habits, habits_of};
use crate::finding::Finding;
use crate::protocol::oci::lint::lint as lint_body;

/// Options of `lint`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The body of the request to HOOK_URL, urlencoded as a browser sends it, alone or with its head; `-` is standard
    /// input.
    body: String,
    /// The system whose limits hold: sap-srm, onventis, generic ... (config/profiles).
    #[arg(long, required_unless_present = "buyer", conflicts_with = "buyer")]
    profile: Option<String>,
    /// The buyer whose limits hold, from the configuration.
    #[arg(long)]
    buyer: Option<String>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

/// Prints all findings; ends with 0 where none is an error, with 1 where one is, with 78 where it is not known by what to
/// judge.
pub(super) fn lint(options: &Options) -> ExitCode {
    let habits = match habits(options) {
        Ok(habits) => habits,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    let bytes = match read(&options.body) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{}: {error}", options.body);
            return ExitCode::FAILURE;
        }
    };
    let mut linted = lint_body(&habits.mapping, &habits.units, without_head(&bytes));
    habits.severities.apply(&mut linted.findings);
    let good = !Finding::any_error(&linted.findings);
    if options.json {
        println!(
            "{:#}",
            json!({ "header": linted.header, "lines": linted.lines, "findings": linted.findings, "good": good })
        );
    } else {
        super::print_findings(&linted.findings);
        let (lines, findings) = (linted.lines.len(), linted.findings.len());
        println!("{lines} lines, {findings} findings: {}", if good { "good" } else { "not what this system takes" });
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn habits(options: &Options) -> Result<Habits, String> {
    if let Some(profile) = &options.profile {
        return habits_of(profile);
    }
    let name = options.buyer.as_deref().unwrap_or_default();
    let path = options.config.config.display();
    let plan = check::load(&options.config.config).ok_or_else(|| format!("{path}: not a configuration"))?;
    let buyer = plan.buyers.named(name).ok_or_else(|| format!("{path}: there is no buyer `{name}`"))?;
    let (mapping, units, severities) = (buyer.mapping.clone(), buyer.units.clone(), buyer.severities.clone());
    Ok(Habits { mapping, units, severities })
}

fn read(path: &str) -> std::io::Result<Vec<u8>> {
    if path != "-" {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The body of a captured request. A body that stands alone holds neither an empty line nor, raw, a space.
fn without_head(bytes: &[u8]) -> &[u8] {
    let after = |end: &[u8]| bytes.windows(end.len()).position(|window| window == end).map(|at| at + end.len());
    let start =
        if bytes.starts_with(b"POST ") { after(b"\r\n\r\n").or_else(|| after(b"\n\n")).unwrap_or(0) } else { 0 };
    bytes[start..].trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_behind_its_head() {
        for capture in [
            "a=1&b=2",
            "a=1&b=2\n",
            "POST /x HTTP/1.1\r\nHost: a\r\n\r\na=1&b=2",
            "POST /x HTTP/1.1\nHost: a\n\na=1&b=2\n",
        ] {
            assert_eq!(without_head(capture.as_bytes()), b"a=1&b=2", "{capture:?}");
        }
    }
}
