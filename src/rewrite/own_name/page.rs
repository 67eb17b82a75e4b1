//! Attributes of a page in which the shop's name stands.

use std::borrow::Cow;
use std::sync::Arc;

use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, HandlerResult, Selector, Settings};

use super::OwnName;
use crate::rewrite::controls::attribute;

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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

pub(super) fn selectors() -> Vec<(Kind, Selector)> {
    let compile = |(selector, kind): (&str, Kind)| (kind, selector.parse().expect("a selector written here"));
    KINDS.into_iter().map(compile).collect()
}

impl OwnName {
    /// The handlers of a page, after those that `settings` has: what they read, they read as the shop wrote it.
    pub fn in_page(self: &Arc<Self>, settings: Settings<'static, 'static>) -> Settings<'static, 'static> {
        self.selectors.iter().fold(settings, |settings, (kind, selector)| {
            let (own, kind) = (self.clone(), *kind);
            let map = move |element: &mut Element| own.element(element, kind);
            let handlers = ElementContentHandlers::default().element(map);
            settings.append_element_content_handler((Cow::Owned(selector.clone()), handlers))
        })
    }

    fn element(&self, element: &mut Element, kind: Kind) -> HandlerResult {
        let (name, mapped) = match kind {
            Kind::Address(name) => (name, map(element, name, |raw| self.toward_visitor_in_markup(raw))),
            Kind::Pictures(name) => (name, map(element, name, |raw| self.pictures(raw))),
            Kind::Meta => ("content", self.meta(element)),
        };
        if let Some(mapped) = mapped {
            // Raw as it came, but for a quotation mark, which it writes as a reference.
            element.set_attribute(name, &mapped)?;
        }
        Ok(())
    }

    fn meta(&self, element: &Element) -> Option<String> {
        let about = element.get_attribute("http-equiv")?;
        about.trim().eq_ignore_ascii_case("refresh").then_some(())?;
        let content = htmlize::unescape_attribute(element.get_attribute("content")?).into_owned();
        Some(attribute(&self.refresh(&content)?).into())
    }

    /// HTML, "parse a srcset attribute": an address ends at a blank, and what describes it at a comma.
    fn pictures(&self, raw: &str) -> Option<String> {
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
            if let Some(address_mapped) = self.toward_visitor_in_markup(address) {
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
}

fn map(element: &Element, name: &str, map: impl Fn(&str) -> Option<String>) -> Option<String> {
    map(&element.get_attribute(name)?)
}
