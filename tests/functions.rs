//! What a procurement system asks for besides shopping: pages to begin on, and answers for its server.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use common::punchout::{HOOK, PASSWORD, cookie_field, encoded, own, text};
use common::{Answer, Head, Keep, Proxy, Shop, Wire};

/// The shop's articles: number, name, price, unit.
const ARTICLES: [(&str, &str, &str, &str); 3] = [
    ("A-1", "Drill &quot;M12&quot; &amp; case", "1 250,00", "stk"),
    ("B/2 x", "Drill bit, øre", "0,0375", "stk"),
    ("C-3", "Saw without unit", "99,00", "oddment"),
];

struct World {
    shop: Shop,
    proxy: Proxy,
    /// What the shop answers to everything but its sign-in; 200: what it should.
    status: Arc<AtomicU16>,
}

const PRODUCT: &str = r#"
[shop.product]
page = "/p/{product}"
line = "main.product"
name = "h1"
sku = "@data-sku"
price = ".price"
unit = ".unit"
currency = "NOK"
"#;

const SEARCH: &str = r#"
[shop.search]
page = "/find?for={search}"
line = "li.hit"
name = "a"
link = "a@href"
sku = "@data-sku"
price = ".price"
unit = ".unit"
currency = "NOK"
empty = "p.nothing"
"#;

impl World {
    fn with(offers: &str, change: impl FnOnce(String) -> String) -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let answering = status.clone();
        let shop = Shop::start(move |wire, head| serve(wire, head, answering.load(Ordering::Acquire)));
        let file = common::punchout::configuration(shop.address);
        let file = change(file.replacen("[shop.deny]", &format!("{offers}\n[shop.deny]"), 1));
        let proxy = Proxy::configured(&file);
        World { shop, proxy, status }
    }

    fn start() -> Self {
        World::with(&format!("{PRODUCT}{SEARCH}"), |file| file)
    }

    fn call(&self, parameters: &[(&str, &str)]) -> Answer {
        let usual = [("USERNAME", "acme"), ("PASSWORD", PASSWORD)];
        common::punchout::call(&self.proxy, &[&usual[..], parameters].concat(), "")
    }

    /// Where a session begins, after the page that finds out whether its cookie was kept, and its cookies.
    fn begins(&self, parameters: &[(&str, &str)]) -> (String, String) {
        let answer = self.call(parameters);
        assert_eq!(answer.head.status(), 303, "{}", text(&answer));
        let cookies = cookie_field(&answer);
        let first = answer.head.get("location").unwrap().to_owned();
        let on = self.proxy.connect().ask("GET", &first, &cookies).unwrap();
        assert_eq!(on.head.status(), 303, "{first}: {}", text(&on));
        (on.head.get("location").unwrap().to_owned(), cookies)
    }

    /// What the shop was asked for beside its sign-in.
    fn asked(&self) -> Vec<String> {
        self.shop.targets()
    }
}

