//! Putting an article into the cart, and taking all of them out again.

use super::keys::{Keys, quoted};
use super::links::by_address;
use super::markup::{Element, Markup, above, control_text, inside, told_of};
use super::selector;
use super::words::WORDS;

/// The form that puts an article into the cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAdd {
    /// Its selector.
    pub form: String,
    /// The field for how many, and what stands in it.
    pub quantity: Option<(String, String)>,
    /// The button's name, where it has one.
    pub submit: Option<String>,
}

/// The form on an article's page whose button or address says that it goes into the cart.
pub fn find_add(source: &str) -> Option<FoundAdd> {
    let markup = Markup::parse(source);
    let worth = |form: Element<'_>| {
        let action = form.attr("action").unwrap_or_default();
        let buttons =
            inside(form).filter(|one| matches!(one.value().name(), "button") || one.attr("type") == Some("submit"));
        let says = buttons.filter(|one| WORDS.add.is_match(&control_text(*one))).count().min(1);
        let into = usize::from(WORDS.cart.is_match(action)) + usize::from(WORDS.cart.is_match(&told_of(form)));
        let has_quantity = usize::from(quantity_in(form).is_some());
        let is_search =
            inside(form).any(|one| one.attr("type") == Some("password") || one.attr("type") == Some("search"));
        if is_search { 0 } else { 2 * says + 2 * into.min(1) + has_quantity }
    };
    let best = markup.named("form").map(|form| (worth(form), form)).filter(|(worth, _)| *worth >= 2);
    // The first of equals: recommendations come later on the page.
    let (_, form) = best.fold(None, |best: Option<(usize, Element<'_>)>, one| match best {
        Some(known) if known.0 >= one.0 => Some(known),
        _ => Some(one),
    })?;
    let button = inside(form).find(|one| {
        let submits = matches!(
            (one.value().name(), one.attr("type")),
            ("button", None | Some("submit")) | ("input", Some("submit" | "image"))
        );
        submits && WORDS.add.is_match(&control_text(*one))
    });
    Some(FoundAdd {
        form: selector::of_one(&markup, form)?,
        quantity: quantity_in(form),
        submit: button.and_then(|one| one.attr("name")).filter(|name| !name.is_empty()).map(str::to_owned),
    })
}

fn quantity_in(form: Element<'_>) -> Option<(String, String)> {
    let field = inside(form).find(|one| {
        one.value().name() == "input"
            && !matches!(one.attr("type"), Some("hidden" | "submit" | "checkbox" | "radio"))
            && (one.attr("type") == Some("number") || WORDS.quantity.is_match(&told_of(*one)))
    })?;
    Some((field.attr("name")?.to_owned(), field.attr("value").unwrap_or("1").to_owned()))
}

/// Ways to empty the cart on its page, as keys of `[shop.cart.clear]`, the likeliest first. Each is to be tried: only the
/// shop's answer shows that it works.
pub fn ways_to_empty(source: &str, line: &str) -> Vec<Keys> {
    let markup = Markup::parse(source);
    let lines = markup.matching(line);
    let ways = [whole(&markup), links(line, &lines), boxes(&markup, &lines), zeros(&markup, &lines)];
    ways.into_iter().flatten().collect()
}

/// A link beside the lines that empties all of it.
fn whole(markup: &Markup) -> Option<Keys> {
    let link = markup.named("a").find(|link| {
        let href = link.attr("href").unwrap_or_default();
        let says = format!("{href} {}", super::markup::text_of(*link));
        !href.starts_with('#')
            && !href.starts_with("javascript:")
            && WORDS.clear.is_match(&says)
            && WORDS.cart.is_match(&says)
    })?;
    let mut keys = Keys::default();
    keys.add("links", quoted(&by_address("a", "href", link.attr("href")?)?), "one link for the whole cart");
    Some(keys)
}

/// A link of each line.
fn links(line: &str, lines: &[Element<'_>]) -> Option<Keys> {
    let is_removing = |link: &Element<'_>| {
        let href = link.attr("href").unwrap_or_default();
        let leads = !href.is_empty() && !href.starts_with('#') && !href.starts_with("javascript:");
        link.value().name() == "a" && leads && WORDS.remove.is_match(&control_text(*link))
    };
    let all: Vec<_> = lines.iter().map(|line| (*line, inside(*line).find(|one| is_removing(one)))).collect();
    let place = selector::in_lines(&all).filter(|_| all.iter().all(|(_, link)| link.is_some()))?;
    let mut keys = Keys::default();
    keys.add("links", quoted(&format!("{line} {place}")), "one for each line");
    Some(keys)
}

/// A box of each line that is ticked.
fn boxes(markup: &Markup, lines: &[Element<'_>]) -> Option<Keys> {
    let is_box = |one: &Element<'_>| {
        one.attr("type") == Some("checkbox") && one.attr("name").is_some_and(|name| WORDS.remove.is_match(name))
    };
    let first = lines.iter().find_map(|line| inside(*line).find(is_box))?;
    filled(markup, first, "on", "ticked in every line")
}

