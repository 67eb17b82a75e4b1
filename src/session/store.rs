//! The open sessions, the accounts they hold, and who waits for one: in this process's memory, or in a Valkey or Redis
//! that several sidecars share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::id::{SessionId, Ticket};
use super::memory::Memory;
use super::shared::Shared;
use super::{Ended, Hold, Session, Stage, Waiting};
use crate::config::plan::{SessionLimits, StoreAddress};
use crate::problem::{Kind, Problem};
use crate::shop::Jar;

/// When a store that did not answer is worth another try.
const RETRY: Duration = Duration::from_secs(5);

/// Sessions by id: bounded in number, each with its own idle and absolute end.
#[derive(Clone, Debug)]
pub struct Store(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Memory(Arc<Memory>),
    Shared(Arc<Shared>),
}

/// A session that is over.
#[derive(Clone, Debug)]
pub struct Over {
    /// The session.
    pub session: Arc<Session>,
    /// Nobody else can have anything in its cart, until [`Store::release`]: it may be emptied.
    pub may_clear: bool,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Open sessions.
    pub sessions: u64,
    /// Accounts that one session has to itself.
    pub leases: usize,
    /// Calls that wait for one.
    pub waiting: u64,
}

/// The shared store gave no answer in time, or none that can be read. Nothing is known of what became of the question.
#[derive(Clone, Debug)]
pub struct Lost(pub(super) String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shared store of sessions: {}", self.0)
    }
}

impl From<Lost> for Problem {
    fn from(lost: Lost) -> Problem {
        Problem::new(Kind::StoreLost, lost.to_string()).retry_after(RETRY)
    }
}

impl Store {
    /// Sessions where the configuration keeps them.
    ///
    /// # Errors
    /// As [`Store::shared`].
    pub fn of(limits: &SessionLimits) -> Result<Self, String> {
        match &limits.store {
            None => Ok(Store::in_memory(limits.most)),
            Some(place) => Store::shared(place, limits.most),
        }
    }

    /// Sessions in this process's memory, at most `most` at a time.
    pub fn in_memory(most: u64) -> Self {
        Store(Kept::Memory(Arc::new(Memory::new(most))))
    }

    /// Sessions at a place that others share, at most `most` at a time. Connects when first asked.
    ///
    /// # Errors
    /// An address or certificate that cannot be used.
    pub fn shared(place: &StoreAddress, most: u64) -> Result<Self, String> {
        Ok(Store(Kept::Shared(Arc::new(Shared::at(place, most)?))))
    }

