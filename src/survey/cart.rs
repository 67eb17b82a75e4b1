//! The cart on an unknown page: its lines, and where in a line the values stand.
//!
//! A line is the smallest element around a quantity that also has an amount and a name. What is quantity, price and
//! total among several numbers is told by arithmetic: one times the other is the third, in most lines.

use rust_decimal::Decimal;

use super::amount::{Amount, amounts_in, count_in, format_of, is_amount};
use super::keys::{Keys, quoted};
use super::markup::{Element, Markup, above, contains, control_text, inside, own_text, parent, text_of};
use super::selector::{self, Within};
use super::words::WORDS;
use super::{Doubt, fields};
use crate::cart::price::NumberFormat;

/// What is known of an article that lies in the cart.
#[derive(Clone, Debug, Default)]
pub struct Article {
    /// What a link to its page has in its address.
    pub mark: String,
}

/// Cart rules that were found on a page.
#[derive(Clone, Debug)]
pub struct FoundCart {
    /// Keys of `[shop.cart]`.
    pub keys: Keys,
    /// How many lines the page has.
    pub lines: usize,
    /// What a person should look at.
    pub doubts: Vec<Doubt>,
    /// Whether a line leads to the article that was put into the cart.
    pub holds_article: bool,
    line: String,
}

impl FoundCart {
    /// The selector of one line.
    pub fn line(&self) -> &str {
        &self.line
    }
}

/// A line with the candidates for its values.
pub(super) struct Line<'p> {
    pub(super) element: Element<'p>,
    pub(super) name: Element<'p>,
    counts: Vec<(Element<'p>, Decimal)>,
    amounts: Vec<Amount<'p>>,
}

/// Which of a line's counts and amounts are its quantity, price and total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    quantity: usize,
    price: Option<usize>,
    total: Option<usize>,
}

/// Finds the cart on a page.
///
/// # Errors
/// A text for a person: what was looked for and not there.
pub fn find_cart(source: &str, article: Option<&Article>) -> Result<FoundCart, String> {
    let markup = Markup::parse(source);
    let (lines, columns) = lines_of(&markup, article)
        .ok_or("no lines of a cart: nothing has a quantity, a name and an amount together")?;
    let elements: Vec<_> = lines.iter().map(|line| line.element).collect();
    let selector = selector::of_lines(&markup, &elements).ok_or("the lines of the cart share no selector")?;
    let mut found = FoundCart {
        keys: Keys::default(),
        lines: lines.len(),
        doubts: Vec::new(),
        holds_article: article.is_some_and(|article| lines.iter().any(|line| leads_to(line, article))),
        line: selector.line.clone(),
    };
    found.keys.add("line", quoted(&selector.line), "one element a line");
    if let Some(skip) = selector.skip {
        found.keys.add("skip", quoted(skip), "rows that are none");
    }
    fields::name_and_link(&lines, &mut found)?;
    let quantities = targets(&lines, |line| line.counts.get(columns.quantity).map(|(element, _)| *element));
    fields::quantity(&quantities, &mut found)?;
    money(&lines, columns, &mut found)?;
    fields::unit(&markup, &lines, &mut found);
    fields::sku(&markup, &lines, &mut found);
    let amounts: Vec<_> = lines.iter().flat_map(|line| line.amounts.iter().map(|one| one.element)).collect();
    match fields::currency(&markup, &amounts) {
        Some(code) => found.keys.add("currency", quoted(code), "what the amounts are in"),
        None => {
            let text = "the page does not tell in which currency its amounts are: --currency does";
            found.doubts.push(Doubt::new("shop.cart.currency", text));
        }
    }
    Ok(found)
}

/// The currency of a page's amounts, where it tells it.
pub fn currency_of(source: &str) -> Option<String> {
    let markup = Markup::parse(source);
    let amounts: Vec<_> = markup.all().filter(|element| is_amount(&own_text(*element))).collect();
    fields::currency(&markup, &amounts).map(str::to_owned)
}

/// A line's element beside one target in it.
pub(super) fn targets<'p>(
    lines: &[Line<'p>],
    target: impl Fn(&Line<'p>) -> Option<Element<'p>>,
) -> Vec<(Element<'p>, Option<Element<'p>>)> {
    lines.iter().map(|line| (line.element, target(line))).collect()
}

/// The most convincing group of lines on the page.
fn lines_of<'p>(markup: &'p Markup, article: Option<&Article>) -> Option<(Vec<Line<'p>>, Columns)> {
    let format = format_of(markup.all());
    for typed in [true, false] {
        let candidates = candidates(markup, format, typed);
        let mut best = None;
        for group in groups(&candidates) {
            let lines: Option<Vec<_>> = group.iter().map(|element| line(*element, format, typed)).collect();
            let Some(lines) = lines else { continue };
            let (columns, right) = columns(&lines);
            let is_named = article.is_some_and(|article| lines.iter().any(|line| leads_to(line, article)));
            let worth = (is_named, right, !is_aside(group[0]), lines.len());
            if best.as_ref().is_none_or(|(known, _, _)| worth > *known) {
                best = Some((worth, lines, columns));
            }
        }
        if let Some((_, lines, columns)) = best {
            return Some((lines, columns));
        }
    }
    None
}

