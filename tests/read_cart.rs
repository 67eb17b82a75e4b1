//! The cart as the shop has it now, over real sockets: pages, JSON answers one after the other, and what comes instead.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "other tests use the rest")]
mod scripted_shop;

use std::sync::Arc;

use http::header::{ACCEPT, COOKIE, REFERER};
use punchout_proxy::cart::Cart;
use punchout_proxy::cart::rules::Rules;
use punchout_proxy::location::Location;
use punchout_proxy::problem::{Kind, Problem};
use punchout_proxy::punchout::read_cart;
use punchout_proxy::shop::VisitLimits;
use scripted_shop::{Answer, Asked, ScriptedShop, locally};

async fn cart(shop: &ScriptedShop, rules: &str) -> Result<Cart, Problem> {
    let rules = Arc::new(Rules::compile(toml::from_str(rules).unwrap()).unwrap());
    let mut visit = shop.visit(VisitLimits::default());
    read_cart::read(&rules, "/cart", &[Location::parse("/cart").unwrap()], &mut visit).await
}

const JSON: &str = "source = 'json'\njson = '/api/cart'\nnext = '$.next'\npages = 3\nline = '$.items[*]'\nname = '@.n'\nquantity = '@.q'\nprice = '@.p'\ncurrency = 'NOK'\n";

fn item(name: &str) -> String {
    format!(r#"{{"n":"{name}","q":1,"p":"5,00"}}"#)
}

/// JSON under the name of HTML, in as many answers as there are items; the first sets a cookie.
fn answers(asked: &Asked) -> Answer {
    match (asked.path.as_str(), asked.query.as_str()) {
        ("/api/cart", "") => Answer::html(&format!(r#"{{"items":[{}],"next":"\/api\/cart?page=2"}}"#, item("A")))
            .cookie("page=1; Path=/"),
        ("/api/cart", "page=2") => {
            Answer::html(&format!(r#"{{"items":[{}],"next":null}}"#, item("Br\\u00f8d &amp; vann")))
        }
        _ => Answer::html("<title>Sign in</title>"),
    }
}

#[test]
fn json_answers_are_put_together_with_the_buyers_cookies() {
    locally(async {
        let shop = ScriptedShop::start(answers).await;
        let cart = cart(&shop, JSON).await.unwrap();
        let names: Vec<_> = cart.lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["A", "Brød & vann"]);
        assert_eq!(cart.findings, []);
        let asked = shop.asked.borrow();
        assert!(asked[0].header(ACCEPT).starts_with("application/json"));
        assert!(asked[1].header(COOKIE).contains("page=1"));
        assert!(asked[1].header(REFERER).ends_with("/api/cart"));
    });
}

#[test]
fn an_endless_cart_ends() {
    locally(async {
        let endless = |asked: &Asked| {
            let next = asked.query.strip_prefix("page=").map_or(2, |page| page.parse::<u32>().unwrap() + 1);
            Answer::html(&format!(r#"{{"items":[{}],"next":"?page={next}"}}"#, item("A")))
        };
        let shop = ScriptedShop::start(endless).await;
        let cart = cart(&shop, JSON).await.unwrap();
        assert_eq!(cart.lines.len(), 3);
        assert_eq!(cart.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["PO-CART-TOO-LONG"]);

        let circle = ScriptedShop::start(|_| Answer::html(r#"{"items":[],"next":"/api/cart"}"#)).await;
        assert_eq!(refusal(&circle).await, Kind::CartUnreadable);
    });
}

async fn refusal(shop: &ScriptedShop) -> Kind {
    cart(shop, JSON).await.unwrap_err().kind
}

#[test]
fn what_is_no_json_or_no_cart_page_is_no_cart() {
    locally(async {
        let sign_in = ScriptedShop::start(|_| Answer::html("<title>Sign in</title>")).await;
        assert_eq!(refusal(&sign_in).await, Kind::CartUnreadable);
        let page = "line = 'li'\nname = 'b'\nquantity = 'i'\nprice = 'u'\ncurrency = 'NOK'";
        let away = ScriptedShop::start(|asked| match asked.path.as_str() {
            "/cart" => Answer::redirect(302, "/login"),
            _ => Answer::html("<li><b>A</b><i>1</i><u>5,00</u>"),
        })
        .await;
        assert_eq!(cart(&away, page).await.unwrap_err().kind, Kind::CartUnreadable);
        let there = ScriptedShop::start(|_| Answer::html("<li><b>A</b><i>1</i><u>5,00</u>")).await;
        assert_eq!(cart(&there, page).await.unwrap().lines.len(), 1);
    });
}
