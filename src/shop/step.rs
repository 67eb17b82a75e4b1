//! What a person does on one page of the shop: open it, fill in a form, send it.
//!
//! ```toml
//! page = "/accounts/login/"
//! form = "#login_form"                          # optional: the first form with the fields that are filled in
//! fields = { login-username = "{username}", login-password = "{password}" }
//! submit = "login_submit"                       # optional: the button that Enter presses
//! ```
//!
//! Signing in is one such step with a judgement after it. Emptying a cart is the same step with other fields, and adding
//! a product with fields from a line; which words may stand in braces is up to whoever compiles the step.

use std::collections::BTreeMap;

use super::form::{Form, FormChoice, FormMissing, Press};
use super::page::Page;
use super::visit::Visit;
use crate::problem::Problem;
use crate::selector;

/// How the fields are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As the page's form.
    #[default]
    Form,
    /// As a JSON object of strings, by POST to `action`; the page needs no form.
    Json,
}

/// A step as `proxy.toml` writes it.
#[derive(Clone, Debug, Default)]
pub struct StepSource {
    /// Path and query of the page.
    pub page: String,
    /// CSS selector of the form, or of a control in it.
    pub form: Option<String>,
    /// Field name to text; words in braces are replaced, `{{` and `}}` are braces.
    pub fields: BTreeMap<String, String>,
    /// Name of the button that is pressed.
    pub submit: Option<String>,
    /// Where JSON is posted.
    pub action: Option<String>,
    /// How the fields are sent.
    pub format: Format,
}

/// A checked step.
#[derive(Clone, Debug)]
pub struct Step {
    page: String,
    fields: Vec<(String, Template)>,
    send: Send,
}

#[derive(Clone, Debug)]
enum Send {
    Form { choice: FormChoice, press: Press },
    Json { action: String },
}

/// What words in braces stand for, by word.
pub type Values<'v> = [(&'v str, &'v str)];

/// A text with words in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Word(String),
}

/// Why a step could not be done.
#[derive(Clone, Debug)]
pub enum StepFailed {
    /// The shop could not be visited.
    Visit(Problem),
    /// The page is not as configured: what it was, and what was missing on it.
    Form(String, FormMissing),
}

impl Step {
    /// Checks a step. `words` are those that may stand in braces.
    ///
    /// # Errors
    /// All that is wrong, each with its key in front.
    pub fn compile(source: &StepSource, words: &[&str]) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        if let Err(error) = check_address(&source.page) {
            errors.push(format!("page: {error}"));
        }
        let mut fields = Vec::new();
        for (name, text) in &source.fields {
            match Template::parse(text, words) {
                Ok(template) => fields.push((name.clone(), template)),
                Err(error) => errors.push(format!("fields.{name}: {error}")),
            }
        }
        if source.fields.is_empty() {
            errors.push("fields: name at least one field to fill in".to_owned());
        }
        let send = match source.format {
            Format::Form => form_to_send(source, &fields, &mut errors),
            Format::Json => json_to_send(source, &mut errors),
        };
        match errors.is_empty() {
            true => Ok(Step { page: source.page.clone(), fields, send }),
            false => Err(errors),
        }
    }

    /// The address of its page.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Opens its page.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn open(&self, visit: &mut Visit) -> Result<Page, Problem> {
        visit.open(&self.page).await
    }

    /// Whether it could be done on this page: is its form there, with all that is filled in?
    ///
    /// # Errors
    /// What is missing.
    pub fn fits(&self, page: &Page) -> Result<(), FormMissing> {
        match &self.send {
            Send::Json { .. } => Ok(()),
            Send::Form { choice, .. } => Form::find(page, choice).map(|_| ()),
        }
    }

    /// Does it on its page, or on another with the same form. The page that comes of it may have any status.
    ///
    /// # Errors
    /// [`StepFailed`].
    pub async fn run_on(&self, visit: &mut Visit, page: &Page, values: &Values<'_>) -> Result<Page, StepFailed> {
        let fields = self.fields.iter().map(|(name, template)| (name, template.fill(values)));
        match &self.send {
            Send::Json { action } => {
                let object: serde_json::Map<_, _> = fields.map(|(name, value)| (name.clone(), value.into())).collect();
                Ok(visit.post_json(page, action, serde_json::Value::Object(object).to_string()).await?)
            }
            Send::Form { choice, press } => {
                let missing = |missing| StepFailed::Form(page.describe(), missing);
                let mut form = Form::find(page, choice).map_err(missing)?;
                for (name, value) in fields {
                    form.fill(name, &value);
                }
                let filled = form.submit(press).map_err(missing)?;
                Ok(visit.submit(page, filled).await?)
            }
        }
    }
}

