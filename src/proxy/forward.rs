//! A request to the shop and its answer back, both as they are but for what belongs to one hop.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version, response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep_until};

use super::body::Body;
use super::headers;
use super::validate::validate_answer;
use crate::exchange::Exchange;
use crate::problem::{Kind, Problem};
use crate::upstream::{self, RequestBody, UploadLimits};

/// Sends a valid request to the shop and gives its answer, the body still streaming.
///
/// # Errors
/// Those of [`upstream::Pool::send`]; [`Kind::BodyTooLarge`] and [`Kind::RequestTimeout`] for the client's body.
pub async fn forward(exchange: &Exchange, head: Box<Parts>, body: Incoming) -> Result<Response<Body>, Problem> {
    let body = upload(exchange, body)?;
    if let Some(protocol) = headers::upgrade(&head.headers) {
        // Boxed, for its size would otherwise be that of every client's idle connection.
        return Box::pin(forward_upgrade(exchange, toward_shop_with(exchange, *head, body), protocol)).await;
    }
    let mut answer = exchange.pool().send(toward_shop_with(exchange, *head, body)).await?;
    own_name(exchange, &mut answer);
    toward_client(answer)
}

/// Sends a request to the shop. Whatever the answer says of the shop's own name in its fields is mapped.
///
/// # Errors
/// Those of [`upstream::Pool::send`].
pub async fn ask(exchange: &Exchange, request: Request<RequestBody>) -> Result<Response<upstream::Body>, Problem> {
    let mut answer = exchange.pool().send(request).await?;
    own_name(exchange, &mut answer);
    Ok(answer)
}

fn own_name(exchange: &Exchange, answer: &mut Response<upstream::Body>) {
    if let Some(own) = &exchange.plan().shop.own_name {
        own.answer(answer.headers_mut());
    }
}

/// The request as the shop gets it.
///
/// # Errors
/// [`Kind::BodyTooLarge`] when it announces more than the limit.
pub fn toward_shop(exchange: &Exchange, request: Request<Incoming>) -> Result<Request<RequestBody>, Problem> {
    let (parts, incoming) = request.into_parts();
    let body = upload(exchange, incoming)?;
    Ok(toward_shop_with(exchange, parts, body))
}

fn upload(exchange: &Exchange, incoming: Incoming) -> Result<RequestBody, Problem> {
    let limits = &exchange.plan().limits;
    let size = http_body::Body::size_hint(&incoming);
    if size.lower() > limits.body_size {
        return Err(Problem::new(Kind::BodyTooLarge, format!("{} bytes announced", size.lower())));
    }
    Ok(RequestBody::client(incoming, UploadLimits { size: limits.body_size, idle: limits.body_idle }))
}

/// The same with a body that was read already.
pub fn toward_shop_with(exchange: &Exchange, mut parts: Parts, body: RequestBody) -> Request<RequestBody> {
    if parts.version < Version::HTTP_11 {
        // An HTTP/1.0 client knows no 100 (RFC 9110, section 10.1.1).
        parts.headers.remove(EXPECT);
    }
    headers::toward_shop(&mut parts.headers, exchange.client(), exchange.secure());
    if let Some(own) = &exchange.plan().shop.own_name {
        own.ask(&mut parts.headers);
    }
    if matches!(body, RequestBody::Client(_)) && !parts.headers.contains_key(CONTENT_LENGTH) {
        headers::mark_chunked(&mut parts.headers);
    }
    // Whatever the client speaks, the shop is spoken to in 1.1: an HTTP/1.0 request would cost its connection.
    parts.version = Version::HTTP_11;
    Request::from_parts(parts, body)
}

/// The answer as a visitor gets it: nothing added.
///
/// # Errors
/// [`Kind::ShopBroken`], see [`validate_answer`].
pub fn toward_client(response: Response<upstream::Body>) -> Result<Response<Body>, Problem> {
    let (parts, body) = head_toward_client(response)?;
    Ok(Response::from_parts(parts, Body::Shop(body)))
}

/// The answer's head as a visitor gets it, and the body as the shop sends it.
///
/// # Errors
/// [`Kind::ShopBroken`], see [`validate_answer`].
pub fn head_toward_client(response: Response<upstream::Body>) -> Result<(response::Parts, upstream::Body), Problem> {
    let (mut parts, body) = response.into_parts();
    validate_answer(&mut parts)?;
    headers::strip_hop_by_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    Ok((parts, body))
}

async fn forward_upgrade(
    exchange: &Exchange,
    mut request: Request<RequestBody>,
    protocol: HeaderValue,
) -> Result<Response<Body>, Problem> {
    let client = request.extensions_mut().remove::<OnUpgrade>();
    headers::ask_upgrade(request.headers_mut(), protocol.clone());
    let mut response = exchange.pool().send_upgrade(request).await?;
    own_name(exchange, &mut response);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return toward_client(response);
    }
    let agreed = response.headers().get(UPGRADE).cloned();
    let agreed = agreed.filter(|agreed| agreed.as_bytes().eq_ignore_ascii_case(protocol.as_bytes()));
    let (Some(agreed), Some(client)) = (agreed, client) else {
        return Err(Problem::new(Kind::ShopBroken, "the shop changed to a protocol that nobody asked for"));
    };
    let shop = hyper::upgrade::on(&mut response);
    tokio::task::spawn_local(tunnel(client, shop, exchange.plan().limits.tunnel_idle));
    let (mut parts, _) = response.into_parts();
    headers::strip_hop_by_hop(&mut parts.headers);
    headers::ask_upgrade(&mut parts.headers, agreed);
    Ok(Response::from_parts(parts, Body::Empty))
}

/// Passes bytes both ways until both sides have ended, one broke, or nothing moved for `idle`.
async fn tunnel(client: OnUpgrade, shop: OnUpgrade, idle: Duration) {
    // An error of either side ends the tunnel, and with it the other side: there is nobody else to tell.
    let (Ok(client), Ok(shop)) = (client.await, shop.await) else { return };
    let last = Rc::new(Cell::new(Instant::now()));
    let mut client = Watched { io: TokioIo::new(client), last: last.clone() };
    let mut shop = Watched { io: TokioIo::new(shop), last: last.clone() };
    let silence = async {
        while last.get().elapsed() < idle {
            sleep_until(last.get() + idle).await;
        }
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut shop) => {}
        () = silence => {}
    }
}

/// Notes when bytes last came in.
struct Watched<T> {
    io: T,
    last: Rc<Cell<Instant>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let watched = self.get_mut();
        let read = Pin::new(&mut watched.io).poll_read(cx, buf);
        if read.is_ready() {
            watched.last.set(Instant::now());
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
