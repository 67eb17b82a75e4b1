//! A page that is rewritten as far as it has come before its head leaves: where nothing was changed in all of it, what the
//! shop sent can leave instead, in the shop's own coding and with all that its head says of those bytes.
//!
//! Nobody waits for this. A page that is long, or of which the shop has not sent all yet, streams as ever; what was
//! made of it so far leaves first.

use std::collections::VecDeque;
use std::future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::tap::Tap;

/// A longer page is not looked at to its end, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// A body of which the beginning may have been made already. Trailers are dropped.
pub struct Ahead<B: Body> {
    made: VecDeque<Bytes>,
    broken: Option<B::Error>,
    rest: Option<B>,
}

impl<B: Body<Data = Bytes> + Unpin> Ahead<B> {
    /// A body of which nothing has been made.
    pub fn of(rest: B) -> Self {
        Ahead { made: VecDeque::new(), broken: None, rest: Some(rest) }
    }

    /// Makes of a rewritten page what can be made at once. `plain` keeps what goes into the rewriter, and `sent` what the
    /// shop sent. Gives what was sent, where all of the page has come and left the rewriter as it went in.
    pub async fn look(&mut self, sent: &Rc<Tap>, plain: &Rc<Tap>) -> Option<Bytes> {
        let mut length = 0;
        future::poll_fn(|cx| {
            while length <= LONGEST && self.make(cx, &mut length) {}
            Poll::Ready(())
        })
        .await;
        let (sent, plain) = (sent.let_go(), plain.let_go());
        if self.rest.is_some() || self.broken.is_some() {
            return None;
        }
        let is_same = plain?.concat() == self.made.iter().flatten().copied().collect::<Vec<_>>();
        match sent?.as_slice() {
            _ if !is_same => None,
            [all] => Some(all.clone()),
            frames => Some(frames.concat().into()),
        }
    }

    /// One frame more; whether there may be another.
    fn make(&mut self, cx: &mut Context<'_>, length: &mut usize) -> bool {
        let Some(rest) = &mut self.rest else { return false };
        match Pin::new(rest).poll_frame(cx) {
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    *length += data.len();
                    self.made.push_back(data);
                }
                return true;
            }
            Poll::Ready(Some(Err(error))) => self.broken = Some(error),
            Poll::Ready(None) => {}
        }
        self.rest = None;
        false
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Ahead<B>
where
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(data) = self.made.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(self.broken.take().map(Err)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.made.is_empty() && self.broken.is_none() && self.rest.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            None if self.broken.is_none() => SizeHint::with_exact(self.made.iter().map(|data| data.len() as u64).sum()),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, Step, data, read};
    use super::super::tap::Tapped;
    use super::*;

    /// What is found to be the same of a page that comes like this, and what leaves.
    fn looked(steps: impl IntoIterator<Item = Step>, change: bool) -> (Option<Bytes>, Vec<u8>, bool) {
        let (sent, plain) = (Tap::new(LONGEST), Tap::new(LONGEST));
        let body = Tapped::new(Tapped::new(Scripted::new(steps), Some(sent.clone())), Some(plain.clone()));
        let changed = http_body_util::BodyExt::map_frame(body, move |frame| {
            frame.map_data(|bytes| if change { bytes.to_ascii_uppercase().into() } else { bytes })
        });
        let mut ahead = Ahead::of(changed);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let same = runtime.block_on(ahead.look(&sent, &plain));
        let (output, end) = read(ahead);
        (same, output, end.is_ok())
    }

    #[test]
    fn a_page_that_left_as_it_came_is_the_same() {
        let (same, output, _) = looked([data("<p>"), data("x</p>"), Step::Trailers], false);
        assert_eq!((same.as_deref(), output.as_slice()), (Some(b"<p>x</p>".as_slice()), b"<p>x</p>".as_slice()));
        assert_eq!(looked([], false).0.as_deref(), Some(b"".as_slice()));
    }

    #[test]
    fn a_page_that_was_changed_breaks_off_is_late_or_long_is_not_and_loses_nothing() {
        assert_eq!(looked([data("<p>"), data("x</p>")], true), (None, b"<P>X</P>".to_vec(), true));
        assert_eq!(looked([data("<p>"), Step::Cut], false), (None, b"<p>".to_vec(), false));
        assert_eq!(looked([data("<p>"), Step::Pause, data("x")], false), (None, b"<p>x".to_vec(), true));
        let long = vec![b'x'; LONGEST / 2 + 1];
        let steps = [data(&long), data(&long), data(&long)];
        assert_eq!(looked(steps, false), (None, long.repeat(3), true));
    }
}