fn leads_to(line: &Line<'_>, article: &Article) -> bool {
    !article.mark.is_empty()
        && inside(line.element).filter_map(|one| one.attr("href")).any(|href| href.contains(article.mark.as_str()))
}

/// Mini-carts stand in headers and side boxes.
fn is_aside(element: Element<'_>) -> bool {
    above(element).any(|one| {
        matches!(one.value().name(), "header" | "nav" | "aside" | "footer")
            || one.value().classes().any(|class| class.contains("mini") || class.contains("dropdown"))
    })
}

/// The smallest elements that hold a quantity, a name and an amount.
fn candidates<'p>(markup: &'p Markup, format: NumberFormat, typed: bool) -> Vec<Element<'p>> {
    let mut found: Vec<Element<'p>> = Vec::new();
    for anchor in markup.all().filter(|element| count_of(*element, typed).is_some()) {
        let fits = |outer: &Element<'p>| {
            !matches!(outer.value().name(), "body" | "html" | "tbody" | "table" | "thead" | "tfoot")
                && !amounts_in(*outer, format).is_empty()
                && fields::name_of(*outer).is_some_and(|name| name != anchor)
        };
        let stop = |outer: &Element<'p>| !matches!(outer.value().name(), "body" | "html");
        let Some(line) = above(anchor).take_while(stop).find(fits) else { continue };
        if !found.contains(&line) {
            found.push(line);
        }
    }
    let all = found.clone();
    found.retain(|one| !all.iter().any(|other| other != one && contains(*one, *other)));
    found
}

/// A quantity: what is typed into a field, or a number that stands alone.
fn count_of(element: Element<'_>, typed: bool) -> Option<Decimal> {
    let tag = element.value().name();
    if !typed {
        let is_leaf = !inside(element).any(|one| text_of(one).chars().any(char::is_alphanumeric));
        return count_in(&text_of(element)).filter(|_| is_leaf && tag != "option" && tag != "script");
    }
    match (tag, element.attr("type").unwrap_or("text").to_ascii_lowercase().as_str()) {
        ("input", "text" | "number" | "tel") => count_in(element.attr("value")?),
        ("select", _) => {
            let chosen = inside(element).find(|option| option.attr("selected").is_some())?;
            count_in(&text_of(chosen)).filter(|_| WORDS.quantity.is_match(&super::markup::told_of(element)))
        }
        _ => None,
    }
}

/// Candidates that are lines of one cart: siblings, or each the only one in a sibling.
fn groups<'p>(candidates: &[Element<'p>]) -> Vec<Vec<Element<'p>>> {
    let mut groups: Vec<(Element<'p>, Vec<Element<'p>>)> = Vec::new();
    let mut alone = Vec::new();
    for candidate in candidates {
        let holds = |outer: Element<'_>| candidates.iter().filter(|one| contains(outer, **one)).count();
        let mut top = *candidate;
        while let Some(outer) = parent(top).filter(|outer| holds(*outer) == 1 && outer.value().name() != "body") {
            top = outer;
        }
        let Some(above) = parent(top).filter(|above| holds(*above) > 1) else {
            alone.push(vec![raised(*candidate)]);
            continue;
        };
        match groups.iter_mut().find(|(known, tops)| *known == above && is_alike(tops[0], top)) {
            Some((_, tops)) => tops.push(top),
            None => groups.push((above, vec![top])),
        }
        alone.push(vec![raised(*candidate)]);
    }
    // One line of several would be a wrong cart; it is one only where it has no siblings.
    let several: Vec<_> = groups.into_iter().map(|(_, tops)| tops).filter(|tops| tops.len() > 1).collect();
    alone.retain(|one| !several.iter().flatten().any(|top| contains(*top, one[0])));
    several.into_iter().chain(alone).collect()
}

fn is_alike(one: Element<'_>, other: Element<'_>) -> bool {
    let telling = |element: Element<'_>| -> Vec<String> { selector::simple(element, Within::Line) };
    let (one_list, other_list) = (telling(one), telling(other));
    one.value().name() == other.value().name()
        && (one.value().name() == "tr"
            || one_list.iter().any(|one| one.contains('.') && other_list.contains(one))
            || !one_list.iter().any(|one| one.contains('.')))
}

