//! The demo's shop and procurement system, each alone: if they were wrong, the round trip would prove nothing.

#![allow(clippy::unwrap_used)] // a test that cannot go on panics

use std::net::SocketAddr;

use punchout_proxy::demo::browser::{Browser, Form, Page};
use punchout_proxy::demo::procurement::ProcurementSettings;
use punchout_proxy::demo::shop::{CartPage, Customer, ShopSettings};
use punchout_proxy::demo::site::Charset;
use punchout_proxy::demo::{Demo, catalogue, journey};
use serde_json::Value;
use url::Url;

fn at(addr: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{addr}{path}")).unwrap()
}

fn demo(shop: ShopSettings) -> Demo {
    Demo::start_with(shop, ProcurementSettings::default()).unwrap()
}

fn form(page: &Page, id: &str) -> Form {
    page.forms().into_iter().find(|form| form.id == id).unwrap_or_else(|| panic!("no form {id} on {page}"))
}

/// Runs one journey of a browser.
fn browse(steps: impl AsyncFnOnce(Browser)) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(steps(Browser::default()));
}

async fn sign_in(browser: &mut Browser, shop: SocketAddr) -> Page {
    let page = browser.get(at(shop, "/konto/logg-inn")).await.unwrap();
    let customer = Customer::demo();
    let typed = [("epost", customer.email.as_str()), ("passord", &customer.password)];
    browser.submit(&page, &form(&page, "innlogging"), &typed).await.unwrap()
}

async fn buy(browser: &mut Browser, shop: SocketAddr, slug: &str, quantity: &str) -> Page {
    let page = browser.get(at(shop, &format!("/vare/{slug}"))).await.unwrap();
    browser.submit(&page, &form(&page, "leggtil"), &[("antall", quantity)]).await.unwrap()
}

#[test]
fn agreed_prices_are_shown_after_sign_in_only() {
    let demo = demo(ShopSettings::default());
    browse(async |mut browser| {
        let blowlamp = at(demo.shop_addr, &format!("/vare/{}", catalogue::BLOWLAMP));
        let page = browser.get(blowlamp.clone()).await.unwrap();
        assert!(page.body.contains("Listepris") && page.body.contains("1&nbsp;549,00&nbsp;kr"), "{}", page.body);
        assert!(page.body.contains("Blåselampe \"Fjord\" 3/8\" &amp; dyse &lt;250 g&gt;"));
        assert!(!page.body.contains("/konto/logg-ut"));

        let account = sign_in(&mut browser, demo.shop_addr).await;
        assert_eq!((account.status, account.url.path()), (200, "/konto"));
        assert!(account.body.contains("/konto/logg-ut"));
        let page = browser.get(blowlamp.clone()).await.unwrap();
        assert!(page.body.contains("Avtalepris") && page.body.contains("1&nbsp;234,56&nbsp;kr"));

        browser.get(at(demo.shop_addr, "/konto/logg-ut")).await.unwrap();
        assert!(browser.get(blowlamp).await.unwrap().body.contains("Listepris"));
    });
}

#[test]
fn a_sign_in_form_is_good_for_one_attempt_with_its_own_cookie() {
    let demo = demo(ShopSettings::default());
    browse(async |mut browser| {
        let customer = Customer::demo();
        let right = [("epost", customer.email.as_str()), ("passord", &customer.password)];
        let first = browser.get(at(demo.shop_addr, "/konto/logg-inn")).await.unwrap();
        let second = browser.get(at(demo.shop_addr, "/konto/logg-inn")).await.unwrap();
        assert_ne!(form(&first, "innlogging").inputs, form(&second, "innlogging").inputs);
        let stale = browser.submit(&first, &form(&first, "innlogging"), &right).await.unwrap();
        assert_eq!(stale.status, 403, "the token of another showing");

        let wrong = browser.get(at(demo.shop_addr, "/konto/logg-inn")).await.unwrap();
        let wrong =
            browser.submit(&wrong, &form(&wrong, "innlogging"), &[("epost", right[0].1), ("passord", "x")]).await;
        let wrong = wrong.unwrap();
        assert_eq!(wrong.status, 200, "a wrong password is a page with a complaint");
        assert!(wrong.body.contains("Ukjent e-post") && !wrong.body.contains("/konto/logg-ut"));
        let account = browser.submit(&wrong, &form(&wrong, "innlogging"), &right).await.unwrap();
        assert_eq!(account.url.path(), "/konto", "the complaint's own form is a fresh one");
    });
}

