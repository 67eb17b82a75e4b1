//! Who has which account of the shop.
//!
//! Most shops keep one cart for each account, so two buyers with one account empty each other's baskets. A lease gives an
//! account to one session alone. It is not a promise that somebody has to keep: it holds only while its session is open
//! (or for a bounded time while the session is entering, or while its cart is emptied after it), so a session that nobody
//! ends gives its account back all the same.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::id::SessionId;

/// All leases. Accounts go by their user name at the shop, whichever buyer they are configured for.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: HashMap<String, Lease>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    holder: SessionId,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Signing in; the session is not open yet.
    Entering { until: Instant },
    /// As long as the session is open.
    Open,
    /// The session is over and its cart is being emptied.
    Clearing { until: Instant },
}

/// What came of [`Leases::seize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seized {
    /// Nobody had it.
    Free,
    /// That session had it.
    From(SessionId),
    /// Somebody has it and cannot be disturbed now.
    Busy,
}

impl Leases {
    /// Takes the first account that nobody has, and gives its number. `patience` is how long signing in may take.
    pub(super) fn take(
        &mut self,
        accounts: &[String],
        holder: SessionId,
        patience: Duration,
        is_open: impl Fn(SessionId) -> bool,
    ) -> Option<usize> {
        let now = Instant::now();
        let free = |account: &String| self.held.get(account).is_none_or(|lease| !lease.holds(now, &is_open));
        let number = accounts.iter().position(free)?;
        self.enter(&accounts[number], holder, patience);
        Some(number)
    }

    /// Takes an account from whoever has it, unless that one is just entering or leaving.
    pub(super) fn seize(&mut self, account: &str, holder: SessionId, patience: Duration) -> Seized {
        let (now, earlier) = (Instant::now(), self.held.get(account).copied());
        let seized = match earlier {
            Some(Lease { phase: Phase::Open, holder }) => Seized::From(holder),
            Some(Lease { phase: Phase::Entering { until } | Phase::Clearing { until }, .. }) if now < until => {
                return Seized::Busy;
            }
            _ => Seized::Free,
        };
        self.enter(account, holder, patience);
        seized
    }

    fn enter(&mut self, account: &str, holder: SessionId, patience: Duration) {
        let phase = Phase::Entering { until: Instant::now() + patience };
        self.held.insert(account.to_owned(), Lease { holder, phase });
    }

    /// The session has begun. `false` where its time to enter was over and somebody else has the account.
    pub(super) fn settle(&mut self, account: &str, holder: SessionId) -> bool {
        self.change(account, holder, Phase::Open)
    }

    /// The session is over, and its cart may be emptied for so long. `false` where somebody else has the account by
    /// now: the cart is theirs.
    pub(super) fn clearing(&mut self, account: &str, holder: SessionId, patience: Duration) -> bool {
        self.change(account, holder, Phase::Clearing { until: Instant::now() + patience })
    }

    /// The session goes on under another id.
    pub(super) fn hand_on(&mut self, account: &str, from: SessionId, to: SessionId) {
        if let Some(lease) = self.held.get_mut(account).filter(|lease| lease.holder == from) {
            lease.holder = to;
        }
    }

    /// Gives the account back, if `holder` still has it.
    pub(super) fn release(&mut self, account: &str, holder: SessionId) {
        if self.held.get(account).is_some_and(|lease| lease.holder == holder) {
            self.held.remove(account);
        }
    }

    /// Accounts that somebody has.
    pub(super) fn count(&self, is_open: impl Fn(SessionId) -> bool) -> usize {
        let now = Instant::now();
        self.held.values().filter(|lease| lease.holds(now, &is_open)).count()
    }

    fn change(&mut self, account: &str, holder: SessionId, phase: Phase) -> bool {
        match self.held.get_mut(account) {
            Some(lease) if lease.holder == holder => {
                lease.phase = phase;
                true
            }
            _ => false,
        }
    }
}

impl Lease {
    fn holds(&self, now: Instant, is_open: &impl Fn(SessionId) -> bool) -> bool {
        match self.phase {
            Phase::Entering { until } | Phase::Clearing { until } => now < until,
            Phase::Open => is_open(self.holder),
        }
    }
}
