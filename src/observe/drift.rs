//! Rules that used to match and no longer do: what a shop's new template looks like from here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What is known of each rule since the start.
#[derive(Clone, Debug, Default)]
pub struct Drift(Arc<Mutex<HashMap<String, Known>>>);

#[derive(Debug, Default)]
struct Known {
    /// It has matched at some time.
    matched: bool,
    /// In a row, until now.
    misses: u32,
    lost: bool,
    /// Hits and misses of the last minutes in which there were any.
    minutes: VecDeque<(u64, u32, u32)>,
}

/// Minutes of which hits and misses are kept.
pub const MINUTES: u64 = 60;

/// What became of one rule lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// As the configuration calls it.
    pub rule: String,
    /// It used to match and no longer does.
    pub lost: bool,
    /// How many minutes ago, hits, misses; the oldest first, minutes without either left out.
    pub minutes: Vec<(u64, u32, u32)>,
}

/// What changed with a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It used to match, and has missed so many times in a row.
    Lost,
    /// It matches again.
    Found,
}

impl Drift {
    /// A rule was looked for. It is lost after `misses` misses in a row: one cart without a unit is no new template.
    pub fn look(&self, rule: &str, matched: bool, misses: u32) -> Option<Change> {
        // Every change is complete before anything can panic.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(rule.to_owned()).or_default();
        known.note(minute(), matched);
        if matched {
            known.misses = 0;
            known.matched = true;
            return std::mem::take(&mut known.lost).then_some(Change::Found);
        }
        known.misses = known.misses.saturating_add(1);
        let lost = known.matched && known.misses >= misses && !known.lost;
        known.lost |= lost;
        lost.then_some(Change::Lost)
    }
}

impl Drift {
    /// The rules that were looked for since the start, by name.
    pub fn courses(&self) -> Vec<Course> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = minute();
        let course = |(rule, known): (&String, &Known)| {
            let minutes = known.minutes.iter().map(|(at, hits, misses)| (now.saturating_sub(*at), *hits, *misses));
            let minutes = minutes.filter(|(ago, ..)| *ago < MINUTES).collect();
            Course { rule: rule.clone(), lost: known.lost, minutes }
        };
        let mut courses: Vec<_> = all.iter().map(course).collect();
        courses.sort_by(|one, other| one.rule.cmp(&other.rule));
        courses
    }
}

impl Known {
    fn note(&mut self, minute: u64, matched: bool) {
        if self.minutes.back().is_none_or(|(last, ..)| *last != minute) {
            self.minutes.push_back((minute, 0, 0));
        }
        if self.minutes.len() as u64 > MINUTES {
            self.minutes.pop_front();
        }
        if let Some((_, hits, misses)) = self.minutes.back_mut() {
            *(if matched { hits } else { misses }) += 1;
        }
    }
}

fn minute() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_matched_can_be_lost_and_it_is_told_once() {
        let drift = Drift::default();
        let look = |matched| drift.look("shop.cart.line", matched, 2);
        assert_eq!(
            [look(false), look(false), look(false)],
            [None; 3],
            "never matched: a rule that is wrong from the start"
        );
        assert_eq!([look(true), look(false), look(true), look(false)], [None; 4]);
        assert_eq!([look(false), look(false)], [Some(Change::Lost), None]);
        assert_eq!([look(true), look(true)], [Some(Change::Found), None]);
    }
}
