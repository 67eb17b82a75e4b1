//! Signing in: a [`Step`] with the buyer's account, and the judgement whether the shop let us in.
//!
//! Shops say no in many ways: 200 with an alert, 302 back to the sign-in page, 400. And an alert proves nothing: some
//! themes carry one for browsers without script on every page. So what counts is a sign of success that was configured,
//! the surest being a logout link on the next page.

use std::collections::BTreeMap;

use lol_html::Selector;
use serde::Deserialize;

use super::account::Account;
use super::page::Page;
use super::step::{Format, Step, StepFailed, StepSource, check_address};
use super::visit::Visit;
use crate::location::{Location, Target};
use crate::problem::{Kind, Problem};
use crate::selector;

/// `[shop.sign_in]`: how a person signs in, and how success shows.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignInSource {
    /// Path and query of the sign-in page.
    pub page: String,
    /// CSS selector of its form, or of a control in it. Default: the first form with the fields that hold
    /// `{username}` and `{password}`.
    pub form: Option<String>,
    /// Field name to text, with `{username}` and `{password}`. Hidden fields keep the page's values by themselves.
    pub fields: BTreeMap<String, String>,
    /// Name of the button that is pressed. Default: the one that Enter presses.
    pub submit: Option<String>,
    /// `"form"` or `"json"`.
    pub format: Format,
    /// Where JSON is posted; for `format = "json"` alone.
    pub action: Option<String>,
    /// Signs of success. All that are named must show.
    pub success: SuccessSource,
    /// CSS selector of an element that shows only when the shop says no. An alert box is no such element everywhere.
    pub failure: Option<String>,
}

/// `[shop.sign_in.success]`: at least one.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessSource {
    /// The shop answers with a redirect, and this is where it ends: a pattern of addresses.
    pub redirect: Option<String>,
    /// The shop does not end here: a pattern of addresses. Magento answers a wrong password by a redirect to its sign-in
    /// page.
    pub not_redirect: Option<String>,
    /// The shop sets this cookie when we sign in, to a value that it did not have before.
    pub cookie: Option<String>,
    /// CSS selector of an element on the next page: the logout link.
    pub element: Option<String>,
    /// Where that element is looked for: path and query. Default: the page to which signing in leads.
    pub page: Option<String>,
}

/// Checked rules.
#[derive(Clone, Debug)]
pub struct SignIn {
    step: Step,
    redirect: Option<Location>,
    not_redirect: Option<Location>,
    cookie: Option<String>,
    element: Option<Css>,
    page: Option<String>,
    failure: Option<Css>,
}

/// A selector, and how it was written.
#[derive(Clone, Debug)]
struct Css {
    text: String,
    selector: Selector,
}

/// The shop let us in. The visit has the cookies.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The page to which signing in led, or on which success was looked for.
    pub page: Page,
}

impl SignIn {
    /// Checks the rules.
    ///
    /// # Errors
    /// All that is wrong, each with its key (relative to `shop.sign_in`) in front.
    pub fn compile(source: &SignInSource) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let step = StepSource {
            page: source.page.clone(),
            form: source.form.clone(),
            fields: source.fields.clone(),
            submit: source.submit.clone(),
            action: source.action.clone(),
            format: source.format,
        };
        let step = Step::compile(&step, &["username", "password"]).map_err(|faults| errors.extend(faults)).ok();
        if !source.fields.values().any(|text| text.contains("{password}")) {
            errors.push("fields: none holds `{password}`".to_owned());
        }
        let success = &source.success;
        let redirect = location("success.redirect", &success.redirect, &mut errors);
        let not_redirect = location("success.not_redirect", &success.not_redirect, &mut errors);
        let element = css("success.element", &success.element, &mut errors);
        let failure = css("failure", &source.failure, &mut errors);
        match (&success.page, &success.element) {
            (Some(_), None) => errors.push("success.page: of use only with success.element".to_owned()),
            (Some(page), Some(_)) => {
                errors.extend(check_address(page).err().map(|error| format!("success.page: {error}")));
            }
            (None, _) => {}
        }
        let named = [&success.redirect, &success.not_redirect, &success.cookie, &success.element];
        if named.iter().all(|sign| sign.is_none()) {
            let advice = "name at least one sign; the surest is `element`, the logout link on the next page";
            errors.push(format!("success: {advice}"));
        }
        let (cookie, page) = (success.cookie.clone(), success.page.clone());
        match step {
            Some(step) if errors.is_empty() => {
                Ok(SignIn { step, redirect, not_redirect, cookie, element, page, failure })
            }
            _ => Err(errors),
        }
    }
}