fn form_to_send(source: &StepSource, fields: &[(String, Template)], errors: &mut Vec<String>) -> Send {
    if source.action.is_some() {
        errors.push("action: only for format = \"json\"; a form knows itself where it goes".to_owned());
    }
    let selector = source.form.as_ref().and_then(|text| match selector::compile(text) {
        Ok(selector) => Some((text.clone(), selector)),
        Err(bad) => {
            errors.push(format!("form: {bad}"));
            None
        }
    });
    // Fields with a text of their own may be such as a script adds; what a person types in must be there.
    let needs = fields.iter().filter(|(_, template)| template.has_words()).map(|(name, _)| name.clone()).collect();
    let press = source.submit.clone().map_or(Press::Default, Press::Named);
    Send::Form { choice: FormChoice { selector, needs }, press }
}

fn json_to_send(source: &StepSource, errors: &mut Vec<String>) -> Send {
    for (key, given) in [("form", source.form.is_some()), ("submit", source.submit.is_some())] {
        if given {
            errors.push(format!("{key}: not with format = \"json\", which needs no form"));
        }
    }
    let action = source.action.clone().unwrap_or_default();
    if let Err(error) = check_address(&action) {
        errors.push(format!("action: {error}"));
    }
    Send::Json { action }
}

/// An address in the shop: path and query.
pub(super) fn check_address(address: &str) -> Result<(), String> {
    match address.starts_with('/') && !address.starts_with("//") && !address.contains(['#', '\\']) {
        true => Ok(()),
        false => Err(format!("`{address}` is not an address in the shop: begin with one `/`, and without `#`")),
    }
}

impl Template {
    /// Reads a text in which `words` may stand in braces.
    ///
    /// # Errors
    /// A text for the ops person, for an unknown word and for a brace without its other half.
    pub fn parse(text: &str, words: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..at + 1];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let word = rest.split_once('}').filter(|_| brace == "{");
            let (word, after) =
                word.ok_or_else(|| format!("a `{brace}` stands alone; for a brace write `{brace}{brace}`"))?;
            if !words.contains(&word) {
                let known: Vec<_> = words.iter().map(|word| format!("{{{word}}}")).collect();
                return Err(format!("`{{{word}}}` means nothing here; there is {}", known.join(", ")));
            }
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
            pieces.push(Piece::Word(word.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        pieces.push(Piece::Text(literal));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Template { pieces })
    }

    /// The text with the words replaced. What they stand for is not looked through for braces.
    pub fn fill(&self, values: &Values<'_>) -> String {
        let text = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Word(word) => values.iter().find(|(name, _)| name == word).map_or("", |(_, value)| *value),
        });
        text.collect()
    }

    /// The words that stand in it.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Word(word) => Some(word.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Whether any word stands in it.
    pub fn has_words(&self) -> bool {
        self.words().next().is_some()
    }
}

impl From<Problem> for StepFailed {
    fn from(problem: Problem) -> Self {
        StepFailed::Visit(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_in_braces_are_replaced_and_nothing_else() {
        let words = ["username", "password"];
        let values = [("username", "{password}"), ("password", "p}{")];
        for (text, expected) in [
            ("{username}", "{password}"),
            ("x{password}y", "xp}{y"),
            ("{{username}}", "{username}"),
            ("{{{password}}}", "{p}{}"),
            ("", ""),
            ("plain", "plain"),
        ] {
            assert_eq!(Template::parse(text, &words).unwrap().fill(&values), expected, "{text}");
        }
        for text in ["{user}", "{", "a}b", "{}", "{username"] {
            assert!(Template::parse(text, &words).is_err(), "{text}");
        }
        assert!(!Template::parse("{{username}}", &words).unwrap().has_words());
    }

    proptest! {
        #[test]
        fn any_text_can_be_written(text in ".{0,40}") {
            let written = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(Template::parse(&written, &[]).unwrap().fill(&[]), text);
        }
    }
}
