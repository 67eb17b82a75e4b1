//! Links and controls: selectors by where they lead, and address patterns for what is closed.

use url::Url;

use super::markup::{Element, Markup, control_text};
use super::selector;

/// A selector for links to the same place, whatever language or host stands before it.
pub(super) fn by_address(tag: &str, attribute: &str, written: &str) -> Option<String> {
    if written.contains(['\'', '"', '\\']) {
        return None;
    }
    let (before, query) = match written.split_once('?') {
        Some((before, query)) => (before, Some(query.split('#').next().unwrap_or_default())),
        None => (written.split('#').next().unwrap_or_default(), None),
    };
    // `route=checkout/checkout` says it all; a number or a token is that visit's own.
    let telling = query.into_iter().flat_map(|query| query.split('&'));
    let telling = telling.map(|pair| pair.trim_start_matches("amp;")).find(|pair| {
        pair.split_once('=').is_some_and(|(_, value)| {
            value.chars().any(char::is_alphabetic) && value.len() < 40 && !value.chars().any(|c| c.is_ascii_digit())
        })
    });
    if let Some(pair) = telling {
        return Some(format!("{tag}[{attribute}*='{pair}']"));
    }
    let path = steady_path(&path_of(before));
    if path == "/" {
        return None;
    }
    match query {
        Some(_) => Some(format!("{tag}[{attribute}*='{path}']")),
        None => Some(format!("{tag}[{attribute}$='{path}']")),
    }
}

/// The path of an address as it is written, with or without a host.
fn path_of(written: &str) -> String {
    let after_host = written.split_once("://").map(|(_, rest)| rest).or_else(|| written.strip_prefix("//"));
    match after_host {
        Some(rest) => rest.find('/').map_or("/".to_owned(), |at| rest[at..].to_owned()),
        None => written.to_owned(),
    }
}

/// Without a language in front: `/nb/checkout/` is `/checkout/`.
pub(super) fn steady_path(path: &str) -> String {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (first, more) = rest.split_once('/').unwrap_or((rest, ""));
    let is_language = !more.is_empty()
        && first.split('-').next().is_some_and(|code| code.len() == 2)
        && first.len() <= 5
        && first.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if is_language { format!("/{more}") } else { path.to_owned() }
}

/// What is closed where an address leads to checkout or to an account's pages: it and all below it.
pub(super) fn closing(url: &Url) -> Vec<String> {
    let telling =
        url.query_pairs().find(|(_, value)| value.contains(['/', '_']) || value.chars().all(char::is_alphabetic));
    if let Some((name, value)) = telling.filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        return vec![format!("?{name}={value}**")];
    }
    let path = steady_path(url.path());
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Vec::new();
    }
    let mut closed = vec![format!("{path}/**")];
    if steady_path(url.path()) != url.path() {
        closed.push(format!("/*{path}/**"));
    }
    closed
}

/// Links, and buttons that lead somewhere by script.
pub(super) fn controls(markup: &Markup) -> impl Iterator<Item = Element<'_>> {
    markup.all().filter(|element| match element.value().name() {
        "a" => element.attr("href").is_some(),
        "button" => true,
        "input" => matches!(element.attr("type"), Some(kind) if ["submit", "button", "image"].iter().any(|one| kind.eq_ignore_ascii_case(one))),
        _ => false,
    })
}

/// Where a control leads, by its own word.
pub(super) fn target(page: &Url, element: Element<'_>) -> Option<Url> {
    let written = element.attr("href").or_else(|| element.attr("formaction")).map(str::to_owned);
    let written = written.or_else(|| {
        let script = element.attr("onclick")?;
        let quote = script.find(['\'', '"'])?;
        let rest = &script[quote + 1..];
        let address = &rest[..rest.find(['\'', '"'])?];
        (address.starts_with('/') || address.contains("://")).then(|| address.to_owned())
    })?;
    let url = page.join(written.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// A selector for a control: by where it leads, or by its names.
pub(super) fn of_control(markup: &Markup, element: Element<'_>) -> Option<String> {
    let tag = element.value().name();
    let by_href =
        element.attr("href").filter(|href| !href.starts_with('#')).and_then(|href| by_address(tag, "href", href));
    by_href.or_else(|| {
        let simple = selector::simple(element, selector::Within::Page);
        let told = control_text(element);
        // A class that says what the text says is the theme's own word for the control.
        let by_word = simple.iter().find(|one| {
            super::words::WORDS.checkout.is_match(one)
                && markup.matching(one).iter().all(|same| same.value().name() == tag)
        });
        by_word.cloned().or_else(|| selector::of_one(markup, element)).filter(|_| !told.trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_known_by_the_steady_part_of_its_address() {
        for (written, expected) in [
            ("/nb/checkout/", Some("a[href$='/checkout/']")),
            ("http://shop.example/checkout/", Some("a[href$='/checkout/']")),
            ("http://shop.example/index.php?route=checkout/checkout", Some("a[href*='route=checkout/checkout']")),
            ("http://shop.example/index.php?main_page=logoff&amp;x=1", Some("a[href*='main_page=logoff']")),
            ("/cart?id=7", Some("a[href*='/cart']")),
            ("kasse.asp", Some("a[href$='kasse.asp']")),
            ("/", None),
            ("/it's", None),
        ] {
            assert_eq!(by_address("a", "href", written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn what_is_below_a_checkout_is_closed_too() {
        for (address, expected) in [
            ("http://shop.example/checkout/", &["/checkout/**"][..]),
            ("http://shop.example/nb/checkout/", &["/checkout/**", "/*/checkout/**"]),
            ("http://shop.example/index.php?route=checkout/checkout", &["?route=checkout/checkout**"]),
            ("http://shop.example/", &[]),
        ] {
            assert_eq!(closing(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
