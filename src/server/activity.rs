//! What a client connection is doing, told between the socket, the service and the clock that ends idle ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Limits;

/// One connection's state. Atomics because the socket must be `Send` to be upgraded; only one thread ever touches
/// them, so plain loads and stores do.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Requests under way, from their head to the end of their answer.
    busy: AtomicU32,
    /// When the last answer ended, in milliseconds from `opened`.
    idle_since: AtomicU64,
    /// When the head that is being read began, in milliseconds from `opened`, plus one; 0 for none.
    head_since: AtomicU64,
    /// Bytes that come are frames, of which only the protocol knows what they begin.
    frames: AtomicBool,
    /// The client has not yet taken all that we wrote.
    blocked: AtomicBool,
}

/// What ends a quiet connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) buffers: Duration,
}

impl Patience {
    pub(super) fn of(limits: &Limits) -> Self {
        Patience { head: limits.head_time, idle: limits.idle, buffers: limits.buffers_idle }
    }
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Activity {
            opened: Instant::now(),
            busy: AtomicU32::new(0),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            frames: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
        })
    }

    fn now(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }

    /// From here on the client speaks HTTP/2: a ping is no head that has begun.
    pub(super) fn speaks_frames(&self) {
        self.frames.store(true, Relaxed);
        self.head_since.store(0, Relaxed);
    }

    /// Bytes came in.
    pub(super) fn received(&self) {
        if !self.frames.load(Relaxed) && self.busy.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now() + 1, Relaxed);
        }
    }

    /// A request's head is complete. Its answer lasts as long as what is returned.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.head_since.store(0, Relaxed);
        self.busy.store(self.busy.load(Relaxed) + 1, Relaxed);
        Busy(self.clone())
    }

    /// Whether a write waits for the client.
    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Relaxed);
    }

    /// Since when nothing is read, served or written.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let quiet = self.busy.load(Relaxed) == 0 && !self.reads_head() && !self.blocked.load(Relaxed);
        quiet.then(|| self.opened + Duration::from_millis(self.idle_since.load(Relaxed)))
    }

    /// A head has begun and is not complete.
    pub(super) fn reads_head(&self) -> bool {
        self.head_since.load(Relaxed) != 0
    }

    /// When the connection is to be ended, unless something happens; none while a request is under way or
    /// its answer is still being taken.
    pub(super) fn ends(&self, patience: Patience) -> Option<Instant> {
        if self.busy.load(Relaxed) > 0 || self.blocked.load(Relaxed) {
            return None;
        }
        Some(match self.head_since.load(Relaxed) {
            0 => self.opened + Duration::from_millis(self.idle_since.load(Relaxed)) + patience.idle,
            since => self.opened + Duration::from_millis(since - 1) + patience.head,
        })
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        let busy = self.0.busy.load(Relaxed).saturating_sub(1);
        self.0.busy.store(busy, Relaxed);
        self.0.idle_since.store(self.0.now(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { head: Duration::from_secs(2), idle: Duration::from_secs(10), buffers: Duration::from_secs(5) };

    #[test]
    fn idle_head_and_answer_each_have_their_clock() {
        let activity = Activity::new();
        let start = activity.opened;
        assert_eq!(activity.ends(PATIENCE), Some(start + PATIENCE.idle));
        activity.idle_since.store(5_000, Relaxed);
        assert_eq!(activity.ends(PATIENCE), Some(start + Duration::from_secs(15)));
        assert_eq!(activity.quiet_since(), Some(start + Duration::from_secs(5)));
        activity.set_blocked(true);
        assert_eq!((activity.ends(PATIENCE), activity.quiet_since()), (None, None), "the answer is still being taken");
        activity.set_blocked(false);
        activity.head_since.store(6_001, Relaxed);
        assert_eq!(activity.quiet_since(), None);
        activity.received();
        assert_eq!(activity.ends(PATIENCE), Some(start + Duration::from_secs(8)), "the head's first byte counts");
        let (first, second) = (activity.begin(), activity.begin());
        activity.received();
        assert!(!activity.reads_head(), "bytes of a body are no head");
        drop(first);
        assert_eq!(activity.ends(PATIENCE), None);
        drop(second);
        assert!(activity.ends(PATIENCE).unwrap() < start + PATIENCE.idle + Duration::from_secs(5));
    }
}
