//! What is answered.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

use super::Inside;
use super::allow::{Refused, allow};
use super::{checkup, console, simulator};
use crate::observe::LEVELS;
use crate::observe::metrics::{self, Present};
use crate::session::store::Count;

pub(super) type Answer = Response<Full<Bytes>>;

/// A large cart; more than this nobody has to say.
const BODY: usize = 4 << 20;
/// For a body to come whole.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Answers one request. `known`: whether its connection has been let in before.
pub(super) async fn answer(inside: &Inside, tcp: bool, known: &Cell<bool>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let plan = inside.plans.load_full();
    let token = plan.admin.as_ref().and_then(|admin| admin.token.as_ref());
    // A hook's ticket is all that a cart from the shop's pages can show.
    if let (&Method::POST, Some(ticket)) = (&head.method, head.uri.path().strip_prefix("/hook/")) {
        // Of others nothing is read.
        return match inside.watch.simulations.is_there(ticket) {
            true => simulator::arrive(inside, ticket, read(body).await),
            false => simulator::unknown(),
        };
    }
    match allow(&head.method, &head.headers, token, tcp) {
        Ok(()) => known.set(true),
        Err(Refused::Token) => {
            let mut answer =
                plain(StatusCode::UNAUTHORIZED, "the token of `admin_token_file` or `admin_token_env`, please");
            let scheme = HeaderValue::from_static("Basic realm=\"punchout-proxy\", charset=\"UTF-8\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            return answer;
        }
        Err(Refused::OtherSite) => return plain(StatusCode::FORBIDDEN, "not for pages of another site"),
    }
    match (&head.method, head.uri.path()) {
        (&Method::GET | &Method::HEAD, "/live") => plain(StatusCode::OK, "live"),
        (&Method::GET | &Method::HEAD, "/ready") => ready(inside),
        (&Method::GET | &Method::HEAD, "/metrics") => {
            inside.watch.metrics.set(present(inside).await);
            typed(StatusCode::OK, metrics::CONTENT_TYPE, inside.watch.metrics.text())
        }
        (&Method::GET | &Method::HEAD, "/log-level") => match inside.watch.loudness.level() {
            Some(level) => plain(StatusCode::OK, level),
            None => plain(StatusCode::CONFLICT, "the log is not this program's own"),
        },
        (&Method::PUT, "/log-level") => turn(inside, body).await,
        (&Method::GET | &Method::HEAD, "/") => console::page(inside, tcp).await,
        (&Method::GET | &Method::HEAD, "/console.css") => {
            typed(StatusCode::OK, "text/css; charset=utf-8", console::STYLE)
        }
        (&Method::POST, "/simulator") if tcp => {
            let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            simulator::begin(inside, host, &read(body).await)
        }
        (&Method::POST, "/checkup") => checkup::look(inside, &read(body).await).await,
        (_, "/checkup") => not_allowed("POST"),
        (_, "/live" | "/ready" | "/metrics") => not_allowed("GET, HEAD"),
        (_, "/log-level") => not_allowed("GET, HEAD, PUT"),
        _ => {
            plain(StatusCode::NOT_FOUND, "there are / (the console), /live, /ready, /metrics, /log-level and /checkup")
        }
    }
}

/// The listeners are up and a plan is loaded as soon as anybody can ask.
fn ready(inside: &Inside) -> Answer {
    if (inside.draining)() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "draining: no new connections are taken");
    }
    plain(StatusCode::OK, "ready")
}

async fn present(inside: &Inside) -> Present {
    // A shared store that is lost is told of by PO-STORE-LOST; these then say 0.
    let Count { sessions, leases, waiting } = inside.sessions.count().await.unwrap_or_default();
    Present {
        sessions,
        leases,
        waiting,
        connections: (inside.connections)(),
        shop_connections: inside.live.open(),
        shop_waiting: inside.live.waiting(),
    }
}

async fn turn(inside: &Inside, body: Incoming) -> Answer {
    let told = read(body).await;
    let level = String::from_utf8_lossy(&told);
    let level = level.trim();
    if inside.watch.loudness.turn(level) {
        tracing::info!(level, "the log was turned");
        return plain(StatusCode::OK, level);
    }
    plain(StatusCode::BAD_REQUEST, format!("one of {}, please", LEVELS.join(", ")))
}

/// A body that is too long or too slow, or breaks off, is none.
async fn read(body: Incoming) -> Bytes {
    let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY).collect());
    whole.await.ok().and_then(Result::ok).map(|told| told.to_bytes()).unwrap_or_default()
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, methods);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

pub(super) fn plain(status: StatusCode, text: impl Into<String>) -> Answer {
    typed(status, "text/plain; charset=utf-8", text.into() + "\n")
}

/// A page of the console.
pub(super) fn html(title: &str, main: &str) -> Answer {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/console.css\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">To the content</a>\n<main id=\"main\">\n<h1>{title}</h1>\n{main}</main>\n</body>\n</html>\n"
    );
    let mut answer = typed(StatusCode::OK, "text/html; charset=utf-8", page);
    // Frames show the shop; forms lead to it.
    let policy =
        "default-src 'none'; style-src 'self'; frame-src http: https:; frame-ancestors 'self'; base-uri 'none'";
    let headers = answer.headers_mut();
    headers.insert("content-security-policy", HeaderValue::from_static(policy));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

pub(super) fn typed(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