fn serve(wire: &mut Wire, head: &Head, status: u16) -> Keep {
    let (_, _) = wire.body(head, false)?;
    let signed_in = head.get("cookie").is_some_and(|cookie| cookie.contains("sid=session-1"));
    let (path, query) = head.target().split_once('?').unwrap_or((head.target(), ""));
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let decoded: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut more = "";
    let mut answer = if status == 200 { "200 OK".to_owned() } else { format!("{status} Out") };
    let html = match (head.method(), path.as_str()) {
        ("GET", "/login") => {
            answer = "200 OK".to_owned();
            "<form method=post><input name=user><input name=pass></form>".to_owned()
        }
        ("POST", "/login") => {
            answer = "200 OK".to_owned();
            more = "Set-Cookie: sid=session-1; Path=/; HttpOnly\r\n";
            "<a href='/logout'>bye</a>".to_owned()
        }
        // The successor of one that is gone.
        (_, "/p/old") => page_of(&ARTICLES[0]),
        (_, "/p/changed") => "<main class=redesigned>Drill</main>".to_owned(),
        (_, path) if path.starts_with("/p/") => {
            let article = ARTICLES.iter().find(|(sku, ..)| path == format!("/p/{sku}"));
            match article {
                // Agreed prices are for who is signed in.
                Some(article) if signed_in => page_of(article),
                Some(_) => "<main>sign in to see prices</main>".to_owned(),
                None => {
                    answer = "404 Not Found".to_owned();
                    "<h1>No such article</h1>".to_owned()
                }
            }
        }
        (_, "/find") if query.contains("advertised") || query.contains("elsewhere") => {
            let hit =
                |link: &str| format!("<li class=hit data-sku=X><a href='{link}'>X</a><b class=price>1,00</b></li>");
            let mut links = vec!["https://adverts.example/x", "http://[", "/checkout/now"];
            links.extend(query.contains("advertised").then_some("/p/A%2D1"));
            links.into_iter().map(hit).collect()
        }
        (_, "/find") if query.contains("packed") => {
            "<li class=hit data-sku=A-1><a href='/p/A%2D1'>Drill</a><b class=price>1 250,00</b><i class=unit>eske</i></li>"
                .to_owned()
        }
        (_, "/find") => {
            let wanted = decoded.first().map(|(_, value)| value.to_lowercase()).unwrap_or_default();
            let hits = ARTICLES
                .iter()
                .filter(|(sku, name, ..)| name.to_lowercase().contains(&wanted) || sku.to_lowercase() == wanted);
            let hits: String = hits
                .map(|(sku, name, price, unit)| {
                    let at = encoded(sku);
                    format!("<li class=hit data-sku='{sku}'><a href='/p/{at}'>{name}</a><b class=price>{price}</b><i class=unit>{unit}</i><u class=pack>100</u></li>")
                })
                .collect();
            if hits.is_empty() { "<p class=nothing>Nothing found</p>".to_owned() } else { format!("<ul>{hits}</ul>") }
        }
        _ => format!("<h1>{path}</h1>"),
    };
    let length = html.len();
    wire.send(format!(
        "HTTP/1.1 {answer}\r\nContent-Type: text/html; charset=utf-8\r\n{more}Content-Length: {length}\r\n\r\n{html}"
    ))?;
    Ok(true)
}

fn page_of((sku, name, price, unit): &(&str, &str, &str, &str)) -> String {
    format!(
        "<main class=product data-sku='{sku}'><h1>{name}</h1><b class=price>{price}</b><i class=unit>{unit}</i><u class=pack>100</u></main>"
    )
}

/// What a crude program picks out of the page: names and values of hidden inputs, line by line.
fn inputs(answer: &Answer) -> Vec<(String, String)> {
    let page = text(answer);
    let lines = page.lines().filter_map(|line| {
        let rest = line.strip_prefix("<input type=\"hidden\" name=\"")?;
        let (name, rest) = rest.split_once("\" value=\"")?;
        let value = htmlize::unescape(rest.strip_suffix("\">")?).into_owned();
        Some((name.to_owned(), value))
    });
    lines.collect()
}

fn value(answer: &Answer, name: &str) -> Option<String> {
    inputs(answer).into_iter().find(|(one, _)| one == name).map(|(_, value)| value)
}

fn items(answer: &Answer) -> usize {
    inputs(answer).iter().filter(|(name, _)| name.starts_with("NEW_ITEM-DESCRIPTION")).count()
}

#[test]
fn validate_answers_with_one_product_as_it_is_to_that_buyer() {
    let world = World::start();
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1"), ("QUANTITY", "3")]);
    assert_eq!(answer.head.status(), 200, "{}", text(&answer));
    for (name, expected) in [
        ("NEW_ITEM-DESCRIPTION[1]", "Drill \"M12\" & case"),
        ("NEW_ITEM-QUANTITY[1]", "3.000"),
        ("NEW_ITEM-UNIT[1]", "PCE"),
        ("NEW_ITEM-PRICE[1]", "1250.000"),
        ("NEW_ITEM-PRICEUNIT[1]", "1"),
        ("NEW_ITEM-CURRENCY[1]", "NOK"),
        ("NEW_ITEM-VENDORMAT[1]", "A-1"),
    ] {
        assert_eq!(value(&answer, name).as_deref(), Some(expected), "{name}: {}", text(&answer));
    }
    assert_eq!(items(&answer), 1);
    let page = text(&answer);
    // Without a hook nobody posts it, so nothing submits it; there is nothing to see, and no session begins.
    assert!(page.contains("action=\"\"") && !page.contains("<script") && !page.contains("<button"), "{page}");
    assert_eq!((answer.head.get("set-cookie"), answer.head.get("location")), (None, None));
    assert_eq!(answer.head.get("cache-control"), Some("no-store"));
    assert_eq!(world.asked(), ["/p/A-1"]);
}

