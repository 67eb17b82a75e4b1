//! The cookies of one visit.
//!
//! What the shop sets is kept as it wrote it. Parsing a cookie and writing it again loses what the parser does not know
//! (attributes of tomorrow, quotes, octal escapes), and the browser must get what the shop meant.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::cookie_date;

/// As many as a browser keeps for one site; the oldest goes.
const MAX_COOKIES: usize = 180;
/// Bytes of name and value together; browsers drop longer ones whole.
const MAX_PAIR: usize = 4096;
/// Bytes of an attribute's value; browsers ignore longer attributes.
const MAX_ATTRIBUTE: usize = 1024;

/// The cookies of one visit to the shop, by RFC 6265 as browsers read it, with three differences:
///
/// * `Domain` is part of a cookie's identity and of nothing else: the visit knows one host, the shop's own.
/// * `Secure` cookies are sent over plain http too: the shop believes in https where the buyer's side has it, and the
///   way from us to the shop is the operator's own.
/// * `SameSite` never withholds a cookie: everything is done from the shop's own pages.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Jar {
    /// In the order of creation.
    cookies: Vec<Stored>,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Stored {
    name: Vec<u8>,
    value: Vec<u8>,
    domain: Option<Vec<u8>>,
    /// `None` for what a browser sent: it does not say.
    path: Option<Vec<u8>>,
    /// What the shop wrote, for the browser. `None` for what came from there.
    #[serde(with = "super::header_value::option")]
    line: Option<HeaderValue>,
    /// The shop deleted it. Kept, for the browser may hold an older one.
    gone: bool,
    /// When it ends, where the shop says so. Known to the visit that met it alone.
    #[serde(skip)]
    ends: Option<SystemTime>,
}

impl Jar {
    /// An empty jar: the shop meets somebody it has never seen.
    pub fn new() -> Self {
        Jar::default()
    }

    /// A jar with what a browser sent, to go on with its stay. Our own cookies must have been taken out.
    pub fn from_browser(headers: &HeaderMap) -> Self {
        let mut jar = Jar::new();
        for pair in headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';')) {
            let Some((name, value)) = split_pair(pair) else { continue };
            if jar.cookies.len() < MAX_COOKIES {
                let (name, value) = (name.to_vec(), value.to_vec());
                jar.cookies.push(Stored { name, value, domain: None, path: None, line: None, gone: false, ends: None });
            }
        }
        jar
    }

    /// Takes in what an answer sets. `path` is the path of the request it answers, `now` decides what has expired.
    pub fn take_in(&mut self, answer: &HeaderMap, path: &str, now: SystemTime) {
        for line in answer.get_all(SET_COOKIE) {
            if let Some(cookie) = Stored::parse(line, path, now) {
                self.store(cookie);
            }
        }
    }

    /// The `Cookie` field for a request to `path`: longer paths first, then older cookies.
    pub fn cookie(&self, path: &str) -> Option<HeaderValue> {
        let mut sent: Vec<&Stored> =
            self.cookies.iter().filter(|cookie| !cookie.gone && cookie.goes_to(path.as_bytes())).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.as_ref().map_or(0, Vec::len)));
        let pairs: Vec<Vec<u8>> = sent.into_iter().map(Stored::pair).collect();
        let mut header =
            HeaderValue::from_bytes(&pairs.join(b"; ".as_slice())).ok().filter(|field| !field.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The values under `name` that the shop has not deleted.
    pub fn values<'j>(&'j self, name: &'j str) -> impl Iterator<Item = &'j [u8]> {
        let named = self.cookies.iter().filter(move |cookie| !cookie.gone && cookie.name == name.as_bytes());
        named.map(|cookie| cookie.value.as_slice())
    }

    /// The names of the cookies that the shop has set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().filter(|cookie| !cookie.gone).filter_map(|cookie| str::from_utf8(&cookie.name).ok())
    }

    /// Name, value and end of the cookies that the shop has set; without an end, they end with the browser.
    pub fn lives(&self) -> impl Iterator<Item = (&str, &[u8], Option<SystemTime>)> {
        let here = self.cookies.iter().filter(|cookie| !cookie.gone);
        here.filter_map(|cookie| Some((str::from_utf8(&cookie.name).ok()?, cookie.value.as_slice(), cookie.ends)))
    }

    /// This jar but for the cookies of one name.
    pub fn without(&self, name: &str) -> Jar {
        let others = self.cookies.iter().filter(|cookie| cookie.name != name.as_bytes());
        Jar { cookies: others.cloned().collect() }
    }

    /// All values that the shop has not deleted.
    pub fn all_values(&self) -> impl Iterator<Item = &[u8]> {
        self.cookies.iter().filter(|cookie| !cookie.gone).map(|cookie| cookie.value.as_slice())
    }

    /// What must be told to the browser so that it holds what this jar holds: the shop's own lines, the last for each
    /// name, domain and path, deletions too.
    ///
    /// They are the shop's bytes. Only where a line leaves the path to the address it came from, that path is added at
    /// its end, for the browser gets the line from another address.
    pub fn set_cookies(&self) -> impl Iterator<Item = &HeaderValue> {
        self.cookies.iter().filter_map(|cookie| cookie.line.as_ref())
    }

    fn store(&mut self, cookie: Stored) {
        // Which path the browser's own cookie of this name has is unknown; sending a stale one beside the new one
        // makes shops pick either.
        self.cookies.retain(|known| !(known.path.is_none() && known.name == cookie.name));
        let same =
            |known: &Stored| known.name == cookie.name && known.domain == cookie.domain && known.path == cookie.path;
        match self.cookies.iter().position(same) {
            // A deleted cookie that comes back is a new one, so it is the youngest.
            Some(at) if self.cookies[at].gone => {
                self.cookies.remove(at);
                self.cookies.push(cookie);
            }
            Some(at) => self.cookies[at] = cookie,
            None => {
                if self.cookies.len() == MAX_COOKIES {
                    self.cookies.remove(0);
                }
                self.cookies.push(cookie);
            }
        }
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.cookies.iter().map(|cookie| String::from_utf8_lossy(&cookie.name));
        f.write_str("Jar ")?;
        f.debug_list().entries(names).finish()
    }
}

