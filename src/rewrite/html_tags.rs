//! Where the tags, comments and raw texts of a page end, by the HTML standard's tokenizer (13.2.5) as lol_html has it. Of what
//! is rare nothing is told but that it is [`Strange`](Token::Strange).

use memchr::{memchr, memmem};

use crate::selector::signs::Name;

/// What begins with a `<` outside of tags and raw text, up to the byte it ends before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// No tag at all.
    Text(usize),
    Comment(usize),
    /// A doctype, or what is no comment and is taken to be one.
    Declaration(usize),
    Start(Name, usize),
    End(Name, usize),
    /// A tag of a name that is longer than any we know.
    Long(usize),
    /// Its end has not come.
    Incomplete,
    /// Nothing to be sure of.
    Strange,
}

/// The token at `start`, where `bytes` has a `<`.
pub(super) fn token(bytes: &[u8], start: usize) -> Token {
    let (Some(first), second) = (bytes.get(start + 1), bytes.get(start + 2)) else { return Token::Incomplete };
    match (first, second) {
        (b'/', None) => Token::Incomplete,
        (b'/', Some(second)) if second.is_ascii_alphabetic() => tag(bytes, start + 2, Token::End),
        (b'/', Some(b'>')) => Token::Text(start + 3),
        // lol_html would not let go of it before the next tag
        (b'/', Some(_)) => Token::Strange,
        (b'!', _) => declaration(bytes, start),
        (b'?', _) => up_to_greater(bytes, start),
        (first, _) if first.is_ascii_alphabetic() => tag(bytes, start + 1, Token::Start),
        _ => Token::Text(start + 1),
    }
}

fn up_to_greater(bytes: &[u8], start: usize) -> Token {
    memchr(b'>', &bytes[start..]).map_or(Token::Incomplete, |at| Token::Declaration(start + at + 1))
}

fn declaration(bytes: &[u8], start: usize) -> Token {
    const COMMENT: &[u8] = b"<!--";
    let rest = &bytes[start..];
    if COMMENT.starts_with(&rest[..rest.len().min(COMMENT.len())]) && rest.len() < COMMENT.len() + 2 {
        return Token::Incomplete;
    }
    let Some(comment) = rest.strip_prefix(COMMENT) else { return up_to_greater(bytes, start) };
    if comment.starts_with(b">") || comment.starts_with(b"->") {
        return Token::Strange;
    }
    let end = memmem::find(comment, b"-->");
    // `--!>` ends a comment too.
    if memmem::find(&comment[..end.unwrap_or(comment.len())], b"--!").is_some() {
        return Token::Strange;
    }
    end.map_or(Token::Incomplete, |end| Token::Comment(start + COMMENT.len() + end + 3))
}

#[inline]
fn tag(bytes: &[u8], name: usize, of: impl Fn(Name, usize) -> Token) -> Token {
    let Some(after) = after(bytes, name, AFTER_NAME) else { return Token::Incomplete };
    match (Name::of(&bytes[name..after]), tag_end(bytes, after)) {
        (_, None) => Token::Incomplete,
        (Some(name), Some(end)) => of(name, end),
        (None, Some(end)) => Token::Long(end),
    }
}

const SPACE: u8 = 1;
/// What ends a tag's name, an attribute's, a value without quotes, and white space.
const AFTER_NAME: u8 = 2;
const AFTER_ATTRIBUTE: u8 = 4;
const AFTER_VALUE: u8 = 8;
const AFTER_SPACE: u8 = 16;

const KINDS: [u8; 256] = {
    let mut kinds = [AFTER_SPACE; 256];
    let spaces = b" \n\r\t\x0C";
    let mut at = 0;
    while at < spaces.len() {
        kinds[spaces[at] as usize] = SPACE | AFTER_NAME | AFTER_ATTRIBUTE | AFTER_VALUE;
        at += 1;
    }
    kinds[b'/' as usize] |= AFTER_NAME | AFTER_ATTRIBUTE;
    kinds[b'>' as usize] |= AFTER_NAME | AFTER_ATTRIBUTE | AFTER_VALUE;
    kinds[b'=' as usize] |= AFTER_ATTRIBUTE;
    kinds
};

const fn is_space(byte: u8) -> bool {
    KINDS[byte as usize] & SPACE != 0
}

/// From `at` on, the first byte of that kind.
#[inline]
fn after(bytes: &[u8], mut at: usize, kind: u8) -> Option<usize> {
    while KINDS[*bytes.get(at)? as usize] & kind == 0 {
        at += 1;
    }
    Some(at)
}

/// Behind the `>` of a tag of which `at` is behind the name.
fn tag_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'>' => return Some(at + 1),
            b'/' => at += 1,
            byte if is_space(byte) => at += 1,
            // whatever an attribute's name begins with is part of it
            _ => at = after_one(bytes, at + 1)?,
        }
    }
}

/// Behind an attribute, of which `at` is in the name.
#[inline]
fn after_one(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = after(bytes, at, AFTER_ATTRIBUTE)?;
    if is_space(bytes[at]) {
        at = after(bytes, at, AFTER_SPACE)?;
    }
    if bytes[at] != b'=' {
        return Some(at);
    }
    at = after(bytes, at + 1, AFTER_SPACE)?;
    match bytes[at] {
        quote @ (b'"' | b'\'') => Some(at + 1 + memchr(quote, &bytes[at + 1..])? + 1),
        _ => after(bytes, at, AFTER_VALUE),
    }
}