#[test]
fn with_a_hook_the_answer_posts_itself_there() {
    let world = World::start();
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "B/2 x"), ("HOOK_URL", HOOK)]);
    let page = text(&answer);
    assert!(page.contains(&format!("action=\"{HOOK}\"")) && page.contains("<script"), "{page}");
    assert!(!page.contains("<button") && !page.contains("<h1"), "{page}");
    assert_eq!(value(&answer, "NEW_ITEM-PRICE[1]").as_deref(), Some("0.375"));
    assert_eq!(value(&answer, "NEW_ITEM-PRICEUNIT[1]").as_deref(), Some("10"));
    assert_eq!(value(&answer, "NEW_ITEM-QUANTITY[1]").as_deref(), Some("1.000"));
    assert_eq!(world.asked(), ["/p/B%2F2%20x"]);
    let elsewhere = [("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1"), ("HOOK_URL", "https://evil.example/")];
    assert_eq!(world.call(&elsewhere).head.status(), 403);
}

#[test]
fn only_the_shops_own_word_makes_a_product_gone() {
    let world = World::start();
    let ask = |product: &str| world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", product)]);
    let gone = ask("Z-9");
    assert_eq!((gone.head.status(), items(&gone)), (200, 0), "{}", text(&gone));
    assert!(!text(&gone).contains("NEW_ITEM"), "{}", text(&gone));
    let told = |answer: Answer| {
        assert_eq!(answer.head.status(), 503, "{}", text(&answer));
        assert!(answer.head.get("retry-after").is_some());
        assert!(text(&answer).contains("PO-FUNCTION-FAILED") && !text(&answer).contains("NEW_ITEM"));
    };
    told(ask("changed"));
    for status in [500, 503, 403, 302] {
        world.status.store(status, Ordering::Release);
        told(ask("A-1"));
    }
    let World { shop, proxy, .. } = world;
    drop(shop);
    let world = World { shop: Shop::start(|_, _| Ok(false)), proxy, status: Arc::default() };
    told(world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1")]));
}

#[test]
fn what_cannot_be_sent_as_it_is_is_not_answered_with_nothing() {
    let world = World::with(PRODUCT, |file| file.replace("default_unit = \"PCE\"", ""));
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "C-3")]);
    assert_eq!(answer.head.status(), 503, "{}", text(&answer));
}

#[test]
fn a_product_can_be_found_by_the_shops_search() {
    let world = World::with(SEARCH, |file| file);
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1")]);
    assert_eq!(value(&answer, "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("A-1"), "{}", text(&answer));
    assert_eq!(world.asked(), ["/find?for=A-1"]);
    // "drill" finds two, and neither has that number
    assert_eq!(items(&world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "drill")])), 0);
    assert_eq!(items(&world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "Z-9")])), 0);
}

