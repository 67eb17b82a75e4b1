//! A session's life: which account it gets ([`accounts`]), how it begins ([`enter`]) without
//! what the browser has of an earlier stay ([`hygiene`]), how its cart goes back
//! ([`hand_over`]), how it is left ([`leave`], and the [`bar`] on its pages), and how its cart is emptied for the next ([`clear`]).

pub mod accounts;
pub mod bar;
pub mod clear;
pub mod enter;
pub mod hand_over;
pub mod hygiene;
pub mod leave;

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::config::Plan;
use crate::exchange::Exchange;
use crate::pages::Nonce;
use crate::problem::{Kind, Problem};
use crate::session::{Session, cookie};
use crate::shop::{Browser, Jar, Visit, VisitLimits};

/// A visit to the shop on behalf of the browser that sent `headers`: with its name, its address and its language.
///
/// # Errors
/// A request without a usable Host.
fn visit(x: &Exchange, headers: &HeaderMap, language: Option<HeaderValue>, jar: Jar) -> Result<Visit, Problem> {
    Visit::new(x.pool().clone(), browser(x, headers, language)?, jar, limits(x.plan()))
}

/// The browser that sent `headers`, as the shop is to see it.
///
/// # Errors
/// A request without Host.
fn browser(x: &Exchange, headers: &HeaderMap, language: Option<HeaderValue>) -> Result<Browser, Problem> {
    let no_host = || Problem::new(Kind::BadRequest, "a request without Host cannot begin or end a punchout");
    let host = headers.get(HOST).cloned().ok_or_else(no_host)?;
    Ok(Browser {
        forwarded_host: host.clone(),
        host,
        https: x.secure(),
        forwarded_for: x.client().forwarded_for(headers),
        user_agent: headers.get(USER_AGENT).cloned(),
        accept_language: language,
    })
}

/// The shop's cookies that a session's browser sent, as the shop knows them.
fn jar_of(x: &Exchange, session: &Session, headers: &HeaderMap) -> Jar {
    let mut headers = headers.clone();
    cookie::take_out(&mut headers);
    x.seal(session.id).open(&mut headers);
    Jar::from_browser(&headers)
}

fn limits(plan: &Plan) -> VisitLimits {
    VisitLimits { page_size: plan.shop.page_size, deadline: plan.shop.sign_in_time, ..VisitLimits::default() }
}

/// A fresh nonce for a page of ours.
///
/// # Errors
/// A machine without randomness.
fn nonce() -> Result<Nonce, Problem> {
    Nonce::random().map_err(|error| Problem::new(Kind::Internal, format!("no randomness: {error}")))
}
