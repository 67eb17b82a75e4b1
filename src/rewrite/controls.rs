//! Checkout controls: which elements they are and what becomes of them.
//!
//! | control | [`Way::Submit`] | [`Way::Lead`] |
//! |---|---|---|
//! | `<a>` | a submit button of the return form | a link to our URL |
//! | `<button>`, `<input type=submit\|button\|image>` | a submit button of the return form | a submit button of the start form |
//! | `<form>` | leads to our URL | leads to our URL |
//! | a field | stays as it is | stays as it is |
//! | anything else | loses what made it lead anywhere | loses what made it lead anywhere |
//!
//! A submit button belongs to its form by `form="id"`, which works wherever the button stands, even inside another form
//! (HTML, "form owner"). Buttons inside a control are part of it, and so are links where it is neither link nor form.
//! Classes, content and labels stay, so that it looks as before; attributes that make it do something else go.
//!
//! # URLs
//!
//! A root-relative URL of ours goes to another host where the page has a `<base>` of that host: give absolute URLs for
//! shops that do.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use lol_html::html_content::{ContentType, Element, EndTag};
use lol_html::{ElementContentHandlers, HandlerResult, Selector};

use crate::selector::{self, BadSelector};

/// How the id of the form begins that carries the cart to the hook. The caller writes it at the end of the body.
pub const RETURN_FORM: &str = "punchout-return";
/// The id of the form that leads to our own return page. It is written here.
pub const START_FORM: &str = "punchout-start";

/// Where a session's checkout controls lead.
#[derive(Clone, Debug)]
pub struct Leave {
    /// By which way the cart leaves from this page.
    pub way: Way,
    /// Our return page; see [the module's word on URLs](self).
    pub url: String,
    /// The id of the form that carries the cart: another one on every page, so that nothing that an author has put into the
    /// shop's texts (`<input form="...">`) can belong to it.
    pub form: String,
    /// The browsing context that the buyer asked for (`~TARGET`), if any.
    pub target: Option<String>,
    /// What is to stand on every control instead of the shop's words. A link that is never closed loses with them
    /// whatever follows in the element it stands in.
    pub label: Option<String>,
}

/// How the cart leaves from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The page carries the cart in the form [`Leave::form`]: one click hands it over.
    Submit,
    /// The control leads to our return page, which reads the cart itself.
    Lead,
}

impl Leave {
    /// The form [`START_FORM`], for a page that ends without having been rewritten to its end.
    pub fn start_form(&self) -> String {
        self.leading(START_FORM)
    }

    /// The form [`Leave::form`] for a cart that must not leave as it is: it holds nothing and leads to our URL.
    pub fn closed_form(&self) -> String {
        self.leading(&self.form)
    }

    fn leading(&self, id: &str) -> String {
        let target = self.target.as_deref().map(|target| format!(" target=\"{}\"", attribute(target)));
        let (url, target) = (attribute(&self.url), target.unwrap_or_default());
        format!("<form id=\"{id}\" method=\"post\" action=\"{url}\"{target}></form>")
    }
}

/// The shop's checkout controls, compiled.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    whole: Vec<Selector>,
    /// Links, buttons and inputs inside each of them.
    inner: Vec<Selector>,
}

impl Controls {
    /// Compiles selectors, each of which may be a list with commas.
    ///
    /// # Errors
    /// As [`selector::compile`].
    pub fn compile<S: AsRef<str>>(selectors: &[S]) -> Result<Controls, BadSelector> {
        let mut controls = Controls::default();
        for written in selectors.iter().map(AsRef::as_ref) {
            controls.whole.push(selector::compile(written)?);
            let parts = selector::alternatives(written);
            let inner: Vec<String> =
                parts.iter().map(|part| format!("{part} a, {part} button, {part} input")).collect();
            controls.inner.push(selector::compile_as(written, &inner.join(", "))?);
        }
        Ok(controls)
    }
}

impl Controls {
    /// What they are known by.
    pub fn selectors(&self) -> &[Selector] {
        &self.whole
    }

    /// Counts the controls of a page in [`Seen::controls`], and leaves them as they are.
    pub fn count(&self, seen: &Rc<Seen>) -> Vec<(Cow<'static, Selector>, ElementContentHandlers<'static>)> {
        let count = |selector: &Selector| {
            let seen = seen.clone();
            let element = move |_: &mut Element| {
                seen.controls.set(seen.controls.get() + 1);
                Ok(())
            };
            (Cow::Owned(selector.clone()), ElementContentHandlers::default().element(element))
        };
        self.whole.iter().map(count).collect()
    }
}

/// What was met on one page. Share it with `end_of_body`: "the cart has lines, and no control matched" is worth a finding.
#[derive(Debug, Default)]
pub struct Seen {
    /// Controls that were made to lead to us.
    pub controls: Cell<usize>,
    /// Elements matched as controls that cannot be one: fields, which stay as they are, and others (`<div>`, `<area>`
    /// ...), which were made harmless. The selector should name the link or button.
    pub unusable: Cell<usize>,
}

/// Marks buttons that were links, for [`AS_LINK`].
const WAS_LINK: &str = "data-punchout-link";

