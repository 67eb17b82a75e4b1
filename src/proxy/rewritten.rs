//! Answers that are pages, and are rewritten on their way back: what is the same for sessions and for visitors.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, request, response};
use hyper::body::Incoming;
use lol_html::Settings;

use super::body::Body;
use super::forward;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::rewrite::ahead::{self, Ahead};
use crate::rewrite::body::{DEFAULT_MEMORY, Failure, Meanwhile, OnFailure, RewritingBody};
use crate::rewrite::charset::{self, Declared};
use crate::rewrite::coding::{self, ASKED_OF_SHOP, CodedBody, Coding, Expansion, Taken, Unrewritable};
use crate::rewrite::own_name::OwnName;
use crate::rewrite::response_headers::{self, Rewritable};
use crate::rewrite::tap::{Tap, Tapped};
use crate::upstream;

/// A page of the shop's while it is rewritten.
pub type Rewriting = RewritingBody<Tapped<CodedBody<Tapped<upstream::Body>>>>;

/// What is shorter fits one packet as it is, in bytes.
const WORTH_PACKING: usize = 1024;

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

/// How a page leaves.
#[derive(Clone, Copy)]
pub struct Leaving {
    /// In this coding, where it is rewritten.
    pub coding: Coding,
    /// What the client decodes.
    pub taken: Taken,
    /// As in [`response_headers::rewrite_head`].
    pub personal: bool,
}

impl OpenPage {
    /// The page as it leaves: rewritten by `settings`.
    pub fn close(
        mut self,
        settings: Settings<'static, 'static>,
        on_failure: OnFailure,
        leaving: Leaving,
    ) -> Response<Body> {
        let declared = charset::declared(&self.head.headers);
        response_headers::rewrite_head(&mut self.head.headers, leaving.coding, leaving.personal);
        if self.headless {
            return Response::from_parts(self.head, Body::Shop(self.body));
        }
        let page = rewriting(self.body, self.coding, declared, settings, on_failure, [None, self.tap]);
        let page = page.with(self.meanwhile);
        Response::from_parts(self.head, Body::Rewritten(Box::new(coding::encode(Ahead::of(page), leaving.coding))))
    }

    /// As [`close`](Self::close), but a page in which nothing was changed leaves as the shop sent it where that is known
    /// at once, and where the client gains nothing by another coding. Not for a page of which one keeps the bytes.
    pub async fn close_or_pass(
        mut self,
        settings: Settings<'static, 'static>,
        on_failure: OnFailure,
        leaving: Leaving,
    ) -> Response<Body> {
        if self.headless {
            return self.close(settings, on_failure, leaving);
        }
        let declared = charset::declared(&self.head.headers);
        let (sent, plain) = (Tap::new(ahead::LONGEST), Tap::new(ahead::LONGEST));
        let taps = [Some(sent.clone()), Some(plain.clone())];
        let mut page = Ahead::of(rewriting(self.body, self.coding, declared, settings, on_failure, taps));
        if let Some(same) = page.look(&sent, &plain).await
            && may_pass(self.coding, same.len(), leaving)
        {
            response_headers::pass_head(&mut self.head.headers, leaving.personal);
            return Response::from_parts(self.head, Body::Page(same));
        }
        response_headers::rewrite_head(&mut self.head.headers, leaving.coding, leaving.personal);
        Response::from_parts(self.head, Body::Rewritten(Box::new(coding::encode(page, leaving.coding))))
    }
}

/// Whether a page of `length` bytes in the shop's coding is as good for the client as one in that which it would get.
fn may_pass(shops: Coding, length: usize, leaving: Leaving) -> bool {
    let is_packed = shops != Coding::Identity || leaving.coding == Coding::Identity || length < WORTH_PACKING;
    is_packed && leaving.taken.holds(shops)
}

fn rewriting(
    body: upstream::Body,
    coding: Coding,
    declared: Declared,
    settings: Settings<'static, 'static>,
    on_failure: OnFailure,
    [sent, plain]: [Option<Rc<Tap>>; 2],
) -> Rewriting {
    let plain = Tapped::new(coding::decode(Tapped::new(body, sent), coding, Expansion::default()), plain);
    RewritingBody::new(plain, settings, declared, DEFAULT_MEMORY, on_failure)
}

/// Serves a visitor. Where the shop is known by another name than its own, its pages are mapped to that; everywhere else
/// they pass untouched.
///
/// # Errors
/// As [`forward::forward`].
pub async fn serve_visitor(x: &Exchange, head: Box<request::Parts>, body: Incoming) -> Result<Response<Body>, Problem> {
    match &x.plan().shop.own_name {
        Some(own) if super::headers::upgrade(&head.headers).is_none() => {
            // Boxed, for its size would otherwise be that of every client's idle connection.
            Box::pin(serve_mapped(x, own, Request::from_parts(*head, body))).await
        }
        _ => forward::forward(x, head, body).await,
    }
}

async fn serve_mapped(
    x: &Exchange,
    own: &Arc<OwnName>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let leaving = leaving(x, request.headers(), false);
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
            Ok(page.close_or_pass(settings, OnFailure::PassThrough(Box::new(tail)), leaving).await)
        }
    }
}

/// How a page leaves for whoever sent `headers`.
pub fn leaving(x: &Exchange, headers: &HeaderMap, personal: bool) -> Leaving {
    let coding = if x.plan().compress { Coding::wanted(headers) } else { Coding::Identity };
    Leaving { coding, taken: Coding::taken(headers), personal }
}

/// Whether the answer may be a page: browsers say what they want.
pub fn may_be_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-dest") {
        // What a script fetches is often a piece of a page.
        Some(kind) => matches!(kind.as_bytes(), b"document" | b"iframe" | b"frame" | b"empty" | b"embed" | b"object"),
        None => !headers.contains_key(ACCEPT) || names_html(headers) || accepts(headers, b"*/*"),
    }
}

/// Whether a browser may ask, and show what it kept of the page. All of them say what they take; programs may not.
pub fn may_be_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ACCEPT) || headers.contains_key("sec-fetch-dest")
}

fn names_html(headers: &HeaderMap) -> bool {
    accepts(headers, b"html")
}

fn accepts(headers: &HeaderMap, kind: &[u8]) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().windows(kind.len()).any(|piece| piece == kind))
}
