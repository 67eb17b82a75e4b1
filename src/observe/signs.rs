//! Where the sign that somebody is signed in has been seen: only there does it mean something that it is missing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More buyers with more kinds of browsers than this are forgotten at once, and learned anew.
const KEPT: usize = 10_000;

/// Whom the shop's cart page has shown that sign since the start; all workers share it.
#[derive(Clone, Debug, Default)]
pub struct Signs(Arc<Mutex<HashSet<Shown>>>);

/// To whom it was shown. A shop has another page for other customers, or for telephones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The sign, as it is configured.
    pub sign: String,
    /// The buyer's name.
    pub buyer: String,
    /// Its User-Agent.
    pub browser: Vec<u8>,
}

impl Signs {
    /// The cart page has shown it.
    pub fn shown(&self, shown: &Shown) {
        let mut all = self.lock();
        if all.contains(shown) {
            return;
        }
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(shown.clone());
    }

    /// Whether it ever has.
    pub fn was_shown(&self, shown: &Shown) -> bool {
        self.lock().contains(shown)
    }

    /// The cart page shows it no longer, though the buyer is signed in.
    pub fn forget(&self, shown: &Shown) {
        self.lock().remove(shown);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Shown>> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_means_something_to_whom_it_was_shown_and_does_not_grow_for_ever() {
        let to = |browser: usize| Shown {
            sign: "a.logout".into(),
            buyer: "acme".into(),
            browser: browser.to_string().into_bytes(),
        };
        let signs = Signs::default();
        signs.shown(&to(0));
        assert!(signs.was_shown(&to(0)) && !signs.was_shown(&to(1)));
        signs.forget(&to(0));
        assert!(!signs.was_shown(&to(0)));
        for browser in 0..=KEPT {
            signs.shown(&to(browser));
        }
        assert!(signs.was_shown(&to(KEPT)) && signs.lock().len() <= KEPT);
    }
}
