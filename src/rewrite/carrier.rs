//! The session in every address of an answer, for a browser that keeps no cookies.
//!
//! The session's addresses are the shop's behind a root of its own: `/basket/?a=1` becomes `<root>/basket/?a=1`. Relative
//! addresses stay below the root by themselves; those that climb (`../..`) are written out. Another host's address is never
//! touched, and what could tell it the root is taken out of the page: a `<base>` of another host, under which our
//! addresses would be that host's, and words by which a page asks for more Referer than the answer's policy gives.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use http::HeaderMap;
use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, HandlerResult, Selector, Settings};
use url::{Position, Url};

use super::addresses::{self, Mapping};
use super::controls::attribute;
use super::own_name::{Name, OwnName};
use crate::selector::written;

/// Writes one answer's addresses for the session that it belongs to.
pub struct Carrier {
    root: String,
    /// The shop's own name, where visitors know it by another.
    own: Option<Arc<OwnName>>,
    /// The name that visitors type.
    public: Option<Name>,
    base: RefCell<Base>,
}

/// What the page's relative addresses depend on.
struct Base {
    /// Without the root.
    url: Url,
    /// The page had a word on it; only the first counts.
    said: bool,
    /// It is another host's.
    foreign: bool,
}

impl Carrier {
    /// For the answer to a request for `path`, as the shop knows it. `root` has no slash at its end.
    pub fn new(root: &str, public: Option<Name>, own: Option<Arc<OwnName>>, path: &str) -> Rc<Self> {
        let origin = public.as_ref().and_then(|name| Url::parse(&name.origin()).ok());
        // A name that nobody has, where no name is known.
        let origin = origin.or_else(|| Url::parse("http://shop.invalid/").ok()).expect("an address written here");
        let mut url = origin;
        url.set_path(path);
        let base = RefCell::new(Base { url, said: false, foreign: false });
        Rc::new(Carrier { root: root.to_owned(), own, public, base })
    }

    /// Maps an answer's fields.
    pub fn answer(&self, headers: &mut HeaderMap) {
        addresses::headers::answer(headers, self);
    }

    /// The handlers of a page, after those that `settings` has: what they read, they read as the shop wrote it.
    pub fn in_page(self: &Rc<Self>, settings: Settings<'static, 'static>) -> Settings<'static, 'static> {
        type Step = fn(&mut Element) -> HandlerResult;
        const TELLING: [(&str, Step); 3] = [
            ("[ping]", |element| {
                element.remove_attribute("ping");
                Ok(())
            }),
            ("[referrerpolicy]", |element| {
                element.remove_attribute("referrerpolicy");
                Ok(())
            }),
            ("meta[name]", |meta| {
                if meta.get_attribute("name").is_some_and(|name| name.trim().eq_ignore_ascii_case("referrer")) {
                    meta.remove();
                }
                Ok(())
            }),
        ];
        static SELECTORS: LazyLock<Vec<Selector>> =
            LazyLock::new(|| TELLING.iter().map(|(selector, _)| written(selector)).collect());
        let settings = addresses::page::handlers(self.clone(), settings);
        SELECTORS.iter().zip(TELLING).fold(settings, |settings, (selector, (_, step))| {
            let handlers = ElementContentHandlers::default().element(step);
            settings.append_element_content_handler((Cow::Borrowed(selector), handlers))
        })
    }

    fn carry(&self, address: &str) -> Option<String> {
        let text = as_browsers_read(address);
        let text = self.own.as_ref().and_then(|own| own.toward_visitor(&text)).unwrap_or(text);
        if let Some(rest) = self.public.as_ref().and_then(|name| name.path_of(&text)) {
            return Some(self.below(rest));
        }
        let mut slashes = text.bytes().map(|byte| matches!(byte, b'/' | b'\\'));
        let base = self.base.borrow();
        match (slashes.next(), slashes.next()) {
            (Some(true), Some(true)) => self.odd(&base, &text),
            _ if Url::parse(&text).is_ok() || has_web_scheme(&text) => self.odd(&base, &text),
            _ if base.foreign => base.url.join(&text).ok().filter(|_| !text.starts_with('#')).map(Into::into),
            (Some(true), _) => Some(self.below(&text)).filter(|mapped| *mapped != text),
            _ => self.climbing(&base, &text),
        }
    }

