//! A search whose hits come in pages, and product pages that are asked for by something else than the item number.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::punchout::{HOOK, PASSWORD, cookie_field, text};
use common::{Answer, Proxy, Shop};
use punchout_proxy::config;

/// A shop that answers `pages` (target, and status with body), after a sign-in.
struct World {
    shop: Shop,
    proxy: Proxy,
}

const SEARCH: &str = r#"
[shop.search]
line = "li.hit"
name = "a"
link = "a@href"
sku = "@data-sku"
price = ".price"
currency = "NOK"
empty = "p.nothing"
"#;

const JSON: &str = r#"
[shop.search]
source = "json"
line = "$.hits[*]"
name = "@.name"
sku = "@.sku"
price = "@.price"
currency = "NOK"
"#;

const PRODUCT: &str = r#"
[shop.product]
line = "main.product"
name = "h1"
sku = "@data-sku"
price = ".price"
currency = "NOK"
empty = "p.gone"
"#;

impl World {
    fn with(offers: &str, pages: &[(&str, u16, String)]) -> Self {
        let pages: Vec<_> =
            pages.iter().map(|(target, status, body)| ((*target).to_owned(), *status, body.clone())).collect();
        let shop = Shop::start(move |wire, head| {
            wire.body(head, false)?;
            let (status, more, body) = match (head.method(), head.target()) {
                ("GET", "/login") => {
                    (200, "", "<form method=post><input name=user><input name=pass></form>".to_owned())
                }
                ("POST", "/login") => {
                    (200, "Set-Cookie: sid=session-1; Path=/\r\n", "<a href='/logout'>bye</a>".to_owned())
                }
                (_, target) => match pages.iter().find(|(known, ..)| known == target) {
                    Some((_, 302, to)) => {
                        wire.send(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))?;
                        return Ok(true);
                    }
                    Some((_, status, body)) => (*status, "", body.clone()),
                    None => (404, "", "<h1>nothing here</h1>".to_owned()),
                },
            };
            let length = body.len();
            wire.send(format!("HTTP/1.1 {status} So\r\nContent-Type: text/html; charset=utf-8\r\n{more}Content-Length: {length}\r\n\r\n{body}"))?;
            Ok(true)
        });
        let file = common::punchout::configuration(shop.address);
        let file = file.replacen("[shop.deny]", &format!("{offers}\n[shop.deny]"), 1);
        let proxy = Proxy::configured(&file);
        World { shop, proxy }
    }

    fn call(&self, parameters: &[(&str, &str)]) -> Answer {
        let usual = [("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)];
        common::punchout::call(&self.proxy, &[&usual[..], parameters].concat(), "")
    }

    fn search(&self) -> Answer {
        self.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "x")])
    }

    fn validate(&self, product: &str) -> Answer {
        self.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", product)])
    }

    /// What the shop was asked for beside its sign-in.
    fn asked(&self) -> Vec<String> {
        self.shop.targets()
    }
}

/// A page with these hits and something behind them.
fn hits(skus: &[&str], behind: &str) -> String {
    let hits = skus.iter().map(|sku| {
        format!("<li class=hit data-sku={sku}><a href='/p/{sku}'>Article {sku}</a><b class=price>1 250,00</b></li>")
    });
    format!("<ul>{}</ul>{behind}", hits.collect::<String>())
}

