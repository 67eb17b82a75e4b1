//! What is changed in a page of a session: checkout controls, hidden parts, the page's own policy, the end of its body.
//!
//! # What a control becomes
//!
//! | control | [`Way::Submit`] | [`Way::Lead`] |
//! |---|---|---|
//! | `<a>` | a submit button of the return form | a link to our URL |
//! | `<button>`, `<input type=submit\|button\|image>` | a submit button of the return form | a submit button of the start form |
//! | `<form>` | leads to our URL | leads to our URL |
//! | anything else | loses what made it lead anywhere | the same |
//!
//! A submit button belongs to its form by `form="id"`, which works wherever the button stands, even inside another form
//! (HTML, "form owner"). Buttons and links inside a control are part of it. Classes, content and labels stay, so that it
//! looks as before; attributes that make it do something else go.
//!
//! # URLs
//!
//! A root-relative URL of ours goes to another host where the page has a `<base>` of that host: give absolute URLs for
//! shops that do.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use lol_html::errors::SelectorError;
use lol_html::html_content::{ContentType, DocumentEnd, Element, EndTag};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, HandlerResult, Selector, Settings};

use super::csp::Opening;

/// The id of the form that carries the cart to the hook. The caller writes it at the end of the body.
pub const RETURN_FORM: &str = "punchout-return";
/// The id of the form that leads to our own return page. It is written here.
pub const START_FORM: &str = "punchout-start";

/// Written before anything of ours at the end of a body: where the shop left a form open, ours would be nested in it,
/// and browsers drop nested forms. Where none is open they overlook it.
const OUT_OF_FORMS: &str = "</form>";

/// Where a session's checkout controls lead.
#[derive(Clone, Debug)]
pub struct Leave {
    /// By which way the cart leaves from this page.
    pub way: Way,
    /// Our return page; see [the module's word on URLs](self).
    pub url: String,
    /// The browsing context that the buyer asked for (`~TARGET`), if any.
    pub target: Option<String>,
    /// What is to stand on every control instead of the shop's words.
    pub label: Option<String>,
}

/// How the cart leaves from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The page carries the cart in the form [`RETURN_FORM`]: one click hands it over.
    Submit,
    /// The control leads to our return page, which reads the cart itself.
    Lead,
}

impl Leave {
    /// The form [`START_FORM`], for a page that ends without having been rewritten to its end.
    pub fn start_form(&self) -> String {
        let target = self.target.as_deref().map(|target| format!(" target=\"{}\"", attribute(target)));
        let (url, target) = (attribute(&self.url), target.unwrap_or_default());
        format!("<form id=\"{START_FORM}\" method=\"post\" action=\"{url}\"{target}></form>")
    }
}

/// The shop's checkout controls, compiled.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    whole: Vec<Selector>,
    /// Links, buttons and inputs inside each of them.
    inner: Vec<Selector>,
}

/// A selector that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("selector {selector:?}: {why}")]
pub struct BadSelector {
    /// As it was written.
    pub selector: String,
    /// What is wrong with it.
    pub why: SelectorError,
}

impl Controls {
    /// Compiles selectors, each of which may be a list with commas.
    ///
    /// # Errors
    /// For what lol_html cannot match: bad syntax, sibling combinators, `:has`.
    pub fn compile<S: AsRef<str>>(selectors: &[S]) -> Result<Controls, BadSelector> {
        let mut controls = Controls::default();
        for selector in selectors.iter().map(AsRef::as_ref) {
            controls.whole.push(compile(selector)?);
            let parts = split_list(selector);
            let inner: Vec<String> =
                parts.iter().map(|part| format!("{part} a, {part} button, {part} input")).collect();
            controls.inner.push(compile(&inner.join(", "))?);
        }
        Ok(controls)
    }
}

/// Compiles one selector, or a list with commas.
///
/// # Errors
/// For what lol_html cannot match.
pub fn compile(selector: &str) -> Result<Selector, BadSelector> {
    selector.parse().map_err(|why| BadSelector { selector: selector.to_owned(), why })
}

/// What was met on one page. Share it with `end_of_body`: "the cart has lines, and no control matched" is worth a finding.
#[derive(Debug, Default)]
pub struct Seen {
    /// Controls that were made to lead to us.
    pub controls: Cell<usize>,
    /// Elements matched as controls that cannot lead anywhere (`<div>`, `<area>` ...). They were made harmless; the
    /// selector should name the link or button.
    pub unusable: Cell<usize>,
}

