//! The shop's cookies in a session's browser, sealed so that they are worth nothing without ours.
//!
//! A browser in a session is signed in to the shop with the agreed account. If our cookie goes (a cookie banner deletes
//! what it does not know, a browser is closed while the shop's cookies are made to last, somebody is curious), its next
//! request is a visitor's, and a visitor may order. So the shop's cookies leave us encrypted with a key that only the
//! session's id gives, and what comes back without that id is rubbish to the shop.
//!
//! Sealed are `HttpOnly` cookies, which no script can tell, those by which platforms are known to keep who is signed in, and
//! those that the configuration names. Cookies that scripts read (CSRF tokens, banners) stay as they are, and so do values too
//! short to be a secret ([`is_sealed`] is the whole rule).

use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, header};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use super::cookie::fits;
use super::id::SessionId;

/// What a sealed value begins with.
const MARK: &[u8] = b"po1.";

/// A shorter value is no credential: whoever wants it can guess and send it. A flag, `yes`, or the empty value of a cookie
/// that is taken away. In bytes.
const SHORTEST_SECRET: usize = 4;

/// One session's seal.
pub struct Seal<'n> {
    key: LessSafeKey,
    /// Cookies that are sealed although scripts can read them.
    names: &'n [String],
}

impl<'n> Seal<'n> {
    /// The seal of a session. `names` are cookies to seal beside the `HttpOnly` ones; `*` stands for anything.
    pub fn of(id: SessionId, names: &'n [String]) -> Self {
        let secret = Salt::new(HKDF_SHA256, b"punchout-proxy shop cookies").extract(&id.bytes());
        let info: &[&[u8]] = &[b"seal"];
        // HKDF gives up to 255 hashes; this asks for one.
        let okm = secret.expand(info, &CHACHA20_POLY1305).expect("a key is short enough for HKDF");
        Seal { key: LessSafeKey::new(UnboundKey::from(okm)), names }
    }

    /// Whether a Set-Cookie line reaches the browser as the shop wrote it.
    pub fn leaves_open(&self, line: &HeaderValue) -> bool {
        self.close_line(line) == *line
    }

    /// Seals the values in an answer's Set-Cookie lines. Everything else in a line stays as the shop wrote it.
    pub fn close(&self, headers: &mut HeaderMap) {
        if let header::Entry::Occupied(mut lines) = headers.entry(header::SET_COOKIE) {
            for line in lines.iter_mut() {
                *line = self.close_line(line);
            }
        }
    }

