use std::sync::Arc;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

fn own(names: &[&str], public: &str) -> Arc<OwnName> {
    let names = names.iter().map(|name| Name::parse(name, true).unwrap()).collect();
    Arc::new(OwnName::new(names, Name::parse(public, true).unwrap()).unwrap())
}

/// Known to itself by three spellings, to visitors by another name.
fn usual() -> Arc<OwnName> {
    own(&["shop.example", "www.shop.example", "shop.example:8080"], "https://punchout.example")
}

#[test]
fn a_name_is_a_host_or_an_origin_and_nothing_more() {
    for (text, expected) in [
        ("shop.example", (true, "shop.example")),
        ("Shop.Example:443", (true, "shop.example")),
        ("shop.example:8080", (true, "shop.example:8080")),
        ("http://shop.example:80", (false, "shop.example")),
        ("[::1]:3000", (true, "[::1]:3000")),
        ("blåbær.example", (true, "xn--blbr-roah.example")),
    ] {
        let name = Name::parse(text, true).unwrap();
        assert_eq!((name.is_secure(), name.authority().as_str()), expected, "{text}");
    }
    for text in [
        "",
        "shop.example/",
        "https://shop.example/x",
        "a@shop.example",
        "shop.example?x",
        "ftp://shop.example",
        "*.shop.example",
        "a b",
    ] {
        assert_eq!(Name::parse(text, true), Err(NoName(text.to_owned())));
    }
}

#[test]
fn there_is_nothing_to_map_where_visitors_type_the_shops_own_name() {
    let name = |text| Name::parse(text, true).unwrap();
    assert!(OwnName::new(vec![name("shop.example"), name("www.shop.example")], name("shop.example:443")).is_none());
    assert!(OwnName::new(vec![name("http://shop.example")], name("https://shop.example")).is_none());
    assert!(OwnName::new(Vec::new(), name("shop.example")).is_none());
    // It insists on `www.`, and visitors need not type it.
    assert!(OwnName::new(vec![name("www.shop.example"), name("shop.example")], name("shop.example")).is_some());
}

#[test]
fn the_shops_addresses_become_visitors_addresses_and_no_others() {
    for (address, expected) in [
        ("https://shop.example/a?b=https://shop.example/#c", "https://punchout.example/a?b=https://shop.example/#c"),
        ("http://shop.example", "https://punchout.example"),
        ("HTTP://Shop.EXAMPLE:80/x", "https://punchout.example/x"),
        ("https://shop.example:443?x", "https://punchout.example?x"),
        ("http://shop.example:8080/", "https://punchout.example/"),
        ("http://shop.example:/#x", "https://punchout.example/#x"),
        ("//shop.example/a//b", "//punchout.example/a//b"),
        ("//shop.example", "//punchout.example"),
        (" \t\nhttps://shop.example/ ", " \t\nhttps://punchout.example/ "),
        ("https://shop.example\\a", "https://punchout.example\\a"),
        // Browsers take the second of these for the path.
        ("https://shop.example\\@evil.example/", "https://punchout.example\\@evil.example/"),
    ] {
        assert_eq!(usual().toward_visitor(address).as_deref(), Some(expected), "{address}");
    }
    for address in [
        "",
        "/",
        "/a//shop.example/",
        "a",
        "?x=https://shop.example/",
        "#https://shop.example/",
        "/\\shop.example",
        "https://shop.example.evil/",
        "https://shop.example@evil/",
        "https://shop.example:x@evil/",
        "//shop.example:8081",
        "https://user@shop.example/",
        "https://evil/https://shop.example/",
        "https://evil@shop.example.evil/",
        "https://shop.example:8081/",
        "https://shop.example:080808/",
        "https://shop.example:99999/",
        "https://shop.example:80:80/",
        "https://sub.shop.example/",
        "https://shop.example./",
        "https://notshop.example/",
        "https://shop.exa\tmple/",
        "https://shop.example\t.evil/",
        "https://shop.example:80\n81/",
        "https:/shop.example/",
        "https:///shop.example/",
        "javascript://shop.example/%0aalert(1)",
        "ftp://shop.example/",
        "mailto:a@shop.example",
        "data:text/html,//shop.example/",
        "wss://shop.example/",
        "https://[shop.example]/",
        "https://punchout.example/",
    ] {
        assert_eq!(usual().toward_visitor(address), None, "{address}");
    }
}

