//! What ops see: the log, numbers ([`metrics`]), carts that were handed over ([`returns`]) and pages
//! they were read from ([`mod@record`]). Every line of the log about a session or a refusal carries the reference that stands on the buyer's page.
//!
//! No secret, no HOOK_URL query and no query of a catalog call is ever handed to the log; the types that hold them print
//! stars.

pub mod drift;
pub mod hooks;
pub mod metrics;
pub mod record;
pub mod returns;
pub mod signs;
pub mod simulations;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use drift::Drift;
pub use hooks::UnknownHooks;
pub use metrics::Metrics;
pub use record::Records;
pub use returns::Returns;
pub use signs::Signs;
pub use simulations::Simulations;

/// What one running proxy shows of itself; all its workers share it.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much is logged.
    pub loudness: Loudness,
    /// Carts that were handed over.
    pub returns: Returns,
    /// Cart pages, to be read again.
    pub records: Records,
    /// Rules that used to match.
    pub drift: Drift,
    /// Who has been shown the sign of being signed in.
    pub signs: Signs,
    /// Hooks to be listed, where they are learned.
    pub unknown_hooks: UnknownHooks,
    /// Punchouts made from the console.
    pub simulations: Simulations,
}

/// How much is logged, to be turned while we run.
#[derive(Clone, Default)]
pub struct Loudness(Option<reload::Handle<EnvFilter, Registry>>);

/// The words for how much is logged, from little to much.
pub const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

impl Loudness {
    /// The level in force, one of [`LEVELS`]; `None` where the log is not ours.
    pub fn level(&self) -> Option<&'static str> {
        let filter = self.0.as_ref()?.with_current(EnvFilter::to_string).ok()?;
        LEVELS.into_iter().find(|level| filter.contains(&format!("punchout_proxy={level}")))
    }

    /// Logs so much from here on. `false` for a word that is none of [`LEVELS`], or where the log is not ours.
    pub fn turn(&self, level: &str) -> bool {
        let Some(level) = LEVELS.into_iter().find(|known| *known == level) else { return false };
        self.0.as_ref().is_some_and(|handle| handle.reload(only_ours(level)).is_ok())
    }
}

impl fmt::Debug for Loudness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Loudness").field(&self.level()).finish()
    }
}

/// Starts logging to standard error at one of [`LEVELS`]; a second call changes nothing.
pub fn log_to_stderr(json: bool, level: &str) -> Loudness {
    let (filter, handle) = reload::Layer::new(only_ours(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_timer(SystemTime)
        .with_ansi(false);
    let lines = if json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    // Only a test that starts two proxies in one process comes here twice; the first one's format stays.
    match tracing_subscriber::registry().with(filter).with(lines).try_init() {
        Ok(()) => Loudness(Some(handle)),
        Err(_) => Loudness::default(),
    }
}

/// Only our own events: hyper and its kin say nothing that an ops person can act on.
fn only_ours(level: &str) -> EnvFilter {
    EnvFilter::new(format!("off,punchout_proxy={level}"))
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
