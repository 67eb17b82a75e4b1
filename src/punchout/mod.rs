//! A session's life: which account it gets ([`accounts`]), how it begins ([`enter`], [`arrive`]) without what the browser has of an
//! earlier stay ([`hygiene`]), what a procurement system asks for besides shopping ([`functions`]), how its cart goes back ([`read_cart`] and, for what that lacks,
//! [`product_pages`]; [`signed_in`] whether the prices are the buyer's; [`hand_over`]), how it is left ([`leave`], and the
//! [`bar`] on its pages), how its cart is emptied for the next
//! ([`clear`]), what tells ops that the shop has changed ([`drift`]), and what keeps its
//! pages for them ([`mod@record`]).

pub mod accounts;
pub mod arrive;
pub mod bar;
pub mod clear;
pub mod drift;
pub mod enter;
pub mod frame;
pub mod functions;
pub mod hand_over;
pub mod hygiene;
pub mod leave;
mod offers;
pub mod product_pages;
pub mod read_cart;
pub mod record;
pub mod signed_in;

use http::header::{HOST, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::exchange::{Exchange, Shop};
use crate::pages::Nonce;
use crate::problem::{Kind, Problem};
use crate::session::seal::Seal;
use crate::session::{Session, cookie};
use crate::shop::{Browser, Jar, Visit, VisitLimits};

/// A visit to the shop on behalf of the browser that sent `headers`: with its name, its address and its language.
///
/// # Errors
/// A request without a usable Host.
fn visit(x: &Exchange, headers: &HeaderMap, language: Option<HeaderValue>, jar: Jar) -> Result<Visit, Problem> {
    visit_as(x.shop(), browser(x, headers, language)?, jar)
}

/// A visit to the shop as a browser that is known.
///
/// # Errors
/// A host that is none.
pub fn visit_as(shop: &Shop, browser: Browser, jar: Jar) -> Result<Visit, Problem> {
    let plan = &shop.plan;
    let limits =
        VisitLimits { page_size: plan.shop.page_size, deadline: plan.shop.sign_in_time, ..VisitLimits::default() };
    let mut visit = Visit::new(shop.pool.clone(), browser, jar, limits)?;
    for name in &plan.shop.names {
        visit.known_as(name.host());
    }
    Ok(visit)
}

/// The browser that sent `headers`, as the shop is to see it.
///
/// # Errors
/// A request without Host.
fn browser(x: &Exchange, headers: &HeaderMap, language: Option<HeaderValue>) -> Result<Browser, Problem> {
    let no_host = || Problem::new(Kind::BadRequest, "a request without Host cannot begin or end a punchout");
    let (host, https) = match &x.plan().shop.own_name {
        Some(own) => (own.host().clone(), own.asked_as().is_secure()),
        None => (headers.get(HOST).cloned().ok_or_else(no_host)?, x.secure()),
    };
    Ok(Browser {
        forwarded_host: host.clone(),
        host,
        https,
        forwarded_for: x.client().forwarded_for(headers),
        user_agent: headers.get(USER_AGENT).cloned(),
        accept_language: language,
    })
}

/// The shop's cookies of a session.
pub async fn jar_of(x: &Exchange, session: &Session, headers: &HeaderMap) -> Jar {
    if session.is_in_addresses() {
        return x.sessions().jar(session).await;
    }
    let mut headers = headers.clone();
    cookie::take_out(&mut headers);
    x.seal(session.id).open(&mut headers);
    Jar::from_browser(&headers)
}

/// Keeps what a visit has made of a session's cookies, where they are kept.
async fn bring_cookies(x: &Exchange, session: &Session, jar: &Jar, answer: &mut HeaderMap) {
    let seal = x.seal(session.id);
    if session.is_in_addresses() {
        let lines: HeaderMap = jar.set_cookies().map(|line| (SET_COOKIE, line.clone())).collect();
        // Each says its path.
        return x.sessions().take_in(session, &lines, "/").await;
    }
    for line in jar.set_cookies() {
        answer.append(SET_COOKIE, cookie_of(x, &seal, line));
    }
}

/// A cookie of a visit as the session's browser gets it.
fn cookie_of(x: &Exchange, seal: &Seal<'_>, line: &HeaderValue) -> HeaderValue {
    let own_name = x.plan().shop.own_name.as_ref();
    match own_name.and_then(|own| own.cookie(line)) {
        Some(mapped) => seal.close_line(&mapped),
        None => seal.close_line(line),
    }
}

/// The address of a page of ours that does something to `session`, as forms, links and scripts on its pages have it. Nothing
/// in it needs to be escaped in an attribute.
pub fn own_address(x: &Exchange, session: &Session, page: &str) -> String {
    x.at(&format!("{}{page}?key={}", x.plan().prefix, session.id.page_key()))
}

/// A fresh nonce for a page of ours.
///
/// # Errors
/// A machine without randomness.
fn nonce() -> Result<Nonce, Problem> {
    Nonce::random().map_err(|error| Problem::new(Kind::Internal, format!("no randomness: {error}")))
}
