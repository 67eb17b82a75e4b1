//! Which pages of the shop a rule is about, told from the address alone.
//!
//! Denying checkout depends on this: what we and the shop take for the same address must be the same. Shops decode
//! percent escapes, fold double slashes, resolve dots, cut `;parameters` and some ignore case; so a pattern is compared
//! with the address after all of that, in every form in which some shop may see it. The same goes for parameters: PHP makes
//! other names of some, and shops take characters out of values that they look up ([`Wanted`]).

use std::fmt;

/// A pattern of addresses: a path, and what the query must hold.
///
/// | written | matches |
/// |---|---|
/// | `/basket/` | that path, with or without the last slash, in any case |
/// | `/checkout/**` | that path and all below it |
/// | `/**/checkout` | that name at any depth, also at none |
/// | `/*/cart` | one segment in the place of `*` |
/// | `/index.php?route=checkout/**` | that path where the query has such a `route` |
/// | `?route=checkout/**` | any path with such a `route` |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    text: String,
    /// `None`: any path.
    path: Option<Glob>,
    query: Vec<(String, Wanted)>,
}

impl Location {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A text for the ops person, when the pattern starts with neither `/` nor `?`, or holds a fragment or a host.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if text.contains('#') {
            return Err(format!("`{text}` holds a `#`: a fragment never reaches the shop, leave it out"));
        }
        if !(path.starts_with('/') || path.is_empty() && !query.is_empty()) || path.starts_with("//") {
            return Err(format!("`{text}` is not an address in the shop: begin with `/`, or with `?` for any path"));
        }
        let query = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (in_php(&name), Wanted::parse(&value)))
            .collect();
        let path = (!path.is_empty()).then(|| Glob::parse(&canonical(path)));
        Ok(Location { text: text.to_owned(), path, query })
    }

    /// The address itself, where the pattern stands for exactly one.
    pub fn address(&self) -> Option<&str> {
        (self.path.is_some() && !self.text.contains('*')).then_some(self.text.as_str())
    }

    /// Whether `target` is one of the addresses meant.
    pub fn matches(&self, target: &Target) -> bool {
        self.matches_path(target)
            && (self.query.iter())
                .all(|(name, wanted)| target.query.iter().any(|(given, value)| given == name && wanted.is(value)))
    }

    /// Whether `target` may be one of them, where the rest of its parameters comes in a form: shops take them from there too.
    pub fn may_match(&self, target: &Target) -> bool {
        !self.query.is_empty() && self.matches_path(target)
    }

    fn matches_path(&self, target: &Target) -> bool {
        self.path.as_ref().is_none_or(|glob| target.paths.iter().any(|path| glob.matches(path)))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The address of one request, in every form in which a shop may see it.
#[derive(Debug)]
pub struct Target {
    paths: Vec<String>,
    /// Names as PHP has them.
    query: Vec<(String, Given)>,
}

impl Target {
    /// Prepares a request's path and query for comparison.
    pub fn new(path: &str, query: Option<&str>) -> Self {
        let paths = forms(path);
        let query = query.unwrap_or_default();
        // Python and Perl took `;` for `&` not long ago.
        let split = if query.contains(';') { query.replace(';', "&") } else { String::new() };
        let query = form_urlencoded::parse(query.as_bytes())
            .chain(form_urlencoded::parse(split.as_bytes()))
            .map(|(name, value)| (in_php(&name), Given::new(&value)))
            .collect();
        Target { paths, query }
    }

    /// Of an address as it is written: path and query.
    pub fn of(address: &str) -> Self {
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        Target::new(path, query)
    }

    /// The same with what a form says.
    pub fn with<'f>(&self, fields: impl Iterator<Item = (&'f str, &'f str)>) -> Target {
        let fields = fields.map(|(name, value)| (in_php(name), Given::new(value)));
        Target { paths: self.paths.clone(), query: self.query.iter().cloned().chain(fields).collect() }
    }

    /// Whether a parameter of that name is there, and has that value where one is named.
    pub fn has(&self, name: &str, value: Option<&Wanted>) -> bool {
        let name = in_php(name);
        self.query.iter().any(|(given, text)| *given == name && value.is_none_or(|value| value.is(text)))
    }
}

/// A parameter's name as PHP has it, in small letters: it is cut at a NUL and at the bracket of an array, loses white space
/// before it, and has `_` for what no PHP variable could be called.
fn in_php(name: &str) -> String {
    let name = name.split('\0').next().unwrap_or_default().trim_start();
    let name = match name.find('[') {
        Some(at) if at > 0 && name[at..].contains(']') => &name[..at],
        _ => name,
    };
    name.chars().map(|c| if matches!(c, '.' | ' ' | '[') { '_' } else { c }).collect::<String>().to_lowercase()
}

