//! The one body type of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::upstream::{self, BodyError};

/// What an answer consists of. An enum, not a box: a visitor's bytes pass through without an allocation.
#[derive(Debug)]
pub enum Body {
    /// The shop's, untouched.
    Shop(upstream::Body),
    /// A page of our own.
    Page(Bytes),
    /// Nothing.
    Empty,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.get_mut();
        match body {
            Body::Shop(shop) => Pin::new(shop).poll_frame(cx),
            Body::Page(page) => {
                let page = std::mem::take(page);
                *body = Body::Empty;
                Poll::Ready((!page.is_empty()).then(|| Ok(Frame::data(page))))
            }
            Body::Empty => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Shop(shop) => shop.is_end_stream(),
            Body::Page(page) => page.is_empty(),
            Body::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Shop(shop) => shop.size_hint(),
            Body::Page(page) => SizeHint::with_exact(page.len() as u64),
            Body::Empty => SizeHint::with_exact(0),
        }
    }
}
