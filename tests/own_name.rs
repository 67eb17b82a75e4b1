//! Pages of a shop that visitors know by another name. Every `fixtures/own_name/<case>.input.html` is a page of
//! `shop.example`; as `https://punchout.example` it comes out as `<case>.expected.html`, at several chunk sizes. With
//! `BLESS=1` what comes out is written down as expected: read the difference before committing it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{env, fs};

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use http_body::{Body, Frame};
use lol_html::Settings;
use proptest::prelude::*;
use punchout_proxy::rewrite::body::{DEFAULT_MEMORY, OnFailure, RewritingBody};
use punchout_proxy::rewrite::charset::Declared;
use punchout_proxy::rewrite::own_name::{Name, OwnName};

fn own_name() -> Arc<OwnName> {
    let names = ["https://shop.example", "www.shop.example", "shop.example:8080"];
    let names = names.iter().map(|name| Name::parse(name, true).unwrap()).collect();
    Arc::new(OwnName::new(names, Name::parse("https://punchout.example", true).unwrap()).unwrap())
}

fn mapped(page: &[u8], size: usize, charset: &'static Encoding) -> Vec<u8> {
    let chunks = page.chunks(size.min(page.len().max(1))).map(Bytes::copy_from_slice).collect();
    let never = OnFailure::PassThrough(Box::new(|why| panic!("{why}")));
    let settings = own_name().in_page(Settings::new());
    let mut body = RewritingBody::new(Chunks(chunks), settings, Declared::Charset(charset), DEFAULT_MEMORY, never);
    let mut output = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        output.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    output
}

#[test]
fn every_fixture_comes_out_as_expected_however_it_is_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/own_name");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let cases: Vec<_> = files.filter_map(|file| file.strip_suffix(".input.html").map(str::to_owned)).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let input = fs::read(folder.join(format!("{case}.input.html"))).unwrap();
        let file = folder.join(format!("{case}.expected.html"));
        if env::var_os("BLESS").is_some() {
            fs::write(&file, mapped(&input, usize::MAX, UTF_8)).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap();
        for size in [1, 7, 1000, usize::MAX] {
            let output = String::from_utf8(mapped(&input, size, UTF_8)).unwrap();
            assert!(output == expected, "{case} in chunks of {size}:\n{output}\n--- expected ---\n{expected}");
        }
    }
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

/// A body in these frames.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }
}
