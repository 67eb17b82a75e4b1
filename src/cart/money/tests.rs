use std::sync::Arc;

use encoding_rs::UTF_8;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::cart::rules::Rules;
use crate::cart::{Cart, read_html};
use crate::finding::{Finding, Severity};

const RULES: &str =
    "line = '.line'\nname = 'b'\nquantity = 'i'\nprice = 'u'\ntotal = 's'\ncurrency = 'NOK'\nsum = '#sum'\n";

fn rules(more: &str) -> Arc<Rules> {
    Arc::new(Rules::compile(toml::from_str(&format!("{RULES}{more}")).unwrap()).unwrap())
}

fn cart(more: &str, html: &str) -> Cart {
    read_html::read(&rules(more), [html], UTF_8)
}

fn line(quantity: &str, price: &str, total: &str) -> String {
    format!("<p class=line><b>A</b><i>{quantity}</i><u>{price}</u><s>{total}</s></p>")
}

/// `quantity x price` of each line, and the codes.
fn shown(cart: &Cart) -> (Vec<String>, Vec<&'static str>) {
    let lines = cart.lines.iter().map(|line| format!("{} {} x {}", line.name, line.quantity, line.price));
    (lines.collect(), cart.findings.iter().map(|finding| finding.code).collect())
}

fn charge(what: &str, more: &str) -> String {
    format!("[[charges]]\nselect = '.extra'\nlabel = 'dt'\namount = 'dd'\nwhat = '{what}'\n{more}")
}

fn extra(label: &str, amount: &str) -> String {
    format!("<dl class=extra><dt>{label}</dt><dd>{amount}</dd></dl>")
}

#[test]
fn what_is_returned_must_come_to_the_printed_total() {
    let lines = line("3", "9,50", "28,50") + &line("12000", "0,04", "450,00");
    for (sum, expected) in [
        ("kr 478,50", vec!["PO-PRICE-DERIVED"]),
        ("478,51", vec!["PO-PRICE-DERIVED"]),
        ("478,52", vec!["PO-PRICE-DERIVED", "PO-SUM-MISMATCH"]),
        ("508,50", vec!["PO-PRICE-DERIVED", "PO-SUM-MISMATCH"]),
        ("-478,50", vec!["PO-PRICE-DERIVED", "PO-PRICE-UNREADABLE"]),
        ("", vec!["PO-PRICE-DERIVED", "PO-SUM-MISSING"]),
    ] {
        let cart = cart("", &format!("{lines}<div id=sum>{sum}</div>"));
        assert_eq!(shown(&cart).1, expected, "{sum}");
        assert_eq!(Finding::any_error(&cart.findings), expected.len() > 1, "{sum}");
    }
    let lenient = cart("tolerance = '0.02'\nsum_mismatch = 'warning'", &format!("{lines}<div id=sum>478,53</div>"));
    assert_eq!(lenient.findings.last().unwrap().severity, Severity::Warning);
    let within = cart("tolerance = '0.02'", &format!("{lines}<div id=sum>478,52</div>"));
    assert_eq!(shown(&within).1, ["PO-PRICE-DERIVED"]);
    assert_eq!(shown(&cart("", "<div id=sum>1,00</div>")).1, ["PO-CART-NO-LINES"], "said once is enough");
}

#[test]
fn a_line_that_is_taken_twice_shows_in_the_sum() {
    let cart = cart("", &(line("2", "5,00", "10,00").repeat(2) + "<div id=sum>10,00</div>"));
    assert_eq!(shown(&cart).1, ["PO-SUM-MISMATCH"]);
    assert_eq!(cart.findings[0].detail, "the shop prints 10.00, the lines come to 20.00 (tolerance 0.010)");
}

#[test]
fn gross_prices_by_one_rate_by_the_lines_own_and_by_name() {
    let gross = |more: &str, body: &str| shown(&cart(&format!("prices = 'gross'\n{more}"), body));
    let two = line("2", "125,00", "250,00") + "<div id=sum>250,00</div>";
    assert_eq!(gross("tax = '25'", &two), (vec!["A 2 x 100".into()], vec!["PO-PRICE-NET"]));

    let own = "<p class=line><b>A</b><i>3</i><u>99,90</u><em>15 %</em></p><p class=line><b>B</b><i>1</i><u>10,00</u><em>Null</em></p>\
               <p class=line><b>C</b><i>1</i><u>10,00</u></p><div id=sum>319,70</div>";
    let (lines, codes) = gross("tax = ['em', '25']\ntaxes = { null = '0' }", own);
    assert_eq!(lines, ["A 3 x 86.87", "B 1 x 10", "C 1 x 8"]);
    assert_eq!(codes, ["PO-PRICE-NET", "PO-PRICE-NET"]);
    assert_eq!(gross("tax = 'em'", own).1.iter().filter(|code| **code == "PO-TAX-UNKNOWN").count(), 3);
    let cart = cart("tax = 'em'\ntaxes = { null = '0' }", own);
    assert_eq!(
        cart.lines[0].extra,
        [("tax".to_owned(), "15".to_owned())],
        "net prices, and the rate for whoever wants it"
    );
    assert!(!Finding::any_error(&cart.findings));
}

