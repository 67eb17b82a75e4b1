//! What the cart page lacks and the product pages have: asked for while the cart page streams past.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::punchout::{HOOK, PASSWORD, configuration, cookie_field, own, text};
use common::{Answer, Head, Keep, Proxy, Shop, Wire, eventually};

const PRODUCT: &str = r#"
[shop.product]
page = "/p/{product}"
line = "main.product"
name = "h1"
sku = "@data-sku"
unit = ".unit"
price = ".price"
currency = "NOK"
[shop.product.extra]
manufacturer = ".maker"
"#;

const FIELDS: &str = "fields = { MANUFACTMAT = { from = \"manufacturer\" } }\n";

/// How the shop is to behave.
#[derive(Default)]
struct Mood {
    /// Lines in the cart, each by the link that it has.
    links: Mutex<Vec<String>>,
    /// What stands around the lines, where not the usual page.
    page: Mutex<Option<(String, String)>>,
    /// The second half of the cart page waits until a product page was asked for.
    cart_waits: AtomicBool,
    /// Product pages are held back.
    held: AtomicBool,
    /// Product pages that are under way, and how many there were at a time at the most.
    under_way: AtomicUsize,
    most: AtomicUsize,
    asked: AtomicUsize,
}

struct World {
    shop: Shop,
    proxy: Proxy,
    mood: Arc<Mood>,
}

impl World {
    fn start(details: &str) -> Self {
        World::with(details, |file| file)
    }

    fn with(details: &str, change: impl FnOnce(String) -> String) -> Self {
        let mood = Arc::new(Mood::default());
        *mood.links.lock().unwrap() = ["/p/A-1", "../p/B-2?x=1&amp;y=2"].map(str::to_owned).into();
        let seen = mood.clone();
        let shop = Shop::start(move |wire, head| serve(wire, head, &seen));
        let cart = "[shop.cart]\nlink = \"td.name a@href\"";
        let file = configuration(shop.address)
            .replace("[shop.cart]", cart)
            .replace("page = \"/cart\"", "page = \"/shop/cart\"")
            .replacen("[shop.deny]", &format!("{PRODUCT}\n[shop.details]\n{details}\n[shop.deny]"), 1)
            + if details.contains("manufacturer") { FIELDS } else { "" };
        let file = if details.contains("sku") { file.replace("sku = \"td.sku\"\n", "") } else { file };
        let proxy = Proxy::configured(&change(file));
        World { shop, proxy, mood }
    }

    fn enter(&self) -> String {
        let parameters = [("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)];
        let answer = common::punchout::call(&self.proxy, &parameters, "");
        assert_eq!(answer.head.status(), 303, "{}", text(&answer));
        cookie_field(&answer)
    }

    fn ask(&self, target: &str, cookies: &str) -> Answer {
        self.proxy.connect().ask("GET", target, cookies).unwrap()
    }

    fn cart(&self, cookies: &str) -> Answer {
        let answer = self.ask("/shop/cart", cookies);
        assert_eq!(answer.head.status(), 200, "{}", text(&answer));
        answer
    }

    fn links(&self, links: impl IntoIterator<Item = impl Into<String>>) {
        *self.mood.links.lock().unwrap() = links.into_iter().map(Into::into).collect();
    }

    /// The product pages that the shop was asked for, and whether each time with the buyer's cookie.
    fn product_pages(&self) -> Vec<String> {
        let seen = self.shop.seen.lock().unwrap();
        let pages = seen.iter().filter(|head| head.target().starts_with("/p/"));
        pages
            .map(|head| {
                assert!(head.get("cookie").is_some_and(|cookie| cookie.contains("sid=session-1")), "{head:?}");
                head.target().to_owned()
            })
            .collect()
    }
}

fn serve(wire: &mut Wire, head: &Head, mood: &Mood) -> Keep {
    let (_, _) = wire.body(head, false)?;
    let path = head.target().split('?').next().unwrap_or_default();
    let (mut status, mut more) = ("200 OK", "");
    let html = match (head.method(), path) {
        ("GET", "/login") => "<form method=post><input name=user><input name=pass></form>".to_owned(),
        ("POST", "/login") => {
            more = "Set-Cookie: sid=session-1; Path=/; HttpOnly\r\n";
            "<a href='/logout'>bye</a>".to_owned()
        }
        (_, "/shop/cart") => return cart(wire, mood),
        (_, "/cart.json") => {
            let links = mood.links.lock().unwrap().clone();
            let lines: Vec<_> = links
                .iter()
                .map(|link| serde_json::json!({"name": "Drill", "sku": "S", "link": link, "quantity": 1, "price": "12,50"}))
                .collect();
            serde_json::Value::from(lines).to_string()
        }
        (_, path) if path.starts_with("/p/") => {
            mood.asked.fetch_add(1, Ordering::AcqRel);
            let now = mood.under_way.fetch_add(1, Ordering::AcqRel) + 1;
            mood.most.fetch_max(now, Ordering::AcqRel);
            // As long as it takes to see whether another comes meanwhile.
            std::thread::sleep(Duration::from_millis(30));
            while mood.held.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(10));
            }
            mood.under_way.fetch_sub(1, Ordering::AcqRel);
            match &path[3..] {
                "gone" => {
                    status = "404 Not Found";
                    "<h1>No such article</h1>".to_owned()
                }
                sku => format!(
                    "<main class=product data-sku='{sku}'><h1>Drill</h1><i class=unit>par</i><b class=maker>Maker of {sku}</b></main>"
                ),
            }
        }
        (_, path) => format!("<h1>{path}</h1>"),
    };
    let length = html.len();
    wire.send(format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n{more}Content-Length: {length}\r\n\r\n{html}"
    ))?;
    Ok(true)
}

