//! A session's request on its way to the shop: what is known of it, whether it may pass, and with what.

use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body::Body as _;
use hyper::body::Incoming;

use super::body::Body;
use super::carried;
use super::form;
use super::forward;
use super::part::{self, Asker};
use super::rewritten::{self, Leaving};
use crate::config::file::ReturnWay;
use crate::exchange::Exchange;
use crate::location::Target;
use crate::policy::Verdict;
use crate::problem::{Kind, Problem};
use crate::punchout::hygiene;
use crate::session::{Session, cookie};
use crate::upstream::RequestBody;

/// What is known of a request before it goes to the shop.
pub(super) struct Asked {
    pub method: Method,
    /// The path, for the log.
    pub path: String,
    /// It is for the cart page.
    pub cart: bool,
    /// It is made by a script, for a piece of a page: nothing can be added at that piece's end.
    pub piece: bool,
    /// How a page leaves for the buyer's browser.
    pub leaving: Leaving,
    /// What takes an earlier stay's cookies out of the browser; on a session's first page alone.
    pub expiring: Vec<HeaderValue>,
}

impl Asked {
    pub(super) async fn of(x: &Exchange, session: &Session, request: &Request<Incoming>, target: &Target) -> Asked {
        let may_be_first = !session.is_in_addresses() && rewritten::may_be_page(request.headers());
        let first = may_be_first && x.sessions().first_page(session).await;
        Asked {
            expiring: if first { hygiene::expire(x, session, request.headers()) } else { Vec::new() },
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            cart: x.plan().shop.cart_pages.iter().any(|page| page.matches(target)),
            piece: is_piece(request.headers()),
            leaving: rewritten::leaving(x, request.headers(), true),
        }
    }

    /// The answer is a cart page that carries the form which takes the cart to the hook.
    pub(super) fn submits(&self, x: &Exchange) -> bool {
        self.cart && !self.piece && x.plan().shop.way == ReturnWay::Page
    }
}

/// What becomes of a request.
pub(super) enum Admitted {
    Denied(Response<Body>),
    Upgrade(Request<Incoming>),
    Ordinary(Request<RequestBody>),
    /// `request` is for a part; `whole` takes its place where that is a page's.
    Part {
        request: Request<RequestBody>,
        whole: Box<Request<RequestBody>>,
        of: Asker,
    },
}

/// The request as the shop gets it, if the policy lets it pass.
pub(super) async fn admit(
    x: &Exchange,
    session: &Session,
    asked: &Asked,
    target: &Target,
    mut head: request::Parts,
    body: Incoming,
) -> Result<Admitted, Problem> {
    let policy = &x.plan().shop.policy;
    let verdict = policy.judge(&asked.method, target);
    if let Verdict::Deny(number) = verdict {
        return Ok(Admitted::Denied(deny(x, session, asked, number)));
    }
    for_session(x, &mut head, session).await;
    if !asked.expiring.is_empty() {
        hygiene::take_out(x, session, &mut head.headers);
    }
    let upgrade = super::headers::upgrade(&head.headers).is_some();
    let may_be_page = rewritten::may_be_page(&head.headers);
    let browser = rewritten::may_be_browser(&head.headers);
    let is_plain = verdict == Verdict::Allow && !upgrade && body.is_end_stream();
    if may_be_page && is_plain && part::is_asked(&head.method, &head.headers) {
        let mut whole = head.clone();
        part::ask_whole(&mut whole.headers, true);
        let whole = forward::toward_shop_with(x, whole, RequestBody::Empty);
        let of = Asker { cart: asked.cart, browser };
        let request = forward::toward_shop_with(x, head, RequestBody::Empty);
        return Ok(Admitted::Part { request, whole: Box::new(whole), of });
    }
    if may_be_page {
        // What was kept before the session began would be shown for a 304.
        part::ask_whole(&mut head.headers, asked.cart || browser);
    }
    if verdict == Verdict::Allow {
        let request = Request::from_parts(head, body);
        return if upgrade {
            Ok(Admitted::Upgrade(request))
        } else {
            forward::toward_shop(x, request).map(Admitted::Ordinary)
        };
    }
    let form = form::read(x, &head, body).await?;
    if let Verdict::Deny(number) = form.judge(policy, &asked.method, target)? {
        return Ok(Admitted::Denied(deny(x, session, asked, number)));
    }
    let form = form.into_bytes();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(form.len()));
    Ok(Admitted::Ordinary(forward::toward_shop_with(x, head, RequestBody::bytes(form))))
}

/// What a session's requests never carry, and what they always do.
async fn for_session(x: &Exchange, head: &mut request::Parts, session: &Session) {
    if session.is_in_addresses() {
        carried::toward_shop(x, session, head).await;
    } else {
        cookie::take_out(&mut head.headers);
        x.seal(session.id).open(&mut head.headers);
    }
    let headers = &mut head.headers;
    super::headers::strip_overrides(headers);
    // The prices are read by the number format of one language: the one in which the session began.
    if let Some(language) = &session.accept_language {
        headers.insert(ACCEPT_LANGUAGE, language.clone());
    }
}

/// Denied: the buyer sees the cart, from where the way on is; a script is told so.
fn deny(x: &Exchange, session: &Session, asked: &Asked, denial: usize) -> Response<Body> {
    x.metrics().denied();
    let rule = x.plan().shop.policy.denials.get(denial).map(|denial| denial.location.to_string());
    let (reference, path, rule) = (session.reference, &asked.path, rule.as_deref());
    tracing::info!(%reference, method = %asked.method, path, rule, code = Kind::Denied.code(), "denied in a punchout session");
    let mut answer = Response::new(Body::Empty);
    if asked.piece {
        *answer.status_mut() = StatusCode::FORBIDDEN;
    } else {
        *answer.status_mut() = StatusCode::SEE_OTHER;
        // Checked to be a header value when the plan was made.
        let cart = x.at(&x.plan().shop.cart_address);
        let cart = HeaderValue::from_str(&cart).expect("the cart's address is a header value");
        answer.headers_mut().insert(LOCATION, cart);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    super::date(&mut answer);
    answer
}

/// Whether a script asks, for a piece of a page.
fn is_piece(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|kind| kind == "empty")
        || headers.get("x-requested-with").is_some_and(|by| by.as_bytes().eq_ignore_ascii_case(b"XMLHttpRequest"))
}
