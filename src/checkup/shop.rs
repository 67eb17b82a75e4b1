//! The shop, looked at as we come to it: is it there, do the buyers' accounts work, can a cart be read and emptied?
//!
//! A look signs in and fills a cart as a session does, with an account that it leases as a session does; there is no
//! session and no hook, so nothing can be handed over.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::HeaderValue;
use http::header::DATE;

use super::{Check, Report, callers, certificate_of, clock, lives, sealing};
use crate::cart::Cart;
use crate::config::plan::{Accounts, Buyer, Plan};
use crate::exchange::Shop;
use crate::finding::{Finding, Severity};
use crate::problem::{Kind, Problem};
use crate::protocol::oci::mapping::Mapped;
use crate::protocol::oci::{Charset, Parameters};
use crate::punchout::{accounts, clear, drift, hand_over, read_cart, visit_as};
use crate::shop::{Account, Browser, Jar, Visit, sign_in};
use crate::upstream::Trust;

/// What a look at one buyer comes to, in this order.
const OF_BUYER: [&str; 7] = ["sign-in", lives::NAME, "emptying", "cart", "checkout", "mapping", "canary"];
const USER_AGENT: &str = concat!("Mozilla/5.0 (punchout-proxy doctor ", env!("CARGO_PKG_VERSION"), ")");

/// Looks at the shop, and at what each of `buyers` meets there. `gives_way`: a buyer who waits for an account comes
/// first, and the look ends.
pub async fn look(shop: &Rc<Shop>, buyers: &[Arc<Buyer>], gives_way: bool) -> Report {
    let mut report = Report::default();
    if !reach(shop, &mut report).await {
        report.unreached(&["accounts"]);
        report.unreached(&OF_BUYER);
        return report;
    }
    for buyer in buyers {
        let mut of_buyer = look_as(shop, buyer, gives_way).await;
        for check in &mut of_buyer.checks {
            check.buyer = Some(buyer.name.clone());
        }
        report.extend(of_buyer);
    }
    report
}

/// The same without anybody's account.
pub async fn look_from_outside(shop: &Rc<Shop>) -> Report {
    let mut report = Report::default();
    reach(shop, &mut report).await;
    report
}

/// The browser that we are, as the shop sees it.
pub(super) fn browser(plan: &Plan) -> Browser {
    let (host, https) = match (&plan.shop.own_name, &plan.public) {
        (Some(own), _) => (own.host().clone(), own.asked_as().is_secure()),
        (None, Some(public)) => (
            HeaderValue::from_str(&public.authority).unwrap_or_else(|_| plan.origin.host_header().clone()),
            public.secure,
        ),
        (None, None) => (plan.origin.host_header().clone(), false),
    };
    Browser {
        forwarded_host: host.clone(),
        host,
        https,
        forwarded_for: HeaderValue::from_static("127.0.0.1"),
        user_agent: Some(HeaderValue::from_static(USER_AGENT)),
        accept_language: None,
    }
}

/// Whether the shop can be asked at all, and its clock.
async fn reach(shop: &Rc<Shop>, report: &mut Report) -> bool {
    let plan = &shop.plan;
    if *plan.origin.trust() == Trust::DangerAnybody {
        let seen = "whoever answers is taken for the shop: its certificate is not looked at";
        report.push(Check::warning("shop-tls", seen, "`shop.ca_file` instead of `shop.danger_accept_any_certificate`"));
    } else if let Some(check) = certificate_of(
        "shop-tls",
        &plan.origin,
        "renew it, or name its authority in `shop.ca_file`: for one that is signed with itself, that very certificate",
    )
    .await
    {
        let bad = check.verdict == super::Verdict::Fault;
        report.push(check);
        if bad {
            return false;
        }
    }
    let began = Instant::now();
    let opened = async { visit_as(shop, browser(plan), Jar::new())?.open(&plan.shop.start).await };
    let page = match opened.await {
        Ok(page) => page,
        Err(problem) => {
            let advice = "is the shop running, and is `shop.origin` its address? Can this machine reach it?";
            report.push(Check::fault("shop", told(&problem), advice));
            return false;
        }
    };
    let seen = format!("{}, in {} ms", page.describe(), began.elapsed().as_millis());
    report.push(if page.status.is_server_error() {
        Check::fault("shop", seen, "the shop's own log tells why")
    } else if page.leads_away.is_some() {
        Check::fault("shop", seen, "name the shop's own name in `shop.host`, so that its redirects stay here")
    } else if !page.status.is_success() {
        Check::fault("shop", seen, "`shop.start` should be a page that every buyer may see")
    } else {
        Check::ok("shop", seen)
    });
    let date = page.headers.get(DATE).and_then(|date| date.to_str().ok());
    report.push(clock("shop-clock", "the shop's clock", date, SystemTime::now()));
    !page.status.is_server_error()
}

