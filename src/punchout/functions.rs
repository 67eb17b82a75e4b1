//! What a procurement system asks for besides shopping.
//!
//! DETAIL and SOURCING begin a session on another page of the shop ([`start`]). VALIDATE and BACKGROUND_SEARCH are
//! answered in the same response ([`answer`]): the shop is visited with the buyer's account, so that agreed prices show,
//! and its pages are read with the readers that read carts. Nothing is put in a cart.
//!
//! An answer without items means "there is no such product" and takes it out of the buyer's lists. So it is given only where
//! the shop said so; whatever else is missing is [`Kind::FunctionFailed`].

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, header, request};
use rust_decimal::Decimal;

use super::accounts::{self, Claim};
use super::{enter, hand_over};
use crate::cart::{Cart, Line, read_html, read_json};
use crate::config::plan::{Buyer, Offers, Shop};
use crate::exchange::Exchange;
use crate::finding::{Finding, Severity, code};
use crate::pages::{self, Language, Page, texts};
use crate::problem::{Kind, Problem, Side};
use crate::protocol::oci::entry::{Entry, Function};
use crate::protocol::oci::form::{HandOver, form_html, form_with_button};
use crate::protocol::oci::hook::Hook;
use crate::shop::{Jar, Visit, sign_in};

/// The id of the form in an answer.
const FORM: &str = "punchout-answer";

/// Worth another try after so long.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Whether a buyer whose password was right may ask for that function from that address. The list of addresses narrows
/// what the password allows; it never stands in for it.
///
/// # Errors
/// [`Kind::FunctionAddress`], and that of [`refusal`] for what is not offered.
pub fn may_ask(x: &Exchange, buyer: &Buyer, function: &Function, address: IpAddr) -> Result<(), Problem> {
    if function.is_servers() && !buyer.calls_functions_from(address) {
        let (function, buyer) = (function.as_str(), &buyer.name);
        let detail =
            format!("FUNCTION={function} of buyer `{buyer}` from {address}, which its `functions_from` does not name");
        return Err(Problem::new(Kind::FunctionAddress, detail));
    }
    lacks(&x.plan().shop, function)
        .map_or(Ok(()), |lacks| Err(Problem::new(refusal(function), format!("FUNCTION={} {lacks}", function.as_str()))))
}

/// What a function is refused with that is not offered. Those of OCI 5.0 have answers that are published nowhere; one of
/// our own making would be taken for the catalogue, or for nothing in stock.
fn refusal(function: &Function) -> Kind {
    match function {
        Function::DownloadJson | Function::QuantityCheck => Kind::FunctionUndefined,
        _ => Kind::FunctionUnsupported,
    }
}

/// What keeps a function from being offered; `None` for one that is.
pub fn lacks(shop: &Shop, function: &Function) -> Option<&'static str> {
    let (product, search) = (shop.product.is_some(), shop.search.is_some());
    match function {
        Function::Shop => None,
        Function::Detail | Function::Validate if product || search => None,
        Function::Detail | Function::Validate => Some("needs [shop.product] or [shop.search] in proxy.toml"),
        Function::Sourcing | Function::BackgroundSearch if search => None,
        Function::Sourcing | Function::BackgroundSearch => Some("needs [shop.search] in proxy.toml"),
        Function::DownloadJson => Some(
            "is not offered: how the catalogue must look in its answer is published nowhere. BACKGROUND_SEARCH finds \
             products by a word: let the buyer's system use it, with [shop.search] in proxy.toml",
        ),
        Function::QuantityCheck => Some(
            "is not offered: how its answer must look is published nowhere. VALIDATE tells whether a product is there and \
             its price: let the buyer's system use it, with [shop.product] in proxy.toml",
        ),
        Function::Other(_) => Some("is no function of OCI that is known"),
    }
}

/// The address on which a session begins: the shop's start page, a product's for DETAIL (its search where only that is
/// configured), the search's for SOURCING.
pub fn start<'s>(shop: &'s Shop, call: &Entry) -> Cow<'s, str> {
    let product = call.product.as_deref().unwrap_or_default().trim();
    let search = call.search.as_deref().unwrap_or_default().trim();
    match (&call.function, &shop.product, &shop.search) {
        (Function::Detail, Some(page), _) | (Function::Detail, None, Some(page)) => page.at(product).into(),
        (Function::Sourcing, _, Some(page)) => page.at(search).into(),
        _ => shop.start.as_str().into(),
    }
}

