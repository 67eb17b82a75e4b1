use super::*;

use encoding_rs::UTF_8;
use proptest::prelude::*;
use rust_decimal::Decimal;

const RULES: &str = r#"
    line = ".line"
    name = ".name"
    sku = ".sku"
    quantity = ".qty"
    price = ".price"
    total = ".sum"
    currency = "NOK"
    skip = "&.total"
    empty = [".nothing", { select = ".note", pattern = "(?i)is empty" }]
"#;

fn rules(toml: &str) -> Arc<Rules> {
    Arc::new(Rules::compile(toml::from_str(toml).unwrap()).unwrap())
}

/// Reads `html` whole and a byte at a time; both must say the same.
fn cart_by(toml: &str, html: &str) -> Cart {
    let rules = rules(toml);
    let whole = read(&rules, [html], UTF_8);
    let bytes = read(&rules, html.as_bytes().chunks(1), UTF_8);
    assert_eq!(whole, bytes);
    whole
}

fn cart(html: &str) -> Cart {
    cart_by(RULES, html)
}

/// `name|sku|quantity|price` of each line.
fn lines(cart: &Cart) -> Vec<String> {
    let shown = |line: &crate::cart::Line| {
        format!("{}|{}|{}|{}", line.name, line.sku.as_deref().unwrap_or("-"), line.quantity, line.price)
    };
    cart.lines.iter().map(shown).collect()
}

fn codes(cart: &Cart) -> Vec<&'static str> {
    cart.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn texts_are_joined_decoded_and_folded() {
    let cart = cart(
        "<div class=line><a class=name> Screw &quot;M8&quot;\n <b>x&nbsp;20</b><!-- a --> &amp;amp; <250 g><br>zinc<script>no()</script></a>\
         <i class=sku> 031710&nbsp;   005  100 </i><i class=qty>2</i>\
         <span class=price><span>k&#114;&nbsp;</span>1<wbr>2<!-- -->,<bdi>50</bdi></span></div>",
    );
    assert_eq!(lines(&cart), ["Screw \"M8\" x 20 &amp; <250 g> zinc|031710    005  100|2|12.50"]);
    assert_eq!(codes(&cart), [""; 0]);
}

#[test]
fn cells_and_rows_without_end_tags() {
    let cart = cart(
        "<table><tr><th>Article<th class=price>Price\
         <tr class=line><td class=name>A<td class=qty>1<td class=price>100,00<td class=sum>100,00\
         <tr class=line><td class=name>B<td class=qty>2<td class=price>100,00<td class=sum>200,00\
         <tr><td>Total<td class=price>300,00<td class=name>no line</table><p class=price>9",
    );
    assert_eq!(lines(&cart), ["A|-|1|100.00", "B|-|2|100.00"]);
    assert_eq!(codes(&cart), [""; 0]);
}

#[test]
fn totals_after_unclosed_lines_are_not_the_last_line() {
    for closed in ["", "</tr>", "</tbody>"] {
        let cart = cart(&format!(
            "<table><tbody><tr class=line><td class=name>A<td class=qty>3{closed}<tfoot><tr><td class=price>30,00</table>"
        ));
        assert_eq!(lines(&cart), [""; 0], "{closed}");
        assert_eq!(codes(&cart), ["PO-PRICE-MISSING"], "the total must not become the price");
    }
}

#[test]
fn nested_tables_and_lists_belong_to_their_line() {
    let cart = cart(
        "<table><tr class=line><td class=name>A<td><table><tr class=line><td class=sku>1<tr><td>x</table><td class=qty>2<td class=price>5,00\
         <tr class=line><td class=name>B<td class=qty>1<td class=price>6,00</table>\
         <ul><li class=line><b class=name>C</b><ul><li class=sku>2<li>y</ul><p class=qty>3<p class=price>7,00\
         <li class=line><b class=name>D</b><p class=qty>4<div class=price>8,00</div></ul>\
         <dl><dt>Article<dd class=line><i class=name>E</i><i class=qty>5</i><i class=price>9,00</i><dt>Sum<dd class=price>1,00</dl>",
    );
    assert_eq!(lines(&cart), ["A|1|2|5.00", "B|-|1|6.00", "C|2|3|7.00", "D|-|4|8.00", "E|-|5|9.00"]);
}

