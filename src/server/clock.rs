//! The one timer of a client's connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::coop;
use tokio::time::{Instant, Sleep};

/// A timer that one task polls, whatever else wakes it.
///
/// While it runs it is not asked again: a task's waker stays the same, so one poll after each setting registers it, and
/// whether it has rung is a flag. Asking the timer itself would cost two in a hundred of a small request's instructions.
pub(super) struct Clock<'a> {
    sleep: Pin<&'a mut Sleep>,
    is_registered: bool,
}

impl<'a> Clock<'a> {
    pub(super) fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Clock { sleep, is_registered: false }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.sleep.deadline()
    }

    pub(super) fn reset(&mut self, deadline: Instant) {
        self.sleep.as_mut().reset(deadline);
        self.is_registered = false;
    }

    /// Ready once it has rung, until it is set again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_registered && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        // A task that has used up its turn is put off before the timer takes its waker.
        let has_turn = coop::has_budget_remaining();
        let rung = self.sleep.as_mut().poll(cx);
        self.is_registered = has_turn && rung.is_pending();
        rung
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn it_rings_also_when_it_was_set_again_and_when_first_polled_out_of_turn() {
        let begun = Instant::now();
        let mut sleep = pin!(sleep(Duration::from_secs(600)));
        let mut clock = Clock::new(sleep.as_mut());
        poll_fn(|cx| {
            // Whoever polls this often has no turn left.
            while coop::has_budget_remaining() {
                let _ = pin!(coop::consume_budget()).poll(cx);
            }
            assert!(clock.poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(!clock.is_registered);
        tokio::task::yield_now().await;
        for _ in 0..3 {
            assert!(poll_fn(|cx| Poll::Ready(clock.poll(cx))).await.is_pending());
            assert!(clock.is_registered);
        }
        for wait in [7, 9] {
            clock.reset(begun + Duration::from_millis(wait));
            timeout(Duration::from_secs(60), poll_fn(|cx| clock.poll(cx))).await.unwrap();
            assert!(begun.elapsed() >= Duration::from_millis(wait));
        }
    }
}