#[test]
fn the_cart_prints_a_rounded_price_and_an_exact_total_and_belongs_to_the_account() {
    let demo = demo(ShopSettings::default());
    browse(async |mut browser| {
        buy(&mut browser, demo.shop_addr, catalogue::SCREW, "11 001").await;
        sign_in(&mut browser, demo.shop_addr).await;
        let cart = buy(&mut browser, demo.shop_addr, catalogue::CABLE, "2,5").await;
        assert!(cart.body.contains("value=\"12000\""), "whole packs, brought along from before sign-in: {}", cart.body);
        assert!(cart.body.contains("<td class=\"pris\">0,04&nbsp;kr"));
        assert!(cart.body.contains("<td class=\"sum\">450,00&nbsp;kr"));
        assert!(cart.body.contains("value=\"2,5\"") && cart.body.contains("<td class=\"sum\">47,25&nbsp;kr"));
        assert!(cart.body.contains("<b>031710    005  100</b>"));
        assert!(cart.body.contains("<td class=\"sum\">497,25&nbsp;kr"), "the sum row");
        assert_eq!(cart.headers["x-frame-options"], "SAMEORIGIN");
        assert!(cart.headers["content-security-policy"].to_str().unwrap().contains("form-action 'self'"));

        let mut other = Browser::default();
        sign_in(&mut other, demo.shop_addr).await;
        let shared = other.get(at(demo.shop_addr, "/handlekurv")).await.unwrap();
        assert!(shared.body.contains("value=\"12000\""), "one cart per account");

        let update = form(&cart, "kurvskjema");
        let cable = format!("antall[{}]", catalogue::CABLE);
        let screw = format!("antall[{}]", catalogue::SCREW);
        let cart = browser.submit(&cart, &update, &[(&cable, "0"), (&screw, "13000")]).await.unwrap();
        assert!(!cart.body.contains("031710") && cart.body.contains("487,50&nbsp;kr"));
        let empty = browser.get(at(demo.shop_addr, "/handlekurv/tom")).await.unwrap();
        assert!(empty.body.contains("kurv-tom"));
        assert!(demo.shop.account_basket(&Customer::demo().email).is_empty());
    });
}

#[test]
fn an_order_is_really_placed() {
    let demo = demo(ShopSettings { quick_order: true, ..ShopSettings::default() });
    browse(async |mut browser| {
        buy(&mut browser, demo.shop_addr, catalogue::BLOWLAMP, "2").await;
        let checkout = browser.get(at(demo.shop_addr, "/kasse")).await.unwrap();
        assert_eq!(checkout.url.path(), "/konto/logg-inn", "not for strangers");
        sign_in(&mut browser, demo.shop_addr).await;
        let checkout = browser.get(at(demo.shop_addr, "/kasse")).await.unwrap();
        let thanks = browser.submit(&checkout, &form(&checkout, "bestilling"), &[]).await.unwrap();
        assert_eq!(thanks.url.path(), "/kasse/takk");

        let cart = buy(&mut browser, demo.shop_addr, "trelim-750", "1").await;
        let thanks = browser.submit(&cart, &form(&cart, "kurvskjema"), &[("bestill_direkte", "1")]).await.unwrap();
        assert_eq!(thanks.url.path(), "/kasse/takk", "an order without the checkout's address");

        let orders = browser.get(at(demo.shop_addr, "/_shop/orders")).await.unwrap();
        let orders: Value = serde_json::from_str(&orders.body).unwrap();
        assert_eq!(orders["count"], 2);
        assert_eq!(orders["orders"][0]["total"], "2469.12");
        assert_eq!(demo.shop.orders().len(), 2);
    });
}

