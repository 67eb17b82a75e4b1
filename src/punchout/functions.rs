//! What a procurement system asks for besides shopping.
//!
//! DETAIL and SOURCING begin a session on another page of the shop ([`start`]). VALIDATE and BACKGROUND_SEARCH are
//! answered in the same response ([`answer`]): the shop is visited with the buyer's account, so that agreed prices show,
//! and its pages are read with the readers that read carts. Nothing is put in a cart.
//!
//! An answer without items means "there is no such product" and takes it out of the buyer's lists. So it is given only where
//! the shop said so; whatever else is missing is [`Kind::FunctionFailed`].

mod product;
mod search;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::request;
use rust_decimal::Decimal;

use super::accounts::{self, Claim};
use super::{enter, hand_over};
use crate::cart::Cart;
use crate::config::plan::{Buyer, Offers, Shop};
use crate::exchange::Exchange;
use crate::finding::{Finding, Severity, code};
use crate::pages::{self, Language, Page, texts};
use crate::problem::{Kind, Problem, Side};
use crate::protocol::oci::entry::{Entry, Function};
use crate::protocol::oci::form::{HandOver, form_html, form_with_button};
use crate::protocol::oci::hook::Hook;
use crate::shop::{Jar, Visit, sign_in};
use search::{Fitness, Hits};

/// The id of the form in an answer.
const FORM: &str = "punchout-answer";

/// Tells whoever looks at an answer that it is not all there is; a form has no place for it.
const FINDING: HeaderName = HeaderName::from_static("punchout-finding");

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

/// The address on which a session begins: the shop's start page, a product's for DETAIL (its search where its page cannot
/// be asked for by that number), the search's for SOURCING.
pub fn start<'s>(shop: &'s Shop, call: &Entry) -> Cow<'s, str> {
    let product = call.product.as_deref().unwrap_or_default().trim();
    let search = call.search.as_deref().unwrap_or_default().trim();
    let at = |page: &Option<Arc<Offers>>, value: &str| page.as_ref().and_then(|page| page.at(value));
    let address = match call.function {
        Function::Detail => at(&shop.product, product).or_else(|| at(&shop.search, product)),
        Function::Sourcing => at(&shop.search, search),
        _ => None,
    };
    address.map_or(Cow::Borrowed(&shop.start), Cow::Owned)
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
    let Hits { cart: offers, mut cut } = look_up(x, head, buyer, call).await.map_err(failed)?;
    let blank = hand_over::blank_for(buyer, call, hook.as_ref());
    let (reference, function) = (x.reference(), call.function.as_str());
    let form = if call.function == Function::Validate {
        one(buyer, call, blank, offers).map_err(failed)?
    } else {
        all(x, buyer, call, blank, offers, &mut cut).map_err(failed)?
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
    let mut page = pages::hand_over(&form, &nonce, None, language);
    if let Some(why) = cut {
        tracing::warn!(%reference, code = code::SEARCH_CUT, buyer, "not all hits are answered: {why}");
        page.headers.insert(FINDING, HeaderValue::from_static(code::SEARCH_CUT));
    }
    Ok(page)
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
async fn look_up(x: &Exchange, head: &request::Parts, buyer: &Buyer, call: &Entry) -> Result<Hits, Problem> {
    let shop = &x.plan().shop;
    let searched = call.search.as_deref().unwrap_or_default().trim();
    if call.function == Function::BackgroundSearch && searched.is_empty() {
        return Ok(Hits::default());
    }
    let (mut visit, _claim) = visit(x, head, buyer, call).await?;
    let product = call.product.as_deref().unwrap_or_default().trim();
    let fitness = |is_final| Fitness { severities: &buyer.severities, is_final };
    let alone = |cart| Hits { cart, cut: None };
    match (&call.function, &shop.product, &shop.search) {
        (Function::Validate, Some(page), _) => product::by_number(shop, page, &mut visit, product).await.map(alone),
        (Function::Validate, None, Some(search)) => {
            let hits = search::hits(search, None, &mut visit, product, fitness(true)).await?;
            search::only(product, hits).map(alone)
        }
        (_, product_page, Some(search)) => {
            let details = product_page.as_ref().filter(|_| search.details);
            let product_page = product_page.as_deref();
            let is_final = fitness(details.is_none());
            let mut hits = search::hits(search, product_page, &mut visit, searched, is_final).await?;
            hits.cart.lines.truncate(search.most);
            match details {
                Some(page) => search::detailed(shop, page, &mut visit, hits, &buyer.severities).await,
                None => Ok(hits),
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
fn all(
    x: &Exchange,
    buyer: &Buyer,
    call: &Entry,
    blank: HandOver,
    mut offers: Cart,
    cut: &mut Option<String>,
) -> Result<HandOver, Problem> {
    let reference = x.reference();
    // What is wrong with the page as a whole (its numbers can be read in two ways, say) is wrong with every hit.
    if offers.findings.iter().any(|finding| finding.line.is_none() && finding.severity == Severity::Error) {
        return Err(refused(&offers.findings));
    }
    let mut left_out = 0;
    for finding in offers.findings.drain(..) {
        let (code, line, detail) = (finding.code, finding.line, &finding.detail);
        if finding.severity == Severity::Error {
            left_out += 1;
            tracing::info!(%reference, code, line, "a hit is left out: {detail}");
        } else {
            tracing::debug!(%reference, code, line, "{detail}");
        }
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
            cut.get_or_insert_with(|| {
                "more hits than inputs that the buyer's system reads (`form.max_inputs`)".to_owned()
            });
        } else {
            return Err(refused(&findings));
        }
    }
    match found {
        0 if left_out == 0 => Ok(blank),
        0 => Err(Problem::new(Kind::FunctionFailed, "no hit can be sent as it is: see the log")),
        _ => Err(Problem::new(Kind::FunctionFailed, format!("none of {found} hits can be sent as it is: see the log"))),
    }
}

fn refused(findings: &[Finding]) -> Problem {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<_> = errors.map(ToString::to_string).collect();
    Problem::new(Kind::FunctionFailed, format!("what was read cannot be sent as it is: {}", errors.join("; ")))
}
