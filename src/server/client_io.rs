//! The client's socket: tells when bytes come, and ends a client that takes none.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::Activity;
use super::worker::Seat;
use crate::socket;

/// Room for the first bytes after a pause: most heads, on the stack.
const FIRST_READ: usize = 4096;

/// A client's connection, plain or encrypted.
#[derive(Debug)]
pub(super) struct ClientIo<T> {
    io: T,
    activity: Arc<Activity>,
    /// Bytes that were read before there was a parser to take them.
    unread: Bytes,
    write_idle: Duration,
    /// Runs while a write waits: no timer for clients that keep up.
    stall: Option<Pin<Box<Sleep>>>,
    seat: Seat,
}

impl<T> ClientIo<T> {
    pub(super) fn new(io: T, activity: Arc<Activity>, write_idle: Duration, seat: Seat) -> Self {
        ClientIo { io, activity, unread: Bytes::new(), write_idle, stall: None, seat }
    }

    /// The stream by itself, before anything was read from it.
    pub(super) fn into_parts(self) -> (T, Seat) {
        (self.io, self.seat)
    }

    fn watch<R>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if wrote.is_ready() {
            if self.stall.take().is_some() {
                self.activity.set_blocked(false);
            }
            return wrote;
        }
        self.activity.set_blocked(true);
        let write_idle = self.write_idle;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(write_idle)));
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> ClientIo<T> {
    /// Waits until the client sends something, without a buffer to wait with. False at its end.
    pub(super) fn poll_wakes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.unread.is_empty() {
            let mut first = [0; FIRST_READ];
            let mut first = ReadBuf::new(&mut first);
            ready!(Pin::new(&mut *self).poll_read(cx, &mut first))?;
            self.unread = Bytes::copy_from_slice(first.filled());
        }
        Poll::Ready(Ok(!self.unread.is_empty()))
    }

    /// Whether what has come begins so.
    pub(super) fn begins_with(&self, bytes: &[u8]) -> bool {
        self.unread.starts_with(bytes)
    }

    /// Takes back what a parser had read but not used.
    pub(super) fn put_back(&mut self, unread: Bytes) {
        if !unread.is_empty() {
            self.activity.received();
            self.unread = unread;
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ClientIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        if !client.unread.is_empty() {
            let count = buf.remaining().min(client.unread.len());
            buf.put_slice(&client.unread.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut client.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            client.activity.received();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ClientIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let client = self.get_mut();
        let wrote = Pin::new(&mut client.io).poll_write(cx, buf);
        client.watch(cx, wrote)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        // TLS takes what it is given to write at once, and waits for the client here.
        let flushed = Pin::new(&mut client.io).poll_flush(cx);
        client.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let client = self.get_mut();
        let wrote = socket::poll_write(&mut client.io, cx, bufs);
        client.watch(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