#[test]
fn an_old_shop_speaks_latin1_both_ways_and_can_be_strict_or_redesigned() {
    let settings = ShopSettings {
        charset: Charset::Latin1,
        strict_cookie: true,
        cart_page: CartPage::Redesigned,
        ..ShopSettings::default()
    };
    let demo = demo(settings);
    browse(async |mut browser| {
        let hits = browser.get(at(demo.shop_addr, "/sok?q=bl%E5selampe")).await.unwrap();
        assert_eq!(hits.headers["content-type"], "text/html; charset=iso-8859-1");
        assert!(hits.body.contains("1 treff på «blåselampe»"), "{}", hits.body);
        let cart = buy(&mut browser, demo.shop_addr, catalogue::BLOWLAMP, "1").await;
        assert!(
            cart.body.contains("Blåselampe") && !cart.body.contains("kurvlinje") && !cart.body.contains("kurv-tom")
        );
    });
    let front = raw_head(demo.shop_addr, "/handlekurv/fjern?vare=x");
    assert!(front.contains("SameSite=Strict") && front.contains("HttpOnly"), "{front}");
}

/// The answer's head, for what the browser keeps to itself.
fn raw_head(addr: SocketAddr, path: &str) -> String {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(addr).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_owned()
}

#[test]
fn a_right_cart_is_a_requisition_with_its_total() {
    let demo = demo(ShopSettings::default());
    demo.connect("http://127.0.0.1:9/");
    browse(async |mut browser| {
        let start = browser.get(at(demo.procurement_addr, "/")).await.unwrap();
        let call = start.forms().into_iter().find(|form| form.class == "punchout").unwrap();
        assert_eq!(call.action, "http://127.0.0.1:9/punchout");
        let value = |name: &str| call.inputs.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        assert_eq!((value("~OkCode").unwrap(), value("USERNAME").unwrap()), ("ADDI".to_owned(), "fjordvik".to_owned()));
        let link = start.link("a.punchout").unwrap();
        assert!(link.contains("HOOK_URL=http%3A%2F%2F") && link.contains("%3Fsession%3D"), "{link}");

        let hook = value("HOOK_URL").unwrap();
        let page = post(&mut browser, &start, &hook, &lines(&[1, 2, 3])).await;
        assert_eq!((page.status, page.url.path()), (200, "/requisition/1"));
        assert!(page.body.contains("Every line is complete"), "{}", page.body);
        let last = last(&mut browser, demo.procurement_addr).await;
        assert_eq!(last["problems"], Value::Array(vec![]));
        // 12000 * 0.375 / 10 = 450, three times.
        assert_eq!(last["totals"][0][1], "1350.00");
        assert_eq!(last["query"][1][1], "4711");
        assert_eq!(last["fields"].as_array().unwrap().len(), 24);

        post(&mut browser, &start, &hook, &lines(&[1])).await;
        let again = problems(&mut browser, demo.procurement_addr).await;
        assert!(again.len() == 1 && again[0].contains("returned before"), "{again:?}");
    });
}

