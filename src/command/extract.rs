//! `extract`: what is read from a cart page, and what one buyer would get of it.

use std::process::ExitCode;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::json;
use url::{Position, Url};

use super::{Config, EX_CONFIG, check};
use crate::cart::rules::Rules;
use crate::cart::{Cart, read_html, read_json};
use crate::config::plan::{Accounts, Buyer, Plan};
use crate::finding::{Finding, Severity, code};
use crate::protocol::oci::mapping::{Mapped, Surroundings, UnitFound, map};
use crate::protocol::oci::{Charset, Parameters};
use crate::shop::{Browser, Jar, Visit, VisitLimits, charset, sign_in};
use crate::upstream::{Live, Pool};

/// Options of `extract`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A saved cart page (or the JSON that holds the cart), or the address of one (http://... or https://...). An address is opened in the configured
    /// shop as the buyer's account.
    page: String,
    /// The buyer whose fields are shown.
    #[arg(long)]
    buyer: String,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

/// A cart page and where it is from.
struct Seen {
    from: String,
    text: String,
}

/// Prints it; ends with 0 where the cart may leave, with 1 where it must not or cannot be read, with 78 where the
/// configuration is none to run with.
pub(super) fn extract(options: &Options) -> ExitCode {
    let Some(plan) = check::load(&options.config.config) else { return ExitCode::from(EX_CONFIG) };
    let Some(buyer) = plan.buyers.named(&options.buyer) else {
        eprintln!("{}: there is no buyer `{}`", options.config.config.display(), options.buyer);
        return ExitCode::from(EX_CONFIG);
    };
    let seen = match seen(&options.page, &plan, buyer) {
        Ok(seen) => seen,
        Err(reason) => {
            eprintln!("{}: {reason}", options.page);
            return ExitCode::FAILURE;
        }
    };
    let cart = match read(&plan.shop.cart, &seen.text) {
        Ok(cart) => cart,
        Err(reason) => {
            eprintln!("{}: {reason}", options.page);
            return ExitCode::FAILURE;
        }
    };
    let units = |word: Option<&str>| UnitFound::from(buyer.units.find(word.unwrap_or_default()));
    let charset = Charset::choose(None, buyer.form.charset);
    let parameters = Parameters::default();
    let surroundings = Surroundings { parameters: &parameters, units: &units, charset, control_fields: 0 };
    let mapped = map(&buyer.mapping, &cart, &surroundings);
    let mut findings = [cart.findings.clone(), mapped.findings.clone()].concat();
    if cart.lines.is_empty() && cart.empty {
        findings.push(Finding::on_cart(code::CART_EMPTY, Severity::Error, "the shop says that the cart is empty"));
    }
    buyer.severities.apply(&mut findings);
    let may_leave = !Finding::any_error(&findings);
    if options.json {
        print_json(&seen, &plan, buyer, &cart, &mapped, &findings, may_leave);
    } else {
        print_table(&seen, &plan, buyer, &cart, &mapped);
        super::print_findings(&findings);
        println!("{}", if may_leave { "the cart may leave" } else { "the cart must not leave" });
    }
    if may_leave { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A page, or the one answer with the cart where the shop has it as JSON.
fn read(rules: &Arc<Rules>, text: &str) -> Result<Cart, String> {
    if rules.endpoint().is_none() {
        return Ok(read_html::read(rules, [text.as_bytes()], encoding_rs::UTF_8));
    }
    let answer = serde_json::from_str(text.trim_start_matches('\u{FEFF}'));
    let answer = answer.map_err(|error| format!("the cart is JSON (shop.cart.source), and this is not: {error}"))?;
    Ok(read_json::read(rules, &[answer]))
}

fn seen(page: &str, plan: &Arc<Plan>, buyer: &Arc<Buyer>) -> Result<Seen, String> {
    if page.starts_with("http://") || page.starts_with("https://") {
        let url = Url::parse(page).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        return tokio::task::LocalSet::new().block_on(&runtime, fetched(&url, plan, buyer));
    }
    let bytes = std::fs::read(page).map_err(|error| error.to_string())?;
    let (text, encoding) = charset::decode(&HeaderMap::new(), &bytes);
    Ok(Seen { from: format!("{page}: {}", encoding.name()), text })
}

/// Opens the page at the shop as the buyer, signed in with its first account.
async fn fetched(url: &Url, plan: &Arc<Plan>, buyer: &Arc<Buyer>) -> Result<Seen, String> {
    let host = HeaderValue::from_str(url.authority()).map_err(|_| "no host".to_owned())?;
    let browser = Browser {
        forwarded_host: host.clone(),
        host,
        https: url.scheme() == "https",
        forwarded_for: HeaderValue::from_static("127.0.0.1"),
        user_agent: Some(HeaderValue::from_static("Mozilla/5.0 (punchout-proxy extract)")),
        accept_language: None,
    };
    let limits =
        VisitLimits { page_size: plan.shop.page_size, deadline: plan.shop.sign_in_time, ..VisitLimits::default() };
    let pool = Pool::new(plan.origin.clone(), plan.pool.clone(), Live::new(plan.pool.max_live));
    let told = |problem: crate::problem::Problem| problem.to_string();
    let mut visit = Visit::new(pool, browser, Jar::new(), limits).map_err(told)?;
    let who = match (buyer.accounts.known(), &plan.shop.sign_in) {
        (Some(account), Some(rules)) => {
            sign_in(rules, &mut visit, account).await.map_err(told)?;
            account.username.as_str()
        }
        (None, _) if matches!(buyer.accounts, Accounts::Guest) => "a guest",
        _ => {
            return Err(
                "the buyer's account is told from its catalog calls alone: save the page and name the file".into()
            );
        }
    };
    let page = visit.open(&url[Position::BeforePath..Position::AfterQuery]).await.map_err(told)?;
    let from = format!("{}, {}, as {}", page.describe(), page.encoding.name(), who);
    if page.status.is_success() { Ok(Seen { from, text: page.text }) } else { Err(from) }
}

fn print_table(seen: &Seen, plan: &Plan, buyer: &Buyer, cart: &Cart, mapped: &Mapped) {
    println!("{}", seen.from);
    println!("values are read from {}", plan.shop.cart.selectors().collect::<Vec<_>>().join("   "));
    for (name, value) in &mapped.header {
        println!("{name} = {value:?}");
    }
    for (number, (line, fields)) in (1..).zip(cart.lines.iter().zip(&mapped.lines)) {
        println!("\nline {number}");
        for (name, value) in line.values() {
            println!("  {name:<20} {value}");
        }
        for (field, value) in fields {
            if let Some(input) = field.input(number, mapped.longtext) {
                println!("    {input:<30} {value:<42} <- {}", buyer.mapping.origin_of(field));
            }
        }
    }
    println!();
}

fn print_json(
    seen: &Seen,
    plan: &Plan,
    buyer: &Buyer,
    cart: &Cart,
    mapped: &Mapped,
    findings: &[Finding],
    may_leave: bool,
) {
    let fields = (1..).zip(&mapped.lines).flat_map(|(number, fields)| {
        fields.iter().filter_map(move |(field, value)| {
            let input = field.input(number, mapped.longtext)?;
            Some(json!({ "line": number, "name": input, "value": value, "from": buyer.mapping.origin_of(field) }))
        })
    });
    let report = json!({
        "page": seen.from,
        "selectors": plan.shop.cart.selectors().collect::<Vec<_>>(),
        "empty": cart.empty,
        "lines": cart.lines,
        "header": mapped.header,
        "fields": fields.collect::<Vec<_>>(),
        "findings": findings,
        "may_leave": may_leave,
    });
    println!("{report:#}");
}
