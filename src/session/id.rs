//! The secret that ties a browser to its session, and the reference that people quote.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ring::digest::{Context, SHA256};

/// 128 random bits in a cookie. Whoever has it is the buyer, so it is never shown, logged or put in an address.
///
/// Written down it is only inside of what a shared store keeps encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// A fresh one from the operating system's generator.
    pub fn random() -> Self {
        SessionId(random())
    }

    /// Reads a cookie's value; `None` for anything that [`SessionId::to_cookie`] never writes.
    pub fn from_cookie(value: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(value.as_bytes()).ok()?.try_into().ok().map(SessionId)
    }

    /// For keys that are derived from it.
    pub(super) fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The cookie's value: 22 characters that need no quoting.
    pub fn to_cookie(self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What shows that a request for one of our own pages comes from a page of this session: forms and links have it, and
    /// nobody knows it who has not been shown one. It opens nothing by itself.
    pub fn page_key(self) -> String {
        BASE64URL_NOPAD.encode(&worked_out("pages", self))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// 128 random bits in the addresses of a session whose browser keeps no cookies. Whoever has it may be the buyer, so it is
/// never logged.
///
/// It is not the session's id: that is worked out from it, and not the other way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(SessionId);

impl Token {
    /// A fresh one.
    pub fn random() -> Self {
        Token(SessionId::random())
    }

    /// Reads what [`Token::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        SessionId::from_cookie(text).map(Token)
    }

    /// 22 characters that need no escaping in an address.
    pub fn to_text(self) -> String {
        self.0.to_cookie()
    }

    /// The session's.
    pub fn id(self) -> SessionId {
        SessionId(worked_out("session in addresses", self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// 128 random bits in the address of a page of ours: of that on which somebody waits for an account, and of that which a
/// browser comes to first. Good once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(SessionId);

impl Ticket {
    /// A fresh one.
    pub fn random() -> Self {
        Ticket(SessionId::random())
    }

    /// Reads what [`Ticket::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        SessionId::from_cookie(text).map(Ticket)
    }

    /// For the name under which a shared store keeps it.
    pub(super) fn bytes(self) -> [u8; 16] {
        self.0.bytes()
    }

    /// 22 characters that need no escaping in an address.
    pub fn to_text(self) -> String {
        self.0.to_cookie()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// What stands on a problem page and in the log beside it: eight characters that can be read over the telephone. It opens
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Reference([u8; 5]);

impl Reference {
    /// A fresh one.
    pub fn random() -> Self {
        Reference(random())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 128 bits that follow from a secret, and from which it does not follow; others for every purpose.
fn worked_out(purpose: &str, secret: SessionId) -> [u8; 16] {
    let mut digest = Context::new(&SHA256);
    digest.update(b"punchout-proxy ");
    digest.update(purpose.as_bytes());
    digest.update(&secret.0);
    let mut bytes = [0; 16];
    // A SHA-256 has 32 bytes.
    bytes.copy_from_slice(&digest.finish().as_ref()[..16]);
    bytes
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness there is no safe session: better no service than guessable ids.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_cookie_and_nothing_else_is_one() {
        let id = SessionId::random();
        assert_eq!(SessionId::from_cookie(&id.to_cookie()), Some(id));
        assert_eq!(id.to_cookie().len(), 22);
        for value in
            ["", "x", &"A".repeat(21), &"A".repeat(23), "AAAAAAAAAAAAAAAAAAAAA=", &format!("{} ", id.to_cookie())]
        {
            assert_eq!(SessionId::from_cookie(value), None, "{value}");
        }
        assert!(!format!("{id:?}").contains(&id.to_cookie()));
        assert_eq!(Reference::random().to_string().len(), 8);
    }
}