#[test]
fn every_flaw_of_a_cart_is_named() {
    let demo = demo(ShopSettings::default());
    demo.connect("http://127.0.0.1:9/");
    type Flaw = fn(&mut Vec<(String, String)>);
    let cases: [(&str, Flaw); 9] = [
        ("Gap in the indices: line 2 expected, line 3 found", |cart| {
            cart.retain(|(name, _)| !name.ends_with("[2]") && !name.contains("_2:"))
        }),
        ("Line 1: DESCRIPTION has 41 characters, 40 fit", |cart| set(cart, "NEW_ITEM-DESCRIPTION[1]", &"å".repeat(41))),
        ("Line 2: QUANTITY is missing", |cart| set(cart, "NEW_ITEM-QUANTITY[2]", "")),
        ("Line 3: PRICE \"0,375\" is not a number", |cart| set(cart, "NEW_ITEM-PRICE[3]", "0,375")),
        ("Line 1: UNIT stk is not maintained", |cart| set(cart, "NEW_ITEM-UNIT[1]", "stk")),
        ("Line 2: PRICEUNIT 0 is not a whole number", |cart| set(cart, "NEW_ITEM-PRICEUNIT[2]", "0")),
        ("Line 3: CURRENCY \"kr\"", |cart| set(cart, "NEW_ITEM-CURRENCY[3]", "kr")),
        ("Line 2 has other fields than line 1", |cart| cart.push(("NEW_ITEM-VENDOR[2]".into(), "1".into()))),
        ("More than one currency", |cart| set(cart, "NEW_ITEM-CURRENCY[3]", "EUR")),
    ];
    browse(async |mut browser| {
        for (expected, flaw) in cases {
            let start = browser.get(at(demo.procurement_addr, "/")).await.unwrap();
            let call = start.forms().into_iter().find(|form| form.class == "punchout").unwrap();
            let hook = call.inputs.iter().find(|(name, _)| name == "HOOK_URL").unwrap().1.clone();
            let mut cart = lines(&[1, 2, 3]);
            flaw(&mut cart);
            let page = post(&mut browser, &start, &hook, &cart).await;
            let told = problems(&mut browser, demo.procurement_addr).await;
            assert!(told.iter().any(|told| told.starts_with(expected)), "{expected}: {told:?}");
            assert!(page.body.contains("This cart has problems"));
        }
    });
}

#[test]
fn a_journey_without_a_proxy_says_where_it_ended() {
    let demo = demo(ShopSettings::default());
    let error = journey::once(&demo.shop_url(), demo.procurement_addr).unwrap_err();
    assert!(error.contains("is it connected"), "{error}");
    // Straight to the shop, which knows nothing of catalog calls.
    demo.connect(&demo.shop_url());
    let error = journey::once(&demo.shop_url(), demo.procurement_addr).unwrap_err();
    assert!(error.contains("405") && !error.contains("PASSWORD"), "{error}");
    let addr = demo.shop_addr;
    demo.stop();
    assert!(std::net::TcpStream::connect(addr).is_err(), "stopped means closed");
}

/// Whole lines with these indices, eight fields each.
fn lines(indices: &[usize]) -> Vec<(String, String)> {
    let fields = [
        ("DESCRIPTION", "Treskrue \"A2\" 3,5×35 <ø>"),
        ("QUANTITY", "12000.000"),
        ("UNIT", "PCE"),
        ("PRICE", "0.375"),
        ("CURRENCY", "NOK"),
        ("PRICEUNIT", "10"),
        ("VENDORMAT", "SK  3535"),
    ];
    let line = |index: &usize| {
        let mut line: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (format!("NEW_ITEM-{name}[{index}]"), (*value).to_owned())).collect();
        line.push((format!("NEW_ITEM-LONGTEXT_{index}:132[]"), "x".repeat(2_000)));
        line
    };
    indices.iter().flat_map(line).collect()
}

fn set(cart: &mut [(String, String)], name: &str, value: &str) {
    cart.iter_mut().find(|(found, _)| found == name).unwrap().1 = value.to_owned();
}

async fn post(browser: &mut Browser, from: &Page, hook: &str, fields: &[(String, String)]) -> Page {
    let form = Form { action: hook.to_owned(), method: "post".into(), inputs: fields.to_vec(), ..Form::default() };
    browser.submit(from, &form, &[]).await.unwrap()
}

async fn last(browser: &mut Browser, procurement: SocketAddr) -> Value {
    serde_json::from_str(&browser.get(at(procurement, "/oci/last.json")).await.unwrap().body).unwrap()
}

async fn problems(browser: &mut Browser, procurement: SocketAddr) -> Vec<String> {
    serde_json::from_value(last(browser, procurement).await["problems"].clone()).unwrap()
}
