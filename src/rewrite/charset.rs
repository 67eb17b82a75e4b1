//! Which charset a page is in, as far as that matters to somebody who changes it.
//!
//! The order is the browsers' (WHATWG HTML, "determining the character encoding"): a byte order mark, then the header,
//! then the page's own `<meta>`. `ISO-8859-1` means Windows-1252 there, as it does in `encoding_rs`. Charsets in which
//! ASCII bytes are not ASCII characters (UTF-16, ISO-2022-JP) cannot be rewritten as a stream of bytes.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use lol_html::html_content::Element;
use lol_html::{AsciiCompatibleEncoding, ElementContentHandlers, HandlerResult, Selector};

/// What the answer's head says about its charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// `Content-Type` names this one.
    Charset(&'static Encoding),
    /// It names none, or one that no browser knows.
    Nothing,
}

/// The charset to begin a page with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset {
    /// How bytes are to be read, and how what we add is to be written.
    pub encoding: AsciiCompatibleEncoding,
    /// Whether a `<meta>` may still change that.
    pub ask_meta: bool,
}

/// The page is in a charset that cannot be rewritten: pass it on as it is, or, on a cart page, refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page in {0} cannot be rewritten")]
pub struct Unrewritable(pub &'static str);

/// The charset that the answer's head names.
pub fn declared(headers: &HeaderMap) -> Declared {
    let label = headers.get(CONTENT_TYPE).and_then(|value| parameter(value.as_bytes(), b"charset"));
    match label.and_then(Encoding::for_label) {
        Some(encoding) => Declared::Charset(encoding),
        None => Declared::Nothing,
    }
}

impl Declared {
    /// The charset to begin with, now that the page's first bytes are there (three are enough).
    ///
    /// # Errors
    /// When neither byte order mark nor header leaves a charset in which ASCII is ASCII.
    pub fn begin(self, first_bytes: &[u8]) -> Result<Charset, Unrewritable> {
        let (encoding, ask_meta) = match (Encoding::for_bom(first_bytes), self) {
            (Some((encoding, _)), _) | (None, Declared::Charset(encoding)) => (encoding, false),
            (None, Declared::Nothing) => (WINDOWS_1252, true),
        };
        let name = encoding.name();
        let encoding = AsciiCompatibleEncoding::new(encoding).ok_or(Unrewritable(name))?;
        Ok(Charset { encoding, ask_meta })
    }

    /// The same before any byte is there, for a caller who can still answer with something else.
    pub fn is_rewritable(self) -> bool {
        self.begin(b"").is_ok()
    }
}

/// Stops at a `<meta>` that puts the page into a charset which is not ASCII compatible. lol_html overlooks such a
/// `<meta>` and would go on reading the page in the wrong charset; browsers take UTF-16 there to mean UTF-8, so
/// ISO-2022-JP is the one that matters.
pub(super) fn refuse_meta() -> (Cow<'static, Selector>, ElementContentHandlers<'static>) {
    let selector = "meta".parse().expect("a tag name is a selector");
    let mut decided = false;
    let element = move |meta: &mut Element| -> HandlerResult {
        let Some(encoding) = (!decided).then(|| meta_charset(meta)).flatten() else { return Ok(()) };
        decided = true;
        let means_utf8 = encoding == UTF_16LE || encoding == UTF_16BE || encoding == UTF_8;
        if !means_utf8 && !encoding.is_ascii_compatible() {
            return Err(Box::new(Unrewritable(encoding.name())));
        }
        Ok(())
    };
    (Cow::Owned(selector), ElementContentHandlers::default().element(element))
}

fn meta_charset(meta: &Element) -> Option<&'static Encoding> {
    if let Some(label) = meta.get_attribute("charset") {
        return Encoding::for_label(label.as_bytes());
    }
    let about = meta.get_attribute("http-equiv")?;
    let content = meta.get_attribute("content")?;
    about
        .eq_ignore_ascii_case("content-type")
        .then(|| parameter(content.as_bytes(), b"charset"))?
        .and_then(Encoding::for_label)
}

/// A parameter of a media type, read as leniently as browsers do: shops write `text/html;charset=utf-8;`.
fn parameter<'a>(media_type: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    media_type.split(|byte| *byte == b';').skip(1).find_map(|part| {
        let at = part.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (part[..at].trim_ascii(), part[at + 1..].trim_ascii());
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{ISO_2022_JP, SHIFT_JIS};
    use http::HeaderValue;

    fn from_header(content_type: &'static str) -> Declared {
        declared(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]))
    }

    #[test]
    fn the_header_is_read_as_shops_write_it() {
        assert_eq!(from_header("text/html; charset=utf-8"), Declared::Charset(UTF_8));
        assert_eq!(from_header("text/html;Charset=\"ISO-8859-1\";"), Declared::Charset(WINDOWS_1252));
        assert_eq!(from_header("text/html; x=1; charset = shift_jis"), Declared::Charset(SHIFT_JIS));
        assert_eq!(from_header("text/html; charset=klingon"), Declared::Nothing);
        assert_eq!(from_header("text/html"), Declared::Nothing);
        assert_eq!(declared(&HeaderMap::new()), Declared::Nothing);
    }

    #[test]
    fn a_byte_order_mark_beats_the_header_and_the_header_beats_meta() {
        let utf8 = AsciiCompatibleEncoding::utf_8();
        let begin = Declared::Charset(WINDOWS_1252).begin(b"\xEF\xBB\xBF<html>").unwrap();
        assert_eq!(begin, Charset { encoding: utf8, ask_meta: false });
        assert!(!Declared::Charset(WINDOWS_1252).begin(b"<meta charset=utf-8>").unwrap().ask_meta);
        assert!(Declared::Nothing.begin(b"<html>").unwrap().ask_meta);
        assert_eq!(<&Encoding>::from(Declared::Nothing.begin(b"").unwrap().encoding), WINDOWS_1252);
    }

    #[test]
    fn what_is_not_ascii_compatible_is_refused() {
        assert_eq!(Declared::Charset(UTF_16LE).begin(b"<\0h\0"), Err(Unrewritable("UTF-16LE")));
        assert_eq!(Declared::Nothing.begin(b"\xFF\xFE<\0"), Err(Unrewritable("UTF-16LE")));
        assert_eq!(Declared::Nothing.begin(b"\xFE\xFF\0<"), Err(Unrewritable("UTF-16BE")));
        assert!(!Declared::Charset(ISO_2022_JP).is_rewritable());
        assert!(from_header("text/html; charset=hz-gb-2312").begin(b"").is_err());
    }
}
