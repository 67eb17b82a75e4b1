//! One connection to the shop, driven by whoever uses it.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::RequestBody;
use super::replay::{Replay, Taped};
use super::request_body::Progress;

type Driver = Connection<TokioIo<Taped>, RequestBody>;

/// What comes of a request: the answer's head, or the request where not a byte of it was sent.
pub(super) type Answered = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// A connection and what belongs to it. Always boxed, so that it moves between pool and answer for the price of a
/// pointer.
pub(super) struct Link {
    requests: SendRequest<RequestBody>,
    /// None once it has ended. It must be dropped then: it holds the queue with a request that it did not take, and
    /// only its drop gives that request back.
    driver: Option<Driver>,
    clock: Clock,
    /// The request under way, where it may be sent again.
    pub(super) replay: Replay,
    pub(super) reused: bool,
    /// How long the request under way waited for this connection.
    pub(super) waited: Duration,
    pub(super) idle_since: Instant,
    pub(super) made: Instant,
    _permit: OwnedSemaphorePermit,
}

/// Why a request got no answer on this connection.
pub(super) enum Failed {
    /// The connection's fault. With the request, when not a byte of it was sent.
    Broken(hyper::Error, Option<Box<Request<RequestBody>>>),
    /// The shop said nothing for too long.
    TimedOut,
}

impl Link {
    pub(super) fn new(
        (requests, driver): (SendRequest<RequestBody>, Driver),
        replay: Replay,
        permit: OwnedSemaphorePermit,
    ) -> Box<Self> {
        let now = Instant::now();
        Box::new(Link {
            requests,
            driver: Some(driver),
            clock: Clock { sleep: None },
            replay,
            reused: false,
            waited: Duration::ZERO,
            idle_since: now,
            made: now,
            _permit: permit,
        })
    }

    /// Gives the connection a request to send, which it does while its answer is waited for.
    pub(super) fn begin(&mut self, request: Request<RequestBody>) -> impl Future<Output = Answered> + use<> {
        self.requests.try_send_request(request)
    }

    /// Waits for the answer's head, `patience` long after the shop last took something.
    pub(super) async fn answered(
        &mut self,
        mut answer: Pin<&mut impl Future<Output = Answered>>,
        sent: Instant,
        patience: Duration,
        progress: Option<&Rc<Progress>>,
    ) -> Result<Response<Incoming>, Failed> {
        let (driver, clock) = (&mut self.driver, &mut self.clock);
        poll_fn(|cx| {
            // The connection's turn first. It reads before it writes, so one that the shop has closed meanwhile, or
            // on which something unasked arrived, gives the request back instead of sending it.
            drive(driver, cx);
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|mut error| {
                    let request = error.take_message().map(Box::new);
                    Failed::Broken(error.into_error(), request)
                }));
            }
            let last = progress.map_or(sent, |progress| progress.last.get().max(sent));
            clock.poll_until(cx, last + patience).map(|()| Err(Failed::TimedOut))
        })
        .await
    }

    /// Lets the connection read and write. Ready when it has ended, well or badly.
    pub(super) fn poll_driver(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        drive(&mut self.driver, cx);
        if self.driver.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready at `deadline`, which may differ from call to call.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        self.clock.poll_until(cx, deadline)
    }

    /// Whether the next request may use it: answer ended **and** upload sent to its end (hyper takes a request only
    /// then), and neither side said `Connection: close`.
    pub(super) fn is_free(&mut self) -> bool {
        if self.driver.is_some() && !self.requests.is_ready() {
            let _ = self.poll_driver(&mut Context::from_waker(Waker::noop()));
        }
        self.driver.is_some() && self.requests.is_ready() && !self.requests.is_closed()
    }

    /// Looks whether an idle connection was closed by the shop.
    pub(super) fn is_stale(&mut self) -> bool {
        self.poll_driver(&mut Context::from_waker(Waker::noop())).is_ready() || self.requests.is_closed()
    }

    /// Hands the connection to a task of its own, as an upgrade needs it, and gives the sending half.
    pub(super) fn into_upgradable(self: Box<Self>) -> SendRequest<RequestBody> {
        let Link { requests, driver, _permit: permit, .. } = *self;
        tokio::task::spawn_local(async move {
            // What breaks shows at the other half, as the error of the answer or of the tunnel.
            if let Some(driver) = driver {
                let _ = driver.with_upgrades().await;
            }
            drop(permit);
        });
        requests
    }
}

fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    // What broke shows as the error of the answer or of its body.
    if driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(cx).is_ready()) {
        *driver = None;
    }
}

/// One timer for a connection's whole life, moved only when it rings: a request costs no entry in the timer wheel.
struct Clock {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