fn cart(wire: &mut Wire, mood: &Mood) -> Keep {
    let links = mood.links.lock().unwrap().clone();
    let usual = ("<html><body>".to_owned(), "</body></html>".to_owned());
    let (before, after) = mood.page.lock().unwrap().clone().unwrap_or(usual);
    let kind = if before.starts_with("<?xml") { "application/xhtml+xml" } else { "text/html" };
    wire.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\nConnection: close\r\n\r\n{before}<table>"
    ))?;
    for (n, link) in links.iter().enumerate() {
        let price = format!("<td class=\"sku\">S-{n}</td><td class=\"quantity\">2</td><td class=\"price\">12,50</td>");
        wire.send(format!("<tr class=\"line\"><td class=\"name\"><a href=\"{link}\">Drill {n}</a></td>{price}</tr>"))?;
    }
    wire.send("<tr><td>after</td></tr>")?;
    if mood.cart_waits.load(Ordering::Acquire) {
        let before = mood.asked.load(Ordering::Acquire);
        eventually("a product page is asked for while the cart page still streams", || {
            mood.asked.load(Ordering::Acquire) > before
        });
    }
    wire.send(format!("</table><a class=\"checkout\" href=\"/checkout\">Checkout</a>{after}"))?;
    Ok(false)
}

/// The values of one field, line by line; none where the page has no form of a cart.
fn values(answer: &Answer, field: &str) -> Vec<String> {
    let page = text(answer);
    let begin = format!("name=\"NEW_ITEM-{field}[");
    let values = page.split(&begin).skip(1).filter_map(|rest| rest.split("value=\"").nth(1)?.split('"').next());
    values.map(|value| htmlize::unescape(value).into_owned()).collect()
}

#[test]
fn lines_get_what_they_lack_from_their_own_pages_with_the_buyers_cookies() {
    let world = World::start("take = [\"sku\", \"unit\", \"manufacturer\"]");
    world.mood.cart_waits.store(true, Ordering::Release);
    let cookies = world.enter();
    let answer = world.cart(&cookies);
    assert_eq!(values(&answer, "VENDORMAT"), ["A-1", "B-2"], "{}", text(&answer));
    assert_eq!(values(&answer, "UNIT"), ["PR", "PR"], "the shop's word is mapped like one from the cart page");
    assert_eq!(values(&answer, "MANUFACTMAT"), ["Maker of A-1", "Maker of B-2"]);
    assert_eq!(values(&answer, "PRICE"), ["12.500", "12.500"], "prices are the cart's");
    let asked: BTreeSet<_> = world.product_pages().into_iter().collect();
    assert_eq!(asked, ["/p/A-1", "/p/B-2?x=1&y=2"].map(str::to_owned).into(), "links are from the cart page's address");
    // The button belongs to the form.
    let page = text(&answer);
    assert!(page.contains("form=\"punchout-return-") && page.contains("id=\"punchout-return-"), "{page}");

    // They are remembered, for other sessions too.
    world.mood.cart_waits.store(false, Ordering::Release);
    for cookies in [cookies, world.enter()] {
        let again = world.cart(&cookies);
        assert_eq!(values(&again, "MANUFACTMAT"), ["Maker of A-1", "Maker of B-2"]);
    }
    assert_eq!(world.product_pages().len(), 2);
}