#[test]
fn discounts_on_lines_and_on_the_cart() {
    let own = "<p class=line><b>A</b><i>3</i><u>10,00</u><s>30,00</s><em>-3,00</em></p><div id=sum>27,00</div>";
    assert_eq!(shown(&cart("discount = 'em'", own)), (vec!["A 3 x 9".into()], vec!["PO-DISCOUNT-FOLDED"]));
    assert_eq!(shown(&cart("discount = 'em'", &own.replace("-3,00", "none"))).1, ["PO-SUM-MISMATCH"]);
    assert_eq!(shown(&cart("discount = 'em'", &own.replace("-3,00", "31,00"))).1, ["PO-DISCOUNT-TOO-LARGE"]);

    let lines = line("1", "10,00", "10,00") + &line("3", "10,00", "30,00");
    for printed in ["-10,00", "10,00-", "(10,00)", "kr 10,00", "\u{2212} 10,00 kr"] {
        let page = format!("{lines}{}<div id=sum>30,00</div>", extra("Rabatt", printed));
        let (prices, codes) = shown(&cart(&charge("discount", ""), &page));
        assert_eq!(prices, ["A 1 x 7.5", "A 3 x 7.5"], "{printed}");
        assert_eq!(codes, ["PO-DISCOUNT-FOLDED"], "{printed}");
    }
    let too_much = format!("{lines}{}<div id=sum>0,00</div>", extra("Rabatt", "41,00"));
    assert_eq!(shown(&cart(&charge("discount", ""), &too_much)).1, ["PO-DISCOUNT-TOO-LARGE"]);
}

#[test]
fn charges_become_lines_stop_the_cart_or_are_left_out() {
    let page = |amount: &str, sum: &str| line("1", "10,00", "10,00") + &extra("Frakt", amount) + "<div id=sum>" + sum;
    let with = |what: &str, more: &str, amount: &str, sum: &str| shown(&cart(&charge(what, more), &page(amount, sum)));
    let freight = cart(&charge("line", "sku = 'FRAKT'\nunit = 'stk'"), &page("5,00", "15,00"));
    assert_eq!(shown(&freight), (vec!["A 1 x 10.00".into(), "Frakt 1 x 5.00".into()], vec!["PO-CHARGE-LINE"]));
    assert_eq!((freight.lines[1].sku.as_deref(), freight.lines[1].currency.as_str()), (Some("FRAKT"), "NOK"));

    assert_eq!(with("refuse", "", "5,00", "10,00").1, ["PO-CHARGE-REFUSED"]);
    assert_eq!(with("refuse", "", "calculated later", "10,00").1, ["PO-CHARGE-REFUSED"]);
    assert_eq!(with("refuse", "", "0,00", "10,00").1, [""; 0]);
    assert_eq!(with("line", "", "Gratis", "10,00").1, ["PO-CHARGE-IGNORED"]);
    assert_eq!(with("line", "", "-5,00", "5,00").1, ["PO-PRICE-UNREADABLE"]);
    assert_eq!(with("line", "", "5,00 EUR", "15,00").1, ["PO-CURRENCY-UNKNOWN"]);
    assert_eq!(with("ignore", "", "5,00", "10,00").1, ["PO-CHARGE-IGNORED"]);
    assert_eq!(with("ignore", "", "5,00", "15,00").1, ["PO-CHARGE-IGNORED", "PO-SUM-MISMATCH"]);
    assert_eq!(with("ignore", "in_sum = true", "5,00", "15,00").1, ["PO-CHARGE-IGNORED"]);
    assert_eq!(with("refuse", "match = '(?i)gebyr'", "5,00", "10,00").1, [""; 0]);
    assert_eq!(with("line", "match = '(?i)^frakt'", "5,00", "15,00").1, ["PO-CHARGE-LINE"]);
}

#[test]
fn a_charges_tax_is_its_own_or_that_of_all_lines() {
    let page = line("1", "125,00", "125,00") + &extra("Frakt", "11,50") + "<div id=sum>136,50</div>";
    let gross =
        |tax: &str, more: &str| cart(&format!("prices = 'gross'\ntax = {tax}\n{}", charge("line", more)), &page);
    assert_eq!(shown(&gross("'25'", "")).0, ["A 1 x 100", "Frakt 1 x 9.2"]);
    assert_eq!(shown(&gross("'25'", "tax = '15'")).0, ["A 1 x 100", "Frakt 1 x 10"]);
    let unknown = gross("['em', 's']", "");
    assert!(shown(&unknown).1.contains(&"PO-TAX-UNKNOWN"));
    assert!(Finding::any_error(&unknown.findings));
}

