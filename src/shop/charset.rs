//! In which charset a page is written, and so in which its forms are sent.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use regex::bytes::Regex;

/// How far from its start a page may declare its charset. Browsers stop at 1024; shops with long heads do not.
const DECLARATION_WITHIN: usize = 4096;

/// Decodes a page: by its byte order mark, the header, its own declaration, and without any of these as UTF-8 where it
/// is that and as Windows-1252 where not. `ISO-8859-1` means Windows-1252, as everywhere on the web.
pub(super) fn decode(content_type: Option<&[u8]>, bytes: &[u8]) -> (String, &'static Encoding) {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None => content_type.and_then(of_header).or_else(|| of_declaration(bytes)).unwrap_or_else(|| guess(bytes)),
    };
    (encoding.decode_with_bom_removal(bytes).0.into_owned(), encoding)
}

fn of_header(content_type: &[u8]) -> Option<&'static Encoding> {
    content_type.split(|byte| *byte == b';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_at(parameter.iter().position(|byte| *byte == b'=')?);
        let value = value[1..].trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        name.trim_ascii().eq_ignore_ascii_case(b"charset").then(|| Encoding::for_label(value))?
    })
}

fn of_declaration(bytes: &[u8]) -> Option<&'static Encoding> {
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

    #[test]
    fn the_charset_is_found_where_browsers_look() {
        for (header, body, expected) in [
            ("text/html; charset=utf-8", &b"x"[..], "UTF-8"),
            ("text/html; charset=ISO-8859-1", b"<meta charset=utf-8>", "windows-1252"),
            ("text/html;Charset=\"iso-8859-15\"", b"", "ISO-8859-15"),
            ("text/html; charset=iso-8859-1", b"\xEF\xBB\xBFx", "UTF-8"),
            ("text/html", b"<head><meta charset='iso-8859-1'>", "windows-1252"),
            ("text/html", b"<META http-equiv=Content-Type content=\"text/html; charset=windows-1250\">", "windows-1250"),
            ("text/html", b"<!-- <meta charset=utf-8> --><meta charset=koi8-r>", "KOI8-R"),
            ("text/html", b"<meta charset=utf-16>", "UTF-8"),
            ("text/html", b"<meta name=description content=charset><meta data-charset=koi8-r>\xE6", "windows-1252"),
            ("text/html; charset=nonsense", b"abc \xC3\xA6", "UTF-8"),
            ("", b"abc \xE6", "windows-1252"),
        ] {
            let header = (!header.is_empty()).then_some(header.as_bytes());
            assert_eq!(decode(header, body).1.name(), expected, "{header:?} {body:?}");
        }
    }

    #[test]
    fn bytes_become_text_without_the_mark() {
        assert_eq!(decode(None, b"\xEF\xBB\xBFbl\xC3\xA5").0, "blå");
        assert_eq!(decode(Some(b"text/html; charset=iso-8859-1"), b"bl\xE5 \x80").0, "blå €");
    }
}