async fn look_as(shop: &Rc<Shop>, buyer: &Arc<Buyer>, gives_way: bool) -> Report {
    let mut report = Report::default();
    let (known, alone): (Vec<Option<Account>>, bool) = match &buyer.accounts {
        Accounts::Pool(accounts) => (accounts.iter().cloned().map(Some).collect(), true),
        Accounts::Shared(account) => (vec![Some(account.clone())], false),
        Accounts::Guest => (vec![None], false),
        Accounts::PerUser { .. } | Accounts::Passthrough => return callers::look(shop, buyer, gives_way).await,
    };
    let (count, mut busy, mut stayed) = (known.len(), Vec::new(), false);
    for account in known {
        if gives_way && somebody_waits(shop).await {
            report.push(Check::warning("accounts", "a buyer waits for an account, so none was used", ""));
            return report;
        }
        let name = account.as_ref().map_or("a guest".to_owned(), |account| format!("`{}`", account.username));
        match accounts::claim_to_look(&shop.sessions, account, alone, accounts::patience(&shop.plan)).await {
            Ok(Some(claim)) => {
                let check = one_account(shop, buyer, claim.account.as_ref(), (gives_way, !stayed), &mut report).await;
                stayed |= check;
            }
            Ok(None) => busy.push(name),
            Err(problem) => {
                report.push(Check::fault("accounts", told(&problem), "does the store of `session.store` answer?"));
                return report;
            }
        }
    }
    if alone {
        report.checks.insert(0, of_pool(count, &busy));
    }
    if !stayed {
        report.unreached(&OF_BUYER[usize::from(busy.len() < count)..]);
    }
    report
}

fn of_pool(count: usize, busy: &[String]) -> Check {
    match busy.len() {
        0 => Check::ok("accounts", format!("{count} of {count} free")),
        taken if taken == count => {
            let seen = format!("busy: a session has {}, and whoever comes now waits", busy.join(", "));
            Check::warning("accounts", seen, "more accounts in `accounts`, or a shorter `session.idle`")
        }
        taken => Check::ok("accounts", format!("{} of {count} free; a session has {}", count - taken, busy.join(", "))),
    }
}

async fn somebody_waits(shop: &Shop) -> bool {
    // A store that is lost has no account to give.
    shop.sessions.count().await.map_or(true, |count| count.waiting > 0)
}

/// Signs in, and stays for a cart where `stays`. Whether it stayed.
async fn one_account(
    shop: &Rc<Shop>,
    buyer: &Buyer,
    account: Option<&Account>,
    (gives_way, stays): (bool, bool),
    report: &mut Report,
) -> bool {
    let mut visit = match visit_as(shop, browser(&shop.plan), Jar::new()) {
        Ok(visit) => visit,
        Err(problem) => {
            report.push(Check::fault("sign-in", told(&problem), "is `public` the address that visitors type?"));
            return false;
        }
    };
    if let (Some(account), Some(rules)) = (account, &shop.plan.shop.sign_in) {
        let signed_in = sign_in(rules, &mut visit, account).await;
        let missing = matches!(&signed_in, Err(problem) if problem.kind == Kind::SignInFormMissing);
        if missing || signed_in.is_ok() {
            drift::looked(shop, "shop.sign_in", !missing);
        }
        let (mut life, mut seal) = (None, None);
        if let (Ok(signed_in), true) = (&signed_in, stays) {
            life = Some(lives::look(&shop.plan.session, rules, &visit, signed_in).await);
            seal = sealing::look(&shop.plan.shop, &visit, signed_in).await;
        }
        let check = signed_in_as(&account.username, signed_in.map(|_| ()));
        let good = check.verdict == super::Verdict::Ok;
        report.push(check);
        report.checks.extend(life);
        report.checks.extend(seal);
        if !good {
            return false;
        }
    }
    if stays {
        stay(shop, buyer, &mut visit, gives_way, report).await;
    }
    true
}

