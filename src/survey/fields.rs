//! The values of a line: name, link, quantity, item number, unit, currency.

use std::sync::LazyLock;

use regex::Regex;

use super::Doubt;
use super::amount::is_amount;
use super::cart::{FoundCart, Line, targets};
use super::keys::quoted;
use super::markup::{Element, Markup, above, control_text, inside, own_text, parent, text_of, told_of};
use super::selector;
use super::words::WORDS;
use crate::cart::currency::{Printed, printed_in};

/// A line's element beside one target in it.
pub(super) type Targets<'p> = [(Element<'p>, Option<Element<'p>>)];

/// Attributes that hold an item number.
const SKU_ATTRIBUTES: [&str; 9] = [
    "data-product_sku",
    "data-sku",
    "data-product-sku",
    "data-artnr",
    "data-article",
    "data-article-number",
    "data-product-code",
    "data-item-number",
    "data-ean",
];

/// The number of an article in the address of its page, the surest first.
const IN_ADDRESS: [&str; 5] = [
    r"[?&](?:products_id|product_id|id_product|id|p|vare|artikel)=([^&#]+)",
    r"[_-](\d+)/?(?:\.html?)?(?:[?#].*)?$",
    r"/(\d+)(?:[-/.]|$)",
    r"/(\d+)-[^/]*$",
    r"/([^/?#]+?)(?:\.html?)?/?(?:[?#].*)?$",
];

/// `SKU: 123`, `Varenr. 4711`: the label, and the number behind it.
static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    let labels = r"sku|model|upc|ean|gtin|mpn|item (?:no|number|nr)|article (?:no|number|nr)|part (?:no|number)|product code|vare?n(?:r|ummer)|varenr|artn(?:r|ummer)|art(?:ikel)?[.\- ]?n(?:r|ummer|o)|bestell-?nr|r[ée]f[ée]rence|r[ée]f";
    Regex::new(&format!(r"(?i)^\W*((?:{labels})\b)[.:\s#]*(\S.*)$")).expect("a constant")
});

/// The name of the article in a line: the link to its page, or else what says most.
pub(super) fn name_of(line: Element<'_>) -> Option<Element<'_>> {
    let says = |element: &Element<'_>| text_of(*element).chars().filter(|c| c.is_alphabetic()).count();
    let is_article = |link: &Element<'_>| {
        let href = link.attr("href").unwrap_or_default();
        let is_action = href.is_empty() || href.starts_with(['#']) || href.starts_with("javascript:");
        !is_action && !WORDS.remove.is_match(&control_text(*link)) && says(link) > 1
    };
    let links = inside(line).filter(|one| one.value().name() == "a").filter(is_article);
    if let Some(link) = links.max_by_key(says) {
        return Some(link);
    }
    let plain = inside(line).filter(|one| {
        let text = own_text(*one);
        let is_control = std::iter::once(*one).chain(above(*one)).take_while(|outer| *outer != line).any(|outer| {
            matches!(outer.value().name(), "button" | "label" | "select" | "script" | "style" | "option" | "a")
        });
        !is_control
            && text.chars().filter(|c| c.is_alphabetic()).count() > 2
            && !is_amount(&text)
            && !WORDS.remove.is_match(&text)
            && !WORDS.update.is_match(&text)
            && !LABELLED.is_match(&text)
    });
    let titled = |one: &Element<'_>| {
        let is_head = matches!(one.value().name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "strong" | "b" | "th");
        (is_head || WORDS.title.is_match(&told_of(*one)), own_text(*one).chars().count())
    };
    // The longest of those that are called so; of equals the first.
    plain.fold(None, |best: Option<Element<'_>>, one| match best {
        Some(known) if titled(&known) >= titled(&one) => Some(known),
        _ => Some(one),
    })
}

