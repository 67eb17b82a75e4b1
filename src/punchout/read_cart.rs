//! The cart as the shop has it now, read with the buyer's cookies.

use std::collections::HashSet;

use crate::cart::rules::{Endpoint, Rules};
use crate::cart::{Cart, read_html, read_json};
use crate::finding::{Finding, Severity, code};
use crate::location::{Location, Target};
use crate::problem::{Kind, Problem};
use crate::shop::Visit;

/// What a cart was read from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The page's text.
    Page(String),
    /// The answers that hold it.
    Answers(Vec<serde_json::Value>),
}

/// Reads the cart from its page at `address`, or from where else the rules say that it is. `pages` are the spellings of
/// the cart page: where a redirect leads elsewhere (to the sign-in page, say) there is no cart.
///
/// # Errors
/// What the shop may answer instead of its cart.
pub async fn read(
    rules: &std::sync::Arc<Rules>,
    address: &str,
    pages: &[Location],
    visit: &mut Visit,
) -> Result<Cart, Problem> {
    read_source(rules, address, pages, visit).await.map(|(cart, _)| cart)
}

/// The same, with what it was read from.
///
/// # Errors
/// What the shop may answer instead of its cart.
pub async fn read_source(
    rules: &std::sync::Arc<Rules>,
    address: &str,
    pages: &[Location],
    visit: &mut Visit,
) -> Result<(Cart, Source), Problem> {
    if let Some(endpoint) = rules.endpoint() {
        return read_answers(rules, endpoint, visit).await;
    }
    let seen = visit.open(address).await?;
    let ended = Target::new(seen.url.path(), seen.url.query());
    if !seen.status.is_success() || !pages.iter().any(|page| page.matches(&ended)) {
        return Err(Problem::new(Kind::CartUnreadable, format!("instead of the cart page, {}", seen.describe())));
    }
    let cart = read_html::read(rules, [seen.text.as_bytes()], encoding_rs::UTF_8);
    Ok((cart, Source::Page(seen.text)))
}

async fn read_answers(rules: &Rules, endpoint: &Endpoint, visit: &mut Visit) -> Result<(Cart, Source), Problem> {
    let mut page = visit.open_json(&endpoint.address).await?;
    let mut asked = HashSet::from([page.address().to_owned()]);
    let mut answers = Vec::new();
    let mut findings = Vec::new();
    loop {
        let json = page.json().filter(|_| page.status.is_success());
        let Some(json) = json else {
            return Err(Problem::new(Kind::CartUnreadable, format!("instead of JSON, {}", page.describe())));
        };
        let next = read_json::next(endpoint, &json).map(str::to_owned);
        answers.push(json);
        let Some(next) = next else { break };
        if answers.len() >= endpoint.most {
            let detail = format!("the shop has more than {} answers for one cart", endpoint.most);
            findings.push(Finding::on_cart(code::CART_TOO_LONG, Severity::Error, detail));
            break;
        }
        page = visit.follow_json(&page, &next).await?;
        if !asked.insert(page.address().to_owned()) {
            return Err(Problem::new(Kind::CartUnreadable, "the shop's answers for one cart lead in a circle"));
        }
    }
    let mut cart = read_json::read(rules, &answers);
    cart.findings.extend(findings);
    Ok((cart, Source::Answers(answers)))
}
