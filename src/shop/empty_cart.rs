//! Emptying a cart, in the ways that shops offer.
//!
//! ```toml
//! request = "POST /cart/empty"                  # one request
//!
//! request = "POST /cart/remove"                 # a request for each line
//! fields = { key = "{n}" }                      # {n}: what `each` found; in the address too
//! each = 'name="quantity\[(\d+)\]"'             # a pattern with one group, looked for in the page's source
//! headers = ["Nonce"]                           # fields of the page's answer that the request must bring back
//!
//! links = "a.remove"                            # a link for each line; "a.remove@data-url" reads another attribute
//!
//! form = "#basket_formset"                      # a form, filled in and sent
//! fields = { "form-{n}-DELETE" = "on" }         # {n} stands for whatever tells the lines' fields apart
//! submit = "update"                             # the button, where the shop wants one
//! ```
//!
//! Links and form stand on the cart page, or on another that `page` names.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, Method};
use lol_html::Selector;
use regex::Regex;
use serde::Deserialize;

use super::form::{Form, FormChoice, Press};
use super::page::Page;
use super::step::check_address;
use super::visit::Visit;
use crate::problem::Problem;
use crate::selector;

/// `[shop.cart.clear]`: one of `request`, `links` and `form`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmptyingSource {
    /// Method and address; with `{n}` in the address or in `fields`, one for each that `each` finds.
    pub request: Option<String>,
    /// What tells the lines apart in the page's source: a pattern with one group.
    pub each: Option<String>,
    /// Names of fields in the head of the page's answer that go along with the request: a token.
    pub headers: Vec<String>,
    /// Selector of the links, perhaps with `@attribute`.
    pub links: Option<String>,
    /// The page with the links or the form; the cart page by default.
    pub page: Option<String>,
    /// Selector of the form.
    pub form: Option<String>,
    /// Field name to text.
    pub fields: BTreeMap<String, String>,
    /// Name of the button that is pressed; none by default, for the first of a cart may be the one that orders.
    pub submit: Option<String>,
}

/// How a cart is emptied.
#[derive(Clone, Debug)]
pub struct Emptying {
    page: Option<String>,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Request(Asked),
    Links(Selector, String),
    Form { choice: FormChoice, fields: Vec<(Names, String)>, press: Press },
}

/// A request as a script of the page sends it.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    address: String,
    fields: Vec<(String, String)>,
    each: Option<Regex>,
    headers: Vec<HeaderName>,
}

/// One field's name, or many that differ in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    One(String),
    Each { before: String, after: String },
}

impl Emptying {
    /// Checks the rules.
    ///
    /// # Errors
    /// All that is wrong, each with its key (relative to `shop.cart.clear`) in front.
    pub fn compile(source: &EmptyingSource) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let given = [source.request.is_some(), source.links.is_some(), source.form.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            errors.push("request: name one of `request`, `links` and `form`".to_owned());
        }
        if let Some(Err(error)) = source.page.as_deref().map(check_address) {
            errors.push(format!("page: {error}"));
        }
        if source.request.is_none() && source.form.is_none() && !source.fields.is_empty() {
            errors.push("fields: only with `form` or `request`".to_owned());
        }
        if source.form.is_none() && source.submit.is_some() {
            errors.push("submit: only with `form`".to_owned());
        }
        for (key, given) in [("each", source.each.is_some()), ("headers", !source.headers.is_empty())] {
            if given && source.request.is_none() {
                errors.push(format!("{key}: only with `request`"));
            }
        }
        if source.form.is_some() && source.fields.is_empty() && source.submit.is_none() {
            errors.push("fields: a form needs `fields` or `submit`, else it changes nothing".to_owned());
        }
        let way = match (&source.request, &source.links, &source.form) {
            (Some(request), ..) => request_of(request, source, &mut errors),
            (_, Some(links), _) => {
                let (selector, attribute) = links.rsplit_once('@').unwrap_or((links, "href"));
                css("links", selector, &mut errors).map(|selector| Way::Links(selector, attribute.to_owned()))
            }
            (.., Some(form)) => css("form", form, &mut errors).map(|selector| Way::Form {
                choice: FormChoice { selector: Some((form.clone(), selector)), needs: Vec::new() },
                fields: source.fields.iter().map(|(name, text)| (Names::parse(name), text.clone())).collect(),
                press: source.submit.clone().map_or(Press::Nothing, Press::Named),
            }),
            _ => None,
        };
        match way {
            Some(way) if errors.is_empty() => Ok(Emptying { page: source.page.clone(), way }),
            _ => Err(errors),
        }
    }

    /// Does it. `cart` is the cart page as it was opened a moment ago. What came of it is to be read anew.
    ///
    /// # Errors
    /// As [`Visit::follow`]; a form that is not there is none, for a cart may be empty already.
    pub async fn run(&self, visit: &mut Visit, cart: &Page) -> Result<(), Problem> {
        let other;
        let page = match &self.page {
            Some(address) => {
                other = visit.open(address).await?;
                &other
            }
            None => cart,
        };
        match &self.way {
            Way::Request(asked) => asked.send(visit, page).await?,
            Way::Links(selector, attribute) => {
                for address in page.addresses(selector, attribute) {
                    visit.follow(page, &address).await?;
                }
            }
            Way::Form { choice, fields, press } => {
                let Ok(mut form) = Form::find(page, choice) else { return Ok(()) };
                for (names, text) in fields {
                    for name in names.of(&form) {
                        form.fill(&name, text);
                    }
                }
                if let Ok(filled) = form.submit(press) {
                    visit.submit(page, filled).await?;
                }
            }
        }
        Ok(())
    }
}

