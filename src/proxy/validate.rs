//! What hyper lets through and the other side must never see.

use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version, response};

use crate::problem::{Kind, Problem};

/// Brings a request into the one form that the rest of the way relies on: origin form, one valid Host (or none, from
/// an HTTP/1.0 client), a body framed in one way.
///
/// # Errors
/// [`Kind::MethodNotAllowed`] for CONNECT, [`Kind::NotImplemented`] for TRACE and unknown transfer codings,
/// [`Kind::UriTooLong`] for a path and query of more than `uri_size` bytes, [`Kind::BadRequest`] for the rest.
pub fn validate(parts: &mut Parts, uri_size: usize) -> Result<(), Problem> {
    match parts.method {
        Method::CONNECT => return Err(Problem::new(Kind::MethodNotAllowed, "CONNECT to a reverse proxy")),
        // It would show a script cookies that it must not see, and our own fields.
        Method::TRACE => return Err(Problem::new(Kind::NotImplemented, "TRACE is not served")),
        _ => {}
    }
    let length = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > uri_size {
        return Err(Problem::new(Kind::UriTooLong, format!("path and query of {length} bytes")));
    }
    if parts.version == Version::HTTP_2 {
        super::headers::join_cookies(&mut parts.headers);
    }
    transfer_coding(parts)?;
    target(parts)?;
    host(parts)
}

/// Brings an answer of the shop into a form that every client reads in the same way.
///
/// # Errors
/// [`Kind::ShopBroken`] for a protocol change that nobody asked for and for codings that we cannot undo.
pub fn validate_answer(parts: &mut response::Parts) -> Result<(), Problem> {
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Problem::new(Kind::ShopBroken, "the shop changed to a protocol that nobody asked for"));
    }
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        if !is_chunked_alone(&parts.headers) {
            return Err(Problem::new(Kind::ShopBroken, "a transfer coding other than chunked"));
        }
        // RFC 9112, section 6.3: the coding overrides the length, which must not be passed on.
        parts.headers.remove(CONTENT_LENGTH);
    }
    one_length(&mut parts.headers)
}

fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut codings =
        headers.get_all(TRANSFER_ENCODING).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    codings.all(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// RFC 9112, section 6.3: a list of equal lengths (`5, 5`) is one length; hyper has refused unequal ones.
fn one_length(headers: &mut HeaderMap) -> Result<(), Problem> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lines.next() else { return Ok(()) };
    let more = lines.next().is_some();
    if !more && first.as_bytes().iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    let length = first.as_bytes().split(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(Problem::new(Kind::ShopBroken, "a Content-Length that is no number"));
    }
    let length = HeaderValue::from_bytes(length);
    let length = length.map_err(|_| Problem::new(Kind::ShopBroken, "a Content-Length that is no number"))?;
    headers.insert(CONTENT_LENGTH, length);
    Ok(())
}

/// RFC 9112, sections 6.1 and 6.3: chunked alone, once, and never beside a length.
fn transfer_coding(parts: &Parts) -> Result<(), Problem> {
    let mut lines = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = lines.next() else { return Ok(()) };
    if lines.next().is_some() || !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(Problem::new(Kind::NotImplemented, "a transfer coding other than chunked"));
    }
    if parts.version < Version::HTTP_11 {
        return bad("Transfer-Encoding in an HTTP/1.0 request");
    }
    if parts.headers.contains_key(CONTENT_LENGTH) {
        return bad("Transfer-Encoding beside Content-Length");
    }
    Ok(())
}

/// RFC 9112, section 3.2.2: of an absolute target the authority is what counts, whatever Host says.
fn target(parts: &mut Parts) -> Result<(), Problem> {
    if let Some(authority) = parts.uri.authority() {
        let scheme = parts.uri.scheme_str();
        if !matches!(scheme, Some("http" | "https")) {
            return bad("a target that is neither a path nor an http address");
        }
        let authority = HeaderValue::from_str(authority.as_str());
        let authority = authority.map_err(|_| Problem::new(Kind::BadRequest, "the target's authority"))?;
        parts.headers.insert(HOST, authority);
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    match parts.uri.path() {
        "*" if parts.method == Method::OPTIONS => Ok(()),
        path if path.starts_with('/') => Ok(()),
        _ => bad("a target that is not a path"),
    }
}

fn host(parts: &Parts) -> Result<(), Problem> {
    let mut lines = parts.headers.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => bad("a Host that is no name, address or port"),
        (Some(_), Some(_)) => bad("several Host fields"),
        (None, _) if parts.version < Version::HTTP_11 => Ok(()),
        (None, _) => bad("no Host"),
    }
}

fn bad<T>(detail: &str) -> Result<T, Problem> {
    Err(Problem::new(Kind::BadRequest, detail))
}

