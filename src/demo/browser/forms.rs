//! What a crude browser sees in a page: forms, the buttons that submit them, and what still leads to checkout.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use htmlize::{unescape, unescape_attribute};
use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, RewriteStrSettings, Selector, element, end_tag, rewrite_str, text};

/// A form with the values that it would be submitted with, its buttons' left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Its id; empty where it has none.
    pub id: String,
    /// Its class attribute; empty where it has none.
    pub class: String,
    /// Where it is sent; empty is the page's own address.
    pub action: String,
    /// `get` where the page does not say.
    pub method: String,
    /// The charset it asks for; empty is the page's own.
    pub accept_charset: String,
    /// Names and values of its inputs, in the order of the page.
    pub inputs: Vec<(String, String)>,
}

/// The forms of a page. An input belongs to the form around it; a nested form is none, as in a real browser.
pub(super) fn forms(page: &str) -> Vec<Form> {
    #[derive(Default)]
    struct Seen {
        forms: Vec<Form>,
        open: bool,
    }
    let seen = Rc::new(RefCell::new(Seen::default()));
    let (at_form, at_input) = (seen.clone(), seen.clone());
    let form = element!("form", move |element| {
        // Any </form> ends the open form in a browser, the one of a dropped nested form too.
        let at_end = at_form.clone();
        element.on_end_tag(end_tag!(move |_| {
            at_end.borrow_mut().open = false;
            Ok(())
        }))?;
        let mut seen = at_form.borrow_mut();
        if seen.open {
            return Ok(());
        }
        let method = value(element, "method").unwrap_or_else(|| "get".to_owned());
        seen.forms.push(Form {
            id: value(element, "id").unwrap_or_default(),
            class: value(element, "class").unwrap_or_default(),
            action: value(element, "action").unwrap_or_default(),
            method,
            accept_charset: value(element, "accept-charset").unwrap_or_default(),
            inputs: Vec::new(),
        });
        seen.open = true;
        Ok(())
    });
    let input = element!("input[name]", move |element| {
        let mut seen = at_input.borrow_mut();
        let kind = value(element, "type").unwrap_or_default().to_ascii_lowercase();
        if seen.open && !matches!(kind.as_str(), "submit" | "button" | "image" | "reset" | "checkbox" | "radio") {
            let pair = (value(element, "name").unwrap_or_default(), value(element, "value").unwrap_or_default());
            if let Some(form) = seen.forms.last_mut() {
                form.inputs.push(pair);
            }
        }
        Ok(())
    });
    read(page, vec![form, input]);
    seen.take().forms
}

/// The ids of forms that a button names with its `form` attribute, in page order.
pub fn submit_buttons(page: &str) -> Vec<String> {
    let ids = Rc::new(RefCell::new(Vec::new()));
    let seen = ids.clone();
    let button = element!("button[form], input[form]", move |element| {
        let kind = value(element, "type").unwrap_or_else(|| "submit".to_owned());
        if kind.eq_ignore_ascii_case("submit") {
            seen.borrow_mut().extend(value(element, "form"));
        }
        Ok(())
    });
    read(page, vec![button]);
    ids.take()
}

/// Start tags that would still take a buyer to the shop's checkout.
pub fn ways_to_checkout(page: &str) -> Vec<String> {
    let ways = Rc::new(RefCell::new(Vec::new()));
    let seen = ways.clone();
    let any = element!("[href], [onclick], [action], [formaction]", move |element| {
        for name in ["href", "onclick", "action", "formaction"] {
            if let Some(value) = value(element, name).filter(|value| value.contains("/kasse")) {
                seen.borrow_mut().push(format!("<{} {name}=\"{value}\">", element.tag_name()));
            }
        }
        Ok(())
    });
    read(page, vec![any]);
    ways.take()
}

/// An attribute of the first element that `selector` finds and that has it.
pub(super) fn attribute(page: &str, selector: &str, name: &'static str) -> Option<String> {
    let found = Rc::new(RefCell::new(None));
    let seen = found.clone();
    let any = element!(selector, move |element| {
        let mut seen = seen.borrow_mut();
        if seen.is_none() {
            *seen = value(element, name);
        }
        Ok(())
    });
    read(page, vec![any]);
    found.take()
}

/// The text of `<title>`.
pub(super) fn title(page: &str) -> String {
    let found = Rc::new(RefCell::new(String::new()));
    let seen = found.clone();
    let any = text!("title", move |piece| {
        seen.borrow_mut().push_str(piece.as_str());
        Ok(())
    });
    read(page, vec![any]);
    let raw = found.take();
    unescape(raw.trim()).into_owned()
}

type Handlers = (Cow<'static, Selector>, ElementContentHandlers<'static>);

/// Runs the handlers over a page. The demo's own selectors are constants, so that only a page lol_html gives up on is
/// left half read; what was seen until then counts.
fn read(page: &str, handlers: Vec<Handlers>) {
    let settings = handlers.into_iter().fold(RewriteStrSettings::new().with_strict(false), |settings, handler| {
        settings.append_element_content_handler(handler)
    });
    let _ = rewrite_str(page, settings);
}

fn value(element: &Element<'_, '_>, name: &str) -> Option<String> {
    element.get_attribute(name).map(|raw| unescape_attribute(raw).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<title>Kurv &amp; kasse</title><a href="/kasse">Til kassen</a>
        <form id="kurv" method="POST" action="/oppdater?a=1&amp;b=2"><input name="antall[x]" value="2,5"><input type=checkbox name=husk value=1>
        <form id="inni" action="/feil"><button type="submit" form="retur">Til innkjop</button></form>
        <form id="retur" method="post" accept-charset="iso-8859-1" action="http://k.example/"><input type="hidden" name="N[1]" value="3/8&quot; &lt;250 g&gt;"></form>"#;

    #[test]
    fn forms_are_seen_as_a_browser_sees_them() {
        let forms = forms(PAGE);
        assert_eq!(forms.iter().map(|form| form.id.as_str()).collect::<Vec<_>>(), ["kurv", "retur"]);
        assert_eq!(forms[0].action, "/oppdater?a=1&b=2");
        assert_eq!(forms[0].inputs, [("antall[x]".to_owned(), "2,5".to_owned())]);
        assert_eq!(forms[1].inputs, [("N[1]".to_owned(), "3/8\" <250 g>".to_owned())]);
        assert_eq!((forms[1].method.as_str(), forms[1].accept_charset.as_str()), ("post", "iso-8859-1"));
    }

    #[test]
    fn buttons_checkouts_and_titles_are_found() {
        assert_eq!(submit_buttons(PAGE), ["retur"]);
        assert_eq!(ways_to_checkout(PAGE), ["<a href=\"/kasse\">"]);
        assert_eq!(title(PAGE), "Kurv & kasse");
        assert_eq!(attribute(PAGE, "a", "href").as_deref(), Some("/kasse"));
    }
}
