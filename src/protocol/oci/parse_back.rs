//! What a receiver reads in a page with a hand-over form: for the demo's procurement system, and to hold
//! [`super::form`] to its word.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::html_content::Element;
use lol_html::{RewriteStrSettings, element, rewrite_str};

use super::charset::Charset;

/// A form, as a browser understands it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedForm {
    /// The attributes of the form by name, decoded.
    pub attributes: Vec<(String, String)>,
    /// The inputs inside it, in order, decoded.
    pub inputs: Vec<(String, String)>,
}

impl ParsedForm {
    /// An attribute of the form, empty where it is absent.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The value of an input.
    pub fn input(&self, name: &str) -> Option<&str> {
        self.inputs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl ParsedForm {
    /// What a browser sends for it: urlencoded in the form's charset (a page in UTF-8 assumed), line ends as CR LF, and
    /// what the charset lacks as `&#8364;` (WHATWG HTML, "constructing the entry list" and "form submission").
    pub fn body(&self) -> Vec<u8> {
        let charset = Charset::parse(self.attribute("accept-charset")).unwrap_or_default().encoding();
        let encoded = |text: &str| {
            let unified = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            let (bytes, _, _) = charset.encode(&unified);
            form_urlencoded::byte_serialize(&bytes).collect::<String>()
        };
        let pairs = self.inputs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    }
}

/// The forms of a page, each with the inputs inside it.
///
/// # Errors
/// What the HTML parser says.
pub fn forms(html: &str) -> Result<Vec<ParsedForm>, lol_html::errors::RewritingError> {
    let forms: Rc<RefCell<Vec<ParsedForm>>> = Rc::default();
    let (of_forms, of_inputs) = (Rc::clone(&forms), Rc::clone(&forms));
    let settings = RewriteStrSettings::new()
        .append_element_content_handler(element!("form", move |form| {
            let attributes = form.attributes().iter().map(|one| (one.name(), decoded(&one.value()))).collect();
            of_forms.borrow_mut().push(ParsedForm { attributes, inputs: Vec::new() });
            Ok(())
        }))
        .append_element_content_handler(element!("form input[name]", move |input| {
            let pair = (attribute(input, "name"), attribute(input, "value"));
            if let Some(form) = of_inputs.borrow_mut().last_mut() {
                form.inputs.push(pair);
            }
            Ok(())
        }));
    rewrite_str(html, settings)?;
    Ok(forms.take())
}

fn attribute(element: &Element<'_, '_>, name: &str) -> String {
    element.get_attribute(name).map(|value| decoded(&value)).unwrap_or_default()
}

fn decoded(attribute: &str) -> String {
    htmlize::unescape_attribute(attribute).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_sent_as_browsers_send_it() {
        let html =
            "<form accept-charset='ISO-8859-1'><input name='N[1]' value='&aring; +&%&#10;€ 🔩'><input name=b></form>";
        let utf8 = html.replace("ISO-8859-1", "utf-8");
        let body = |html: &str| String::from_utf8(forms(html).unwrap()[0].body()).unwrap();
        assert_eq!(body(html), "N%5B1%5D=%E5+%2B%26%25%0D%0A%80+%26%23128297%3B&b=");
        assert_eq!(body(&utf8), "N%5B1%5D=%C3%A5+%2B%26%25%0D%0A%E2%82%AC+%F0%9F%94%A9&b=");
    }
}