    /// Leases the first of `accounts` that nobody has to a session that is about to begin, and gives its number. The lease
    /// is void unless the session is [opened](Store::open) within `patience`.
    ///
    /// # Errors
    /// [`Lost`], as of all that follow.
    pub async fn lease(
        &self,
        accounts: &[String],
        holder: SessionId,
        patience: Duration,
    ) -> Result<Option<usize>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.lease(accounts, holder, patience)),
            Kept::Shared(shared) => shared.lease(accounts, holder, patience).await,
        }
    }

    /// Leases an account from whoever has it: that session is over. `false` where it is just entering, or its cart is just
    /// being emptied; that is over within its own patience.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn take_over(&self, account: &str, holder: SessionId, patience: Duration) -> Result<bool, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.take_over(account, holder, patience)),
            Kept::Shared(shared) => shared.take_over(account, holder, patience).await,
        }
    }

    /// Opens a session. `false` where the lease that it was to have is somebody else's: then it is not open.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn open(&self, session: Arc<Session>) -> Result<bool, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.open(session)),
            Kept::Shared(shared) => shared.open(session).await,
        }
    }

    /// An open session goes on as `session`, which has another id, with its account; `false` where it was over. Nothing is
    /// known of the old id from then on.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn hand_on(&self, from: SessionId, session: Arc<Session>) -> Result<bool, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.hand_on(from, session)),
            Kept::Shared(shared) => shared.hand_on(from, session).await,
        }
    }

    /// The shop's cookies of a session that is carried by its addresses. Where a shared store is lost, as far as they are
    /// known here.
    pub async fn jar(&self, session: &Session) -> Jar {
        match &self.0 {
            Kept::Memory(_) => {}
            Kept::Shared(shared) => shared.learn_jar(session).await,
        }
        session.cookies()
    }

    /// Takes in what the shop's answer for `path` sets in a session that is carried by its addresses.
    pub async fn take_in(&self, session: &Session, answer: &HeaderMap, path: &str) {
        if !answer.contains_key(SET_COOKIE) {
            return;
        }
        match &self.0 {
            Kept::Memory(_) => drop(session.held.take_in(&session.jar, answer, path)),
            Kept::Shared(shared) => shared.take_in(session, answer, path).await,
        }
    }

    /// The open session with that id; asking keeps it from going idle. Where a shared store is lost, a session that was
    /// seen here lately is taken to be open for a while.
    ///
    /// # Errors
    /// [`Lost`], and the session was not seen here lately.
    pub async fn find(&self, id: SessionId) -> Result<Option<Arc<Session>>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.find(id)),
            Kept::Shared(shared) => shared.find(id).await,
        }
    }

    /// Whether that session is open, without keeping it from going idle.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn is_open(&self, id: SessionId) -> Result<bool, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.is_open(id)),
            Kept::Shared(shared) => shared.is_open(id).await,
        }
    }

    /// Notes that a session's cart has got so far, and gives how far it was. Where a shared store is lost this process
    /// remembers it, and tells when the session is next found.
    pub async fn reach(&self, session: &Session, stage: Stage) -> Stage {
        let here = session.handed.reach(stage);
        match &self.0 {
            Kept::Memory(_) => here,
            Kept::Shared(shared) => shared.reach(session.id, stage).await.map_or(here, |there| there.max(here)),
        }
    }

    /// Whether this is the first time that this is asked of a session.
    pub async fn first_page(&self, session: &Session) -> bool {
        let first = !session.seen.swap(true, Ordering::AcqRel);
        match &self.0 {
            Kept::Memory(_) => first,
            // In doubt it is a later one: on the first, cookies are taken out of the browser.
            Kept::Shared(shared) => first && shared.first_page(session.id).await.unwrap_or(false),
        }
    }

    /// Ends a session; `None` where it was over already. The account is kept for `patience`, so that its cart can be
    /// emptied before somebody else gets it: [release](Store::release) it when that is done.
    ///
    /// # Errors
    /// [`Lost`]: the session ends by itself when it goes idle.
    pub async fn end(&self, id: SessionId, how: Ended, patience: Duration) -> Result<Option<Over>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.end(id, how, patience)),
            Kept::Shared(shared) => shared.end(id, how, patience).await,
        }
    }

    /// A session that ended by itself (of age, or pushed out by others), once each; as [`Store::end`].
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn next_expired(&self, patience: Duration) -> Result<Option<Over>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.next_expired(patience)),
            Kept::Shared(shared) => shared.next_expired(patience).await,
        }
    }

    /// Gives a session's account back. Where that cannot be told, the account is free when the lease's patience is over.
    pub async fn release(&self, hold: &Hold, holder: SessionId) {
        match (&self.0, hold) {
            (Kept::Memory(memory), hold) => memory.release(hold, holder),
            (Kept::Shared(shared), Hold::Lease(account)) => shared.release(account, holder).await,
            (Kept::Shared(_), Hold::Own | Hold::Common) => {}
        }
    }

    /// The same where nobody can wait for it, as in a drop.
    pub fn give_back(&self, hold: &Hold, holder: SessionId) {
        match &self.0 {
            Kept::Memory(memory) => memory.release(hold, holder),
            // A process without a runtime is about to end; then the lease ends by itself.
            Kept::Shared(_) => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    let (store, hold) = (self.clone(), hold.clone());
                    runtime.spawn(async move { store.release(&hold, holder).await });
                }
            }
        }
    }

    /// How a session ended, where that is still known.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn ended(&self, id: SessionId) -> Result<Option<Ended>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.ended(id)),
            Kept::Shared(shared) => shared.ended(id).await,
        }
    }

    /// Keeps the call of somebody who waits for an account.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn wait(&self, ticket: Ticket, waiting: Arc<Waiting>) -> Result<(), Lost> {
        match &self.0 {
            Kept::Memory(memory) => {
                memory.wait(ticket, waiting);
                Ok(())
            }
            Kept::Shared(shared) => shared.wait(ticket, &waiting).await,
        }
    }

    /// Takes the call that a ticket stands for. It is good once: whoever has to wait on keeps it anew.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn called(&self, ticket: Ticket) -> Result<Option<Arc<Waiting>>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.called(ticket)),
            Kept::Shared(shared) => shared.called(ticket).await,
        }
    }

    /// Notes that a session's browser will come with that ticket.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn expect(&self, ticket: Ticket, id: SessionId) -> Result<(), Lost> {
        match &self.0 {
            Kept::Memory(memory) => {
                memory.expect(ticket, id);
                Ok(())
            }
            Kept::Shared(shared) => shared.expect(ticket, id).await,
        }
    }

    /// The session whose browser has come with that ticket, once. It may be over by then.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn arrived(&self, ticket: Ticket) -> Result<Option<SessionId>, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.arrived(ticket)),
            Kept::Shared(shared) => shared.arrived(ticket).await,
        }
    }

    /// The open sessions that this process knows of, the latest first; looking keeps none from going idle. Of a shared
    /// store those alone that were seen here in the last minutes.
    pub fn seen_here(&self) -> Vec<Arc<Session>> {
        let mut seen = match &self.0 {
            Kept::Memory(memory) => memory.all(),
            Kept::Shared(shared) => shared.seen_here(),
        };
        seen.sort_by_key(|session| std::cmp::Reverse(session.began));
        seen
    }

    /// How much it holds; of a shared store, all sidecars together.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn count(&self) -> Result<Count, Lost> {
        match &self.0 {
            Kept::Memory(memory) => Ok(memory.count()),
            Kept::Shared(shared) => shared.count().await,
        }
    }
}
