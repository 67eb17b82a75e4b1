//! In which charset a page is written, and so in which its forms are sent.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use http::HeaderMap;
use regex::bytes::Regex;

use crate::rewrite::charset::{Declared, declared};

/// How far from its start a page may declare its charset. Browsers stop at 1024; shops with long heads do not.
const DECLARATION_WITHIN: usize = 4096;

/// Decodes a page: by its byte order mark, the header, its own declaration, and without any of these as UTF-8 where it
/// is that and as Windows-1252 where not. `ISO-8859-1` means Windows-1252, as everywhere on the web.
pub fn decode(head: &HeaderMap, bytes: &[u8]) -> (String, &'static Encoding) {
    let encoding = match (Encoding::for_bom(bytes), declared(head)) {
        (Some((encoding, _)), _) | (None, Declared::Charset(encoding)) => encoding,
        (None, Declared::Nothing) => of_declaration(bytes).unwrap_or_else(|| guess(bytes)),
    };
    (encoding.decode_with_bom_removal(bytes).0.into_owned(), encoding)
}

/// The charset that a page's own `<meta>` names, where its start has one.
pub fn of_declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(DECLARATION_WITHIN)];
    // A declaration in a comment declares nothing: comments are matched first and skipped.
    let declaration = Regex::new(r#"(?is-u)<!--.*?-->|<meta[^>]*?[\s;"']charset\s*=\s*["']?\s*([a-z0-9_:.()-]+)"#)
        .expect("the pattern is a constant that a test compiles");
    let label = declaration.captures_iter(head).find_map(|found| found.get(1))?;
    match Encoding::for_label(label.as_bytes())? {
        // It was read as ASCII, so it is not UTF-16, whatever it says.
        encoding if encoding == UTF_16LE || encoding == UTF_16BE => Some(UTF_8),
        encoding => Some(encoding),
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        Err(_) => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::CONTENT_TYPE;

    fn head(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    #[test]
    fn the_charset_is_found_where_browsers_look() {
        for (header, body, expected) in [
            ("text/html; charset=utf-8", &b"x"[..], "UTF-8"),
            ("text/html; charset=ISO-8859-1", b"<meta charset=utf-8>", "windows-1252"),
            ("text/html;Charset=\"iso-8859-15\"", b"", "ISO-8859-15"),
            ("text/html; charset=iso-8859-1", b"\xEF\xBB\xBFx", "UTF-8"),
            ("text/html", b"<head><meta charset='iso-8859-1'>", "windows-1252"),
            (
                "text/html",
                b"<META http-equiv=Content-Type content=\"text/html; charset=windows-1250\">",
                "windows-1250",
            ),
            ("text/html", b"<!-- <meta charset=utf-8> --><meta charset=koi8-r>", "KOI8-R"),
            ("text/html", b"<meta charset=utf-16>", "UTF-8"),
            ("text/html", b"<meta name=description content=charset><meta data-charset=koi8-r>\xE6", "windows-1252"),
            ("text/html; charset=nonsense", b"abc \xC3\xA6", "UTF-8"),
            ("", b"abc \xE6", "windows-1252"),
        ] {
            assert_eq!(decode(&head(header), body).1.name(), expected, "{header:?} {body:?}");
        }
    }

    #[test]
    fn bytes_become_text_without_the_mark() {
        assert_eq!(decode(&head(""), b"\xEF\xBB\xBFbl\xC3\xA5").0, "blå");
        assert_eq!(decode(&head("text/html; charset=iso-8859-1"), b"bl\xE5 \x80").0, "blå €");
    }
}
