//! One client connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Busy, Patience};
use super::client_io::ClientIo;
use super::clock::Clock;
use super::http2::PREFACE;
use super::proxy_protocol;
use super::worker::{Arrival, Worker};
use crate::config::Limits;
use crate::config::tls::Tls;
use crate::exchange::{Client, Exchange};
use crate::proxy;

/// Fields for which hyper's parser has room on the stack, when it is not told a number.
const HYPER_FIELDS: usize = 100;

/// How long a client that is not being served is still listened to once stopping has begun.
const LAST_REQUEST: Duration = Duration::from_millis(300);

/// Serves a connection that was accepted.
///
/// What lies idle is this future: it holds nothing twice, and all that few connections need is boxed. An `async fn` would
/// have room for each argument and for the local that it becomes.
pub(super) fn serve(arrival: Arrival, worker: Rc<Worker>) -> impl Future<Output = ()> {
    let shop = worker.shop();
    async move {
        let limits = &shop.plan.limits;
        let listener = arrival.listener;
        let Some((io, connection)) = Box::pin(begin(arrival, worker, limits)).await else { return };
        match &shop.plan.tls {
            Some(tls) if listener.tls => Box::pin(connection.serve_tls(io, tls)).await,
            _ if listener.tls => tracing::error!("a TLS listener without a certificate"),
            _ if limits.http2_cleartext => Box::pin(connection.serve_either(io)).await,
            _ => connection.serve_http1(io).await,
        }
    }
}

/// The connection as it is served: a socket of this runtime, and who is at its other end. None for one that is refused.
async fn begin(arrival: Arrival, worker: Rc<Worker>, limits: &Limits) -> Option<(ClientIo<TcpStream>, Connection<'_>)> {
    let Arrival { stream, mut peer, listener, mut seat } = arrival;
    let prepared = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
    let mut stream = prepared.and_then(|()| TcpStream::from_std(stream)).ok()?;
    if listener.proxy_protocol && limits.trusts(peer.ip()) {
        match timeout(limits.head_time, proxy_protocol::read(&mut stream)).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(named))) => {
                peer = named;
                if !seat.sit_down(named.ip(), limits) {
                    return None;
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%peer, %error, "a connection without a valid PROXY header");
                return None;
            }
            Err(_) => {
                tracing::warn!(%peer, "no PROXY header in time");
                return None;
            }
        }
    }
    let client = Rc::new(Client::new(peer, listener.tls, limits.trusts(peer.ip())));
    let activity = Activity::new();
    let io = ClientIo::new(stream, activity.clone(), limits.write_idle, seat);
    Some((io, Connection { client, activity, worker, limits }))
}

/// What a connection has while it lives.
pub(super) struct Connection<'a> {
    pub(super) client: Rc<Client>,
    pub(super) activity: Arc<Activity>,
    pub(super) worker: Rc<Worker>,
    pub(super) limits: &'a Limits,
}

/// Why requests are no longer waited for.
enum Pause {
    /// For good.
    End,
    /// Nothing has come for a while.
    Quiet,
}

