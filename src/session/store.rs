//! The open sessions, the accounts they hold, and who waits for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::id::{SessionId, Ticket};
use super::leases::{Leases, Seized};
use super::{Ended, Hold, Session, Waiting};

/// Ends of sessions that are remembered, to tell a late comer what happened.
const ENDS: u64 = 100_000;
/// For so long.
const ENDS_FOR: Duration = Duration::from_secs(8 * 60 * 60);
/// People who wait for an account, at most.
const WAITING: u64 = 10_000;
/// A ticket that nobody shows for so long is void.
const WAITING_FOR: Duration = Duration::from_secs(5 * 60);

/// Sessions by id: bounded in number, each with its own idle and absolute end.
///
/// Its functions are async because a store that several sidecars share will be.
#[derive(Clone, Debug)]
pub struct Store {
    sessions: Cache<SessionId, Arc<Session>>,
    /// Sessions that ended by themselves and whose cart nobody has emptied yet.
    expired: Arc<Mutex<VecDeque<Arc<Session>>>>,
    ends: Cache<SessionId, Ended>,
    waiting: Cache<Ticket, Arc<Waiting>>,
    leases: Arc<Mutex<Leases>>,
}

/// A session that is over.
#[derive(Clone, Debug)]
pub struct Over {
    /// The session.
    pub session: Arc<Session>,
    /// Nobody else can have anything in its cart, until [`Store::release`]: it may be emptied.
    pub may_clear: bool,
}

impl Store {
    /// Sessions in this process's memory, at most `most` at a time.
    pub fn in_memory(most: u64) -> Self {
        let expired = Arc::new(Mutex::new(VecDeque::new()));
        let queue = expired.clone();
        let gone = move |_, session: Arc<Session>, cause| {
            if matches!(cause, RemovalCause::Expired | RemovalCause::Size) {
                lock(&queue).push_back(session);
            }
        };
        Store {
            sessions: Cache::builder().max_capacity(most).expire_after(Ends).eviction_listener(gone).build(),
            expired,
            ends: Cache::builder().max_capacity(ENDS).time_to_live(ENDS_FOR).build(),
            waiting: Cache::builder().max_capacity(WAITING).time_to_live(WAITING_FOR).build(),
            leases: Arc::default(),
        }
    }

    /// Leases the first of `accounts` that nobody has to a session that is about to begin, and gives its number. The lease
    /// is void unless the session is [opened](Store::open) within `patience`.
    pub async fn lease(&self, accounts: &[String], holder: SessionId, patience: Duration) -> Option<usize> {
        lock(&self.leases).take(accounts, holder, patience, |id| self.is_open(id))
    }

    /// Leases an account from whoever has it: that session is over. `false` where it is just entering, or its cart is just
    /// being emptied; that is over within its own patience.
    pub async fn take_over(&self, account: &str, holder: SessionId, patience: Duration) -> bool {
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

    /// Opens a session. `false` where the lease that it was to have is somebody else's: then it is not open.
    pub async fn open(&self, session: Arc<Session>) -> bool {
        let mut leases = lock(&self.leases);
        if let Hold::Lease(account) = &session.hold
            && !leases.settle(account, session.id)
        {
            return false;
        }
        self.sessions.insert(session.id, session);
        true
    }

    /// The open session with that id; asking keeps it from going idle.
    pub async fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.get(&id)
    }

    /// Whether that session is open, without keeping it from going idle.
    pub fn is_open(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// Ends a session; `None` where it was over already. The account is kept for `patience`, so that its cart can be
    /// emptied before somebody else gets it: [release](Store::release) it when that is done.
    pub async fn end(&self, id: SessionId, how: Ended, patience: Duration) -> Option<Over> {
        let mut leases = lock(&self.leases);
        let session = self.remove(id, how)?;
        Some(Self::over(&mut leases, session, patience))
    }

    /// A session that ended by itself (of age, or pushed out by others), once each; as [`Store::end`].
    pub async fn next_expired(&self, patience: Duration) -> Option<Over> {
        self.sessions.run_pending_tasks();
        let session = lock(&self.expired).pop_front()?;
        Some(Self::over(&mut lock(&self.leases), session, patience))
    }

    /// Gives a session's account back.
    pub async fn release(&self, hold: &Hold, holder: SessionId) {
        self.give_back(hold, holder);
    }

    /// The same where nobody can wait for it, as in a drop.
    pub fn give_back(&self, hold: &Hold, holder: SessionId) {
        if let Hold::Lease(account) = hold {
            lock(&self.leases).release(account, holder);
        }
    }

    /// How a session ended, where that is still known.
    pub async fn ended(&self, id: SessionId) -> Option<Ended> {
        self.ends.get(&id)
    }

    /// Keeps the call of somebody who waits for an account.
    pub async fn wait(&self, ticket: Ticket, waiting: Arc<Waiting>) {
        self.waiting.insert(ticket, waiting);
    }

    /// Takes the call that a ticket stands for. It is good once: whoever has to wait on keeps it anew.
    pub async fn called(&self, ticket: Ticket) -> Option<Arc<Waiting>> {
        self.waiting.remove(&ticket)
    }

    /// The open sessions, the latest first; looking keeps none from going idle.
    pub fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.sessions.iter().map(|(_, session)| session).collect();
        all.sort_by_key(|session| std::cmp::Reverse(session.began));
        all
    }

    /// How many sessions are open, how many of them have an account to themselves, and how many calls wait for one.
    pub fn count(&self) -> (u64, usize, u64) {
        self.sessions.run_pending_tasks();
        self.waiting.run_pending_tasks();
        let leases = lock(&self.leases).count(|id| self.is_open(id));
        (self.sessions.entry_count(), leases, self.waiting.entry_count())
    }

    fn remove(&self, id: SessionId, how: Ended) -> Option<Arc<Session>> {
        let session = self.sessions.remove(&id)?;
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
