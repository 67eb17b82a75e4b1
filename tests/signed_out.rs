//! Shops sign buyers out by themselves. What the cart shows then are a visitor's prices, and they must not be sent.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::{Arc, Mutex};

use common::punchout::{HOOK, PASSWORD, call, configuration, cookie_field, own, text};
use common::{Proxy, Shop};

const SIGN: &str = "<a href='/logout'>Log out</a>";

/// What the shop shows to everybody.
#[derive(Clone, Default)]
struct Shown {
    cart: String,
    /// On its start page.
    start: String,
    json: String,
}

struct World {
    _shop: Shop,
    proxy: Proxy,
    shown: Arc<Mutex<Shown>>,
}

impl World {
    fn start(change: impl FnOnce(String) -> String) -> Self {
        let shown = Arc::new(Mutex::new(Shown::default()));
        let seen = shown.clone();
        let shop = Shop::start(move |wire, head| {
            let (_, _) = wire.body(head, false)?;
            let now = seen.lock().unwrap().clone();
            let html = match (head.method(), head.target()) {
                ("GET", "/login") => "<form method=post><input name=user><input name=pass></form>".to_owned(),
                ("POST", "/login") => SIGN.to_owned(),
                (_, "/cart") => now.cart,
                (_, "/cart.json") => now.json,
                (_, "/") => now.start,
                (_, path) => path.to_owned(),
            };
            let length = html.len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{html}"))?;
            Ok(true)
        });
        World { proxy: Proxy::configured(&change(configuration(shop.address))), _shop: shop, shown }
    }

    fn shows(&self, price: &str, on_cart: &str, on_start: &str) {
        let line = format!(
            "<tr class=line><td class=name>Drill</td><td class=sku>A</td><td class=quantity>2</td><td class=price>{price}</td></tr>"
        );
        *self.shown.lock().unwrap() = Shown {
            cart: format!("<html><body>{on_cart}<table>{line}</table></body></html>"),
            start: on_start.to_owned(),
            json: format!(r#"[{{"name":"Drill","sku":"A","quantity":2,"price":"{price}"}}]"#),
        };
    }

    fn enter(&self, browser: &str) -> String {
        let browser = format!("User-Agent: {browser}\r\n");
        let entered = call(&self.proxy, &[("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)], &browser);
        assert_eq!(entered.head.status(), 303, "{}", text(&entered));
        browser + &cookie_field(&entered)
    }

    fn ask(&self, target: &str, session: &str) -> String {
        text(&self.proxy.connect().ask("GET", target, session).unwrap())
    }

    /// The price in the form of the cart page, and what the return page sends; its own word where it sends nothing.
    fn sends(&self, session: &str) -> [String; 2] {
        let cart = self.ask("/cart", session);
        let back = self.ask(&(own("return", session) + "&again=1"), session);
        [cart, back].map(|page| match page.split("name=\"NEW_ITEM-PRICE[1]\" value=\"").nth(1) {
            Some(rest) => rest.split('"').next().unwrap().to_owned(),
            None if page.contains("<code>PO-SIGNED-OUT</code>") => "signed out".to_owned(),
            None if page.contains("<form id=\"punchout-return-") => "closed".to_owned(),
            None => page,
        })
    }
}

#[test]
fn list_prices_of_a_buyer_who_was_signed_out_are_not_sent() {
    let world = World::start(|file| file);
    world.shows("7,50", SIGN, SIGN);
    let session = world.enter("Firefox");
    assert_eq!(world.sends(&session), ["7.500", "7.500"]);
    world.shows("10,00", "Log in to see your prices", "Log in");
    assert_eq!(world.sends(&session), ["closed", "signed out"]);
    assert_eq!(world.sends(&world.enter("Firefox")), ["closed", "signed out"], "it was shown to the same browser");
    world.shows("7,50", SIGN, SIGN);
    assert_eq!(world.sends(&session), ["7.500", "7.500"]);
}

#[test]
fn a_shop_whose_cart_page_has_no_such_sign_or_lost_it_is_not_closed_out() {
    let world = World::start(|file| file);
    world.shows("7,50", "", SIGN);
    let session = world.enter("Firefox");
    assert_eq!(world.sends(&session), ["7.500", "7.500"], "it was never there");
    world.shows("7,50", SIGN, SIGN);
    assert_eq!(world.sends(&session), ["7.500", "7.500"]);
    world.shows("7,50", "", "Log in");
    assert_eq!(world.sends(&world.enter("Telephone")), ["7.500", "7.500"], "another browser may have another page");
    world.shows("7,50", "", SIGN);
    assert_eq!(world.sends(&session), ["closed", "7.500"], "the start page tells that it is the page that changed");
    assert_eq!(world.sends(&session), ["7.500", "7.500"]);
}

#[test]
fn a_buyer_may_take_a_visitors_prices_and_a_guest_is_nobody_to_sign_out() {
    let warned = World::start(|file| file + "[buyer.findings]\nPO-SIGNED-OUT = \"warning\"\n");
    let shared = "accounts = { strategy = \"shared\", username = \"shopper\", password = \"x\" }";
    let guest = World::start(|file| file.replace(shared, "accounts = { strategy = \"guest\" }"));
    for world in [warned, guest] {
        world.shows("7,50", SIGN, SIGN);
        let session = world.enter("Firefox");
        assert_eq!(world.sends(&session), ["7.500", "7.500"]);
        world.shows("10,00", "", "");
        assert_eq!(world.sends(&session), ["10.000", "10.000"]);
    }
}

#[test]
fn a_cart_in_json_is_asked_about_on_its_page() {
    let world = World::start(|file| {
        let keys = ["name", "sku", "quantity", "price"];
        keys.iter()
            .fold(file, |file, key| file.replace(&format!("{key} = \"td.{key}\""), &format!("{key} = \"@.{key}\"")))
            .replace(
                "line = \"tr.line\"",
                "source = \"json\"\njson = \"/cart.json\"\nreturn = \"fresh\"\nline = \"$[*]\"",
            )
    });
    let back = |session: &str| world.sends(session)[1].clone();
    world.shows("7,50", SIGN, SIGN);
    let session = world.enter("Firefox");
    assert_eq!(back(&session), "7.500");
    world.shows("10,00", "", "");
    assert_eq!(back(&session), "signed out");
    world.shows("7,50", SIGN, "");
    assert_eq!(back(&session), "7.500");
}