fn json(skus: &[&str], next: &str) -> String {
    let hits = skus.iter().map(|sku| format!(r#"{{"name":"Article {sku}","sku":"{sku}","price":12.5}}"#));
    format!(r#"{{"hits":[{}],"next":{next}}}"#, hits.collect::<Vec<_>>().join(","))
}

fn product(sku: &str, more: &str) -> String {
    format!("<main class=product data-sku={sku}><h1>Article {sku}</h1><b class=price>1 250,00</b>{more}</main>")
}

/// The item numbers of an answer, in its order.
fn numbers(answer: &Answer) -> Vec<String> {
    let page = text(answer);
    assert_eq!(answer.head.status(), 200, "{page}");
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix("<input type=\"hidden\" name=\"NEW_ITEM-VENDORMAT[")?;
        Some(rest.split_once("value=\"")?.1.strip_suffix("\">")?.to_owned())
    });
    values.collect()
}

fn value(answer: &Answer, name: &str) -> Option<String> {
    let page = text(answer);
    let begin = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    page.lines().find_map(|line| Some(line.strip_prefix(&begin)?.strip_suffix("\">")?.to_owned()))
}

/// Not the shop's word, so nothing that a buyer could take for "discontinued".
fn failed(answer: &Answer) {
    assert_eq!(answer.head.status(), 503, "{}", text(answer));
    assert!(text(answer).contains("PO-FUNCTION-FAILED") && !text(answer).contains("NEW_ITEM"), "{}", text(answer));
}

const NEXT: &str = "<nav><a class=prev href='/find?q=x'>back</a> <a class=next href='?q=x&amp;page=2'>on</a></nav>";

#[test]
fn the_link_to_the_next_page_is_followed_to_the_last() {
    let search = SEARCH.replace("line =", "page = \"/find?q={search}\"\nnext = \"a.next\"\nline =");
    let pages = [
        ("/find?q=x", 200, hits(&["A", "B"], NEXT)),
        ("/find?q=x&page=2", 200, hits(&["C"], "<a class=next href='/find?q=x&page=3'>on</a>")),
        ("/find?q=x&page=3", 200, hits(&["C", "D"], "")),
    ];
    let world = World::with(&search, &pages);
    let answer = world.search();
    assert_eq!(numbers(&answer), ["A", "B", "C", "D"], "and the hit that moved on meanwhile is there once");
    assert_eq!(answer.head.get("punchout-finding"), None);
    assert_eq!(world.asked(), ["/find?q=x", "/find?q=x&page=2", "/find?q=x&page=3"]);
    // A product is looked for on all of them, and found, or is none of them.
    assert_eq!(numbers(&world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "x")])), <[&str; 0]>::default());
}

#[test]
fn what_bounds_a_search_is_told_in_the_answers_head() {
    let search = |more: &str| {
        SEARCH.replace("line =", &format!("page = \"/find?q={{search}}\"\nnext = \"a.next\"\n{more}\nline ="))
    };
    let pages = [
        ("/find?q=x", 200, hits(&["A", "B"], NEXT)),
        ("/find?q=x&page=2", 200, hits(&["C"], "<a class=next href='?q=y'>on</a>")),
    ];
    for (more, expected, asked) in
        [("pages = 2", &["A", "B", "C"][..], 2), ("most = 2", &["A", "B"], 1), ("most = 1", &["A"], 1)]
    {
        let world = World::with(&search(more), &pages);
        let answer = world.search();
        assert_eq!(numbers(&answer), expected, "{more}");
        assert_eq!(answer.head.get("punchout-finding"), Some("PO-SEARCH-CUT"), "{more}");
        assert_eq!(world.asked().len(), asked, "{more}");
    }
    // One that was not found before the bound may be behind it.
    let world = World::with(&search("pages = 1"), &pages);
    failed(&world.validate("x"));
}

