//! Selectors for elements that were found: such as a streaming rewriter can match, and as steady as the page allows.
//! Classes that name a thing come before those that lay it out, and positions come last.

use super::markup::{Element, Markup, above, contains, inside};
use super::words::WORDS;

/// Most selectors that are tried for one place.
const MOST: usize = 400;

/// The lines of a cart: the selector, and what tells rows apart that it matches too and that are none.
pub(super) struct LineSelector {
    pub(super) line: String,
    pub(super) skip: Option<&'static str>,
}

/// A selector that matches `lines` on the page and nothing else, or else such as `skip` can make so.
pub(super) fn of_lines(markup: &Markup, lines: &[Element<'_>]) -> Option<LineSelector> {
    let first = lines.first()?;
    let selves = common(lines, Within::Page);
    let mut tried = Vec::new();
    tried.extend(selves.iter().filter(|one| is_telling(one)).cloned());
    for outer in above(*first).filter(|outer| lines.iter().all(|line| contains(*outer, *line))) {
        if matches!(outer.value().name(), "tbody" | "html" | "body") {
            continue;
        }
        for scope in simple(outer, Within::Page) {
            for itself in &selves {
                tried.push(format!("{scope} {itself}"));
                if markup.has_tbody && first.value().name() == "tr" {
                    tried.push(format!("{scope} tbody {itself}"));
                }
            }
        }
    }
    tried.extend(selves.iter().cloned());
    tried.retain(|one| !one.contains(":nth-"));
    tried.truncate(MOST);
    let exact = tried.iter().find(|one| markup.matching(one) == lines);
    if let Some(line) = exact {
        return Some(LineSelector { line: line.clone(), skip: None });
    }
    for skip in ["th", "[colspan]"] {
        let holds = |element: &Element<'_>| inside(*element).any(|one| is_skipped(one, skip));
        if lines.iter().any(holds) {
            continue;
        }
        let fits = |one: &&String| {
            let matched: Vec<_> = markup.matching(one).into_iter().filter(|element| !holds(element)).collect();
            matched == lines
        };
        if let Some(line) = tried.iter().find(fits) {
            return Some(LineSelector { line: line.clone(), skip: Some(skip) });
        }
    }
    None
}

fn is_skipped(element: Element<'_>, skip: &str) -> bool {
    match skip {
        "th" => element.value().name() == "th",
        _ => element.attr("colspan").is_some(),
    }
}

/// A selector, relative to the line, whose first match in each line is the target there. Lines without a target must not
/// match at all.
pub(super) fn in_lines(targets: &[(Element<'_>, Option<Element<'_>>)]) -> Option<String> {
    let there: Vec<_> = targets.iter().filter_map(|(line, target)| target.map(|target| (*line, target))).collect();
    let (line, first) = *there.first()?;
    let selves = common(&there.iter().map(|(_, target)| *target).collect::<Vec<_>>(), Within::Line);
    let mut tried = selves.clone();
    let depth = above(first).take_while(|outer| *outer != line).count();
    for level in 0..depth {
        let outers: Option<Vec<_>> = there.iter().map(|(line, target)| outer_at(*line, *target, level)).collect();
        for scope in outers.map(|outers| common(&outers, Within::Line)).unwrap_or_default() {
            tried.extend(selves.iter().map(|itself| format!("{scope} {itself}")));
        }
    }
    // Steady ones before those that count.
    tried.sort_by_key(|one| (one.contains(":nth-"), !is_telling(one)));
    tried.truncate(MOST);
    tried.into_iter().find(|one| picks(one, targets))
}

fn outer_at<'p>(line: Element<'p>, target: Element<'p>, level: usize) -> Option<Element<'p>> {
    above(target).take_while(|outer| *outer != line).nth(level)
}

fn picks(selector: &str, targets: &[(Element<'_>, Option<Element<'_>>)]) -> bool {
    let Ok(selector) = scraper::Selector::parse(selector) else { return false };
    targets.iter().all(|(line, target)| line.select(&selector).next() == *target)
}

/// A selector for one element of the whole page, and for nothing that `others` hold.
pub(super) fn of_one(markup: &Markup, element: Element<'_>) -> Option<String> {
    let selves = simple(element, Within::Page);
    let mut tried: Vec<_> = selves.iter().filter(|one| is_telling(one)).cloned().collect();
    for outer in above(element).filter(|outer| !matches!(outer.value().name(), "tbody" | "html" | "body")) {
        for scope in simple(outer, Within::Page).iter().filter(|one| is_telling(one)) {
            tried.extend(selves.iter().map(|itself| format!("{scope} {itself}")));
        }
    }
    tried.sort_by_key(|one| one.contains(":nth-"));
    tried.truncate(MOST);
    tried.into_iter().find(|one| markup.matching(one) == [element])
}

/// Where a selector is to hold: an id inside a line is that line's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Page,
    Line,
}

