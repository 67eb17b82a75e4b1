//! What is changed in a page of a session: its checkout controls, hidden parts, its own policy, the end of its body.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::LazyLock;

use lol_html::html_content::{ContentType, DocumentEnd, Element, EndTag};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, HandlerResult, Selector, Settings};

use super::controls::{self, Controls, Leave, Seen, Way, attribute};
use super::csp::Opening;
use crate::selector::written;

/// Written before anything of ours at the end of a body where the shop left a form open: ours would be nested in it, and
/// browsers drop nested forms.
const OUT_OF_FORM: &str = "</form>";

/// Gives the HTML to stand right before `</body>`, when the page has been read that far. Called once at most. Write it
/// as XML, every tag closed and every attribute in quotes, and it fits `application/xhtml+xml` as well.
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
    /// `end_of_body` stands at the document's end, which browsers read as if it stood inside. They overlook a `</body>` that
    /// is not the last, one of a pasted text for example: what has to know the whole page comes here.
    pub at_document_end: bool,
    /// Filled as the page goes past.
    pub seen: Rc<Seen>,
}

impl Page<'_> {
    /// The page's handlers, for [`RewritingBody`](super::body::RewritingBody).
    pub fn settings(self) -> Settings<'static, 'static> {
        let work = Rc::new(Work {
            controls: controls::Work::new(self.leave, self.seen),
            form_open: Cell::new(false),
            document: Cell::new(false),
            frameset: Cell::new(false),
            end_of_body: RefCell::new(self.end_of_body),
            at_document_end: self.at_document_end,
        });
        let mut settings = Settings::new();
        for handlers in self.readers.into_iter().chain(work.controls.handlers(self.controls)) {
            settings = settings.append_element_content_handler(handlers);
        }
        for selector in self.hide {
            settings = settings.append_element_content_handler(work.on(Cow::Owned(selector.clone()), Work::hide));
        }
        let opening = self.opening;
        let policy = ElementContentHandlers::default().element(move |meta: &mut Element| open_policy(meta, &opening));
        let ending = work.clone();
        settings
            .append_element_content_handler((Cow::Borrowed(&*POLICY), policy))
            .append_element_content_handler(work.on(Cow::Borrowed(&*DOCUMENT), Work::document))
            .append_element_content_handler(work.on(Cow::Borrowed(&*FRAMESET), Work::frameset))
            .append_element_content_handler(work.on(Cow::Borrowed(&*BODY), Work::body))
            .append_element_content_handler(work.on(Cow::Borrowed(&*FORM), Work::form))
            .append_document_content_handler(
                DocumentContentHandlers::default().end(move |end: &mut DocumentEnd| ending.end_of_document(end)),
            )
    }
}

/// What the handlers of one page share.
struct Work {
    controls: Rc<controls::Work>,
    form_open: Cell<bool>,
    document: Cell<bool>,
    frameset: Cell<bool>,
    end_of_body: RefCell<Option<EndOfBody>>,
    at_document_end: bool,
}

impl Work {
    fn on(
        self: &Rc<Self>,
        selector: Cow<'static, Selector>,
        step: fn(&Rc<Self>, &mut Element) -> HandlerResult,
    ) -> (Cow<'static, Selector>, ElementContentHandlers<'static>) {
        let work = self.clone();
        let element = move |element: &mut Element| step(&work, element);
        (selector, ElementContentHandlers::default().element(element))
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

    fn form(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        if !element.can_have_content() {
            return Ok(());
        }
        self.form_open.set(true);
        let work = self.clone();
        element.on_end_tag(Box::new(move |end: &mut EndTag| {
            // the end tag of what the form stands in, where the form was never closed
            work.form_open.set(end.name() != "form");
            Ok(())
        }))
    }

    fn body(self: &Rc<Self>, element: &mut Element) -> HandlerResult {
        self.document.set(true);
        if !element.can_have_content() {
            return Ok(());
        }
        let work = self.clone();
        element.on_end_tag(Box::new(move |end: &mut EndTag| {
            if !work.at_document_end {
                end.before(&work.ending(), ContentType::Html);
            }
            Ok(())
        }))
    }

    fn end_of_document(&self, end: &mut DocumentEnd) -> HandlerResult {
        if !self.document.get() && self.controls.way() == Way::Lead {
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
        let mut html = self.controls.start_form().unwrap_or_default();
        if let Some(ours) = ours {
            html.push_str(&ours());
        }
        if !html.is_empty() && self.form_open.get() {
            html.insert_str(0, OUT_OF_FORM);
        }
        html.insert_str(0, self.controls.style().unwrap_or_default());
        html
    }
}

/// Elements that may end without an end tag (HTML, "optional tags").
const END_TAG_OPTIONAL: &[&str] = &[
    "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup", "caption", "option", "optgroup",
    "rt", "rp", "html", "head", "body",
];

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

static POLICY: LazyLock<Selector> = LazyLock::new(|| written("meta[http-equiv]"));
static DOCUMENT: LazyLock<Selector> = LazyLock::new(|| written("html, head"));
static FRAMESET: LazyLock<Selector> = LazyLock::new(|| written("frameset"));
static BODY: LazyLock<Selector> = LazyLock::new(|| written("body"));
static FORM: LazyLock<Selector> = LazyLock::new(|| written("form"));