#[test]
fn nothing_is_remembered_where_it_is_not_to_be() {
    let world = World::start("take = [\"unit\"]\nkeep = \"0s\"");
    let cookies = world.enter();
    for asked in [2, 4] {
        assert_eq!(values(&world.cart(&cookies), "UNIT"), ["PR", "PR"]);
        assert_eq!(world.product_pages().len(), asked);
    }
}

#[test]
fn so_many_pages_at_a_time_and_no_more_in_all() {
    let world = World::start("take = [\"unit\"]\nat_a_time = 3\npages = 8\nkeep = \"0s\"\ntime = \"30s\"");
    world.links((0..10).map(|n| format!("/p/{n}")).chain(["/p/1".to_owned()]));
    let answer = world.cart(&world.enter());
    assert_eq!(world.mood.most.load(Ordering::Acquire), 3);
    assert_eq!(world.product_pages().len(), 8, "the same page is asked for once");
    let units = values(&answer, "UNIT");
    assert_eq!(units.iter().filter(|unit| *unit == "PR").count(), 9, "{units:?}");
    assert_eq!((&*units[8], &*units[9], &*units[10]), ("PCE", "PCE", "PR"));
}

#[test]
fn a_page_that_cannot_be_read_is_a_finding_and_may_keep_the_cart_here() {
    let world = World::start("take = [\"unit\"]");
    world.links(["/p/A-1", "/p/gone"]);
    let answer = world.cart(&world.enter());
    assert_eq!(values(&answer, "UNIT"), ["PR", "PCE"], "a warning, by default");

    let strict = |file: String| file + "findings = { PO-PRODUCT-PAGE-UNREAD = \"error\" }\n";
    let world = World::with("take = [\"unit\"]", strict);
    world.links(["/p/A-1", "/p/gone"]);
    let cookies = world.enter();
    let answer = world.cart(&cookies);
    assert_eq!(values(&answer, "UNIT"), Vec::<String>::new(), "{}", text(&answer));
    assert!(text(&answer).contains("/_punchout/return"), "the way on leads to the page that says why");
    let why = world.ask(&own("return", &cookies), &cookies);
    assert!(text(&why).contains("PO-PRODUCT-PAGE-UNREAD") && text(&why).contains("Line 2"), "{}", text(&why));
    // The shop has mended it.
    world.links(["/p/A-1", "/p/B-2"]);
    let sent = world.ask(&own("return", &cookies), &cookies);
    assert_eq!(values(&sent, "UNIT"), ["PR", "PR"], "{}", text(&sent));
}

#[test]
fn a_page_waits_for_them_no_longer_than_it_may() {
    let world = World::start("take = [\"unit\"]\ntime = \"300ms\"");
    world.mood.held.store(true, Ordering::Release);
    let answer = world.cart(&world.enter());
    assert_eq!(values(&answer, "UNIT"), ["PCE", "PCE"], "{}", text(&answer));
    world.mood.held.store(false, Ordering::Release);
}

#[test]
fn what_came_already_reaches_the_buyer_before_they_do() {
    let world = World::start("take = [\"unit\"]\ntime = \"30s\"");
    world.mood.held.store(true, Ordering::Release);
    let cookies = world.enter();
    let mut wire = world.proxy.connect();
    wire.send(format!("GET /shop/cart HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{cookies}\r\n")).unwrap();
    let mut page = Vec::new();
    while !String::from_utf8_lossy(&page).contains("</html>") {
        page.extend(wire.exactly(1).unwrap());
    }
    world.mood.held.store(false, Ordering::Release);
    page.extend(wire.rest().unwrap());
    let page = String::from_utf8(page).unwrap();
    let (before, after) = page.split_once("</html>").unwrap();
    assert!(before.contains("form=\"punchout-return-") && !before.contains("NEW_ITEM"), "{page}");
    assert!(after.contains("id=\"punchout-return-") && after.contains("value=\"PR\""), "{page}");
}

