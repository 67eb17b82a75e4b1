//! Our one cookie: it carries the session's id and nothing else.

use std::sync::LazyLock;

use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, header};
use memchr::memmem;

use super::id::SessionId;

const PLAIN: &str = "punchout";
// The prefix makes browsers refuse the cookie unless it is Secure, for this host alone and for all paths, so that no
// other site under the same domain can plant one.
const SECURE: &str = "__Host-punchout";

fn name(secure: bool) -> &'static str {
    if secure { SECURE } else { PLAIN }
}

/// The id in a request's cookies, if there is one.
pub fn read(headers: &HeaderMap, secure: bool) -> Option<SessionId> {
    let name = name(secure).as_bytes();
    for line in headers.get_all(header::COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            if let Some(value) = pair.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"="))
                && let Some(id) = std::str::from_utf8(value).ok().and_then(SessionId::from_cookie)
            {
                return Some(id);
            }
        }
    }
    None
}

/// Whether a request carries our cookie, whatever it is worth.
pub fn is_in(headers: &HeaderMap) -> bool {
    headers.get_all(header::COOKIE).iter().any(is_in_line)
}

/// Whether one line of a request's cookies has ours. Visitors pay for it: most lines are not taken apart.
pub fn is_in_line(line: &HeaderValue) -> bool {
    static ENDING: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("punchout="));
    ENDING.find(line.as_bytes()).is_some() && line.as_bytes().split(|byte| *byte == b';').any(is_ours)
}

fn is_ours(pair: &[u8]) -> bool {
    let pair = pair.trim_ascii();
    [PLAIN, SECURE].iter().any(|name| pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"=")))
}

/// Set-Cookie lines that take away every cookie of a Cookie line, as far as it can be known from there: path and domain
/// are not told.
pub fn expire_all(line: &HeaderValue) -> impl Iterator<Item = HeaderValue> {
    line.as_bytes().split(|byte| *byte == b';').filter(|pair| !is_ours(pair)).filter_map(|pair| {
        let name = pair.trim_ascii().split(|byte| *byte == b'=').next().filter(|name| !name.is_empty())?;
        let expired = [name, b"=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"].concat();
        HeaderValue::from_bytes(&expired).ok()
    })
}

/// Takes our cookie out of a request: it is not the shop's business.
pub fn take_out(headers: &mut HeaderMap) {
    if !is_in(headers) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for line in lines {
        let kept: Vec<&[u8]> = line.as_bytes().split(|byte| *byte == b';').filter(|pair| !is_ours(pair)).collect();
        let kept = kept.join(&b';');
        let kept = kept.trim_ascii();
        // A header value without some of its pieces is still one.
        if !kept.is_empty()
            && let Ok(value) = HeaderValue::from_bytes(kept)
        {
            headers.append(header::COOKIE, value);
        }
    }
}

/// The Set-Cookie line that gives a browser its session. It ends with the browser or with the session, whichever is first.
pub fn give(id: SessionId, secure: bool) -> HeaderValue {
    line(Cookie::build((name(secure), id.to_cookie())), secure)
}

/// The Set-Cookie line that takes the session away.
pub fn end(secure: bool) -> HeaderValue {
    line(Cookie::build((name(secure), "")).removal(), secure)
}

fn line(cookie: cookie::CookieBuilder<'_>, secure: bool) -> HeaderValue {
    // The buyer's page is another site: over https the cookie must be sent from its frames and forms too.
    let same_site = if secure { SameSite::None } else { SameSite::Lax };
    let cookie = cookie.path("/").http_only(true).secure(secure).same_site(same_site).build();
    // Name, base64url value and attributes are visible ASCII.
    HeaderValue::from_str(&cookie.to_string()).expect("our own cookie is ASCII")
}

/// Whether a name fits a pattern in which `*` stands for anything.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name
            .strip_prefix(head)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.is_char_boundary(at) && fits(rest, &tail[at..]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn the_cookie_is_given_read_and_kept_from_the_shop() {
        let id = SessionId::random();
        for secure in [false, true] {
            let given = give(id, secure);
            let pair = given.to_str().unwrap().split(';').next().unwrap().to_owned();
            let mut headers = cookies(&["sid=1; lang=nb"]);
            headers.append(header::COOKIE, HeaderValue::from_str(&format!("a=b; {pair}; c=\"d;e\"")).unwrap());
            assert_eq!(read(&headers, secure), Some(id));
            assert_eq!(read(&headers, !secure), None, "a plain cookie is worth nothing over https");
            take_out(&mut headers);
            let left: Vec<_> = headers.get_all(header::COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!(left, ["sid=1; lang=nb", "a=b; c=\"d;e\""]);
        }
        assert!(give(id, true).to_str().unwrap().starts_with("__Host-punchout="));
    }

    #[test]
    fn a_request_without_our_cookie_is_left_as_it_is() {
        let mut headers = cookies(&["punchoutx=1; xpunchout=2;;  a=b "]);
        let before = headers.clone();
        take_out(&mut headers);
        assert_eq!(headers, before);
        assert_eq!(read(&headers, false), None);
        take_out(&mut headers);
        let mut only = cookies(&["punchout=x"]);
        take_out(&mut only);
        assert!(only.is_empty());
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, fitting) in [
            ("sid", "sid", true),
            ("sid", "sid2", false),
            ("*consent*", "CookieConsent", false),
            ("*onsent*", "CookieConsent", true),
            ("AWSALB*", "AWSALBCORS", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
        ] {
            assert_eq!(fits(pattern, name), fitting, "{pattern} {name}");
        }
    }
}