    /// An address of another host, or of ours in a spelling that only browsers understand.
    fn odd(&self, base: &Base, text: &str) -> Option<String> {
        let url = base.url.join(text).ok().filter(|url| self.is_ours(url))?;
        Some(self.below(&url[Position::BeforePath..]))
    }

    /// A relative address that may lead above the page's own folder, and so out of the root.
    fn climbing(&self, base: &Base, text: &str) -> Option<String> {
        let (path, rest) = split_path(text);
        climbs(path).then_some(())?;
        // With a query, or a blank before the one that it had would be dropped.
        let url = base.url.join(&format!("{path}?")).ok()?;
        Some(self.below(&format!("{}{rest}", url.path())))
    }

    /// `rest` is what stands behind an origin of ours.
    fn below(&self, rest: &str) -> String {
        if let (path, more) = split_path(rest)
            && climbs(path)
            && let Ok(mut url) = Url::parse("http://shop.invalid/")
        {
            // Out of the shop nothing climbs, and so out of the root nothing must.
            url.set_path(path);
            return self.below(&format!("{}{more}", url.path()));
        }
        let after = rest.strip_prefix(self.root.as_str());
        if after.is_some_and(|after| after.is_empty() || after.starts_with(['/', '\\', '?', '#'])) {
            return rest.to_owned();
        }
        let slash = if rest.starts_with(['/', '\\']) { "" } else { "/" };
        format!("{}{slash}{rest}", self.root)
    }

    fn is_ours(&self, url: &Url) -> bool {
        self.public.as_ref().is_some_and(|name| name.may_be_of(url))
    }
}

impl Mapping for Carrier {
    fn address(&self, address: &str) -> Option<String> {
        self.carry(address)
    }

    fn in_markup(&self, raw: &str) -> Option<String> {
        Some(attribute(&self.carry(&htmlize::unescape_attribute(raw))?).into_owned())
    }

    fn base(&self, raw: &str) -> Option<String> {
        if self.base.borrow().said {
            return None;
        }
        let text = as_browsers_read(&htmlize::unescape_attribute(raw));
        let mapped = self.carry(&text);
        let mut base = self.base.borrow_mut();
        base.said = true;
        let url = base.url.join(&text).ok()?;
        if matches!(url.scheme(), "data" | "javascript") {
            return None; // browsers overlook it
        }
        let own = self.own.as_ref().is_some_and(|own| own.toward_visitor(&text).is_some());
        base.foreign = !own && !self.is_ours(&url) && url.origin() != base.url.origin();
        if base.foreign {
            base.url = url;
            // It counts, as the first one does, and says what none would say.
            return Some(String::new());
        }
        base.url.set_path(url.path());
        mapped.map(|mapped| attribute(&mapped).into_owned())
    }
}

/// Browsers drop blanks and control characters around an address, and some within.
fn as_browsers_read(address: &str) -> String {
    address.trim_matches(|character| character <= ' ').replace(['\t', '\r', '\n'], "")
}

/// The path of an address without an origin, and query and fragment.
fn split_path(text: &str) -> (&str, &str) {
    text.split_at(text.find(['?', '#']).unwrap_or(text.len()))
}

/// Whether a path may lead above where it begins, in any spelling of the dots.
fn climbs(path: &str) -> bool {
    let segments = path.split(['/', '\\']).map(|segment| segment.to_ascii_lowercase().replace("%2e", "."));
    segments.into_iter().any(|segment| segment == "..")
}

/// `https:basket/` too, which is relative to a page of the same scheme.
fn has_web_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)))
}

#[cfg(test)]
mod tests;
