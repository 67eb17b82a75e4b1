//! Is all well? What `doctor` and the canary look at, and what they say of it.
//!
//! * [`front`]: as a buyer's browser comes: the public address, and whatever stands between it and us.
//! * [`shop`]: as we come to the shop: its answers, a buyer's accounts, and a punchout whose cart goes nowhere.
//!   (`lives`: how long the shop remembers who signed in; `callers`: buyers whose accounts are told from their calls.)
//! * [`canary`]: the latter again and again, inside the running proxy.

mod callers;
pub mod canary;
pub mod front;
mod lives;
mod sealing;
pub mod shop;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::upstream::{Certificate, Origin, Scheme, certificate};

/// Two clocks may differ so much without harm.
const CLOCK: u64 = 30;
/// By so much cookies end before they begin.
const CLOCK_WRONG: u64 = 300;
/// A certificate that ends sooner should have been renewed.
const RENEWED_BY: u64 = 14 * 24 * 60 * 60;

/// How something was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    #[default]
    Ok,
    /// It works, or could not be looked at; somebody should look.
    Warning,
    /// A buyer meets it.
    Fault,
}

impl Verdict {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Fault => "fault",
        }
    }
}

/// One thing that was looked at. Nothing in it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What: a word for machines, such as `entry-post`.
    pub name: String,
    /// The buyer whom it concerns, where it is not everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<String>,
    /// How it was found.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do, where something is to be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// More of what was seen, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

impl Check {
    fn new(verdict: Verdict, name: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        let (seen, advice) = (seen.into(), advice.into());
        Check { name: name.to_owned(), buyer: None, verdict, seen, advice, details: Vec::new() }
    }

    /// All is well.
    pub fn ok(name: &str, seen: impl Into<String>) -> Self {
        Check::new(Verdict::Ok, name, seen, "")
    }

    /// Somebody should look.
    pub fn warning(name: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Check::new(Verdict::Warning, name, seen, advice)
    }

    /// Somebody must act.
    pub fn fault(name: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Check::new(Verdict::Fault, name, seen, advice)
    }
}

/// All that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In the order in which it was done.
    pub checks: Vec<Check>,
    /// What could not be reached because of what was found before.
    #[serde(default)]
    pub unreached: Vec<String>,
}

impl Report {
    fn push(&mut self, check: Check) {
        self.checks.push(check);
    }

    fn unreached(&mut self, names: &[&str]) {
        for name in names {
            if !self.unreached.iter().any(|known| known == name) {
                self.unreached.push((*name).to_owned());
            }
        }
    }

    /// Adds what another looked at.
    pub fn extend(&mut self, other: Report) {
        self.checks.extend(other.checks);
        let names: Vec<&str> = other.unreached.iter().map(String::as_str).collect();
        self.unreached(&names);
    }

    /// The gravest verdict.
    pub fn worst(&self) -> Verdict {
        self.checks.iter().map(|check| check.verdict).max().unwrap_or_default()
    }
}

/// What a server's Date says against our clock. `whose`: whose clock it is.
fn clock(name: &str, whose: &str, date: Option<&str>, now: SystemTime) -> Check {
    let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Check::ok(name, format!("{whose} sends no Date that could differ"));
    };
    let (by, way) = match theirs.duration_since(now) {
        Ok(by) => (by.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    let seen =
        format!("{whose} is {} {way} this clock", humantime::format_duration(std::time::Duration::from_secs(by)));
    let advice = "let NTP set both clocks: by a wrong one sign-in cookies and tokens end too early";
    match by {
        0..=CLOCK => Check::ok(name, format!("{whose} and this clock agree")),
        by if by < CLOCK_WRONG => Check::warning(name, seen, advice),
        _ => Check::fault(name, seen, advice),
    }
}

/// The certificate at `origin`; nothing over plain http.
async fn certificate_of(name: &str, origin: &Origin, renew: &str) -> Option<Check> {
    if origin.scheme() == Scheme::Http {
        return None;
    }
    let shown = match certificate(origin).await {
        Ok(shown) => shown,
        Err(error) => return Some(Check::fault(name, format!("{origin}: no TLS: {error}"), "does TLS listen there?")),
    };
    Some(match shown {
        Certificate::Bad(why) => Check::fault(name, format!("the certificate of {origin} {why}"), renew),
        Certificate::Good { until: None } => Check::ok(name, format!("the certificate of {origin} is good")),
        Certificate::Good { until: Some(until) } => {
            let left = until.duration_since(SystemTime::now()).unwrap_or_default().as_secs();
            let seen =
                format!("the certificate of {origin} is good until {}", humantime::format_rfc3339_seconds(until));
            if left < RENEWED_BY { Check::warning(name, seen, renew) } else { Check::ok(name, seen) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn clocks_may_differ_a_little() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let verdict = |at: SystemTime| clock("clock", "the shop's", Some(&httpdate::fmt_http_date(at)), now).verdict;
        for (seconds, expected) in [(0, Verdict::Ok), (30, Verdict::Ok), (31, Verdict::Warning), (300, Verdict::Fault)]
        {
            assert_eq!(verdict(now + Duration::from_secs(seconds)), expected, "{seconds} ahead");
            assert_eq!(verdict(now - Duration::from_secs(seconds)), expected, "{seconds} behind");
        }
        assert_eq!(clock("clock", "the shop's", None, now).verdict, Verdict::Ok);
    }

    #[test]
    fn the_gravest_counts() {
        let mut report = Report::default();
        assert_eq!(report.worst(), Verdict::Ok);
        report.push(Check::fault("a", "x", "y"));
        report.push(Check::warning("b", "x", "y"));
        assert_eq!(report.worst(), Verdict::Fault);
    }
}
