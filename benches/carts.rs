//! What a cart costs once it is read: `cargo bench --bench carts`. 40 lines are a large cart, 83 what the most careful
//! receivers take (their limit is 1,000 inputs).
#![allow(clippy::unwrap_used, missing_docs)]

use divan::{Bencher, black_box};
use punchout_proxy::cart::price::{Detected, NumberFormat, parse_amount};
use punchout_proxy::cart::unit::Units;
use punchout_proxy::cart::{Cart, Line};
use punchout_proxy::protocol::oci::form::form_html;
use punchout_proxy::protocol::oci::mapping::map;
use punchout_proxy::protocol::oci::{
    Charset, HandOver, Hook, HookQuery, Mapping, MappingSettings, Parameters, Surroundings, Target, UnitFound,
};
use rust_decimal::Decimal;

fn main() {
    divan::main();
}

#[divan::bench(args = ["99", "1 234,50 kr", "NOK 12.345.678,90 eks. mva", "EUR 0.375 pr 1 stk"])]
fn one_price(text: &str) -> Option<Decimal> {
    parse_amount(black_box(text), NumberFormat::Detect).ok().map(|amount| amount.value)
}

#[divan::bench]
fn how_a_cart_prints_numbers(bencher: Bencher) {
    let prices: Vec<String> = (1..=80).map(|n| format!("{n} {:03},{:02} kr", n * 7 % 1000, n % 100)).collect();
    bencher.bench(|| Detected::over(black_box(&prices).iter().map(String::as_str)));
}

fn cart(lines: u32) -> Cart {
    let line = |n: u32| Line {
        name: format!("Hydraulic sealing bolt, stainless, M12 × {n} mm \"A4\" & washer <DIN 934>"),
        sku: Some(format!("{}-{n}", 100_000 + n)),
        quantity: Decimal::from(n % 40 + 1),
        price: Decimal::new(i64::from(n) * 3_751, 4),
        currency: "NOK".to_owned(),
        unit: Some("stk".to_owned()),
        link: Some(format!("/product/{n}")),
        extra: vec![("manufacturer".to_owned(), "MF".to_owned())],
        ..Line::default()
    };
    Cart { lines: (1..=lines).map(line).collect(), ..Cart::default() }
}

#[divan::bench(args = [1, 40, 83])]
fn map_to_fields(bencher: Bencher, lines: u32) {
    let (cart, mapping) = (cart(lines), Mapping::compile(&MappingSettings::default()).unwrap());
    bencher.bench(|| mapped(&mapping, black_box(&cart)).len());
}

fn mapped(mapping: &Mapping, cart: &Cart) -> Vec<(String, String)> {
    let table = Units::shipped();
    let units = |word: Option<&str>| UnitFound::from(table.find(word.unwrap_or_default()));
    let parameters = Parameters::default();
    let surroundings =
        Surroundings { parameters: &parameters, units: &units, charset: Charset::Utf8, control_fields: 3 };
    map(mapping, cart, &surroundings).inputs()
}

#[divan::bench(args = [1, 40, 83])]
fn write_the_form(bencher: Bencher, lines: u32) {
    let mapping = Mapping::compile(&MappingSettings::default()).unwrap();
    let hand_over = HandOver {
        hook: Some(Hook::parse("https://srm.acme.example/sap/bc/gui?sap-sessionid=ANON").unwrap()),
        hook_query: HookQuery::Keep,
        control: vec![("~OkCode".to_owned(), "ADDI".to_owned())],
        inputs: mapped(&mapping, &cart(lines)),
        charset: Charset::Utf8,
        target: Target::choose(None, None),
    };
    bencher.bench(|| form_html(black_box(&hand_over), "punchout-return").len());
}
