//! A body that does what a test says, step by step, and tells how far it has been read.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};

pub(super) enum Step {
    Data(Bytes),
    /// Nothing yet: pending once.
    Pause,
    Trailers,
    /// The connection breaks.
    Cut,
}

/// Shorthand for bytes of a page.
pub(super) fn data(bytes: impl AsRef<[u8]>) -> Step {
    Step::Data(Bytes::copy_from_slice(bytes.as_ref()))
}

pub(super) struct Scripted {
    steps: VecDeque<Step>,
    /// Bytes given out so far.
    pub given: Rc<Cell<usize>>,
}

impl Scripted {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Scripted { steps: steps.into_iter().collect(), given: Rc::default() }
    }

    /// `bytes` in frames of `size`.
    pub(super) fn chunks(bytes: &[u8], size: usize) -> Self {
        Scripted::new(bytes.chunks(size).map(data))
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match self.steps.pop_front() {
            Some(Step::Data(bytes)) => {
                self.given.set(self.given.get() + bytes.len());
                Some(Ok(Frame::data(bytes)))
            }
            Some(Step::Pause) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Cut) => Some(Err(io::ErrorKind::ConnectionReset.into())),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}

/// What one poll gives: `None` where the body is pending.
pub(super) fn poll<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Option<Result<Bytes, B::Error>>> {
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(frame) => Some(frame.map(|frame| frame.map(|frame| frame.into_data().expect("no trailers")))),
        Poll::Pending => None,
    }
}

/// Everything a body gives, over all pauses, and how it ended.
pub(super) fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> (Vec<u8>, Result<(), B::Error>) {
    let mut all = Vec::new();
    loop {
        match poll(&mut body) {
            None => {}
            Some(Some(Ok(bytes))) => all.extend_from_slice(&bytes),
            Some(Some(Err(error))) => {
                assert!(matches!(poll(&mut body), Some(None)), "nothing comes after an error");
                return (all, Err(error));
            }
            Some(None) => {
                assert!(body.is_end_stream());
                return (all, Ok(()));
            }
        }
    }
}
