//! What an attacker would try, over real sockets: hostile catalog calls, hostile article names, borrowed and forged
//! sessions, ways round what is denied.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::punchout::{HOOK, PASSWORD, Punchout, cookie_field, encoded, own, text};
use common::{Answer, Wire};
use punchout_proxy::protocol::oci::parse_back::forms;

/// Every way out of text, attribute, script, comment and header that we know.
const HOSTILE: [&str; 8] = [
    "\"><script>evil()</script>",
    "'><img src=x onerror=evil()>",
    "</form><form action=https://evil.example>",
    "--><svg onload=evil()>",
    "</script><script>evil()//",
    "x\r\nSet-Cookie: evil=1\r\nX-Evil: 1",
    "&lt;script&gt;evil()&quot;",
    "\u{2028}evil()\u{0}",
];

/// Nothing of an attacker's became an element, an attribute or a header.
fn is_clean(answer: &Answer, what: &str) {
    let head = format!("{:?}", answer.head.fields);
    assert!(answer.head.fields.iter().all(|(name, _)| !name.contains("evil")), "{what}: {head}");
    assert!(answer.head.all("set-cookie").iter().all(|line| !line.starts_with("evil")), "{what}: {head}");
    let body = text(answer);
    for raw in ["<script>evil", "<img src=x", "<svg onload", "<form action=https://evil"] {
        assert!(!body.contains(raw), "{what}: {body}");
    }
}

fn parameters<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [("HOOK_URL", HOOK), ("USERNAME", "acme"), ("PASSWORD", PASSWORD)];
    let kept = usual.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    kept.chain(more.iter().copied()).collect()
}

#[test]
fn hostile_hooks_begin_no_session_and_are_not_shown() {
    let p = Punchout::start(|plan| plan.entry.rate = 10_000);
    for hook in [
        "javascript:alert(1)",
        "JavaScript://srm.acme.example/%0aalert(1)",
        "data:text/html,<script>evil()</script>",
        "//srm.acme.example/",
        "https:srm.acme.example",
        "https:///srm.acme.example",
        "https://srm.acme.example@evil.example/",
        "https://user:pw@srm.acme.example/",
        "https://evil.example\\@srm.acme.example/",
        "https://evil.example#.acme.example",
        "https://evil.example?.acme.example",
        "https://evil.example/.acme.example",
        "https://srm.acme.example.evil.example/",
        "https://evilacme.example/",
        "https://acme.example/",
        "https://srm.acme.example:8443/",
        "http://srm.acme.example/",
        "https://srm.acme.example./",
        "https://srm.аcme.example/",
        "https://xn--srm-acme.example/",
        "https://evil.example%2f.acme.example/",
        "https://evil.example%00.acme.example/",
        "https://s%72m.acme.example/",
        "https://srm.acme.example\t.evil.example/",
        "https://srm.acme.example/\r\nX-Evil: 1",
        "https://x;script-src *.acme.example/",
        "SAPEVENT:POST",
        "https%253A%252F%252Fevil.example/",
    ] {
        for answer in [
            p.call(&parameters(&[("HOOK_URL", hook)]), ""),
            p.ask("GET", &format!("/?HOOK_URL={}&USERNAME=acme&PASSWORD={}", encoded(hook), encoded(PASSWORD)), ""),
        ] {
            assert_eq!(answer.head.status(), 403, "{hook:?}: {}", text(&answer));
            assert!(answer.head.get("set-cookie").is_none() && answer.head.get("location").is_none(), "{hook:?}");
            assert!(text(&answer).contains("PO-HOOK-REFUSED"), "{hook:?}");
            assert!(!text(&answer).contains("evil.example"), "{hook:?}");
            is_clean(&answer, hook);
        }
    }
    assert_eq!(p.shop.seen(), 0, "the shop heard of none of them");
}

