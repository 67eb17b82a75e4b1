//! Header fields in which the shop's name stands, both ways.

use std::borrow::Cow;

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LOCATION, Entry, FORWARDED, HOST, HeaderName, LINK, LOCATION, ORIGIN, REFERER,
    REFRESH, SET_COOKIE,
};
use http::{HeaderMap, HeaderValue};

use super::{OwnName, scheme};

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
        for name in [LOCATION, CONTENT_LOCATION, ACCESS_CONTROL_ALLOW_ORIGIN, TIMING_ALLOW_ORIGIN] {
            each(headers, name, |line| text(line, |address| self.toward_visitor(address)));
        }
        each(headers, REFRESH, |line| text(line, |value| self.refresh(value)));
        each(headers, LINK, |line| text(line, |value| self.link(value)));
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

    /// `5; url=https://shop.example/` in a Refresh field or a `<meta>` (HTML, "shared declarative refresh steps").
    pub(super) fn refresh(&self, value: &str) -> Option<String> {
        let time_ends = value.find([';', ','])? + 1;
        let mut at = value.len() - value[time_ends..].trim_start().len();
        if value[at..].get(..3).is_some_and(|word| word.eq_ignore_ascii_case("url")) {
            let after = value[at + 3..].trim_start();
            if let Some(rest) = after.strip_prefix('=') {
                at = value.len() - rest.trim_start().len();
            }
        }
        let mut end = value.len();
        if let Some(quote) = value[at..].chars().next().filter(|first| matches!(first, '"' | '\'')) {
            at += 1;
            end = value[at..].find(quote).map_or(end, |length| at + length);
        }
        let mapped = self.toward_visitor(&value[at..end])?;
        Some(format!("{}{mapped}{}", &value[..at], &value[end..]))
    }

    /// `</a.css>; rel=preload, <https://shop.example/b>; title="<c>"` (RFC 8288, section 3).
    fn link(&self, value: &str) -> Option<String> {
        let (mut mapped, mut done, mut quoted, mut at) = (String::new(), 0, false, 0);
        while let Some(next) = value[at..].find(['"', '\\', '<']).map(|offset| at + offset) {
            at = next + 1;
            match value.as_bytes()[next] {
                b'"' => quoted = !quoted,
                b'\\' if quoted => at += value[at..].chars().next().map_or(0, char::len_utf8),
                b'<' if !quoted => {
                    let end = at + value[at..].find('>')?;
                    if let Some(address) = self.toward_visitor(&value[at..end]) {
                        mapped.push_str(&value[done..at]);
                        mapped.push_str(&address);
                        done = end;
                    }
                    at = end + 1;
                }
                _ => {}
            }
        }
        (done > 0).then(|| mapped + &value[done..])
    }
}

fn each(headers: &mut HeaderMap, name: HeaderName, map: impl Fn(&HeaderValue) -> Option<HeaderValue>) {
    let Entry::Occupied(mut lines) = headers.entry(name) else { return };
    for line in lines.iter_mut() {
        if let Some(mapped) = map(line) {
            *line = mapped;
        }
    }
}

/// Maps a field as text of one byte a character: whatever its charset is, its bytes come out as they went in.
fn text(line: &HeaderValue, map: impl Fn(&str) -> Option<String>) -> Option<HeaderValue> {
    let text = encoding_rs::mem::decode_latin1(line.as_bytes());
    let mapped = map(&text)?;
    let bytes: Cow<'_, [u8]> = encoding_rs::mem::encode_latin1_lossy(&mapped);
    // A name that we know in place of one that was a header's.
    HeaderValue::from_bytes(&bytes).ok()
}
