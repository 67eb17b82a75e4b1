//! A session whose browser keeps no cookies: every one of its addresses begins with a secret.
//!
//! The secret is no cookie's value, and a session is reached in one of the two ways alone. Addresses are seen by more eyes
//! than cookies (a line of a log, a history, somebody who sends a link to a colleague), so whoever comes with one must
//! also be the browser that entered: see [`is_stranger`].

use std::borrow::Cow;
use std::fmt;

use http::header::{REFERER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};

use super::Session;
use super::id::{SessionId, Token};

/// What a session's addresses begin with, before the shop's own path.
#[derive(Clone, PartialEq, Eq)]
pub struct Root {
    text: String,
    token: Option<Token>,
}

impl Root {
    /// The root of a session; `prefix` is that of our own pages.
    pub fn of(prefix: &str, token: Token) -> Self {
        Root { text: format!("{prefix}s/{}", token.to_text()), token: Some(token) }
    }

    /// Takes the root off a request's address, so that nobody beyond sees it: no rule, no log, and not the shop. `None`
    /// where the address has none.
    pub fn take_off(prefix: &str, address: &mut Uri) -> Option<Root> {
        let (path, query) = (address.path(), address.query());
        let rest = path.strip_prefix(prefix)?.strip_prefix("s/")?;
        let (token, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let root = Root { text: path[..path.len() - below.len()].to_owned(), token: Token::parse(token) };
        let below = if below.is_empty() { "/" } else { below };
        let target = query.map_or_else(|| below.to_owned(), |query| format!("{below}?{}", root.out_of(query)));
        let mut parts = std::mem::take(address).into_parts();
        // What is left of a path and a query is still one.
        parts.path_and_query = PathAndQuery::try_from(target).ok().or(Some(PathAndQuery::from_static("/")));
        *address = Uri::from_parts(parts).unwrap_or_default();
        Some(root)
    }

    /// The root of the page from which a request says that it comes. Visitors pay for a look at their Referer.
    pub fn of_referer(prefix: &str, headers: &HeaderMap) -> Option<Root> {
        let referer = headers.get(REFERER)?;
        if !path_of(referer.as_bytes()).starts_with(prefix.as_bytes()) {
            return None;
        }
        let mut page: Uri = referer.to_str().ok()?.parse().ok()?;
        Root::take_off(prefix, &mut page).filter(|root| root.token.is_some())
    }

    /// The session that it may be the root of.
    pub fn id(&self) -> Option<SessionId> {
        self.token.map(Token::id)
    }

    /// A path as the session's browser must have it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The root itself; a secret.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// A text of the browser's without the root in it, as in a Referer, or in an address within a query.
    pub fn out_of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        // By far the most texts have none; the token is what it cannot be written without.
        let token = &self.text[self.text.rfind('/').map_or(0, |slash| slash + 1)..];
        if self.token.is_none() || !text.contains(token) {
            return Cow::Borrowed(text);
        }
        let (upper, lower) = (self.text.replace('/', "%2F"), self.text.replace('/', "%2f"));
        Cow::Owned(text.replace(&self.text, "").replace(&upper, "").replace(&lower, "").replace(token, ""))
    }

    /// Takes the root out of a request's fields.
    pub fn out_of_all(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            if let Ok(text) = value.to_str()
                && let Cow::Owned(text) = self.out_of(text)
                && let Ok(without) = HeaderValue::from_str(&text)
            {
                *value = without;
            }
        }
    }
}

/// What follows scheme and authority, without a check of either.
fn path_of(address: &[u8]) -> &[u8] {
    let Some(slash) = memchr::memchr(b'/', address) else { return &[] };
    match address[slash..].strip_prefix(b"//") {
        Some(rest) => memchr::memchr(b'/', rest).map_or(&[], |path| &rest[path..]),
        None => &address[slash..],
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root(..)")
    }
}

/// Whether a request with the session's root comes from somewhere else than the session's own pages: from another site, by
/// an address that was typed or sent to somebody, or from another browser. Browsers too old to say where a request comes
/// from are known by their name alone.
pub fn is_stranger(session: &Session, headers: &HeaderMap) -> bool {
    let elsewhere = headers.get_all("sec-fetch-site").iter().any(|site| site != "same-origin");
    elsewhere || headers.get(USER_AGENT) != session.browser.user_agent.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODw";

    fn take_off(address: &str) -> Option<(String, bool)> {
        let mut uri: Uri = address.parse().unwrap();
        let root = Root::take_off("/_punchout/", &mut uri)?;
        assert_eq!(format!("{root:?}"), "Root(..)");
        Some((uri.to_string(), root.id().is_some()))
    }

    #[test]
    fn a_root_is_taken_off_and_what_is_left_is_the_shops() {
        for (address, expected) in [
            ("/_punchout/s/T/basket/?a=1", Some(("/basket/?a=1", true))),
            ("http://shop.example/_punchout/s/T/x", Some(("http://shop.example/x", true))),
            ("/_punchout/s/T", Some(("/", true))),
            ("/_punchout/s/T?a", Some(("/?a", true))),
            ("/_punchout/s/T//evil.example/", Some(("//evil.example/", true))),
            ("/_punchout/s/T/_punchout/return", Some(("/_punchout/return", true))),
            ("/_punchout/s/T/x?next=/_punchout/s/T/y", Some(("/x?next=/y", true))),
            ("/_punchout/s/T/x?next=%2F_punchout%2Fs%2FT%2Fy", Some(("/x?next=%2Fy", true))),
            ("/_punchout/s/T/x?ref=T", Some(("/x?ref=", true))),
            ("/_punchout/s/Tx/basket/", Some(("/basket/", false))),
            ("/_punchout/s/", Some(("/", false))),
            ("/_punchout/s", None),
            ("/_punchout/start", None),
            ("/basket/", None),
            ("/x/_punchout/s/T/", None),
        ] {
            let address = address.replace('T', TOKEN);
            let expected = expected.map(|(rest, known)| (rest.to_owned(), known));
            assert_eq!(take_off(&address), expected, "{address}");
        }
    }

    #[test]
    fn a_token_is_no_id_and_an_id_is_no_token() {
        let token = Token::parse(TOKEN).unwrap();
        assert_ne!(token.id().to_cookie(), TOKEN);
        assert_eq!(SessionId::from_cookie(TOKEN).map(|id| id == token.id()), Some(false));
        assert_ne!(Token::parse(&token.id().to_cookie()).map(Token::id), Some(token.id()));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn no_field_keeps_the_root() {
        let root = Root::of("/_punchout/", Token::parse(TOKEN).unwrap());
        let mut headers = HeaderMap::new();
        for (name, value, _) in FIELDS {
            headers.insert(name, value.replace('T', TOKEN).parse().unwrap());
        }
        root.out_of_all(&mut headers);
        for (name, _, expected) in FIELDS {
            assert_eq!(headers[name], expected);
        }
    }

    const FIELDS: [(&str, &str, &str); 4] = [
        ("referer", "https://shop.example/_punchout/s/T/a?b", "https://shop.example/a?b"),
        ("hx-current-url", "https://shop.example/_punchout/s/T", "https://shop.example"),
        ("x-back", "/x?y=%2f_punchout%2fs%2fT%2fz", "/x?y=%2fz"),
        ("accept", "*/*", "*/*"),
    ];
}
