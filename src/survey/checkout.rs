//! The controls that lead to checkout, and what has to be closed so that no order can be placed.

use url::Url;

use super::links::{closing, controls, of_control, steady_path, target};
use super::markup::{Element, Markup, above, control_text, text_of};
use super::words::WORDS;

/// What was found on one or several pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundCheckout {
    /// Selectors of the controls.
    pub controls: Vec<String>,
    /// Patterns for `shop.deny.paths`.
    pub paths: Vec<String>,
    /// Forms that a control sends to an address which must stay open: path and field.
    pub forms: Vec<(String, String)>,
}

impl FoundCheckout {
    /// Looks at a page of the shop. `open` are addresses that sessions need: cart, sign-in, article.
    pub fn look(&mut self, source: &str, page: &Url, open: &[Url]) {
        let markup = Markup::parse(source);
        for control in controls(&markup) {
            let to = target(page, control);
            if is_checkout(control) && !is_open(to.as_ref(), page, open) {
                add(&mut self.controls, of_control(&markup, control));
                match &to {
                    Some(url) => closing(url).into_iter().for_each(|path| add(&mut self.paths, Some(path))),
                    None => self.close_form(page, control, open),
                }
            } else if let Some(url) = to.filter(|url| is_own_account(control, url) && !is_open(Some(url), page, open)) {
                closing(&url).into_iter().for_each(|path| add(&mut self.paths, Some(path)));
            }
        }
    }

    /// A button of a form: what it sends is closed by its address, or where that is the cart's, by its name.
    fn close_form(&mut self, page: &Url, control: Element<'_>, open: &[Url]) {
        let Some(form) = above(control).find(|one| one.value().name() == "form") else { return };
        let Ok(action) = page.join(form.attr("action").unwrap_or_default()) else { return };
        match control.attr("name") {
            Some(name) => {
                let form = (action.path().to_owned(), name.to_owned());
                if !self.forms.contains(&form) {
                    self.forms.push(form);
                }
            }
            None if !is_open(Some(&action), page, open) => {
                closing(&action).into_iter().for_each(|path| add(&mut self.paths, Some(path)));
            }
            None => {}
        }
    }
}

fn add(list: &mut Vec<String>, one: Option<String>) {
    if let Some(one) = one.filter(|one| !list.contains(one)) {
        list.push(one);
    }
}

/// By what it says or where it leads; a link to the cart may have `checkout` in its address.
fn is_checkout(control: Element<'_>) -> bool {
    let said = format!("{} {}", text_of(control), control.attr("value").unwrap_or_default());
    let named = control_text(control);
    if WORDS.remove.is_match(&said) || WORDS.add.is_match(&said) && !WORDS.checkout.is_match(&said) {
        return false;
    }
    WORDS.checkout.is_match(&said)
        || (WORDS.checkout.is_match(&named) && !WORDS.cart.is_match(&said) && said.trim().len() < 60)
}

fn is_own_account(control: Element<'_>, url: &Url) -> bool {
    let address = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let has_word = WORDS.own_account.is_match(&address) || WORDS.sign_out.is_match(&address);
    has_word && control.value().name() == "a"
}

fn is_open(to: Option<&Url>, page: &Url, open: &[Url]) -> bool {
    let Some(to) = to else { return false };
    let same = |one: &Url| steady_path(one.path()) == steady_path(to.path()) && one.query() == to.query();
    to.host() != page.host() || open.iter().any(same)
}