/// Answers VALIDATE or BACKGROUND_SEARCH.
///
/// # Errors
/// [`Kind::FunctionFailed`] for whatever keeps the shop's own word from us, [`Kind::PoolBusy`] where every account is taken,
/// [`Kind::EntryRefused`] where the shop judges the call's password and refuses it.
pub async fn answer(
    x: &Exchange,
    head: &request::Parts,
    buyer: &Arc<Buyer>,
    hook: Option<Hook>,
    call: &Entry,
) -> Result<Page, Problem> {
    // Until the answer is ready: what this costs the shop is bounded however many ask.
    let leave = x.entrance().function(&buyer.name).await;
    let _leave = leave.map_err(|wait| enter::too_many(wait, "functions at a time"))?;
    let offers = look_up(x, head, buyer, call).await.map_err(failed)?;
    let blank = hand_over::blank_for(buyer, call, hook.as_ref());
    let (reference, function) = (x.reference(), call.function.as_str());
    let form = if call.function == Function::Validate {
        one(buyer, call, blank, offers).map_err(failed)?
    } else {
        all(x, buyer, call, blank, offers).map_err(failed)?
    };
    let (buyer, inputs) = (&buyer.name, form.inputs.len());
    tracing::info!(%reference, buyer, function, inputs, "a function is answered");
    let nonce = super::nonce()?;
    if call.function == Function::Validate {
        let by_itself = form.hook.as_ref().is_some_and(|hook| !hook.is_sap_event());
        return Ok(pages::offer(&form_html(&form, FORM), &nonce, by_itself));
    }
    let accepted = head.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = Language::from_wish(call.language.as_deref(), accepted);
    let form = form_with_button(&form, FORM, &texts::of(language).hand_over.button);
    Ok(pages::hand_over(&form, &nonce, None, language))
}

/// Whatever is not the caller's fault: never an answer without items.
fn failed(problem: Problem) -> Problem {
    match problem.kind {
        Kind::PoolBusy => problem,
        Kind::FunctionFailed => problem.retry_after(TRY_AGAIN),
        kind if kind.side() == Side::Client => problem,
        kind => {
            Problem::new(Kind::FunctionFailed, format!("{}: {}", kind.code(), problem.detail)).retry_after(TRY_AGAIN)
        }
    }
}

/// What the shop has of it; no lines: the shop says that there is none.
async fn look_up(x: &Exchange, head: &request::Parts, buyer: &Buyer, call: &Entry) -> Result<Cart, Problem> {
    let shop = &x.plan().shop;
    let searched = call.search.as_deref().unwrap_or_default().trim();
    if call.function == Function::BackgroundSearch && searched.is_empty() {
        return Ok(Cart::default());
    }
    let (mut visit, _claim) = visit(x, head, buyer, call).await?;
    let product = call.product.as_deref().unwrap_or_default().trim();
    match (&call.function, &shop.product, &shop.search) {
        (Function::Validate, Some(page), _) => product_page(page, &mut visit, &page.at(product)).await,
        (Function::Validate, None, Some(search)) => {
            let hits = search_page(search, &mut visit, product).await?;
            only(product, hits)
        }
        (_, product_page, Some(search)) => {
            let mut hits = search_page(search, &mut visit, searched).await?;
            hits.lines.truncate(search.most);
            match product_page {
                Some(page) if search.details => detailed(page, &mut visit, hits).await,
                _ => Ok(hits),
            }
        }
        // `may_ask` lets nobody come here.
        _ => Err(Problem::new(Kind::Internal, "a function without a page to answer it from")),
    }
}