/// Gives the HTML to stand right before `</body>`, when the page has been read that far. Called once at most.
pub type EndOfBody = Box<dyn FnOnce() -> String>;

/// Element handlers of another reader of the page, of the cart for example. They see elements before anything is changed.
pub type Readers = Vec<(Cow<'static, Selector>, ElementContentHandlers<'static>)>;

/// All that happens to one page.
pub struct Page<'a> {
    /// The shop's checkout controls.
    pub controls: &'a Controls,
    /// Where they lead.
    pub leave: Leave,
    /// Parts that buyers are not to see. They are removed; elements whose end tag may be left out (`<li>`, `<tr>` ...)
    /// are hidden instead, because their end cannot be known in a stream.
    pub hide: &'a [Selector],
    /// What a policy in `<meta http-equiv>` must permit.
    pub opening: Opening,
    /// Who else reads the page.
    pub readers: Readers,
    /// What to write at the end of the body: before the first `</body>`, or else at the document's end. Framesets have
    /// no body and get nothing, nor do fragments that scripts fetch (no doctype, html, head or body) with [`Way::Lead`].
    pub end_of_body: Option<EndOfBody>,
    /// Filled as the page goes past.
    pub seen: Rc<Seen>,
}

impl Page<'_> {
    /// The page's handlers, for [`RewritingBody`](super::body::RewritingBody).
    pub fn settings(self) -> Settings<'static, 'static> {
        let work = Rc::new(Work {
            leave: self.leave,
            seen: self.seen,
            last_start: Cell::new(None),
            last_kind: Cell::new(Kind::Other),
            start_form_due: Cell::new(false),
            document: Cell::new(false),
            frameset: Cell::new(false),
            end_of_body: RefCell::new(self.end_of_body),
        });
        let mut settings = Settings::new();
        for reader in self.readers {
            settings = settings.append_element_content_handler(reader);
        }
        for selector in &self.controls.whole {
            settings = settings.append_element_content_handler(work.on(selector.clone(), Work::control));
        }
        for selector in &self.controls.inner {
            settings = settings.append_element_content_handler(work.on(selector.clone(), Work::inside_control));
        }
        for selector in self.hide {
            settings = settings.append_element_content_handler(work.on(selector.clone(), Work::hide));
        }
        let opening = self.opening;
        let policy = ElementContentHandlers::default().element(move |meta: &mut Element| open_policy(meta, &opening));
        let ending = work.clone();
        settings
            .append_element_content_handler((Cow::Owned(tag("meta[http-equiv]")), policy))
            .append_element_content_handler(work.on(tag("html, head"), Work::document))
            .append_element_content_handler(work.on(tag("frameset"), Work::frameset))
            .append_element_content_handler(work.on(tag("body"), Work::body))
            .append_document_content_handler(
                DocumentContentHandlers::default().end(move |end: &mut DocumentEnd| ending.end_of_document(end)),
            )
    }
}

/// What the handlers of one page share.
struct Work {
    leave: Leave,
    seen: Rc<Seen>,
    /// Where the last control began, in bytes: several selectors may match one element.
    last_start: Cell<Option<usize>>,
    /// What the last control is, for what stands inside it.
    last_kind: Cell<Kind>,
    start_form_due: Cell<bool>,
    document: Cell<bool>,
    frameset: Cell<bool>,
    end_of_body: RefCell<Option<EndOfBody>>,
}

impl Work {
    fn on(
        self: &Rc<Self>,
        selector: Selector,
        step: fn(&Rc<Self>, &mut Element) -> HandlerResult,
    ) -> (Cow<'static, Selector>, ElementContentHandlers<'static>) {
        let work = self.clone();
        let element = move |element: &mut Element| step(&work, element);
        (Cow::Owned(selector), ElementContentHandlers::default().element(element))
    }

    fn control(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        let start = Some(element.source_location().bytes().start);
        if self.last_start.replace(start) == start {
            return Ok(());
        }
        let kind = Kind::of(element);
        self.last_kind.set(kind);
        match (kind, self.leave.way) {
            (Kind::Link, Way::Submit) => self.link_to_button(element)?,
            (Kind::Link, Way::Lead) => self.lead_link(element)?,
            (Kind::Button | Kind::Input | Kind::ImageInput, _) => self.own_button(element, kind)?,
            (Kind::Form, _) => self.lead_form(element)?,
            (Kind::Other, _) => disarm(element),
        }
        let count = if kind == Kind::Other { &self.seen.unusable } else { &self.seen.controls };
        count.set(count.get() + 1);
        Ok(())
    }

