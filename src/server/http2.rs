//! HTTP/2 to a client: behind TLS, or in clear where the client begins with it and the plan allows it.
//!
//! What one connection can make us hold is bounded: streams under way and streams reset before they were served (rapid
//! reset) by number, a head with all its CONTINUATION frames by bytes, an answer that is not taken by time.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::activity::Patience;
use super::client_io::ClientIo;
use super::connection::{Answering, Connection};
use crate::config::Limits;
use crate::exchange::Exchange;
use crate::proxy;

/// What a client sends first: it is no HTTP/1 request.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Streams that a client opened and reset again before we took them; above it the connection ends (CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// Streams that we reset for a client's fault; above it the connection ends (CVE-2025-8671).
const RESETS_BY_US: usize = 64;
/// What a client may send of one body, and of all, before we took it.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// What is kept of one answer that the client has not taken.
const SEND_BUFFER: usize = 64 << 10;
/// How often we ask a silent client whether it is still there, and how long it has for its answer.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

impl Connection<'_> {
    /// HTTP/2 on any byte stream, until it ends, lies idle too long, or the proxy stops.
    pub(super) async fn serve_http2<T>(&self, io: ClientIo<T>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.activity.speaks_frames();
        let offered = Rc::new(Offered::default());
        let (worker, client, activity) = (self.worker.clone(), self.client.clone(), self.activity.clone());
        let (most_fields, offers) = (self.limits.head_fields, offered.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let busy = activity.begin();
            let exchange = Exchange::new(worker.shop(), client.clone(), request.headers());
            let offer = offers.begin();
            async move {
                let answer = if request.headers().len() > most_fields {
                    too_many_fields()
                } else {
                    proxy::handle(exchange, request).await
                };
                Ok::<_, Infallible>(answer.map(|body| Stream { body: Answering::new(body, busy), offer }))
            }
        });
        let mut http = pin!(http2_builder(self.limits).serve_connection(TokioIo::new(io), service));
        let patience = Patience::of(self.limits);
        let mut tick = interval((patience.idle.min(self.limits.write_idle) / 4).max(Duration::from_millis(10)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing = false;
        loop {
            tokio::select! {
                _ = http.as_mut() => return,
                () = self.worker.drain.begun(), if !closing => {
                    closing = true;
                    http.as_mut().graceful_shutdown();
                }
                now = tick.tick() => {
                    if offered.longest().is_some_and(|since| since + self.limits.write_idle <= now) {
                        return;
                    }
                    if self.activity.ends(patience).is_some_and(|end| end <= now) {
                        // The client is told first; one that does not listen is left at the next tick.
                        if closing {
                            return;
                        }
                        closing = true;
                        http.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}

fn http2_builder(limits: &Limits) -> http2::Builder<OnThisThread> {
    let mut builder = http2::Builder::new(OnThisThread);
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(RESETS_BY_US)
        // A configuration is far below four gigabytes.
        .max_header_list_size(u32::try_from(limits.head_size).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

fn too_many_fields() -> Response<proxy::Body> {
    let mut answer = Response::new(proxy::Body::Empty);
    *answer.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    answer
}

/// Streams are served on the connection's own thread.
#[derive(Clone, Copy)]
struct OnThisThread;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnThisThread {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}

/// Since when each stream's answer waits to be taken. A stream that the client gives no window to is not polled, so it
/// cannot end itself: the connection looks.
#[derive(Default)]
struct Offered(RefCell<Vec<Weak<Cell<Option<Instant>>>>>);

impl Offered {
    fn begin(&self) -> Rc<Cell<Option<Instant>>> {
        let offer = Rc::new(Cell::new(None));
        let mut all = self.0.borrow_mut();
        all.retain(|offer| offer.strong_count() > 0);
        all.push(Rc::downgrade(&offer));
        offer
    }

    fn longest(&self) -> Option<Instant> {
        self.0.borrow().iter().filter_map(Weak::upgrade).filter_map(|offer| offer.get()).min()
    }
}

/// One stream's answer.
struct Stream {
    body: Answering,
    /// Since when what was last given out is not asked for more.
    offer: Rc<Cell<Option<Instant>>>,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = proxy::body::BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let stream = self.get_mut();
        let frame = Pin::new(&mut stream.body).poll_frame(cx);
        stream.offer.set(matches!(frame, Poll::Ready(Some(Ok(_)))).then(Instant::now));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
