//! Where a cart may go: HOOK_URL and a buyer's allow-list.
//!
//! HOOK_URL comes through the user's browser, so anybody can put any address there, and the cart with its agreed prices
//! is posted to it. It is therefore compared with the buyer's list part by part after parsing, with the parser that
//! browsers use, never as a string prefix: `https://acme.example.evil.com` starts like `https://acme.example`.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// The most a HOOK_URL may have, in bytes; real ones have over 2,000.
pub const MAX_HOOK: usize = 8 * 1024;

/// A HOOK_URL that is fit to be a form's action, if a [`HookRule`] allows it. Its query holds session tokens of the
/// buyer's system: neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hook {
    text: String,
    destination: Destination,
}

#[derive(Clone, PartialEq, Eq)]
enum Destination {
    Url(Url),
    /// `SAPEVENT:POST`: SAP GUI's embedded browser intercepts the submit.
    SapEvent,
}

/// One place that a buyer's carts may go to: `https://srm.acme.example`, `https://*.acme.example` (any host below, not
/// `acme.example` itself), `https://srm.acme.example:8443/sap/bc/` (only paths below), `http://intranet.local:8000`,
/// `SAPEVENT:POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRule(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Origin { scheme: String, host: HostRule, port: u16, path: Option<Vec<u8>> },
    SapEvent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    Exact(Host<String>),
    /// `.acme.example`: what every host below ends with.
    Below(String),
}

/// Why a HOOK_URL is not used. The texts hold nothing of the URL itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HookRefusal {
    /// Over [`MAX_HOOK`].
    #[error("HOOK_URL is longer than {MAX_HOOK} bytes")]
    TooLong,
    /// A browser drops or trims these before it parses, so that it would see another URL.
    #[error("HOOK_URL holds a control character or white space")]
    ControlOrSpace,
    /// A browser takes it for a slash, many parsers do not.
    #[error("HOOK_URL holds a backslash")]
    Backslash,
    /// Neither `http://`, `https://` nor `SAPEVENT:POST`.
    #[error("HOOK_URL begins with neither https:// nor http:// and is not SAPEVENT:POST")]
    Scheme,
    /// `https://acme.example@evil.com/`.
    #[error("HOOK_URL has a user name or password")]
    Userinfo,
    /// Never sent to a server.
    #[error("HOOK_URL has a fragment")]
    Fragment,
    /// Not a URL, or a host that is none.
    #[error("HOOK_URL is not a URL")]
    NotUrl,
    /// No rule names its scheme, host and port.
    #[error("HOOK_URL's origin is not on the buyer's list of hooks")]
    OriginNotListed,
    /// A rule names its origin, but another path.
    #[error("HOOK_URL's path is not on the buyer's list of hooks")]
    PathNotListed,
    /// A rule names its origin and a path, and the path of HOOK_URL could be read in two ways.
    #[error("HOOK_URL's path holds encoded dots, slashes or percent signs, and the buyer's list restricts the path")]
    PathAmbiguous,
    /// `SAPEVENT:POST` must be listed like any other.
    #[error("SAPEVENT:POST is not on the buyer's list of hooks")]
    SapEventNotListed,
}

/// Why a text is not a [`HookRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a hook rule: {reason}")]
pub struct HookRuleError {
    text: String,
    reason: &'static str,
}

impl From<Hook> for String {
    fn from(hook: Hook) -> String {
        hook.text
    }
}

impl TryFrom<String> for Hook {
    type Error = HookRefusal;

    fn try_from(text: String) -> Result<Hook, HookRefusal> {
        Hook::parse(&text)
    }
}

impl Hook {
    /// Reads a HOOK_URL, decoded. The text is kept as it is, for the form's action.
    ///
    /// # Errors
    /// Whatever a browser and another parser could understand differently, and whatever is no web address.
    pub fn parse(text: &str) -> Result<Hook, HookRefusal> {
        if text.len() > MAX_HOOK {
            return Err(HookRefusal::TooLong);
        }
        if text.chars().any(|one| one.is_control() || one.is_whitespace()) {
            return Err(HookRefusal::ControlOrSpace);
        }
        if text.contains('\\') {
            return Err(HookRefusal::Backslash);
        }
        if text.eq_ignore_ascii_case("SAPEVENT:POST") {
            return Ok(Hook { text: text.to_owned(), destination: Destination::SapEvent });
        }
        let url = parse_web_url(text)?;
        if url.fragment().is_some() {
            return Err(HookRefusal::Fragment);
        }
        Ok(Hook { text: text.to_owned(), destination: Destination::Url(url) })
    }