/// Simple selectors that all of `elements` share, the best first.
fn common(elements: &[Element<'_>], within: Within) -> Vec<String> {
    let mut lists = elements.iter().map(|element| simple(*element, within));
    let mut shared = lists.next().unwrap_or_default();
    for list in lists {
        shared.retain(|one| list.contains(one));
    }
    shared
}

/// Simple selectors that match an element, the best first.
pub(super) fn simple(element: Element<'_>, within: Within) -> Vec<String> {
    let tag = element.value().name();
    let mut found = Vec::new();
    if let Some(id) = element.value().id().filter(|id| within == Within::Page && is_word(id) && !has_digit(id)) {
        found.push(format!("#{id}"));
    }
    if let Some(property) = element.attr("itemprop").filter(|name| is_word(name)) {
        found.push(format!("{tag}[itemprop='{property}']"));
    }
    let mut classes: Vec<_> = element.value().classes().filter(|class| is_word(class) && !has_digit(class)).collect();
    classes.sort_by_key(|class| (WORDS.layout.is_match(class), !names_a_thing(class)));
    let (telling, layout): (Vec<&str>, Vec<&str>) = classes.iter().partition(|class| !WORDS.layout.is_match(class));
    found.extend(telling.iter().map(|class| format!("{tag}.{class}")));
    if let Some(name) = element.attr("name").filter(|name| !name.contains(['\'', '"', '\\'])) {
        found.extend(by_name(tag, name));
    }
    found.extend(layout.iter().map(|class| format!("{tag}.{class}")));
    let numbered = element.value().classes().filter(|class| is_word(class) && has_digit(class));
    found.extend(numbered.map(|class| format!("{tag}.{class}")));
    if let Some(kind) = element.attr("type").filter(|kind| is_word(kind)) {
        found.push(format!("{tag}[type='{kind}']"));
    }
    found.push(tag.to_owned());
    if within == Within::Line {
        let place = element.prev_siblings().filter(|node| node.value().is_element()).count() + 1;
        found.push(format!("{tag}:nth-child({place})"));
    }
    found
}

/// A control's name tells the line too: `form-0-quantity`, `quantity[57]`, `cart[3c5][qty]`.
fn by_name(tag: &str, name: &str) -> Vec<String> {
    let begin = name.find(|c: char| c.is_ascii_digit() || c == '[').unwrap_or(name.len());
    let end = name.rfind(|c: char| c.is_ascii_digit() || c == ']').map_or(0, |at| at + 1);
    if begin == name.len() || name.ends_with("[]") {
        return vec![format!("{tag}[name='{name}']")];
    }
    // `cart[3c5][qty]`: what stands in the last brackets is the field's.
    let last = name.rfind('[').filter(|at| *at > begin && !has_digit(&name[*at..]));
    let mut found = Vec::new();
    if end < name.len() {
        found.push(format!("{tag}[name$='{}']", &name[end..]));
    } else if let Some(at) = last {
        found.push(format!("{tag}[name$='{}']", &name[at..]));
    }
    if begin > 0 {
        found.push(format!("{tag}[name^='{}']", &name[..begin]));
    }
    found
}

/// Names something by itself, so that it needs no place beside it.
fn is_telling(selector: &str) -> bool {
    selector.contains(['#', '[']) || classes_in(selector).any(|class| !WORDS.layout.is_match(class))
}

fn classes_in(selector: &str) -> impl Iterator<Item = &str> {
    selector.split(' ').filter_map(|part| part.split_once('.')).map(|(_, class)| class)
}

fn names_a_thing(class: &str) -> bool {
    let words = [&WORDS.cart, &WORDS.quantity, &WORDS.price, &WORDS.total, &WORDS.sku, &WORDS.title, &WORDS.unit];
    words.iter().any(|words| words.is_match(class))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Can stand in a selector as it is.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