/// A parameter's value, in every form in which some shop may look it up.
#[derive(Clone, Debug)]
struct Given {
    plain: String,
    bare: [String; 2],
}

impl Given {
    fn new(value: &str) -> Given {
        let plain = value.to_lowercase();
        // WordPress cleans what it looks up: of tags, of what is still escaped.
        let cleaned = without_tags_and_escapes(&plain);
        Given { bare: [bare(&plain), bare(&cleaned)], plain }
    }
}

/// The value that a pattern asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    plain: Glob,
    bare: Glob,
}

impl Wanted {
    /// A pattern with `*` and `**`, as in paths.
    pub fn parse(text: &str) -> Wanted {
        let plain = Glob::parse(&text.to_lowercase());
        let mut bare_pieces = plain.pieces.clone();
        for piece in &mut bare_pieces {
            if let Piece::Text(text) = piece {
                *text = bare(text);
            }
        }
        Wanted { plain, bare: Glob { pieces: bare_pieces } }
    }

    fn is(&self, given: &Given) -> bool {
        self.plain.matches(&given.plain) || given.bare.iter().any(|bare| self.bare.matches(bare))
    }
}

/// What is left where a shop keeps letters, digits, `_` and `/` alone, as OpenCart does with a route.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/')).collect()
}

fn without_tags_and_escapes(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '%']) {
        left.push_str(&rest[..at]);
        let from = &rest[at..];
        let is_escape =
            from.starts_with('%') && from.as_bytes().get(1..3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        let skipped = match from.find('>') {
            Some(end) if from.starts_with('<') => end + 1,
            _ if is_escape => 3,
            _ => 1,
        };
        rest = &from[skipped..];
    }
    left.push_str(rest);
    left
}

/// The path in every form in which some shop sees it: decoded once, or twice behind a second proxy; `..` resolved, or a
/// name like any other to a shop that splits at slashes; `;parameters` cut, or part of the name.
fn forms(path: &str) -> Vec<String> {
    let once = plain(path);
    let twice = plain(&once);
    let mut forms = Vec::new();
    for text in [&once, &twice] {
        for (resolve, cut) in [(true, true), (false, true), (true, false), (false, false)] {
            let form = segments(text, resolve, cut);
            if !forms.contains(&form) {
                forms.push(form);
            }
            // Browsers resolve dots before they send, so nearly every path has one form.
            if !text.contains([';', '.']) {
                break;
            }
        }
    }
    forms
}

/// A pattern's path in the form in which it is compared.
fn canonical(path: &str) -> String {
    segments(&plain(path), true, true)
}

fn plain(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().replace('\\', "/").to_lowercase()
}

/// One slash between segments, none at the end, no `.`, no white space or control character around a name.
fn segments(path: &str, resolve: bool, cut: bool) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        let segment = if cut { segment.split(';').next().unwrap_or_default() } else { segment };
        match segment.trim_matches(|c: char| c.is_whitespace() || c.is_control()) {
            "" | "." => {}
            ".." if resolve => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

/// `*` stands for anything but a slash, `**` for anything; `/**` at the end also for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    InSegment,
    Anything,
}

impl Glob {
    fn parse(text: &str) -> Self {
        let (text, below) = match text.strip_suffix("/**") {
            Some(above) => (above, true),
            None => (text, false),
        };
        let mut pieces = Vec::new();
        for (n, part) in text.split("**").enumerate() {
            if n > 0 {
                pieces.push(Piece::Anything);
            }
            for (n, part) in part.split('*').enumerate() {
                if n > 0 {
                    pieces.push(Piece::InSegment);
                }
                if !part.is_empty() {
                    pieces.push(Piece::Text(part.to_owned()));
                }
            }
        }
        if below {
            pieces.push(Piece::Text("/".to_owned()));
            pieces.push(Piece::Anything);
        }
        Glob { pieces }
    }

    fn matches(&self, text: &str) -> bool {
        // `/checkout/**` is also `/checkout`, and `/**/checkout` too: the slash that canonical forms lack is lent.
        let below = self.pieces.ends_with(&[Piece::Text("/".into()), Piece::Anything]);
        let above = self.pieces.starts_with(&[Piece::Text("/".into()), Piece::Anything]) && self.pieces.len() > 2;
        matches(&self.pieces, text)
            || (below && matches(&self.pieces, &format!("{text}/")))
            || (above && matches(&self.pieces, &format!("/{text}")))
            || (above && below && matches(&self.pieces, &format!("/{text}/")))
    }
}