/// A quantity of none.
fn zeros(markup: &Markup, lines: &[Element<'_>]) -> Option<Keys> {
    let is_quantity = |one: &Element<'_>| {
        one.value().name() == "input" && !matches!(one.attr("type"), Some("hidden" | "checkbox" | "submit"))
    };
    let first = lines.iter().find_map(|line| inside(*line).find(is_quantity))?;
    filled(markup, first, "0", "a quantity of none in every line")
}

fn filled(markup: &Markup, field: Element<'_>, value: &str, why: &str) -> Option<Keys> {
    let form = above(field).find(|one| one.value().name() == "form")?;
    let name = of_every_line(field.attr("name")?);
    let mut keys = Keys::default();
    keys.add("form", quoted(&selector::of_one(markup, form)?), "filled in and sent");
    keys.add("fields", format!("{{ {} = {} }}", quoted(&name), quoted(value)), why);
    let update = inside(form).find(|one| {
        let submits = matches!(one.attr("type"), None | Some("submit" | "image"))
            && matches!(one.value().name(), "button" | "input");
        submits
            && one.attr("name").is_some()
            && WORDS.update.is_match(&control_text(*one))
            && !WORDS.checkout.is_match(&control_text(*one))
    });
    if let Some(name) = update.and_then(|one| one.attr("name")) {
        keys.add("submit", quoted(name), "the button");
    }
    Some(keys)
}

/// The name with `{n}` for what is one line's own: `form-0-DELETE`, `quantity[57]`, `cart[3c5][qty]`.
fn of_every_line(name: &str) -> String {
    if let (Some(open), Some(close)) = (name.find('['), name.find(']'))
        && open + 1 < close
    {
        return format!("{}{{n}}{}", &name[..=open], &name[close..]);
    }
    let Some(begin) = name.find(|c: char| c.is_ascii_digit()) else { return name.to_owned() };
    let length = name[begin..].find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len() - begin);
    format!("{}{{n}}{}", &name[..begin], &name[begin + length..])
}

/// How an empty cart's page says so: a place and a pattern that do not fit the full one.
pub fn find_empty(empty: &str, full: &str) -> Option<String> {
    let (empty, full) = (Markup::parse(empty), Markup::parse(full));
    let says = |element: &Element<'_>| {
        let text = super::markup::own_text(*element);
        let is_shown =
            !matches!(element.value().name(), "script" | "style" | "title" | "option" | "button" | "template");
        is_shown && text.chars().count() < 200 && WORDS.empty.is_match(&text)
    };
    for element in empty.all().filter(says) {
        let Some(place) = selector::of_one(&empty, element).or_else(|| simple_place(&empty, element)) else { continue };
        let on_full = full.matching(&place);
        if on_full.is_empty() {
            return Some(quoted(&place));
        }
        if !on_full.iter().any(says) {
            let pattern = WORDS.empty.as_str();
            return Some(format!("{{ select = {}, pattern = {} }}", quoted(&place), quoted(pattern)));
        }
    }
    None
}

/// A place that other elements share, told apart by what stands there.
fn simple_place(markup: &Markup, element: Element<'_>) -> Option<String> {
    let tag = element.value().name();
    let scope = above(element).filter(|one| !matches!(one.value().name(), "body" | "html"));
    let scope = scope.flat_map(|one| selector::simple(one, selector::Within::Page)).find(|one| one.starts_with('#'))?;
    let place = format!("{scope} {tag}");
    markup.matching(&place).contains(&element).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_lines_apart_is_left_open() {
        for (name, expected) in [
            ("form-0-DELETE", "form-{n}-DELETE"),
            ("quantity[57]", "quantity[{n}]"),
            ("cart[3c5][qty]", "cart[{n}][qty]"),
            ("a1", "a{n}"),
            ("quantity", "quantity"),
        ] {
            assert_eq!(of_every_line(name), expected);
        }
    }

    #[test]
    fn the_form_that_adds_is_found_among_others() {
        let html = "<form id=s action=/search><input name=q><button>Kjøp nå</button></form>\
            <form id=add action=/handlekurv/legg-til method=post><input name=antall value=5 size=3><button>Legg i kurv</button></form>\
            <form id=more action=/handlekurv/legg-til><button>Legg i kurv</button></form>";
        let found = find_add(html).unwrap();
        assert_eq!((found.form.as_str(), found.quantity), ("#add", Some(("antall".into(), "5".into()))));
    }

    #[test]
    fn an_empty_cart_is_told_from_a_full_one() {
        let full = "<div id=x><p>Varer</p><table></table></div>";
        let place = |empty: &str| find_empty(empty, full);
        assert_eq!(place("<div id=x><p class='kurv-tom'>Kurven er tom.</p></div>").unwrap(), "\"p.kurv-tom\"");
        assert!(place("<div id=x><p>Your cart is empty</p></div>").unwrap().starts_with("{ select = \"#x p\""));
        assert_eq!(place("<div id=x><p>Varer</p></div>"), None);
    }
}