    /// One Set-Cookie line, its value sealed where it is one to seal.
    pub fn close_line(&self, line: &HeaderValue) -> HeaderValue {
        let bytes = line.as_bytes();
        let end = bytes.iter().position(|byte| *byte == b';').unwrap_or(bytes.len());
        let (pair, attributes) = bytes.split_at(end);
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { return line.clone() };
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let http_only =
            attributes.split(|byte| *byte == b';').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"httponly"));
        if !is_sealed(self.names, name, value, http_only) {
            return line.clone();
        }
        let sealed = [name, b"=", self.seal(name, value).as_bytes(), attributes].concat();
        // Base64url in the place of a value that was a header's.
        HeaderValue::from_bytes(&sealed).unwrap_or_else(|_| line.clone())
    }

    /// Opens the values in a request's Cookie lines. A sealed one that is not this session's is left out, and so is one
    /// that was never sealed where this session has one of the same name: a browser may send both, that of an earlier
    /// stay (for another path or domain) first, and the shop would take that for the session's.
    pub fn open(&self, headers: &mut HeaderMap) {
        let sealed = |line: &HeaderValue| line.as_bytes().windows(MARK.len()).any(|piece| piece == MARK);
        if !headers.get_all(header::COOKIE).iter().any(sealed) {
            return;
        }
        let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
        headers.remove(header::COOKIE);
        let lines: Vec<Vec<Pair<'_>>> = lines
            .iter()
            .map(|line| {
                line.as_bytes().split(|byte| *byte == b';').map(|pair| self.open_pair(pair.trim_ascii())).collect()
            })
            .collect();
        let ours: Vec<&[u8]> = lines.iter().flatten().filter_map(Pair::sealed_name).collect();
        for line in &lines {
            let kept: Vec<&[u8]> = line.iter().filter_map(|pair| pair.toward_shop(&ours)).collect();
            let line = kept.join(b"; ".as_slice());
            if !line.is_empty()
                && let Ok(line) = HeaderValue::from_bytes(&line)
            {
                headers.append(header::COOKIE, line);
            }
        }
    }

    fn open_pair<'p>(&self, pair: &'p [u8]) -> Pair<'p> {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let Some((name, value)) = equals.map(|at| (&pair[..at], &pair[at + 1..])) else {
            return Pair::Plain(pair, b"");
        };
        match value.strip_prefix(MARK) {
            None => Pair::Plain(pair, name),
            Some(sealed) => match self.unseal(name, sealed) {
                Some(value) => Pair::Ours([name, b"=", &value].concat(), name),
                None => Pair::Foreign,
            },
        }
    }

    fn seal(&self, name: &[u8], value: &[u8]) -> String {
        let mut nonce = [0; NONCE_LEN];
        // Without randomness there would be no session id either.
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let mut sealed = value.to_vec();
        // Fails above 256 GiB.
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, Aad::from(name), &mut sealed)
            .expect("a cookie is short enough to seal");
        let mut text = String::from_utf8_lossy(MARK).into_owned();
        BASE64URL_NOPAD.encode_append(&[&nonce[..], &sealed].concat(), &mut text);
        text
    }

    fn unseal(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key.open_in_place(nonce, Aad::from(name), &mut sealed).ok().map(|value| value.to_vec())
    }
}

/// Whether a cookie reaches the browser sealed. `names` are those that are although scripts may read them.
fn is_sealed(names: &[String], name: &[u8], value: &[u8], http_only: bool) -> bool {
    let named = || names.iter().any(|known| str::from_utf8(name).is_ok_and(|name| fits(known, name)));
    value.len() >= SHORTEST_SECRET && (http_only || named())
}

/// One pair of a Cookie line.
enum Pair<'p> {
    /// As it came, with its name: never sealed.
    Plain(&'p [u8], &'p [u8]),
    /// Opened, with its name.
    Ours(Vec<u8>, &'p [u8]),
    /// Sealed, but not for this session.
    Foreign,
}

