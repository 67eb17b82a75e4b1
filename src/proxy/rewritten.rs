//! Answers that are pages, and are rewritten on their way back: what is the same for sessions and for visitors.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, response};
use hyper::body::Incoming;
use lol_html::Settings;

use super::body::Body;
use super::forward;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::rewrite::body::{DEFAULT_MEMORY, Failure, Meanwhile, OnFailure, RewritingBody};
use crate::rewrite::charset;
use crate::rewrite::coding::{self, ASKED_OF_SHOP, Coding, Expansion, Unrewritable};
use crate::rewrite::own_name::OwnName;
use crate::rewrite::response_headers::{self, Rewritable};
use crate::rewrite::tap::{Tap, Tapped};
use crate::upstream;

/// An answer, as far as it can be rewritten.
pub enum Opened {
    /// Not at all: it is no page.
    Closed(Response<Body>),
    /// A page.
    Page(OpenPage),
    /// A page in a coding that we do not know.
    Unknown(Response<Body>, Unrewritable),
}

/// A page that is to be rewritten.
pub struct OpenPage {
    /// Its head, still as the shop wrote it.
    pub head: response::Parts,
    /// Who keeps it as it streams past.
    pub tap: Option<Rc<Tap>>,
    /// What goes on as it streams past.
    pub meanwhile: Option<Meanwhile>,
    body: upstream::Body,
    coding: Coding,
    /// It answers a HEAD.
    headless: bool,
}

/// Looks whether the answer to `method` can be rewritten.
///
/// # Errors
/// [`Kind::ShopBroken`](crate::problem::Kind::ShopBroken) for an answer that is none.
pub fn open(method: &Method, answer: Response<upstream::Body>) -> Result<Opened, Problem> {
    let rewritable = response_headers::rewritable(method, answer.status(), answer.headers());
    if rewritable == Rewritable::No {
        return forward::toward_client(answer).map(Opened::Closed);
    }
    let (head, body) = forward::head_toward_client(answer)?;
    Ok(match Coding::of(&head.headers) {
        Ok(coding) => Opened::Page(OpenPage {
            head,
            tap: None,
            meanwhile: None,
            body,
            coding,
            headless: rewritable == Rewritable::Head,
        }),
        Err(unknown) => Opened::Unknown(Response::from_parts(head, Body::Shop(body)), unknown),
    })
}

impl OpenPage {
    /// The page as it leaves: rewritten by `settings`, in `coding`; `personal` as in [`response_headers::rewrite_head`].
    pub fn close(
        mut self,
        settings: Settings<'static, 'static>,
        on_failure: OnFailure,
        coding: Coding,
        personal: bool,
    ) -> Response<Body> {
        let declared = charset::declared(&self.head.headers);
        response_headers::rewrite_head(&mut self.head.headers, coding, personal);
        if self.headless {
            return Response::from_parts(self.head, Body::Shop(self.body));
        }
        let plain = coding::decode(self.body, self.coding, Expansion::default());
        let plain = Tapped::new(plain, self.tap);
        let rewritten = RewritingBody::new(plain, settings, declared, DEFAULT_MEMORY, on_failure);
        let rewritten = rewritten.with(self.meanwhile);
        Response::from_parts(self.head, Body::Rewritten(Box::new(coding::encode(rewritten, coding))))
    }
}

/// Serves a visitor. Where the shop is known by another name than its own, its pages are mapped to that; everywhere else
/// they pass untouched.
///
/// # Errors
/// As [`forward::forward`].
pub async fn serve_visitor(x: &Exchange, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
    match &x.plan().shop.own_name {
        Some(own) if super::headers::upgrade(request.headers()).is_none() => {
            // Boxed, for its size would otherwise be that of every client's idle connection.
            Box::pin(serve_mapped(x, own, request)).await
        }
        _ => forward::forward(x, request).await,
    }
}

async fn serve_mapped(
    x: &Exchange,
    own: &Arc<OwnName>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let coding = wanted_coding(x, request.headers());
    if may_be_page(request.headers()) {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(ASKED_OF_SHOP));
    }
    // A piece of a page cannot be rewritten; a piece of a download is welcome.
    if names_html(request.headers()) {
        for name in [RANGE, IF_RANGE] {
            request.headers_mut().remove(name);
        }
    }
    let answer = forward::ask(x, forward::toward_shop(x, request)?).await?;
    match open(&method, answer)? {
        Opened::Closed(answer) => Ok(answer),
        Opened::Unknown(answer, error) => {
            tracing::warn!(path, %error, "passes a page on with the shop's own name in it");
            Ok(answer)
        }
        Opened::Page(page) => {
            let tail = move |failure: &Failure| {
                tracing::warn!(path, %failure, "passes the rest of a page on with the shop's own name in it");
                String::new()
            };
            let settings = own.in_page(Settings::new());
            Ok(page.close(settings, OnFailure::PassThrough(Box::new(tail)), coding, false))
        }
    }
}

/// The coding in which a rewritten page goes to whoever sent `headers`.
pub fn wanted_coding(x: &Exchange, headers: &HeaderMap) -> Coding {
    if x.plan().compress { Coding::wanted(headers) } else { Coding::Identity }
}

/// Whether the answer may be a page: browsers say what they want.
pub fn may_be_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-dest") {
        // What a script fetches is often a piece of a page.
        Some(kind) => matches!(kind.as_bytes(), b"document" | b"iframe" | b"frame" | b"empty" | b"embed" | b"object"),
        None => !headers.contains_key(ACCEPT) || names_html(headers) || accepts(headers, b"*/*"),
    }
}

fn names_html(headers: &HeaderMap) -> bool {
    accepts(headers, b"html")
}

fn accepts(headers: &HeaderMap, kind: &[u8]) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().windows(kind.len()).any(|piece| piece == kind))
}
