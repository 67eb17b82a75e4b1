//! Cart pages that are no whole cart: an error of the shop's, a page that breaks off, an end tag in the middle of it. What
//! the buyer sees there must not send what happened to come.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::{Arc, Mutex};

use common::punchout::{HOOK, PASSWORD, call, configuration, cookie_field, own, text};
use common::{Answer, Proxy, Shop};

/// A shop whose cart page the test writes as it comes over the wire, the proxy before it, and a buyer inside.
struct World {
    _shop: Shop,
    proxy: Proxy,
    cart: Arc<Mutex<String>>,
    cookies: String,
}

impl World {
    fn start(change: impl FnOnce(String) -> String) -> Self {
        let cart = Arc::new(Mutex::new(String::new()));
        let shown = cart.clone();
        let shop = Shop::start(move |wire, head| {
            let (_, _) = wire.body(head, false)?;
            let ok = |html: &str, more: &str| page("200 OK", more, html);
            match (head.method(), head.target()) {
                ("GET", "/login") => {
                    wire.send(ok("<form method=post><input name=user><input name=pass></form>", ""))?
                }
                ("POST", "/login") => wire.send(ok("<a href='/logout'>bye</a>", "Set-Cookie: sid=1; Path=/\r\n"))?,
                (_, "/cart") => {
                    let answer = shown.lock().unwrap().clone();
                    wire.send(&answer)?;
                    return Ok(answer.starts_with("HTTP/1.1"));
                }
                (_, path) => wire.send(ok(path, ""))?,
            }
            Ok(true)
        });
        let proxy = Proxy::configured(&change(configuration(shop.address)));
        let arrived = call(&proxy, &[("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)], "");
        assert_eq!(arrived.head.status(), 303, "{}", text(&arrived));
        World { _shop: shop, proxy, cart, cookies: cookie_field(&arrived) }
    }

    fn ask(&self, target: &str) -> Answer {
        self.proxy.connect().ask("GET", target, &self.cookies).unwrap()
    }

    /// The articles in the form that the cart page carries, and those that a return by our own page sends, or what it says.
    fn returns(&self, answer: String) -> (Vec<String>, Result<Vec<String>, String>) {
        *self.cart.lock().unwrap() = answer;
        let streamed = text(&self.ask("/cart"));
        assert!(streamed.contains("<form id=\"punchout-return-"), "{streamed}");
        let leads_to_hook = streamed.contains("action=\"https://srm.acme.example/");
        assert_eq!(leads_to_hook, streamed.contains("NEW_ITEM-"), "{streamed}");
        let fresh = text(&self.ask(&(own("return", &self.cookies) + "&again=1")));
        (articles(&streamed), if fresh.contains("NEW_ITEM-") { Ok(articles(&fresh)) } else { Err(fresh) })
    }
}

fn articles(page: &str) -> Vec<String> {
    let values = page.split("name=\"NEW_ITEM-DESCRIPTION[").skip(1);
    values.map(|rest| rest.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()).collect()
}

fn page(status: &str, more: &str, html: &str) -> String {
    let length = html.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n{more}Content-Length: {length}\r\n\r\n{html}"
    )
}

fn line(name: &str) -> String {
    format!(
        "<tr class=line><td class=name>{name}</td><td class=sku>{name}-1</td><td class=quantity>2</td><td class=price>12,50</td></tr>"
    )
}

fn of(name: &str) -> Vec<String> {
    name.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_page_with_an_error_status_sends_nothing_and_the_return_page_names_it() {
    let world = World::start(|file| file);
    let html = format!("<html><body><table>{}</table></body></html>", line("Drill"));
    for status in ["500 Internal Server Error", "404 Not Found", "503 Busy", "403 Forbidden"] {
        let (streamed, fresh) = world.returns(page(status, "", &html));
        assert_eq!(streamed, of(""), "{status}");
        assert!(fresh.as_ref().unwrap_err().contains("<code>PO-"), "{status}: {fresh:?}");
    }
    assert_eq!(world.returns(page("200 OK", "", &html)), (of("Drill"), Ok(of("Drill"))));
}

#[test]
fn a_page_that_breaks_off_between_two_lines_sends_nothing() {
    let world = World::start(|file| file);
    let two = format!("{}{}", line("Drill"), line("Hammer"));
    let fatal = "<br><b>Fatal error</b>: Allowed memory size exhausted";
    for html in [
        format!("<html><body><table>{two}{fatal}"),
        format!("<body><div id=cart><table>{two}{fatal}</table>"),
        format!("<!doctype html><html><head><title>x</title></head><div><main>{two}"),
    ] {
        for answer in [page("200 OK", "", &html), format!("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n{html}")] {
            let (streamed, fresh) = world.returns(answer);
            assert_eq!(streamed, of(""), "{html}");
            assert!(fresh.as_ref().unwrap_err().contains("PO-CART-BROKEN-OFF"), "{fresh:?}");
        }
    }
}

#[test]
fn pages_that_leave_end_tags_out_are_whole() {
    let world = World::start(|file| file);
    let lines = "<tr class=line><td class=name>Drill<td class=sku>D<td class=quantity>2<td class=price>12,50";
    for html in [
        format!("<html><body><form><table>{lines}</table><p>Total"),
        format!("<body><div><table>{lines}</table></div><ul><li>Footer"),
        format!("<body><div><table>{lines}</body>"),
        format!("<html><body><table>{lines}</html><div>a bar of the shop's</div>"),
        format!("<table>{lines}</table>"),
        format!("<div><table>{lines}"),
    ] {
        assert_eq!(world.returns(page("200 OK", "", &html)), (of("Drill"), Ok(of("Drill"))), "{html}");
    }
}

#[test]
fn a_shop_whose_pages_never_end_may_say_so() {
    let world = World::start(|file| file + "[buyer.findings]\nPO-CART-BROKEN-OFF = \"warning\"\n");
    let html = format!("<html><body><table>{}", line("Drill"));
    assert_eq!(world.returns(page("200 OK", "", &html)), (of("Drill"), Ok(of("Drill"))));
}

#[test]
fn lines_behind_a_stray_end_tag_are_in_the_cart() {
    let world = World::start(|file| file);
    let [drill, hammer] = ["Drill", "Hammer"].map(line);
    let pasted = "<p><html><head></head><body>as <b>good</b> as new</body></html></p>";
    for html in [
        format!("<html><body><table>{drill}</table></body></html><table>{hammer}</table></body></html>"),
        format!("<html><body><table>{drill}</table></body><table>{hammer}</table>"),
        format!("<html><body><table>{drill}<tr><td>{pasted}</td></tr>{hammer}</table></body></html>"),
    ] {
        assert_eq!(world.returns(page("200 OK", "", &html)), (of("Drill Hammer"), Ok(of("Drill Hammer"))), "{html}");
    }
}

#[test]
fn lines_that_a_stray_end_tag_hides_from_their_rule_keep_the_cart() {
    let world = World::start(|file| file.replace("\"tr.line\"", "\"#basket tr.line\""));
    let [drill, hammer] = ["Drill", "Hammer"].map(line);
    let html =
        format!("<html><body><table id=basket>{drill}<tr><td>new</body></td></tr>{hammer}</table></body></html>");
    let (streamed, fresh) = world.returns(page("200 OK", "", &html));
    assert_eq!(streamed, of(""));
    assert!(fresh.unwrap_err().contains("PO-CART-BROKEN-OFF"));
}
