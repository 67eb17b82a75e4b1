//! CSS selectors as people write them: what they compile to, what to do where they do not, and what is doubtful about them.
//!
//! A page is matched while it streams past, so less can be asked for than in a browser: an element by its name, id, classes
//! and attributes, its position among its siblings so far, and its ancestors.

use lol_html::Selector;
use lol_html::errors::SelectorError;

/// A selector that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{written}`: {reason}{}", hint.map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct BadSelector {
    /// As it was written.
    pub written: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead, where that is known.
    pub hint: Option<&'static str>,
}

/// Compiles one selector, or a list with commas.
///
/// # Errors
/// For what cannot be matched while a page streams past, and for bad syntax.
pub fn compile(written: &str) -> Result<Selector, BadSelector> {
    compile_as(written, written)
}

/// Compiles `full`, of which a person wrote the part `written`.
///
/// # Errors
/// As [`compile`], about that part.
pub fn compile_as(written: &str, full: &str) -> Result<Selector, BadSelector> {
    full.parse().map_err(|error| BadSelector {
        written: written.to_owned(),
        reason: reason(&error),
        hint: hint(&error, written),
    })
}

/// A selector that is written in this program.
///
/// # Panics
/// Where it is none.
pub fn written(selector: &str) -> Selector {
    selector.parse().expect("a selector written here")
}

/// The elements of HTML, and of the drawings in it that a shop may hold a value in.
const ELEMENTS: &str = " a abbr acronym address applet area article aside audio b base basefont bdi bdo big blockquote body br button \
    canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset figcaption \
    figure font footer form frame frameset g h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input ins kbd label \
    layer legend li link main map mark marquee math menu meta meter nav nobr noframes noscript object ol optgroup option output p \
    param path picture plaintext pre progress q rp rt ruby s samp script search section select slot small source span strike \
    strong style sub summary sup svg symbol table tbody td template text textarea tfoot th thead time title tr track tspan tt u ul \
    use var video wbr xmp ";

/// Why a selector that compiles may still match nothing, and what to do.
pub fn doubt(written: &str) -> Option<&'static str> {
    let plain: String = outside_brackets(written).map(|(_, c)| c).collect();
    let packed: String = plain.chars().filter(|c| !c.is_whitespace()).collect();
    if packed.contains(">tbody>") {
        return Some(
            "browsers add tbody to what they show; this matches only where the page's source has it (leave tbody out, with a \
             space in place of the two >)",
        );
    }
    let is_tbody = |word: &str| word.split(|c: char| !c.is_ascii_alphanumeric()).next() == Some("tbody");
    plain.split([' ', '>', ',']).any(is_tbody).then_some(
        "browsers add tbody to what they show; this matches only where the page's source has it (look there, or leave tbody \
         out)",
    )
}

/// Whether a selector is the name of an element, and HTML has none of that name.
pub fn is_no_element(written: &str) -> bool {
    // Elements that a shop has made up have a dash.
    let is_word = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word && !ELEMENTS.contains(&format!(" {} ", written.to_ascii_lowercase()))
}

/// The parts of a comma list; commas in brackets, parentheses and quotes are no borders.
pub fn alternatives(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in outside_brackets(list).filter(|(_, c)| *c == ',') {
        parts.push(list[from..at].trim());
        from = at + 1;
    }
    parts.push(list[from..].trim());
    parts
}

/// The characters of a selector that stand outside of `[..]`, `(..)` and quotes, and are not escaped.
pub fn outside_brackets(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut depth, mut quote, mut is_escaped) = (0usize, None, false);
    text.char_indices().filter(move |(_, c)| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match (quote, *c) {
            (_, '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(*c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, _) => return depth == 0,
        }
        false
    })
}

fn reason(error: &SelectorError) -> String {
    let said = error.to_string();
    said.trim_end_matches('.').to_owned()
}

fn hint(error: &SelectorError, written: &str) -> Option<&'static str> {
    match error {
        _ if written.trim_start().starts_with('/') => Some("this is XPath: write it in CSS"),
        SelectorError::UnsupportedCombinator(_) => Some(
            "the page is read as it streams past: siblings cannot be asked for; use a class, an attribute, \
             :nth-child(n) or a pattern",
        ),
        _ if written.contains(":has(") => Some(
            "the page is read as it streams past: what an element holds is not known when it begins; name what it holds, \
             or leave lines out by skip",
        ),
        _ if written.contains(":last-") || written.contains(":only-") || written.contains("nth-last-") => {
            Some("the page is read as it streams past: what comes later is not known; count from the front")
        }
        _ if written.contains(":contains(") => {
            Some("texts cannot be asked for; use an attribute, or a pattern on the text")
        }
        _ if written.contains(":is(") || written.contains(":where(") => {
            Some("write the alternatives out, with commas between them")
        }
        SelectorError::UnsupportedPseudoClassOrElement | SelectorError::UnsupportedSyntax => {
            Some("there are :first-child, :nth-child(n), :first-of-type, :nth-of-type(n) and :not(..)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_matched_is_told_with_what_to_do() {
        for (written, part) in [
            ("dt + dd", "siblings cannot be asked for"),
            ("dt ~ dd", "siblings cannot be asked for"),
            ("form:has(input)", "what an element holds"),
            ("tr:last-child", "count from the front"),
            ("tr:only-child", "count from the front"),
            ("tr:nth-last-child(2)", "count from the front"),
            ("a:contains('Checkout')", "texts cannot be asked for"),
            (":is(a, button).checkout", "write the alternatives out"),
            ("a:visible", "there are :first-child"),
            ("//a[@class='checkout']", "XPath"),
        ] {
            let told = compile(written).expect_err(written).to_string();
            assert!(told.starts_with(&format!("`{written}`: ")), "{told}");
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(compile("a[").unwrap_err().hint, None);
        assert_eq!(compile_as("td + td", "tr td + td").unwrap_err().written, "td + td");
    }

    #[test]
    fn a_tbody_that_a_browser_may_have_added_is_doubted() {
        for doubted in ["#cart > tbody > tr", "#cart>tbody>tr", "#cart tbody tr", "tbody.lines tr", "a, tbody td"] {
            assert!(doubt(doubted).is_some() && compile(doubted).is_ok(), "{doubted}");
        }
        for fine in ["#cart tr", ".tbody tr", "[title='a > tbody > b']", "x-tbody", "tbodyx"] {
            assert_eq!(doubt(fine), None, "{fine}");
        }
        assert!(doubt("#cart > tbody > tr").unwrap().contains("the two >"));
    }

    #[test]
    fn a_word_that_is_no_element_is_told_from_one() {
        assert!(["kroner", "nok", "sku"].into_iter().all(is_no_element));
        assert!(!["td", "H2", "shop-price", ".sku", "td.sku", "#sku", "*", ""].into_iter().any(is_no_element));
    }

    #[test]
    fn a_list_is_split_at_its_own_commas_alone() {
        assert_eq!(alternatives("a, b.c"), ["a", "b.c"]);
        assert_eq!(
            alternatives(r#"a[href*="x,y"],b:not(.p, .q),c\,d"#),
            [r#"a[href*="x,y"]"#, "b:not(.p, .q)", r"c\,d"]
        );
        assert_eq!(alternatives("a[title='\"']  , b"), ["a[title='\"']", "b"]);
        assert_eq!(alternatives(r"a[title='\'']  , b"), [r"a[title='\'']", "b"]);
    }
}
