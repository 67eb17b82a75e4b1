//! What passes lol_html by makes no difference: pages of real shops and soups of tags come out the same, byte for byte, and the
//! same cart is read of them, whether lol_html is given all of a page or what bears a mark alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test file uses its part")]
mod page_fixture;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use http_body::{Body, Frame};
use page_fixture::{charset, folders, rules_in};
use proptest::prelude::*;
use punchout_proxy::cart::read_html::Reader;
use punchout_proxy::cart::rules::{Rules, RulesSource};
use punchout_proxy::rewrite::body::{DEFAULT_MEMORY, OnFailure, RewritingBody};
use punchout_proxy::rewrite::charset::Declared;
use punchout_proxy::rewrite::controls::{Controls, Leave, RETURN_FORM, Seen, Way};
use punchout_proxy::rewrite::csp::Opening;
use punchout_proxy::rewrite::page::Page;
use punchout_proxy::rewrite::passing::{Marks, ShopMarks};
use punchout_proxy::selector;

/// A shop as far as its pages go.
struct Shop {
    controls: Vec<&'static str>,
    hidden: Vec<&'static str>,
    cart: Arc<Rules>,
    encoding: &'static Encoding,
    label: Option<&'static str>,
}

impl Shop {
    fn with_cart(cart: &str) -> Shop {
        let source: RulesSource = toml::from_str(cart).unwrap();
        let cart = Arc::new(Rules::compile(source).unwrap_or_else(|errors| panic!("{errors:#?}")));
        Shop { controls: vec!["a.checkout, #go button.ok"], hidden: vec![".hide"], cart, encoding: UTF_8, label: None }
    }

    fn marks(&self) -> Option<Arc<Marks>> {
        ShopMarks::of(&self.controls, &self.hidden, &self.cart, &[]).cart_page
    }

    /// What comes out of a page, with the cart that was read at its end, and how many controls were met.
    fn rewritten(&self, html: &[u8], size: usize, marks: Option<Arc<Marks>>) -> (String, usize, usize) {
        let seen = Rc::new(Seen::default());
        let reader = Reader::new(&self.cart);
        let readers = reader.handlers().into_iter().map(|(s, h)| (Cow::Owned(s.into_owned()), h)).collect();
        let hide: Vec<_> = self.hidden.iter().map(|hidden| selector::compile(hidden).unwrap()).collect();
        let page = Page {
            controls: &Controls::compile(&self.controls).unwrap(),
            leave: Leave {
                way: Way::Submit,
                url: "/return".into(),
                form: RETURN_FORM.into(),
                target: None,
                label: self.label.map(str::to_owned),
            },
            hide: &hide,
            opening: Opening { form_action: vec!["https://hook.example".into()], ..Opening::default() },
            readers,
            end_of_body: Some(Box::new(move || format!("<!-- {:#?} -->", reader.finish()))),
            at_document_end: false,
            seen: seen.clone(),
        };
        let frames = html.chunks(size.min(html.len().max(1))).map(Bytes::copy_from_slice).collect();
        let never = OnFailure::PassThrough(Box::new(|why| panic!("{why}")));
        let declared = Declared::Charset(self.encoding);
        let mut body =
            RewritingBody::new(Frames(frames), page.settings(), declared, DEFAULT_MEMORY, never).passing(marks);
        let mut output = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            output.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        // Whatever byte it is, it is told from every other.
        let output = output.iter().map(|byte| char::from(*byte)).collect();
        (output, seen.controls.get(), seen.unusable.get())
    }

    fn assert_same(&self, name: &str, html: &[u8], size: usize) {
        let marks = self.marks();
        assert!(marks.is_some(), "{name}: nothing would pass");
        let (all, marked) = (self.rewritten(html, usize::MAX, None), self.rewritten(html, size, marks));
        assert!(all == marked, "{name} in pieces of {size}: {all:?}\n--- and ---\n{marked:?}");
    }
}

