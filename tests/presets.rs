//! Every shipped preset before a shop of its kind, on sockets: it signs in and tells a wrong password, empties the cart of
//! the fixture page as that shop wants it, and closes what places orders. `fixtures/presets/<preset>.toml` holds the shop's
//! answers and what is expected; the cart pages are those of `fixtures/pages`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test file uses its part")]
mod preset_case;
#[allow(dead_code, reason = "each test file uses its part")]
mod scripted_shop;

use std::path::Path;
use std::rc::Rc;

use http::Method;
use preset_case::{Case, Scripted, cart_of, empties};
use punchout_proxy::config::{self, Plan, presets::PRESETS};
use punchout_proxy::location::Target;
use punchout_proxy::policy::Verdict;
use punchout_proxy::problem::Kind;
use punchout_proxy::secret::Secret;
use punchout_proxy::shop::{Account, VisitLimits, sign_in};
use scripted_shop::{Answer, Asked, ScriptedShop, locally};

impl Scripted {
    fn give(&self) -> Answer {
        let answer = match &self.redirect {
            Some(to) => Answer::redirect(302, to),
            None => Answer::html(&self.body).status(self.status.unwrap_or(200)),
        };
        let answer = self.cookies.iter().fold(answer, |answer, line| answer.cookie(line));
        self.nonce.iter().fold(answer, |answer, nonce| answer.header("nonce", nonce))
    }
}

/// Method and address.
fn line_of(asked: &Asked) -> String {
    let query = if asked.query.is_empty() { String::new() } else { format!("?{}", asked.query) };
    format!("{} {}{query}", asked.method, asked.path)
}

fn plan(preset: &str) -> Plan {
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"{preset}\"\ncart.currency = \"NOK\"\n"
    );
    let outcome = config::read(&text, Path::new("."));
    outcome.plan.unwrap_or_else(|| panic!("{preset}: {:?}", outcome.faults))
}

/// The shop of a case; everything that it does not know is its cart page.
async fn shop(case: Rc<Case>) -> ScriptedShop {
    let cart = cart_of(&case.cart);
    let fits = |answer: &&Scripted, asked: &Asked| answer.fits(&line_of(asked), &asked.body);
    let shop = ScriptedShop::start(move |asked| match case.answer.iter().find(|answer| fits(answer, asked)) {
        Some(answer) => answer.give(),
        None => Answer::bytes(cart.clone()),
    })
    .await;
    shop.known_as("shop.example");
    shop
}

#[test]
fn every_preset_signs_in_and_tells_a_wrong_password() {
    for (preset, _) in PRESETS {
        let (case, plan) = (Rc::new(Case::of(preset)), plan(preset));
        let rules = plan.shop.sign_in.clone().unwrap();
        locally(async move {
            for (password, refusal) in [("right", None), ("wrong", Some(Kind::SignInRefused))] {
                let shop = shop(case.clone()).await;
                let account = Account { username: "kari@acme.example".into(), password: Secret::new(password) };
                let outcome = sign_in(&rules, &mut shop.visit(VisitLimits::default()), &account).await;
                assert_eq!(outcome.as_ref().err().map(|problem| problem.kind), refusal, "{preset}: {outcome:?}");
            }
        });
    }
}

#[test]
fn every_preset_empties_the_cart_as_its_shop_wants_it() {
    for (preset, _) in PRESETS {
        let (case, plan) = (Rc::new(Case::of(preset)), plan(preset));
        let configured = &plan.shop;
        let (address, emptying) = (configured.cart_address.clone(), configured.emptying.clone().unwrap());
        locally(async move {
            let shop = shop(case.clone()).await;
            let mut visit = shop.visit(VisitLimits::default());
            let page = visit.open(&address).await.unwrap();
            shop.asked.borrow_mut().clear();
            emptying.run(&mut visit, &page).await.unwrap();
            let asked = shop.asked.borrow();
            for expected in &case.emptying {
                let fits = |asked: &Asked| {
                    let nonce = asked.headers.get("nonce").map_or("", |nonce| nonce.to_str().unwrap());
                    let sent = format!("{} nonce={nonce}", String::from_utf8_lossy(&asked.body));
                    empties(expected, &line_of(asked), &sent)
                };
                let lines: Vec<_> = asked.iter().map(line_of).collect();
                assert!(asked.iter().any(fits), "{preset}: no `{expected}` among {lines:?}");
            }
        });
    }
}

#[test]
fn every_preset_closes_checkout_and_leaves_buying_open() {
    for (preset, _) in PRESETS {
        let (case, plan) = (Case::of(preset), plan(preset));
        let policy = &plan.shop.policy;
        let judged = |request: &str| {
            let words: Vec<&str> = request.splitn(3, ' ').collect();
            let (method, address) = (words[0].parse::<Method>().unwrap(), words[1]);
            let target = Target::of(address);
            match policy.judge(&method, &target) {
                Verdict::AskForm => {
                    let form: Vec<_> = form_urlencoded::parse(words.get(2).unwrap_or(&"").as_bytes()).collect();
                    let fields = form.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
                    policy.judge_form(&method, &target, fields)
                }
                verdict => verdict,
            }
        };
        for request in &case.denied {
            assert!(matches!(judged(request), Verdict::Deny(_)), "{preset}: {request} is open");
        }
        for request in &case.allowed {
            assert!(!matches!(judged(request), Verdict::Deny(_)), "{preset}: {request} is closed");
        }
    }
}