impl SignIn {
    /// Whether a page shows that somebody is signed in; `None` where no element would tell.
    pub fn shows(&self, page: &Page) -> Option<bool> {
        self.element.as_ref().map(|element| page.holds(&element.selector))
    }

    /// The element that shows that somebody is signed in, as it was written and compiled.
    pub fn element(&self) -> Option<(&str, &Selector)> {
        self.element.as_ref().map(|element| (element.text.as_str(), &element.selector))
    }

    /// The address of the page on which that element is looked for, where one is named.
    pub fn shown_on(&self) -> Option<&str> {
        self.page.as_deref()
    }

    /// The address of the sign-in page.
    pub fn page(&self) -> &str {
        self.step.page()
    }

    /// Opens the sign-in page and looks for its form; nobody is signed in.
    ///
    /// # Errors
    /// As [`sign_in()`], as far as it comes without an account.
    pub async fn look(&self, visit: &mut Visit) -> Result<Page, Problem> {
        let page = self.step.open(visit).await?;
        match self.step.fits(&page) {
            Ok(()) => Ok(page),
            Err(missing) => {
                let detail = format!("the sign-in page {}: {missing}", page.describe());
                Err(Problem::new(Kind::SignInFormMissing, detail))
            }
        }
    }
}

fn location(key: &str, text: &Option<String>, errors: &mut Vec<String>) -> Option<Location> {
    Location::parse(text.as_ref()?).map_err(|error| errors.push(format!("{key}: {error}"))).ok()
}

fn css(key: &str, text: &Option<String>, errors: &mut Vec<String>) -> Option<Css> {
    let text = text.clone()?;
    match selector::compile(&text) {
        Ok(selector) => Some(Css { text, selector }),
        Err(bad) => {
            errors.push(format!("{key}: {bad}"));
            None
        }
    }
}

/// Signs in at the shop with `account`. The visit begins with an empty jar, so nobody is signed in yet.
///
/// # Errors
/// [`Kind::SignInFormMissing`] says what was looked for and what the page was. [`Kind::SignInRefused`] says which sign
/// was not there and what was: status, path and title, never a query, never the password. And what [`Visit::follow`]
/// meets.
pub async fn sign_in(rules: &SignIn, visit: &mut Visit, account: &Account) -> Result<SignedIn, Problem> {
    let page = rules.step.open(visit).await?;
    if let Some(element) =
        rules.element.as_ref().filter(|element| rules.page.is_none() && page.holds(&element.selector))
    {
        // An element that shows to everybody would make every refusal look like a success.
        let (text, page) = (&element.text, page.describe());
        let detail = format!("`{text}` proves nothing: it matches before anybody signed in, where {page}");
        return Err(Problem::new(Kind::SignInRefused, detail));
    }
    // Not earlier: the sign-in page itself gives everybody a session.
    let before = rules.cookie_values(visit);
    let values = [("username", account.username.as_str()), ("password", account.password.expose())];
    let answer = match rules.step.run_on(visit, &page, &values).await {
        Ok(answer) => answer,
        Err(StepFailed::Visit(problem)) => return Err(problem),
        Err(StepFailed::Form(page, missing)) => {
            return Err(Problem::new(Kind::SignInFormMissing, format!("the sign-in page {page}: {missing}")));
        }
    };
    let answer = follow_script(visit, answer).await?;
    let no = |sign: String, page: &Page| {
        Err(Problem::new(Kind::SignInRefused, format!("{sign}: after signing in, {}", page.describe())))
    };
    if let Some(sign) = rules.missing_sign(visit, &before, &answer) {
        return no(sign, &answer);
    }
    let Some(element) = &rules.element else { return Ok(SignedIn { page: answer }) };
    let page = match &rules.page {
        Some(address) => visit.open(address).await?,
        None => answer,
    };
    match page.holds(&element.selector) {
        true => Ok(SignedIn { page }),
        false => no(format!("no element matches `{}`", element.text), &page),
    }
}

