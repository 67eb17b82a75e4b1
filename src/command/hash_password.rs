//! `hash-password`: what a buyer's `password_hash` wants.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use crate::config::credentials;

/// Reads one line from standard input and prints its argon2 hash.
pub(super) fn hash_password() -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!("Type the password and press Enter; it is shown as you type.");
    }
    let mut line = String::new();
    if let Err(error) = std::io::stdin().lock().read_line(&mut line) {
        eprintln!("standard input cannot be read: {error}");
        return ExitCode::FAILURE;
    }
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        eprintln!("no password on standard input: `printf %s 'the password' | punchout-proxy hash-password`");
        return ExitCode::FAILURE;
    }
    println!("{}", credentials::hash(password));
    ExitCode::SUCCESS
}
