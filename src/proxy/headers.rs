//! What is done to the fields of a message on its way through. Pure, in place, and nothing that need not be done.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

use crate::exchange::Client;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What of a message's fields may have to go or to change. Found by one walk over their names, for most messages have
/// little of it: a look for each such name cost more than all else that is done to a visitor's request.
#[derive(Debug, Default)]
struct Found {
    /// See [`is_of_hop`].
    hop: bool,
    /// A name with an underscore.
    odd: bool,
    /// Some front proxy's word on who asks.
    told: bool,
}

impl Found {
    fn look(headers: &HeaderMap) -> Found {
        let mut found = Found::default();
        for name in headers.keys() {
            let text = name.as_str();
            found.hop |= is_of_hop(name);
            found.told |= text.starts_with("x-forwarded-") || matches!(text, "forwarded" | "x-real-ip");
            // Without a branch for each byte this is done in a few steps of many bytes.
            found.odd |= text.bytes().fold(false, |odd, byte| odd | (byte == b'_'));
        }
        found
    }
}

const HOP_BY_HOP: [HeaderName; 7] =
    [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION];

/// Makes a request's fields those that the shop gets: without what is meant for this hop alone and without what a shop
/// could take for our word, and with our word on who asks, how and for which name.
///
/// What the client says of itself is replaced, unless it is a front proxy that we were told to trust: then its chain is
/// continued. `secure`: the visitor's browser speaks https, to us or to a front proxy.
pub fn toward_shop(headers: &mut HeaderMap, client: &Client, secure: bool) {
    let found = Found::look(headers);
    if found.hop {
        remove_hop_by_hop(headers);
    }
    if found.odd {
        strip_twins(headers);
    }
    if found.told {
        forwarded_again(headers, client, secure);
    } else {
        forwarded(headers, client.address.clone(), secure);
    }
}

/// Removes what is meant for the next hop alone (RFC 9110, section 7.6.1): Connection and all it names, and the
/// fields that are so by definition. Trailer stays: it announces trailers, which pass through.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.keys().any(is_of_hop) {
        remove_hop_by_hop(headers);
    }
}

fn is_of_hop(name: &HeaderName) -> bool {
    // Lengths first: few fields have one of these.
    matches!(name.as_str().len(), 2 | 7 | 10 | 16..=19) && (*name == CONNECTION || HOP_BY_HOP.contains(name))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        strip_named(headers);
        headers.remove(CONNECTION);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Makes one Cookie line of several, as HTTP/2 clients split them (RFC 9113, section 8.2.3): shops that read HTTP/1.1 look
/// at the first line alone.
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Field values joined by a semicolon and a blank are a field value.
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// There may be several Connection lines, and `remove` gives the first only; their bytes need not be UTF-8.
fn strip_named(headers: &mut HeaderMap) {
    let mut named = Vec::new();
    for line in headers.get_all(CONNECTION) {
        for option in line.as_bytes().split(|&byte| byte == b',') {
            let option = option.trim_ascii();
            // The usual ones name no field that is not removed anyway.
            if option.is_empty() || option.eq_ignore_ascii_case(b"keep-alive") || option.eq_ignore_ascii_case(b"close")
            {
                continue;
            }
            if let Ok(name) = HeaderName::from_bytes(option)
                && !is_end_to_end(&name)
            {
                named.push(name);
            }
        }
    }
    for name in named {
        headers.remove(name);
    }
}

/// Fields that a Connection line cannot take away: a client that names them wants to change how the message is framed
/// or who it seems to come from (RFC 9110, section 7.6.1 forbids senders to name them).
fn is_end_to_end(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, COOKIE, http::header::AUTHORIZATION, http::header::SET_COOKIE, http::header::CONTENT_TYPE]
        .contains(name)
        || *name == http::header::CACHE_CONTROL
        || *name == http::header::CONTENT_ENCODING
}

/// The protocol a request asks to change to: one Upgrade field, named in Connection. h2c is no such request: spoken
/// beyond us it would bypass every rule, and RFC 9113 has dropped it.
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(UPGRADE).iter();
    let (wanted, None) = (lines.next()?, lines.next()) else { return None };
    let protocol = wanted.as_bytes();
    if protocol.is_empty() || protocol.contains(&b',') || protocol.to_ascii_lowercase().starts_with(b"h2c") {
        return None;
    }
    let mut options = headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade")).then(|| wanted.clone())
}

/// Puts back what an upgrade needs on the next hop.
pub fn ask_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Tells the shop who asks, how and for which name, where nobody has said anything of it before.
fn forwarded(headers: &mut HeaderMap, address: HeaderValue, secure: bool) {
    let host = headers.get(HOST).cloned();
    headers.insert(X_FORWARDED_FOR, address);
    headers.insert(X_FORWARDED_PROTO, scheme(secure));
    if let Some(host) = host {
        headers.insert(X_FORWARDED_HOST, host);
    }
}

/// The same where the client, or a front proxy before us, has said something of it.
fn forwarded_again(headers: &mut HeaderMap, client: &Client, secure: bool) {
    let chain = client.forwarded_for(headers);
    headers.insert(X_FORWARDED_FOR, chain);
    if !client.trusted {
        for name in [FORWARDED, X_REAL_IP, X_FORWARDED_PORT] {
            headers.remove(name);
        }
    }
    if !client.trusted || !headers.contains_key(X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, scheme(secure));
    }
    if !client.trusted || !headers.contains_key(X_FORWARDED_HOST) {
        match headers.get(HOST).cloned() {
            Some(host) => headers.insert(X_FORWARDED_HOST, host),
            None => headers.remove(X_FORWARDED_HOST),
        };
    }
}

