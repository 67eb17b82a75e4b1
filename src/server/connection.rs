//! One client connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use super::activity::{Activity, Busy, Patience};
use super::client_io::ClientIo;
use super::worker::{Arrival, Worker};
use crate::config::Limits;
use crate::exchange::{Client, Exchange};
use crate::proxy;

/// Fields for which hyper's parser has room on the stack, when it is not told a number.
const HYPER_FIELDS: usize = 100;

/// Serves a connection that was accepted on a plain listener.
pub(super) async fn serve_plain(arrival: Arrival, worker: Rc<Worker>) {
    let Arrival { stream, peer, seat } = arrival;
    let prepared = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
    let Ok(stream) = prepared.and_then(|()| TcpStream::from_std(stream)) else { return };
    let shop = worker.shop();
    let limits = &shop.plan.limits;
    let address = peer.ip().to_canonical();
    let trusted = limits.trusted_proxies.iter().any(|network| network.contains(&address));
    let activity = Activity::new();
    let io = ClientIo::new(stream, activity.clone(), limits.write_idle, seat);
    let connection = Connection { client: Rc::new(Client::new(peer, false, trusted)), activity, worker, limits };
    connection.serve_http1(io).await;
}

/// What a connection has while it lives.
struct Connection<'a> {
    client: Rc<Client>,
    activity: Arc<Activity>,
    worker: Rc<Worker>,
    limits: &'a Limits,
}

/// Why requests are no longer waited for.
enum Pause {
    /// For good.
    End,
    /// Nothing has come for a while.
    Quiet,
}

impl Connection<'_> {
    /// HTTP/1 on any byte stream, until it ends, lies idle too long, or the proxy stops.
    ///
    /// While it lies idle it costs its socket and this future alone: parser and buffers (8 kB and more) exist from a
    /// request's first byte until `buffers_idle` after an answer's last.
    async fn serve_http1<T>(&self, mut io: ClientIo<T>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        while self.wakes(&mut io).await {
            match Box::pin(self.serve_requests(io)).await {
                Some(quiet) => io = quiet,
                None => return,
            }
        }
    }

    async fn wakes<T: AsyncRead + Unpin>(&self, io: &mut ClientIo<T>) -> bool {
        let end = self.activity.ends(Patience::of(self.limits)).unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            came = timeout_at(end, io.wakes()) => matches!(came, Ok(Ok(true))),
            () = self.worker.drain.begun() => false,
        }
    }

    /// Serves until nothing comes for a while; then gives the stream back, if it is still open.
    async fn serve_requests<T>(&self, io: ClientIo<T>) -> Option<ClientIo<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (worker, client, activity) = (self.worker.clone(), self.client.clone(), self.activity.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let busy = activity.begin();
            let exchange = Exchange::new(worker.shop(), client.clone());
            async move {
                let answer = proxy::handle(exchange, request).await;
                Ok::<_, Infallible>(Response::map(answer, |body| Answering { body, _busy: busy }))
            }
        });
        let mut http = http1_builder(self.limits).serve_connection(TokioIo::new(io), service).with_upgrades();
        let drain = &self.worker.drain;
        let mut drained = pin!(drain.begun());
        let mut waits_for_drain = false;
        let mut closing = false;
        let mut clock = pin!(self.clock());
        let pause = poll_fn(|cx| {
            if Pin::new(&mut http).poll(cx).is_ready() {
                return Poll::Ready(Pause::End);
            }
            // Polled once: a task's waker stays the same, so it stays registered, and later polls need only the flag.
            if !waits_for_drain {
                waits_for_drain = true;
                let _ = drained.as_mut().poll(cx);
            }
            if !closing && drain.is_on() {
                closing = true;
                Pin::new(&mut http).graceful_shutdown();
                if Pin::new(&mut http).poll(cx).is_ready() {
                    return Poll::Ready(Pause::End);
                }
            }
            match self.poll_clock(clock.as_mut(), cx) {
                Poll::Ready(Pause::Quiet) if closing => Poll::Pending,
                other => other,
            }
        })
        .await;
        match pause {
            Pause::End => None,
            Pause::Quiet => {
                let parts = http.into_parts()?;
                let mut io = parts.io.into_inner();
                io.put_back(parts.read_buf);
                Some(io)
            }
        }
    }

    fn clock(&self) -> Sleep {
        let patience = Patience::of(self.limits);
        sleep(patience.buffers.min(patience.head).min(patience.idle))
    }

    /// The clock rings now and then and looks; only a head that does not come whole sets it anew. A request costs no
    /// entry in the timer wheel.
    fn poll_clock(&self, mut clock: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Pause> {
        let patience = Patience::of(self.limits);
        if self.activity.reads_head()
            && let Some(end) = self.activity.ends(patience)
            && end < clock.deadline()
        {
            clock.as_mut().reset(end);
        }
        while clock.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let end = self.activity.ends(patience);
            if end.is_some_and(|end| end <= now) {
                return Poll::Ready(Pause::End);
            }
            let next = match self.activity.quiet_since() {
                Some(since) if since + patience.buffers <= now => return Poll::Ready(Pause::Quiet),
                Some(since) => since + patience.buffers,
                None => now + patience.buffers,
            };
            clock.as_mut().reset(end.map_or(next, |end| end.min(next)));
        }
        Poll::Pending
    }
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(limits.head_size)
        // The shop's Date, or none: see `proxy::date` for our own pages.
        .auto_date_header(false)
        // Our own clock does this (`Activity`): hyper's costs a timer for each request.
        .header_read_timeout(None);
    if limits.head_fields != HYPER_FIELDS {
        builder.max_headers(limits.head_fields);
    }
    builder
}

/// An answer's body, which keeps the connection busy until it has ended.
struct Answering {
    body: proxy::Body,
    _busy: Busy,
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = crate::proxy::body::BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