#[test]
fn a_list_of_addresses_narrows_who_may_call_functions_and_never_stands_in_for_the_password() {
    let from = |networks: &'static str| {
        let buyer =
            move |text: String| format!("trusted_proxies = [\"127.0.0.1\"]\n{text}functions_from = {networks}\n");
        Punchout::configured(buyer, |plan| plan.entry.rate = 10_000)
    };
    let (near, far) = (from("[\"10.1.0.0/16\", \"2001:db8::/32\"]"), from("[]"));
    let ask = |p: &Punchout, function: &str, password: &str, address: &str| {
        let call =
            parameters(&[("FUNCTION", function), ("PRODUCTID", "1"), ("SEARCHSTRING", "x"), ("PASSWORD", password)]);
        let answer = p.call(&call, &format!("X-Forwarded-For: {address}\r\n"));
        let code = text(&answer).split("PO-").nth(1).map(|rest| rest.split('<').next().unwrap_or_default().to_owned());
        code.unwrap_or_else(|| answer.head.status().to_string())
    };
    let refused = "FUNCTION-ADDRESS";
    for function in ["VALIDATE", "BACKGROUND_SEARCH"] {
        for address in ["10.2.0.1", "203.0.113.9", "10.1.0.1, 203.0.113.9", "10.1.0.1, nonsense"] {
            assert_eq!(ask(&near, function, PASSWORD, address), refused, "{function} from {address}");
        }
        for address in ["10.1.0.1", "203.0.113.9, 10.1.2.3", "2001:db8::7", "::ffff:10.1.0.1"] {
            assert_ne!(ask(&near, function, PASSWORD, address), refused, "{function} from {address}");
            assert_eq!(ask(&near, function, "wrong", address), "ENTRY-REFUSED", "{function} from {address}");
        }
        assert_ne!(ask(&far, function, PASSWORD, "203.0.113.9"), refused, "nobody is excluded by default");
    }
    // A user's browser comes from anywhere.
    assert_eq!(ask(&near, "", PASSWORD, "203.0.113.9"), "303");
}

#[test]
fn no_parameter_of_a_call_becomes_markup_or_a_header() {
    let p = Punchout::start(|plan| (plan.entry.rate, plan.entry.buyer_rate) = (10_000, 10_000));
    let names = [
        "USERNAME",
        "PASSWORD",
        "FUNCTION",
        "PRODUCTID",
        "QUANTITY",
        "SEARCHSTRING",
        "~TARGET",
        "returntarget",
        "~OkCode",
        "~CALLER",
        "OCICANCEL",
        "OCI_VERSION",
        "http_content_charset",
        "sap-language",
        "LANGUAGE",
        "NEW_ITEM-VENDOR",
        "other",
    ];
    for name in names {
        // The worst ones, each alone: what one parameter does another does not change.
        for hostile in [HOSTILE[0], HOSTILE[2], HOSTILE[5]] {
            let answer = p.call(&parameters(&[(name, hostile)]), "");
            is_clean(&answer, name);
            if answer.head.status() != 303 {
                continue;
            }
            let first = answer.head.get("location").unwrap().to_owned();
            let ticket = first.strip_prefix("/_punchout/begin?ticket=").unwrap_or_else(|| panic!("{name}: {first}"));
            assert!(
                ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{name}: {first}"
            );
            let cookie = cookie_field(&answer);
            for target in ["/cart", "/checkout", &own("return", &cookie)] {
                let page = p.ask("GET", target, &cookie);
                is_clean(&page, &format!("{name} on {target}"));
                assert!(!text(&page).contains("evil.example\""), "{name} on {target}");
            }
        }
    }
}

#[test]
fn a_hook_with_markup_in_its_path_stays_an_address() {
    let p = Punchout::start(|_| {});
    let hook = "https://srm.acme.example/a\"><script>evil()</script>?b='c'&lt;d;form-action*";
    let cookie = p.enter(&[("HOOK_URL", hook)], "");
    let page = p.ask("GET", "/cart", &cookie);
    is_clean(&page, "the cart page");
    let forms = forms(&text(&page)).unwrap();
    assert!(forms.iter().any(|form| form.attribute("action") == hook), "{}", text(&page));
    for policy in page.head.all("content-security-policy") {
        assert!(!policy.contains("evil") && !policy.contains("form-action*"), "{policy}");
    }
}