/// Takes the look of a button off what was a link, and so leaves it to the shop's own style sheet: at specificity 0
/// every rule of the shop's for its classes, and for buttons, is stronger.
const AS_LINK: &str = "<style>:where(button[data-punchout-link]){all:unset;outline:revert;cursor:pointer}</style>\n";

/// What the handlers of one page's controls share.
pub(super) struct Work {
    leave: Leave,
    was_link: Cell<bool>,
    seen: Rc<Seen>,
    /// Where the last control began, in bytes: several selectors may match one element.
    last_start: Cell<Option<usize>>,
    /// The kind of the innermost control that has not ended.
    inside: Cell<Kind>,
    start_form_due: Cell<bool>,
}

impl Work {
    pub(super) fn new(leave: Leave, seen: Rc<Seen>) -> Rc<Self> {
        let (last_start, inside, start_form_due) = (Cell::new(None), Cell::new(Kind::Other), Cell::new(false));
        Rc::new(Work { leave, was_link: Cell::new(false), seen, last_start, inside, start_form_due })
    }

    /// The handlers of all controls. Cloning a selector counts a reference up.
    pub(super) fn handlers(
        self: &Rc<Self>,
        controls: &Controls,
    ) -> impl Iterator<Item = (Cow<'static, Selector>, ElementContentHandlers<'static>)> {
        type Step = fn(&Rc<Work>, &mut Element) -> HandlerResult;
        let on = |(selector, step): (&Selector, Step)| {
            let work = self.clone();
            let element = move |element: &mut Element| step(&work, element);
            (Cow::Owned(selector.clone()), ElementContentHandlers::default().element(element))
        };
        let whole = controls.whole.iter().map(|selector| (selector, Work::control as Step));
        let inner = controls.inner.iter().map(|selector| (selector, Work::inside_control as Step));
        whole.chain(inner).map(on)
    }

    pub(super) fn way(&self) -> Way {
        self.leave.way
    }

    /// The start form, if a button met since the last call needs it.
    pub(super) fn start_form(&self) -> Option<String> {
        self.start_form_due.take().then(|| self.leave.start_form())
    }

    /// What gives buttons that were links their look back, where there is one.
    pub(super) fn style(&self) -> Option<&'static str> {
        self.was_link.take().then_some(AS_LINK)
    }

    fn control(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        let start = Some(element.source_location().bytes().start);
        if self.last_start.replace(start) == start {
            return Ok(());
        }
        let kind = Kind::of(element);
        match (kind, self.leave.way) {
            (Kind::Link, Way::Submit) => self.link_to_button(element)?,
            (Kind::Link, Way::Lead) => self.lead_link(element)?,
            (Kind::Button | Kind::Input | Kind::ImageInput, _) => self.own_button(element, kind)?,
            (Kind::Form, _) => self.lead_form(element)?,
            (Kind::Field, _) => {}
            (Kind::Other, _) => disarm(element),
        }
        let count = if matches!(kind, Kind::Field | Kind::Other) { &self.seen.unusable } else { &self.seen.controls };
        count.set(count.get() + 1);
        if let Some(at_end) = element.end_tag_handlers() {
            let (work, around) = (self.clone(), self.inside.replace(kind));
            at_end.push(Box::new(move |_| {
                work.inside.set(around);
                Ok(())
            }));
        }
        Ok(())
    }

    fn inside_control(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        match (Kind::of(element), self.inside.get()) {
            // the first link was never closed; as a button it would not be closed by the second
            (Kind::Link, Kind::Link) if self.leave.way == Way::Submit => {
                element.before("</button>", ContentType::Html);
                Ok(())
            }
            (Kind::Button | Kind::Input | Kind::ImageInput, Kind::Form) if only_runs_scripts(element) => Ok(()),
            (Kind::Link, Kind::Other) | (Kind::Button | Kind::Input | Kind::ImageInput, _) => self.control(element),
            _ => Ok(()),
        }
    }

    fn link_to_button(&self, element: &mut Element) -> HandlerResult {
        disarm(element);
        self.submit(element, &self.leave.form)?;
        self.relabel(element);
        // not `set_tag_name`: where the link is never closed, that renames the end tag of what it stands in
        element.start_tag().set_name("button");
        element.set_attribute(WAS_LINK, "")?;
        self.was_link.set(true);
        element.on_end_tag(Box::new(|end: &mut EndTag| {
            if end.name() == "a" {
                end.set_name("button");
            } else {
                end.before("</button>", ContentType::Html);
            }
            Ok(())
        }))
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
            Way::Submit => self.submit(element, &self.leave.form)?,
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
}

/// What sort of control an element can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Link,
    Button,
    Input,
    ImageInput,
    Form,
    /// What a form carries: the shop needs it as it is.
    Field,
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
            "input" | "select" | "textarea" | "option" => Kind::Field,
            _ => Kind::Other,
        }
    }
}

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

/// A text as the value of an attribute in double quotes: lol_html leaves `&` as it is, which would break URLs.
pub(super) fn attribute(text: &str) -> Cow<'_, str> {
    htmlize::escape_attribute(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_that_cannot_be_matched_is_named() {
        let error = Controls::compile(&["a.ok", "a + b"]).unwrap_err();
        assert_eq!(error.written, "a + b");
        assert!(Controls::compile(&["a,"]).is_err());
    }
}