#[test]
fn a_product_that_has_become_another_is_not_answered_with_that() {
    let world = World::start();
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "old")]);
    assert_eq!(answer.head.status(), 503, "{}", text(&answer));
    assert!(!text(&answer).contains("NEW_ITEM"), "{}", text(&answer));
    // Who sends no EXT_PRODUCT_ID has said that the shop's number is not what products are found by.
    let world = World::with(PRODUCT, |file| {
        file.replacen("default_unit = \"PCE\"", "default_unit = \"PCE\"\nfields = { EXT_PRODUCT_ID = \"\" }", 1)
    });
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "old")]);
    assert_eq!(value(&answer, "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("A-1"), "{}", text(&answer));
}

#[test]
fn a_hit_that_could_not_be_read_may_be_the_one() {
    let unread = |search: String| {
        let world = World::with(&search, |file| file);
        let known = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1")]);
        (known, world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "d")]))
    };
    // "d" finds two, and each has its number and its price.
    let (known, other) = unread(SEARCH.to_owned());
    assert_eq!(value(&known, "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("A-1"), "{}", text(&known));
    assert_eq!(other.head.status(), 200, "none of them is `d`: {}", text(&other));
    // The price of one is not where the rules look.
    let price = "{ select = \".price\", pattern = '(.*,00)$' }";
    let (known, other) = unread(SEARCH.replace("price = \".price\"", &format!("price = {price}")));
    assert_eq!(value(&known, "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("A-1"), "{}", text(&known));
    assert_eq!(other.head.status(), 503, "{}", text(&other));
    // Without numbers on the list nothing can be told apart.
    let (known, other) = unread(SEARCH.replace("sku = \"@data-sku\"", ""));
    assert_eq!((known.head.status(), other.head.status()), (503, 503), "{}", text(&known));
}

#[test]
fn a_search_in_the_background_brings_all_hits_in_one_page() {
    let world = World::start();
    let search = |what: &str| {
        let answer = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", what), ("HOOK_URL", HOOK)]);
        assert_eq!(answer.head.status(), 200, "{}", text(&answer));
        answer
    };
    let hits = search("dri");
    assert_eq!(items(&hits), 2);
    for (name, expected) in [
        ("NEW_ITEM-VENDORMAT[1]", "A-1"),
        ("NEW_ITEM-VENDORMAT[2]", "B/2 x"),
        ("NEW_ITEM-DESCRIPTION[2]", "Drill bit, øre"),
        ("NEW_ITEM-QUANTITY[2]", "1.000"),
        ("NEW_ITEM-PRICEUNIT[2]", "10"),
    ] {
        assert_eq!(value(&hits, name).as_deref(), Some(expected), "{name}");
    }
    let page = text(&hits);
    assert!(page.contains("<button type=\"submit\">") && !page.contains("<script"), "{page}");
    assert_eq!(items(&search("no such thing")), 0);
    let before = world.shop.seen();
    assert_eq!(items(&search(" ")), 0, "an empty search string returns nothing");
    assert_eq!(world.shop.seen(), before, "and asks nobody");
    assert_eq!(world.asked(), ["/find?for=dri", "/find?for=no%20such%20thing"]);
}

#[test]
fn a_hit_that_cannot_be_sent_is_left_out_of_a_search_and_the_rest_is_counted_anew() {
    let world = World::with(SEARCH, |file| file.replace("default_unit = \"PCE\"", ""));
    let all = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "d"), ("HOOK_URL", HOOK)]);
    assert_eq!(items(&all), 2, "{}", text(&all));
    assert_eq!(value(&all, "NEW_ITEM-VENDORMAT[2]").as_deref(), Some("B/2 x"));
    let saw = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "saw"), ("HOOK_URL", HOOK)]);
    assert_eq!(saw.head.status(), 503, "a hit is there, and none can be sent: {}", text(&saw));
}

#[test]
fn hits_come_from_their_own_pages_where_the_list_says_too_little() {
    let search = SEARCH.replace("unit = \".unit\"\n", "details = true\n");
    let world = World::with(&format!("{PRODUCT}{search}"), |file| file);
    let hits = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "drill"), ("HOOK_URL", HOOK)]);
    assert_eq!(items(&hits), 2, "{}", text(&hits));
    assert_eq!(world.asked(), ["/find?for=drill", "/p/A%2D1", "/p/B%2F2%20x"]);
}

#[test]
fn most_hits_bound_an_answer() {
    let world = World::with(&format!("{SEARCH}most = 1\n"), |file| file);
    let hits = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "drill"), ("HOOK_URL", HOOK)]);
    assert_eq!(items(&hits), 1, "{}", text(&hits));
}