    fn inside_control(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        let around = self.last_kind.get();
        match (Kind::of(element), around) {
            // the first link was never closed; as a button it would not be closed by the second
            (Kind::Link, Kind::Link) if self.leave.way == Way::Submit => {
                let start = Some(element.source_location().bytes().start);
                if self.last_start.get() != start {
                    element.before("</button>", ContentType::Html);
                }
            }
            (Kind::Link, Kind::Other) => self.control(element)?,
            (Kind::Button | Kind::Input | Kind::ImageInput, Kind::Form) if only_runs_scripts(element) => {}
            (Kind::Button | Kind::Input | Kind::ImageInput, _) => self.control(element)?,
            _ => {}
        }
        self.last_kind.set(around);
        Ok(())
    }

    fn link_to_button(&self, element: &mut Element) -> HandlerResult {
        disarm(element);
        element.set_tag_name("button")?;
        self.submit(element, RETURN_FORM)?;
        self.relabel(element);
        Ok(())
    }

    fn lead_link(&self, element: &mut Element) -> HandlerResult {
        disarm(element);
        element.set_attribute("href", &attribute(&self.leave.url))?;
        if let Some(target) = &self.leave.target {
            element.set_attribute("target", &attribute(target))?;
        }
        self.relabel(element);
        Ok(())
    }

    fn own_button(&self, element: &mut Element, kind: Kind) -> HandlerResult {
        disarm(element);
        match self.leave.way {
            Way::Submit => self.submit(element, RETURN_FORM)?,
            Way::Lead => {
                self.start_form_due.set(true);
                self.submit(element, START_FORM)?;
            }
        }
        if kind == Kind::ImageInput {
            let words = element.get_attribute("alt");
            for name in ["src", "alt", "width", "height", "usemap"] {
                element.remove_attribute(name);
            }
            if let Some(words) = words {
                element.set_attribute("value", &words)?;
            }
        }
        match &self.leave.label {
            Some(label) if kind != Kind::Button => element.set_attribute("value", &attribute(label))?,
            _ => self.relabel(element),
        }
        Ok(())
    }

    fn submit(&self, element: &mut Element, form: &str) -> HandlerResult {
        element.set_attribute("type", "submit")?;
        element.set_attribute("form", form)?;
        Ok(())
    }

    fn relabel(&self, element: &mut Element) {
        if let Some(label) = &self.leave.label {
            element.set_inner_content(label, ContentType::Text);
        }
    }

    fn lead_form(&self, element: &mut Element) -> HandlerResult {
        // a form's name and id are how the shop's style and its buttons elsewhere find it
        for name in behaviour(element).into_iter().filter(|name| name != "name") {
            element.remove_attribute(&name);
        }
        element.set_attribute("action", &attribute(&self.leave.url))?;
        element.set_attribute("method", "post")?;
        if let Some(target) = &self.leave.target {
            element.set_attribute("target", &attribute(target))?;
        }
        Ok(())
    }

    fn hide(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        if END_TAG_OPTIONAL.contains(&element.tag_name().as_str()) {
            element.set_attribute("hidden", "")?;
            element.set_attribute("style", "display:none!important")?;
        } else {
            element.remove();
        }
        Ok(())
    }

    fn document(self: &Rc<Self>, _: &mut Element) -> HandlerResult {
        self.document.set(true);
        Ok(())
    }

    fn frameset(self: &Rc<Self>, _: &mut Element) -> HandlerResult {
        self.frameset.set(true);
        Ok(())
    }

    fn body(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        self.document.set(true);
        let work = self.clone();
        element.on_end_tag(Box::new(move |end: &mut EndTag| {
            end.before(&work.ending(), ContentType::Html);
            Ok(())
        }))
    }

    fn end_of_document(&self, end: &mut DocumentEnd) -> HandlerResult {
        if !self.document.get() && self.leave.way == Way::Lead {
            self.end_of_body.take();
        }
        end.append(&self.ending(), ContentType::Html);
        Ok(())
    }

    /// What is still to be written at the end of the body; empty when it has been.
    fn ending(&self) -> String {
        let ours = self.end_of_body.take();
        if self.frameset.get() {
            return String::new();
        }
        let mut html = if self.start_form_due.take() { self.leave.start_form() } else { String::new() };
        if let Some(ours) = ours {
            html.push_str(&ours());
        }
        if !html.is_empty() {
            html.insert_str(0, OUT_OF_FORMS);
        }
        html
    }
}