#[test]
fn positions_are_not_trusted_where_end_tags_are_missing() {
    let positional = "line = '#cart tr'\nname = 'td:nth-child(1)'\nquantity = 'td:nth-child(2)'\nprice = 'td:nth-child(3)'\ncurrency = 'NOK'";
    let closed = "<table id=cart><tr><td>A</td><td>2</td><td>5,00</td></tr></table>";
    assert_eq!(lines(&cart_by(positional, closed)), ["A|-|2|5.00"]);
    assert_eq!(codes(&cart_by(positional, closed)), [""; 0]);
    let open = "<table id=cart><tr><td>A<td>2<td>5,00</table>";
    assert!(codes(&cart_by(positional, open)).contains(&"PO-CART-UNCLOSED"));
    // The second row is no child of the first to a browser, yet it is to a rewriter: half a cart must not leave.
    let children = RULES.replace("\".line\"", "\"#cart > tr\"");
    let rows = "<table id=cart><tr><td class=name>A<td class=qty>1<td class=price>5,00<tr><td class=name>B<td class=qty>1<td class=price>6,00</table>";
    let cart = cart_by(&children, rows);
    assert_eq!(cart.lines.len(), 1);
    assert!(Finding::any_error(&cart.findings));
}

#[test]
fn headers_totals_and_skipped_lines_are_no_lines() {
    let cart = cart(
        "<p class=line><b>Article</b></p><p class='line total'><i class=name>Sum</i><i class=price>5,00</i></p>\
         <p class=line><i class=name>A</i><i class=qty>1</i><i class=price>5,00</i></p>",
    );
    assert_eq!(lines(&cart), ["A|-|1|5.00"]);
    assert_eq!(codes(&cart), [""; 0]);
}

#[test]
fn fallbacks_defaults_patterns_attributes_and_inputs() {
    let toml = r#"
        line = "tr"
        name = [".long", ".short", { default = "Article" }]
        sku = { select = "a", attribute = "href", pattern = '_(\d+)/$' }
        quantity = "input"
        price = { attribute = "data-price", numbers = "1234.56" }
        total = ".sum"
        currency = [".cur", "NOK"]
        link = "a"
        extra = { maker = "@data-maker", note = { select = ".note", keep_spaces = true } }
    "#;
    let html = "<tr data-price=1.234 data-maker='A &amp; B'><td class=long> </td><td class=short>S</td><td class=short>T</td>\
        <a href='/x_17/?a=1&amp;b=2'></a><a href='/x_18/'></a><input value=2><td class=cur>€</td><td class=note>a  b</td><td class=sum>2,468</td></tr>\
        <tr data-price=1.5><td><input value='3'><td class=sum>4,50</td></tr>";
    let cart = cart_by(toml, html);
    assert_eq!(lines(&cart), ["S|18|2|1.234", "Article|-|3|1.5"]);
    assert_eq!(cart.lines[0].currency, "EUR");
    assert_eq!(cart.lines[1].currency, "NOK");
    assert_eq!(cart.lines[0].link.as_deref(), Some("/x_17/?a=1&b=2"));
    assert_eq!(cart.lines[0].extra, [("maker".into(), "A & B".into()), ("note".into(), "a  b".into())]);
    assert_eq!(cart.lines[0].total, Some(Decimal::new(2468, 3)), "4,50 says that the comma is the decimal sign");
    assert_eq!(codes(&cart), [""; 0]);
}

#[test]
fn a_line_printed_twice_must_say_the_same() {
    let line = |key: &str, qty: &str, rest: &str| {
        format!("<div class=line data-key='{key}'><i class=name>A</i><i class=qty>{qty}</i>{rest}</div>")
    };
    let price = |price: &str| format!("<i class=price>{price}</i>");
    let keyed = format!("key = '@data-key'\n{RULES}");
    let read = |second: String| cart_by(&keyed, &(line("1", "2", &price("5,00")) + &second));
    for second in [line("1", "2", &price("kr 5,00")), line("1", "2", ""), line("1", "", "<i class=sum>10,00</i>")] {
        let cart = read(second);
        assert_eq!((lines(&cart), codes(&cart)), (vec!["A|-|2|5.00".to_owned()], vec!["PO-LINE-TWICE"]));
    }
    for second in [line("1", "3", &price("5,00")), line("1", "2", &price("6,00"))] {
        let cart = read(second);
        assert_eq!(codes(&cart), ["PO-LINE-CONFLICT", "PO-LINE-TWICE"]);
        assert!(Finding::any_error(&cart.findings));
    }
    for second in [line("2", "2", &price("5,00")), line("", "2", &price("5,00"))] {
        let cart = read(second);
        assert_eq!((cart.lines.len(), codes(&cart)), (2, vec![]), "what has no key is no twin");
    }
}