#[test]
fn detail_and_sourcing_begin_a_session_where_they_say() {
    let world = World::start();
    let (address, cookies) = world.begins(&[("FUNCTION", "DETAIL"), ("PRODUCTID", "B/2 x"), ("HOOK_URL", HOOK)]);
    assert_eq!(address, "/p/B%2F2%20x");
    let page = world.proxy.connect().ask("GET", &address, &cookies).unwrap();
    assert!(text(&page).contains("0,0375"), "signed in: {}", text(&page));
    let (address, _) =
        world.begins(&[("FUNCTION", "SOURCING"), ("SEARCHSTRING", "bl\u{e5} & <b>"), ("HOOK_URL", HOOK)]);
    assert_eq!(address, "/find?for=bl%C3%A5%20%26%20%3Cb%3E");
}

#[test]
fn a_browser_that_keeps_no_cookie_begins_there_too() {
    let world = World::start();
    let answer = world.call(&[("FUNCTION", "DETAIL"), ("PRODUCTID", "B/2 x"), ("HOOK_URL", HOOK)]);
    let first = answer.head.get("location").unwrap().to_owned();
    let arrived = world.proxy.connect().ask("GET", &first, "").unwrap();
    let page = text(&arrived);
    let start = page.split("id=\"onward\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let start = start.unwrap_or_else(|| panic!("{page}"));
    assert!(start.starts_with("/_punchout/s/") && start.ends_with("/p/B%2F2%20x"), "{start}");
    let page = world.proxy.connect().ask("GET", start, "").unwrap();
    assert!(text(&page).contains("0,0375"), "signed in: {}", text(&page));
}

#[test]
fn detail_without_a_hook_is_for_looking_only() {
    let world = World::start();
    let (address, cookies) = world.begins(&[("FUNCTION", "DETAIL"), ("PRODUCTID", "A-1")]);
    assert_eq!(address, "/p/A-1");
    let ask = |method: &str, target: &str| world.proxy.connect().ask(method, target, &cookies).unwrap();
    assert!(text(&ask("GET", "/p/A-1")).contains("1 250,00"));
    ask("POST", "/checkout/");
    assert!(!world.asked().iter().any(|target| target.starts_with("/checkout")), "closed as in every session");
    let returned = ask("POST", &own("return", &cookies));
    assert!(!text(&returned).contains("NEW_ITEM"), "{}", text(&returned));
    let left = ask("POST", &own("cancel", &cookies));
    assert_eq!(left.head.status(), 200);
    assert!(!text(&left).contains("<form"), "there is nowhere to go back to: {}", text(&left));
}

#[test]
fn what_is_not_configured_is_said_so() {
    let world = World::with("", |file| file);
    for function in ["DETAIL", "VALIDATE", "SOURCING", "BACKGROUND_SEARCH", "DOWNLOADJSON", "QUANTITYCHECK", "DANCE"] {
        let call = [("FUNCTION", function), ("PRODUCTID", "A-1"), ("SEARCHSTRING", "x"), ("HOOK_URL", HOOK)];
        let answer = world.call(&call);
        assert_eq!(answer.head.status(), 501, "{function}: {}", text(&answer));
        let undefined = ["DOWNLOADJSON", "QUANTITYCHECK"].contains(&function);
        let code = if undefined { "PO-FUNCTION-UNDEFINED" } else { "PO-FUNCTION-UNSUPPORTED" };
        assert!(text(&answer).contains(code) && !text(&answer).contains("NEW_ITEM"), "{function}");
        // Who set up the buyer's system reads what to set it to instead.
        assert_eq!(text(&answer).contains("VALIDATE") && text(&answer).contains("BACKGROUND_SEARCH"), undefined);
    }
}

#[test]
fn a_call_of_version_five_shops_as_any_other() {
    let world = World::start();
    for version in [("OCI_VERSION", "5.0"), ("OCIVERSION", "5.0")] {
        let (address, _) = world.begins(&[version, ("HOOK_URL", HOOK)]);
        assert_eq!(address, "/");
        let answer = world.call(&[version, ("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1")]);
        assert_eq!(value(&answer, "NEW_ITEM-VENDORMAT[1]").as_deref(), Some("A-1"), "{}", text(&answer));
    }
}

#[test]
fn nobody_without_the_password_learns_a_price() {
    let world = World::start();
    let mut wire = world.proxy.connect();
    let wrong =
        wire.ask("GET", "/_punchout/enter?FUNCTION=VALIDATE&PRODUCTID=A-1&USERNAME=acme&PASSWORD=guess", "").unwrap();
    assert_eq!(wrong.head.status(), 403);
    let none = world.proxy.connect().ask("GET", "/_punchout/enter?FUNCTION=VALIDATE&PRODUCTID=A-1", "").unwrap();
    assert_eq!(none.head.status(), 403);
    assert_eq!(world.shop.seen(), 0);
}

#[test]
fn a_function_takes_no_account_that_a_buyer_shops_with_and_keeps_none() {
    let pool = |file: String| {
        file.replace(
            "{ strategy = \"shared\", username = \"shopper\", password = \"x\" }",
            "[{ username = \"shopper\", password = \"x\" }]",
        )
    };
    let world = World::with(PRODUCT, pool);
    let validate = || world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1")]);
    for _ in 0..3 {
        assert_eq!(validate().head.status(), 200, "each gives the only account back");
    }
    let session = world.call(&[("HOOK_URL", HOOK)]);
    assert_eq!(session.head.status(), 303);
    let busy = validate();
    assert_eq!(busy.head.status(), 503, "{}", text(&busy));
    assert!(text(&busy).contains("PO-POOL-BUSY"), "{}", text(&busy));
    let page = world.proxy.connect().ask("GET", "/", &cookie_field(&session)).unwrap();
    assert_eq!(page.head.status(), 200, "the session goes on");
}

#[test]
fn a_table_says_what_the_pages_do_not_in_answers_too() {
    let folder = std::env::temp_dir().join(format!("punchout-table-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let table = folder.join("articles.csv");
    std::fs::write(&table, "sku,unit,maker\nA-1,pk,Bosch\n").unwrap();
    let tables = format!("[[shop.table]]\nfile = \"{}\"\nmissing = \"warning\"\n", table.display());
    let product = PRODUCT.replace("unit = \".unit\"\n", "");
    let world = World::with(&format!("{product}{tables}"), |file| {
        file.replacen(
            "default_unit = \"PCE\"",
            "default_unit = \"PCE\"\nfields = { MANUFACTMAT = { from = \"maker\" } }",
            1,
        )
    });
    let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1")]);
    for (name, expected) in [("NEW_ITEM-UNIT[1]", "PK"), ("NEW_ITEM-MANUFACTMAT[1]", "Bosch")] {
        assert_eq!(value(&answer, name).as_deref(), Some(expected), "{name}: {}", text(&answer));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_price_for_so_many_is_answered_as_that_of_one() {
    let offers = format!("{PRODUCT}quantity = \".pack\"\n{SEARCH}quantity = \".pack\"\n");
    let world = World::with(&offers, |file| file);
    let one = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", "A-1"), ("QUANTITY", "3")]);
    let hits = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "drill"), ("HOOK_URL", HOOK)]);
    for (answer, name, expected) in [
        (&one, "QUANTITY[1]", "3.000"),
        (&one, "PRICE[1]", "12.500"),
        (&one, "PRICEUNIT[1]", "1"),
        (&hits, "QUANTITY[1]", "1.000"),
        (&hits, "PRICE[1]", "12.500"),
        (&hits, "PRICE[2]", "0.375"),
        (&hits, "PRICEUNIT[2]", "1000"),
    ] {
        assert_eq!(value(answer, &format!("NEW_ITEM-{name}")).as_deref(), Some(expected), "{name}: {}", text(answer));
    }
}

#[test]
fn a_hit_without_a_tax_rate_is_not_sent_with_its_gross_price() {
    let gross = format!("{SEARCH}prices = \"gross\"\ntax = \".unit\"\ntaxes = {{ stk = \"25\" }}\n");
    let world = World::with(&gross, |file| file);
    let hits = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "a"), ("HOOK_URL", HOOK)]);
    assert_eq!(items(&hits), 1, "{}", text(&hits));
    assert_eq!(value(&hits, "NEW_ITEM-PRICE[1]").as_deref(), Some("1000.000"));
}