/// What sort of control an element can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Link,
    Button,
    Input,
    ImageInput,
    Form,
    Other,
}

impl Kind {
    fn of(element: &Element) -> Kind {
        if element.namespace_uri() != "http://www.w3.org/1999/xhtml" {
            return Kind::Other;
        }
        let kind = || element.get_attribute("type").unwrap_or_default().to_ascii_lowercase();
        match element.tag_name().as_str() {
            "a" => Kind::Link,
            "button" => Kind::Button,
            "form" => Kind::Form,
            "input" if kind() == "image" => Kind::ImageInput,
            "input" if kind() == "submit" || kind() == "button" => Kind::Input,
            _ => Kind::Other,
        }
    }
}

/// Elements that may end without an end tag (HTML, "optional tags").
const END_TAG_OPTIONAL: &[&str] = &[
    "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup", "caption", "option", "optgroup",
    "rt", "rp", "html", "head", "body",
];

fn only_runs_scripts(element: &Element) -> bool {
    element.get_attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("button"))
}

/// Takes from an element what makes it lead anywhere, run anything or send a value of its own.
fn disarm(element: &mut Element) {
    for name in behaviour(element) {
        element.remove_attribute(&name);
    }
}

fn behaviour(element: &Element) -> Vec<String> {
    element.attributes().iter().map(|attribute| attribute.name()).filter(|name| is_behaviour(name)).collect()
}

fn is_behaviour(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "href",
        "xlink:href",
        "action",
        "method",
        "enctype",
        "target",
        "name",
        "role",
        "form",
        "formaction",
        "formmethod",
        "formtarget",
        "formenctype",
        "formnovalidate",
        "ping",
        "download",
        "rel",
        "hreflang",
        "referrerpolicy",
        "popovertarget",
        "popovertargetaction",
        "command",
        "commandfor",
        "jsaction",
    ];
    // event attributes, and those by which the usual script libraries find what they run on; Vue marks with data-v-...
    // which of its style rules apply
    const STARTS: &[&str] = &["on", "data-", "hx-", "ng-", "v-on:", "x-on:", "@", "wire:"];
    let named = |names: &[&str]| names.contains(&name);
    named(NAMES) || (STARTS.iter().any(|start| name.starts_with(start)) && !name.starts_with("data-v-"))
}

fn open_policy(meta: &mut Element, opening: &Opening) -> HandlerResult {
    let is_policy = |about: String| about.trim().eq_ignore_ascii_case("content-security-policy");
    if !meta.get_attribute("http-equiv").is_some_and(is_policy) {
        return Ok(());
    }
    let Some(content) = meta.get_attribute("content") else { return Ok(()) };
    let content = htmlize::unescape_attribute(content);
    if let Cow::Owned(opened) = opening.apply(&content) {
        meta.set_attribute("content", &attribute(&opened))?;
    }
    Ok(())
}

/// A text as the value of an attribute in double quotes: lol_html leaves `&` as it is, which would break URLs.
fn attribute(text: &str) -> Cow<'_, str> {
    htmlize::escape_attribute(text)
}

fn tag(selector: &str) -> Selector {
    selector.parse().expect("a selector of tag names and attributes, written here")
}

/// The parts of a selector list: split at commas, but not at those in brackets, in parentheses or in quotes.
fn split_list(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote, mut escaped) = (Vec::new(), 0, 0usize, None, false);
    for (at, character) in list.char_indices() {
        match (character, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (_, Some(open)) if character == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(character),
            ('(' | '[', None) => depth += 1,
            (')' | ']', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_list_is_split_at_its_own_commas_alone() {
        assert_eq!(split_list("a, b.c"), ["a", "b.c"]);
        assert_eq!(split_list(r#"a[href*="x,y"],b:not(.p, .q),c\,d"#), [r#"a[href*="x,y"]"#, "b:not(.p, .q)", r"c\,d"]);
        assert_eq!(split_list("a[title='\"']  , b"), ["a[title='\"']", "b"]);
    }

    #[test]
    fn a_selector_that_cannot_be_matched_is_named() {
        let error = Controls::compile(&["a.ok", "a + b"]).unwrap_err();
        assert_eq!(error.selector, "a + b");
        assert!(Controls::compile(&["a,"]).is_err());
    }
}
