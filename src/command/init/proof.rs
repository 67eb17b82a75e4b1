//! The proof of a `proxy.toml`: what it says is done in the shop, by the very rules that the proxy will use.

use std::path::Path;

use super::Site;
use crate::cart::{Cart, Line};
use crate::config::{self, plan::Plan};
use crate::finding::{Finding, Severity, code};
use crate::protocol::oci::mapping::{Mapped, Surroundings, UnitFound, map};
use crate::protocol::oci::{Charset, Parameters};
use crate::punchout::read_cart;
use crate::shop::{Visit, sign_in};
use crate::survey::journey::{Draft, Errand, add_article};
use crate::survey::write::{Setting, proxy_toml};

/// What came of it.
pub(super) struct Proof {
    pub(super) draft: Draft,
    /// Faults of the file itself; then nothing was done in the shop.
    faults: Vec<String>,
    cart: Cart,
    mapped: Option<Mapped>,
    longtext: crate::protocol::oci::fields::LongTextStyle,
    findings: Vec<Finding>,
    /// Whether the cart was empty again at the end, where a way to empty it is known.
    emptied: Option<bool>,
}

/// Signs in, empties the cart, adds the article, reads the cart, and empties it again.
pub(super) async fn prove(
    site: &Site,
    draft: Draft,
    setting: &Setting,
    errand: &Errand,
    folder: &Path,
) -> Result<Proof, String> {
    let outcome = config::read(&proxy_toml(&draft, setting, true), folder);
    let Some(plan) = outcome.plan else {
        let faults = outcome.faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect();
        return Ok(Proof::faulty(draft, faults));
    };
    let told = |problem: crate::problem::Problem| problem.to_string();
    let mut visit = site.visit()?;
    let rules = plan.shop.sign_in.as_ref().ok_or("nothing says how to sign in")?;
    sign_in(rules, &mut visit, &errand.account).await.map_err(told)?;
    emptied(&plan, &mut visit).await?;
    add_article(&mut visit, errand, draft.add.as_ref()).await?;
    let cart = read(&plan, &mut visit).await?;
    let buyer = plan.buyers.named(&setting.buyer).ok_or("the buyer is not in its own file")?;
    let units = |word: Option<&str>| UnitFound::from(buyer.units.find(word.unwrap_or_default()));
    let parameters = Parameters::default();
    let charset = Charset::choose(None, buyer.form.charset);
    let surroundings = Surroundings { parameters: &parameters, units: &units, charset, control_fields: 0 };
    let mapped = map(&buyer.mapping, &cart, &surroundings);
    let mut findings = [cart.findings.clone(), mapped.findings.clone()].concat();
    if cart.lines.is_empty() {
        let text = "the article was put into the cart, and the rules read no line there";
        findings.push(Finding::on_cart(code::CART_EMPTY, Severity::Error, text));
    }
    buyer.severities.apply(&mut findings);
    let emptied = emptied(&plan, &mut visit).await?;
    Ok(Proof { draft, faults: Vec::new(), cart, longtext: mapped.longtext, mapped: Some(mapped), findings, emptied })
}

async fn read(plan: &Plan, visit: &mut Visit) -> Result<Cart, String> {
    let shop = &plan.shop;
    let cart = read_cart::read(&shop.cart, &shop.cart_address, &shop.cart_pages, visit).await;
    cart.map_err(|problem| problem.to_string())
}

/// Empties the cart as the file says; whether it is then.
async fn emptied(plan: &Plan, visit: &mut Visit) -> Result<Option<bool>, String> {
    let Some(emptying) = &plan.shop.emptying else { return Ok(None) };
    let told = |problem: crate::problem::Problem| problem.to_string();
    let page = visit.open(&plan.shop.cart_address).await.map_err(told)?;
    emptying.run(visit, &page).await.map_err(told)?;
    Ok(Some(read(plan, visit).await?.lines.is_empty()))
}

impl Proof {
    fn faulty(draft: Draft, faults: Vec<String>) -> Proof {
        Proof {
            draft,
            faults,
            cart: Cart::default(),
            mapped: None,
            longtext: Default::default(),
            findings: Vec::new(),
            emptied: None,
        }
    }

    /// The file has no fault, and its cart may leave.
    pub(super) fn is_good(&self) -> bool {
        self.faults.is_empty() && !Finding::any_error(&self.findings) && self.emptied != Some(false)
    }

    /// What is in the way.
    pub(super) fn trouble(&self) -> String {
        let mut trouble = self.faults.clone();
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        trouble.extend(errors.map(ToString::to_string));
        if self.emptied == Some(false) {
            trouble.push("shop.cart.clear: the cart is not empty afterwards".to_owned());
        }
        trouble.join("; ")
    }

    /// The lines that would be returned, and every doubt.
    pub(super) fn print(&self) {
        let fields = self.mapped.as_ref().map_or(&[][..], |mapped| mapped.lines.as_slice());
        for (number, (line, fields)) in (1..).zip(self.cart.lines.iter().zip(fields)) {
            println!("\nline {number}: {}", summary(line));
            for (field, value) in fields {
                if let Some(input) = field.input(number, self.longtext) {
                    println!("    {input:<30} {value}");
                }
            }
        }
        println!();
        if self.emptied == Some(true) {
            println!("the cart is empty again");
        }
        super::super::print_findings(&self.findings);
        for doubt in &self.draft.doubts {
            println!("doubt    {doubt}");
        }
    }
}

fn summary(line: &Line) -> String {
    let total = line.total.map(|total| format!(" = {total}")).unwrap_or_default();
    format!("{} x {} at {}{total} {}", line.quantity, line.name, line.price, line.currency)
}
