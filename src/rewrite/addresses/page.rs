//! Attributes of a page in which addresses stand.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::LazyLock;

use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, HandlerResult, Selector, Settings};

use super::{Mapping, headers};
use crate::rewrite::controls::attribute;
use crate::selector::written;

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One address, in the attribute of that name.
    Address(&'static str),
    /// Pictures to choose from: `a.png 1x, b.png 2x`.
    Pictures(&'static str),
    /// The `content` of a `<meta>`.
    Meta,
}

/// Each costs every tag of the page a look, so there is one for an attribute, on whatever element it stands.
const KINDS: [(&str, Kind); 9] = [
    // `<base>` too, on which every relative address of the page depends.
    ("[href]", Kind::Address("href")),
    ("[src]", Kind::Address("src")),
    ("[action]", Kind::Address("action")),
    ("[formaction]", Kind::Address("formaction")),
    ("[poster]", Kind::Address("poster")),
    ("object[data]", Kind::Address("data")),
    ("[srcset]", Kind::Pictures("srcset")),
    ("[imagesrcset]", Kind::Pictures("imagesrcset")),
    ("meta[http-equiv]", Kind::Meta),
];

/// The handlers of a page, after those that `settings` has: what they read, they read as the shop wrote it.
pub fn handlers<M>(mapping: M, settings: Settings<'static, 'static>) -> Settings<'static, 'static>
where
    M: Deref<Target: Mapping + Sized> + Clone + 'static,
{
    static SELECTORS: LazyLock<Vec<(Kind, Selector)>> = LazyLock::new(|| {
        let compile = |(selector, kind): (&str, Kind)| (kind, written(selector));
        KINDS.into_iter().map(compile).collect()
    });
    SELECTORS.iter().fold(settings, |settings, (kind, selector)| {
        let (mapping, kind) = (mapping.clone(), *kind);
        let map = move |found: &mut Element| element(&*mapping, found, kind);
        let handlers = ElementContentHandlers::default().element(map);
        settings.append_element_content_handler((Cow::Borrowed(selector), handlers))
    })
}

fn element(mapping: &impl Mapping, element: &mut Element, kind: Kind) -> HandlerResult {
    let (name, mapped) = match kind {
        Kind::Address(name) if element.tag_name() == "base" => (name, map(element, name, |raw| mapping.base(raw))),
        Kind::Address(name) => (name, map(element, name, |raw| mapping.in_markup(raw))),
        Kind::Pictures(name) => (name, map(element, name, |raw| pictures(raw, mapping))),
        Kind::Meta => ("content", meta(element, mapping)),
    };
    if let Some(mapped) = mapped {
        // Raw as it came, but for a quotation mark, which it writes as a reference.
        element.set_attribute(name, &mapped)?;
    }
    Ok(())
}

fn meta(element: &Element, mapping: &impl Mapping) -> Option<String> {
    let about = element.get_attribute("http-equiv")?;
    about.trim().eq_ignore_ascii_case("refresh").then_some(())?;
    let content = htmlize::unescape_attribute(element.get_attribute("content")?).into_owned();
    Some(attribute(&headers::refresh(&content, mapping)?).into())
}

/// HTML, "parse a srcset attribute": an address ends at a blank, and what describes it at a comma.
fn pictures(raw: &str, mapping: &impl Mapping) -> Option<String> {
    let (mut mapped, mut done, mut at) = (String::new(), 0, 0);
    let gap = |character: char| character.is_ascii_whitespace() || character == ',';
    loop {
        at = raw.len() - raw[at..].trim_start_matches(gap).len();
        let length = raw[at..].find(|character: char| character.is_ascii_whitespace());
        let end = length.map_or(raw.len(), |length| at + length);
        if at == end {
            break;
        }
        let address = raw[at..end].trim_end_matches(',');
        if let Some(address_mapped) = mapping.in_markup(address) {
            mapped.push_str(&raw[done..at]);
            mapped.push_str(&address_mapped);
            done = at + address.len();
        }
        let described = end == at + address.len();
        at = match raw[end..].find(',').filter(|_| described) {
            Some(comma) => end + comma,
            None if described => raw.len(),
            None => end,
        };
    }
    (done > 0).then(|| mapped + &raw[done..])
}

fn map(element: &Element, name: &str, map: impl Fn(&str) -> Option<String>) -> Option<String> {
    map(&element.get_attribute(name)?)
}
