//! A session's life: how it begins ([`enter`]) and how its cart goes back ([`read_cart`], [`hand_over`]).

pub mod enter;
pub mod hand_over;
pub mod read_cart;

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::exchange::Exchange;
use crate::pages::Nonce;
use crate::problem::{Kind, Problem};
use crate::session::seal::Seal;
use crate::shop::{Browser, Jar, Visit, VisitLimits};

/// A visit to the shop on behalf of the browser that sent `headers`: with its name, its address and its language.
///
/// # Errors
/// A request without a usable Host.
fn visit(x: &Exchange, headers: &HeaderMap, language: Option<HeaderValue>, jar: Jar) -> Result<Visit, Problem> {
    let plan = x.plan();
    let no_host = || Problem::new(Kind::BadRequest, "a request without Host cannot begin or end a punchout");
    let (host, https) = match &plan.shop.own_name {
        Some(own) => (own.host().clone(), own.asked_as().is_secure()),
        None => (headers.get(HOST).cloned().ok_or_else(no_host)?, x.secure()),
    };
    let browser = Browser {
        forwarded_host: host.clone(),
        host,
        https,
        forwarded_for: x.client().forwarded_for(headers),
        user_agent: headers.get(USER_AGENT).cloned(),
        accept_language: language,
    };
    let limits =
        VisitLimits { page_size: plan.shop.page_size, deadline: plan.shop.sign_in_time, ..VisitLimits::default() };
    let mut visit = Visit::new(x.pool().clone(), browser, jar, limits)?;
    for name in &plan.shop.names {
        visit.known_as(name.host());
    }
    Ok(visit)
}

/// A cookie of a visit as the session's browser gets it.
fn cookie_of(x: &Exchange, seal: &Seal<'_>, line: &HeaderValue) -> HeaderValue {
    let own_name = x.plan().shop.own_name.as_ref();
    match own_name.and_then(|own| own.cookie(line)) {
        Some(mapped) => seal.close_line(&mapped),
        None => seal.close_line(line),
    }
}

/// A fresh nonce for a page of ours.
///
/// # Errors
/// A machine without randomness.
fn nonce() -> Result<Nonce, Problem> {
    Nonce::random().map_err(|error| Problem::new(Kind::Internal, format!("no randomness: {error}")))
}
