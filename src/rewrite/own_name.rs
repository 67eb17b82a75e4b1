//! The shop's own name, where visitors know it by another.
//!
//! Beside the shop, not in its place: visitors type `https://punchout.shop.example`, and the shop, which insists on being
//! `shop.example`, is asked under that name. Whatever it then says of itself is mapped to the name visitors know, and
//! what their browsers say of where they come from is mapped back.
//!
//! Mapped are addresses that stand where a browser looks for one ([`addresses`]), and in header fields
//! besides ([`headers`]). Only their origin changes, the rest stays byte for byte, and another host's address is never
//! touched. Out of reach is what a script puts together: addresses in scripts, JSON, style sheets and `data-*` attributes.

pub mod headers;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use http::HeaderValue;
use lol_html::Settings;
use url::{Host, Position, Url};

use super::addresses::{self, Mapping};

/// An origin by which the shop is known: what stands before an address's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    secure: bool,
    /// In lower case, in punycode, IPv6 in brackets.
    host: String,
    /// Where it is not the scheme's own.
    port: Option<u16>,
}

/// The names of a shop that visitors know by another than its own.
#[derive(Clone, Debug)]
pub struct OwnName {
    /// Under which the shop is asked, and then its other spellings.
    names: Vec<Name>,
    /// Under which visitors know it.
    public: Name,
    host: HeaderValue,
}

/// Why a text is no name of a shop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a host such as \"shop.example\" or \"shop.example:8080\", nor an origin such as \"https://shop.example\""
)]
pub struct NoName(String);

impl Name {
    /// From `host`, `host:port`, or either behind `http://` or `https://`; `secure` where no scheme is written.
    ///
    /// # Errors
    /// When there is anything else in it.
    pub fn parse(text: &str, secure: bool) -> Result<Self, NoName> {
        let refused = || NoName(text.to_owned());
        let written = if text.contains("://") { text.to_owned() } else { format!("{}://{text}", scheme(secure)) };
        let url = Url::parse(&written).map_err(|_| refused())?;
        let origin = &url[..Position::BeforePath];
        // A user name, a path or a query would be more than the origin.
        let plain = url.as_str().strip_prefix(origin) == Some("/") && url.username().is_empty() && !text.ends_with('/');
        match url.host_str().filter(|host| plain && !host.contains('*') && matches!(url.scheme(), "http" | "https")) {
            Some(host) => {
                Ok(Name { secure: url.scheme() == "https", host: host.to_ascii_lowercase(), port: url.port() })
            }
            None => Err(refused()),
        }
    }

    /// `https`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `host`, or `host:port` where the port is not the scheme's own.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// Whether an address of exactly this origin begins like that.
    fn is(&self, written: &Written) -> bool {
        let usual = if self.secure { 443 } else { 80 };
        written.secure == Some(self.secure)
            && written.port.unwrap_or(usual) == self.port.unwrap_or(usual)
            && written.is_host(&self.host)
    }

    /// Scheme and authority: `https://shop.example`.
    pub fn origin(&self) -> String {
        format!("{}://{}", scheme(self.secure), self.authority())
    }

    /// Whether a shop of this name may mean itself by that address.
    pub fn may_be_of(&self, url: &Url) -> bool {
        let port = url.port();
        matches!(url.scheme(), "http" | "https")
            && url.host_str() == Some(self.host.as_str())
            && (matches!(port, None | Some(80 | 443)) || port == self.port)
    }

    /// What follows the origin of an absolute address, where that is this name's, or may be.
    pub fn path_of<'t>(&self, address: &'t str) -> Option<&'t str> {
        let written = Written::of(address).filter(|written| self.may_be(written))?;
        Some(&address[written.range.end..])
    }

    /// Whether a shop of this name may mean itself by it: some write `http` where they are reached by `https`, and some
    /// drop the port, or write one of the usual ones.
    fn may_be(&self, written: &Written) -> bool {
        let port = written.port;
        (matches!(port, None | Some(80 | 443)) || port == self.port) && written.is_host(&self.host)
    }
}

impl OwnName {
    /// A shop that is asked as `names[0]`, calls itself by any of `names`, and is known to visitors as `public`.
    ///
    /// `None` where the two are one: then Host is passed on, and there is nothing to map. So it is without any names.
    pub fn new(names: Vec<Name>, public: Name) -> Option<Self> {
        let first = names.first().filter(|first| first.authority() != public.authority())?;
        // A host and a port of a URL are visible ASCII.
        let host = HeaderValue::try_from(first.authority()).expect("an authority is a header value");
        Some(OwnName { names, public, host })
    }

    /// The name under which the shop is asked.
    pub fn asked_as(&self) -> &Name {
        &self.names[0] // `new` takes none without one
    }

    /// The same as the Host field has it.
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// An address of the shop's as visitors reach it; `None` where it is not the shop's, or names no host.
    pub fn toward_visitor(&self, address: &str) -> Option<String> {
        let written = Written::of(address).filter(|written| self.names.iter().any(|name| name.may_be(written)))?;
        Some(replace(address, &written.range, &self.public, written.secure.is_some()))
    }

