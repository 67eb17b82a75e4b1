//! Pages of a shop that visitors know by another name. Every `fixtures/own_name/<case>.input.html` is a page of
//! `shop.example`; as `https://punchout.example` it comes out as `<case>.expected.html`, at several chunk sizes. With
//! `BLESS=1` what comes out is written down as expected: read the difference before committing it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/rewriting.rs"]
mod rewriting;

use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use lol_html::Settings;
use proptest::prelude::*;
use punchout_proxy::rewrite::own_name::{Name, OwnName};
use rewriting::{every_fixture, rewritten};

fn own_name() -> Arc<OwnName> {
    let names = ["https://shop.example", "www.shop.example", "shop.example:8080"];
    let names = names.iter().map(|name| Name::parse(name, true).unwrap()).collect();
    Arc::new(OwnName::new(names, Name::parse("https://punchout.example", true).unwrap()).unwrap())
}

fn mapped(page: &[u8], size: usize, charset: &'static Encoding) -> Vec<u8> {
    rewritten(page, size, charset, own_name().in_page(Settings::new()))
}

#[test]
fn every_fixture_comes_out_as_expected_however_it_is_cut() {
    every_fixture("fixtures/own_name", |page, size| mapped(page, size, UTF_8));
}

#[test]
fn a_page_keeps_its_charset() {
    let page = b"<a title='bl\xe5b\xe6r' href=\"https://shop.example/bl\xe5b\xe6r?x=\x80\">\xf8</a>";
    let expected = b"<a title='bl\xe5b\xe6r' href=\"https://punchout.example/bl\xe5b\xe6r?x=\x80\">\xf8</a>";
    assert_eq!(mapped(page, 5, WINDOWS_1252), expected);
}

/// Pieces of pages, none with the shop's name in an attribute that is mapped.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "<", ">", "</", "<a href=x>", "<A\nHREF='//y' >", "</a>", "<img src=\"/a?b&amp;c\" srcset='a 1x, b 2x'>", "<base href=/>",
            "<form action='https://shop.example.evil/'>", "<meta http-equiv=refresh content='5; url=/x'>", "<script>", "</script>",
            "https://shop.example/", "<!--", "-->", "<a href=https://other.example/?https://shop.example/>", "<style>", "</style>",
            "<p data-x=https://shop.example/>", "<a  href = \"https://shop.example@evil/\"\n title=\"\">", "\u{e6}", "&nbsp;", "\0", "{", "\n",
            "<meta http-equiv=refresh content=''>", "<link imagesrcset=',,'>", "<a href=\"&\">", "<video poster>", "<object data=x>",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("byte order marks of UTF-16 are another matter", |soup| {
            !soup.starts_with(b"\xFF\xFE") && !soup.starts_with(b"\xFE\xFF")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_page_that_does_not_name_the_shop_passes_byte_for_byte(soup in soup(), size in 1usize..60, latin in any::<bool>()) {
        let output = mapped(&soup, size, if latin { WINDOWS_1252 } else { UTF_8 });
        prop_assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(&soup));
        prop_assert_eq!(output, soup);
    }
}
