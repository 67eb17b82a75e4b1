//! A page's bytes, kept while they stream past. Nothing is copied and nobody waits: a kept frame is one more reference to
//! it, and a page that is too long is let go of.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Told the whole page, or `None` where it was too long.
type Then = Box<dyn FnOnce(Option<Vec<Bytes>>)>;

/// What is kept of one page.
pub struct Tap {
    most: usize,
    kept: RefCell<Kept>,
}

#[derive(Default)]
struct Kept {
    frames: Vec<Bytes>,
    bytes: usize,
    ended: bool,
    then: Option<Then>,
}

impl Tap {
    /// For a page of `most` bytes.
    pub fn new(most: usize) -> Rc<Tap> {
        Rc::new(Tap { most, kept: RefCell::default() })
    }

    /// Calls `then` when the page has come to its end; never, where it broke off.
    pub fn when_whole(&self, then: impl FnOnce(Option<Vec<Bytes>>) + 'static) {
        self.kept.borrow_mut().then = Some(Box::new(then));
        self.tell();
    }

    /// Keeps no more. Gives the page, where it has come to its end and was not too long.
    pub fn let_go(&self) -> Option<Vec<Bytes>> {
        let mut kept = self.kept.borrow_mut();
        let frames = std::mem::take(&mut kept.frames);
        let is_whole = kept.ended && kept.bytes <= self.most;
        kept.bytes = usize::MAX;
        is_whole.then_some(frames)
    }

    fn frame(&self, data: &Bytes) {
        let mut kept = self.kept.borrow_mut();
        kept.bytes = kept.bytes.saturating_add(data.len());
        if kept.bytes > self.most {
            kept.frames = Vec::new();
        } else {
            kept.frames.push(data.clone());
        }
    }

    fn end(&self) {
        self.kept.borrow_mut().ended = true;
        self.tell();
    }

    fn tell(&self) {
        let mut kept = self.kept.borrow_mut();
        if !kept.ended {
            return;
        }
        let Some(then) = kept.then.take() else { return };
        let frames = std::mem::take(&mut kept.frames);
        let page = (kept.bytes <= self.most).then_some(frames);
        drop(kept);
        then(page);
    }
}

/// A body, and who keeps what streams out of it.
pub struct Tapped<B> {
    body: B,
    tap: Option<Rc<Tap>>,
}

impl<B> Tapped<B> {
    /// `body`, kept by `tap` where there is one.
    pub fn new(body: B, tap: Option<Rc<Tap>>) -> Self {
        Tapped { body, tap }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tapped<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match (&frame, &self.tap) {
            (Some(Ok(frame)), Some(tap)) => frame.data_ref().into_iter().for_each(|data| tap.frame(data)),
            (Some(Err(_)), Some(_)) => self.tap = None,
            (None, Some(tap)) => tap.end(),
            (_, None) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::scripted::{Scripted, read};
    use super::*;

    fn kept_of(page: &str, most: usize, asked_late: bool) -> Option<Option<usize>> {
        let told = Rc::new(Cell::new(None));
        let tap = Tap::new(most);
        let telling = told.clone();
        let ask = move |tap: &Tap| {
            tap.when_whole(move |page| telling.set(Some(page.map(|frames| frames.concat().len()))));
        };
        let body = Tapped::new(Scripted::chunks(page.as_bytes(), 3), Some(tap.clone()));
        if asked_late {
            assert_eq!(read(body).0, page.as_bytes());
            ask(&tap);
        } else {
            ask(&tap);
            assert_eq!(told.get(), None, "it has not come yet");
            assert_eq!(read(body).0, page.as_bytes());
        }
        told.get()
    }

    #[test]
    fn a_page_is_told_of_when_it_is_whole_and_asked_for() {
        for asked_late in [true, false] {
            assert_eq!(kept_of("0123456789", 10, asked_late), Some(Some(10)));
            assert_eq!(kept_of("0123456789", 9, asked_late), Some(None));
        }
    }

    #[test]
    fn a_page_that_breaks_off_is_never_whole() {
        let tap = Tap::new(10);
        tap.when_whole(|_| panic!("it is not whole"));
        let mut body = Tapped::new(Scripted::chunks(b"0123456789", 3), Some(tap));
        assert!(matches!(super::super::scripted::poll(&mut body), Some(Some(Ok(_)))));
    }
}
