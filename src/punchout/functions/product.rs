//! A product's own page: what it offers, or the shop's word that there is no such product.

use http::Method;
use url::Url;

use crate::cart::{Cart, Line, PRODUCT};
use crate::config::file::VARIANTS;
use crate::config::plan::{Offers, Shop};
use crate::finding::{Finding, Severities};
use crate::location::Target;
use crate::policy::Verdict;
use crate::problem::{Kind, Problem};
use crate::punchout::offers;
use crate::shop::{Page, Visit};

/// The offer on the page of the product with that number; none where the shop says that it has no such product.
pub(super) async fn by_number(shop: &Shop, offers: &Offers, visit: &mut Visit, number: &str) -> Result<Cart, Problem> {
    let Some(address) = offers.page(number, 1) else {
        let detail =
            format!("`{number}` is none by which a page can be asked for: `number` of [shop.product] fits not");
        return Err(Problem::new(Kind::FunctionFailed, detail));
    };
    if is_closed(shop, &address) {
        return Err(Problem::new(
            Kind::FunctionFailed,
            format!("`{number}` leads to a page that is closed to sessions"),
        ));
    }
    let Some((mut cart, page)) = offered(offers, visit, &address).await? else { return Ok(Cart::default()) };
    // Carts may name an article by what its own page does not say: its address, say.
    let named_elsewhere = shop.cart.reads_extra(PRODUCT) && !offers.rules.reads_extra(PRODUCT);
    if let Some(line) = cart.lines.first_mut().filter(|_| named_elsewhere) {
        if page.redirects > 0 {
            let detail = format!("{}: the shop leads there from the address of `{number}`", page.describe());
            return Err(Problem::new(Kind::FunctionFailed, detail));
        }
        line.extra.push((PRODUCT.to_owned(), number.to_owned()));
    }
    Ok(cart)
}

/// The offer on the page that a hit of a search links to, with what only the list says of it.
pub(super) async fn of_hit(
    shop: &Shop,
    offers: &Offers,
    visit: &mut Visit,
    (hit, link): (&Line, &str),
    severities: &Severities,
) -> Result<Option<Line>, Problem> {
    if is_closed(shop, link) {
        return Err(Problem::new(Kind::FunctionFailed, "a hit leads to a page that is closed to sessions"));
    }
    let Some((mut cart, page)) = offered(offers, visit, link).await? else { return Ok(None) };
    severities.apply(&mut cart.findings);
    if Finding::any_error(&cart.findings) {
        return Err(unreadable("what was read cannot be sent as it is", &page, &cart.findings));
    }
    let line = cart.lines.into_iter().next();
    Ok(line.map(|mut line| {
        line.link = line.link.or_else(|| hit.link.clone());
        line.sku = line.sku.or_else(|| hit.sku.clone());
        line.unit = line.unit.or_else(|| hit.unit.clone());
        let lacks: Vec<_> = hit.extra.iter().filter(|(name, _)| line.extra(name).is_none()).cloned().collect();
        line.extra.extend(lacks);
        line
    }))
}

/// Whether an address of the shop, as its pages or the configuration write it, is denied to sessions. What is none at all the
/// visit refuses.
fn is_closed(shop: &Shop, address: &str) -> bool {
    let written = Url::parse("http://shop.invalid/").and_then(|root| root.join(address));
    written.is_ok_and(|url| {
        matches!(shop.policy.judge(&Method::GET, &Target::new(url.path(), url.query())), Verdict::Deny(_))
    })
}

async fn offered(offers: &Offers, visit: &mut Visit, address: &str) -> Result<Option<(Cart, Page)>, Problem> {
    let Some((mut cart, page)) = read(offers, visit, address).await? else { return Ok(None) };
    if cart.empty {
        return Ok(None);
    }
    if cart.lines.is_empty() {
        return Err(unreadable("[shop.product] reads nothing on it", &page, &cart.findings));
    }
    if cart.lines.len() > 1 {
        let detail = format!("[shop.product] reads {} offers on it; let `line` match one", cart.lines.len());
        return Err(unreadable(&detail, &page, &[]));
    }
    if cart.lines[0].extra(VARIANTS).is_some() {
        return Err(unreadable("the article comes in variants, and the page tells no price of each", &page, &[]));
    }
    cart.lines[0].extra.retain(|(name, _)| name != VARIANTS);
    Ok(Some((cart, page)))
}

/// What a page offers, and the page; nothing where the shop says that there is no such page.
pub(super) async fn read(offers: &Offers, visit: &mut Visit, address: &str) -> Result<Option<(Cart, Page)>, Problem> {
    let opened = offers::open(offers, visit, address).await?;
    Ok(opened.map(|(gathered, page)| (offers::understood(gathered, &page), page)))
}

/// The same, of a page that has been opened.
pub(super) fn take(offers: &Offers, page: Page) -> Result<Option<(Cart, Page)>, Problem> {
    let gathered = offers::gather(offers, page)?;
    Ok(gathered.map(|(gathered, page)| (offers::understood(gathered, &page), page)))
}

/// A page that is not as configured.
pub(super) fn unreadable(what: &str, page: &Page, findings: &[Finding]) -> Problem {
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Problem::new(Kind::FunctionFailed, format!("{}: {what} ({})", page.describe(), findings.join("; ")))
}
