//! `health`: is the proxy that runs here ready?

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::config;
use crate::config::plan::{Admin, AdminAddress};

/// Longer than this no supervisor should wait either.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `health` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: super::Config,
}

/// Ends with 0 where the proxy says that it is ready, else with 1 and the reason.
pub(super) fn health(options: &Options) -> ExitCode {
    match look(&options.config.config) {
        Ok(status) if status.contains(" 200 ") => {
            println!("ready");
            ExitCode::SUCCESS
        }
        Ok(status) => {
            eprintln!("not ready: {}", status.trim());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("not ready: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The first line of the answer.
fn look(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    // The rest of the file may have faults: what runs was started by an earlier one.
    let admin = config::admin(&text, path.parent().unwrap_or(Path::new(".")));
    let none = || io::Error::other(format!("{}: `admin` is missing or has a fault", path.display()));
    let admin = admin.ok_or_else(none)?;
    match &admin.at {
        AdminAddress::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, PATIENCE)
                .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            ask(stream, &admin)
        }
        AdminAddress::Unix(path) => {
            let stream = UnixStream::connect(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            ask(stream, &admin)
        }
    }
}

fn ask(mut stream: impl Read + Write, admin: &Admin) -> io::Result<String> {
    let token = admin.token.as_ref().map(|token| format!("Authorization: Bearer {}\r\n", token.expose()));
    let token = token.unwrap_or_default();
    write!(stream, "GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}\r\n")?;
    let mut status = String::new();
    BufReader::new(stream.take(1 << 10)).read_line(&mut status)?;
    Ok(status)
}