#[test]
fn a_port_and_an_address_in_numbers_are_names_too() {
    let own = own(&["http://127.0.0.1:3000"], "http://127.0.0.1:8080");
    for (address, expected) in [
        ("http://127.0.0.1:3000/x", Some("http://127.0.0.1:8080/x")),
        ("https://127.0.0.1/x", Some("http://127.0.0.1:8080/x")),
        ("http://127.0.0.1:8080/x", None),
        ("http://127.0.0.1:30000/x", None),
    ] {
        assert_eq!(own.toward_visitor(address).as_deref(), expected, "{address}");
    }
    let own = super::tests::own(&["[::1]:3000", "blåbær.example"], "https://p.example");
    for (address, expected) in [
        ("http://[::1]:3000/x", Some("https://p.example/x")),
        ("http://[::1]/x", Some("https://p.example/x")),
        ("http://[::1", None),
        ("https://BLÅBÆR.example/æ", Some("https://p.example/æ")),
        ("https://xn--blbr-roah.example/", Some("https://p.example/")),
        ("https://blåbæ\nr.example/", None),
    ] {
        assert_eq!(own.toward_visitor(address).as_deref(), expected, "{address}");
    }
}

#[test]
fn in_markup_only_the_origin_changes_however_it_is_written() {
    for (raw, expected) in [
        ("https://shop.example/?a=1&amp;b=%26&c", "https://punchout.example/?a=1&amp;b=%26&c"),
        ("https://shop.example/a&amp;b?c&#38;d", "https://punchout.example/a&amp;b?c&#38;d"),
        ("https:&#x2F;&#x2F;shop.example&#x2F;a&#x3D;b", "https://punchout.example&#x2F;a&#x3D;b"),
        ("&#47;&sol;shop&period;example/", "//punchout.example/"),
        ("&#32;https&colon;//shop.example&quest;x", "&#32;https://punchout.example&quest;x"),
    ] {
        assert_eq!(usual().toward_visitor_in_markup(raw).as_deref(), Some(expected), "{raw}");
    }
    for raw in [
        "https://shop.example&#64;evil/",
        "https://shop.example&commat;evil/",
        "https://shop.example&period;evil/",
        "https://evil/&amp;x",
        "&amp;//shop.example/",
        "https://shop.example&#58;8081/",
        "https://shop.example&Tab;.evil/",
        "/a&amp;b",
        "&",
        "&;",
    ] {
        assert_eq!(usual().toward_visitor_in_markup(raw), None, "{raw}");
    }
}

#[test]
fn only_what_is_wholly_ours_is_told_the_shop_as_its_own() {
    for (address, expected) in [
        ("https://punchout.example", Some("https://shop.example")),
        ("https://punchout.example:443/a?b", Some("https://shop.example/a?b")),
        // Somebody between may have put words into a plain page's mouth.
        ("http://punchout.example", None),
        ("https://punchout.example:8443", None),
        ("https://punchout.example.evil", None),
        ("https://evil.example/?https://punchout.example", None),
        ("//punchout.example", None),
        ("null", None),
    ] {
        assert_eq!(usual().toward_shop(address).as_deref(), expected, "{address}");
    }
    let plain = own(&["http://shop.test:3000"], "http://127.0.0.1:8080");
    assert_eq!(plain.toward_shop("http://127.0.0.1:8080").as_deref(), Some("http://shop.test:3000"));
    assert_eq!(plain.toward_shop("http://127.0.0.1"), None);
}

fn map(fields: &[(HeaderName, &str)]) -> HeaderMap {
    // As bytes: a shop's Location may hold what is not ASCII.
    fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect()
}

