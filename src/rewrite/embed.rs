//! The head of an answer that is shown in a frame on the buyer's page, which is another site.
//!
//! Two things keep a shop out of a foreign frame: its own word that it is not to be framed, and the browser, which keeps
//! no cookie there that is not `Secure; SameSite=None; Partitioned`. Cookies that a shop's script writes itself
//! (`document.cookie`) are out of reach.

use http::header::{CONTENT_SECURITY_POLICY, SET_COOKIE, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::csp::Opening;
use super::response_headers::open_csp;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");

/// Attributes of a cookie that rule where it is kept; ours take their place.
const RULING: [&[u8]; 3] = [b"secure", b"samesite", b"partitioned"];

/// Lets `ancestors` (CSP sources) show the answer in a frame, and nobody else.
pub fn embed(headers: &mut HeaderMap, ancestors: &[String]) {
    for name in [X_FRAME_OPTIONS, OPENER_POLICY, EMBEDDER_POLICY] {
        headers.remove(name);
    }
    open_csp(headers, &Opening { frame_ancestors: ancestors.to_vec(), ..Opening::default() });
    // Also where the shop had no word of its own, or X-Frame-Options alone. Browsers enforce every policy they find.
    if let Ok(policy) = HeaderValue::try_from(format!("frame-ancestors {}", ancestors.join(" "))) {
        headers.append(CONTENT_SECURITY_POLICY, policy);
    }
    if let http::header::Entry::Occupied(mut lines) = headers.entry(SET_COOKIE) {
        for line in lines.iter_mut() {
            *line = in_frame(line);
        }
    }
}

/// A Set-Cookie line as browsers keep it in a foreign frame. Everything but the attributes that rule this stays byte for
/// byte, also what no parser knows yet.
pub fn in_frame(line: &HeaderValue) -> HeaderValue {
    let mut pieces = line.as_bytes().split(|byte| *byte == b';');
    let pair = pieces.next().unwrap_or_default();
    let mut kept = vec![pair];
    kept.extend(pieces.filter(|piece| !rules(piece) && !piece.trim_ascii().is_empty()));
    let text = [&kept.join(&b';'), &b"; Secure; SameSite=None; Partitioned"[..]].concat();
    // Pieces of a header's value and plain ASCII are a header's value.
    let mut edited = HeaderValue::from_bytes(&text).unwrap_or_else(|_| line.clone());
    edited.set_sensitive(line.is_sensitive());
    edited
}

fn rules(attribute: &[u8]) -> bool {
    let name = attribute.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
    RULING.iter().any(|ruling| name.eq_ignore_ascii_case(ruling))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_keeps_every_byte_but_what_rules_where_it_is_kept() {
        for (shop, buyer) in [
            ("sid=1", "sid=1; Secure; SameSite=None; Partitioned"),
            ("sid=1; path=/; HTTPONLY; SameSite=Strict", "sid=1; path=/; HTTPONLY; Secure; SameSite=None; Partitioned"),
            (
                "a=\"x\\054y\";SECURE;Future=1; samesite = lax;",
                "a=\"x\\054y\";Future=1; Secure; SameSite=None; Partitioned",
            ),
            ("secure=1; Partitioned; Secure", "secure=1; Secure; SameSite=None; Partitioned"),
            ("SameSite=Lax", "SameSite=Lax; Secure; SameSite=None; Partitioned"),
            (
                "sid=; expires=Monday, 02-Nov-2026 09:18:13 UTC; domain=.shop.example",
                "sid=; expires=Monday, 02-Nov-2026 09:18:13 UTC; domain=.shop.example; Secure; SameSite=None; Partitioned",
            ),
        ] {
            let once = in_frame(&HeaderValue::from_str(shop).unwrap());
            assert_eq!(once, buyer);
            assert_eq!(in_frame(&once), buyer, "a second time changes nothing");
        }
    }

    #[test]
    fn the_buyer_may_frame_the_page_and_nobody_else() {
        let ancestors = ["'self'".to_owned(), "https://*.acme.example".to_owned()];
        let mut headers = head(&[
            ("x-frame-options", "DENY"),
            ("x-frame-options", "SAMEORIGIN"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("content-security-policy", "frame-ancestors 'none'; img-src *"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2; SameSite=Strict"),
            ("etag", "x"),
        ]);
        embed(&mut headers, &ancestors);
        let expected = head(&[
            ("content-security-policy", "frame-ancestors 'self' https://*.acme.example; img-src *"),
            ("content-security-policy", "frame-ancestors 'self' https://*.acme.example"),
            ("set-cookie", "a=1; Secure; SameSite=None; Partitioned"),
            ("set-cookie", "b=2; Secure; SameSite=None; Partitioned"),
            ("etag", "x"),
        ]);
        assert_eq!(headers, expected);
    }
}
