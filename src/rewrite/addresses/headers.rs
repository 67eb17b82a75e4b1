//! Header fields in which addresses stand.

use std::borrow::Cow;

use http::header::{CONTENT_LOCATION, Entry, HeaderName, LINK, LOCATION, REFRESH};
use http::{HeaderMap, HeaderValue};

use super::Mapping;

/// Maps all addresses that an answer's fields lead to.
pub fn answer(headers: &mut HeaderMap, mapping: &impl Mapping) {
    for name in [LOCATION, CONTENT_LOCATION] {
        each(headers, name, |line| text(line, |address| mapping.address(address)));
    }
    each(headers, REFRESH, |line| text(line, |value| refresh(value, mapping)));
    each(headers, LINK, |line| text(line, |value| link(value, mapping)));
}

/// `5; url=https://shop.example/` in a Refresh field or a `<meta>` (HTML, "shared declarative refresh steps").
pub(super) fn refresh(value: &str, mapping: &impl Mapping) -> Option<String> {
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
    let mapped = mapping.address(&value[at..end])?;
    Some(format!("{}{mapped}{}", &value[..at], &value[end..]))
}

/// `</a.css>; rel=preload, <https://shop.example/b>; title="<c>"` (RFC 8288, section 3).
fn link(value: &str, mapping: &impl Mapping) -> Option<String> {
    let (mut mapped, mut done, mut quoted, mut at) = (String::new(), 0, false, 0);
    while let Some(next) = value[at..].find(['"', '\\', '<']).map(|offset| at + offset) {
        at = next + 1;
        match value.as_bytes()[next] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += value[at..].chars().next().map_or(0, char::len_utf8),
            b'<' if !quoted => {
                let end = at + value[at..].find('>')?;
                if let Some(address) = mapping.address(&value[at..end]) {
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

/// Maps every line of a field.
pub fn each(headers: &mut HeaderMap, name: HeaderName, map: impl Fn(&HeaderValue) -> Option<HeaderValue>) {
    let Entry::Occupied(mut lines) = headers.entry(name) else { return };
    for line in lines.iter_mut() {
        if let Some(mapped) = map(line) {
            *line = mapped;
        }
    }
}

/// Maps a field as text of one byte a character: whatever its charset is, its bytes come out as they went in.
pub fn text(line: &HeaderValue, map: impl Fn(&str) -> Option<String>) -> Option<HeaderValue> {
    let text = encoding_rs::mem::decode_latin1(line.as_bytes());
    let mapped = map(&text)?;
    let bytes: Cow<'_, [u8]> = encoding_rs::mem::encode_latin1_lossy(&mapped);
    // An address that can stand in a field, in place of one that did.
    HeaderValue::from_bytes(&bytes).ok()
}