fn signed_in_as(username: &str, signed_in: Result<(), Problem>) -> Check {
    match signed_in {
        Ok(()) => Check::ok("sign-in", format!("the shop lets `{username}` in")),
        Err(problem) => sign_in_failed(format!("not as `{username}`: {}", told(&problem)), problem.kind),
    }
}

/// What to do where signing in went wrong.
pub(super) fn sign_in_failed(seen: String, kind: Kind) -> Check {
    let advice = match kind {
        Kind::SignInFormMissing => "the shop's sign-in page has changed: look at `shop.sign_in`",
        Kind::SignInRefused => {
            "is the account's password right, and may it sign in? If so, `shop.sign_in.success` names a sign that is not there"
        }
        _ => "does the shop answer on its sign-in page?",
    };
    Check::fault("sign-in", seen, advice)
}

/// A cart, from empty to empty.
pub(super) async fn stay(shop: &Rc<Shop>, buyer: &Buyer, visit: &mut Visit, gives_way: bool, report: &mut Report) {
    let plan = &shop.plan;
    let product = plan.canary.product.as_ref().filter(|_| plan.shop.emptying.is_some());
    if let Err(problem) = clear::empty(visit, &plan.shop).await {
        report.push(not_emptied(&problem));
        report.unreached(&OF_BUYER[3..]);
        return;
    }
    let Some(product) = product else {
        without_product(shop, visit, report).await;
        return;
    };
    if gives_way && somebody_waits(shop).await {
        report.push(Check::warning("accounts", "a buyer waits for the account, so it was given back", ""));
        return;
    }
    let put_in = product.put_in(visit).await;
    let address = product.address().split('?').next().unwrap_or_default();
    let found = match put_in {
        Ok(()) => filled(shop, buyer, visit, address, report).await,
        Err(problem) => {
            let seen = format!("the product at {address} was not put into the cart: {}", told(&problem));
            report.push(Check::fault(
                "canary",
                seen,
                "look at `[canary]`: is the product still sold, and its form the same?",
            ));
            report.unreached(&OF_BUYER[3..6]);
            false
        }
    };
    // Whatever was found: what was put in comes out again.
    match clear::empty(visit, &plan.shop).await {
        Ok(lines) if found => {
            report.push(Check::ok("emptying", format!("{} taken out of the cart again", counted(lines, "line"))))
        }
        Ok(_) => report.unreached(&["emptying"]),
        Err(problem) => report.push(not_emptied(&problem)),
    }
}

fn not_emptied(problem: &Problem) -> Check {
    let advice = "look at `shop.cart.clear`: what one buyer leaves in the cart is the next one's";
    Check::fault("emptying", told(problem), advice)
}

/// The cart as it is, where nothing may be put in.
async fn without_product(shop: &Rc<Shop>, visit: &mut Visit, report: &mut Report) {
    let plan = &shop.plan.shop;
    match read_cart::read(&plan.cart, &plan.cart_address, &plan.cart_pages, visit).await {
        Err(problem) => report.push(no_cart(&problem)),
        Ok(_) => {
            let (seen, advice) = match plan.emptying {
                None => (
                    "nothing was put into the cart, for it is not known how it is emptied",
                    "`shop.cart.clear`: without it, what one buyer leaves in the cart is the next one's",
                ),
                Some(_) => (
                    "the cart page is there; whether its lines are read is seen with a product alone",
                    "name one in `[canary]`: product, form, fields",
                ),
            };
            report.push(Check::warning("canary", seen, advice));
        }
    }
    report.unreached(&OF_BUYER[2..6]);
}

fn no_cart(problem: &Problem) -> Check {
    Check::fault("cart", told(problem), "is `shop.cart.page` the cart's address, and does it open for this account?")
}