#[test]
fn pages_of_real_shops_are_read_and_rewritten_the_same() {
    let mut marked = 0;
    for folder in folders() {
        let Ok(html) = fs::read(folder.join("cart.html")) else { continue };
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let cart = Arc::new(Rules::compile(rules_in(&folder)).unwrap());
        let encoding = charset(&folder).map_or(UTF_8, |label| Encoding::for_label(label.as_bytes()).unwrap());
        let controls = vec!["a.btn, a[href*=\"checkout\"], button[name='go'], .btn-primary, .checkout"];
        let mut shop = Shop { controls, hidden: vec!["script[src*='tracker'], .banner"], cart, encoding, label: None };
        if shop.marks().is_none() {
            continue;
        }
        marked += 1;
        for label in [None, Some("Back")] {
            shop.label = label;
            [1, 7, 1000, usize::MAX].iter().for_each(|size| shop.assert_same(&name, &html, *size));
        }
    }
    assert!(marked >= 20, "{marked} pages have marks");
}

/// Where an element that seems to be of no account is not.
#[test]
fn what_is_strange_in_a_line_is_read_the_same() {
    let line = "<table class=cart><tr class=line data-sku=1><td>";
    let rest = "<input class=qty value=2></td><td class=price>1,50</td></tr></table>";
    for inside in [
        "<p><div>x</div><a class=name>A<div>B</div>C</a>",
        "<p>x<section><div>y</div></section><a class=name>A<p>B</p>C</a>",
        "<p><hr><a class=name>A<div>B</div>C</a>",
        "<button><p>x</p><a class=name>A<div>B</div>C</a></button>",
        "<div><p></div><a class=name>A<div>B</div>C</a>",
        "<a class=name>A</table><b>x</b>B</a>",
        "<a class=name>A<td><b>x</b></a>B",
        "<td><ul><li>x<li>y</ul><a class=name>A</a>",
        "<a class=name>A<img alt='>'><br>B</a><td></td><span>x<td></span>",
        "<a class=name>A<!-- <a class=name> --><script>'</a>'</script>B</a>",
    ] {
        let html = format!("<body>{line}{inside}{rest}{line}<a class=name>Z</a>{rest}");
        for (name, shop) in ["table", "list", "blocks"].iter().zip(shops()) {
            [1, 7, usize::MAX].iter().for_each(|size| shop.assert_same(name, html.as_bytes(), *size));
        }
    }
}

const TABLE: &str = r#"
line = "table.cart tr.line"
name = "a.name"
sku = "@data-sku"
quantity = "input.qty@value"
price = "td.price"
total = "td > .sum"
unit = [".unit", "td[data-unit]@data-unit"]
currency = "NOK"
skip = ["th", "td.total"]
empty = "p.empty"
[[charges]]
select = "tr.freight"
amount = "td.price"
what = "line"
name = "Freight"
"#;

const LIST: &str = r#"
line = "li.line, p.line, div.line"
name = "b.name, span.name"
quantity = "&.one@data-qty"
price = ".price"
currency = "NOK"
"#;

const BLOCKS: &str = r#"
line = "div.line, p.line"
name = "b.name, p.name"
quantity = "input.qty@value"
price = ".price"
currency = "NOK"
skip = ["div.total"]
"#;

fn shops() -> [Shop; 3] {
    [TABLE, LIST, BLOCKS].map(Shop::with_cart)
}