#[test]
fn item_numbers_keep_their_spaces_but_not_the_layout_of_the_source() {
    let sku = |inner: &str| {
        let page =
            format!("<p class=line><b class=name>A</b><b class=qty>1</b><b class=price>5</b><b class=sku>{inner}</b>");
        cart(&page).lines[0].sku.clone().unwrap()
    };
    assert_eq!(sku("\n   031710    005  100\n  "), "031710    005  100");
    assert_eq!(sku("A&nbsp;&nbsp;1\t2"), "A  1 2");
    assert_eq!(sku("A\n      1<br>2"), "A 1 2");
}

#[test]
fn unclosed_cells_in_closed_rows_hurt_only_rules_that_count_cells() {
    let rows = "<table id=cart><tr class=line><td class=name>A<td class=qty>1<td class=price>5,00</tr>\
                <tr class=line><td class=name>B<td class=qty>1<td class=price>6,00</tr></table>";
    let cart = cart_by(&RULES.replace("\".line\"", "\"#cart > tr\""), rows);
    assert_eq!(lines(&cart), ["A|-|1|5.00", "B|-|1|6.00"]);
    assert_eq!(codes(&cart), [""; 0]);
}

#[test]
fn a_header_is_no_line_for_its_defaults_and_rows_without_values_do_not_fill_the_cart() {
    let toml = RULES.replace("name = \".name\"", "name = ['.name', { default = 'Article' }]") + "max_lines = 2";
    let header = "<p class=line>Article<b>Price</b></p>".repeat(5);
    let cart = cart_by(&toml, &format!("{header}<p class=line><b class=qty>1</b><b class=price>5</b></p>"));
    assert_eq!(lines(&cart), ["Article|-|1|5"]);
    assert_eq!(codes(&cart), [""; 0]);
}

#[test]
fn what_is_missing_or_unreadable_stops_the_cart() {
    let line = |inner: &str| cart(&format!("<div class=line>{inner}</div>"));
    for (inner, code) in [
        ("<i class=name>A</i><i class=price>5,00</i>", "PO-LINE-VALUE-MISSING"),
        ("<i class=qty>1</i><i class=price>5,00</i>", "PO-LINE-VALUE-MISSING"),
        ("<i class=name>A</i><i class=qty>1</i>", "PO-PRICE-MISSING"),
        ("<i class=name>A</i><i class=qty>1</i><i class=price>call us</i>", "PO-PRICE-UNREADABLE"),
        ("<i class=name>A</i><i class=qty>1</i><i class=price>1.234</i>", "PO-PRICE-UNREADABLE"),
        ("<i class=name>A</i><i class=qty>1</i><i class=price>-5,00</i>", "PO-PRICE-UNREADABLE"),
        ("<i class=name>A</i><i class=qty>0</i><i class=price>5,00</i>", "PO-QUANTITY-UNREADABLE"),
        ("<i class=name>A</i><i class=qty>-1</i><i class=price>5,00</i>", "PO-QUANTITY-UNREADABLE"),
        ("<i class=name>A</i><i class=qty>many</i><i class=price>5,00</i>", "PO-QUANTITY-UNREADABLE"),
        ("<i class=name>A</i><i class=qty>1</i><i class=price>$ 5.00</i>", "PO-CURRENCY-UNKNOWN"),
        (
            "<i class=name>A</i><i class=qty>1</i><i class=price>5,00 EUR</i><i class=sum>5,00 NOK</i>",
            "PO-CURRENCY-UNKNOWN",
        ),
    ] {
        let cart = line(inner);
        assert_eq!(codes(&cart), [code], "{inner}");
        assert!(Finding::any_error(&cart.findings), "{inner}");
    }
}

#[test]
fn contradicting_formats_stop_the_whole_cart() {
    let line = |price| format!("<div class=line><i class=name>A</i><i class=qty>1</i><i class=price>{price}</i></div>");
    let cart = cart(&format!("{}{}", line("1.5"), line("1,5")));
    assert_eq!(codes(&cart), ["PO-PRICE-UNREADABLE"]);
    assert_eq!(cart.findings[0].line, None);
}

