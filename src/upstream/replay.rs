//! What was written to a connection, kept in case the connection turns out to be dead: then the request is sent again.
//!
//! The head's bytes are kept as they leave, one copy into a buffer that lives as long as the connection, and are only
//! taken apart where they are needed. Cloning the header map would cost two allocations a request and hold on to the
//! client's read buffer; copying it field by field was one in thirty of all instructions of a visitor's request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::header::{HeaderName, HeaderValue};
use http::{Extensions, Method, Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{RequestBody, Stream};
use crate::socket;

/// A head that is longer is kept, but not the room for it.
const USUAL_HEAD: usize = 16 * 1024;

/// The head of the request under way, where it may be sent again.
#[derive(Debug)]
pub(super) struct Replay {
    tape: Tape,
    /// Where hyper keeps the names of fields as they were written.
    extensions: Option<Extensions>,
}

/// What a connection's two ends share. A lock because hyper wants its stream to be `Send`; one thread alone ever takes it.
#[derive(Clone, Debug, Default)]
struct Tape(Arc<Recording>);

#[derive(Debug, Default)]
struct Recording {
    runs: AtomicBool,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// All that was offered to the socket, whether it took it or not.
    bytes: Vec<u8>,
    /// As many of them as it took.
    taken: usize,
}

impl Replay {
    /// For a new connection: where to keep what goes out on it, and the stream that does.
    pub(super) fn of(stream: Stream) -> (Replay, Taped) {
        let tape = Tape::default();
        (Replay { tape: tape.clone(), extensions: None }, Taped { stream, tape })
    }

    /// From here on what is written is kept: a request without a body is about to be sent. With its extensions, where
    /// these belong to it but are not in its head.
    pub(super) fn keep(&mut self, extensions: Option<Extensions>) {
        self.extensions = extensions;
        let mut written = self.tape.written();
        if written.bytes.capacity() > USUAL_HEAD {
            written.bytes = Vec::new();
        }
        written.bytes.clear();
        written.taken = 0;
        self.tape.0.runs.store(true, Relaxed);
    }

    /// It will not be needed.
    pub(super) fn clear(&mut self) {
        self.tape.0.runs.store(false, Relaxed);
    }

    /// The request again, if one was kept.
    pub(super) fn take(&mut self) -> Option<Request<RequestBody>> {
        if !self.tape.0.runs.swap(false, Relaxed) {
            return None;
        }
        let mut request = parse(&self.tape.written().bytes)?;
        *request.extensions_mut() = self.extensions.take().unwrap_or_default();
        Some(request)
    }
}

impl Tape {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runs(&self) -> bool {
        self.0.runs.load(Relaxed)
    }

    /// `pieces` were offered, and so much of them was taken. What was not will be offered again.
    fn offered(&self, pieces: &[IoSlice<'_>], wrote: &Poll<io::Result<usize>>) {
        let mut written = self.written();
        let Written { bytes, taken } = &mut *written;
        bytes.truncate(*taken);
        for piece in pieces {
            bytes.extend_from_slice(piece);
        }
        if let Poll::Ready(Ok(count)) = wrote {
            *taken += count;
        }
    }
}

/// The head of a request as it was written: whole, for hyper offers no part of one.
fn parse(head: &[u8]) -> Option<Request<RequestBody>> {
    let mut fields = vec![httparse::EMPTY_HEADER; head.iter().filter(|byte| **byte == b'\n').count()];
    let mut parsed = httparse::Request::new(&mut fields);
    if !parsed.parse(head).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::new(RequestBody::Empty);
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = Uri::try_from(parsed.path?).ok()?;
    for field in parsed.headers {
        let (name, value) = (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value));
        request.headers_mut().append(name.ok()?, value.ok()?);
    }
    Some(request)
}

/// A connection to the shop of which a tape may be made.
#[derive(Debug)]
pub(super) struct Taped {
    stream: Stream,
    tape: Tape,
}

impl AsyncRead for Taped {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Taped {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taped = self.get_mut();
        let wrote = socket::poll_write(&mut taped.stream, cx, bufs);
        if taped.tape.runs() {
            taped.tape.offered(bufs, &wrote);
        }
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(head: &str) -> Option<Request<RequestBody>> {
        let mut replay = Replay { tape: Tape::default(), extensions: None };
        assert!(replay.take().is_none(), "nothing was kept");
        replay.keep(None);
        let (first, second) = head.as_bytes().split_at(head.len() / 2);
        let both = [IoSlice::new(first), IoSlice::new(second)];
        replay.tape.offered(&both, &Poll::Pending);
        replay.tape.offered(&both, &Poll::Ready(Ok(first.len() + 1)));
        replay.tape.offered(&[IoSlice::new(&second[1..])], &Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())));
        let again = replay.take();
        assert!(replay.take().is_none(), "once");
        again
    }

    #[test]
    fn what_was_written_comes_back_however_the_socket_took_it() {
        let head = "GET /a%2Fb?c=d|e HTTP/1.1\r\nhost: shop.example\r\ncookie: a=1\r\nCookie: b=2\r\nx-latin: \u{e5}\r\nx-empty: \r\n\r\n";
        let again = written(head).unwrap();
        assert_eq!((again.method(), again.uri().to_string()), (&Method::GET, "/a%2Fb?c=d|e".to_owned()));
        let fields: Vec<_> = again.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let latin = "\u{e5}".as_bytes();
        let expected: [(&str, &[u8]); 5] =
            [("host", b"shop.example"), ("cookie", b"a=1"), ("cookie", b"b=2"), ("x-latin", latin), ("x-empty", b"")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn the_asterisk_target_comes_back() {
        assert_eq!(written("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").unwrap().uri(), "*");
    }

    #[test]
    fn half_a_head_is_no_request() {
        assert!(written("GET / HTTP/1.1\r\nhost: shop.exam").is_none());
        assert!(written("GE").is_none());
    }
}
