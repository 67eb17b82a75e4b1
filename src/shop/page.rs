//! A page of the shop, as we hold it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use encoding_rs::Encoding;
use http::{HeaderMap, StatusCode};
use lol_html::errors::RewritingError;
use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, HandlerResult, HtmlRewriter, MemorySettings, Selector, Settings};
use url::{Position, Url};

/// Longest title that is repeated in a log.
const TITLE_LENGTH: usize = 80;
/// What lol_html may take beside the page itself.
const PARSER_MEMORY: usize = 16 * 1024 * 1024;

/// A page that was fetched: where all redirects ended, decompressed and decoded.
#[derive(Clone)]
pub struct Page {
    /// Where it came from, under the name by which we know the shop.
    pub url: Url,
    /// Its status. A redirect only where it leads away from the shop.
    pub status: StatusCode,
    /// Its head, as it came.
    pub headers: HeaderMap,
    /// Its text.
    pub text: String,
    /// What it was decoded from, and its forms are sent in.
    pub encoding: &'static Encoding,
    /// How many redirects led to it.
    pub redirects: usize,
    /// Where it leads, when that is another host and so was not followed.
    pub leads_away: Option<Url>,
}

impl Page {
    /// The text of its first `<title>`, shortened for a log.
    pub fn title(&self) -> Option<String> {
        let start = find_ignoring_case(&self.text, "<title")?;
        let text = self.text[start..].split_once('>')?.1;
        let text = &text[..find_ignoring_case(text, "</title")?];
        let words: Vec<_> = text.split_whitespace().collect();
        let title = htmlize::unescape(words.join(" ")).chars().filter(|c| !c.is_control()).take(TITLE_LENGTH).collect();
        Some(title).filter(|title: &String| !title.is_empty())
    }

    /// Whether an element on it matches. A page that cannot be parsed holds nothing.
    pub fn holds(&self, selector: &Selector) -> bool {
        Page::holds_in(&self.text, selector)
    }

    /// The same of a page's text.
    pub fn holds_in(text: &str, selector: &Selector) -> bool {
        let found = Cell::new(false);
        let handler = |_: &mut Element<'_, '_>| {
            found.set(true);
            Ok(())
        };
        let parsed = walk([text], vec![(selector, Box::new(handler))]);
        parsed.is_ok() && found.get()
    }

    /// The addresses that its links have in `attribute`, in the order of the page, each once.
    pub fn addresses(&self, links: &Selector, attribute: &str) -> Vec<String> {
        let found = RefCell::new(Vec::new());
        let handler = |element: &mut Element<'_, '_>| {
            if let Some(value) = element.get_attribute(attribute) {
                let address = htmlize::unescape_attribute(value.trim()).into_owned();
                let mut found = found.borrow_mut();
                if !address.is_empty() && !address.starts_with('#') && !found.contains(&address) {
                    found.push(address);
                }
            }
            Ok(())
        };
        // What was found before the page could not be parsed any further is a link all the same.
        let _ = walk([self.text.as_str()], vec![(links, Box::new(handler))]);
        found.into_inner()
    }

    /// What it says, where it is JSON; shops send that as `text/html` too.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.text.trim_start_matches('\u{FEFF}')).ok()
    }

    /// Path and query.
    pub fn address(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// For a log: where it was, its status and its title; never its query, which may hold tokens.
    pub fn describe(&self) -> String {
        let mut text = format!("{} answered {}", self.url.path(), self.status.as_u16());
        if let Some(away) = &self.leads_away {
            let away = &away[Position::BeforeHost..Position::AfterPath];
            text.push_str(&format!(" and leads to another host ({away})"));
        }
        if let Some(title) = self.title() {
            text.push_str(&format!(" with the title \"{title}\""));
        }
        text
    }
}

impl fmt::Debug for Page {
    /// Without its head, its text and its query: cookies, tokens and agreed prices are in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({})", self.describe())
    }
}

/// Handles a start tag.
pub(super) type OnElement<'h> = Box<dyn FnMut(&mut Element<'_, '_>) -> HandlerResult + 'h>;

/// Goes through a page's markup. Positions of elements are byte offsets in the chunks taken together.
pub(super) fn walk<'c, 'h>(
    chunks: impl IntoIterator<Item = &'c str>,
    handlers: Vec<(&'h Selector, OnElement<'h>)>,
) -> Result<(), RewritingError> {
    // Not strict: what a browser shrugs at must not stop us.
    let mut settings = Settings::new()
        .with_strict(false)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(PARSER_MEMORY));
    for (selector, handler) in handlers {
        let handler = ElementContentHandlers::default().element(handler);
        settings = settings.append_element_content_handler((Cow::Borrowed(selector), handler));
    }
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    for chunk in chunks {
        rewriter.write(chunk.as_bytes())?;
    }
    rewriter.end()
}

/// Where `needle`, in lower-case ASCII, stands in `text` in any case.
pub(super) fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    memchr::memchr_iter(needle[0], text)
        .find(|at| text.get(*at..at + needle.len()).is_some_and(|here| here.eq_ignore_ascii_case(needle)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page {
            url: "https://user:secret@shop.example/konto?token=secret".parse().unwrap(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            text: text.to_owned(),
            encoding: encoding_rs::UTF_8,
            redirects: 0,
            leads_away: None,
        }
    }

    #[test]
    fn a_description_tells_no_query() {
        let mut seen = page("<html><TITLE lang=nb>\n Min  konto &amp; mer </TITLE><title>second</title>");
        assert_eq!(seen.describe(), "/konto answered 200 with the title \"Min konto & mer\"");
        assert!(!format!("{seen:?}").contains("secret"));
        seen.text = "<svg>".into();
        seen.leads_away = Some("https://u:secret@sso.example:8443/in?code=secret".parse().unwrap());
        assert_eq!(seen.describe(), "/konto answered 200 and leads to another host (sso.example:8443/in)");
    }

    #[test]
    fn elements_are_found_in_markup_and_not_in_scripts() {
        let logout: Selector = "a[href*=\"logout\"]".parse().unwrap();
        assert!(page("<ul><li><a class=x href='/logout/'>Logg ut</a>").holds(&logout));
        assert!(!page("<script>'<a href=\"/logout/\">'</script><!-- <a href=/logout/> -->").holds(&logout));
    }

    #[test]
    fn json_is_json_whatever_it_is_called() {
        assert_eq!(page("\u{FEFF}{\"a\": 1}").json().unwrap()["a"], 1);
        assert!(page("<p>").json().is_none());
    }
}
