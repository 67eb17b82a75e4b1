//! Cookies of an earlier stay in the shop: they must not leak into a session, and nobody should have to delete them.
//!
//! Signing in begins with an empty jar, but the browser may hold more: a personal sign-in, a cart of yesterday, an earlier
//! punchout. What signing in did not set is taken away, on the entry's answer where the call brought it, and on the
//! session's first page what only came with that (a POST from another site carries no `SameSite=Lax` cookie).

use http::{HeaderMap, HeaderValue, header};

use crate::exchange::Exchange;
use crate::session::{Session, cookie};

/// Set-Cookie lines that take the cookies of an earlier stay out of the browser.
pub fn expire(x: &Exchange, session: &Session, headers: &HeaderMap) -> Vec<HeaderValue> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines.flat_map(cookie::expire_all).filter(|line| is_stale(x, session, name_of(line.as_bytes()))).collect()
}

/// Takes the cookies of an earlier stay out of a request.
pub fn take_out(x: &Exchange, session: &Session, headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for line in lines {
        let pairs = line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let kept: Vec<&[u8]> = pairs.filter(|pair| !is_stale(x, session, name_of(pair))).collect();
        if let Ok(line) = HeaderValue::from_bytes(&kept.join(&b"; "[..]))
            && !line.is_empty()
        {
            headers.append(header::COOKIE, line);
        }
    }
}

fn is_stale(x: &Exchange, session: &Session, name: &[u8]) -> bool {
    // A name that is no text is in no list, and the jar has it from nobody.
    let Ok(name) = std::str::from_utf8(name) else { return true };
    session.jar.values(name).next().is_none() && !x.plan().shop.keep_cookies.iter().any(|kept| cookie::fits(kept, name))
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}
