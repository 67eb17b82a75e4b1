//! Who may have the pages of ours that do something to a session: that begin it, send its cart on its way, or end it.
//!
//! Not another site, and not what an author has put on the shop's own pages (a picture whose address is ours): so every
//! form and link of ours has the session's key ([`SessionId::page_key`](crate::session::id::SessionId::page_key)). And
//! nobody who asks before the buyer does: browsers and scripts fetch links on which a pointer rests.

use http::header::ACCEPT;
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

/// Whether a catalog call is for a page, or a program's: what a page merely loads begins no session in whoever looks at it.
///
/// From where a browser comes says nothing: procurement systems are other sites, or neighbours, and a test form may stand in
/// the shop itself.
///
/// # Errors
/// It is for a picture, a script or the like, or a script's.
pub(super) fn admit_call(headers: &HeaderMap) -> Result<(), Problem> {
    let says = |name: &str, value: &str| headers.get_all(name).iter().any(|said| said == value);
    let is_page = |kind: &HeaderValue| match kind.as_bytes() {
        b"document" | b"iframe" | b"frame" | b"object" | b"embed" => true,
        // A navigation that a service worker passes on. No script can ask in that mode.
        b"empty" => says("sec-fetch-mode", "navigate"),
        _ => false,
    };
    // Over plain http browsers do not say it; a page's Accept has no `image/*`, and a picture's no HTML.
    let accepts = |kind: &str| {
        headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).any(|accept| accept.contains(kind))
    };
    let is_picture = accepts("image/*") && !accepts("html");
    if !headers.get_all("sec-fetch-dest").iter().all(is_page) || is_picture {
        let detail = "a browser called for the catalog as a picture, a script or the like, or by a script";
        return Err(Problem::new(Kind::EntryNotPage, detail));
    }
    Ok(())
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
    fn a_catalog_call_is_a_page_or_a_programs() {
        for (fields, expected) in [
            // Servers, and browsers over plain http or before 2023. The last are Chromium's, Internet Explorer 8's and 11's.
            (&[][..], true),
            (&[("accept", "*/*")], true),
            (&[("accept", "text/html,application/xhtml+xml,image/avif,image/webp,image/*;q=0.9,*/*;q=0.8")], true),
            (&[("accept", "image/gif, image/jpeg, application/x-ms-application, */*")], true),
            (&[("accept", "text/html, application/xhtml+xml, */*")], true),
            // Node's own client.
            (&[("sec-fetch-mode", "cors"), ("accept", "*/*")], true),
            (&[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "cross-site")], true),
            (
                &[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (&[("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-dest", "frame")], true),
            (&[("sec-fetch-dest", "object"), ("sec-fetch-mode", "navigate")], true),
            (&[("sec-fetch-dest", "embed"), ("sec-fetch-mode", "navigate")], true),
            (&[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "navigate")], true),
            (&[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "no-cors")], false),
            (&[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")], false),
            (&[("sec-fetch-dest", "style")], false),
            (&[("sec-fetch-dest", "script")], false),
            (&[("sec-fetch-dest", "video")], false),
            (&[("sec-fetch-dest", "document"), ("sec-fetch-dest", "image")], false),
            (&[("accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")], false),
        ] {
            let headers = fields.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            let mut all = HeaderMap::new();
            for (name, value) in headers {
                let name: http::HeaderName = name;
                all.append(name, value);
            }
            assert_eq!(admit_call(&all).is_ok(), expected, "{fields:?}");
        }
    }

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