#[test]
fn faults_are_told_at_their_keys() {
    let errors = |more: &str| -> Vec<String> {
        let errors = Rules::compile(toml::from_str(&format!("{RULES}{more}")).unwrap()).unwrap_err();
        errors.iter().map(|error| error.field.clone()).collect()
    };
    assert_eq!(errors("prices = 'gross'"), ["tax"]);
    assert_eq!(errors("tolerance = '-1'\ntaxes = { a = 'b' }"), ["taxes.a", "tolerance"]);
    assert_eq!(
        errors(
            "[[charges]]\nselect = 'a + b'\namount = 'dd'\nwhat = 'line'\n[[charges]]\nwhat = 'ignore'\n[[charges]]\nselect = 'a'\namount = 'b >'\nwhat = 'refuse'\nmatch = '('"
        ),
        [
            "charges[0].name",
            "charges[0].select",
            "charges[1].select",
            "charges[2].match",
            "charges[2].match",
            "charges[2].amount"
        ]
    );
}

#[test]
fn amounts_that_no_shop_prints_are_refused_and_never_a_panic() {
    let huge = "7".repeat(29);
    let lines = line("1", &huge, &huge).repeat(2);
    for (what, more) in [("discount", ""), ("line", ""), ("ignore", "in_sum = true")] {
        let page = lines.clone() + &extra("Frakt", &huge).repeat(2) + "<div id=sum>1,00</div>";
        let cart = cart(&charge(what, more), &page);
        assert!(Finding::any_error(&cart.findings), "{what}: {:#?}", cart.findings);
    }
    let discount = "<p class=line><b>A</b><i>10</i><u>1</u><s>10</s><em>".to_owned() + &huge + "</em></p>";
    assert_eq!(shown(&cart("discount = 'em'", &discount)).1, ["PO-DISCOUNT-TOO-LARGE"]);
}

/// Up to 30 digits, with as many decimals as there is room for.
fn any_amount() -> impl Strategy<Value = String> {
    ("[1-9][0-9]{0,29}", 0usize..29).prop_map(|(digits, decimals)| match digits.len().checked_sub(decimals) {
        Some(whole) if whole > 0 && decimals > 0 => format!("{},{}", &digits[..whole], &digits[whole..]),
        _ => digits,
    })
}

proptest! {
    #[test]
    fn no_amounts_are_too_large_to_be_told(
        lines in prop::collection::vec((any_amount(), any_amount(), any_amount(), any_amount()), 1..4),
        charges in prop::collection::vec(any_amount(), 0..3), sum in any_amount(),
        what in prop::sample::select(&["discount", "line", "ignore", "refuse"][..]), tax in 0u32..=100,
        minus in prop::sample::select(&["", "-"][..]),
    ) {
        let mut page: String = (lines.iter())
            .map(|(quantity, price, total, off)| {
                format!("<p class=line><b>A</b><i>{quantity}</i><u>{price}</u><s>{total}</s><em>{off}</em></p>")
            })
            .collect();
        page.extend(charges.iter().map(|amount| extra("Frakt", &format!("{minus}{amount}"))));
        page += &format!("<div id=sum>{sum}</div>");
        let in_sum = if what == "ignore" { "in_sum = true" } else { "" };
        for prices in ["net", "gross"] {
            for discount in ["", "discount = 'em'\n"] {
                let more = format!("numbers = '1,0'\nprices = '{prices}'\ntax = '{tax}'\n{discount}{}", charge(what, in_sum));
                cart(&more, &page);
            }
        }
    }

    #[test]
    fn a_discount_is_spread_to_the_last_cent(
        totals in prop::collection::vec((1i64..1000, 1i64..100_000), 1..12), part in 0i64..=100, tax in prop::sample::select(&["0", "15", "25"][..]),
    ) {
        let whole: i64 = totals.iter().map(|(quantity, cents)| quantity * cents).sum();
        let discount = whole * part / 100;
        let money = |cents: i64| Decimal::new(cents, 2).to_string().replace('.', ",");
        let mut page: String = (totals.iter())
            .map(|(quantity, cents)| line(&quantity.to_string(), &money(*cents), &money(quantity * cents)))
            .collect();
        page += &extra("Rabatt", &money(discount));
        page += &format!("<div id=sum>{}</div>", money(whole - discount));
        let more = format!("numbers = '1,0'\nprices = 'gross'\ntax = '{tax}'\n{}", charge("discount", ""));
        let cart = cart(&more, &page);
        prop_assert!(!Finding::any_error(&cart.findings), "{:#?}", cart.findings);
    }
}