impl Connection<'_> {
    /// HTTP/1 or, where the client begins with it, HTTP/2.
    async fn serve_either(&self, mut io: ClientIo<TcpStream>) {
        if !self.wakes(&mut io).await {
            return;
        }
        if io.begins_with(PREFACE) { self.serve_http2(io).await } else { self.serve_http1(io).await }
    }

    async fn serve_tls(&self, io: ClientIo<TcpStream>, tls: &Tls) {
        let (stream, seat) = io.into_parts();
        let handshake = TlsAcceptor::from(tls.server.clone()).accept(stream);
        let handshake = tokio::select! {
            biased;
            handshake = timeout(self.limits.head_time, handshake) => handshake,
            () = self.worker.room.is_wanted() => return,
        };
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            // Scanners and clients that do not like the certificate: nothing that we could do better.
            Ok(Err(error)) => return tracing::debug!(peer = %self.client.peer, %error, "no TLS"),
            Err(_) => return tracing::debug!(peer = %self.client.peer, "no TLS in time"),
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = ClientIo::new(stream, self.activity.clone(), self.limits.write_idle, seat);
        if http2 { Box::pin(self.serve_http2(io)).await } else { self.serve_http1(io).await }
    }

    /// HTTP/1 on any byte stream, until it ends, lies idle too long, or the proxy stops.
    ///
    /// While it lies idle it costs its socket and this future alone: parser and buffers (8 kB and more) exist from a
    /// request's first byte until `buffers_idle` after an answer's last.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn has room for its argument and for the local that it becomes"
    )]
    fn serve_http1<T>(&self, mut io: ClientIo<T>) -> impl Future<Output = ()>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        async move {
            while self.wakes(&mut io).await {
                match Box::pin(self.serve_requests(io)).await {
                    Some(quiet) => io = quiet,
                    None => return,
                }
            }
        }
    }

    /// Waits for the client's next byte; false where the connection is to end. One clock and two ears for the end, for this
    /// is where ten thousand connections lie.
    async fn wakes<T: AsyncRead + Unpin>(&self, io: &mut ClientIo<T>) -> bool {
        let end = self.activity.ends(Patience::of(self.limits)).unwrap_or_else(Instant::now);
        let drain = &self.worker.drain;
        let (mut clock, mut drained, mut wanted) =
            (pin!(sleep_until(end)), pin!(drain.begun()), pin!(self.worker.room.is_wanted()));
        let mut draining = false;
        poll_fn(|cx| {
            if let Poll::Ready(came) = io.poll_wakes(cx) {
                return Poll::Ready(matches!(came, Ok(true)));
            }
            if !draining && drained.as_mut().poll(cx).is_ready() {
                draining = true;
                let last = Instant::now() + LAST_REQUEST;
                clock.as_mut().reset(last.min(end));
            }
            match clock.as_mut().poll(cx).is_ready() || wanted.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(false),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Serves until nothing comes for a while; then gives the stream back, if it is still open.
    async fn serve_requests<T>(&self, io: ClientIo<T>) -> Option<ClientIo<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (worker, client, activity) = (self.worker.clone(), self.client.clone(), self.activity.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let busy = activity.begin();
            let exchange = Exchange::new(worker.shop(), client.clone(), request.headers());
            async move {
                let answer = proxy::handle(exchange, request).await;
                Ok::<_, Infallible>(Response::map(answer, |body| Answering::new(body, busy)))
            }
        });
        let mut http = http1_builder(self.limits).serve_connection(TokioIo::new(io), service).with_upgrades();
        let drain = &self.worker.drain;
        let mut drained = pin!(drain.begun());
        let mut waits_for_drain = false;
        let mut closing = false;
        let mut last_request = None;
        let mut sleep = pin!(self.clock());
        let mut clock = Clock::new(sleep.as_mut());
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
                let now = Instant::now();
                let last = *last_request.get_or_insert(now + LAST_REQUEST);
                if self.activity.quiet_since().is_some() && now < last {
                    // A request may be on its way: it is answered, and with it the client is told to go.
                    clock.reset(last);
                    let _ = clock.poll(cx);
                    return Poll::Pending;
                }
                closing = true;
                Pin::new(&mut http).graceful_shutdown();
                if Pin::new(&mut http).poll(cx).is_ready() {
                    return Poll::Ready(Pause::End);
                }
            }
            match self.poll_clock(&mut clock, cx) {
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
    fn poll_clock(&self, clock: &mut Clock<'_>, cx: &mut Context<'_>) -> Poll<Pause> {
        let patience = Patience::of(self.limits);
        if self.activity.reads_head()
            && let Some(end) = self.activity.ends(patience)
            && end < clock.deadline()
        {
            clock.reset(end);
        }
        while clock.poll(cx).is_ready() {
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
            clock.reset(end.map_or(next, |end| end.min(next)));
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
    if limits.preserve_header_case {
        builder.preserve_header_case(true);
    }
    builder
}

/// An answer's body, which keeps the connection busy until it has ended.
pub(super) struct Answering {
    body: proxy::Body,
    _busy: Busy,
}

impl Answering {
    pub(super) fn new(body: proxy::Body, busy: Busy) -> Self {
        Answering { body, _busy: busy }
    }
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