/// `name`, and `link` where the name is one.
pub(super) fn name_and_link(lines: &[Line<'_>], found: &mut FoundCart) -> Result<(), String> {
    let names = targets(lines, |line| Some(line.name));
    let name = chain(&names).ok_or("the lines' names share no selector")?;
    found.keys.add("name", name, "what the article is called");
    if lines.iter().all(|line| line.name.value().name() == "a")
        && let Some(link) = selector::in_lines(&names)
    {
        found.keys.add("link", quoted(&format!("{link}@href")), "its page");
    }
    Ok(())
}

/// A value that stands at all targets: one selector, or a chain where they differ in kind, the rarer kind first.
pub(super) fn chain(all: &Targets<'_>) -> Option<String> {
    if let Some(one) = selector::in_lines(all) {
        return Some(quoted(&one));
    }
    let mut kinds: Vec<Vec<(Element<'_>, Option<Element<'_>>)>> = Vec::new();
    for one in all.iter().filter(|(_, target)| target.is_some()) {
        let tag = |target: Option<Element<'_>>| target.map(|target| target.value().name().to_owned());
        match kinds.iter_mut().find(|kind| tag(kind[0].1) == tag(one.1)) {
            Some(kind) => kind.push(*one),
            None => kinds.push(vec![*one]),
        }
    }
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.len()));
    (0..kinds.len()).find_map(|last| {
        let mut places = Vec::new();
        for kind in kinds.iter().enumerate().filter(|(at, _)| *at != last).map(|(_, kind)| kind) {
            // Elsewhere it must not match at all, or it would win there too.
            let is_own = |line: &Element<'_>| kind.iter().any(|(own, _)| own == line);
            let whole: Vec<_> = all.iter().map(|(line, target)| (*line, target.filter(|_| is_own(line)))).collect();
            places.push(quoted(&selector::in_lines(&whole)?));
        }
        places.push(quoted(&selector::in_lines(kinds.get(last)?)?));
        Some(if places.len() == 1 { places.remove(0) } else { format!("[{}]", places.join(", ")) })
    })
}

/// How many: the field's value, or the text.
pub(super) fn quantity(all: &Targets<'_>, found: &mut FoundCart) -> Result<(), String> {
    let place = selector::in_lines(all).ok_or("the lines' quantities share no selector")?;
    let tag = all.iter().find_map(|(_, target)| *target).map(|target| target.value().name().to_owned());
    let value = match tag.as_deref() {
        Some("input") => format!("{place}@value"),
        Some("select") => format!("{place} option[selected]"),
        _ => place,
    };
    found.keys.add("quantity", quoted(&value), "how many");
    Ok(())
}

/// What the column's head, its classes and its titles call a cell.
fn called(markup: &Markup, line: Element<'_>, cell: Element<'_>) -> String {
    let mut called = told_of(cell);
    let td = std::iter::once(cell).chain(above(cell)).take_while(|one| *one != line).last();
    if let (Some(td), "tr") = (td, line.value().name()) {
        let place = td.prev_siblings().filter(|node| node.value().is_element()).count();
        let table = above(line).find(|one| one.value().name() == "table");
        let head = table.and_then(|table| inside(table).find(|one| one.value().name() == "tr" && *one != line));
        let head = head.filter(|head| markup.root() != *head).and_then(|head| head.child_elements().nth(place));
        called.push(' ');
        called.push_str(&told_of(td));
        if let Some(head) = head.filter(|head| !text_of(*head).chars().any(|c| c.is_ascii_digit())) {
            called.push(' ');
            called.push_str(&text_of(head));
        }
    }
    called
}

/// The element in each line that `fits`, where all lines that have one share a selector.
fn everywhere<'p>(
    lines: &[Line<'p>],
    fits: impl Fn(&Line<'p>, Element<'p>) -> bool,
) -> Option<Vec<(Element<'p>, Option<Element<'p>>)>> {
    let all = targets(lines, |line| inside(line.element).find(|one| fits(line, *one)));
    all.iter().all(|(_, target)| target.is_some()).then_some(all)
}

