//! Pages of a session, from the shop's bytes to the buyer's: every folder in `fixtures/rewrite` is a case, run at
//! several chunk sizes. With `BLESS=1` what comes out is written down as expected: read the difference before
//! committing it.

// the functions that tests share are tests too
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::{env, fs};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame};
use lol_html::ElementContentHandlers;
use lol_html::html_content::Element;
use proptest::prelude::*;
use punchout_proxy::rewrite::body::{DEFAULT_MEMORY, OnFailure, RewritingBody};
use punchout_proxy::rewrite::charset::{self, Declared};
use punchout_proxy::rewrite::coding::{self, Coding, Expansion};
use punchout_proxy::rewrite::controls::{Controls, Leave, RETURN_FORM, Seen, Way};
use punchout_proxy::rewrite::csp::Opening;
use punchout_proxy::rewrite::page::{EndOfBody, Page};
use punchout_proxy::selector;
use serde::Deserialize;

const CHUNK_SIZES: [usize; 4] = [1, 7, 1000, usize::MAX];

/// `rules.toml` of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// `submit`: the cart page itself carries the cart. `lead`: the controls lead to our return page.
    way: String,
    controls: Vec<String>,
    #[serde(default)]
    hide: Vec<String>,
    target: Option<String>,
    label: Option<String>,
    #[serde(default)]
    form_action: Vec<String>,
    end_of_body: Option<String>,
    #[serde(default = "utf8")]
    content_type: String,
    /// How many controls are met, and how many of them are unusable.
    seen: (usize, usize),
}

fn utf8() -> String {
    "text/html; charset=utf-8".into()
}

#[test]
fn every_fixture_comes_out_as_expected_however_it_is_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rewrite");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let rules: Rules = toml::from_str(&fs::read_to_string(case.join("rules.toml")).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let input = fs::read(case.join("input.html")).unwrap();
        if env::var_os("BLESS").is_some() {
            fs::write(case.join("expected.html"), rewrite(&input, usize::MAX, &rules).0).unwrap();
        }
        let expected = fs::read(case.join("expected.html")).unwrap();
        for size in CHUNK_SIZES {
            let (output, seen) = rewrite(&input, size, &rules);
            let (got, wanted) = (String::from_utf8_lossy(&output), String::from_utf8_lossy(&expected));
            assert!(output == expected, "{name} in chunks of {size}:\n{got}\n--- expected ---\n{wanted}");
            assert_eq!(seen, rules.seen, "{name} in chunks of {size}: controls and unusable ones");
        }
    }
}

#[test]
fn readers_see_a_control_as_the_shop_wrote_it_and_the_end_of_the_body_sees_what_was_seen() {
    let seen = Rc::new(Seen::default());
    let read = Rc::new(RefCell::new(Vec::new()));
    let (seen_at_end, notes) = (seen.clone(), read.clone());
    let reader = ElementContentHandlers::default().element(move |a: &mut Element| {
        notes.borrow_mut().push((a.tag_name(), a.get_attribute("href")));
        Ok(())
    });
    let page = Page {
        controls: &Controls::compile(&["a.checkout"]).unwrap(),
        leave: Leave { way: Way::Submit, url: "/r".into(), form: RETURN_FORM.into(), target: None, label: None },
        hide: &[],
        opening: Opening::default(),
        readers: vec![(Cow::Owned("a.checkout".parse().unwrap()), reader)],
        end_of_body: Some(Box::new(move || format!("<p>{} controls</p>", seen_at_end.controls.get()))),
        at_document_end: false,
        seen,
    };
    let html = "<body><a class='checkout' href='/checkout'>x</a><a class='checkout' href='/2'>y</a></body>";
    let inner = Chunks([Bytes::from(html)].into());
    let never = OnFailure::Close(Box::new(|why| panic!("{why}")));
    let body = RewritingBody::new(inner, page.settings(), Declared::Nothing, DEFAULT_MEMORY, never);
    let output = String::from_utf8(read_all(body)).unwrap();
    assert!(output.ends_with("<p>2 controls</p></body>"), "{output}");
    let expected = ["/checkout", "/2"].map(|href| ("a".to_owned(), Some(href.to_owned())));
    assert_eq!(*read.borrow(), expected);
}

