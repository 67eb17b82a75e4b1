//! A form of a page: found, filled in as a person would, and encoded as a browser would.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use encoding_rs::Encoding;
use http::{HeaderValue, Method};
use lol_html::Selector;
use url::Url;

use super::form_reader::read;
use super::page::Page;

/// Which form of a page is meant.
#[derive(Clone, Debug)]
pub struct FormChoice {
    /// The first form that this matches, or that holds a control which it matches. As written, and compiled.
    pub selector: Option<(String, Selector)>,
    /// The fields it must hold. Without a selector the first form that holds them all is meant.
    pub needs: Vec<String>,
}

/// Which button is pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    /// The one that Enter presses: the first submit button, where there is one.
    Default,
    /// The one of that name.
    Named(String),
    /// None: a script submits the form.
    Nothing,
}

/// A form as it stands in its page, with what is typed into it.
#[derive(Clone)]
pub struct Form {
    pub(super) page: Url,
    /// What relative addresses are relative to.
    pub(super) base: Url,
    pub(super) action: Option<String>,
    pub(super) method: Option<String>,
    pub(super) encoding: &'static Encoding,
    pub(super) controls: Vec<Control>,
}

/// One control of a form.
#[derive(Clone)]
pub(super) struct Control {
    pub(super) kind: ControlKind,
    pub(super) name: String,
    /// What it contributes to the form; several for a list of which several are chosen, none for a box that is not
    /// checked.
    pub(super) values: Vec<String>,
    pub(super) disabled: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum ControlKind {
    Field,
    /// With an action and a method that override the form's.
    Button {
        image: bool,
        action: Option<String>,
        method: Option<String>,
    },
}

/// A form on its way to the shop.
#[derive(Clone, PartialEq, Eq)]
pub struct FilledForm {
    /// GET or POST.
    pub method: Method,
    /// Where it goes; the fields of a GET form are in it.
    pub url: Url,
    /// The fields of a POST form.
    pub body: Bytes,
    /// How they are written: always `application/x-www-form-urlencoded`, also where the form says
    /// `multipart/form-data`; without files, shops read both.
    pub content_type: HeaderValue,
}

/// Why a form cannot be sent: what was looked for and what was there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormMissing {
    /// No form matches the selector.
    #[error("none of its {forms} forms matches `{selector}`")]
    NoMatch {
        /// As configured.
        selector: String,
        /// On the page.
        forms: usize,
    },
    /// The form that the selector chose lacks fields.
    #[error("its form `{selector}` has no field {}", quoted(fields))]
    NoField {
        /// As configured.
        selector: String,
        /// Those that it lacks.
        fields: Vec<String>,
    },
    /// No form has all the fields.
    #[error("none of its {forms} forms has the fields {}", quoted(fields))]
    NoForm {
        /// All that one of them should have.
        fields: Vec<String>,
        /// On the page.
        forms: usize,
    },
    /// The form has no such button.
    #[error("its form has no button `{0}`")]
    NoButton(String),
    /// The form is sent to something that is no address.
    #[error("its form goes to `{0}`, which is no address of a web page")]
    NoAddress(String),
    /// The page's markup is beyond reading.
    #[error("its markup cannot be read: {0}")]
    Unreadable(String),
}

impl Form {
    /// Finds a form on a page. Disabled controls, controls in a `<template>` and boxes that are not checked contribute
    /// nothing; hidden fields keep their values, and fields that only a robot would fill in stay empty.
    ///
    /// # Errors
    /// [`FormMissing`] says what was looked for.
    pub fn find(page: &Page, choice: &FormChoice) -> Result<Self, FormMissing> {
        let selector = choice.selector.as_ref().map(|(_, selector)| selector);
        let forms = read([page.text.as_str()], &page.text, &page.url, page.encoding, selector)
            .map_err(|error| FormMissing::Unreadable(error.to_string()))?;
        let lacks = |form: &Form| -> Vec<String> {
            let has = |name: &String| form.controls.iter().any(|control| control.name == *name);
            choice.needs.iter().filter(|name| !has(name)).cloned().collect()
        };
        let count = forms.len();
        let Some((text, _)) = &choice.selector else {
            let form = forms.into_iter().map(|(form, _)| form).find(|form| lacks(form).is_empty());
            return form.ok_or_else(|| FormMissing::NoForm { fields: choice.needs.clone(), forms: count });
        };
        let form = forms.into_iter().find(|(_, matched)| *matched).map(|(form, _)| form);
        let form = form.ok_or_else(|| FormMissing::NoMatch { selector: text.clone(), forms: count })?;
        match lacks(&form) {
            fields if fields.is_empty() => Ok(form),
            fields => Err(FormMissing::NoField { selector: text.clone(), fields }),
        }
    }