/// The cart with something in it: whether lines were found.
async fn filled(shop: &Rc<Shop>, buyer: &Buyer, visit: &mut Visit, product: &str, report: &mut Report) -> bool {
    let plan = &shop.plan.shop;
    let cart = match read_cart::read_whole(&shop.plan, visit).await {
        Ok(whole) => whole.cart,
        Err(problem) => {
            report.push(no_cart(&problem));
            report.unreached(&OF_BUYER[4..]);
            return false;
        }
    };
    let controls = controls(shop, visit).await;
    hand_over::count_rules(shop, &cart, controls.as_ref().ok().map(|found| usize::from(*found)));
    let check = read_as(buyer, &cart, product, &plan.cart_address);
    let good = check.verdict != super::Verdict::Fault;
    report.push(check);
    if !good {
        report.unreached(&OF_BUYER[4..]);
        return !cart.lines.is_empty();
    }
    let advice = "the shop's checkout links and buttons have changed: look at `shop.cart.checkout`";
    report.push(match controls {
        Ok(true) => Check::ok("checkout", format!("the checkout control is on {}", plan.cart_address)),
        Ok(false) => {
            Check::fault("checkout", format!("nothing on {} matches `shop.cart.checkout`", plan.cart_address), advice)
        }
        Err(problem) => Check::fault("checkout", told(&problem), advice),
    });
    mapped(buyer, &cart, report);
    true
}

/// Whether the cart page holds a control that leads to checkout.
async fn controls(shop: &Shop, visit: &mut Visit) -> Result<bool, Problem> {
    let page = visit.open(&shop.plan.shop.cart_address).await?;
    Ok(shop.plan.shop.checkout.selectors().iter().any(|selector| page.holds(selector)))
}

fn read_as(buyer: &Buyer, cart: &Cart, product: &str, page: &str) -> Check {
    let mut findings = cart.findings.clone();
    buyer.severities.apply(&mut findings);
    let errors = worded(&findings, Severity::Error);
    if cart.lines.is_empty() && cart.empty {
        let seen = format!("the cart is empty after the product at {product} was put in");
        return Check::fault("cart", seen, "look at `[canary]` (was it put in?) and at `shop.cart.empty`");
    }
    if cart.lines.is_empty() || !errors.is_empty() {
        let seen = format!("{} read on {page}: {}", counted(cart.lines.len(), "line"), errors.join("; "));
        return Check::fault("cart", seen, "the cart page has changed: look at the selectors in `shop.cart`");
    }
    let lines: Vec<_> =
        cart.lines.iter().map(|line| format!("{} x {}", line.quantity.normalize(), line.name)).collect();
    Check::ok("cart", format!("read on {page}: {}", lines.join(", ")))
}

/// What the buyer would get.
fn mapped(buyer: &Buyer, cart: &Cart, report: &mut Report) {
    let (charset, mut findings) = (Charset::choose(None, buyer.form.charset), Vec::new());
    let mapped = hand_over::fill(buyer, &Parameters::default(), (charset, 0), cart, &mut findings);
    let errors = worded(&findings, Severity::Error);
    if !errors.is_empty() {
        let advice =
            "the cart would stay in the shop: look at the buyer's `fields`, `units`, `default_unit` and `required`";
        report.push(Check::fault("mapping", errors.join("; "), advice));
        report.unreached(&["canary"]);
        return;
    }
    let warnings = worded(&findings, Severity::Warning);
    report.push(match warnings.is_empty() {
        true => Check::ok("mapping", "every field is within the buyer's limits"),
        false => Check::warning("mapping", warnings.join("; "), "docs/findings.md says what each code means"),
    });
    report.push(would_be_returned(&mapped));
}

fn would_be_returned(mapped: &Mapped) -> Check {
    let inputs = mapped.inputs();
    let seen = format!(
        "{} would be returned in {}; nothing was",
        counted(mapped.lines.len(), "line"),
        counted(inputs.len(), "field")
    );
    let details = inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    Check { details, ..Check::ok("canary", seen) }
}

fn worded(findings: &[Finding], severity: Severity) -> Vec<String> {
    findings.iter().filter(|finding| finding.severity == severity).map(ToString::to_string).collect()
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

pub(super) fn told(problem: &Problem) -> String {
    problem.to_string()
}
