//! `schema`: what editors need to complete and check a `proxy.toml` while it is written.

use std::path::Path;
use std::process::ExitCode;

use crate::config::schema;

/// Where the Debian package keeps what this prints.
const INSTALLED: &str = "/usr/share/punchout-proxy/proxy.schema.json";

/// Where an editor finds it, if the package is installed.
pub(super) fn installed() -> Option<&'static str> {
    Path::new(INSTALLED).exists().then_some(INSTALLED)
}

/// Prints the schema.
pub(super) fn schema() -> ExitCode {
    println!("{:#}", schema::schema());
    ExitCode::SUCCESS
}
