use http::HeaderValue;
use http::header::{CONTENT_LOCATION, LINK, LOCATION, REFRESH};
use proptest::prelude::*;

use super::*;

const ROOT: &str = "/_punchout/s/T";

fn carrier(path: &str) -> Rc<Carrier> {
    Carrier::new(ROOT, Name::parse("https://shop.example", true).ok(), None, path)
}

#[test]
fn every_way_to_write_an_address_of_the_shop_stays_in_the_session() {
    for (address, expected) in [
        ("/", "/_punchout/s/T/"),
        ("/basket/?a=1&b=/x#c", "/_punchout/s/T/basket/?a=1&b=/x#c"),
        (" /basket/\n", "/_punchout/s/T/basket/"),
        ("/bas\tket", "/_punchout/s/T/basket"),
        ("\\basket", "/_punchout/s/T\\basket"),
        ("/bl\u{e5}b\u{e6}r?q=\u{e5}", "/_punchout/s/T/bl\u{e5}b\u{e6}r?q=\u{e5}"),
        ("https://shop.example/a?b", "/_punchout/s/T/a?b"),
        ("http://SHOP.example:80", "/_punchout/s/T/"),
        ("https://shop.example?x", "/_punchout/s/T/?x"),
        ("//shop.example/a//b", "/_punchout/s/T/a//b"),
        ("/\\shop.example/a", "/_punchout/s/T/a"),
        ("https:/a", "/_punchout/s/T/a"),
        ("https:a", "/_punchout/s/T/x/a"),
        ("https://user@shop.example/a", "/_punchout/s/T/a"),
        ("../../a", "/_punchout/s/T/a"),
        ("../b?c=../d", "/_punchout/s/T/b?c=../d"),
        ("%2e%2E/b", "/_punchout/s/T/b"),
        ("/../a", "/_punchout/s/T/a"),
        ("/a/../../b/..?../c", "/_punchout/s/T/?../c"),
        ("https://shop.example/../a", "/_punchout/s/T/a"),
        ("/_punchout/s/Tx/a", "/_punchout/s/T/_punchout/s/Tx/a"),
        ("https://shop.example/_punchout/s/T/a", "/_punchout/s/T/a"),
    ] {
        assert_eq!(carrier("/x/y").carry(address).as_deref(), Some(expected), "{address}");
    }
}

#[test]
fn what_stays_by_itself_or_leads_elsewhere_is_left() {
    for address in [
        "",
        "a",
        "a/b?c#d",
        "./a",
        "?a=/b",
        "#a",
        "/_punchout/s/T/a",
        "/_punchout/s/T",
        "https://other.example/",
        "https://shop.example.evil/",
        "https://shop.example@evil/",
        "https://shop.example:8443/",
        "//other.example/",
        "/\\other.example/",
        "javascript:go('/a')",
        "mailto:a@shop.example",
        "data:text/html,/a",
        "ftp://shop.example/",
        "about:blank",
    ] {
        assert_eq!(carrier("/x/y").carry(address), None, "{address}");
    }
}

#[test]
fn in_markup_references_are_read_and_written() {
    let carrier = carrier("/");
    for (raw, expected) in [
        ("/?a=1&amp;b=2", "/_punchout/s/T/?a=1&amp;b=2"),
        ("/?a=1&b=2", "/_punchout/s/T/?a=1&amp;b=2"),
        ("&#47;a", "/_punchout/s/T/a"),
        ("https&colon;//shop.example/a&quot;", "/_punchout/s/T/a&quot;"),
    ] {
        assert_eq!(carrier.in_markup(raw).as_deref(), Some(expected), "{raw}");
    }
    assert_eq!(carrier.in_markup("https://other.example/?a&amp;b"), None);
}

