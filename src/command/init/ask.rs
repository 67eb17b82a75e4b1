//! What `init` asks a person for, and where it keeps secrets.

use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::survey::write::SecretPlace;

/// A line typed on the terminal. `option` says it where there is none.
pub(super) fn line(question: &str, option: &str) -> Result<String, String> {
    if !std::io::stdin().is_terminal() {
        return Err(format!("{option} is missing, and there is no terminal to ask on"));
    }
    print!("{question}: ");
    std::io::stdout().flush().map_err(|error| error.to_string())?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    Ok(line.trim().to_owned())
}

/// As [`line()`], and what is typed is not shown.
pub(super) fn password(question: &str, option: &str) -> Result<String, String> {
    let stdin = std::io::stdin();
    let Ok(shown) = tcgetattr(&stdin) else { return line(question, option) };
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &hidden).map_err(|error| error.to_string())?;
    let typed = line(question, option);
    tcsetattr(&stdin, OptionalActions::Now, &shown).map_err(|error| error.to_string())?;
    println!();
    typed
}

/// Writes a secret where only its owner reads it.
pub(super) fn keep(file: &Path, secret: &str) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file).map_err(told)?;
    writeln!(open, "{secret}").map_err(told)
}

/// A password for the buyer's system, made up and kept; one that is there already stays.
pub(super) fn made_up(file: &Path) -> Result<SecretPlace, String> {
    if !file.exists() {
        let mut random = [0; 20];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        keep(file, &data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase())?;
    }
    let name = file.file_name().ok_or("no name for the buyer's password file")?;
    Ok(SecretPlace::File(name.into()))
}