#[test]
fn an_article_name_is_text_wherever_it_goes() {
    let p = Punchout::start(|_| {});
    for hostile in HOSTILE {
        // One return a session.
        let cookie = p.enter(&[], "");
        // As a shop that escapes prints it; where it does not, the markup is the shop's own and stays on its page.
        let name = format!("Drill {hostile}").replace(['\r', '\n', '\0'], " ");
        let printed = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        *p.article.lock().unwrap() = printed;
        for target in ["/cart", &own("return", &cookie)] {
            let page = p.ask("GET", target, &cookie);
            is_clean(&page, &format!("{name} on {target}"));
            let forms = forms(&text(&page)).unwrap();
            let form = forms.iter().find(|form| form.attribute("action") == HOOK);
            let form = form.unwrap_or_else(|| panic!("{name} on {target}: {}", text(&page)));
            let description = form.input("NEW_ITEM-DESCRIPTION[1]").unwrap();
            assert!(description.starts_with("Drill "), "{description}");
            let names: Vec<_> = form.inputs.iter().map(|(name, _)| name.as_str()).collect();
            assert!(names.iter().all(|name| name.starts_with("NEW_ITEM-") || name.starts_with('~')), "{names:?}");
        }
    }
}

#[test]
fn a_session_id_that_a_request_brings_is_never_the_sessions() {
    let p = Punchout::start(|_| {});
    let planted = "punchout=AAAAAAAAAAAAAAAAAAAAAA";
    let answer = p.call(&parameters(&[]), &format!("Cookie: {planted}; sid=planted\r\n"));
    assert_eq!(answer.head.status(), 303);
    let given = cookie_field(&answer);
    assert!(!given.contains(planted) && !given.contains("planted"), "{given}");
    assert_eq!(p.ask("GET", "/page", &format!("Cookie: {planted}\r\n")).head.status(), 410, "nobody has that session");
    let seen = p.shop.seen.lock().unwrap();
    assert!(seen.iter().all(|head| !format!("{head:?}").contains("planted")), "the shop never saw a planted cookie");
}

#[test]
fn a_call_that_is_sent_again_begins_anew_and_the_first_session_is_over() {
    let p = Punchout::start(|_| {});
    let first = p.enter(&[], "");
    assert_eq!(p.ask("GET", "/page", &first).head.status(), 200);
    let second = p.enter(&[], &first);
    assert_ne!(first, second);
    assert_eq!(p.ask("GET", "/page", &first).head.status(), 410);
    assert_eq!(p.ask("GET", "/page", &second).head.status(), 200);
}

#[test]
fn another_site_cannot_send_a_cart_on_its_way() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let address = own("return", &cookie);
    for site in ["cross-site", "same-site", "evil"] {
        let answer = p.ask("POST", &address, &format!("{cookie}Sec-Fetch-Site: {site}\r\nContent-Length: 0\r\n"));
        assert_eq!(answer.head.status(), 403, "{site}");
        assert!(text(&answer).contains("PO-CROSS-SITE") && !text(&answer).contains("NEW_ITEM"), "{site}");
    }
    let without = p.ask("POST", &address, "Content-Length: 0\r\n");
    assert_eq!(without.head.status(), 410);
    let twice = format!("{cookie}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n");
    assert_ne!(p.ask("POST", &address, &twice).head.status(), 200, "which of two it is, is not guessed");
    for method in ["PUT", "DELETE", "OPTIONS"] {
        assert_eq!(p.ask(method, &address, &format!("{cookie}Content-Length: 0\r\n")).head.status(), 405);
    }
    assert_eq!(p.ask("GET", &address, &cookie).head.status(), 200, "the buyer can");
}

/// A browser that does not say where a request comes from sends the cookie along with what any site asks of it.
#[test]
fn without_the_key_of_the_sessions_pages_nothing_of_a_session_is_sent_or_ended() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let other = own("", &p.enter(&[], ""));
    let key = other.split('?').nth(1).unwrap();
    for page in ["return", "cancel", "sent"] {
        for query in ["", "?", "?key=", "?key=AAAAAAAAAAAAAAAAAAAAAA", &format!("?{key}"), "?again=1"] {
            let target = format!("/_punchout/{page}{query}");
            let answer = p.ask("POST", &target, &format!("{cookie}Content-Length: 0\r\n"));
            assert_eq!(answer.head.status(), 403, "{target}");
            assert!(text(&answer).contains("PO-CROSS-SITE") && !text(&answer).contains("NEW_ITEM"), "{target}");
        }
    }
    // The id, which no page shows, is not the key.
    let id = cookie.split("punchout=").nth(1).unwrap().split([';', '\r']).next().unwrap();
    assert_eq!(p.ask("GET", &format!("/_punchout/return?key={id}"), &cookie).head.status(), 403);
    assert!(text(&p.ask("GET", "/cart", &cookie)).contains("NEW_ITEM"), "the session goes on");
}

