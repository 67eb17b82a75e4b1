//! The hits of a search, over all of its pages, as far as a procurement system has any use of them.
//!
//! What bounds them (a number of hits, of pages, half of the visit's time) makes an answer shorter and is told; it is
//! never taken for the shop's word that there is no more.

use std::collections::HashSet;

use super::product::{of_hit, read, take, unreadable};
use crate::cart::{Cart, Line, PRODUCT, read_json};
use crate::config::file::VARIANTS;
use crate::config::plan::{Offers, Paging, Shop};
use crate::finding::{Finding, Severities, Severity};
use crate::problem::{Kind, Problem};
use crate::shop::{Page, Visit};

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) cart: Cart,
    /// Why there may be more of them.
    pub(super) cut: Option<String>,
}

impl Hits {
    fn cut(&mut self, why: impl Into<String>) {
        self.cut.get_or_insert(why.into());
    }

    /// Adds what another page holds; whether there was anything new.
    fn add(&mut self, mut page: Cart, fitness: Fitness<'_>) -> bool {
        let before = self.cart.lines.len();
        let is_new = page.lines.iter().any(|line| !self.cart.lines.contains(line));
        fitness.judge(&mut page);
        // A hit that moves from one page to the next while they are read is one hit.
        let new: Vec<Line> = page.lines.into_iter().filter(|line| !self.cart.lines.contains(line)).collect();
        self.cart.lines.extend(new);
        self.cart.empty |= page.empty;
        let numbered = |finding: Finding| Finding { line: finding.line.map(|line| line + before), ..finding };
        self.cart.findings.extend(page.findings.into_iter().map(numbered));
        is_new
    }
}

/// What a hit must be to be answered.
#[derive(Clone, Copy)]
pub(super) struct Fitness<'b> {
    /// How grave a finding is to the buyer.
    pub(super) severities: &'b Severities,
    /// The list is what is answered, not the hits' own pages: one with an error is left out.
    pub(super) is_final: bool,
}

impl Fitness<'_> {
    fn judge(self, page: &mut Cart) {
        // The lines that there are no longer.
        let gone: HashSet<usize> = lines_of(page, Finding::is_firm);
        self.severities.apply(&mut page.findings);
        if self.is_final {
            let bad = lines_of(page, |finding| finding.severity == Severity::Error);
            let mut numbers = (1..).filter(|number| !gone.contains(number));
            page.lines.retain(|_| numbers.next().is_some_and(|number| !bad.contains(&number)));
        }
    }
}

fn lines_of(page: &Cart, which: impl Fn(&Finding) -> bool) -> HashSet<usize> {
    page.findings.iter().filter(|finding| which(finding)).filter_map(|finding| finding.line).collect()
}

/// Searches, and goes on to the next page as long as there is one. Some shops lead to the page of a hit that is the only one,
/// which `product` reads.
pub(super) async fn hits(
    offers: &Offers,
    product: Option<&Offers>,
    visit: &mut Visit,
    searched: &str,
    fitness: Fitness<'_>,
) -> Result<Hits, Problem> {
    let address = address(offers, searched, 1)?;
    let Some((cart, mut page)) = read(offers, visit, &address).await? else {
        return Err(Problem::new(Kind::FunctionFailed, "the shop has no page at the address of [shop.search]"));
    };
    if cart.lines.is_empty() && !cart.empty {
        if let Some(cart) = product.filter(|_| page.redirects > 0).and_then(|product| only_hit(product, &page)) {
            let mut only = Hits::default();
            only.add(cart, fitness);
            return Ok(only);
        }
        let what = "[shop.search] reads no hit on it, and `empty` does not say that there is none";
        return Err(unreadable(what, &page, &cart.findings));
    }
    let mut on_page = cart.lines.len();
    let mut hits = Hits::default();
    hits.add(cart, fitness);
    let mut asked = HashSet::from([page.address().to_owned()]);
    for number in 2.. {
        let Some(next) = next(offers, searched, &page, (number, on_page))? else { break };
        if hits.cart.lines.len() >= offers.most {
            hits.cut(format!("more than {} hits (`most`)", offers.most));
            break;
        }
        if number > offers.pages {
            hits.cut(format!("more than {} pages of hits (`pages`)", offers.pages));
            break;
        }
        if visit.is_late() {
            hits.cut(format!("no time for page {number} of the hits (`limits.sign_in_time`)"));
            break;
        }
        page = match offers.rules.endpoint() {
            Some(_) => visit.follow_json(&page, &next).await?,
            None => visit.follow(&page, &next).await?,
        };
        // Some shops show the last page again for a number that is too large, at its own address.
        if !asked.insert(page.address().to_owned()) {
            break;
        }
        let Some((cart, there)) = take(offers, page)? else { break };
        page = there;
        on_page = cart.lines.len();
        if on_page == 0 && !cart.empty && !matches!(offers.paging, Paging::Counted(_)) {
            return Err(unreadable("[shop.search] reads no hit on it, and a page led there", &page, &cart.findings));
        }
        if !hits.add(cart, fitness) {
            break;
        }
    }
    if hits.cart.lines.len() > offers.most {
        hits.cut(format!("more than {} hits (`most`)", offers.most));
    }
    Ok(hits)
}

