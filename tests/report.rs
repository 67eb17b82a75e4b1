//! Sessions that only report, and the alarm for rules that a shop's new template breaks.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use common::punchout::{Punchout, a_shop, configuration, own, text};
use common::{Proxy, Shop, Wire, eventually, ok};
use punchout_proxy::config;
use punchout_proxy::server;

fn punchout(change: impl Fn(String) -> String) -> Punchout {
    let (shop, article) = a_shop();
    let text = change(format!("admin = \"127.0.0.1:0\"\n{}", configuration(shop.address)));
    let outcome = config::read(&text, Path::new("."));
    let plan = outcome.plan.unwrap_or_else(|| panic!("{:?}", outcome.faults));
    let plans = Arc::new(ArcSwap::from_pointee(plan));
    let running = server::run(&plans).unwrap();
    Punchout { shop, proxy: Proxy { address: running.addresses()[0], plans, running }, article }
}

fn metrics(punchout: &Punchout) -> String {
    let mut wire = Wire::connect(punchout.proxy.running.admin_address().unwrap());
    wire.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    text(&wire.answer("GET").unwrap())
}

#[test]
fn a_session_that_only_reports_changes_no_page_sends_no_cart_and_places_no_order() {
    for key in ["[[buyer]]\nreport_only = true", "[session]\nreport_only_share = 1.0\n[[buyer]]"] {
        let punchout = punchout(|text| text.replace("[[buyer]]", key));
        let visitor = text(&punchout.ask("GET", "/cart", ""));
        let cookies = punchout.enter(&[], "");
        assert_eq!(text(&punchout.ask("GET", "/cart", &cookies)), visitor, "{key}");
        let answer = punchout.ask("GET", &own("return", &cookies), &cookies);
        assert_eq!((answer.head.status(), answer.head.get("location")), (303, Some("/cart")), "{key}");
        assert_eq!(punchout.ask("GET", "/checkout/", &cookies).head.status(), 303, "an order would be a real one");
        assert!(!punchout.targets().iter().any(|target| target.starts_with("/checkout")), "{key}");
        let metrics = metrics(&punchout);
        for line in [
            "punchout_carts_total{buyer=\"acme\",outcome=\"ready\"} 2",
            "punchout_rules_total{rule=\"shop.cart.checkout\",outcome=\"hit\"} 1",
            "punchout_denied_total 1",
        ] {
            assert!(metrics.lines().any(|one| one == line), "{line}\n{metrics}");
        }
    }
    let punchout = punchout(|text| text.replace("[[buyer]]", "[session]\nreport_only_share = 0.0\n[[buyer]]"));
    let cookies = punchout.enter(&[], "");
    assert!(text(&punchout.ask("GET", "/cart", &cookies)).contains("NEW_ITEM-"));
}

#[test]
fn a_rule_that_used_to_match_raises_the_alarm_once_and_is_told_when_it_is_back() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = told.clone();
    let alarms = Shop::start(move |wire, head| {
        let (body, _) = wire.body(head, false)?;
        let by = head.get("authorization").unwrap_or_default().to_owned();
        kept.lock().unwrap().push(format!("{} {} {by}", head.target(), String::from_utf8(body).unwrap()));
        wire.send(ok("")).map(|()| true)
    });
    let webhook =
        format!("[drift]\nmisses = 2\nwebhook = \"http://bot:t0ken@{}/hook?key=1\"\n[[buyer]]", alarms.address);
    let punchout =
        punchout(|text| text.replace("[[buyer]]", &webhook).replace("price = ", "unit = \"td.unit\"\nprice = "));
    let cookies = punchout.enter(&[], "");
    let show = |article: &str| {
        *punchout.article.lock().unwrap() = article.to_owned();
        punchout.ask("GET", "/cart", &cookies);
    };
    let (with, without) = ("Drill</td><td class=unit>stk", "Drill");
    show(without);
    show(without);
    show(without);
    show(with);
    show(without);
    assert!(!metrics(&punchout).contains("punchout_rule_drift{"), "one cart without a unit is no new template");
    show(without);
    show(without);
    eventually("the webhook is told", || told.lock().unwrap().len() == 1);
    assert!(metrics(&punchout).contains("punchout_rule_drift{rule=\"shop.cart.unit\"} 1\n"));
    show(with);
    eventually("the webhook is told again", || told.lock().unwrap().len() == 2);
    assert!(metrics(&punchout).contains("punchout_rule_drift{rule=\"shop.cart.unit\"} 0\n"));
    let told = told.lock().unwrap().clone();
    assert!(told[0].starts_with("/hook?key=1 {\"event\":\"rule-lost\",\"rule\":\"shop.cart.unit\""), "{told:?}");
    assert!(told[1].contains("\"event\":\"rule-found\""), "{told:?}");
    // bot:t0ken
    assert!(told.iter().all(|told| told.ends_with(" Basic Ym90OnQwa2Vu")), "{told:?}");
}