impl Stored {
    fn parse(line: &HeaderValue, request_path: &str, now: SystemTime) -> Option<Self> {
        let mut parts = line.as_bytes().split(|byte| *byte == b';');
        let (name, value) = split_pair(parts.next()?)?;
        if name.len() + value.len() > MAX_PAIR {
            return None;
        }
        let (mut domain, mut path, mut expires, mut max_age) = (None, None, None, None);
        for attribute in parts {
            let (key, value) = match attribute.iter().position(|byte| *byte == b'=') {
                Some(at) => (attribute[..at].trim_ascii(), attribute[at + 1..].trim_ascii()),
                None => (attribute.trim_ascii(), &b""[..]),
            };
            if value.len() > MAX_ATTRIBUTE {
                continue;
            }
            // The last of several counts, also where it says "the default".
            match key.to_ascii_lowercase().as_slice() {
                b"domain" => {
                    let value = value.strip_prefix(b".").unwrap_or(value);
                    domain = (!value.is_empty()).then(|| value.to_ascii_lowercase());
                }
                b"path" => path = value.starts_with(b"/").then(|| value.to_vec()),
                b"expires" => expires = cookie_date::parse(value).or(expires),
                b"max-age" => max_age = age(value).or(max_age),
                _ => {}
            }
        }
        let mut kept = line.clone();
        let path = match path {
            Some(path) => path,
            None => {
                let path = default_path(request_path);
                kept = HeaderValue::from_bytes(&[line.as_bytes(), b"; Path=", path.as_bytes()].concat()).ok()?;
                path.as_bytes().to_vec()
            }
        };
        kept.set_sensitive(true);
        let ends = match max_age {
            Some(age) => now.checked_add(age),
            None => expires,
        };
        let gone = ends.is_some_and(|at| at <= now);
        let (name, value) = (name.to_vec(), value.to_vec());
        Some(Stored { name, value, domain, path: Some(path), line: Some(kept), gone, ends })
    }

    /// RFC 6265, 5.1.4.
    fn goes_to(&self, request_path: &[u8]) -> bool {
        let Some(path) = &self.path else { return true };
        let Some(rest) = request_path.strip_prefix(path.as_slice()) else { return false };
        rest.is_empty() || path.ends_with(b"/") || rest.starts_with(b"/")
    }

    fn pair(&self) -> Vec<u8> {
        match self.name.is_empty() {
            true => self.value.clone(),
            false => [self.name.as_slice(), b"=", self.value.as_slice()].concat(),
        }
    }
}

/// Name and value as they stand; a pair without `=` is a value without a name, as browsers have it.
fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()),
        None => (&b""[..], pair.trim_ascii()),
    };
    (!name.is_empty() || !value.is_empty()).then_some((name, value))
}