fn scheme(secure: bool) -> HeaderValue {
    HeaderValue::from_static(if secure { "https" } else { "http" })
}

/// Removes fields that a CGI shop cannot tell from ours: to PHP or WSGI `X-Forwarded_For` is `X-Forwarded-For`, and
/// `Transfer_Encoding` is `Transfer-Encoding`. Other names with an underscore pass.
fn strip_twins(headers: &mut HeaderMap) {
    let is_odd = |name: &&HeaderName| name.as_str().contains('_');
    let twins: Vec<_> =
        headers.keys().filter(is_odd).filter(|name| is_ours(&name.as_str().replace('_', "-"))).cloned().collect();
    for name in twins {
        headers.remove(name);
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with("x-forwarded-")
        || ["host", "content-length", "transfer-encoding", "connection", "upgrade", "forwarded", "x-real-ip"]
            .contains(&name)
}

/// Removes fields by which frameworks let a request name another path or method than its own (IIS, Symfony, Zend, Rails):
/// with them a buyer could reach a denied path under an innocent one. For requests within a session; no browser sends
/// them. Nor do they send names with an underscore, which some gateways take for their own (`SCRIPT_NAME`).
pub fn strip_overrides(headers: &mut HeaderMap) {
    let odd: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().contains('_')).cloned().collect();
    for name in odd {
        headers.remove(name);
    }
    for name in [
        "x-original-url",
        "x-rewrite-url",
        "x-original-uri",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        headers.remove(name);
    }
}

/// Says that the body is chunked. hyper's client does so by itself for POST but sends a GET without its body.
pub fn mark_chunked(headers: &mut HeaderMap) {
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    /// Sorted, for removing a field moves another one in its place.
    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    fn client(trusted: bool) -> Client {
        Client::new("192.0.2.1:4711".parse().unwrap(), false, trusted)
    }

    #[test]
    fn rfc9110_7_6_1_connection_and_all_it_names_on_every_line_go() {
        let mut headers = map(&[
            ("host", "a"),
            ("connection", "X-One , ,close"),
            ("x-one", "1"),
            ("connection", "x-TWO"),
            ("x-two", "2"),
            ("x-two", "2 again"),
            ("x-three", "3"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["host", "x-three"]);
    }

    #[test]
    fn rfc9110_7_6_1_bytes_that_are_not_utf8_do_not_hide_a_name() {
        let mut headers = map(&[("x-one", "1")]);
        headers.append(CONNECTION, HeaderValue::from_bytes(b"\xff, x-one").unwrap());
        strip_hop_by_hop(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn rfc9110_7_6_1_fields_for_the_next_hop_go_and_trailer_stays() {
        let mut headers = map(&[
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("trailer", "x-sum"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["trailer"]);
    }

    #[test]
    fn rfc9110_7_6_1_connection_cannot_name_what_frames_or_addresses_a_message() {
        let mut headers =
            map(&[("connection", "host, content-length, cookie"), ("host", "a"), ("content-length", "3")]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["content-length", "host"]);
    }

    #[test]
    fn rfc9110_7_8_upgrade_counts_only_when_connection_names_it() {
        assert_eq!(upgrade(&map(&[("upgrade", "websocket")])), None);
        let asked = map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(upgrade(&asked).unwrap(), "websocket");
        assert_eq!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "H2C")])), None);
        assert_eq!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "websocket, h2c")])), None);
    }

    #[test]
    fn what_a_stranger_says_of_itself_is_replaced() {
        let mut headers = map(&[
            ("host", "shop.example"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-port", "443"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ]);
        toward_shop(&mut headers, &client(false), false);
        let expected = map(&[
            ("host", "shop.example"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "shop.example"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_twin_with_an_underscore_does_not_get_past_us() {
        let mut headers = map(&[
            ("x-forwarded_for", "10.0.0.1"),
            ("x_forwarded_proto", "https"),
            ("transfer_encoding", "chunked"),
            ("x_mine", "1"),
            ("x-mine", "2"),
        ]);
        strip_twins(&mut headers);
        assert_eq!(names(&headers), ["x-mine", "x_mine"]);
    }

    #[test]
    fn a_request_cannot_name_another_path_beside_its_own() {
        let mut headers = map(&[
            ("x-original-url", "/checkout"),
            ("x-http-method-override", "POST"),
            ("script_name", "/basket"),
            ("accept", "*/*"),
        ]);
        strip_overrides(&mut headers);
        assert_eq!(names(&headers), ["accept"]);
    }

    #[test]
    fn a_trusted_front_proxy_is_believed_and_its_chain_continued_on_one_line() {
        let mut headers = map(&[
            ("host", "shop.example"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "203.0.113.10"),
            ("x-forwarded-proto", "https"),
        ]);
        toward_shop(&mut headers, &client(true), false);
        let expected = map(&[
            ("host", "shop.example"),
            ("x-forwarded-for", "203.0.113.9, 203.0.113.10, 192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example"),
        ]);
        assert_eq!(headers, expected);
    }
}
