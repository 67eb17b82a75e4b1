//! Hooks that came with the right password and are not on their buyer's list, where a buyer's list is being learned.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// How many are kept; one more and the one that came longest ago is forgotten.
const KEPT: usize = 50;

/// The unknown hooks of one running proxy.
#[derive(Clone, Debug, Default)]
pub struct UnknownHooks(Arc<Mutex<VecDeque<UnknownHook>>>);

/// One of them, as it would be listed. It holds nothing of HOOK_URL's query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownHook {
    /// The buyer's name.
    pub buyer: String,
    /// What would allow it, as `hooks` of that buyer has it.
    pub rule: String,
    /// How many calls had it.
    pub calls: u64,
    /// When the last of them came.
    pub last: SystemTime,
}

impl UnknownHooks {
    /// One more call of `buyer` came with a hook that `rule` would allow.
    pub fn came(&self, buyer: &str, rule: &str) {
        let mut all = self.lock();
        let known = all.iter().position(|one| one.buyer == buyer && one.rule == rule);
        let before = known.and_then(|at| all.remove(at)).map_or(0, |one| one.calls);
        if all.len() == KEPT {
            all.pop_back();
        }
        let one =
            UnknownHook { buyer: buyer.to_owned(), rule: rule.to_owned(), calls: before + 1, last: SystemTime::now() };
        all.push_front(one);
    }

    /// All that are kept, the last first.
    pub fn all(&self) -> Vec<UnknownHook> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<UnknownHook>> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_kept_once_with_its_calls_and_not_too_many_are() {
        let hooks = UnknownHooks::default();
        for n in 0..KEPT {
            hooks.came("acme", &format!("https://{n}.example"));
        }
        hooks.came("acme", "https://0.example");
        hooks.came("other", "https://0.example");
        let all = hooks.all();
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].buyer.as_str(), all[0].calls), ("other", 1));
        assert_eq!((all[1].rule.as_str(), all[1].calls), ("https://0.example", 2));
        assert!(all.iter().all(|one| one.rule != "https://1.example"), "it came longest ago");
    }
}
