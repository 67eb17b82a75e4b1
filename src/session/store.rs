//! The open sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::Session;
use super::id::SessionId;

/// Sessions by id: bounded in number, each with its own idle and absolute end.
///
/// Its functions are async because a store that several sidecars share will be.
#[derive(Clone, Debug)]
pub struct Store {
    sessions: Cache<SessionId, Arc<Session>>,
}

impl Store {
    /// Sessions in this process's memory, at most `most` at a time.
    pub fn in_memory(most: u64) -> Self {
        Store { sessions: Cache::builder().max_capacity(most).expire_after(Ends).build() }
    }

    /// Opens a session.
    pub async fn open(&self, session: Arc<Session>) {
        self.sessions.insert(session.id, session);
    }

    /// The open session with that id; asking keeps it from going idle.
    pub async fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.get(&id)
    }

    /// Ends a session; `false` where it was over already.
    pub async fn close(&self, id: SessionId) -> bool {
        self.sessions.remove(&id).is_some()
    }
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