/// `uri-host [ ":" port ]` of RFC 9110, section 7.2: a registered name without user information, or an IP literal.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = if host.first() == Some(&b'[') {
        let Some(end) = host.iter().position(|&byte| byte == b']') else { return false };
        if !host[1..end].iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
            return false;
        }
        (&host[..=end], &host[end + 1..])
    } else {
        host.split_at(host.iter().position(|&byte| byte == b':').unwrap_or(host.len()))
    };
    let name_is_right = name.first() == Some(&b'[')
        || (!name.is_empty()
            && name.iter().all(|byte| {
                // unreserved, percent-encoded and sub-delims but the comma, which would be a list of hosts
                byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte)
            }));
    let port_is_right = match port {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    };
    name_is_right && port_is_right
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn kind(mut parts: Parts) -> Option<Kind> {
        validate(&mut parts, usize::MAX).err().map(|problem| problem.kind)
    }

    #[test]
    fn hosts_that_are_and_are_not() {
        for host in ["a", "shop.example", "Shop.Example:8080", "127.0.0.1:1", "[::1]", "[::1]:65535", "a_b", "a:"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["", "a b", "a/b", "u@a", "a#b", "a?b", "a,b", "a:x", "a:65536", "[::1", "[::1]x", "a\\b", "\"a\"", ":80"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn one_host_and_only_one() {
        assert_eq!(kind(parts("GET", "/", &[])), Some(Kind::BadRequest));
        assert_eq!(kind(parts("GET", "/", &[("host", "a"), ("host", "a")])), Some(Kind::BadRequest));
        assert_eq!(kind(parts("GET", "/", &[("host", "a")])), None);
        let mut old = parts("GET", "/", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(kind(old), None);
    }

    #[test]
    fn an_absolute_target_makes_the_host() {
        let mut request = parts("GET", "http://shop.example/a?b", &[("host", "evil.example")]);
        validate(&mut request, usize::MAX).unwrap();
        assert_eq!(request.uri, "/a?b");
        assert_eq!(request.headers[HOST], "shop.example");
        for uri in ["http://u@shop.example/", "ftp://shop.example/", "shop.example:80"] {
            assert_eq!(kind(parts("GET", uri, &[("host", "shop.example")])), Some(Kind::BadRequest), "{uri}");
        }
    }

    #[test]
    fn asterisk_is_for_options() {
        assert_eq!(kind(parts("OPTIONS", "*", &[("host", "a")])), None);
        assert_eq!(kind(parts("GET", "*", &[("host", "a")])), Some(Kind::BadRequest));
    }

    #[test]
    fn methods_that_are_not_served() {
        assert_eq!(kind(parts("TRACE", "/", &[("host", "a")])), Some(Kind::NotImplemented));
        assert_eq!(kind(parts("CONNECT", "a:443", &[("host", "a")])), Some(Kind::MethodNotAllowed));
    }

    fn answer(status: u16, fields: &[(&str, &'static str)]) -> Result<Vec<String>, Kind> {
        let mut answer = http::Response::builder().status(status);
        for (name, value) in fields {
            answer = answer.header(*name, *value);
        }
        let mut parts = answer.body(()).unwrap().into_parts().0;
        validate_answer(&mut parts).map_err(|problem| problem.kind)?;
        Ok(parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect())
    }

    #[test]
    fn an_answer_says_its_length_once() {
        let once = Ok(vec!["content-length: 5".to_owned()]);
        assert_eq!(answer(200, &[("content-length", "5")]), once);
        assert_eq!(answer(200, &[("content-length", "5, 5")]), once);
        assert_eq!(answer(200, &[("content-length", "5"), ("content-length", "5")]), once);
        assert_eq!(answer(200, &[("content-length", "+5")]), Err(Kind::ShopBroken));
        let chunked = Ok(vec!["transfer-encoding: chunked".to_owned()]);
        assert_eq!(answer(200, &[("content-length", "3"), ("transfer-encoding", "chunked")]), chunked);
        assert_eq!(answer(200, &[("transfer-encoding", "gzip, chunked")]), Err(Kind::ShopBroken));
    }

    #[test]
    fn an_answer_changes_no_protocol_by_itself() {
        assert_eq!(answer(101, &[("upgrade", "websocket")]), Err(Kind::ShopBroken));
    }

    #[test]
    fn chunked_alone_frames_a_body() {
        for (coding, expected) in [
            ("chunked", None),
            (" Chunked", None),
            ("gzip, chunked", Some(Kind::NotImplemented)),
            ("x", Some(Kind::NotImplemented)),
        ] {
            let mut request = parts("POST", "/", &[("host", "a")]);
            request.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static(coding));
            assert_eq!(kind(request), expected, "{coding}");
        }
        let both = [("host", "a"), ("transfer-encoding", "chunked"), ("content-length", "3")];
        assert_eq!(kind(parts("POST", "/", &both)), Some(Kind::BadRequest));
    }
}