impl Names {
    fn parse(text: &str) -> Self {
        match text.split_once("{n}") {
            Some((before, after)) => Names::Each { before: before.to_owned(), after: after.to_owned() },
            None => Names::One(text.to_owned()),
        }
    }

    fn of(&self, form: &Form) -> Vec<String> {
        let (before, after) = match self {
            Names::One(name) => return vec![name.clone()],
            Names::Each { before, after } => (before.as_str(), after.as_str()),
        };
        let mut names: Vec<String> = Vec::new();
        for name in form.names() {
            let between = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            // Django's formsets have a template row `__prefix__`, which is no line.
            let is_line = between.is_some_and(|n| !n.is_empty() && n != "__prefix__");
            if is_line && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

impl Asked {
    async fn send(&self, visit: &mut Visit, page: &Page) -> Result<(), Problem> {
        let mut headers = HeaderMap::new();
        for name in &self.headers {
            if let Some(value) = page.headers.get(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
        for line in self.lines(page) {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, text) in &self.fields {
                form.append_pair(name, &text.replace("{n}", &line));
            }
            let address = self.address.replace("{n}", &line);
            visit.ask(page, (self.method.clone(), &address), form.finish(), headers.clone()).await?;
        }
        Ok(())
    }

    /// What stands for `{n}` in each request, in the order of the page, each once; one request where nothing does.
    fn lines(&self, page: &Page) -> Vec<String> {
        let Some(each) = &self.each else { return vec![String::new()] };
        let mut lines: Vec<String> = Vec::new();
        for found in each.captures_iter(&page.text).filter_map(|found| found.get(1)) {
            if !lines.iter().any(|known| known == found.as_str()) {
                lines.push(found.as_str().to_owned());
            }
        }
        lines
    }
}

fn request_of(text: &str, source: &EmptyingSource, errors: &mut Vec<String>) -> Option<Way> {
    let (method, address) = text.split_once(' ').unwrap_or(("POST", text));
    let known = [Method::POST, Method::GET, Method::DELETE].into_iter().find(|known| known.as_str() == method);
    if known.is_none() {
        errors.push(format!("request: `{method}` is none of POST, GET and DELETE"));
    }
    // A whole address may come from the page; what leads out of the shop is refused when it is asked.
    if let Err(error) = check_address(address.strip_prefix("{n}").map_or(address, |_| "/")) {
        errors.push(format!("request: {error}"));
    }
    if !source.fields.is_empty() && method != "POST" {
        errors.push(format!("fields: a {method} carries none"));
    }
    let has_word = address.contains("{n}") || source.fields.values().any(|text| text.contains("{n}"));
    if has_word != source.each.is_some() {
        errors.push("each: goes with `{n}` in `request` or `fields`, and is of no use without".to_owned());
    }
    let each = source.each.as_ref().and_then(|text| match Regex::new(text) {
        Ok(each) if each.captures_len() == 2 => Some(each),
        Ok(_) => {
            errors.push(format!("each: `{text}` needs one group in round brackets"));
            None
        }
        Err(error) => {
            errors.push(format!("each: `{text}` is no pattern: {error}"));
            None
        }
    });
    let mut headers = Vec::new();
    for name in &source.headers {
        match name.parse() {
            Ok(name) => headers.push(name),
            Err(_) => errors.push(format!("headers: `{name}` is no name of a field")),
        }
    }
    let fields = source.fields.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
    known.map(|method| Way::Request(Asked { method, address: address.to_owned(), fields, each, headers }))
}

fn css(key: &str, text: &str, errors: &mut Vec<String>) -> Option<Selector> {
    selector::compile(text).map_err(|bad| errors.push(format!("{key}: {bad}"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_and_only_one() {
        let source = |request: Option<&str>, links: Option<&str>, form: Option<&str>| EmptyingSource {
            request: request.map(str::to_owned),
            links: links.map(str::to_owned),
            form: form.map(str::to_owned),
            fields: form.map(|_| ("d-{n}".to_owned(), "on".to_owned())).into_iter().collect(),
            ..EmptyingSource::default()
        };
        for good in [
            source(Some("POST /x?a=b"), None, None),
            source(Some("/x"), None, None),
            source(None, Some("a.remove@data-url"), None),
            source(None, None, Some("#f")),
        ] {
            Emptying::compile(&good).unwrap();
        }
        for (bad, key) in [
            (source(None, None, None), "request"),
            (source(Some("/x"), Some("a"), None), "request"),
            (source(Some("PATCH /x"), None, None), "request"),
            (source(Some("POST https://evil.example/"), None, None), "request"),
            (source(None, Some("a:has(b)"), None), "links"),
            (EmptyingSource { fields: BTreeMap::new(), ..source(None, None, Some("#f")) }, "fields"),
            (source(Some("DELETE {n}"), None, None), "each"),
            (EmptyingSource { each: Some("x".into()), ..source(Some("DELETE {n}"), None, None) }, "each"),
            (EmptyingSource { each: Some("(".into()), ..source(Some("DELETE {n}"), None, None) }, "each"),
            (EmptyingSource { each: Some("(x)".into()), ..source(None, Some("a"), None) }, "each"),
            (EmptyingSource { headers: vec!["a b".into()], ..source(Some("/x"), None, None) }, "headers"),
            (EmptyingSource { submit: Some("x".into()), ..source(Some("/x"), None, None) }, "submit"),
            (EmptyingSource { page: Some("x".into()), ..source(None, Some("a"), None) }, "page"),
        ] {
            let errors = Emptying::compile(&bad).unwrap_err();
            assert!(errors.iter().any(|error| error.starts_with(key)), "{errors:?}");
        }
    }
}