#[test]
fn a_number_of_dots_leads_to_no_other_page() {
    let world = World::start();
    for number in [".", "..", " .. "] {
        let answer = world.call(&[("FUNCTION", "VALIDATE"), ("PRODUCTID", number)]);
        assert_eq!(answer.head.status(), 400, "{number}: {}", text(&answer));
        assert!(text(&answer).contains("PO-ENTRY-INCOMPLETE"), "{}", text(&answer));
    }
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn a_hit_that_leads_to_another_host_or_a_closed_page_is_left_out() {
    let search = SEARCH.replace("unit = \".unit\"\n", "details = true\n");
    let world = World::with(&format!("{PRODUCT}{search}"), |file| file);
    for (word, left) in [("advertised", 1), ("elsewhere", 0)] {
        let hits = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", word), ("HOOK_URL", HOOK)]);
        assert_eq!((hits.head.status(), items(&hits)), (if left > 0 { 200 } else { 503 }, left), "{}", text(&hits));
    }
    assert!(world.asked().iter().all(|target| !target.starts_with("/checkout")), "{:?}", world.asked());
}

#[test]
fn the_unit_that_the_list_alone_tells_goes_with_a_hits_own_page() {
    let search = SEARCH.replace("unit = \".unit\"\n", "unit = \".unit\"\ndetails = true\n");
    let world = World::with(&format!("{}{search}", PRODUCT.replace("unit = \".unit\"\n", "")), |file| file);
    let hits = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "packed"), ("HOOK_URL", HOOK)]);
    assert_eq!(value(&hits, "NEW_ITEM-UNIT[1]").as_deref(), Some("BX"), "{}", text(&hits));
}