/// The shop's word for the unit, where the page has a place that is called so.
pub(super) fn unit(markup: &Markup, lines: &[Line<'_>], found: &mut FoundCart) {
    let fits = |line: &Line<'_>, one: Element<'_>| {
        let text = own_text(one);
        let is_short = text.chars().count() <= 12 && !text.chars().any(|c| c.is_ascii_digit());
        one != line.name && is_short && !is_amount(&text_of(one)) && {
            let called = called(markup, line.element, one);
            WORDS.unit.is_match(&called) && !WORDS.price.is_match(&told_of(one))
        }
    };
    let all = targets(lines, |line| inside(line.element).find(|one| fits(line, *one)));
    let some = all.iter().any(|(_, target)| target.is_some_and(|target| !own_text(target).is_empty()));
    if some && let Some(place) = selector::in_lines(&all) {
        found.keys.add("unit", quoted(&place), "the shop's word for it; [units] has the codes");
    } else {
        let text = "the page tells no unit: every line gets the buyer's `default_unit`";
        found.doubts.push(Doubt::new("shop.cart.unit", text));
    }
}

/// The shop's item number: an attribute, a cell or a text that is called so, or else what the address has.
pub(super) fn sku(markup: &Markup, lines: &[Line<'_>], found: &mut FoundCart) {
    let why = "the shop's item number";
    for attribute in SKU_ATTRIBUTES {
        let has = |one: Element<'_>| one.attr(attribute).is_some_and(|value| !value.trim().is_empty());
        if lines.iter().all(|line| has(line.element)) {
            return found.keys.add("sku", quoted(&format!("@{attribute}")), why);
        }
        if let Some(place) = everywhere(lines, |_, one| has(one)).and_then(|all| selector::in_lines(&all)) {
            return found.keys.add("sku", quoted(&format!("{place}@{attribute}")), why);
        }
    }
    let is_number = |text: &str| {
        text.len() > 1 && text.len() < 48 && text.chars().any(|c| c.is_ascii_digit()) && !text.contains("://")
    };
    let labelled = everywhere(lines, |line, one| {
        one != line.name && has_no_deeper(one, &|text| LABELLED.is_match(text)) && LABELLED.is_match(&text_of(one))
    });
    if let Some(place) = labelled.as_ref().and_then(|all| selector::in_lines(all)) {
        let text = labelled.iter().flatten().find_map(|(_, target)| target.map(text_of)).unwrap_or_default();
        let label = LABELLED.captures(&text).map(|parts| parts[1].to_owned()).unwrap_or_default();
        let pattern = format!(r"(?i){}\W*(\S.*)$", regex::escape(&label));
        let value = format!("{{ select = {}, pattern = {} }}", quoted(&place), quoted(&pattern));
        return found.keys.add("sku", value, why);
    }
    let named = everywhere(lines, |line, one| {
        let text = text_of(one);
        one != line.name
            && is_number(&text)
            && !is_amount(&text)
            && inside(one).next().is_none()
            && WORDS.sku.is_match(&called(markup, line.element, one))
    });
    if let Some(place) = named.and_then(|all| selector::in_lines(&all)) {
        return found.keys.add("sku", quoted(&place), why);
    }
    from_address(lines, found);
}

/// Whether nothing inside has such a text by itself.
fn has_no_deeper(element: Element<'_>, fits: &dyn Fn(&str) -> bool) -> bool {
    !inside(element).any(|one| fits(&text_of(one)))
}

fn from_address(lines: &[Line<'_>], found: &mut FoundCart) {
    let names = targets(lines, |line| Some(line.name));
    let hrefs: Vec<_> = lines.iter().filter_map(|line| line.name.attr("href")).collect();
    let place = selector::in_lines(&names).filter(|_| hrefs.len() == lines.len());
    let fits = |pattern: &&&str| {
        let Ok(pattern) = Regex::new(pattern) else { return false };
        let numbers: Vec<_> = hrefs.iter().filter_map(|href| Some(pattern.captures(href)?[1].to_owned())).collect();
        let distinct: std::collections::HashSet<_> = numbers.iter().collect();
        numbers.len() == lines.len() && distinct.len() == lines.len()
    };
    match (place, IN_ADDRESS.iter().find(fits)) {
        (Some(place), Some(pattern)) => {
            let select = format!("select = {}, attribute = \"href\"", quoted(&place));
            found.keys.add(
                "sku",
                format!("{{ {select}, pattern = {} }}", quoted(pattern)),
                "from the article's address",
            );
            let text =
                "the cart page has no item number: what its address ends in is taken, which is the shop's own key";
            found.doubts.push(Doubt::new("shop.cart.sku", text));
        }
        _ => {
            let text = "no item number was found: name a place for it, or leave VENDORMAT out";
            found.doubts.push(Doubt::new("shop.cart.sku", text));
        }
    }
}

/// What the amounts are in, where a sign alone does not tell.
pub(super) fn currency<'p>(markup: &'p Markup, amounts: &[Element<'p>]) -> Option<&'p str> {
    let printed = |element: &Element<'_>| {
        let outer = parent(*element).map(text_of).unwrap_or_default();
        printed_in(&text_of(*element)).ok().flatten().or_else(|| printed_in(&outer).ok().flatten())
    };
    let language = markup.root().attr("lang").unwrap_or_default().to_ascii_lowercase();
    let code = match amounts.iter().find_map(printed) {
        Some(Printed::Code(code)) => Some(code),
        Some(Printed::Kroner) => match language.get(..2).unwrap_or_default() {
            "sv" => Some("SEK"),
            "da" => Some("DKK"),
            "is" => Some("ISK"),
            "nb" | "nn" | "no" => Some("NOK"),
            _ => None,
        },
        Some(Printed::Dollar) | None => None,
    };
    let said = markup.all().find_map(|one| {
        let is_currency = one.attr("itemprop") == Some("priceCurrency")
            || one.attr("property").is_some_and(|name| name.ends_with("price:currency"));
        one.attr("content").filter(|code| is_currency && crate::cart::currency::is_iso(code))
    });
    code.or(said)
}
