//! The cart as the shop has it now, read with the buyer's cookies.

use std::collections::HashSet;
use std::sync::Arc;

use super::product_pages::ProductPages;
use crate::cart::articles::Articles;
use crate::cart::gathered::Gathered;
use crate::cart::rules::{Endpoint, Rules};
use crate::cart::{Cart, read_html, read_json};
use crate::config::Plan;
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

/// A cart with all that is known of it.
#[derive(Debug)]
pub struct Whole {
    /// The cart.
    pub cart: Cart,
    /// What was looked up on product pages.
    pub articles: Articles,
    /// What it was read from.
    pub source: Source,
}

/// Reads the cart from its page at `address`, or from where else the rules say that it is. `pages` are the spellings of
/// the cart page: where a redirect leads elsewhere (to the sign-in page, say) there is no cart.
///
/// # Errors
/// What the shop may answer instead of its cart.
pub async fn read(rules: &Arc<Rules>, address: &str, pages: &[Location], visit: &mut Visit) -> Result<Cart, Problem> {
    gather(rules, address, pages, visit).await.map(|(gathered, _)| gathered.cart(&Articles::default()))
}

/// Reads it as a buyer's is read: completed from product pages, where anything is looked for there.
///
/// # Errors
/// As [`read`].
pub async fn read_whole(plan: &Arc<Plan>, visit: &mut Visit) -> Result<Whole, Problem> {
    let shop = &plan.shop;
    let (gathered, source) = gather(&shop.cart, &shop.cart_address, &shop.cart_pages, visit).await?;
    let articles = match ProductPages::begin(plan, visit) {
        Some(pages) => pages.of(&gathered).await,
        None => Articles::default(),
    };
    Ok(Whole { cart: gathered.cart(&articles), articles, source })
}

/// What was read, before it is understood, with what it was read from.
///
/// # Errors
/// What the shop may answer instead of its cart.
async fn gather(
    rules: &Arc<Rules>,
    address: &str,
    pages: &[Location],
    visit: &mut Visit,
) -> Result<(Gathered, Source), Problem> {
    if let Some(endpoint) = rules.endpoint() {
        return read_answers(rules, endpoint, visit).await;
    }
    let seen = visit.open(address).await?;
    let ended = Target::new(seen.url.path(), seen.url.query());
    if !seen.status.is_success() || !pages.iter().any(|page| page.matches(&ended)) {
        return Err(Problem::new(Kind::CartUnreadable, format!("instead of the cart page, {}", seen.describe())));
    }
    let gathered = read_html::gather(rules, [seen.text.as_bytes()], encoding_rs::UTF_8);
    Ok((gathered, Source::Page(seen.text)))
}

async fn read_answers(
    rules: &Arc<Rules>,
    endpoint: &Endpoint,
    visit: &mut Visit,
) -> Result<(Gathered, Source), Problem> {
    let mut page = visit.open_json(&endpoint.address).await?;
    let mut asked = HashSet::from([page.address().to_owned()]);
    let mut answers = Vec::new();
    let too_long = loop {
        let json = page.json().filter(|_| page.status.is_success());
        let Some(json) = json else {
            return Err(Problem::new(Kind::CartUnreadable, format!("instead of JSON, {}", page.describe())));
        };
        let next = read_json::next(endpoint, &json).map(str::to_owned);
        answers.push(json);
        let Some(next) = next else { break None };
        if answers.len() >= endpoint.most {
            let detail = format!("the shop has more than {} answers for one cart", endpoint.most);
            break Some(Finding::on_cart(code::CART_TOO_LONG, Severity::Error, detail));
        }
        page = visit.follow_json(&page, &next).await?;
        if !asked.insert(page.address().to_owned()) {
            return Err(Problem::new(Kind::CartUnreadable, "the shop's answers for one cart lead in a circle"));
        }
    };
    let mut gathered = read_json::gather(rules, &answers);
    if let Some(finding) = too_long {
        gathered.note(finding);
    }
    Ok((gathered, Source::Answers(answers)))
}
