//! The end, announced to everybody at once.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;

/// Whether we are stopping. Asked for each time a connection is polled, so it is one relaxed load.
#[derive(Debug)]
pub(super) struct Drain {
    phase: AtomicU8,
    changed: Notify,
}

impl Drain {
    pub(super) fn new() -> Self {
        Drain { phase: AtomicU8::new(RUNNING), changed: Notify::new() }
    }

    /// Finish what is under way.
    pub(super) fn begin(&self) {
        self.phase.fetch_max(DRAINING, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Finish nothing.
    pub(super) fn cut(&self) {
        self.phase.store(CUT, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(super) fn is_on(&self) -> bool {
        self.phase.load(Ordering::Acquire) != RUNNING
    }

    /// Returns once stopping has begun.
    pub(super) async fn begun(&self) {
        self.reached(DRAINING).await;
    }

    /// Returns once nothing is waited for any more.
    pub(super) async fn cut_off(&self) {
        self.reached(CUT).await;
    }

    async fn reached(&self, phase: u8) {
        loop {
            let changed = self.changed.notified();
            if self.phase.load(Ordering::Acquire) >= phase {
                return;
            }
            changed.await;
        }
    }
}