    /// The names of its fields, in the order of the page; several fields may bear one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.controls.iter().filter(|control| control.kind == ControlKind::Field).map(|control| control.name.as_str())
    }

    /// Types `value` into the field `name`; a field that the form lacks is added, as a script would. Where several
    /// fields bear the name (a box with its hidden "off" beside it), the form is sent with this value alone.
    pub fn fill(&mut self, name: &str, value: &str) {
        let named = |control: &&mut Control| control.kind == ControlKind::Field && control.name == name;
        let mut controls: Vec<_> = self.controls.iter_mut().filter(named).collect();
        let live = controls.iter().position(|control| !control.disabled && !control.values.is_empty());
        let chosen = live.unwrap_or(0);
        for (at, control) in controls.iter_mut().enumerate() {
            control.values.clear();
            if at == chosen {
                control.values.push(value.to_owned());
                control.disabled = false;
            }
        }
        if controls.is_empty() {
            let (name, values) = (name.to_owned(), vec![value.to_owned()]);
            self.controls.push(Control { kind: ControlKind::Field, name, values, disabled: false });
        }
    }

    /// Submits it.
    ///
    /// # Errors
    /// [`FormMissing::NoButton`] and [`FormMissing::NoAddress`].
    pub fn submit(self, press: &Press) -> Result<FilledForm, FormMissing> {
        let pressed = self.pressed(press)?;
        let (mut action, mut method) = (self.action.as_deref(), self.method.as_deref());
        if let Some(ControlKind::Button { action: own_action, method: own_method, .. }) =
            pressed.map(|at| &self.controls[at].kind)
        {
            action = own_action.as_deref().or(action);
            method = own_method.as_deref().or(method);
        }
        let mut url = self.address(action)?;
        let fields = self.encode(pressed);
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        if method.is_some_and(|method| method.trim_ascii().eq_ignore_ascii_case("post")) {
            return Ok(FilledForm { method: Method::POST, url, body: fields.into(), content_type });
        }
        url.set_query(Some(&fields));
        Ok(FilledForm { method: Method::GET, url, body: Bytes::new(), content_type })
    }

    fn pressed(&self, press: &Press) -> Result<Option<usize>, FormMissing> {
        let is_button = |control: &Control| control.kind != ControlKind::Field && !control.disabled;
        match press {
            Press::Nothing => Ok(None),
            Press::Default => Ok(self.controls.iter().position(is_button)),
            Press::Named(name) => {
                let at = self.controls.iter().position(|control| is_button(control) && control.name == *name);
                at.map(Some).ok_or_else(|| FormMissing::NoButton(name.clone()))
            }
        }
    }

    /// An empty action means the page itself, whatever `<base>` says.
    fn address(&self, action: Option<&str>) -> Result<Url, FormMissing> {
        let action = action.unwrap_or_default().trim_ascii();
        let mut url = match action {
            "" => self.page.clone(),
            _ => {
                let encode = encoder(self.encoding);
                let options = Url::options().base_url(Some(&self.base)).encoding_override(Some(&encode)).parse(action);
                options.map_err(|_| FormMissing::NoAddress(action.to_owned()))?
            }
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FormMissing::NoAddress(action.to_owned()));
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// In the form's charset; what that cannot write becomes `&#...;`, as browsers do it.
    fn encode(&self, pressed: Option<usize>) -> String {
        let encoding = self.encoding;
        let encode = encoder(encoding);
        let mut fields = form_urlencoded::Serializer::new(String::new());
        fields.encoding_override(Some(&encode));
        for (at, control) in self.controls.iter().enumerate() {
            match &control.kind {
                ControlKind::Button { .. } if pressed != Some(at) => {}
                ControlKind::Button { image: true, .. } => {
                    let prefix = if control.name.is_empty() { String::new() } else { format!("{}.", control.name) };
                    fields.append_pair(&format!("{prefix}x"), "0").append_pair(&format!("{prefix}y"), "0");
                }
                _ if control.disabled || control.name.is_empty() => {}
                ControlKind::Field if control.name == "_charset_" => {
                    fields.append_pair(&control.name, encoding.output_encoding().name());
                }
                _ => {
                    for value in &control.values {
                        fields.append_pair(&control.name, value);
                    }
                }
            }
        }
        fields.finish()
    }
}

