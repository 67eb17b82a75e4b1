//! What a start tag holds, at least, where a selector matches it: cheap to look for, and never too much. Where a tag has
//! no sign of a selector on it, nobody has to ask the selector.

use memchr::memmem::Finder;

use super::{alternatives, outside_brackets};

/// The name of an element, in small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(u128);

impl Name {
    /// Longer names are nobody's, in bytes.
    pub const LONGEST: usize = 16;

    /// `name` as a page writes it.
    #[inline]
    pub const fn of(name: &[u8]) -> Option<Name> {
        if name.len() > Name::LONGEST {
            return None;
        }
        let (mut packed, mut at) = (0, 0);
        while at < name.len() {
            packed = packed << 8 | name[at].to_ascii_lowercase() as u128;
            at += 1;
        }
        Some(Name(packed))
    }

    /// A name that is known here.
    ///
    /// # Panics
    /// For names that are too long.
    pub const fn known(name: &str) -> Name {
        match Name::of(name.as_bytes()) {
            Some(name) => name,
            None => panic!("a longer name than any of HTML's"),
        }
    }

    /// The same of several.
    ///
    /// # Panics
    /// As [`known`](Self::known).
    pub const fn all<const N: usize>(names: [&str; N]) -> [Name; N] {
        let (mut all, mut at) = ([Name(0); N], 0);
        while at < N {
            all[at] = Name::known(names[at]);
            at += 1;
        }
        all
    }

    /// Its letters, behind zeros.
    pub const fn letters(self) -> [u8; Name::LONGEST] {
        self.0.to_be_bytes()
    }
}

/// What one part of a selector, between two combinators, cannot match without.
#[derive(Clone, Debug)]
pub struct Sign {
    name: Option<Name>,
    word: Option<Finder<'static>>,
}

impl Sign {
    /// Every element of a name.
    pub fn named(name: &str) -> Sign {
        Sign { name: Some(Name::known(name)), word: None }
    }

    /// Whether it is on `tag`, which begins an element of that name.
    #[inline]
    pub fn is_on(&self, name: Name, tag: &[u8]) -> bool {
        if self.name.is_some_and(|wanted| wanted != name) {
            return false;
        }
        match &self.word {
            Some(word) => word.find(tag).is_some(),
            None => true,
        }
    }
}

/// The signs of a list of selectors.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// Of the elements that are meant.
    pub meant: Vec<Sign>,
    /// Of those that they stand in.
    pub around: Vec<Sign>,
}

impl Signs {
    /// Of a list with commas. None where an element without a sign can be meant, or where it matters how many others were before.
    pub fn of(list: &str) -> Option<Signs> {
        let mut signs = Signs::default();
        if list.contains('\\') {
            return None;
        }
        for alternative in alternatives(list) {
            let mut of_parts = parts(alternative).into_iter().map(sign).collect::<Option<Vec<_>>>()?;
            signs.meant.push(of_parts.pop()?);
            signs.around.append(&mut of_parts);
        }
        Some(signs)
    }

    /// Those of several lists.
    pub fn of_all<S: AsRef<str>>(lists: &[S]) -> Option<Signs> {
        let mut all = Signs::default();
        for mut signs in lists.iter().map(|list| Signs::of(list.as_ref())).collect::<Option<Vec<_>>>()? {
            all.meant.append(&mut signs.meant);
            all.around.append(&mut signs.around);
        }
        Some(all)
    }
}

/// What stands between the combinators of one selector.
fn parts(selector: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, c) in outside_brackets(selector).filter(|(_, c)| c.is_whitespace() || matches!(c, '>' | '+' | '~')) {
        parts.push(&selector[from..at]);
        from = at + c.len_utf8();
    }
    parts.push(&selector[from..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn sign(part: &str) -> Option<Sign> {
    let (name, mut rest) = match part.strip_prefix('*') {
        Some(rest) => ("", rest),
        None => identifier(part),
    };
    let mut longest = "";
    while let Some(kind) = rest.chars().next() {
        let word;
        (word, rest) = match kind {
            '.' | '#' => Some(identifier(&rest[1..])).filter(|(word, _)| !word.is_empty())?,
            '[' => {
                let (inside, rest) = bracket(rest, '[', ']')?;
                (value(inside).unwrap_or_default(), rest)
            }
            ':' => ("", bracket(rest.strip_prefix(":not")?, '(', ')')?.1),
            _ => return None,
        };
        if word.len() > longest.len() {
            longest = word;
        }
    }
    let name = if name.is_empty() { None } else { Some(Name::of(name.as_bytes())?) };
    let word = (!longest.is_empty()).then(|| Finder::new(longest).into_owned());
    (name.is_some() || word.is_some()).then_some(Sign { name, word })
}

/// What `text` begins with, as far as it is a name, and the rest.
fn identifier(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(text.len()))
}

/// What stands in the bracket that `text` begins with, and the rest.
fn bracket(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let (mut depth, mut quote) = (0usize, None);
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if quote == Some(c) => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == open => depth += 1,
            None if c == close && depth <= 1 => return (depth == 1).then(|| (&text[1..at], &text[at + 1..])),
            None if c == close => depth -= 1,
            None if depth == 0 => return None,
            None => {}
        }
    }
    None
}

