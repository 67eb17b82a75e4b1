//! A part of something, asked for in a session (Range).
//!
//! It is no page load: a browser sends no Range for one but to resume what broke off, and a part in another coding than
//! that which it continues is a file in ruins. So it is asked for as the buyer does, with every field. What comes of a
//! page all the same cannot be searched for ways to checkout: of that nothing reaches the buyer, and the shop is asked
//! once more, for the whole.

use http::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::rewrite::coding::{ASKED_OF_SHOP, Coding};
use crate::rewrite::response_headers::is_page;

/// Whether a request without a body asks for a part.
pub(super) fn is_asked(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && headers.contains_key(RANGE)
}

/// Asks for the whole, in the coding that costs least to rewrite; with `anew`, whatever the asker has kept of it.
pub(super) fn ask_whole(headers: &mut HeaderMap, anew: bool) {
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ASKED_OF_SHOP));
    for name in [RANGE, IF_RANGE] {
        headers.remove(name);
    }
    if anew {
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
            headers.remove(name);
        }
    }
}

/// Who asks for a part, and of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// It is the cart page's address: whatever is not the whole is not for the buyer.
    pub cart: bool,
    /// A browser may ask, and show what it gets as a page.
    pub browser: bool,
}

/// Whether an answer to a request for a part is kept from the buyer, and the whole asked for instead: it is a part of a
/// page, or stands for one that the buyer kept, or is one that must be decoded first. Where its head does not tell,
/// programs get it, and browsers do not.
pub(super) fn is_of_page(asker: Asker, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_refused = matches!(status, StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE);
    // A refusal tells in Content-Range how much there is.
    let is_part = is_part(status) || (headers.contains_key(CONTENT_RANGE) && !is_refused);
    if asker.cart && (is_part || is_refused) {
        return true;
    }
    match is_page(headers) {
        Some(true) => is_part || Coding::of(headers) != Ok(Coding::Identity),
        Some(false) => false,
        None => is_part && asker.browser,
    }
}

/// Whether an answer to a request for the whole of a page is a part of it all the same, or stands for it.
pub(super) fn is_unasked(status: StatusCode, headers: &HeaderMap) -> bool {
    is_part(status) && is_page(headers) != Some(false)
}

fn is_part(status: StatusCode) -> bool {
    matches!(status, StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn head(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_is_kept_from_whom() {
        let html = ("content-type", "text/html; charset=utf-8");
        let pdf = ("content-type", "application/pdf");
        let pieces = ("content-type", "multipart/byteranges; boundary=B");
        let [gzip, unknown, plain] = ["gzip", "dcb", "identity"].map(|coding| ("content-encoding", coding));
        let range = ("content-range", "bytes 0-1/9");
        let saved = ("content-disposition", "attachment; filename=a.html");
        let [nobody, browsers, all] = [[false, false, true], [false, true, true], [true, true, true]];
        let cart_alone = nobody;
        for (status, lines, kept) in [
            (206, vec![html, range], all),
            (206, vec![html], all),
            (206, vec![pdf, range], cart_alone),
            (206, vec![html, saved, range], cart_alone),
            (206, vec![range], browsers),
            (206, vec![pieces], browsers),
            (206, vec![("content-type", "*/*")], browsers),
            (304, vec![html], all),
            (304, vec![pdf], cart_alone),
            (304, vec![], browsers),
            (200, vec![html, range], all),
            (200, vec![html, gzip], all),
            (404, vec![html, gzip], all),
            (200, vec![html, unknown], all),
            (412, vec![pdf], cart_alone),
            (416, vec![("content-range", "bytes */9")], cart_alone),
            (416, vec![html, ("content-range", "bytes */9")], cart_alone),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let askers = [(false, false), (false, true), (true, false)].map(|(cart, browser)| Asker { cart, browser });
            let got = askers.map(|asker| is_of_page(asker, status, &head(&lines)));
            assert_eq!(got, kept, "{status} {lines:?}: a program, a browser, whoever for the cart");
        }
        for (status, lines, expected) in
            [(206, vec![html], true), (304, vec![], true), (206, vec![pdf], false), (200, vec![html], false)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_unasked(status, &head(&lines)), expected, "{status} {lines:?}");
        }
        // What is whole and plain is rewritten as it is, and what is no page passes.
        let cart = Asker { cart: true, browser: true };
        for (status, lines) in [
            (200, vec![html]),
            (200, vec![html, plain]),
            (404, vec![html]),
            (302, vec![]),
            (200, vec![]),
            (200, vec![pdf, gzip]),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(!is_of_page(cart, status, &head(&lines)), "{status} {lines:?}");
        }
    }

    #[test]
    fn only_a_read_asks_for_a_part() {
        let range = head(&[("range", "bytes=0-")]);
        for (method, expected) in [("GET", true), ("HEAD", true), ("POST", false), ("QUERY", false)] {
            assert_eq!(is_asked(&method.parse().unwrap(), &range), expected, "{method}");
        }
        assert!(!is_asked(&Method::GET, &head(&[("if-range", "\"a\"")])));
    }
}