impl fmt::Debug for Form {
    /// Without values: a password may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.controls.iter().map(|control| &control.name).collect();
        f.debug_struct("Form").field("action", &self.action).field("fields", &names).finish_non_exhaustive()
    }
}

impl fmt::Debug for FilledForm {
    /// Without the fields: a password may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilledForm").field("method", &self.method).field("to", &self.url.path()).finish_non_exhaustive()
    }
}

/// In `encoding`; what it cannot write becomes `&#...;`. Line breaks are CR LF in forms, and in addresses there are none.
fn encoder(encoding: &'static Encoding) -> impl Fn(&str) -> Cow<'_, [u8]> {
    move |text| encoding.encode(&text.replace("\r\n", "\n").replace('\n', "\r\n")).0.into_owned().into()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{UTF_8, WINDOWS_1252};
    use http::{HeaderMap, StatusCode};

    fn page(html: &str, encoding: &'static Encoding) -> Page {
        Page {
            url: "https://shop.example/konto/inn?a=1".parse().unwrap(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            text: html.to_owned(),
            encoding,
            redirects: 0,
            leads_away: None,
        }
    }

    fn choose(selector: Option<&str>, needs: &[&str]) -> FormChoice {
        let selector = selector.map(|selector| (selector.to_owned(), selector.parse().unwrap()));
        FormChoice { selector, needs: needs.iter().map(|name| name.to_string()).collect() }
    }

    fn sent(html: &str, fill: &[(&str, &str)], press: &Press) -> FilledForm {
        let mut form = Form::find(&page(html, UTF_8), &choose(None, &[])).unwrap();
        for (name, value) in fill {
            form.fill(name, value);
        }
        form.submit(press).unwrap()
    }

    fn body(html: &str, fill: &[(&str, &str)]) -> String {
        let form = sent(&format!("<form method=post>{html}</form>"), fill, &Press::Nothing);
        String::from_utf8(form.body.to_vec()).unwrap()
    }

    #[test]
    fn the_form_with_the_fields_is_chosen_among_several() {
        let html = "<form action=/search><input name=q></form>\
                    <form action=/inn id=in><input name=user><input name=pass type=password></form>\
                    <form action=/inn id=new><input name=user><input name=pass><input name=pass2></form>";
        let page = page(html, UTF_8);
        let found =
            |selector, needs: &[&str]| Form::find(&page, &choose(selector, needs)).map(|form| form.controls.len());
        assert_eq!(found(None, &["user", "pass"]), Ok(2));
        assert_eq!(found(Some("#new"), &["user"]), Ok(3));
        for (selector, needs, expected) in [
            (Some("#old"), &["user"][..], "none of its 3 forms matches `#old`"),
            (Some("#in"), &["user", "pass2", "x"], "its form `#in` has no field `pass2`, `x`"),
            (None, &["login", "pass"], "none of its 3 forms has the fields `login`, `pass`"),
        ] {
            assert_eq!(found(selector, needs).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_is_filled_in_takes_the_fields_place() {
        let token = "<input type=hidden name=token value='a+b/c='>";
        assert_eq!(body(&format!("{token}<input name=u><input name=p>"), &[("u", "x")]), "token=a%2Bb%2Fc%3D&u=x&p=");
        assert_eq!(body("<input name=u>", &[("login", "1")]), "u=&login=1");
        // Rails: the hidden "off" goes when the box is set by us
        let rails = "<input type=hidden name=r value=0><input type=checkbox name=r value=1>";
        assert_eq!(body(rails, &[]), "r=0");
        assert_eq!(body(rails, &[("r", "1")]), "r=1");
        assert_eq!(body("<input name=u disabled>", &[]), "");
        assert_eq!(body("<input name=u disabled>", &[("u", "x")]), "u=x");
        // a field that people do not see stays as it is
        assert_eq!(body("<input name=website style='display:none'><input name=u>", &[("u", "x")]), "website=&u=x");
    }

    #[test]
    fn only_the_pressed_button_is_sent() {
        let html = "<form method=post><input name=a><button name=one value=1></button>\
                    <input type=submit name=two value=2 formaction=/to formmethod=get><input type=image name=i></form>";
        let body_of = |press: &Press| String::from_utf8(sent(html, &[], press).body.to_vec()).unwrap();
        assert_eq!(body_of(&Press::Nothing), "a=");
        assert_eq!(body_of(&Press::Default), "a=&one=1");
        assert_eq!(body_of(&Press::Named("i".into())), "a=&i.x=0&i.y=0");
        let two = sent(html, &[], &Press::Named("two".into()));
        assert_eq!((two.method, two.url.as_str()), (Method::GET, "https://shop.example/to?a=&two=2"));
        let form = Form::find(&page(html, UTF_8), &choose(None, &[])).unwrap();
        assert_eq!(form.submit(&Press::Named("no".into())).unwrap_err().to_string(), "its form has no button `no`");
    }

    #[test]
    fn a_form_goes_where_a_browser_sends_it() {
        for (html, expected) in [
            ("<form method=post>", "/konto/inn?a=1"),
            ("<base href=/x/><form method=post action=''>", "/konto/inn?a=1"),
            ("<base href='/x/'><form method=POST action=' y '>", "/x/y"),
            ("<form method=post action='?route=account/login&amp;x=1#top'>", "/konto/inn?route=account/login&x=1"),
            ("<form method=post action='/blåbær?ø'>", "/bl%C3%A5b%C3%A6r?%C3%B8"),
            ("<form action=/s?old=1><input name=q value='a b'>", "/s?q=a+b"),
        ] {
            let url = sent(html, &[], &Press::Nothing).url;
            assert_eq!(url.as_str(), format!("https://shop.example{expected}"), "{html}");
        }
        let script = Form::find(&page("<form action='javascript:go()'>", UTF_8), &choose(None, &[])).unwrap();
        assert!(matches!(script.submit(&Press::Nothing), Err(FormMissing::NoAddress(_))));
    }

    #[test]
    fn fields_are_written_in_the_pages_charset() {
        let html = "<form method=post action='/s?ø'><input name=p><input type=hidden name=_charset_></form>";
        let mut form = Form::find(&page(html, WINDOWS_1252), &choose(None, &[])).unwrap();
        form.fill("p", "æøå€ ж\n");
        let sent = form.submit(&Press::Nothing).unwrap();
        assert_eq!(sent.body, "p=%E6%F8%E5%80+%26%231078%3B%0D%0A&_charset_=windows-1252");
        assert_eq!(sent.url.query(), Some("%F8"));

        let html = html.replace("method=post", "method=post accept-charset='unknown utf-8'");
        let mut form = Form::find(&page(&html, WINDOWS_1252), &choose(None, &[])).unwrap();
        form.fill("p", "æ");
        assert_eq!(form.submit(&Press::Nothing).unwrap().body, "p=%C3%A6&_charset_=UTF-8");
    }

    #[test]
    fn what_was_typed_is_not_printed() {
        let html = "<form method=post action=/in?t=hidden><input name=p></form>";
        let mut form = Form::find(&page(html, UTF_8), &choose(None, &[])).unwrap();
        form.fill("p", "hunter2");
        let printed = format!("{form:?} {:?}", form.clone().submit(&Press::Nothing).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
