//! A session that is carried by its addresses: its requests on their way to the shop, which sees plain addresses and its
//! cookies as ever, and the answers on their way back, with the session in their addresses and without a cookie.

use std::rc::Rc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, LOCATION, REFERRER_POLICY, REFRESH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request};

use super::body::Body;
use crate::exchange::Exchange;
use crate::pages;
use crate::problem::{Kind, Problem};
use crate::rewrite::carrier::Carrier;
use crate::rewrite::own_name::Name;
use crate::session::Session;
use crate::session::address::{Root, is_stranger};

/// What becomes of the addresses in the answer to a request; `None` in a session with a cookie.
pub(super) fn carrier(x: &Exchange, head: &request::Parts) -> Option<Rc<Carrier>> {
    let root = x.root()?;
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let public = match (&x.plan().public, host) {
        (Some(public), _) => Name::parse(&public.authority, public.secure).ok(),
        (None, Some(host)) => Name::parse(host, x.secure()).ok(),
        (None, None) => None,
    };
    Some(Carrier::new(root.expose(), public, x.plan().shop.own_name.clone(), head.uri.path()))
}

/// Makes a session's request one that a browser with cookies would have sent.
pub(super) async fn toward_shop(x: &Exchange, session: &Session, head: &mut request::Parts) {
    let Some(root) = x.root() else { return };
    // What the browser has of other stays, or of whatever kind, is nobody's in here.
    head.headers.remove(COOKIE);
    root.out_of_all(&mut head.headers);
    if let Some(cookie) = x.sessions().jar(session).await.cookie(head.uri.path()) {
        head.headers.insert(COOKIE, cookie);
    }
}

/// Takes the cookies of the shop's answer for `path` in, and maps the addresses in its fields.
pub(super) async fn toward_browser(
    x: &Exchange,
    session: &Session,
    path: &str,
    carrier: &Carrier,
    headers: &mut HeaderMap,
) {
    x.sessions().take_in(session, headers, path).await;
    headers.remove(SET_COOKIE);
    carrier.answer(headers);
    // Addresses are the session's secret: no other site is told them, and no memory keeps what holds them. Within the shop
    // they are, for some shops take no form without it.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if is_page(headers) || headers.contains_key(LOCATION) || headers.contains_key(REFRESH) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}

/// Brings a request back that has left the session's addresses because a script put its address together: the page that it
/// comes from has `root`. `None` where that page has no session, or the request is for what a page merely shows.
///
/// By a redirect, and never by what it asks for: an answer that depends on the Referer is one that a cache could give to
/// whoever asks next. The browser is told nothing that it has not said itself, and only our own pages can have it say so.
pub(super) async fn bring_back(x: &Exchange, root: &Root, head: &request::Parts) -> Option<Response<Body>> {
    let said = |name: &str, among: &[&str]| {
        head.headers.get(name).is_some_and(|value| among.iter().any(|one| value.as_bytes() == one.as_bytes()))
    };
    let asked_by_page =
        said("sec-fetch-site", &["same-origin"]) && said("sec-fetch-dest", &["empty", "document", "iframe", "frame"]);
    if !asked_by_page || super::headers::upgrade(&head.headers).is_some() {
        return None;
    }
    // A store that is lost leaves visitors alone.
    let session = x.sessions().find(root.id()?).await.ok()??;
    if !session.is_in_addresses() || is_stranger(&session, &head.headers) {
        return None;
    }
    x.belongs_to(&session);
    let mut page = pages::redirect(&root.at(head.uri.path_and_query()?.as_str()));
    // With its method and its body.
    page.status = StatusCode::TEMPORARY_REDIRECT;
    Some(super::own(page))
}

/// For whoever comes with a session's address and not from its pages: what any visitor gets there. So an address that was
/// sent to somebody still shows its page, and opens no session.
///
/// # Errors
/// [`Kind::CrossSite`] for what is no look at a page.
pub(super) fn as_visitor(head: &request::Parts) -> Result<Response<Body>, Problem> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Problem::new(Kind::CrossSite, "a session's address was called from outside of its pages"));
    }
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    // Two slashes would begin another host's address.
    let target = format!("/{}", target.trim_start_matches(['/', '\\']));
    Ok(super::own(pages::redirect(&target)))
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_none_or(|kind| memchr::memmem::find(&kind.to_ascii_lowercase(), b"html").is_some())
}
