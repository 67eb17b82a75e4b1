//! The story of one request.

pub mod body;
pub mod forward;
pub mod headers;
pub mod validate;

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use http::{Request, Response};
use hyper::body::Incoming;

pub use body::Body;

use crate::exchange::Exchange;
use crate::problem::{Kind, Problem};

/// Serves one request. Never fails: a [`Problem`] becomes an answer here and nowhere else.
pub async fn handle(exchange: Exchange, request: Request<Incoming>) -> Response<Body> {
    match serve(&exchange, request).await {
        Ok(answer) => answer,
        Err(problem) => {
            tracing::info!(id = %exchange.id(), peer = %exchange.peer(), %problem, "refused");
            refuse(&exchange, &problem)
        }
    }
}

async fn serve(exchange: &Exchange, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
    let (mut parts, body) = request.into_parts();
    validate::validate(&mut parts)?;
    forward::forward(exchange, Request::from_parts(parts, body)).await
}

/// The answer to a request that cannot be served: a status, the code to search for and the id to ask with.
fn refuse(exchange: &Exchange, problem: &Problem) -> Response<Body> {
    let text = format!("{} {} ({})\n", problem.kind.status(), problem.kind.code(), exchange.id());
    let mut answer = Response::new(Body::Page(Bytes::from(text)));
    *answer.status_mut() = problem.kind.status();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if problem.kind == Kind::MethodNotAllowed {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
    if let Some(delay) = problem.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
    }
    date(&mut answer);
    answer
}

/// Dates an answer of our own. The server does not: a shop's answer passes with the date it has, or none.
pub fn date(answer: &mut Response<Body>) {
    let now = httpdate::fmt_http_date(SystemTime::now());
    answer.headers_mut().insert(DATE, HeaderValue::try_from(now).expect("an HTTP date is ASCII"));
}