#[test]
fn more_hits_than_a_buyers_system_reads_are_told_too() {
    let search = SEARCH.replace("line =", "page = \"/find?q={search}\"\nline =");
    let many: Vec<String> = (1..=50).map(|n| format!("A{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let world = World::with(&search, &[("/find?q=x", 200, hits(&many, ""))]);
    assert_eq!((numbers(&world.search()).len(), world.search().head.get("punchout-finding")), (50, None));
    let mut plan = (**world.proxy.plans.load()).clone();
    let text = common::punchout::configuration(world.shop.address).replace("again = true", "max_inputs = 100");
    let text = text.replacen("[shop.deny]", &format!("{search}\n[shop.deny]"), 1);
    plan.buyers = config::read(&text, Path::new(".")).plan.unwrap().buyers;
    world.proxy.plans.store(Arc::new(plan));
    let answer = world.search();
    assert!((2..50).contains(&numbers(&answer).len()), "{:?}", numbers(&answer));
    assert_eq!(answer.head.get("punchout-finding"), Some("PO-SEARCH-CUT"));
}

#[test]
fn a_next_page_that_is_down_or_another_fails_the_search_and_a_circle_ends_it() {
    let search = SEARCH.replace("line =", "page = \"/find?q={search}\"\nnext = \"a.next\"\nline =");
    for second in [(500, hits(&["C"], "")), (200, "<h1>Sign in</h1>".to_owned())] {
        let pages = [("/find?q=x", 200, hits(&["A"], NEXT)), ("/find?q=x&page=2", second.0, second.1)];
        failed(&World::with(&search, &pages).search());
    }
    let pages = [("/find?q=x", 200, hits(&["A"], NEXT)), ("/find?q=x&page=2", 302, "/find?q=x".to_owned())];
    assert_eq!(numbers(&World::with(&search, &pages).search()), ["A"]);
}

#[test]
fn pages_are_counted_where_the_address_has_their_number() {
    let search = SEARCH.replace("line =", "page = \"/find?q={search}&p={page}\"\nline =");
    let empty = "<p class=nothing>No more</p>".to_owned();
    let two = [("/find?q=x&p=1", 200, hits(&["A", "B"], "")), ("/find?q=x&p=2", 200, hits(&["C"], ""))];
    // Behind the last page: a word that there is nothing, no such page, the last page again.
    for third in [(200, empty), (404, String::new()), (200, hits(&["C"], ""))] {
        let pages = [&two[..], &[("/find?q=x&p=3", third.0, third.1)]].concat();
        let world = World::with(&search, &pages);
        assert_eq!(numbers(&world.search()), ["A", "B", "C"]);
        assert_eq!(world.asked(), ["/find?q=x&p=1", "/find?q=x&p=2", "/find?q=x&p=3"]);
    }
    // Where it is known how many hits a full page has, the last one is known when it comes.
    let world = World::with(&search.replace("line =", "page_hits = 2\nline ="), &two);
    assert_eq!(numbers(&world.search()), ["A", "B", "C"]);
    assert_eq!(world.asked(), ["/find?q=x&p=1", "/find?q=x&p=2"]);
    // SOURCING begins on the first.
    let answer = world.call(&[("FUNCTION", "SOURCING"), ("SEARCHSTRING", "x")]);
    let first = answer.head.get("location").unwrap().to_owned();
    let on = world.proxy.connect().ask("GET", &first, &cookie_field(&answer)).unwrap();
    assert_eq!(on.head.get("location"), Some("/find?q=x&p=1"));
}

#[test]
fn json_goes_on_by_the_address_that_it_names_or_by_a_number() {
    let by_path = JSON.replace("line =", "page = \"/api?q={search}\"\nnext = \"$.next\"\nline =");
    let pages =
        [("/api?q=x", 200, json(&["A"], "\"/api?q=x&after=A\"")), ("/api?q=x&after=A", 200, json(&["B"], "null"))];
    let world = World::with(&by_path, &pages);
    assert_eq!(numbers(&world.search()), ["A", "B"]);
    assert_eq!(world.asked(), ["/api?q=x", "/api?q=x&after=A"]);
    let counted = JSON.replace("line =", "page = \"/api?q={search}&page={page}\"\nline =");
    let pages = [
        ("/api?q=x&page=1", 200, json(&["A"], "null")),
        ("/api?q=x&page=2", 200, json(&["B"], "null")),
        ("/api?q=x&page=3", 200, json(&[], "null")),
    ];
    let world = World::with(&counted, &pages);
    assert_eq!(numbers(&world.search()), ["A", "B"]);
    assert_eq!(world.asked().len(), 3);
}

#[test]
fn a_hit_whose_own_page_cannot_be_read_is_left_out() {
    let search = SEARCH.replace("line =", "page = \"/find?q={search}\"\ndetails = true\nline =");
    let offers =
        format!("{search}{}", PRODUCT.replace("line =", "page = \"/p/{product}\"\nvariants = \".sizes\"\nline ="));
    let pages = [
        ("/find?q=x", 200, hits(&["A", "B", "C", "D"], "")),
        ("/p/A", 200, product("A", "")),
        ("/p/B", 200, "<h1>redesigned</h1>".to_owned()),
        ("/p/C", 200, product("C", "<i class=sizes>S M L</i>")),
    ];
    // D is gone, B has changed, and what C costs depends on its size.
    assert_eq!(numbers(&World::with(&offers, &pages).search()), ["A"]);
    failed(
        &World::with(&offers, &[("/find?q=x", 200, hits(&["B"], "")), ("/p/B", 200, "<h1>redesigned</h1>".to_owned())])
            .search(),
    );
}

#[test]
fn a_page_is_asked_for_by_the_parts_of_a_number_and_by_no_other_number() {
    let offers = PRODUCT.replace(
        "line =",
        "page = \"/p?id={id}&size={size}\"\nnumber = '^(?<id>[0-9]+)-(?<size>[0-9]+)$'\nextra = { product = \"@data-key\" }\nline =",
    );
    let page = product("A", "").replace("data-sku", "data-key=12-3 data-sku");
    let world = World::with(&offers, &[("/p?id=12&size=3", 200, page.clone()), ("/p?id=12&size=4", 200, page)]);
    let answer = world.validate("12-3");
    assert_eq!(value(&answer, "NEW_ITEM-EXT_PRODUCT_ID[1]").as_deref(), Some("12-3"), "{}", text(&answer));
    assert_eq!(value(&answer, "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("A"));
    // The shop shows another size for one that it no longer has.
    failed(&world.validate("12-4"));
    let asked = world.asked();
    failed(&world.validate("A"));
    assert_eq!(world.asked(), asked, "what is no such number is not asked for");
    assert_eq!(numbers(&world.validate("13-1")), <[&str; 0]>::default());
}

#[test]
fn a_search_that_leads_to_its_only_hit_has_one() {
    let search = SEARCH.replace("line =", "page = \"/find?q={search}\"\nline =");
    let product_page = PRODUCT.replace("line =", "page = \"/p/{product}\"\nline =");
    let pages = [("/find?q=x", 302, "/p/A".to_owned()), ("/p/A", 200, product("A", ""))];
    assert_eq!(numbers(&World::with(&format!("{search}{product_page}"), &pages).search()), ["A"]);
    failed(&World::with(&search, &pages).search());
    let changed = [("/find?q=x", 302, "/p/A".to_owned()), ("/p/A", 200, "<h1>Sign in</h1>".to_owned())];
    failed(&World::with(&format!("{search}{product_page}"), &changed).search());
}

#[test]
fn an_article_in_variants_has_no_price_of_its_own() {
    let offers = PRODUCT.replace("line =", "page = \"/p/{product}\"\nvariants = \".sizes\"\nline =");
    let world =
        World::with(&offers, &[("/p/A", 200, product("A", "")), ("/p/B", 200, product("B", "<i class=sizes>S M</i>"))]);
    assert_eq!(numbers(&world.validate("A")), ["A"]);
    failed(&world.validate("B"));
}

#[test]
fn an_article_may_be_known_by_its_address() {
    let cart =
        "[shop.cart.extra]\nproduct = { select = \"td.name a\", attribute = \"href\", pattern = '^(/[^/?#]+)$' }\n";
    let product_page = PRODUCT.replace("line =", "page = \"/{path}\"\nnumber = '^/(?<path>[^?#]+)$'\nline =");
    let pages = [
        ("/drill.html", 200, product("A", "")),
        ("/old.html", 302, "/drill.html".to_owned()),
        ("/checkout", 200, product("A", "")),
        ("/tools/saw.html", 200, product("S", "")),
    ];
    let world = World::with(&format!("{cart}{product_page}"), &pages);
    let answer = world.validate("/drill.html");
    assert_eq!(value(&answer, "NEW_ITEM-EXT_PRODUCT_ID[1]").as_deref(), Some("/drill.html"), "{}", text(&answer));
    assert_eq!(value(&world.validate("/tools/saw.html"), "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("S"));
    assert_eq!(numbers(&world.validate("/none.html")), <[&str; 0]>::default());
    // To its successor, which is another article.
    failed(&world.validate("/old.html"));
    let asked = world.asked();
    for number in ["/checkout/", "A", "/x?y"] {
        failed(&world.validate(number));
    }
    assert_eq!(world.asked(), asked, "no page that is closed to sessions, and no number of another kind");
}