#[test]
fn a_compressed_page_is_rewritten_and_compressed_again() {
    let line = "<tr><td>Item</td><td><a class='checkout' href='/checkout'>Checkout</a></td></tr>\n".repeat(500);
    let html = format!("<html><body><table>{line}</table></body></html>");
    for (from_shop, to_buyer) in
        [(Coding::Gzip, Coding::Zstd), (Coding::Zstd, Coding::Brotli), (Coding::Brotli, Coding::Gzip)]
    {
        let shops = read_all(coding::encode(chunks(html.as_bytes(), 1000), from_shop));
        let page = Page {
            controls: &Controls::compile(&["a.checkout"]).unwrap(),
            leave: Leave { way: Way::Lead, url: "/r".into(), form: RETURN_FORM.into(), target: None, label: None },
            hide: &[],
            opening: Opening::default(),
            readers: Vec::new(),
            end_of_body: None,
            at_document_end: false,
            seen: Rc::default(),
        };
        let body = coding::decode(chunks(&shops, 100), from_shop, Expansion::default());
        let never = OnFailure::PassThrough(Box::new(|why| panic!("{why}")));
        let body = RewritingBody::new(body, page.settings(), Declared::Nothing, DEFAULT_MEMORY, never);
        let buyers = read_all(coding::encode(body, to_buyer));
        let output = read_all(coding::decode(chunks(&buyers, 7), to_buyer, Expansion::default()));
        let expected = html.replace(" href='/checkout'>", " href=\"/r\">");
        assert_eq!(String::from_utf8(output).unwrap(), expected, "{from_shop:?} to {to_buyer:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_page_in_which_nothing_is_selected_passes_byte_for_byte(soup in tag_soup(), size in 1usize..60, latin in any::<bool>()) {
        let rules = Rules {
            way: "lead".into(),
            controls: vec![".punchout-control, a[href='/never']".into()],
            hide: vec!["x-never".into()],
            target: None,
            label: Some("never".into()),
            form_action: vec!["https://never.example".into()],
            end_of_body: None,
            content_type: if latin { "text/html".into() } else { utf8() },
            seen: (0, 0),
        };
        let (output, seen) = rewrite(&soup, size, &rules);
        prop_assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(&soup));
        prop_assert_eq!(output, soup);
        prop_assert_eq!(seen, (0, 0));
    }

    #[test]
    fn how_a_page_is_cut_changes_nothing(soup in tag_soup(), size in 1usize..60, submit in any::<bool>()) {
        let rules = Rules {
            way: if submit { "submit" } else { "lead" }.into(),
            controls: vec!["a, form".into(), "button, input".into()],
            hide: vec!["svg, p".into()],
            target: Some("_top".into()),
            label: None,
            form_action: vec!["https://hook.example".into()],
            end_of_body: Some("<form id='punchout-return'></form>".into()),
            content_type: "text/html".into(),
            seen: (0, 0),
        };
        let whole = rewrite(&soup, usize::MAX, &rules);
        let cut = rewrite(&soup, size, &rules);
        prop_assert_eq!(String::from_utf8_lossy(&cut.0), String::from_utf8_lossy(&whole.0));
        prop_assert_eq!(cut, whole);
    }
}

fn tag_soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => proptest::sample::select(vec![
            "<", ">", "</", "/>", "<a href=x>", "</a>", "<A\nHREF='y' >", "<p>", "</p>", "<body>", "</body>", "</BODY >",
            "<table>", "<tr>", "<td>", "</table>", "<script>", "</script>", "if (a</b) '</body>'", "<style>", "</style>",
            "<!--", "-->", "--!>", "<!doctype html>", "<svg>", "</svg>", "<path/>", "<![CDATA[", "]]>", "<textarea>",
            "</textarea>", "<title>", "</title>", "<select><option>", "</select>", "<template>", "</template>", "<form>",
            "</form>", "<button>", "<input type=submit name=proceed value=\"a&amp;b\">", "<meta charset=iso-8859-1>",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'\">", "<frameset>", "<math>",
            "<plaintext>", "&nbsp;", "\u{e6}\u{f8}\u{e5}", "\u{1f6d2}", "{", "[", " ", "\n", "\0", "<x y=\"", "\">",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..40)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("byte order marks of UTF-16 are another matter", |soup| {
            !soup.starts_with(b"\xFF\xFE") && !soup.starts_with(b"\xFE\xFF")
        })
}

fn rewrite(input: &[u8], chunk_size: usize, rules: &Rules) -> (Vec<u8>, (usize, usize)) {
    let seen = Rc::new(Seen::default());
    let hide: Vec<_> = rules.hide.iter().map(|selector| selector::compile(selector).unwrap()).collect();
    let end_of_body = rules.end_of_body.clone().map(|html| Box::new(move || html) as EndOfBody);
    let page = Page {
        controls: &Controls::compile(&rules.controls).unwrap(),
        leave: Leave {
            way: if rules.way == "submit" { Way::Submit } else { Way::Lead },
            url: "/punchout/return?a=1&b=2".into(),
            form: RETURN_FORM.into(),
            target: rules.target.clone(),
            label: rules.label.clone(),
        },
        hide: &hide,
        opening: Opening { form_action: rules.form_action.clone(), ..Opening::default() },
        readers: Vec::new(),
        end_of_body,
        at_document_end: false,
        seen: seen.clone(),
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, rules.content_type.parse().unwrap())]);
    let never = OnFailure::PassThrough(Box::new(|why| panic!("{why}")));
    let inner = chunks(input, chunk_size);
    let output =
        read_all(RewritingBody::new(inner, page.settings(), charset::declared(&headers), DEFAULT_MEMORY, never));
    (output, (seen.controls.get(), seen.unusable.get()))
}

fn read_all<B: Body<Data = Bytes, Error: std::fmt::Debug> + Unpin>(mut body: B) -> Vec<u8> {
    let mut output = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        output.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    output
}

fn chunks(bytes: &[u8], size: usize) -> Chunks {
    Chunks(bytes.chunks(size.min(bytes.len().max(1))).map(Bytes::copy_from_slice).collect())
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