/// Goes where a shop's own script goes that sends the form in the background: OpenCart 4 answers
/// `{"redirect": "..."}`, and only that address has the token without which its account pages turn a customer away.
async fn follow_script(visit: &mut Visit, answer: Page) -> Result<Page, Problem> {
    let json = answer.json();
    let Some(address) = json.as_ref().and_then(|json| json.get("redirect")?.as_str()) else { return Ok(answer) };
    let mut next = visit.follow(&answer, address).await?;
    next.redirects += 1;
    Ok(next)
}

impl SignIn {
    fn cookie_values(&self, visit: &Visit) -> Vec<Vec<u8>> {
        let values = self.cookie.iter().flat_map(|name| visit.jar().values(name));
        values.map(<[u8]>::to_vec).collect()
    }

    /// The first sign of success that the answer itself lacks, or the sign of failure that it has.
    fn missing_sign(&self, visit: &Visit, before: &[Vec<u8>], answer: &Page) -> Option<String> {
        if answer.redirects == 0 && (answer.status.is_client_error() || answer.status.is_server_error()) {
            return Some("the shop refused the form".to_owned());
        }
        if let Some(failure) = self.failure.as_ref().filter(|failure| answer.holds(&failure.selector)) {
            return Some(format!("an element matches `{}`", failure.text));
        }
        let ended = Target::new(answer.url.path(), answer.url.query());
        let here = |pattern: &Location| answer.leads_away.is_none() && pattern.matches(&ended);
        if let Some(pattern) = self.redirect.as_ref().filter(|pattern| answer.redirects == 0 || !here(pattern)) {
            return Some(format!("no redirect ended at `{pattern}`"));
        }
        if let Some(pattern) = self.not_redirect.as_ref().filter(|pattern| here(pattern)) {
            return Some(format!("the shop ended at `{pattern}`"));
        }
        let name = self.cookie.as_ref()?;
        let anew = |value: &[u8]| !value.is_empty() && !before.iter().any(|old| old == value);
        (!visit.jar().values(name).any(anew)).then(|| format!("the cookie `{name}` was not set anew"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<SignIn, Vec<String>> {
        SignIn::compile(&toml::from_str(text).unwrap())
    }

    #[test]
    fn rules_are_shared_between_workers() {
        fn shared<T: Send + Sync>() {}
        shared::<SignIn>();
    }

    #[test]
    fn the_shapes_of_real_shops_compile() {
        for rules in [
            r##"page = "/accounts/login/"
               fields = { login-username = "{username}", login-password = "{password}" }
               submit = "login_submit"
               success.element = 'a[href*="/logout/"]'"##,
            r##"page = "/customer/account/login/"
               form = "#login-form"
               fields = { "login[username]" = "{username}", "login[password]" = "{password}" }
               success.not_redirect = "/customer/account/login/**""##,
            r##"page = "/account/login"
               format = "json"
               action = "/customer/login"
               fields = { email = "{username}", password = "{password}" }
               success = { element = "a.logout", page = "/account" }"##,
        ] {
            compile(rules).unwrap();
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = compile(
            r##"page = "login"
               form = "form:has(x)"
               action = "/x"
               fields = { u = "{user}" }
               failure = ">"
               [success]
               page = "x"
               redirect = "x""##,
        );
        let faults = faults.unwrap_err();
        let keys: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        let expected = ["page", "fields.u", "action", "form", "fields", "success.redirect", "failure", "success.page"];
        assert_eq!(keys, expected, "{faults:#?}");
        assert!(compile("page = '/x'\nfields = { p = '{password}' }").unwrap_err()[0].starts_with("success: "));
        assert!(toml::from_str::<SignInSource>("pgae = '/x'").is_err());
    }
}
