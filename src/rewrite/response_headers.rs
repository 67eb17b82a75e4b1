//! The head of an answer whose body is rewritten: what is no longer true of it must go.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, TRAILER, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::coding::Coding;
use super::csp::Opening;

/// What may be changed of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritable {
    /// Nothing: it is no page, or only a part of one.
    No,
    /// Its head alone: the answer to a HEAD has no body, but must look like the answer to a GET.
    Head,
    /// Head and body.
    Page,
}

/// What may be changed of the answer to `method` with this status and head. It looks at HTTP alone: whether the charset
/// allows it is `charset::declared`'s matter, and the content coding `Coding::of`'s.
pub fn rewritable(method: &Method, status: StatusCode, headers: &HeaderMap) -> Rewritable {
    let bodiless = status.is_informational()
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
    if bodiless || method == Method::CONNECT || headers.contains_key(CONTENT_RANGE) || is_download(headers) {
        return Rewritable::No;
    }
    match (is_html(headers), method == Method::HEAD) {
        (false, _) => Rewritable::No,
        (true, true) => Rewritable::Head,
        (true, false) => Rewritable::Page,
    }
}

/// Makes the head true again for a body that is rewritten and then sent in `coding`.
///
/// With `personal`, for pages that hold a session's data: nobody may keep them, not even the buyer's browser, whose
/// "back" would otherwise show a cart that was handed over long ago.
pub fn rewrite_head(headers: &mut HeaderMap, coding: Coding, personal: bool) {
    const DIGEST: HeaderName = HeaderName::from_static("digest");
    const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
    const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
    const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
    // ETag goes even when it is weak: a 304 for it would revive a page made for another session
    for name in [
        CONTENT_LENGTH,
        ETAG,
        ACCEPT_RANGES,
        CONTENT_ENCODING,
        TRAILER,
        DIGEST,
        CONTENT_MD5,
        CONTENT_DIGEST,
        REPR_DIGEST,
    ] {
        headers.remove(name);
    }
    if coding != Coding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    keep_personal(headers, personal);
}

/// The head of a page that leaves as the shop sent it, all but its trailers; `personal` as in [`rewrite_head`].
pub fn pass_head(headers: &mut HeaderMap, personal: bool) {
    headers.remove(TRAILER);
    keep_personal(headers, personal);
}

fn keep_personal(headers: &mut HeaderMap, personal: bool) {
    if personal {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}

/// Opens every enforced Content-Security-Policy in the head. `Report-Only` ones stop nothing and stay as they are.
pub fn open_csp(headers: &mut HeaderMap, opening: &Opening) {
    let http::header::Entry::Occupied(mut policies) = headers.entry(CONTENT_SECURITY_POLICY) else { return };
    for policy in policies.iter_mut() {
        let Ok(text) = policy.to_str() else { continue };
        if let std::borrow::Cow::Owned(opened) = opening.apply(text)
            && let Ok(value) = HeaderValue::from_str(&opened)
        {
            *policy = value;
        }
    }
}

fn is_html(headers: &HeaderMap) -> bool {
    essence(headers).eq_ignore_ascii_case(b"text/html") || is_xml(headers)
}

/// Whether a message brings a page, or stands for one. `None` where its head does not tell: browsers look at the bytes
/// then, or find the types of its pieces in them.
pub fn is_page(headers: &HeaderMap) -> Option<bool> {
    if is_download(headers) {
        return Some(false);
    }
    let kind = essence(headers).to_ascii_lowercase();
    match kind.as_slice() {
        b"*/*" | b"unknown/unknown" | b"application/unknown" | b"multipart/byteranges" => None,
        kind if !kind.contains(&b'/') => None,
        _ => Some(is_html(headers)),
    }
}

/// Whether the page is read as XML, in which nothing may stand behind its last tag.
pub fn is_xml(headers: &HeaderMap) -> bool {
    essence(headers).eq_ignore_ascii_case(b"application/xhtml+xml")
}

fn essence(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// A page that is saved to a file (an invoice, an export) is not a page of the session.
fn is_download(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_DISPOSITION).is_some_and(|value| {
        let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"attachment")
    })
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
    fn only_whole_pages_are_rewritable() {
        use Rewritable::*;
        let html = ("content-type", "text/html; charset=utf-8");
        for (method, status, lines, expected) in [
            ("GET", 200, vec![html], Page),
            ("POST", 200, vec![("content-type", "Application/XHTML+XML")], Page),
            ("GET", 404, vec![html], Page),
            ("GET", 302, vec![html], Page),
            ("HEAD", 200, vec![html], Head),
            ("GET", 103, vec![html], No),
            ("GET", 204, vec![html], No),
            ("GET", 205, vec![html], No),
            ("GET", 206, vec![html], No),
            ("GET", 304, vec![html], No),
            ("GET", 200, vec![], No),
            ("GET", 200, vec![("content-type", "text/html-sandboxed")], No),
            ("GET", 200, vec![("content-type", "application/json")], No),
            ("GET", 200, vec![html, ("content-range", "bytes 0-1/2")], No),
            ("GET", 200, vec![html, ("content-disposition", "Attachment; filename=x.html")], No),
            ("GET", 200, vec![html, ("content-disposition", "inline")], Page),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let got = rewritable(&method.parse().unwrap(), status, &head(&lines));
            assert_eq!(got, expected, "{method} {status} {lines:?}");
        }
    }

    #[test]
    fn what_described_the_old_bytes_goes_and_the_rest_stays() {
        let mut headers = head(&[
            ("content-length", "12"),
            ("etag", "W/\"1\""),
            ("digest", "sha-256=x"),
            ("content-digest", "sha-256=:x:"),
            ("repr-digest", "sha-256=:x:"),
            ("content-md5", "x"),
            ("accept-ranges", "bytes"),
            ("content-encoding", "br"),
            ("trailer", "expires"),
            ("last-modified", "Mon, 02 Nov 2026 10:00:00 GMT"),
            ("vary", "cookie"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("cache-control", "public, max-age=60"),
        ]);
        rewrite_head(&mut headers, Coding::Gzip, true);
        let expected = head(&[
            ("content-encoding", "gzip"),
            ("last-modified", "Mon, 02 Nov 2026 10:00:00 GMT"),
            ("vary", "cookie"),
            ("vary", "accept-encoding"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("cache-control", "private, no-store"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn every_csp_header_is_opened_and_report_only_is_left_alone() {
        let mut headers = head(&[
            ("content-security-policy", "form-action 'self'"),
            ("content-security-policy", "default-src *"),
            ("content-security-policy", "form-action 'none', form-action *.pay.example"),
            ("content-security-policy-report-only", "form-action 'none'"),
        ]);
        open_csp(&mut headers, &Opening { form_action: vec!["https://h.example".into()], ..Opening::default() });
        let expected = head(&[
            ("content-security-policy", "form-action 'self' https://h.example"),
            ("content-security-policy", "default-src *"),
            ("content-security-policy", "form-action https://h.example, form-action *.pay.example https://h.example"),
            ("content-security-policy-report-only", "form-action 'none'"),
        ]);
        assert_eq!(headers, expected);
    }
}