/// A visit as the buyer, signed in. Keep the claim as long: the account is nobody else's meanwhile, where it is one of a pool.
async fn visit(x: &Exchange, head: &request::Parts, buyer: &Buyer, call: &Entry) -> Result<(Visit, Claim), Problem> {
    let claim = accounts::borrow(x, buyer, call).await?;
    let language = head.headers.get(header::ACCEPT_LANGUAGE).cloned();
    let mut visit = super::visit(x, &head.headers, language, Jar::new())?;
    if let Some(account) = &claim.account {
        let no_rules = || Problem::new(Kind::Internal, "an account, and no rules to sign in by");
        let rules = x.plan().shop.sign_in.as_ref().ok_or_else(no_rules)?;
        sign_in(rules, &mut visit, account).await.map_err(|problem| match problem.kind {
            // The shop has judged the call's own password.
            Kind::SignInRefused if buyer.passes_through() => Problem::new(Kind::EntryRefused, problem.detail),
            _ => problem,
        })?;
    }
    Ok((visit, claim))
}

/// The offer on a product's own page; none where the shop says that it has no such product.
async fn product_page(offers: &Offers, visit: &mut Visit, address: &str) -> Result<Cart, Problem> {
    let (mut cart, page) = match read(offers, visit, address).await? {
        Some(read) => read,
        None => return Ok(Cart::default()),
    };
    if cart.lines.is_empty() && !cart.empty {
        return Err(unreadable("[shop.product] reads nothing on it", &page, &cart.findings));
    }
    if cart.lines.len() > 1 {
        let detail = format!("[shop.product] reads {} offers on it; let `line` match one", cart.lines.len());
        return Err(unreadable(&detail, &page, &[]));
    }
    cart.empty = false;
    Ok(cart)
}

async fn search_page(offers: &Offers, visit: &mut Visit, searched: &str) -> Result<Cart, Problem> {
    let (cart, page) = match read(offers, visit, &offers.at(searched)).await? {
        Some(read) => read,
        None => return Err(Problem::new(Kind::FunctionFailed, "the shop has no page at the address of [shop.search]")),
    };
    if cart.lines.is_empty() && !cart.empty {
        let what = "[shop.search] reads no hit on it, and `empty` does not say that there is none";
        return Err(unreadable(what, &page, &cart.findings));
    }
    Ok(cart)
}

