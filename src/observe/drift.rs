//! Rules that used to match and no longer do: what a shop's new template looks like from here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
