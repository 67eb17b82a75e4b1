//! The [`Store`](super::store::Store) of a proxy that works alone: this process's memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::id::{SessionId, Ticket};
use super::leases::{Leases, Seized};
use super::store::{Count, Over};
use super::{Ended, Hold, Session, Waiting};

/// Ends of sessions that are remembered, to tell a late comer what happened.
const ENDS: u64 = 100_000;
/// For so long.
pub(super) const ENDS_FOR: Duration = Duration::from_secs(8 * 60 * 60);
/// People who wait for an account, at most.
const WAITING: u64 = 10_000;
/// A ticket that nobody shows for so long is void.
pub(super) const WAITING_FOR: Duration = Duration::from_secs(5 * 60);
/// Browsers on their way from a catalog call to the shop, at most.
const ARRIVING: u64 = 10_000;
/// They need a moment: a redirect is followed at once.
pub(super) const ARRIVING_FOR: Duration = Duration::from_secs(2 * 60);

/// Sessions by id: bounded in number, each with its own idle and absolute end.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    sessions: Cache<SessionId, Arc<Session>>,
    /// Sessions that ended by themselves and whose cart nobody has emptied yet.
    expired: Arc<Mutex<VecDeque<Arc<Session>>>>,
    ends: Cache<SessionId, Ended>,
    waiting: Cache<Ticket, Arc<Waiting>>,
    arriving: Cache<Ticket, SessionId>,
    leases: Arc<Mutex<Leases>>,
}

/// As [`Store`](super::store::Store) has it.
impl Memory {
    pub(super) fn new(most: u64) -> Self {
        let expired = Arc::new(Mutex::new(VecDeque::new()));
        let queue = expired.clone();
        let gone = move |_, session: Arc<Session>, cause| {
            if matches!(cause, RemovalCause::Expired | RemovalCause::Size) {
                lock(&queue).push_back(session);
            }
        };
        Memory {
            sessions: Cache::builder().max_capacity(most).expire_after(Ends).eviction_listener(gone).build(),
            expired,
            ends: Cache::builder().max_capacity(ENDS).time_to_live(ENDS_FOR).build(),
            waiting: Cache::builder().max_capacity(WAITING).time_to_live(WAITING_FOR).build(),
            arriving: Cache::builder().max_capacity(ARRIVING).time_to_live(ARRIVING_FOR).build(),
            leases: Arc::default(),
        }
    }

    pub(super) fn lease(&self, accounts: &[String], holder: SessionId, patience: Duration) -> Option<usize> {
        lock(&self.leases).take(accounts, holder, patience, |id| self.is_open(id))
    }

    pub(super) fn take_over(&self, account: &str, holder: SessionId, patience: Duration) -> bool {
        let mut leases = lock(&self.leases);
        match leases.seize(account, holder, patience) {
            Seized::Free => true,
            Seized::From(earlier) => {
                self.remove(earlier, Ended::Replaced);
                true
            }
            Seized::Busy => false,
        }
    }

    pub(super) fn open(&self, session: Arc<Session>) -> bool {
        let mut leases = lock(&self.leases);
        if let Hold::Lease(account) = &session.hold
            && !leases.settle(account, session.id)
        {
            return false;
        }
        self.sessions.insert(session.id, session);
        true
    }

    pub(super) fn hand_on(&self, from: SessionId, session: Arc<Session>) -> bool {
        let mut leases = lock(&self.leases);
        if !self.is_open(from) || self.sessions.remove(&from).is_none() {
            return false;
        }
        if let Hold::Lease(account) = &session.hold {
            leases.hand_on(account, from, session.id);
        }
        self.sessions.insert(session.id, session);
        true
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.get(&id)
    }

    pub(super) fn is_open(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    pub(super) fn end(&self, id: SessionId, how: Ended, patience: Duration) -> Option<Over> {
        let mut leases = lock(&self.leases);
        let session = self.remove(id, how)?;
        Some(Self::over(&mut leases, session, patience))
    }

    pub(super) fn next_expired(&self, patience: Duration) -> Option<Over> {
        self.sessions.run_pending_tasks();
        let session = lock(&self.expired).pop_front()?;
        Some(Self::over(&mut lock(&self.leases), session, patience))
    }

    pub(super) fn release(&self, hold: &Hold, holder: SessionId) {
        if let Hold::Lease(account) = hold {
            lock(&self.leases).release(account, holder);
        }
    }

    pub(super) fn ended(&self, id: SessionId) -> Option<Ended> {
        self.ends.get(&id)
    }

    pub(super) fn wait(&self, ticket: Ticket, waiting: Arc<Waiting>) {
        self.waiting.insert(ticket, waiting);
    }

    pub(super) fn called(&self, ticket: Ticket) -> Option<Arc<Waiting>> {
        self.waiting.remove(&ticket)
    }

    pub(super) fn expect(&self, ticket: Ticket, id: SessionId) {
        self.arriving.insert(ticket, id);
    }

    pub(super) fn arrived(&self, ticket: Ticket) -> Option<SessionId> {
        self.arriving.remove(&ticket)
    }

    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.iter().map(|(_, session)| session).collect()
    }

    pub(super) fn count(&self) -> Count {
        self.sessions.run_pending_tasks();
        self.waiting.run_pending_tasks();
        let leases = lock(&self.leases).count(|id| self.is_open(id));
        Count { sessions: self.sessions.entry_count(), leases, waiting: self.waiting.entry_count() }
    }

    fn remove(&self, id: SessionId, how: Ended) -> Option<Arc<Session>> {
        // Of one whose time is over the cache still gives what it had; that one is the sweep's.
        let session = self.is_open(id).then(|| self.sessions.remove(&id)).flatten()?;
        self.ends.insert(id, how);
        Some(session)
    }

    fn over(leases: &mut Leases, session: Arc<Session>, patience: Duration) -> Over {
        let may_clear = match &session.hold {
            Hold::Lease(account) => leases.clearing(account, session.id, patience),
            Hold::Own => true,
            Hold::Common => false,
        };
        Over { session, may_clear }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session ends after its own idle time, and at its own longest time however busy it is.
struct Ends;

impl Expiry<SessionId, Arc<Session>> for Ends {
    fn expire_after_create(&self, _: &SessionId, session: &Arc<Session>, _: Instant) -> Option<Duration> {
        Some(session.idle.min(session.longest))
    }

    fn expire_after_read(
        &self,
        _: &SessionId,
        session: &Arc<Session>,
        read_at: Instant,
        _: Option<Duration>,
        created_at: Instant,
    ) -> Option<Duration> {
        let left = session.longest.saturating_sub(read_at.saturating_duration_since(created_at));
        Some(session.idle.min(left))
    }
}