/// The offer of a product's page to which a search has led.
fn only_hit(product: &Offers, page: &Page) -> Option<Cart> {
    let (mut cart, page) = take(product, page.clone()).ok()??;
    let line = cart.lines.first_mut().filter(|line| line.extra(VARIANTS).is_none())?;
    line.link.get_or_insert_with(|| page.address().to_owned());
    (cart.lines.len() == 1).then_some(cart)
}

/// A page's address.
fn address(offers: &Offers, searched: &str, page: usize) -> Result<String, Problem> {
    let none = || Problem::new(Kind::Internal, "[shop.search] without an address");
    offers.page(searched, page).ok_or_else(none)
}

/// Where page `number` is, if there may be one; the page before it held `on_page` hits.
fn next(
    offers: &Offers,
    searched: &str,
    page: &Page,
    (number, on_page): (usize, usize),
) -> Result<Option<String>, Problem> {
    match &offers.paging {
        Paging::One => Ok(None),
        Paging::Link(selector, attribute) => Ok(page.addresses(selector, attribute).into_iter().next()),
        Paging::Json => {
            let answer = page.json();
            let next = offers.rules.endpoint().zip(answer.as_ref());
            Ok(next.and_then(|(endpoint, answer)| read_json::next(endpoint, answer)).map(str::to_owned))
        }
        Paging::Counted(full) if on_page == 0 || full.is_some_and(|full| on_page < full) => Ok(None),
        Paging::Counted(_) => address(offers, searched, number).map(Some),
    }
}

/// The one hit that has that very number. That there is none is the shop's word only where every hit could be read and has
/// a number, and nothing bounded them: the one that is meant may be the one that could not.
pub(super) fn only(product: &str, hits: Hits) -> Result<Cart, Problem> {
    let Hits { cart: mut hits, cut } = hits;
    let errors = hits.findings.iter().any(|finding| finding.severity == Severity::Error);
    let number = |line: &Line| line.extra(PRODUCT).map(str::to_owned).or_else(|| line.sku.clone());
    let doubtful = errors || cut.is_some() || hits.lines.iter().any(|line| number(line).is_none());
    hits.lines.retain(|line| number(line).as_deref() == Some(product));
    match hits.lines.len() {
        0 if doubtful => {
            let findings = hits.findings.iter().map(ToString::to_string).chain(cut);
            let detail = format!(
                "no hit is `{product}`, but not every hit could be read with its number ({})",
                findings.collect::<Vec<_>>().join("; ")
            );
            Err(Problem::new(Kind::FunctionFailed, detail))
        }
        0 | 1 => {
            // What is wrong with other hits is nothing to this one; what is wrong with the page is.
            hits.findings.retain(|finding| finding.line.is_none());
            Ok(hits)
        }
        several => {
            let detail = format!("{several} hits of [shop.search] have the number `{product}`");
            Err(Problem::new(Kind::FunctionFailed, detail))
        }
    }
}

/// Each hit as its own page has it. One after the other: a search costs the shop no more at a time than a person does. A hit
/// whose page cannot be read is left out, as one that cannot be sent is.
pub(super) async fn detailed(
    shop: &Shop,
    offers: &Offers,
    visit: &mut Visit,
    mut hits: Hits,
    severities: &Severities,
) -> Result<Hits, Problem> {
    let listed = std::mem::take(&mut hits.cart.lines);
    let (found, mut left_out) = (listed.len(), Vec::new());
    hits.cart.findings.retain(|finding| finding.line.is_none());
    for (at, hit) in listed.into_iter().enumerate() {
        let Some(link) = hit.link.clone() else {
            hits.cart.lines.push(hit);
            continue;
        };
        if visit.is_late() && at > 0 {
            hits.cut(format!("no time for the pages of {} of {found} hits (`limits.sign_in_time`)", found - at));
            break;
        }
        match of_hit(shop, offers, visit, (&hit, &link), severities).await {
            // A hit that is gone since is no hit.
            Ok(line) => hits.cart.lines.extend(line),
            // The other hits would meet the same.
            Err(problem) if matches!(problem.kind, Kind::ShopUnreachable | Kind::ShopTimeout | Kind::ShopBusy) => {
                return Err(problem);
            }
            Err(problem) => {
                tracing::info!(code = problem.kind.code(), "a hit is left out: {}", problem.detail);
                left_out.push(problem);
            }
        }
    }
    match left_out.pop() {
        Some(problem) if hits.cart.lines.is_empty() => Err(problem),
        _ => Ok(hits),
    }
}
