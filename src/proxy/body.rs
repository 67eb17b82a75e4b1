//! The one body type of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::request_line::Followed;
use super::rewritten::Rewriting;
use crate::rewrite::ahead::Ahead;
use crate::rewrite::coding::CodedBody;
use crate::upstream;

/// What an answer consists of. An enum, not a box: a visitor's bytes pass through without an allocation.
pub enum Body {
    /// The shop's, untouched.
    Shop(upstream::Body),
    /// A page of our own.
    Page(Bytes),
    /// The shop's page, rewritten. Boxed: visitors pay nothing for its size.
    Rewritten(Box<CodedBody<Ahead<Rewriting>>>),
    /// Any of these, of which a line is logged at its end. Boxed, as few are.
    Followed(Box<Followed>),
    /// Nothing.
    Empty,
}

/// An answer that broke off. It must not look complete to the client.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// As the shop's did.
    #[error(transparent)]
    Shop(#[from] upstream::BodyError),
    /// While it was decoded, rewritten or encoded.
    #[error(transparent)]
    Rewritten(#[from] std::io::Error),
}

impl From<String> for Body {
    fn from(page: String) -> Self {
        Body::Page(page.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.get_mut();
        match body {
            Body::Shop(shop) => Pin::new(shop).poll_frame(cx).map_err(Into::into),
            Body::Rewritten(page) => Pin::new(&mut **page).poll_frame(cx).map_err(Into::into),
            Body::Followed(followed) => Pin::new(&mut **followed).poll_frame(cx),
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
            Body::Rewritten(page) => page.is_end_stream(),
            Body::Followed(followed) => followed.is_end_stream(),
            Body::Page(page) => page.is_empty(),
            Body::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Shop(shop) => shop.size_hint(),
            Body::Rewritten(page) => page.size_hint(),
            Body::Followed(followed) => followed.size_hint(),
            Body::Page(page) => SizeHint::with_exact(page.len() as u64),
            Body::Empty => SizeHint::with_exact(0),
        }
    }
}