#[test]
fn empty_or_not_found() {
    for html in
        ["<p class=nothing></p>", "<div class=note>Your cart <b>is\n empty</b>.</div>", "<p class=note>It is empty"]
    {
        let cart = cart(html);
        assert!(cart.empty, "{html}");
        assert_eq!(codes(&cart), [""; 0]);
    }
    for html in ["", "<p class=note>Welcome</p> is empty", "<div class=line></div>"] {
        let cart = cart(html);
        assert!(!cart.empty);
        assert_eq!(codes(&cart), ["PO-CART-NO-LINES"], "{html}");
    }
    let hidden = cart(
        "<p class=nothing hidden></p><div class=line><i class=name>A</i><i class=qty>1</i><i class=price>5</i></div>",
    );
    assert!(!hidden.empty, "a text that a script would show does not empty a cart with lines");
    assert_eq!(hidden.lines.len(), 1);
}

#[test]
fn memory_is_bounded() {
    let line =
        |name: &str| format!("<div class=line><i class=name>{name}</i><i class=qty>1</i><i class=price>5</i></div>");
    let long = cart(&line(&"å".repeat(9000)));
    assert_eq!(codes(&long), ["PO-VALUE-CUT"]);
    assert_eq!(long.lines[0].name.len(), 8 << 10);
    let limited = format!("{RULES}\nmax_lines = 2");
    assert_eq!(codes(&cart_by(&limited, &line("A").repeat(2))), [""; 0]);
    let too_long = cart_by(&limited, &line("A").repeat(3));
    assert_eq!(codes(&too_long), ["PO-CART-TOO-LONG"]);
    assert_eq!(too_long.lines.len(), 2);
}

#[test]
fn a_page_in_a_charset_that_cannot_stream_is_refused() {
    let cart = read(&rules(RULES), ["<p class=nothing>"], encoding_rs::UTF_16LE);
    assert!(codes(&cart).contains(&"PO-PAGE-UNREADABLE"));
}

#[test]
fn the_page_is_not_changed() {
    let html = "<table><tr class=line><td class=name>A &amp; <b>B<td><input class=qty value=1><td class=price>5,00&nbsp;kr<tr><td>x</table>";
    let reader = Reader::new(&rules(RULES));
    let mut out = Vec::new();
    let settings = reader
        .handlers()
        .into_iter()
        .fold(Settings::new().with_strict(false), Settings::append_element_content_handler);
    let mut rewriter = HtmlRewriter::new(settings, |bytes: &[u8]| out.extend_from_slice(bytes));
    for piece in html.as_bytes().chunks(3) {
        rewriter.write(piece).unwrap();
    }
    rewriter.end().unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), html);
    assert_eq!(reader.finish().lines.len(), 1);
    assert_eq!(codes(&reader.finish()), ["PO-CART-NO-LINES"], "a finished reader is empty");
}

/// Pieces of bad pages.
const SCRAPS: [&str; 40] = [
    "<table>",
    "</table>",
    "<tbody>",
    "<tr>",
    "</tr>",
    "<tr class=line>",
    "<td>",
    "</td>",
    "<td class=name>",
    "<td class=qty>",
    "<td class=price>",
    "<th>",
    "<tfoot>",
    "<ul>",
    "</ul>",
    "<li>",
    "</li>",
    "<li class=line>",
    "<p class=name>",
    "<p>",
    "</p>",
    "<div class=line>",
    "</div>",
    "<div class=price>",
    "<span class=qty>",
    "</span>",
    "<select>",
    "<option class=sku>",
    "<br>",
    "<input class=qty value=3>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "1.234,50 kr",
    "&nbsp;",
    "&am",
    "Ångstrøm",
    "<",
    "7",
];

proptest! {
    #[test]
    fn bad_pages_say_the_same_in_any_pieces(
        scraps in prop::collection::vec(prop::sample::select(&SCRAPS[..]), 0..60), size in 1usize..20,
    ) {
        let html = scraps.concat();
        let rules = rules(RULES);
        let whole = read(&rules, [&html], UTF_8);
        prop_assert_eq!(&whole, &read(&rules, html.as_bytes().chunks(size), UTF_8));
        for line in &whole.lines {
            prop_assert!(line.quantity > Decimal::ZERO && line.price >= Decimal::ZERO);
        }
    }
}
