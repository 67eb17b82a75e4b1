//! A page that offers something, as functions and carts read it: [`Offers`] says where it is and what stands on it.

use http::StatusCode;
use url::{Position, Url};

use crate::cart::articles::Articles;
use crate::cart::gathered::Gathered;
use crate::cart::{Cart, read_html, read_json};
use crate::config::plan::Offers;
use crate::problem::{Kind, Problem};
use crate::shop::{Page, Visit};

/// Opens the page and gathers what it says; nothing where the shop says that there is no such page.
///
/// # Errors
/// [`Kind::FunctionFailed`] for whatever else the shop answers in its place, and what [`Visit::open`] meets.
pub(super) async fn open(
    offers: &Offers,
    visit: &mut Visit,
    address: &str,
) -> Result<Option<(Gathered, Page)>, Problem> {
    let is_json = offers.rules.endpoint().is_some();
    let page = if is_json { visit.open_json(address).await? } else { visit.open(address).await? };
    gather(offers, page)
}

/// The same, of a page that has been opened.
pub(super) fn gather(offers: &Offers, page: Page) -> Result<Option<(Gathered, Page)>, Problem> {
    if matches!(page.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Ok(None);
    }
    if !page.status.is_success() || page.leads_away.is_some() {
        return Err(Problem::new(Kind::FunctionFailed, format!("instead of the page, {}", page.describe())));
    }
    let gathered = if offers.rules.endpoint().is_some() {
        let none = || Problem::new(Kind::FunctionFailed, format!("instead of JSON, {}", page.describe()));
        read_json::gather(&offers.rules, &[page.json().ok_or_else(none)?])
    } else {
        read_html::gather(&offers.rules, [page.text.as_bytes()], encoding_rs::UTF_8)
    };
    Ok(Some((gathered, page)))
}

/// What a page offers. Links that begin at the page are made such that begin at the shop.
pub(super) fn understood(gathered: Gathered, page: &Page) -> Cart {
    let mut cart = gathered.cart(&Articles::default());
    for link in cart.lines.iter_mut().filter_map(|line| line.link.as_mut()) {
        if link.starts_with('/') || Url::parse(link).is_ok() {
            continue;
        }
        if let Ok(url) = page.url.join(link) {
            *link = url[Position::BeforePath..Position::AfterQuery].to_owned();
        }
    }
    cart
}
