//! What we send to the shop as a body.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::problem::{Kind, Problem};

/// How long a client that sent `Expect: 100-continue` is kept from sending when the shop says nothing.
const EXPECT_PATIENCE: Duration = Duration::from_secs(1);

/// A request's body on its way to the shop.
#[derive(Debug)]
pub enum RequestBody {
    /// What a client is sending, passed on as it comes. Boxed: the many requests without a body pay nothing for it.
    Client(Box<Upload>),
    /// Bytes of our own (a form).
    Bytes(Box<Full<Bytes>>),
    /// None.
    Empty,
}

/// What a client may take with a body.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Bytes.
    pub size: u64,
    /// Longest pause.
    pub idle: Duration,
}

/// A client's body, under its limits.
#[derive(Debug)]
pub struct Upload {
    incoming: Incoming,
    left: u64,
    idle: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    gate: Option<Gate>,
    progress: Rc<Progress>,
}

/// What the sender of a request must know of its upload while that is out of its hands.
#[derive(Debug)]
pub(super) struct Progress {
    /// When the shop last took something.
    pub(super) last: Cell<Instant>,
    /// Why it broke off, when that was not the shop's doing.
    pub(super) failed: Cell<Option<Kind>>,
}

/// Holds a body back until the shop asked for it (`Expect: 100-continue`), or for a second at most.
#[derive(Debug)]
struct Gate {
    open: Arc<AtomicBool>,
    patience: Pin<Box<Sleep>>,
}

/// A body broke off on the client's side.
#[derive(Debug, thiserror::Error)]
#[error("the client's body: {0:?}")]
pub struct UploadError(Kind);

impl UploadError {
    /// In which way.
    pub fn kind(&self) -> Kind {
        self.0
    }
}

impl RequestBody {
    /// What `incoming` has to give, or nothing when it is empty.
    pub fn client(incoming: Incoming, limits: UploadLimits) -> Self {
        if incoming.is_end_stream() {
            return RequestBody::Empty;
        }
        RequestBody::Client(Box::new(Upload {
            incoming,
            left: limits.size,
            idle: limits.idle,
            stall: None,
            gate: None,
            progress: Rc::new(Progress { last: Cell::new(Instant::now()), failed: Cell::new(None) }),
        }))
    }

    /// A form or another body that we made.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        RequestBody::Bytes(Box::new(Full::new(bytes.into())))
    }

    pub(super) fn progress(&self) -> Option<Rc<Progress>> {
        match self {
            RequestBody::Client(upload) => Some(upload.progress.clone()),
            RequestBody::Bytes(_) | RequestBody::Empty => None,
        }
    }
}

/// Makes the body of a request with `Expect: 100-continue` wait until the shop answers 100, so that the client is told
/// to go on by the shop and not by us (reading the body is what makes hyper send the 100).
pub(super) fn wait_for_continue(request: &mut Request<RequestBody>) {
    let RequestBody::Client(upload) = request.body_mut() else { return };
    let open = Arc::new(AtomicBool::new(false));
    upload.gate = Some(Gate { open: open.clone(), patience: Box::pin(sleep(EXPECT_PATIENCE)) });
    hyper::ext::on_informational(request, move |interim| {
        if interim.status() == http::StatusCode::CONTINUE {
            open.store(true, Ordering::Release);
        }
    });
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            RequestBody::Client(upload) => upload.poll(cx),
            RequestBody::Bytes(bytes) => Pin::new(&mut **bytes).poll_frame(cx).map_err(|never| match never {}),
            RequestBody::Empty => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Client(upload) => upload.incoming.is_end_stream(),
            RequestBody::Bytes(bytes) => bytes.is_end_stream(),
            RequestBody::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Client(upload) => upload.incoming.size_hint(),
            RequestBody::Bytes(bytes) => bytes.size_hint(),
            RequestBody::Empty => SizeHint::with_exact(0),
        }
    }
}

impl Upload {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if let Some(gate) = &mut self.gate {
            // The connection polls its reading side first, so the flag is seen in the very poll that read the 100.
            if !gate.open.load(Ordering::Acquire) && gate.patience.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.gate = None;
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else { return self.poll_stall(cx) };
        self.stall = None;
        self.progress.last.set(Instant::now());
        match frame {
            None => Poll::Ready(None),
            Some(Err(_)) => self.fail(Kind::BadRequest),
            // Trailers end the body. They are not passed on: merged into a head they are a way to smuggle fields.
            Some(Ok(frame)) if frame.is_trailers() => Poll::Ready(None),
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, Buf::remaining) as u64;
                match self.left.checked_sub(size) {
                    Some(left) => {
                        self.left = left;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => self.fail(Kind::BodyTooLarge),
                }
            }
        }
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let idle = self.idle;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(idle)));
        match stall.as_mut().poll(cx) {
            Poll::Ready(()) => self.fail(Kind::RequestTimeout),
            Poll::Pending => Poll::Pending,
        }
    }

    fn fail(&self, kind: Kind) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        self.progress.failed.set(Some(kind));
        Poll::Ready(Some(Err(UploadError(kind))))
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        Problem::new(error.0, "the request's body broke off")
    }
}
