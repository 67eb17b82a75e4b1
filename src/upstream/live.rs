//! How many connections to the shop are live, over all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The shared cap on live connections. Workers touch it when they open or close one, not for each request.
#[derive(Debug)]
pub struct Live {
    permits: Arc<Semaphore>,
    max: AtomicUsize,
    waiting: AtomicUsize,
    /// Woken when somebody must wait: workers then let go of connections that lie idle with them.
    pub(super) wanted: Notify,
}

impl Live {
    /// At most `max` connections.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Live {
            permits: Arc::new(Semaphore::new(max)),
            max: AtomicUsize::new(max),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        })
    }

    /// Changes the cap. Connections above a lowered cap are closed as they come free.
    pub fn set_max(&self, max: usize) {
        let before = self.max.swap(max, Ordering::AcqRel);
        if max > before {
            self.permits.add_permits(max - before);
        } else {
            let permits = before - max;
            let forgotten = self.permits.forget_permits(permits);
            // Those in use cannot be forgotten now: their owners are still out. Take them as they come back.
            for _ in forgotten..permits {
                let permits = self.permits.clone();
                tokio::task::spawn_local(async move {
                    if let Ok(permit) = permits.acquire_owned().await {
                        permit.forget();
                    }
                });
            }
        }
    }

    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().try_acquire_owned().ok()
    }

    /// Waits for a permit, and while waiting makes every worker let go of an idle connection.
    pub(super) async fn wait(self: &Arc<Self>) -> Option<OwnedSemaphorePermit> {
        let _queued = Queued::new(self);
        self.wanted.notify_waiters();
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Connections that are open or being made, over all workers.
    pub fn open(&self) -> usize {
        self.max.load(Ordering::Acquire).saturating_sub(self.permits.available_permits())
    }

    /// Requests that wait for a connection now, over all workers.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

struct Queued<'a>(&'a Live);

impl<'a> Queued<'a> {
    fn new(live: &'a Live) -> Self {
        live.waiting.fetch_add(1, Ordering::AcqRel);
        Queued(live)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