fn matches(pieces: &[Piece], text: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    match first {
        Piece::Text(literal) => text.strip_prefix(literal.as_str()).is_some_and(|text| matches(rest, text)),
        Piece::InSegment => {
            let end = text.find('/').unwrap_or(text.len());
            ends(text, end).any(|at| matches(rest, &text[at..]))
        }
        Piece::Anything => ends(text, text.len()).any(|at| matches(rest, &text[at..])),
    }
}

fn ends(text: &str, limit: usize) -> impl Iterator<Item = usize> {
    (0..=limit).filter(|at| text.is_char_boundary(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(pattern: &str, address: &str) -> bool {
        Location::parse(pattern).unwrap().matches(&Target::of(address))
    }

    #[test]
    fn patterns_match_what_their_table_says() {
        for (pattern, address, expected) in [
            ("/basket/", "/basket/", true),
            ("/basket/", "/basket", true),
            ("/basket/", "/basket/x", false),
            ("/basket/", "/", false),
            ("/", "/", true),
            ("/", "/x", false),
            ("/checkout/**", "/checkout", true),
            ("/checkout/**", "/checkout/a/b", true),
            ("/checkout/**", "/checkouts", false),
            ("/**/checkout/**", "/nb/checkout/preview", true),
            ("/**/checkout/**", "/checkout/preview", true),
            ("/**/checkout/**", "/checkout", true),
            ("/**/checkout", "/checkout", true),
            ("/**/checkout", "/xcheckout", false),
            ("/**", "/", true),
            ("/*/cart", "/nb/cart", true),
            ("/*/cart", "/nb/x/cart", false),
            ("/index.php?route=checkout/**", "/index.php?a=1&route=checkout/confirm", true),
            ("/index.php?route=checkout/**", "/index.php?route=product/product", false),
            ("?route=checkout/**", "/?route=checkout/checkout", true),
            ("?route=checkout/cart", "/index.php?route=checkout%2Fcart", true),
        ] {
            assert_eq!(hits(pattern, address), expected, "{pattern} on {address}");
        }
    }

    #[test]
    fn no_spelling_of_a_denied_address_gets_past() {
        for address in [
            "/%63heckout/",
            "//checkout/",
            "/x/../checkout/",
            "/./checkout/",
            "/CHECKOUT/",
            "/checkout;a=1/",
            "/x/%2e%2e/checkout",
            "/%2563heckout/",
            "/checkout//preview",
            "/x\\..\\checkout/",
            "/checkout%00",
            "/checkout%0a",
            "/checkout/../x",
            "/checkout/..;/x",
            "/checkout/%2e%2e/x",
            "/checkout/../checkout%0D%0A/x",
            "/checkout%20/",
        ] {
            assert!(hits("/checkout/**", address), "{address}");
        }
        assert!(hits("?route=checkout/**", "/index.php?%20route=checkout/checkout"));
        assert!(hits("?route=checkout/**", "/index.php?a=1;route=checkout/checkout"));
        assert!(hits("?route=checkout/**", "/index.php?ROUTE=Checkout/Checkout"));
        for value in [
            "check-out/confirm",
            " checkout/confirm",
            "!checkout/confirm",
            "checkout%2Fconfirm",
            "che%00ckout/confirm",
            "ch<b>eckout/confirm",
            "che%2565ckout/confirm",
        ] {
            assert!(hits("?route=checkout/**", &format!("/index.php?route={value}")), "{value}");
        }
        for name in ["route%00", "route%00x", "%20route", "%09route", "route[]", "route[x]"] {
            assert!(hits("?route=checkout/**", &format!("/index.php?{name}=checkout/confirm")), "{name}");
        }
        for name in ["main.page", "main%20page", "main+page", "main[page"] {
            assert!(hits("?main_page=checkout_**", &format!("/?{name}=checkout_process")), "{name}");
        }
        assert!(hits("?wc-ajax=checkout", "/?wc-ajax=%20checkout"));
        assert!(!hits("?route=checkout/confirm**", "/index.php?route=checkout/cart"));
        assert!(!hits("?main_page=logoff", "/?main_page=index"));
        assert!(!hits("?main_page=logoff", "/?page=logoff"));
    }

    #[test]
    fn only_addresses_in_the_shop_are_patterns() {
        for text in ["checkout", "//host/x", "https://host/x", "", "/a#b"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
        assert_eq!(Location::parse("/basket/").unwrap().address(), Some("/basket/"));
        assert_eq!(Location::parse("/*/basket/").unwrap().address(), None);
        assert_eq!(Location::parse("?a=b").unwrap().address(), None);
    }
}