/// How long a `Max-Age` lets the cookie live, nothing where it is over; `None` where it is no number and so says nothing.
fn age(value: &[u8]) -> Option<Duration> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than a number has are as long as ever.
    let seconds = str::from_utf8(digits).ok()?.parse().unwrap_or(u64::from(u32::MAX));
    Some(Duration::from_secs(if negative { 0 } else { seconds.min(u64::from(u32::MAX)) }))
}

/// The directory of the request's path: RFC 6265, 5.1.4.
fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        Some(at) if at > 0 && request_path.starts_with('/') => &request_path[..at],
        _ => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    /// 2026-11-23.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_392_000)
    }

    fn take_in(jar: &mut Jar, path: &str, lines: &[&str]) {
        let mut answer = HeaderMap::new();
        for line in lines {
            answer.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
        }
        jar.take_in(&answer, path, now());
    }

    fn cookie(jar: &Jar, path: &str) -> String {
        jar.cookie(path).map(|field| field.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    fn lines(jar: &Jar) -> Vec<&str> {
        jar.set_cookies().map(|line| line.to_str().unwrap()).collect()
    }

    #[test]
    fn how_long_cookies_live() {
        let mut jar = Jar::new();
        let lines = [
            "a=1",
            "b=1; Max-Age=60; expires=Wed, 21 Oct 2099 07:28:00 GMT",
            "c=1; expires=Mon, 23-Nov-2026 01:00:00 GMT",
            "d=1; Max-Age=99999999999999999999999",
            "e=1; Max-Age=0",
        ];
        take_in(&mut jar, "/", &lines);
        let lives: Vec<_> = jar
            .lives()
            .map(|(name, _, ends)| (name, ends.map(|at| at.duration_since(now()).unwrap().as_secs())))
            .collect();
        assert_eq!(lives, [("a", None), ("b", Some(60)), ("c", Some(3600)), ("d", Some(u64::from(u32::MAX)))]);
        assert_eq!(cookie(&jar.without("b"), "/"), "a=1; c=1; d=1");
    }

    #[test]
    fn lines_reach_the_browser_as_the_shop_wrote_them() {
        let odd = r#"prefs="a\054b\"c"; expires=Monday, 30-Nov-2026 09:18:13 UTC; path=/; HTTPONLY; Future=1;; x"#;
        let mut jar = Jar::new();
        take_in(&mut jar, "/", &[odd, "sid=1; Path=/; Secure; SameSite=Strict"]);
        assert_eq!(lines(&jar), [odd, "sid=1; Path=/; Secure; SameSite=Strict"]);
        assert_eq!(cookie(&jar, "/x"), r#"prefs="a\054b\"c"; sid=1"#);
    }

    #[test]
    fn the_last_of_a_name_domain_and_path_counts() {
        let mut jar = Jar::new();
        take_in(&mut jar, "/", &["PrestaShop=anonymous; path=/", "other=1; path=/", "PrestaShop=customer; path=/"]);
        assert_eq!(cookie(&jar, "/"), "PrestaShop=customer; other=1");
        assert_eq!(lines(&jar), ["PrestaShop=customer; path=/", "other=1; path=/"]);
        take_in(&mut jar, "/", &["PrestaShop=b; path=/; domain=.Shop.example", "PrestaShop=c; path=/nb"]);
        assert_eq!(lines(&jar).len(), 4);
        take_in(&mut jar, "/", &["PrestaShop=d; path=/; Domain=shop.example"]);
        assert_eq!(lines(&jar).len(), 4);
    }

    #[test]
    fn cookies_go_where_their_path_leads() {
        let mut jar = Jar::new();
        take_in(
            &mut jar,
            "/my-account/",
            &["all=1; path=/", "admin=1; path=/wp-admin", "cart=1; path=/cart/", "here=1"],
        );
        for (path, expected) in [
            ("/", "all=1"),
            ("/wp-admin", "admin=1; all=1"),
            ("/wp-admin/x", "admin=1; all=1"),
            ("/wp-administrator", "all=1"),
            ("/cart", "all=1"),
            ("/cart/", "cart=1; all=1"),
            ("/my-account/edit", "here=1; all=1"),
        ] {
            assert_eq!(cookie(&jar, path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_was_left_out_is_written_down_for_the_browser() {
        for (request, line, expected) in [
            ("/accounts/login/", "a=1", "a=1; Path=/accounts/login"),
            ("/accounts/login/", "a=1; Path=", "a=1; Path=; Path=/accounts/login"),
            ("/accounts/login/", "a=1; Path=x; Secure", "a=1; Path=x; Secure; Path=/accounts/login"),
            ("/login", "a=1", "a=1; Path=/"),
            ("/", "a=1", "a=1; Path=/"),
            ("/x/", "a=1; path=/y", "a=1; path=/y"),
        ] {
            let mut jar = Jar::new();
            take_in(&mut jar, request, &[line]);
            assert_eq!(lines(&jar), [expected]);
        }
    }

    #[test]
    fn a_deleted_cookie_is_not_sent_and_the_deletion_reaches_the_browser() {
        for deletion in [
            "sid=; path=/; Max-Age=0",
            "sid=deleted; path=/; max-age=-1; expires=Wed, 21 Oct 2099 07:28:00 GMT",
            "sid=deleted; path=/; expires=Thu, 01-Jan-1970 00:00:01 GMT",
            "sid=; path=/; expires=Monday, 02-Nov-2026 09:18:13 UTC",
        ] {
            let mut jar = Jar::new();
            take_in(&mut jar, "/", &["sid=1; path=/", "b=2; path=/", deletion]);
            assert_eq!(cookie(&jar, "/"), "b=2", "{deletion}");
            assert!(lines(&jar).contains(&deletion));
            assert_eq!(jar.values("sid").count(), 0);
            take_in(&mut jar, "/", &["sid=3; path=/"]);
            assert_eq!(cookie(&jar, "/"), "b=2; sid=3");
        }
        let mut jar = Jar::new();
        take_in(&mut jar, "/", &["a=1; path=/; max-age=60; expires=Thu, 01-Jan-1970 00:00:01 GMT", "b=1; expires=0"]);
        assert_eq!(cookie(&jar, "/"), "a=1; b=1");
    }

    #[test]
    fn a_browsers_cookies_go_everywhere_and_give_way_to_the_shops() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("sid=old; lang=nb"));
        headers.append(COOKIE, HeaderValue::from_static("q=\"a b\"; ;lone"));
        let mut jar = Jar::from_browser(&headers);
        assert_eq!(cookie(&jar, "/any"), "sid=old; lang=nb; q=\"a b\"; lone");
        assert_eq!(jar.set_cookies().count(), 0);
        take_in(&mut jar, "/", &["sid=new; path=/"]);
        assert_eq!(cookie(&jar, "/any"), "sid=new; lang=nb; q=\"a b\"; lone");
    }

    #[test]
    fn a_jar_is_bounded_and_prints_no_values() {
        let mut jar = Jar::new();
        for n in 0..500 {
            take_in(&mut jar, "/", &[&format!("c{n}=hidden; path=/")]);
        }
        take_in(&mut jar, "/", &[&format!("big={}; path=/", "x".repeat(5000))]);
        assert_eq!(jar.set_cookies().count(), MAX_COOKIES);
        assert_eq!(jar.values("c499").count(), 1);
        assert_eq!(jar.values("big").count(), 0);
        let printed = format!("{jar:?} {:?} {:?}", jar.cookie("/"), jar.set_cookies().next());
        assert!(!printed.contains("hidden"), "{printed}");
    }

    proptest! {
        #[test]
        fn no_line_of_a_shop_breaks_the_jar(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
            path in ".{0,20}",
        ) {
            let mut answer = HeaderMap::new();
            for line in &lines {
                if let Ok(line) = HeaderValue::from_bytes(line) {
                    answer.append(SET_COOKIE, line);
                }
            }
            let mut jar = Jar::new();
            jar.take_in(&answer, &path, now());
            jar.take_in(&answer, "/a/b", now());
            let _ = jar.cookie(&path);
            prop_assert!(jar.set_cookies().count() <= 2 * lines.len());
        }

        #[test]
        fn what_a_shop_sets_is_sent_back(
            name in "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}",
            value in "[!-:<-~]{1,30}",
            rest in "(; (Secure|HttpOnly|SameSite=Lax|Priority=High|expires=Wed, 21 Oct 2099 07:28:00 GMT)){0,3}",
        ) {
            let line = format!("{name}={value}; Path=/{rest}");
            let mut jar = Jar::new();
            take_in(&mut jar, "/", &[&line]);
            prop_assert_eq!(cookie(&jar, "/"), format!("{name}={value}"));
            prop_assert_eq!(lines(&jar), [line]);
        }
    }
}