#[test]
fn a_hit_with_an_error_is_left_out_and_no_hit_left_is_no_answer() {
    let folder = std::env::temp_dir().join(format!("punchout-hits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let table = folder.join("articles.csv");
    let search = |rows: &str, missing: &str, details: &str, findings: &str| {
        std::fs::write(&table, format!("sku,maker\n{rows}")).unwrap();
        let tables = format!("[[shop.table]]\nfile = \"{}\"\nmissing = \"{missing}\"\n", table.display());
        let list = SEARCH.replace("[shop.search]\n", &format!("[shop.search]\n{details}"));
        let world = World::with(&format!("{PRODUCT}{list}{tables}"), |file| file + findings);
        let answer = world.call(&[("FUNCTION", "BACKGROUND_SEARCH"), ("SEARCHSTRING", "drill"), ("HOOK_URL", HOOK)]);
        let numbers = (1..).map_while(|n| value(&answer, &format!("NEW_ITEM-VENDORMAT[{n}]")));
        (answer.head.status(), numbers.collect::<Vec<_>>().join(" "))
    };
    let lenient = "[buyer.findings]\nPO-NOT-IN-TABLE = \"warning\"\n";
    let strict = "[buyer.findings]\nPO-NOT-IN-TABLE = \"error\"\n";
    for details in ["", "details = true\n"] {
        let found = |rows: &str, missing: &str, findings: &str| search(rows, missing, details, findings);
        assert_eq!(found("A-1,x\n", "error", ""), (200, "A-1".to_owned()), "{details}");
        assert_eq!(found("B/2 x,x\n", "error", ""), (200, "B/2 x".to_owned()), "{details}");
        assert_eq!(found("A-1,x\n", "error", lenient), (200, "A-1 B/2 x".to_owned()), "{details}");
        assert_eq!(found("A-1,x\n", "warning", strict), (200, "A-1".to_owned()), "{details}");
        assert_eq!(found("Z,x\n", "error", ""), (503, String::new()), "there are hits: {details}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