/// Shops let authors of reviews and product texts place pictures.
#[test]
fn a_picture_on_the_shops_own_page_neither_ends_a_session_nor_says_that_its_cart_was_sent() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let picture =
        format!("{cookie}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n");
    for page in ["sent", "cancel", "return"] {
        for target in [format!("/_punchout/{page}"), own(page, &cookie)] {
            let status = p.ask("GET", &target, &picture).head.status();
            assert_eq!(status, if page == "return" { 403 } else { 405 }, "{target}");
        }
    }
    // Nor does a link.
    for page in ["sent", "cancel"] {
        assert_eq!(p.ask("GET", &own(page, &cookie), &cookie).head.status(), 405);
    }
    assert!(text(&p.ask("GET", "/cart", &cookie)).contains("NEW_ITEM"), "the session goes on");
    let returned = p.ask("GET", &own("return", &cookie), &cookie);
    assert!(text(&returned).contains("NEW_ITEM"), "and its cart was never shown as sent: {}", text(&returned));
}

/// A catalog call's address, with the credentials that every user of a buyer has seen, may stand in a review as a picture.
#[test]
fn what_a_page_merely_loads_begins_no_session_and_ends_none() {
    let p = Punchout::start(|plan| plan.entry.rate = 3);
    let cookie = p.enter(&[], "");
    let query = format!("HOOK_URL={}&USERNAME=acme&PASSWORD={}", encoded(HOOK), encoded(PASSWORD));
    let before = p.shop.seen();
    for address in [format!("/_punchout/enter?{query}"), format!("/page?{query}")] {
        for (fields, status) in [
            ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n", 403),
            ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\n", 403),
            ("Accept: image/avif,image/webp,image/*,*/*;q=0.8\r\n", 403),
            ("Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Purpose: prefetch;prerender\r\n", 503),
            ("X-Sec-Purpose: prefetch\r\nSec-Fetch-Dest: empty\r\n", 503),
        ] {
            let answer = p.ask("GET", &address, &format!("{cookie}{fields}"));
            assert_eq!(answer.head.status(), status, "{address} {fields}: {}", text(&answer));
            assert!(answer.head.get("set-cookie").is_none() && answer.head.get("location").is_none(), "{fields}");
        }
    }
    assert_eq!(p.shop.seen(), before, "nobody was signed in");
    assert!(text(&p.ask("GET", "/cart", &cookie)).contains("NEW_ITEM"), "the session goes on");
    // None of them has used up a turn, and whoever opens it as a page comes in: from another site, a neighbour, a test form here.
    for site in ["cross-site", "same-site", "same-origin", "none"] {
        for kind in ["document", "iframe", "frame", "object"] {
            let fields = format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: {kind}\r\n");
            p.enter(&[], &fields);
        }
    }
}

#[test]
fn an_article_number_leads_to_no_other_host() {
    let product = "[shop.product]\npage = \"/{path}\"\nnumber = '^/(?<path>[^?#]+)$'\nline = \".p\"\nname = \"h1\"\nsku = \".sku\"\n\
                   price = \".price\"\n[entry]";
    let p = Punchout::configured(|text| text.replace("[entry]", product), |plan| plan.entry.buyer_rate = 100);
    for (number, expected) in [
        ("/a/b", "/a/b"),
        ("//evil.example/x", "/"),
        ("///evil.example/x", "/"),
        ("/\\evil.example/x", "/%5Cevil.example/x"),
        ("/\t/evil.example/x", "/%09/evil.example/x"),
    ] {
        let called = p.call(&parameters(&[("FUNCTION", "DETAIL"), ("PRODUCTID", number)]), "");
        let first = called.head.get("location").unwrap_or_else(|| panic!("{number}: {}", text(&called))).to_owned();
        for cookies in [cookie_field(&called), String::new()] {
            // With the cookie by a redirect, without it by a page; the ticket of the first is good once.
            let begun = p.ask("GET", &first, &cookies);
            let leads = begun.head.get("location").map(str::to_owned);
            assert!(!text(&begun).contains("//evil"), "{number}: {}", text(&begun));
            if !cookies.is_empty() {
                assert_eq!(leads.as_deref(), Some(expected), "{number}: {}", text(&begun));
            }
        }
    }
}