    /// The same for an address in markup, where any character may be written as a reference.
    pub fn toward_visitor_in_markup(&self, raw: &str) -> Option<String> {
        // A reference in a query, by far the most frequent, does not reach the origin.
        if !raw.split('?').next().is_some_and(|before| before.contains('&')) {
            return self.toward_visitor(raw);
        }
        let Cow::Owned(address) = htmlize::unescape_attribute(raw) else { return self.toward_visitor(raw) };
        let written = Written::of(&address).filter(|written| self.names.iter().any(|name| name.may_be(written)))?;
        let range =
            length_in_markup(raw, &address, written.range.start)?..length_in_markup(raw, &address, written.range.end)?;
        Some(replace(raw, &range, &self.public, written.secure.is_some()))
    }

    /// The handlers of a page, after those that `settings` has: what they read, they read as the shop wrote it.
    pub fn in_page(self: &Arc<Self>, settings: Settings<'static, 'static>) -> Settings<'static, 'static> {
        addresses::page::handlers(self.clone(), settings)
    }

    /// An address under the name visitors know, as the shop expects it; `None` where it is another's. Nothing is
    /// taken for ours that is not wholly so: a shop trusts what comes from its own origin.
    pub fn toward_shop(&self, address: &str) -> Option<String> {
        let written = Written::of(address).filter(|written| self.public.is(written))?;
        Some(replace(address, &written.range, self.asked_as(), true))
    }
}

impl Mapping for OwnName {
    fn address(&self, address: &str) -> Option<String> {
        self.toward_visitor(address)
    }

    fn in_markup(&self, raw: &str) -> Option<String> {
        self.toward_visitor_in_markup(raw)
    }
}

/// The beginning of an absolute address, as it stands in a text.
struct Written<'t> {
    /// `None` for `//host/`.
    secure: Option<bool>,
    host: &'t str,
    port: Option<u16>,
    /// From the scheme to the end of the port.
    range: Range<usize>,
}

impl<'t> Written<'t> {
    /// `None` for an address that is relative, has a user name, or is written in a way that browsers mend: it stays.
    fn of(text: &'t str) -> Option<Self> {
        // Browsers drop blanks and control characters around an address.
        let blank = |character: char| character <= ' ';
        let address = text.trim_end_matches(blank).trim_start_matches(blank);
        let start = text.trim_end_matches(blank).len() - address.len();
        let (secure, authority_at) = match address.split_once("//")?.0 {
            "" => (None, 2),
            scheme if scheme.eq_ignore_ascii_case("https:") => (Some(true), 8),
            scheme if scheme.eq_ignore_ascii_case("http:") => (Some(false), 7),
            _ => return None,
        };
        let rest = &address[authority_at..];
        // A backslash is a slash to browsers.
        let authority = &rest[..rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())];
        let host_ends = match authority.strip_prefix('[') {
            Some(rest) => rest.find(']')? + 2,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(host_ends);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(Written { secure, host, port, range: start..start + authority_at + authority.len() })
    }

    fn is_host(&self, host: &str) -> bool {
        if self.host.is_ascii() {
            return self.host.eq_ignore_ascii_case(host);
        }
        // A name with letters of its own language, and it is written so.
        !self.host.contains(|character: char| character <= ' ')
            && Host::parse(self.host).is_ok_and(|written| written.to_string() == host)
    }
}

fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}

fn replace(text: &str, range: &Range<usize>, name: &Name, with_scheme: bool) -> String {
    let scheme = match with_scheme {
        true => format!("{}:", scheme(name.secure)),
        false => String::new(),
    };
    format!("{}{scheme}//{}{}", &text[..range.start], name.authority(), &text[range.end..])
}

/// How much of `raw` is what becomes the first `length` bytes of `decoded`. `None` where no place in `raw` is there.
fn length_in_markup(raw: &str, decoded: &str, length: usize) -> Option<usize> {
    let (mut at, mut so_far) = (0, 0);
    while so_far < length {
        let rest = &raw[at..];
        let one = rest.chars().next()?.len_utf8();
        let reference = rest.starts_with('&').then(|| rest.find(';')).flatten().map(|end| &rest[..=end]);
        let piece = reference.filter(|piece| matches!(htmlize::unescape_attribute(*piece), Cow::Owned(_)));
        let piece = piece.unwrap_or(&rest[..one]);
        at += piece.len();
        so_far += htmlize::unescape_attribute(piece).len();
    }
    // References need not end in a semicolon; then the two halves are not what the whole is.
    let halves = (htmlize::unescape_attribute(&raw[..at]), htmlize::unescape_attribute(&raw[at..]));
    (halves.0 == decoded[..length] && halves.1 == decoded[length..]).then_some(at)
}

#[cfg(test)]
mod tests;