fn piece() -> impl Strategy<Value = String> {
    let tags = "table.cart tr.line tr.freight tr tbody td td.price td.total th td.x.unit span span.name span.sum span.unit a \
        a.name a.checkout b b.name i p p.line p.name p.empty p.x div div.line div.total div.hide div.x li li.line ul dl dt dd \
        section h3 button button.ok form#go form select option u custom-element a-name-longer-than-others br hr img input del s wbr \
        input.qty label template html head body";
    let starts: Vec<String> = tags
        .split_whitespace()
        .flat_map(|tag| {
            let (name, class) = tag.split_once(['.', '#']).unwrap_or((tag, ""));
            let kind = if tag.contains('#') { "id" } else { "class" };
            let class = class.replace('.', " ");
            let plain = if class.is_empty() { format!("<{name}>") } else { format!("<{name} {kind}=\"{class}\">") };
            [plain, format!("<{} x=1 {kind}='{class}' value='2' data-sku=7 data-unit=\"a>b\" >", name.to_uppercase())]
        })
        .collect();
    let names: Vec<&str> = tags.split_whitespace().map(|tag| tag.split(['.', '#']).next().unwrap()).collect();
    let ends: Vec<String> = names.iter().map(|name| format!("</{name}>")).collect();
    let whole: Vec<String> = names.iter().map(|name| format!("<{name} title='x'>1 <b>y</b></{name}>")).collect();
    let inside = ["<p><div>x</div><a class=name>A<div>", "<p>", "<div>", "<button>", "<td>"].map(|begin| {
        format!("<tr class=line data-sku=3><td>{begin}<a class=name>C</a><div class=line><input class=qty value=2><b class=name>")
    });
    let line = "<tr class=line data-sku=1><td><a class=name>A<td><input class=qty value=2><td class=price>1,50";
    let closed = "<tr class=line data-sku=2><td><a class=name>B</a></td><td><p>x</p><input class=qty value=3></td>\
        <td class=price>2,50</td><td><i class=sum>7,50</i></td></tr>";
    let strange: Vec<&str> = vec![
        "<",
        ">",
        "</",
        "/>",
        "<!--",
        "-->",
        "--!>",
        "<!-->",
        "<!--->",
        "<!-- x --><!-- <p class=line> -->",
        "<!doctype html>",
        "<?x>",
        "</>",
        "</ x>",
        "<script>",
        "</script>",
        "if (a</b) '<p class=line>'",
        "<!-- <script>",
        "<style>",
        "</style >",
        "<textarea>",
        "</textarea>",
        "<title>",
        "</title/>",
        "<svg>",
        "</svg>",
        "<path/>",
        "<![CDATA[",
        "]]>",
        "<plaintext>",
        "<noscript>",
        "</noscript>",
        "<a href='",
        "\"",
        "'",
        "<b =\"=' x",
        "<i/a=b/>",
        "<u a = 'x' b=c/d>",
        "&amp;",
        "\u{e6}",
        "\0",
        "<!DOCTYPE html PUBLIC \"a>b\">",
        "<meta charset=iso-8859-1>",
        "<meta http-equiv=\"Content-Security-Policy\" content=\"form-action 'self'\">",
        "<frameset>",
    ];
    prop_oneof![
        8 => proptest::sample::select(starts),
        6 => proptest::sample::select(ends),
        3 => proptest::sample::select(whole),
        1 => proptest::sample::select(inside.to_vec()),
        4 => proptest::sample::select(vec!["<p>", "<div>x</div>", "<div>", "</p>", "</div>", "<td>", "</td>"]).prop_map(str::to_owned),
        1 => proptest::sample::select(vec![line.to_owned(), closed.to_owned(), "<table class=cart>".to_owned()]),
        3 => proptest::sample::select(vec!["1 ", "12,50", "x\n", " "]).prop_map(str::to_owned),
        1 => proptest::sample::select(strange).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn soups_of_tags_are_read_and_rewritten_the_same(
        pieces in proptest::collection::vec(piece(), 0..60), size in 1usize..200, begins in any::<bool>(),
    ) {
        let start = if begins { "<body><table class='cart'>" } else { "" };
        let html = format!("{start}{}", pieces.concat());
        let html = html.as_bytes();
        for (at, shop) in shops().iter().enumerate() {
            let (all, marked) = (shop.rewritten(html, usize::MAX, None), shop.rewritten(html, size, shop.marks()));
            prop_assert!(all == marked, "shop {} in pieces of {}: {:?}\n--- and ---\n{:?}", at, size, all, marked);
        }
    }
}

struct Frames(VecDeque<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|frame| Ok(Frame::data(frame))))
    }
}