/// Scripts of shops, and browsers, fetch the links on which a pointer rests.
#[test]
fn a_return_page_that_nobody_has_asked_for_yet_is_no_return() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let address = own("return", &cookie);
    for ahead in ["Sec-Purpose: prefetch", "Sec-Purpose: prefetch;prerender", "Purpose: prefetch", "X-Moz: prefetch"] {
        let answer = p.ask("GET", &address, &format!("{cookie}{ahead}\r\nSec-Fetch-Dest: document\r\n"));
        assert_eq!((answer.head.status(), answer.head.get("cache-control")), (503, Some("no-store")), "{ahead}");
        assert!(text(&answer).is_empty(), "{ahead}: {}", text(&answer));
    }
    let fetched = format!("{cookie}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: empty\r\n");
    assert_eq!(p.ask("GET", &address, &fetched).head.status(), 200);
    let click = format!("{cookie}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: document\r\n");
    let shown = p.ask("GET", &address, &click);
    assert!(shown.head.status() == 200 && text(&shown).contains("NEW_ITEM"), "the click: {}", text(&shown));
    let second = p.ask("GET", &address, &click);
    assert_eq!(second.head.status(), 409);
    assert!(!text(&second).contains("has been sent"), "that it was shown is all that is known: {}", text(&second));
}

#[test]
fn a_cookie_of_the_other_scheme_is_worth_nothing() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let id = cookie.split("punchout=").nth(1).unwrap().split([';', '\r']).next().unwrap();
    let answer = p.ask("GET", "/page", &format!("Cookie: __Host-punchout={id}\r\n"));
    assert_eq!(answer.head.status(), 200);
    assert_eq!(p.shop.last().get("accept-encoding"), None, "a visitor's request, passed on as it came");
    for spoof in ["X-Forwarded-Proto: https\r\n", "Forwarded: proto=https\r\n", "X-Forwarded-Ssl: on\r\n"] {
        p.ask("GET", "/page", &format!("{spoof}{cookie}"));
        let head = p.shop.last();
        assert_eq!(head.get("x-forwarded-proto"), Some("http"), "{spoof}");
        assert_eq!(head.get("forwarded"), None, "{spoof}");
    }
}

/// A browser sends the longer path's first, and a shop takes the first.
#[test]
fn a_cookie_of_an_earlier_stay_does_not_stand_in_for_the_sessions_own() {
    let world = Punchout::start(|_| {});
    let cookies = world.enter(&[], "");
    let pairs = cookies.trim_end().strip_prefix("Cookie: ").unwrap();
    assert!(pairs.contains("sid=po1."), "{cookies}");
    world.ask("GET", "/", &cookies);
    for old in ["sid=a-visitors-own", "sid=1", "sid="] {
        world.ask("GET", "/", &format!("Cookie: {old}; lang=nb; {pairs}\r\n"));
        assert_eq!(world.shop.last().all("cookie"), ["lang=nb; sid=session-1"], "{old}");
    }
    // A flag that the shop sets is no secret: it leaves as it is, and comes back so.
    let moved = world.ask("GET", "/moved", &cookies);
    assert_eq!(moved.head.all("set-cookie"), ["moved=1; Path=/; HttpOnly"]);
    world.ask("GET", "/", &format!("Cookie: {pairs}; moved=1\r\n"));
    assert_eq!(world.shop.last().all("cookie"), ["sid=session-1; moved=1"]);
}

#[test]
fn the_shop_is_told_who_asks_by_us_alone() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let spoof = "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 1\r\nX_Forwarded_For: 203.0.113.2\r\n\
                 X-Real-IP: 203.0.113.3\r\nForwarded: for=203.0.113.4;host=evil.example\r\nConnection: X-Forwarded-For, Cookie\r\n";
    for cookies in ["", cookie.as_str()] {
        p.ask("GET", "/page", &format!("{spoof}{cookies}"));
        let head = p.shop.last();
        let shown = format!("{head:?}");
        assert_eq!(head.all("x-forwarded-for"), ["127.0.0.1"], "{shown}");
        let told: Vec<u8> = head.fields.iter().flat_map(|(_, value)| [value, b"\n".as_slice()].concat()).collect();
        let told = String::from_utf8_lossy(&told);
        assert!(!told.contains("203.0.113.") && !told.contains("evil"), "{shown}");
        assert!(!shown.contains("punchout="), "our cookie stays with us: {shown}");
    }
}