/// What kind of element a name makes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Plain,
    /// It ends where it begins.
    Void,
    /// It holds raw text.
    Raw(Raw),
    /// What it holds is read by other rules up to its end, or for ever.
    Foreign,
}

/// By length and letters.
const SPECIAL: [&str; 29] = [
    "br",
    "hr",
    "col",
    "img",
    "svg",
    "wbr",
    "xmp",
    "area",
    "base",
    "link",
    "math",
    "meta",
    "embed",
    "input",
    "param",
    "style",
    "title",
    "track",
    "iframe",
    "keygen",
    "script",
    "source",
    "bgsound",
    "noembed",
    "basefont",
    "noframes",
    "noscript",
    "textarea",
    "plaintext",
];

impl Kind {
    #[inline]
    pub(super) fn of(name: Name) -> Kind {
        const NAMES: [Name; SPECIAL.len()] = Name::all(SPECIAL);
        let Ok(at) = NAMES.binary_search(&name) else { return Kind::Plain };
        match SPECIAL[at] {
            "svg" | "math" | "plaintext" => Kind::Foreign,
            text @ ("xmp" | "style" | "title" | "iframe" | "script" | "noembed" | "noframes" | "noscript"
            | "textarea") => Kind::Raw(Raw { name, text: text.as_bytes() }),
            _ => Kind::Void,
        }
    }
}

/// Raw text: what an element holds up to its own end tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw {
    pub(super) name: Name,
    text: &'static [u8],
}

/// Where raw text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RawEnd {
    /// Before this byte, end tag and all.
    At(usize),
    /// Not before this byte.
    After(usize),
    Strange,
}

impl Raw {
    /// Where it ends, from `at` on.
    pub(super) fn end(self, bytes: &[u8], mut at: usize) -> RawEnd {
        const ESCAPE: &[u8] = b"<!--";
        while let Some(found) = memchr(b'<', &bytes[at..]) {
            at += found;
            let rest = &bytes[at..];
            if self.text == b"script" && ESCAPE.starts_with(&rest[..rest.len().min(ESCAPE.len())]) {
                return if rest.len() < ESCAPE.len() { RawEnd::After(at) } else { RawEnd::Strange };
            }
            if rest.len() < self.text.len() + 3 {
                return RawEnd::After(at);
            }
            let (name, after) = (&rest[2..self.text.len() + 2], rest[self.text.len() + 2]);
            if rest[1] == b'/'
                && name.eq_ignore_ascii_case(self.text)
                && (is_space(after) || matches!(after, b'/' | b'>'))
            {
                return tag_end(bytes, at + 2 + name.len()).map_or(RawEnd::After(at), RawEnd::At);
            }
            at += 1;
        }
        RawEnd::After(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_special_elements_are_found() {
        assert!(SPECIAL.map(Name::known).is_sorted());
        for name in SPECIAL {
            assert!(!matches!(Kind::of(Name::known(name)), Kind::Plain), "{name}");
        }
        assert!(matches!(Kind::of(Name::known("script")), Kind::Raw(_)));
        assert!(matches!(Kind::of(Name::known("input")), Kind::Void));
        assert!(matches!(Kind::of(Name::known("div")), Kind::Plain));
    }

    #[test]
    fn tags_and_comments_end_where_the_standard_ends_them() {
        let start = |name: &str, end| Token::Start(Name::known(name), end);
        for (bytes, expected) in [
            ("<a>x", start("a", 3)),
            ("<A\tHREF='>' b=\"'>\">x", start("a", 20)),
            ("<a =\"='>'>x", start("a", 10)),
            ("<a b = c/>x", start("a", 10)),
            ("<a b=>x", start("a", 6)),
            ("<a/b/=c'>x", start("a", 9)),
            ("<a b c = \"\"d>x", start("a", 14)),
            ("</h1 x='>'>x", Token::End(Name::known("h1"), 11)),
            ("<a-name-longer-than-others x>y", Token::Long(29)),
            ("<a b='", Token::Incomplete),
            ("<a b", Token::Incomplete),
            ("<", Token::Incomplete),
            ("</", Token::Incomplete),
            ("</>", Token::Text(3)),
            ("</ x>", Token::Strange),
            ("< a>", Token::Text(1)),
            ("<<a>", Token::Text(1)),
            ("<!-- > -- -->x", Token::Comment(13)),
            ("<!---->x", Token::Comment(7)),
            ("<!-->x-->", Token::Strange),
            ("<!--->x-->", Token::Strange),
            ("<!-- --!> -->", Token::Strange),
            ("<!-", Token::Incomplete),
            ("<!-- x", Token::Incomplete),
            ("<!doctype x \">\">", Token::Declaration(14)),
            ("<?x?>", Token::Declaration(5)),
        ] {
            assert_eq!(token(bytes.as_bytes(), 0), expected, "{bytes}");
        }
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag() {
        let Kind::Raw(script) = Kind::of(Name::known("script")) else { panic!("it is raw") };
        for (bytes, expected) in [
            ("a</b></scripts></SCRIPT x='>'>y", RawEnd::At(30)),
            ("a</script/>", RawEnd::At(11)),
            ("a</scrip", RawEnd::After(1)),
            ("a</script x", RawEnd::After(1)),
            ("a<b and a lot that is no tag", RawEnd::After(28)),
            ("a<!-- </script>", RawEnd::Strange),
            ("a<!", RawEnd::After(1)),
        ] {
            assert_eq!(script.end(bytes.as_bytes(), 0), expected, "{bytes}");
        }
    }
}
