//! What a receiver reads in a page with a hand-over form: for the demo's procurement system, and to hold
//! [`super::form`] to its word.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::html_content::Element;
use lol_html::{RewriteStrSettings, element, rewrite_str};

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