/// The one hit that has that very number. That there is none is the shop's word only where every hit could be read and has
/// a number: the one that is meant may be the one that could not.
fn only(product: &str, mut hits: Cart) -> Result<Cart, Problem> {
    let errors = hits.findings.iter().any(|finding| finding.severity == Severity::Error);
    let doubtful = errors || hits.lines.iter().any(|line| line.sku.is_none());
    hits.lines.retain(|line| line.sku.as_deref() == Some(product));
    match hits.lines.len() {
        0 if doubtful => {
            let findings: Vec<_> = hits.findings.iter().map(ToString::to_string).collect();
            let detail = format!(
                "no hit is `{product}`, but not every hit could be read with its number ({})",
                findings.join("; ")
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

/// Each hit as its own page has it. One after the other: a search costs the shop no more at a time than a person does.
async fn detailed(offers: &Offers, visit: &mut Visit, hits: Cart) -> Result<Cart, Problem> {
    let mut all = Cart { empty: hits.empty, ..Cart::default() };
    for hit in hits.lines {
        let Some(link) = &hit.link else {
            all.lines.push(hit);
            continue;
        };
        // A hit that is gone since is no hit.
        let cart = product_page(offers, visit, link).await?;
        all.lines.extend(cart.lines.into_iter().map(|line| Line { link: line.link.or(hit.link.clone()), ..line }));
    }
    Ok(all)
}

/// What a page offers, and what it was; nothing where the shop says that there is no such page.
async fn read(offers: &Offers, visit: &mut Visit, address: &str) -> Result<Option<(Cart, String)>, Problem> {
    let is_json = offers.rules.endpoint().is_some();
    let page = if is_json { visit.open_json(address).await? } else { visit.open(address).await? };
    if matches!(page.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Ok(None);
    }
    if !page.status.is_success() || page.leads_away.is_some() {
        return Err(Problem::new(Kind::FunctionFailed, format!("instead of the page, {}", page.describe())));
    }
    let cart = if is_json {
        let json = page.json();
        let json =
            json.ok_or_else(|| Problem::new(Kind::FunctionFailed, format!("instead of JSON, {}", page.describe())))?;
        read_json::read(&offers.rules, &[json])
    } else {
        read_html::read(&offers.rules, [page.text.as_bytes()], encoding_rs::UTF_8)
    };
    Ok(Some((cart, page.describe())))
}

fn unreadable(what: &str, page: &str, findings: &[Finding]) -> Problem {
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Problem::new(Kind::FunctionFailed, format!("{page}: {what} ({})", findings.join("; ")))
}

/// The form for one product, as many as were asked for.
fn one(buyer: &Buyer, call: &Entry, mut form: HandOver, mut offers: Cart) -> Result<HandOver, Problem> {
    offers.lines.truncate(1);
    let Some(line) = offers.lines.first_mut() else { return Ok(form) };
    line.quantity = call.quantity.unwrap_or(Decimal::ONE);
    line.total = None;
    let mut findings = std::mem::take(&mut offers.findings);
    let mapped = hand_over::fill(buyer, &call.parameters, form.room(), &offers, &mut findings);
    if Finding::any_error(&findings) {
        return Err(refused(&findings));
    }
    form.inputs = mapped.into_inputs();
    of_that_product(call, &form)?;
    Ok(form)
}

/// Shops lead from a product that is gone to its successor, and from a variant to the product: what that costs is no answer.
fn of_that_product(call: &Entry, form: &HandOver) -> Result<(), Problem> {
    let asked = call.product.as_deref().unwrap_or_default().trim();
    let sent = form.inputs.iter().find(|(name, _)| name == "NEW_ITEM-EXT_PRODUCT_ID[1]");
    match sent.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()) {
        Some(other) if other != asked => {
            let detail = format!("the shop's page is about `{other}`, and `{asked}` was asked for");
            Err(Problem::new(Kind::FunctionFailed, detail))
        }
        _ => Ok(()),
    }
}

/// The form for all hits. One that cannot be sent as it is is left out, as is what no receiver would read.
fn all(x: &Exchange, buyer: &Buyer, call: &Entry, blank: HandOver, mut offers: Cart) -> Result<HandOver, Problem> {
    let reference = x.reference();
    // What is wrong with the page as a whole (its numbers can be read in two ways, say) is wrong with every hit.
    if offers.findings.iter().any(|finding| finding.line.is_none() && finding.severity == Severity::Error) {
        return Err(refused(&offers.findings));
    }
    for finding in offers.findings.drain(..) {
        tracing::info!(%reference, code = finding.code, line = finding.line, "a hit is left out: {}", finding.detail);
    }
    for line in &mut offers.lines {
        // However many the shop's price is for: the line's is of one.
        (line.quantity, line.total) = (Decimal::ONE, None);
    }
    let found = offers.lines.len();
    while !offers.lines.is_empty() {
        let mut findings = Vec::new();
        let mapped = hand_over::fill(buyer, &call.parameters, blank.room(), &offers, &mut findings);
        findings.retain(|finding| finding.severity == Severity::Error);
        if findings.is_empty() {
            return Ok(HandOver { inputs: mapped.into_inputs(), ..blank });
        }
        for finding in &findings {
            tracing::info!(%reference, code = finding.code, line = finding.line, "a hit is left out: {}", finding.detail);
        }
        let bad: Vec<usize> = findings.iter().filter_map(|finding| finding.line).collect();
        if !bad.is_empty() {
            let mut number = 0;
            offers.lines.retain(|_| {
                number += 1;
                !bad.contains(&number)
            });
        } else if findings.iter().all(|finding| finding.code == code::TOO_MANY_INPUTS) {
            offers.lines.pop();
        } else {
            return Err(refused(&findings));
        }
    }
    match found {
        0 => Ok(blank),
        _ => Err(Problem::new(Kind::FunctionFailed, format!("none of {found} hits can be sent as it is: see the log"))),
    }
}

fn refused(findings: &[Finding]) -> Problem {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<_> = errors.map(ToString::to_string).collect();
    Problem::new(Kind::FunctionFailed, format!("what was read cannot be sent as it is: {}", errors.join("; ")))
}
