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
use tokio::time::{Instant, sleep_until};

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
    serve_http1(io, activity, Rc::new(Client::new(peer, false, trusted)), worker, limits).await;
}

/// HTTP/1 on any byte stream, until it ends, lies idle too long, or the proxy stops.
async fn serve_http1<T>(
    io: ClientIo<T>,
    activity: Arc<Activity>,
    client: Rc<Client>,
    worker: Rc<Worker>,
    limits: &Limits,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let patience = Patience::of(limits);
    let drain = worker.drain.clone();
    let service = {
        let activity = activity.clone();
        service_fn(move |request: Request<Incoming>| {
            let busy = activity.begin();
            let exchange = Exchange::new(worker.shop(), client.clone());
            async move {
                let answer = proxy::handle(exchange, request).await;
                Ok::<_, Infallible>(Response::map(answer, |body| Answering { body, _busy: busy }))
            }
        })
    };
    let mut http = pin!(http1_builder(limits).serve_connection(TokioIo::new(io), service).with_upgrades());
    let mut drained = pin!(drain.begun());
    let mut waits_for_drain = false;
    let mut closing = false;
    let mut clock = pin!(sleep_until(Instant::now() + patience.idle.min(patience.head)));
    let mut clock_runs = false;
    poll_fn(|cx| {
        if http.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Polled once: a task's waker stays the same, so it stays registered, and later polls need only the flag.
        if !waits_for_drain {
            waits_for_drain = true;
            let _ = drained.as_mut().poll(cx);
        }
        if !closing && drain.is_on() {
            closing = true;
            http.as_mut().graceful_shutdown();
            if http.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        // The clock rings now and then and looks; only a head that does not come whole sets it anew.
        if activity.reads_head() && activity.ends(patience).is_some_and(|end| end < clock.deadline()) {
            let end = activity.ends(patience).unwrap_or(clock.deadline());
            clock.as_mut().reset(end);
            clock_runs = false;
        }
        while !clock_runs || clock.is_elapsed() {
            clock_runs = true;
            if clock.as_mut().poll(cx).is_pending() {
                break;
            }
            let now = Instant::now();
            let end = activity.ends(patience);
            if end.is_some_and(|end| end <= now) {
                return Poll::Ready(());
            }
            clock.as_mut().reset(end.unwrap_or(now + patience.idle));
            clock_runs = false;
        }
        Poll::Pending
    })
    .await;
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
