//! Who may have the pages of ours that do something to a session: that send its cart on its way, or end it.
//!
//! Not another site, and not what an author has put on the shop's own pages (a picture whose address is ours): so every
//! form and link of ours has the session's key ([`SessionId::page_key`](crate::session::id::SessionId::page_key)). And
//! nobody who asks before the buyer does: browsers and scripts fetch links on which a pointer rests.

use http::{HeaderMap, HeaderValue, Method, request};

use super::route::OwnPage;
use crate::problem::{Kind, Problem};
use crate::session::Session;

/// What browsers, and scripts that play one, say of a page that nobody has asked for yet.
const PURPOSE: [&str; 5] = ["sec-purpose", "purpose", "x-purpose", "x-sec-purpose", "x-moz"];

/// Whether a page is asked for before anybody wants to see it.
pub(super) fn is_ahead(headers: &HeaderMap) -> bool {
    let values = PURPOSE.iter().flat_map(|name| headers.get_all(*name));
    values.filter_map(|value| value.to_str().ok()).any(|value| {
        let purpose = value.split([';', ',']).next().unwrap_or_default().trim();
        ["prefetch", "preview", "prerender"].iter().any(|ahead| purpose.eq_ignore_ascii_case(ahead))
    })
}

/// Whether the cart is to be sent a second time, on purpose.
pub(super) fn is_again(head: &request::Parts) -> bool {
    parameter(head, "again").is_some_and(|value| value == "1")
}

/// Whether the request comes from one of the session's pages, by the way that they ask.
///
/// # Errors
/// It does not, or by another method.
pub(super) fn admit(page: OwnPage, session: &Session, head: &request::Parts) -> Result<(), Problem> {
    // Links lead to our return page. What ends a session no link does.
    let by_link = page == OwnPage::Return && head.method == Method::GET;
    if !by_link && head.method != Method::POST {
        return Err(Problem::new(
            Kind::MethodNotAllowed,
            format!("{} at a page of ours that does not take it", head.method),
        ));
    }
    let all = |name: &str, known: &[&str]| {
        let mut said = head.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        said.all(|said| known.iter().any(|known| known.as_bytes() == said))
    };
    // Browsers too old to say it are taken at the key alone.
    if !all("sec-fetch-site", &["same-origin", "none"]) {
        return Err(Problem::new(Kind::CrossSite, "a page of ours was called from another site"));
    }
    if !all("sec-fetch-dest", &["document", "iframe", "frame", "object", "embed", "empty"]) {
        return Err(Problem::new(Kind::CrossSite, "a page of ours was called for as a picture, a script or the like"));
    }
    if parameter(head, "key").is_none_or(|key| key != session.id.page_key()) {
        return Err(Problem::new(
            Kind::CrossSite,
            "a page of ours was called without the key that the session's pages have",
        ));
    }
    Ok(())
}

fn parameter(head: &request::Parts, name: &str) -> Option<String> {
    let query = head.uri.query()?.as_bytes();
    form_urlencoded::parse(query).find(|(one, _)| one == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_nobody_has_asked_for_yet_is_known_by_what_is_said_of_it() {
        let is_ahead = |name: &'static str, value: &'static str| {
            is_ahead(&HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]))
        };
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
            // Turbo's, which cannot set the browser's own.
            ("x-sec-purpose", "prefetch"),
        ] {
            assert!(is_ahead(name, value), "{name}: {value}");
        }
        assert!(!is_ahead("purpose", "shopping") && !is_ahead("accept", "prefetch") && !is_ahead("purpose", ""));
    }
}