#[test]
fn an_answers_fields_are_mapped_one_by_one() {
    use header::*;
    let timing = HeaderName::from_static("timing-allow-origin");
    for (name, value, expected) in [
        (LOCATION, "http://shop.example/bl\u{e5}?x=1", "https://punchout.example/bl\u{e5}?x=1"),
        (LOCATION, "/basket/", "/basket/"),
        (
            LOCATION,
            "https://pay.example/?back=https://shop.example/",
            "https://pay.example/?back=https://shop.example/",
        ),
        (CONTENT_LOCATION, "//www.shop.example/a", "//punchout.example/a"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "https://shop.example", "https://punchout.example"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*", "*"),
        (timing, "https://shop.example", "https://punchout.example"),
        (REFRESH, "0; url=https://shop.example/a", "0; url=https://punchout.example/a"),
        (REFRESH, "5 , URL = 'https://shop.example/a;b' x", "5 , URL = 'https://punchout.example/a;b' x"),
        (REFRESH, "5;https://shop.example/", "5;https://punchout.example/"),
        (REFRESH, "5;url=\"//shop.example", "5;url=\"//punchout.example"),
        (REFRESH, "5", "5"),
        (REFRESH, "5;", "5;"),
        (REFRESH, "5; url=/x", "5; url=/x"),
        (
            LINK,
            "</a.css>; rel=preload, <https://shop.example/b>; rel=next; title=\"<https://shop.example/>, \\\" <//shop.example>\", <//shop.example/c>",
            "</a.css>; rel=preload, <https://punchout.example/b>; rel=next; title=\"<https://shop.example/>, \\\" <//shop.example>\", <//punchout.example/c>",
        ),
        (LINK, "<https://shop.example/b", "<https://shop.example/b"),
        (SET_COOKIE, "a=b; Domain=.Shop.example; Path=/", "a=b; Path=/"),
        (SET_COOKIE, "a=\"x=y\\054\" ;domain = shop.example ;HttpOnly", "a=\"x=y\\054\" ;HttpOnly"),
        (
            SET_COOKIE,
            "a=b; expires=Mon, 30-Nov-2026 09:18:13 UTC; DOMAIN=example",
            "a=b; expires=Mon, 30-Nov-2026 09:18:13 UTC",
        ),
        (SET_COOKIE, "Domain=shop.example; domain=other.example; x", "Domain=shop.example; domain=other.example; x"),
        (SET_COOKIE, "a=b; Domain=op.example; Domain=; Domain", "a=b; Domain=op.example; Domain=; Domain"),
    ] {
        let mut headers = map(&[(name.clone(), value)]);
        usual().answer(&mut headers);
        assert_eq!(headers, map(&[(name, expected)]), "{value}");
    }
}

#[test]
fn a_field_keeps_its_bytes_whatever_their_charset() {
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, HeaderValue::from_bytes(b"https://shop.example/bl\xe5\xff").unwrap());
    headers.append(header::SET_COOKIE, HeaderValue::from_bytes(b"a=\xff; domain=shop.example; \xfe").unwrap());
    headers.append(header::SET_COOKIE, HeaderValue::from_static("b=2"));
    usual().answer(&mut headers);
    assert_eq!(headers[header::LOCATION].as_bytes(), b"https://punchout.example/bl\xe5\xff");
    let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().map(HeaderValue::as_bytes).collect();
    assert_eq!(cookies, [&b"a=\xff; \xfe"[..], b"b=2"]);
}

#[test]
fn a_request_comes_to_the_shop_under_its_own_name() {
    use header::*;
    let forwarded = |name| HeaderName::from_static(name);
    let mut headers = map(&[
        (HOST, "punchout.example"),
        (ORIGIN, "https://punchout.example"),
        (REFERER, "https://punchout.example/a?b=https://punchout.example/"),
        (forwarded("x-forwarded-host"), "punchout.example"),
        (forwarded("x-forwarded-proto"), "http"),
        (forwarded("x-forwarded-port"), "80"),
        (FORWARDED, "host=punchout.example"),
        (COOKIE, "a=https://punchout.example/"),
    ]);
    usual().ask(&mut headers);
    let expected = map(&[
        (HOST, "shop.example"),
        (ORIGIN, "https://shop.example"),
        (REFERER, "https://shop.example/a?b=https://punchout.example/"),
        (forwarded("x-forwarded-host"), "shop.example"),
        (forwarded("x-forwarded-proto"), "https"),
        (COOKIE, "a=https://punchout.example/"),
    ]);
    assert_eq!(headers, expected);
    let stranger =
        map(&[(HOST, "punchout.example"), (ORIGIN, "https://evil.example"), (REFERER, "https://shop.example.evil/")]);
    let mut asked = stranger.clone();
    usual().ask(&mut asked);
    assert_eq!((&asked[ORIGIN], &asked[REFERER]), (&stranger[ORIGIN], &stranger[REFERER]));
}