#[test]
fn nothing_outside_the_shop_and_nothing_closed_is_asked_for() {
    let world = World::start("take = [\"unit\"]");
    world.links(["https://evil.example/p/A-1", "//evil.example/p/A-1", "/checkout/p", "/logout", "javascript:x()", ""]);
    let cookies = world.enter();
    let before = world.shop.seen();
    let answer = world.cart(&cookies);
    assert_eq!(values(&answer, "UNIT"), ["PCE", "PCE", "PCE", "PCE", "PCE", "PR"], "{}", text(&answer));
    let seen = world.shop.seen.lock().unwrap();
    let asked: Vec<_> = seen[before..].iter().map(|head| head.target()).collect();
    // Without a link the page is found by the item number.
    assert_eq!(asked, ["/shop/cart", "/p/S-5"]);
}

#[test]
fn a_page_without_an_end_and_one_of_xml() {
    let world = World::start("take = [\"unit\"]");
    *world.mood.page.lock().unwrap() = Some(("<html><body>".to_owned(), String::new()));
    assert_eq!(values(&world.cart(&world.enter()), "UNIT"), ["PR", "PR"]);

    let world = World::start("take = [\"unit\"]");
    let xml = "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><body>";
    *world.mood.page.lock().unwrap() = Some((xml.to_owned(), "</body></html>".to_owned()));
    let cookies = world.enter();
    world.mood.held.store(true, Ordering::Release);
    let answer = world.ask("/shop/cart", &cookies);
    world.mood.held.store(false, Ordering::Release);
    let page = text(&answer);
    assert!(page.ends_with("</html>") && page.contains("/_punchout/return"), "nothing may stand behind it: {page}");
    assert_eq!(values(&answer, "UNIT"), Vec::<String>::new(), "{page}");
    let sent = world.ask(&own("return", &cookies), &cookies);
    assert_eq!(values(&sent, "UNIT"), ["PR", "PR"], "{}", text(&sent));
}

#[test]
fn a_cart_that_is_json_is_completed_on_the_return_page() {
    let json = |file: String| {
        let rules = "source = \"json\"\njson = \"/cart.json\"\nline = \"$[*]\"\nname = \"@.name\"\nlink = \"@.link\"\nsku = \"@.sku\"\n\
                     quantity = \"@.quantity\"\nprice = \"@.price\"";
        file.replace("line = \"tr.line\"\nname = \"td.name\"\nsku = \"td.sku\"\nquantity = \"td.quantity\"\nprice = \"td.price\"", rules)
            .replace("link = \"td.name a@href\"", "")
    };
    let world = World::with("take = [\"unit\", \"manufacturer\"]", json);
    world.links(["/p/A-1", "../p/B-2"]);
    let cookies = world.enter();
    let sent = world.ask(&own("return", &cookies), &cookies);
    assert_eq!(values(&sent, "UNIT"), ["PR", "PR"], "{}", text(&sent));
    assert_eq!(values(&sent, "MANUFACTMAT"), ["Maker of A-1", "Maker of B-2"]);
}

#[test]
fn a_buyer_who_goes_away_costs_the_shop_no_further_page() {
    let world = World::start("take = [\"unit\"]\nat_a_time = 1\ntime = \"30s\"");
    world.links((0..20).map(|n| format!("/p/{n}")));
    world.mood.held.store(true, Ordering::Release);
    let cookies = world.enter();
    let mut wire = world.proxy.connect();
    wire.send(format!("GET /shop/cart HTTP/1.1\r\nHost: shop.example\r\n{cookies}\r\n")).unwrap();
    eventually("the first is asked for", || world.mood.asked.load(Ordering::Acquire) == 1);
    drop(wire);
    world.mood.held.store(false, Ordering::Release);
    eventually("it is answered", || world.mood.under_way.load(Ordering::Acquire) == 0);
    // The one that was held, and perhaps one that began before the proxy saw that nobody is there.
    std::thread::sleep(Duration::from_millis(200));
    assert!(world.product_pages().len() < 4, "{:?}", world.product_pages());
}
