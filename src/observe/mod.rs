//! What ops see: the log. Every line about a session or a refusal carries the reference that stands on the buyer's page.
//!
//! No secret, no HOOK_URL query and no query of a catalog call is ever handed to the log; the types that hold them print
//! stars.

use std::borrow::Cow;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Starts logging to standard error; a second call changes nothing.
pub fn log_to_stderr(json: bool, level: tracing::Level) {
    // Only our own events: hyper and its kin say nothing that an ops person can act on.
    let filter = EnvFilter::new(format!("off,punchout_proxy={}", level.as_str().to_lowercase()));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_timer(SystemTime)
        .with_ansi(false);
    let started = if json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
    // Only a test that starts two proxies in one process comes here twice; the first one's format stays.
    drop(started);
}

/// A text that a caller may have had a hand in, for a line of the log: what could begin a line of its own, or move the
/// cursor of a terminal, is written as an escape.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}');
    if !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if breaks(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_stays_one_line() {
        assert_eq!(one_line("FUNCTION=Å \"x\""), "FUNCTION=Å \"x\"");
        assert_eq!(one_line("a\r\nWARN b\u{1b}[2J\u{2028}"), "a\\r\\nWARN b\\u{1b}[2J\\u{2028}");
    }
}
