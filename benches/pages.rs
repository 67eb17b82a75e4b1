//! What a page of a session costs: `cargo bench --bench pages`. The rules are those that a session really has: a
//! preset's controls, the cart's reader, and the policy in `<meta>`; bytes a second are of the shop's page.
#![allow(clippy::unwrap_used, missing_docs)]

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use http_body::{Body, Frame};
use punchout_proxy::cart::read_html::Reader;
use punchout_proxy::config;
use punchout_proxy::config::plan::Shop;
use punchout_proxy::rewrite::body::{DEFAULT_MEMORY, OnFailure, RewritingBody};
use punchout_proxy::rewrite::charset::Declared;
use punchout_proxy::rewrite::coding::{self, Coding};
use punchout_proxy::rewrite::controls::{Leave, RETURN_FORM, Seen, Way};
use punchout_proxy::rewrite::csp::Opening;
use punchout_proxy::rewrite::page::Page;

mod shop_page;

fn main() {
    divan::main();
}

/// What the kernel gives at a time.
const FRAME: usize = 16 * 1024;

fn oscar() -> Shop {
    shop("preset = \"django-oscar\"\n")
}

/// The shop whose page [`shop_page`] makes.
fn legacy() -> Shop {
    shop(
        r#"
[shop.sign_in]
page = "/login"
fields = { user = "{username}", password = "{password}" }
success = { element = "a.logout" }
[shop.cart]
page = "/cart"
line = "tr.cart-line"
name = "a.product-name"
sku = "span.sku"
quantity = "input.qty-input@value"
unit = "td.unit"
price = "td.price span.amount"
total = "span.line-sum"
currency = "NOK"
link = "a.product-name@href"
extra = { manufacturer = "span.mref" }
checkout = ["button.checkout", "a.checkout"]
[shop.deny]
paths = ["/checkout/**"]
"#,
    )
}

fn shop(rest: &str) -> Shop {
    let text = format!("listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\n{rest}");
    let outcome = config::read(&text, Path::new("."));
    outcome.plan.unwrap_or_else(|| panic!("{:?}", outcome.faults)).shop
}

fn page(shop: &Shop, cart: bool) -> Page<'_> {
    let mut readers = Vec::new();
    let mut end_of_body: Option<Box<dyn FnOnce() -> String>> = None;
    if cart {
        let reader = Reader::new(&shop.cart);
        readers = reader.handlers().into_iter().map(|(s, h)| (Cow::Owned(s.into_owned()), h)).collect();
        end_of_body = Some(Box::new(move || format!("<p>{} lines</p>", reader.finish().lines.len())));
    }
    let way = if cart { Way::Submit } else { Way::Lead };
    let opening = Opening { form_action: vec!["https://srm.acme.example".to_owned()], ..Opening::default() };
    let leave = Leave {
        way,
        url: "/_punchout/return".to_owned(),
        form: RETURN_FORM.to_owned(),
        target: Some("_top".to_owned()),
        label: None,
    };
    Page {
        controls: &shop.checkout,
        leave,
        hide: &[],
        opening,
        readers,
        end_of_body,
        at_document_end: false,
        seen: Rc::new(Seen::default()),
    }
}

fn rewrite(shop: &Shop, html: &[u8], cart: bool) -> RewritingBody<Frames> {
    let closed = OnFailure::PassThrough(Box::new(|why| panic!("{why}")));
    RewritingBody::new(Frames::of(html), page(shop, cart).settings(), Declared::Nothing, DEFAULT_MEMORY, closed)
}

fn length<B: Body<Data = Bytes> + Unpin>(mut body: B) -> usize {
    let mut length = 0;
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
        length += black_box(frame.into_data()).map_or(0, |data| data.len());
    }
    length
}

const OSCAR: &[u8] = include_bytes!("../fixtures/pages/django-oscar-nb/cart.html");

#[divan::bench]
fn oscar_cart_page(bencher: Bencher) {
    let shop = oscar();
    bencher.counter(BytesCount::new(OSCAR.len())).bench_local(|| length(rewrite(&shop, black_box(OSCAR), true)));
}

#[divan::bench(args = [false, true])]
fn legacy_page_of_60_kb(bencher: Bencher, cart: bool) {
    let (shop, html) = (legacy(), shop_page::html(20));
    bencher
        .counter(BytesCount::new(html.len()))
        .bench_local(|| length(rewrite(&shop, black_box(html.as_bytes()), cart)));
}

#[divan::bench]
fn legacy_cart_read_alone(bencher: Bencher) {
    let (shop, html) = (legacy(), shop_page::html(20));
    let rules: Arc<_> = shop.cart.clone();
    bencher.counter(BytesCount::new(html.len())).bench_local(|| {
        punchout_proxy::cart::read_html::read(&rules, black_box(html.as_bytes()).chunks(FRAME), encoding_rs::UTF_8)
    });
}

#[divan::bench(args = [Coding::Gzip, Coding::Brotli, Coding::Zstd])]
fn compressed_for_the_buyer(bencher: Bencher, coding: Coding) {
    let html = shop_page::html(20);
    let bytes = BytesCount::new(html.len());
    bencher.counter(bytes).bench_local(|| length(coding::encode(Frames::of(html.as_bytes()), coding)));
}

/// A body in frames.
struct Frames(VecDeque<Bytes>);

impl Frames {
    fn of(bytes: &[u8]) -> Self {
        Frames(bytes.chunks(FRAME).map(Bytes::copy_from_slice).collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|frame| Ok(Frame::data(frame))))
    }
}