/// Attributes of which the letters' case counts in a value.
const EXACT: [&str; 6] = ["href", "id", "name", "action", "src", "title"];

/// The value that an attribute is to have, or to have a part of, where it stands in the tag as it is written here.
fn value(condition: &str) -> Option<&str> {
    let (name, value) = condition.split_once('=')?;
    let name = name.trim_end_matches(['~', '|', '^', '$', '*']).trim().to_ascii_lowercase();
    let value = value.trim();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].strip_suffix(quote).filter(|inside| !inside.contains(quote))?,
        _ => Some(value).filter(|word| identifier(word).1.is_empty())?,
    };
    let is_exact = EXACT.contains(&name.as_str()) || name.starts_with("data-");
    (is_exact && value.is_ascii()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(part: &str) -> String {
        let Some(Sign { name, word }) = sign(part) else { return "-".into() };
        let name = name.map(|name| String::from_utf8_lossy(&name.letters()).trim_start_matches('\0').to_owned());
        let word = word.map(|word| String::from_utf8_lossy(word.needle()).into_owned());
        format!("{}:{}", name.unwrap_or_default(), word.unwrap_or_default())
    }

    #[test]
    fn a_part_of_a_selector_has_a_name_or_a_word_or_no_sign_at_all() {
        for (part, expected) in [
            ("a", "a:"),
            ("TD.unit", "td:unit"),
            (".price.amount", ":amount"),
            ("#basket", ":basket"),
            ("*.row", ":row"),
            ("a[href^=\"/checkout\"]", "a:/checkout"),
            ("a[href*=checkout]", "a:checkout"),
            ("[DATA-x='it is > so']", ":it is > so"),
            ("input[type=submit]", "input:"),
            ("a[href='/X' i]", "a:"),
            ("a[href]", "a:"),
            ("a:not(.b, [title=')'])", "a:"),
            ("tr.line:not(:first-child)", "tr:line"),
            ("a[title='æ']", "a:"),
            ("*", "-"),
            ("[href]", "-"),
            (":not(a)", "-"),
            ("td:nth-child(2)", "-"),
            ("a.æ", "-"),
            ("svg|a", "-"),
            ("a-name-that-is-no-name-at-all", "-"),
        ] {
            assert_eq!(told(part), expected, "{part}");
        }
    }

    #[test]
    fn a_list_has_the_signs_of_what_is_meant_and_of_what_is_around() {
        let signs = Signs::of("#cart > tr.line td[title='a b'], a.x").unwrap();
        assert_eq!((signs.meant.len(), signs.around.len()), (2, 2));
        assert!(signs.meant[0].is_on(Name::known("td"), b"<TD title='a b'>"));
        assert!(!signs.meant[0].is_on(Name::known("td"), b"<td title='b'>"));
        assert!(!signs.meant[0].is_on(Name::known("th"), b"<th title='a b'>"));
        for none in ["a, *", "tr *", "a\\:b", "tr:nth-child(2) td"] {
            assert!(Signs::of(none).is_none(), "{none}");
        }
    }

    #[test]
    fn names_are_the_same_in_any_case_and_no_two_are_one() {
        assert_eq!(Name::of(b"Div"), Some(Name::known("div")));
        assert_ne!(Name::of(b"h1"), Name::of(b"h2"));
        assert_eq!((Name::of(b"abcdefghijklmnop").is_some(), Name::of(b"abcdefghijklmnopq")), (true, None));
    }
}