/// Pieces of which addresses are made that look like the shop's.
fn address() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https:",
        "http:",
        "HTTPS:",
        "//",
        "/",
        "\\",
        "shop.example",
        "www.",
        "SHOP.example",
        "evil",
        ".",
        ":",
        "@",
        "80",
        "443",
        "8080",
        "8081",
        "?",
        "#",
        " ",
        "\t",
        "\n",
        "a",
        "%2f",
        "%40",
        "[",
        "]",
        "::1",
        "å",
        "\u{3002}",
        "punchout.example",
        "-",
    ]);
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

/// What a browser makes of an address on a page of the shop's.
fn resolved(address: &str) -> Option<Url> {
    Url::parse("https://page.example/").unwrap().join(address).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_mapped_is_the_shops_to_a_browser_and_keeps_its_path(address in address()) {
        if let Some(mapped) = usual().toward_visitor(&address) {
            let before = resolved(&address).unwrap();
            prop_assert!(["shop.example", "www.shop.example"].contains(&before.host_str().unwrap()), "{}", before);
            prop_assert!(matches!(before.port_or_known_default(), Some(80 | 443 | 8080)), "{}", before);
            let after = resolved(&mapped).unwrap();
            prop_assert_eq!(after.host_str(), Some("punchout.example"));
            prop_assert_eq!(after.port(), None);
            prop_assert_eq!(&before[Position::BeforePath..], &after[Position::BeforePath..]);
            prop_assert_eq!(usual().toward_visitor(&mapped), None);
        }
    }

    #[test]
    fn what_the_shop_takes_for_its_own_is_ours_to_a_browser(address in address()) {
        let address = address.replace("shop.example", "punchout.example").replace("SHOP.example", "punchout.example");
        if usual().toward_shop(&address).is_some() {
            let origin = resolved(&address).unwrap().origin().ascii_serialization();
            prop_assert_eq!(origin, "https://punchout.example");
        }
    }

    #[test]
    fn markup_says_the_same_as_its_text(address in address(), every in 1usize..4) {
        let written: String = address.chars().enumerate().map(|(at, character)| {
            if at % every == 0 { format!("&#{};", u32::from(character)) } else { character.to_string() }
        }).collect();
        let decoded = |raw: String| htmlize::unescape_attribute(&raw).into_owned();
        prop_assert_eq!(usual().toward_visitor_in_markup(&written).map(decoded), usual().toward_visitor(&address));
    }

    #[test]
    fn no_field_breaks_and_what_names_no_shop_stays(
        fields in prop::collection::vec((0usize..6, prop::collection::vec(any::<u8>(), 0..60)), 0..6)
    ) {
        use header::*;
        let names = [LOCATION, CONTENT_LOCATION, REFRESH, LINK, SET_COOKIE, ACCESS_CONTROL_ALLOW_ORIGIN];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(&names[name], value);
            }
        }
        let before = headers.clone();
        usual().answer(&mut headers);
        prop_assert_eq!(headers, before);
    }

    #[test]
    fn a_cookie_loses_its_domain_alone(
        pair in "[a-z]{1,5}=[!-:<-~]{0,9}",
        before in prop::collection::vec("[ ]?[A-Za-z]{1,9}(=[!-:<-~ ]{0,9})?", 0..4),
        after in prop::collection::vec("[ ]?[A-Za-z]{1,9}(=[!-:<-~ ]{0,9})?", 0..4),
    ) {
        prop_assume!(before.iter().chain(&after).all(|one| !one.trim().to_ascii_lowercase().starts_with("domain")));
        let line = |pieces: Vec<String>| HeaderValue::from_str(&pieces.join(";")).unwrap();
        let without: Vec<_> = [vec![pair.clone()], before.clone(), after.clone()].concat();
        let with: Vec<_> = [vec![pair], before, vec![" Domain=.shop.example".into()], after].concat();
        prop_assert_eq!(usual().cookie(&line(with)), Some(line(without.clone())));
        prop_assert_eq!(usual().cookie(&line(without)), None);
    }
}