#[test]
fn no_spelling_of_a_denied_address_and_no_override_reaches_the_shop() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    let before = p.targets().len();
    for target in [
        "/checkout",
        "/checkout/",
        "/checkout/x?y",
        "/%63heckout/",
        "/%2563heckout/",
        "//checkout/",
        "/./checkout",
        "/x/../checkout/",
        "/x/%2e%2e/checkout",
        "/x/%2e%2e%2fcheckout",
        "/x%2f..%2fcheckout",
        "/CheckOut/",
        "/checkout;jsessionid=1",
        "/checkout%3bx",
        "/checkout%20",
        "/checkout%00",
        "/checkout%09",
        "/checkout%0a",
        "/x\\..\\checkout",
        "/checkout/../checkout/x",
        "/checkout/..;/x",
        "/checkout/%2e%2e/x",
        "/logout",
        "http://shop.example/checkout",
        "http://evil.example/checkout",
    ] {
        for method in ["GET", "POST", "HEAD", "PUT"] {
            let mut wire = p.proxy.connect();
            let Ok(answer) = wire.ask(method, target, &format!("{cookie}Content-Length: 0\r\n")) else { continue };
            assert_ne!(answer.head.status(), 200, "{method} {target}: {}", text(&answer));
        }
    }
    assert_eq!(p.targets()[before..], [] as [String; 0], "none reached the shop");
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Original-URI", "X_Original_URL"] {
        let answer = p.ask("GET", "/page", &format!("{cookie}{name}: /checkout\r\n"));
        assert_eq!(answer.head.status(), 200);
        assert!(!format!("{:?}", p.shop.last()).to_ascii_lowercase().contains("/checkout"), "{name}");
    }
}

#[test]
fn a_form_is_looked_into_however_it_is_sent_where_its_fields_decide() {
    let p = Punchout::configured(
        |text| {
            let rules = "paths = [\"/checkout/**\", \"/logout\", \"?route=checkout/confirm**\"]\nforms = [{ path = \"/**\", field = \"place_order\" }]";
            text.replace("paths = [\"/checkout/**\", \"/logout\"]", rules)
        },
        |_| {},
    );
    let cookie = p.enter(&[], "");
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n17\r\n--b--\r\n");
    let (urlencoded, multipart, json) =
        ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json");
    for (content_type, body, passes) in [
        (urlencoded, "add-to-cart=17".to_owned(), true),
        (multipart, part("add-to-cart"), true),
        (json, "{\"id\": 17, \"quantity\": 1}".to_owned(), true),
        (urlencoded, "place_order=1".to_owned(), false),
        (urlencoded, "place.order=1".to_owned(), false),
        (urlencoded, "route=check-out/confirm".to_owned(), false),
        (multipart, part("place_order"), false),
        (multipart, part("place order"), false),
        // What PHP would read on behind the end, or by another boundary.
        (multipart, part("add-to-cart") + &part("place_order"), false),
        ("multipart/form-data; xboundary=a; boundary=b", part("add-to-cart"), false),
        (json, "{\"place_order\": 1}".to_owned(), false),
        ("application/x-www-form-urlencoded; charset=cp037", "x=1".to_owned(), false),
        ("text/xml", "<x/>".to_owned(), false),
    ] {
        let before = p.targets().len();
        let mut wire = p.proxy.connect();
        let length = body.len();
        let head =
            format!("POST /product/hammer HTTP/1.1\r\nHost: shop.example\r\n{cookie}Content-Type: {content_type}\r\n");
        wire.send(format!("{head}Content-Length: {length}\r\n\r\n{body}")).unwrap();
        let answer = wire.answer("POST").unwrap();
        if passes {
            assert_eq!(answer.head.status(), 200, "{content_type} {body}: {}", text(&answer));
            assert!(text(&answer).ends_with(&body), "as it was sent: {}", text(&answer));
        } else {
            assert_ne!(answer.head.status(), 200, "{content_type} {body}: {}", text(&answer));
        }
        assert_eq!(p.targets().len(), before + usize::from(passes), "{content_type} {body}");
    }
}

