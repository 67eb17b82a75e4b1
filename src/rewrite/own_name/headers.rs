//! Header fields in which the shop's name stands, both ways.

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, FORWARDED, HOST, HeaderName, ORIGIN, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::{OwnName, scheme};
use crate::rewrite::addresses;
use crate::rewrite::addresses::headers::{each, text};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

impl OwnName {
    /// A request's fields as the shop gets them.
    ///
    /// The forwarded name and scheme are the shop's own too: one that believes them over Host would send everybody on to
    /// its own name, which leads back here, without end.
    pub fn ask(&self, headers: &mut HeaderMap) {
        headers.insert(HOST, self.host.clone());
        headers.insert(X_FORWARDED_HOST, self.host.clone());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme(self.asked_as().is_secure())));
        for name in [X_FORWARDED_PORT, FORWARDED] {
            headers.remove(name);
        }
        for name in [ORIGIN, REFERER] {
            each(headers, name, |line| text(line, |address| self.toward_shop(address)));
        }
    }

    /// An answer's fields as visitors get them.
    pub fn answer(&self, headers: &mut HeaderMap) {
        addresses::headers::answer(headers, self);
        for name in [ACCESS_CONTROL_ALLOW_ORIGIN, TIMING_ALLOW_ORIGIN] {
            each(headers, name, |line| text(line, |address| self.toward_visitor(address)));
        }
        each(headers, SET_COOKIE, |line| self.cookie(line));
    }

    /// A Set-Cookie line without the Domain by which it is the shop's; `None` where it has none. It is then a cookie of the
    /// name visitors know, and of that alone: the shop's other hosts are not reached through us. Everything else stays
    /// byte for byte.
    pub fn cookie(&self, line: &HeaderValue) -> Option<HeaderValue> {
        let bytes = line.as_bytes();
        let mut pieces = bytes.split(|byte| *byte == b';');
        let pair = pieces.next().unwrap_or_default();
        let mut kept = vec![pair];
        kept.extend(pieces.filter(|piece| !self.is_own_domain(piece)));
        let kept = kept.join(&b';');
        // Pieces of a header's value, joined as they were.
        (kept.len() < bytes.len()).then(|| HeaderValue::from_bytes(&kept).ok()).flatten()
    }

    fn is_own_domain(&self, attribute: &[u8]) -> bool {
        let Some(equals) = attribute.iter().position(|byte| *byte == b'=') else { return false };
        let (name, value) = (attribute[..equals].trim_ascii(), attribute[equals + 1..].trim_ascii());
        let value = value.strip_prefix(b".").unwrap_or(value);
        if value.is_empty() || !name.eq_ignore_ascii_case(b"domain") {
            return false;
        }
        self.names.iter().map(|name| name.host().as_bytes()).any(|host| {
            host.len().checked_sub(value.len()).is_some_and(|before| {
                host[before..].eq_ignore_ascii_case(value) && (before == 0 || host[before - 1] == b'.')
            })
        })
    }
}