impl<'p> Pair<'p> {
    fn sealed_name(&self) -> Option<&'p [u8]> {
        match self {
            Pair::Ours(_, name) => Some(name),
            Pair::Plain(..) | Pair::Foreign => None,
        }
    }

    /// What the shop gets of it where cookies of these names are the session's own.
    fn toward_shop(&self, ours: &[&[u8]]) -> Option<&[u8]> {
        match self {
            Pair::Plain(pair, name) => (!ours.contains(name)).then_some(pair),
            Pair::Ours(pair, _) => Some(pair),
            Pair::Foreign => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: header::HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_own_session_alone() {
        let names = ["PHPSESSID".to_owned()];
        let (mine, other) = (SessionId::random(), SessionId::random());
        let shop = [
            "sessionid=\"ab\\054c\"; expires=Mon, 07 Dec 2026 09:00:00 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax",
            "csrftoken=xyz; Path=/",
            "PHPSESSID=1234; path=/",
            "gone=; Max-Age=0; HttpOnly",
        ];
        let mut answer = map(header::SET_COOKIE, &shop);
        Seal::of(mine, &names).close(&mut answer);
        let lines: Vec<_> = answer.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert!(lines[0].starts_with("sessionid=po1.") && lines[0].ends_with(&shop[0][20..]), "{}", lines[0]);
        assert_eq!(lines[1], shop[1]);
        assert!(lines[2].starts_with("PHPSESSID=po1."));
        assert_eq!(lines[3], shop[3]);

        let pairs: Vec<_> = lines[..3].iter().map(|line| line.split(';').next().unwrap()).collect();
        let sent = ["a=b", pairs[0], pairs[1], pairs[2]].join("; ");
        let mut request = map(header::COOKIE, &[&sent]);
        Seal::of(mine, &names).open(&mut request);
        assert_eq!(request[header::COOKIE], "a=b; sessionid=\"ab\\054c\"; csrftoken=xyz; PHPSESSID=1234");

        let mut request = map(header::COOKIE, &[&sent]);
        Seal::of(other, &names).open(&mut request);
        assert_eq!(request[header::COOKIE], "a=b; csrftoken=xyz");
    }

    #[test]
    fn a_value_cannot_be_given_another_name() {
        let seal = Seal::of(SessionId::random(), &[]);
        let line = seal.close_line(&HeaderValue::from_static("a=secret; HttpOnly"));
        let moved = line.to_str().unwrap().replacen("a=", "b=", 1).replace("; HttpOnly", "");
        let mut request = map(header::COOKIE, &[&moved]);
        seal.open(&mut request);
        assert!(request.is_empty());
    }

    #[test]
    fn what_is_sealed() {
        let names = ["PHPSESSID".to_owned(), "shop_*".to_owned()];
        for (name, value, http_only, expected) in [
            (b"sid".as_slice(), b"abcd".as_slice(), true, true),
            (b"sid", b"abcd", false, false),
            (b"PHPSESSID", b"abcd", false, true),
            (b"shop_session", b"\xe6\xf8\xe5\xc6", false, true),
            (b"\xe6", b"abcd", false, false),
            (b"\xe6", b"abcd", true, true),
            // What anybody can guess.
            (b"sid", b"", true, false),
            (b"sid", b"1", true, false),
            (b"sid", b"yes", true, false),
            (b"PHPSESSID", b"\xe6", true, false),
            (b"shop_cart", b"\"1\"", false, false),
        ] {
            assert_eq!(is_sealed(&names, name, value, http_only), expected, "{name:?}={value:?} {http_only}");
        }
    }

    #[test]
    fn a_short_value_leaves_byte_for_byte_and_comes_back_as_it_left() {
        let seal = Seal::of(SessionId::random(), &[]);
        for line in [b"a=1; Path=/; HttpOnly".as_slice(), b" a = \xe6 ;HttpOnly", b"d=;HttpOnly", b"nothing; HttpOnly"]
        {
            let line = HeaderValue::from_bytes(line).unwrap();
            assert_eq!(seal.close_line(&line), line);
            assert!(seal.leaves_open(&line));
        }
        let sid = seal.close_line(&HeaderValue::from_static("sid=secret; HttpOnly"));
        let sid = sid.to_str().unwrap().split(';').next().unwrap();
        let mut request = map(header::COOKIE, &[&format!("a=1; {sid}; d="), "b=yes"]);
        seal.open(&mut request);
        assert_eq!(request, map(header::COOKIE, &["a=1; sid=secret; d=", "b=yes"]));
    }

    #[test]
    fn what_an_earlier_stay_left_does_not_stand_in_for_the_sessions_own() {
        let seal = Seal::of(SessionId::random(), &[]);
        let sid = seal.close_line(&HeaderValue::from_static("sid=secret; HttpOnly"));
        let sid = sid.to_str().unwrap().split(';').next().unwrap();
        for old in ["sid=a-visitors-own", "sid=1", "sid="] {
            for lines in [vec![format!("{old}; a=b; {sid}")], vec![sid.to_owned(), format!("a=b; {old}")]] {
                let mut request = map(header::COOKIE, &lines.iter().map(String::as_str).collect::<Vec<_>>());
                seal.open(&mut request);
                let sent: Vec<_> = request.get_all(header::COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
                let sent = sent.join("; ");
                assert!(["a=b; sid=secret", "sid=secret; a=b"].contains(&sent.as_str()), "{lines:?}: {sent}");
            }
        }
        // One that this session cannot open is nobody's, and keeps nothing out.
        let mut request = map(header::COOKIE, &["sid=1; sid=po1.AAAA"]);
        seal.open(&mut request);
        assert_eq!(request[header::COOKIE], "sid=1");
    }
}
