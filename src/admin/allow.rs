//! Who may look in.

use std::net::IpAddr;

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Method};

use crate::secret::Secret;

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The token is missing or wrong.
    Token,
    /// A page of another site asks, from the browser of somebody who may.
    OtherSite,
}

/// Whether a request may be answered. `tcp`: it came over an address that a browser can reach.
///
/// Without a token the address alone protects us, and any page in a browser on this machine could reach that: under a
/// name of its own that leads to it, which Host tells, or by a form, which Sec-Fetch-Site or Origin tell.
pub(super) fn allow(method: &Method, headers: &HeaderMap, token: Option<&Secret>, tcp: bool) -> Result<(), Refused> {
    if let Some(token) = token
        && !shown(headers).is_some_and(|shown| token.matches(&shown))
    {
        return Err(Refused::Token);
    }
    if tcp && token.is_none() && !is_local_name(text(headers, HOST.as_str())) {
        return Err(Refused::OtherSite);
    }
    let safe = matches!(*method, Method::GET | Method::HEAD);
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let own = match site {
        Some(site) => matches!(site, b"same-origin" | b"none"),
        None => headers.get("origin").is_none(),
    };
    if safe || own { Ok(()) } else { Err(Refused::OtherSite) }
}

/// `Bearer TOKEN`, or the password of `Basic`, which a browser asks a person for.
fn shown(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = text(headers, AUTHORIZATION.as_str()).split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    let both = BASE64.decode(rest.trim().as_bytes()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some(String::from_utf8(both).ok()?.split_once(':')?.1.to_owned())
}

/// An address or `localhost`: what no other site can call itself.
fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_look_in() {
        let token = Secret::new("a-token-of-16-characters".to_owned());
        let basic = format!("Basic {}", BASE64.encode(b"ops:a-token-of-16-characters"));
        let (get, put) = (Method::GET, Method::PUT);
        for (method, fields, token, tcp, expected) in [
            (&get, vec![("host", "127.0.0.1:9090")], None, true, Ok(())),
            (&get, vec![("host", "[::1]:9090")], None, true, Ok(())),
            (&get, vec![("host", "localhost")], None, true, Ok(())),
            (&get, vec![("host", "evil.example:9090")], None, true, Err(Refused::OtherSite)),
            (&get, vec![("host", "evil.example")], None, false, Ok(())),
            (&put, vec![("host", "127.0.0.1")], None, true, Ok(())),
            (&put, vec![("host", "127.0.0.1"), ("origin", "http://evil.example")], None, true, Err(Refused::OtherSite)),
            (&put, vec![("host", "127.0.0.1"), ("sec-fetch-site", "cross-site")], None, true, Err(Refused::OtherSite)),
            (&put, vec![("host", "127.0.0.1"), ("sec-fetch-site", "same-origin")], None, true, Ok(())),
            (&get, vec![("host", "proxy.example")], Some(&token), true, Err(Refused::Token)),
            (&get, vec![("authorization", "Bearer a-token-of-16-character")], Some(&token), true, Err(Refused::Token)),
            (&get, vec![("authorization", "Bearer a-token-of-16-characters")], Some(&token), true, Ok(())),
            (&get, vec![("authorization", &basic)], Some(&token), true, Ok(())),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(allow(method, &headers, token, tcp), expected, "{method} {fields:?}");
        }
    }
}