/// A line that is alone in the cart: the element around it where that is the one with a name of its own.
fn raised(line: Element<'_>) -> Element<'_> {
    let tells = |element: Element<'_>| {
        let mut classes = element.value().classes();
        element.value().name() == "tr" || classes.any(|class| !WORDS.layout.is_match(class))
    };
    let mut raised = line;
    while !tells(raised) {
        let only = |outer: &Element<'_>| outer.child_elements().count() == 1 && outer.value().name() != "body";
        match parent(raised).filter(only) {
            Some(outer) => raised = outer,
            None => return line,
        }
    }
    raised
}

fn line(element: Element<'_>, format: NumberFormat, typed: bool) -> Option<Line<'_>> {
    let amounts = amounts_in(element, format);
    let is_amount = |one: Element<'_>| amounts.iter().any(|amount| contains(amount.element, one));
    let counts = inside(element).filter(|one| !is_amount(*one));
    let counts: Vec<_> = counts.filter_map(|one| Some((one, count_of(one, typed)?))).collect();
    let name = fields::name_of(element)?;
    (!amounts.is_empty() && !counts.is_empty()).then_some(Line { element, name, counts, amounts })
}

/// The columns that are right in most lines, and in how many.
fn columns(lines: &[Line<'_>]) -> (Columns, usize) {
    let most = |count: fn(&Line<'_>) -> usize| lines.iter().map(count).max().unwrap_or(0);
    let (counts, amounts) = (most(|line| line.counts.len()), most(|line| line.amounts.len()));
    let mut best: Option<(Columns, usize)> = None;
    for quantity in 0..counts {
        for price in 0..amounts {
            for total in price + 1..amounts {
                let columns = Columns { quantity, price: Some(price), total: Some(total) };
                let right = lines.iter().filter(|line| is_right(line, columns)).count();
                if right > best.map_or(0, |(_, right)| right) {
                    best = Some((columns, right));
                }
            }
        }
    }
    best.unwrap_or_else(|| (by_names(lines), 0))
}

fn is_right(line: &Line<'_>, columns: Columns) -> bool {
    let amount = |at: Option<usize>| at.and_then(|at| line.amounts.get(at)).map(|one| one.value);
    let quantity = line.counts.get(columns.quantity).map(|(_, value)| *value);
    let (Some(quantity), Some(price), Some(total)) = (quantity, amount(columns.price), amount(columns.total)) else {
        return false;
    };
    // The printed price of one is rounded.
    let rounding = quantity.checked_mul(Decimal::new(5, 3)).and_then(|all| all.checked_add(Decimal::new(1, 2)));
    let apart = quantity.checked_mul(price).and_then(|all| all.checked_sub(total));
    apart.zip(rounding).is_some_and(|(apart, rounding)| apart.abs() <= rounding)
}

/// Where arithmetic says nothing: the field that is named so, and the last amount as the total.
fn by_names(lines: &[Line<'_>]) -> Columns {
    let first = &lines[0];
    let named = first.counts.iter().position(|(one, _)| WORDS.quantity.is_match(&super::markup::told_of(*one)));
    let says_price = |at: usize| {
        first.amounts.get(at).is_some_and(|one| {
            let told = control_text(one.element);
            WORDS.price.is_match(&told) && !WORDS.total.is_match(&told)
        })
    };
    let quantity = named.unwrap_or(0);
    match first.amounts.len() {
        1 if says_price(0) => Columns { quantity, price: Some(0), total: None },
        1 => Columns { quantity, price: None, total: Some(0) },
        _ => Columns { quantity, price: Some(0), total: Some(first.amounts.len() - 1) },
    }
}

fn money(lines: &[Line<'_>], columns: Columns, found: &mut FoundCart) -> Result<(), String> {
    for (key, column, why) in [("price", columns.price, "of one"), ("total", columns.total, "of the line")] {
        let Some(index) = column else { continue };
        let wide = fields::chain(&targets(lines, |line| line.amounts.get(index).map(|one| one.element)));
        let narrow = || fields::chain(&targets(lines, |line| line.amounts.get(index).map(|one| one.inner)));
        // A place that is counted moves with the next column.
        let is_steady = |chain: &String| !chain.contains(":nth-");
        let chain = wide.clone().filter(is_steady).or_else(|| narrow().filter(is_steady)).or(wide);
        let chain = chain.ok_or_else(|| format!("the lines' {key} shares no selector"))?;
        found.keys.add(key, chain, why);
    }
    let is_checked =
        lines.iter().any(|line| is_right(line, columns) && line.counts[columns.quantity].1 != Decimal::ONE);
    if columns.price.is_none() || columns.total.is_none() {
        let what = if columns.price.is_none() { "the line's total" } else { "the price of one" };
        found.doubts.push(Doubt::new("shop.cart", format!("there is one amount a line; it is taken for {what}")));
    } else if !is_checked {
        let text =
            "every quantity is 1, or none times its price is its total: see that they are not the wrong way round";
        found.doubts.push(Doubt::new("shop.cart.price", text));
    }
    Ok(())
}