#[test]
fn a_form_that_does_not_come_is_not_waited_for() {
    let rules = "paths = [\"/checkout/**\"]\nforms = [{ path = \"/**\", field = \"place_order\" }]";
    let p = Punchout::configured(
        |text| text.replace("paths = [\"/checkout/**\", \"/logout\"]", rules),
        |plan| plan.limits.body_idle = Duration::from_millis(200),
    );
    let cookie = p.enter(&[], "");
    let begin = |kind: &str| {
        let mut wire = p.proxy.connect();
        let head = format!("POST /page HTTP/1.1\r\nHost: shop.example\r\n{cookie}Content-Type: {kind}\r\n");
        wire.send(format!("{head}Content-Length: 100000\r\n\r\n--b")).unwrap();
        wire
    };
    let before = p.targets().len();
    for kind in ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"] {
        let answer = begin(kind).answer("POST").unwrap();
        assert_eq!(answer.head.status(), 408, "{kind}: {}", text(&answer));
    }
    // Nor is one that comes by a byte at a time, never resting.
    let mut wire = begin("application/x-www-form-urlencoded");
    let dripped = (0..1_000).take_while(|_| {
        std::thread::sleep(Duration::from_millis(20));
        wire.send("x").is_ok()
    });
    assert!(dripped.count() < 1_000, "somebody still takes them");
    assert_eq!(p.targets().len(), before, "the shop heard of none");
}

#[test]
fn a_second_request_cannot_be_hidden_in_a_first() {
    let p = Punchout::start(|_| {});
    let cookie = p.enter(&[], "");
    // With the session's cookie too: one without is a visitor's own next request, and may go anywhere.
    let hidden = format!("GET /checkout/hidden HTTP/1.1\r\nHost: shop.example\r\n{cookie}\r\n");
    let before = p.targets().len();
    let length = hidden.len() + 5;
    for framing in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: 5\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: 5, {length}\r\n"),
        "Content-Length: +5\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(),
        "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(),
        "Content-Length: 5\r\nConnection: Content-Length\r\n".to_owned(),
    ] {
        for cookies in ["", cookie.as_str()] {
            let mut wire = p.proxy.connect();
            // The proxy may close before it has read all: that is an answer too.
            let request =
                format!("POST /page HTTP/1.1\r\nHost: shop.example\r\n{cookies}{framing}\r\n0\r\n\r\n{hidden}");
            let _ = wire.send(request);
            wire.finish_sending();
            let answers = String::from_utf8_lossy(&read_all(&mut wire)).into_owned();
            assert!(!answers.contains("GET /checkout/hidden"), "{framing}: {answers}");
        }
    }
    let seen = p.shop.seen.lock().unwrap();
    for head in seen.iter().skip(before) {
        let framed = head.get("transfer-encoding").is_some() as usize + head.all("content-length").len();
        assert!(framed <= 1, "the shop is told one length: {head:?}");
    }
}

fn read_all(wire: &mut Wire) -> Vec<u8> {
    wire.rest().unwrap_or_default()
}

#[test]
fn what_is_too_large_is_refused_and_costs_nothing_more() {
    let p = Punchout::start(|plan| plan.entry.rate = 10_000);
    let cookie = p.enter(&[], "");
    let long = "x".repeat(60_000);
    let answer = p.call(&parameters(&[("other", &"y".repeat(70_000))]), "");
    assert_eq!(answer.head.status(), 413);
    let many: Vec<(String, String)> = (0..2_000).map(|n| (format!("p{n}"), "1".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(p.call(&parameters(&many), "").head.status(), 413);
    assert_eq!(p.call(&parameters(&[("HOOK_URL", &format!("{HOOK}{long}"))]), "").head.status() / 100, 4);
    for more in [
        format!("X-Long: {long}{long}\r\n{cookie}"),
        format!("{}{cookie}", (0..500).map(|n| format!("X-{n}: y\r\n")).collect::<String>()),
        format!("Cookie: {long}{long}\r\n"),
    ] {
        let mut wire = p.proxy.connect();
        let status = wire.ask("GET", "/page", &more).map(|answer| answer.head.status());
        // Closed without a word, or refused; never served.
        assert!(status.as_ref().map_or(true, |status| (400..=431).contains(status)), "{status:?}");
    }
    let target = format!("/{}", "a/".repeat(25_000));
    let answer = p.proxy.connect().ask("GET", &target, &cookie);
    assert!(
        answer.is_ok_and(|answer| [200, 414, 431].contains(&answer.head.status())),
        "a long path is judged in time"
    );
    assert_eq!(p.ask("GET", "/page", &cookie).head.status(), 200);
}