#[test]
fn the_first_base_counts_and_one_of_another_host_gets_no_address_of_ours() {
    let own = carrier("/");
    assert_eq!(own.base("/a/b/").as_deref(), Some("/_punchout/s/T/a/b/"));
    assert_eq!(own.base("https://other.example/"), None, "browsers overlook a second one");
    assert_eq!(own.carry("../c").as_deref(), Some("/_punchout/s/T/a/c"));
    assert_eq!(own.carry("c"), None);

    let foreign = carrier("/");
    assert_eq!(foreign.base("//cdn.example/x/").as_deref(), Some(""));
    for (address, expected) in [
        ("/a", "https://cdn.example/a"),
        ("a", "https://cdn.example/x/a"),
        ("../a", "https://cdn.example/a"),
        ("?a", "https://cdn.example/x/?a"),
        ("https://shop.example/a", "/_punchout/s/T/a"),
    ] {
        assert_eq!(foreign.carry(address).as_deref(), Some(expected), "{address}");
    }
    assert_eq!(foreign.carry("#a"), None);
    let nameless = Carrier::new(ROOT, None, None, "/");
    assert_eq!(nameless.base("https://cdn.example/").as_deref(), Some(""));
    let odd = carrier("/");
    assert_eq!(odd.base("javascript:x"), None);
    assert_eq!(odd.carry("/a").as_deref(), Some("/_punchout/s/T/a"));
}

#[test]
fn the_shops_own_name_is_ours_too() {
    let names = vec![Name::parse("nordvik.example", false).unwrap()];
    let public = Name::parse("https://shop.example", true).unwrap();
    let own = OwnName::new(names, public.clone()).map(Arc::new);
    let carrier = Carrier::new(ROOT, Some(public), own, "/");
    assert_eq!(carrier.carry("http://nordvik.example/a").as_deref(), Some("/_punchout/s/T/a"));
    assert_eq!(carrier.base("http://nordvik.example/a/").as_deref(), Some("/_punchout/s/T/a/"));
    assert_eq!(carrier.carry("/b").as_deref(), Some("/_punchout/s/T/b"));
}

#[test]
fn an_answers_fields_stay_in_the_session() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (LOCATION, "https://shop.example/basket/"),
        (CONTENT_LOCATION, "/a"),
        (REFRESH, "0; url='/b'"),
        (LINK, "</c.css>; rel=preload, <https://other.example/>; rel=next"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    carrier("/").answer(&mut headers);
    for (name, expected) in [
        (LOCATION, "/_punchout/s/T/basket/"),
        (CONTENT_LOCATION, "/_punchout/s/T/a"),
        (REFRESH, "0; url='/_punchout/s/T/b'"),
        (LINK, "</_punchout/s/T/c.css>; rel=preload, <https://other.example/>; rel=next"),
    ] {
        assert_eq!(headers[name], expected);
    }
}

fn address() -> impl Strategy<Value = String> {
    let pieces = vec![
        "https:",
        "http:",
        "//",
        "/",
        "\\",
        "shop.example",
        "evil",
        ".",
        "..",
        ":",
        "@",
        "443",
        "8081",
        "?",
        "#",
        " ",
        "\t",
        "a",
        "%2e",
        "%2f",
        "å",
        "-",
        "/_punchout/",
        "javascript:",
        "data:",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    /// A browser on the session's page goes where one on the plain page would go, and stays in the session there; no other
    /// host learns the root.
    #[test]
    fn a_browser_goes_where_it_would_have_gone(address in address(), page in prop::sample::select(vec!["/", "/x/y", "/x/y/"])) {
        let plain = Url::parse("https://shop.example").unwrap().join(page).unwrap();
        let here = Url::parse(&format!("https://shop.example{ROOT}{page}")).unwrap();
        let mapped = carrier(page).carry(&address);
        let (Ok(before), Ok(after)) = (plain.join(&address), here.join(mapped.as_deref().unwrap_or(&address))) else {
            prop_assert_eq!(mapped, None);
            return Ok(());
        };
        let ours = carrier(page).is_ours(&before);
        if !ours {
            prop_assert_eq!(&after, &before);
            return Ok(());
        }
        prop_assert_eq!(after.host_str(), Some("shop.example"));
        let path = before.path();
        let expected = format!("{ROOT}{path}");
        prop_assert_eq!(after.path(), expected, "{} became {:?}", address, mapped);
        prop_assert_eq!((after.query(), after.fragment()), (before.query(), before.fragment()));
    }
}
