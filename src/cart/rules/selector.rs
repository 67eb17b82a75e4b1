//! Selectors as text: splitting and combining them before they are compiled.

use crate::selector::{alternatives, outside_brackets};

/// `"td.price"`, `"input.qty@value"`, `"@data-sku"`: a selector, an attribute, or both.
pub(super) fn split_short(short: &str) -> Result<(Option<String>, Option<String>), &'static str> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (select, attribute) = match outside_brackets(short).filter(|(_, c)| *c == '@').last() {
        Some((at, _)) => (given(&short[..at]), Some(short[at + 1..].trim().to_owned())),
        None => (given(short), None),
    };
    match &attribute {
        Some(name) if !is_attribute_name(name) => Err("has no attribute name after @"),
        None if select.is_none() => Err("is empty"),
        _ => Ok((select, attribute)),
    }
}

/// Whether `name` can be an attribute's name in a page that people wrote.
pub(super) fn is_attribute_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_:.-".contains(c))
}

/// Each alternative of `written` inside each alternative of `line`: `a, b` and `c, d` give `a c, a d, b c, b d`. An
/// alternative that begins with `&` is about the line itself: `&.total`.
pub(super) fn relative(line: &str, written: &str) -> String {
    let mut combined = Vec::new();
    for line in alternatives(line) {
        for part in alternatives(written) {
            combined.push(match part.strip_prefix('&') {
                Some(itself) => format!("{line}{itself}"),
                None => format!("{line} {part}"),
            });
        }
    }
    combined.join(", ")
}

/// The names of the elements that a selector counts or wants as children, in small letters: `tr > td:nth-child(2) a`
/// depends on where each `td` begins and ends, and on nothing else.
pub(super) fn positional_names(written: &str) -> Vec<String> {
    let mut names = Vec::new();
    for alternative in alternatives(written) {
        let plain: String = outside_brackets(alternative).map(|(_, c)| c).collect();
        let mut is_child = false;
        for compound in plain.replace('>', " > ").split_whitespace() {
            let name = compound.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
            if (is_child || compound.contains(":nth-") || compound.contains(":first-")) && !name.is_empty() {
                names.push(name.to_ascii_lowercase());
            }
            is_child = compound == ">";
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_short_form() {
        assert_eq!(split_short("td.price"), Ok((some("td.price"), None)));
        assert_eq!(split_short("input.qty@value"), Ok((some("input.qty"), some("value"))));
        assert_eq!(split_short("@data-sku"), Ok((None, some("data-sku"))));
        assert_eq!(split_short("a[href*='@'] b"), Ok((some("a[href*='@'] b"), None)));
        assert_eq!(split_short("a[title=\"x@y\"] @ href"), Ok((some("a[title=\"x@y\"]"), some("href"))));
        for wrong in ["", "  ", "@", "td@", "td@a b"] {
            assert!(split_short(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn comma_lists_combine_with_the_line() {
        assert_eq!(relative("tr.a, tr.b", "td, > th"), "tr.a td, tr.a > th, tr.b td, tr.b > th");
        assert_eq!(relative("tr:not(.a, .b)", "[title=\"x, y\"]"), "tr:not(.a, .b) [title=\"x, y\"]");
        assert_eq!(relative("tr", "&.total, th"), "tr.total, tr th");
    }

    #[test]
    fn what_depends_on_position() {
        assert_eq!(positional_names("tr td:nth-child(2) a"), ["td"]);
        assert_eq!(positional_names("#x LI:first-child, b"), ["li"]);
        assert_eq!(positional_names(".row > .price"), Vec::<String>::new());
        assert_eq!(positional_names("table>tr"), ["tr"]);
        assert_eq!(positional_names("td.price a[title='>']"), Vec::<String>::new());
    }
}