    /// Whether any rule allows it; if not, why the nearest rule does not.
    ///
    /// # Errors
    /// The refusal, for the log.
    pub fn allowed_by(&self, rules: &[HookRule]) -> Result<(), HookRefusal> {
        let mut nearest = match self.destination {
            Destination::SapEvent => HookRefusal::SapEventNotListed,
            Destination::Url(_) => HookRefusal::OriginNotListed,
        };
        for rule in rules {
            match rule.allows(self) {
                Ok(()) => return Ok(()),
                Err(HookRefusal::OriginNotListed | HookRefusal::SapEventNotListed) => {}
                Err(refusal) => nearest = refusal,
            }
        }
        Err(nearest)
    }

    /// What would allow it, as it is written in a buyer's list: its origin, and its path too where `refusal` was about that
    /// and a rule can hold it.
    pub fn rule(&self, refusal: HookRefusal) -> String {
        let Destination::Url(url) = &self.destination else { return "SAPEVENT:POST".to_owned() };
        let origin = url.origin().ascii_serialization();
        let below = format!("{origin}{}", url.path());
        if refusal == HookRefusal::PathNotListed && HookRule::parse(&below).is_ok() { below } else { origin }
    }

    /// As it came, to be posted to exactly so. Holds session tokens: not for logs.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As a browser would send it: letters beyond ASCII escaped, a host with such letters in its ASCII form. Holds session
    /// tokens: not for logs.
    pub fn escaped(&self) -> &str {
        match &self.destination {
            Destination::Url(url) => url.as_str(),
            Destination::SapEvent => &self.text,
        }
    }

    /// The text before the query, and the query, still encoded.
    pub(crate) fn split_query(&self) -> (&str, Option<&str>) {
        match (&self.destination, self.text.split_once('?')) {
            (Destination::Url(_), Some((action, query))) => (action, Some(query)),
            _ => (&self.text, None),
        }
    }

    /// Whether it is `SAPEVENT:POST`, which only a user's own click may submit, never a script: SAP warns of an endless
    /// loop.
    pub fn is_sap_event(&self) -> bool {
        self.destination == Destination::SapEvent
    }

    /// What CSP's `form-action` and `frame-ancestors` need to hold: scheme, host and port. `None` for `SAPEVENT:POST`.
    pub fn form_action_source(&self) -> Option<String> {
        match &self.destination {
            Destination::Url(url) => Some(url.origin().ascii_serialization()),
            Destination::SapEvent => None,
        }
    }
}

/// Origin and path.
impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.destination {
            Destination::Url(url) => write!(f, "{}{}", url.origin().ascii_serialization(), url.path()),
            Destination::SapEvent => f.write_str("SAPEVENT:POST"),
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({self})")
    }
}

/// As it is written in the configuration.
impl fmt::Display for HookRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule::Origin { path, .. } = &self.0 else { return f.write_str("SAPEVENT:POST") };
        f.write_str(&self.origin().unwrap_or_default())?;
        f.write_str(&String::from_utf8_lossy(path.as_deref().unwrap_or_default()))
    }
}

