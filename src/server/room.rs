//! Places for connections, and who leaves when there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// As many connections as `limits.connections` allows. When somebody new would have to wait, the connection that has been
/// quiet the longest is closed, so that ten thousand that were opened and left keep nobody out.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    /// Quiet connections wait here, the one that has been quiet the longest first.
    wanted: Notify,
    /// Newcomers that wait for a place.
    waiting: AtomicUsize,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Room { places: Arc::new(Semaphore::new(most)), wanted: Notify::new(), waiting: AtomicUsize::new(0) }
    }

    /// A place, for as long as the permit lives. Waits where nobody is quiet.
    pub(super) async fn enter(&self) -> OwnedSemaphorePermit {
        if let Some(place) = self.try_enter() {
            return place;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.wanted.notify_one();
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        place
    }

    /// A place, if there is one.
    pub(super) fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// How many places are free.
    pub(super) fn left(&self) -> usize {
        self.places.available_permits()
    }

    /// For a quiet connection: returns when it is to make room.
    pub(super) async fn is_wanted(&self) {
        loop {
            self.wanted.notified().await;
            // Nobody was quiet when it was asked for, and the newcomer has got its place since: it may be this very one.
            if self.waiting.load(Ordering::Acquire) > 0 {
                return;
            }
        }
    }
}
