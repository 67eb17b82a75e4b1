//! Pages of a session that is carried by its addresses. Every `fixtures/carrier/<case>.input.html` is a page
//! `https://shop.example/vare/1`; it comes out as `<case>.expected.html`, at several chunk sizes. With `BLESS=1` what comes
//! out is written down as expected: read the difference before committing it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/rewriting.rs"]
mod rewriting;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use lol_html::Settings;
use punchout_proxy::rewrite::carrier::Carrier;
use punchout_proxy::rewrite::own_name::Name;
use rewriting::{every_fixture, rewritten};

fn carried(page: &[u8], size: usize, charset: &'static Encoding) -> Vec<u8> {
    let public = Name::parse("https://shop.example", true).unwrap();
    let carrier = Carrier::new("/_punchout/s/TOKEN", Some(public), None, "/vare/1");
    rewritten(page, size, charset, carrier.in_page(Settings::new()))
}

#[test]
fn every_fixture_comes_out_as_expected_however_it_is_cut() {
    every_fixture("fixtures/carrier", |page, size| carried(page, size, UTF_8));
}

#[test]
fn a_page_keeps_its_charset() {
    let page = b"<a title='bl\xe5' href=\"/bl\xe5?x=\x80\">\xf8</a><a href=\"bl\xe5\">";
    let expected = b"<a title='bl\xe5' href=\"/_punchout/s/TOKEN/bl\xe5?x=\x80\">\xf8</a><a href=\"bl\xe5\">";
    assert_eq!(carried(page, 5, WINDOWS_1252), expected);
}