impl HookRule {
    /// Reads a rule as it stands in the configuration.
    ///
    /// # Errors
    /// Whatever could allow more than its author meant: no scheme, a wildcard elsewhere than before a domain of two
    /// labels or more, a query, a user name.
    pub fn parse(text: &str) -> Result<HookRule, HookRuleError> {
        let wrong = |reason| HookRuleError { text: text.to_owned(), reason };
        if text.eq_ignore_ascii_case("SAPEVENT:POST") {
            return Ok(HookRule(Rule::SapEvent));
        }
        let (scheme, rest) = text.split_once("://").ok_or(wrong("it must begin with https:// or http://"))?;
        let (wildcard, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if rest.contains('*') {
            return Err(wrong("a `*` may only stand for the first labels of the host, as in https://*.acme.example"));
        }
        if rest.contains(['?', '#', '\\']) || text.chars().any(|one| one.is_control() || one.is_whitespace()) {
            return Err(wrong("it may hold no query, fragment, backslash or white space"));
        }
        let url = parse_web_url(&format!("{scheme}://{rest}")).map_err(|refusal| {
            wrong(match refusal {
                HookRefusal::Scheme => "it must begin with https:// or http://",
                HookRefusal::Userinfo => "it may hold no user name",
                _ => "it is not a URL",
            })
        })?;
        let host = host_of(&url).ok_or(wrong("it has no host"))?;
        let host = match (wildcard, host) {
            (false, host) => HostRule::Exact(host),
            (true, Host::Domain(domain)) if domain.contains('.') => HostRule::Below(format!(".{domain}")),
            (true, Host::Domain(_)) => return Err(wrong("`*.` must be followed by at least two labels")),
            (true, _) => return Err(wrong("`*.` must be followed by a domain, not an address")),
        };
        let port = url.port_or_known_default().ok_or(wrong("it has no port"))?;
        let path = url.path().trim_end_matches('/');
        if ambiguous(path) {
            return Err(wrong("its path may hold no encoded dots, slashes or percent signs"));
        }
        let path = (!path.is_empty()).then(|| percent_decode_str(path).collect());
        Ok(HookRule(Rule::Origin { scheme: url.scheme().to_owned(), host, port, path }))
    }

    /// Its scheme, host and port as a source of a Content-Security-Policy. `None` for `SAPEVENT:POST`.
    pub fn origin(&self) -> Option<String> {
        let Rule::Origin { scheme, host, port, .. } = &self.0 else { return None };
        let host = match host {
            HostRule::Exact(host) => host.to_string(),
            HostRule::Below(suffix) => format!("*{suffix}"),
        };
        Some(match (scheme.as_str(), port) {
            ("https", 443) | ("http", 80) => format!("{scheme}://{host}"),
            _ => format!("{scheme}://{host}:{port}"),
        })
    }

    fn allows(&self, hook: &Hook) -> Result<(), HookRefusal> {
        let (scheme, host, port, path, url) = match (&self.0, &hook.destination) {
            (Rule::SapEvent, Destination::SapEvent) => return Ok(()),
            (_, Destination::SapEvent) => return Err(HookRefusal::SapEventNotListed),
            (Rule::SapEvent, Destination::Url(_)) => return Err(HookRefusal::OriginNotListed),
            (Rule::Origin { scheme, host, port, path }, Destination::Url(url)) => (scheme, host, port, path, url),
        };
        let same_host = match (host, host_of(url)) {
            (HostRule::Exact(listed), Some(host)) => *listed == host,
            (HostRule::Below(suffix), Some(Host::Domain(domain))) => domain
                .strip_suffix(suffix.as_str())
                .is_some_and(|labels| labels.split('.').all(|label| !label.is_empty())),
            _ => false,
        };
        if url.scheme() != scheme || !same_host || url.port_or_known_default() != Some(*port) {
            return Err(HookRefusal::OriginNotListed);
        }
        match path {
            None => Ok(()),
            Some(_) if ambiguous(url.path()) => Err(HookRefusal::PathAmbiguous),
            Some(prefix) if is_below(url.path(), prefix) => Ok(()),
            Some(_) => Err(HookRefusal::PathNotListed),
        }
    }
}

/// A web address without a user name, whose host is made of the letters that hosts are made of. (The URL standard
/// permits `;` and `,` in a host, which would end a directive in the CSP that the host is written into.)
fn parse_web_url(text: &str) -> Result<Url, HookRefusal> {
    let (scheme, rest) = text.split_once("://").ok_or(HookRefusal::Scheme)?;
    if !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Err(HookRefusal::Scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(HookRefusal::Userinfo);
    }
    if authority.is_empty() || authority.contains('%') {
        // `https:///acme.example` is repaired by browsers and rejected by others; an escape in a host is decoded by
        // browsers and looked up as it stands by others.
        return Err(HookRefusal::NotUrl);
    }
    let url = Url::parse(text).map_err(|_| HookRefusal::NotUrl)?;
    host_of(&url).is_some().then_some(url).ok_or(HookRefusal::NotUrl)
}

fn host_of(url: &Url) -> Option<Host<String>> {
    match url.host()?.to_owned() {
        Host::Domain(domain) => {
            let plain = domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            // `acme.example.` is the same host to DNS and another origin to browsers: nobody writes it in good faith.
            (plain && !domain.starts_with('.') && !domain.ends_with('.')).then_some(Host::Domain(domain))
        }
        address => Some(address),
    }
}

/// Whether a server could read a path that `url` has normalised in yet another way.
fn ambiguous(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|code| lower.contains(code))
        || path.split('/').any(|segment| segment.starts_with(".;") || segment.starts_with("..;"))
}

/// Whether `path` is `prefix` or below it, at a segment boundary. `prefix` is decoded and has no slash at its end.
fn is_below(path: &str, prefix: &[u8]) -> bool {
    let path: Vec<u8> = percent_decode_str(path).collect();
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests;
