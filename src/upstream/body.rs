//! The shop's answer as it streams, with the connection that brings it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Pool;
use super::link::Link;
use crate::problem::{Kind, Problem};

/// An answer's body. Dropped before its end, it closes the connection; at its end it gives the connection back.
pub struct Body {
    incoming: Incoming,
    source: Option<(Box<Link>, Rc<Pool>)>,
    /// Since when nothing came, while nothing comes.
    silent_since: Option<Instant>,
    /// How long the request waited for a connection to be free or made.
    waited: Duration,
}

/// The shop's answer broke off. It must reach the client as a broken answer too, never as a complete one.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Closed, reset or garbled.
    #[error("the shop's answer broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// The connection ended where the answer had not.
    #[error("the shop's answer broke off")]
    Ended,
    /// Nothing for `body_idle_timeout`.
    #[error("the shop's answer stopped coming")]
    Stalled,
}

impl Body {
    pub(super) fn new(incoming: Incoming, link: Box<Link>, pool: &Rc<Pool>) -> Self {
        let waited = link.waited;
        let mut body = Body { incoming, source: Some((link, pool.clone())), silent_since: None, waited };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        body
    }

    /// A body whose connection somebody else drives.
    pub(super) fn detached(incoming: Incoming) -> Self {
        Body { incoming, source: None, silent_since: None, waited: Duration::ZERO }
    }

    /// How long the request waited for a connection to be free or made; nothing where one lay idle.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn give_back(&mut self) {
        if let Some((link, pool)) = self.source.take() {
            pool.give_back(link);
        }
    }

    /// Reads it to its end, `limit` bytes at most.
    ///
    /// # Errors
    /// [`Kind::ShopPageTooLarge`] above the limit, [`Kind::ShopBroken`] when it breaks off, [`Kind::ShopTimeout`] when
    /// it stops coming.
    pub async fn read_all(mut self, limit: usize) -> Result<Bytes, Problem> {
        let too_large = || Problem::new(Kind::ShopPageTooLarge, format!("the shop's page is over {limit} bytes"));
        if self.incoming.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let mut all = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if all.len() + data.len() > limit {
                return Err(too_large());
            }
            if all.is_empty() && self.is_end_stream() {
                return Ok(data);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut body.incoming).poll_frame(cx) {
            return Poll::Ready(body.take_in(frame));
        }
        let Some((link, pool)) = &mut body.source else { return Poll::Pending };
        let ended = link.poll_driver(cx).is_ready();
        if let Poll::Ready(frame) = Pin::new(&mut body.incoming).poll_frame(cx) {
            return Poll::Ready(body.take_in(frame));
        }
        if ended {
            body.source = None;
            return Poll::Ready(Some(Err(BodyError::Ended)));
        }
        let since = *body.silent_since.get_or_insert_with(Instant::now);
        if link.poll_until(cx, since + pool.limits().body_idle_timeout).is_ready() {
            body.source = None;
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Body {
    fn take_in(
        &mut self,
        frame: Option<Result<Frame<Bytes>, hyper::Error>>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        self.silent_since = None;
        match frame {
            None => {
                self.give_back();
                None
            }
            Some(Err(error)) => {
                self.source = None;
                Some(Err(error.into()))
            }
            Some(Ok(frame)) => {
                if self.incoming.is_end_stream() {
                    self.give_back();
                }
                Some(Ok(frame))
            }
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("ended", &self.incoming.is_end_stream()).finish_non_exhaustive()
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::Broken(_) | BodyError::Ended => Kind::ShopBroken,
            BodyError::Stalled => Kind::ShopTimeout,
        };
        Problem::new(kind, error.to_string())
    }
}
