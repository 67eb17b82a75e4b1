//! Parsers that are not ours read the body that a browser sends for a cart: PHP's, Express's, Rack's, Python's. They drop,
//! move and cut in silence, so only what they give back proves that a cart arrives whole.
//!
//! `tests/run parsers` installs them and runs this.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use punchout_proxy::cart::{Cart, Line};
use punchout_proxy::finding::code;
use punchout_proxy::protocol::oci::form::{HandOver, HookQuery, control_fields, form_html};
use punchout_proxy::protocol::oci::mapping::{Mapped, Mapping, Surroundings, UnitFound, map};
use punchout_proxy::protocol::oci::{Charset, Hook, Parameters, Target, parse_back};

type Lines = BTreeMap<usize, BTreeMap<String, String>>;

const NAUGHTY: [&str; 8] = [
    "\"<b>&'</b> &amp; &quot;",
    "Skrue\r\nM8\t40 mm",
    "🔩 bolt",
    "1+1=2 & 50%25 %zz",
    "Rør [2] ]x[ {a}",
    "Blåbær; æøå ÆØÅ ß é",
    "../../etc/passwd\\ 'OR 1=1--",
    "<script>alert(\"1\")</script>",
];

fn cart(count: usize) -> Cart {
    let line = |n: usize| Line {
        name: format!("{} {n}", NAUGHTY[n % NAUGHTY.len()]),
        sku: Some(format!("031710    005  {n}+%")),
        quantity: (n + 1).into(),
        price: rust_decimal::Decimal::new(10_375 + n as i64, 4),
        currency: "NOK".into(),
        unit: Some("stk".into()),
        extra: vec![("details".into(), format!("{}\nlinje 2 = \"x\" & [y]", NAUGHTY[n % NAUGHTY.len()]))],
        ..Line::default()
    };
    Cart { lines: (0..count).map(line).collect(), ..Cart::default() }
}

fn mapped(settings: &str, charset: Charset, count: usize) -> Mapped {
    let settings = format!("fields.LONGTEXT = {{ from = \"details\" }}\n{settings}");
    let mapping = Mapping::compile(&toml::from_str(&settings).unwrap()).unwrap();
    let units = |_: Option<&str>| UnitFound::Code("PCE".into());
    let surroundings = Surroundings { parameters: &Parameters::default(), units: &units, charset, control_fields: 3 };
    map(&mapping, &cart(count), &surroundings)
}

/// What a browser sends for the form that takes the cart to the hook.
fn body(mapped: &Mapped, charset: Charset) -> Vec<u8> {
    let target = Target::default();
    let hand_over = HandOver {
        hook: Some(Hook::parse("https://srm.example/return?token=a&b=%26").unwrap()),
        hook_query: HookQuery::Keep,
        control: control_fields(&[], true, &target),
        inputs: mapped.inputs(),
        charset,
        target,
    };
    parse_back::forms(&form_html(&hand_over, "po")).unwrap().remove(0).body()
}

/// The lines as they were put into the form; browsers end lines with CR LF.
fn sent(mapped: &Mapped) -> Lines {
    let line = |line: &Vec<(punchout_proxy::protocol::oci::FieldName, String)>| {
        line.iter().map(|(name, value)| (name.to_string(), value.replace('\n', "\r\n"))).collect()
    };
    (1..).zip(mapped.lines.iter().map(line)).collect()
}

fn read_by(command: &[&str], body: &[u8], charset: Charset) -> Lines {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parsers");
    let work = std::env::var("TESTS_WORK").unwrap_or_else(|_| format!("{here}/../.work"));
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .arg(charset.label())
        .current_dir(here)
        .env("PARSERS_NODE", format!("{work}/parsers"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `tests/run parsers` installs what is missing"));
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

const PARSERS: [&[&str]; 4] =
    [&["php", "read.php"], &["node", "read.mjs"], &["ruby", "read.rb"], &["python3", "read.py"]];

#[test]
#[ignore = "needs php, node, ruby and python: tests/run parsers"]
fn every_parser_reads_every_line_as_it_was_sent() {
    for charset in [Charset::Utf8, Charset::Latin1] {
        for count in [1, 40, 83] {
            let mapped = mapped("", charset, count);
            assert!(mapped.may_leave(), "{:?}", mapped.findings);
            let (body, sent) = (body(&mapped, charset), sent(&mapped));
            assert_eq!(sent.len(), count);
            for parser in PARSERS {
                let read = read_by(parser, &body, charset);
                for (number, line) in &sent {
                    assert_eq!(
                        read.get(number),
                        Some(line),
                        "{parser:?}, {}, {count} lines, line {number}",
                        charset.label()
                    );
                }
                assert_eq!(read.len(), count, "{parser:?}, {}", charset.label());
            }
        }
    }
}

#[test]
#[ignore = "needs php, node, ruby and python: tests/run parsers"]
fn a_cart_over_the_budget_stops_instead_of_arriving_cut() {
    let stopped = mapped("", Charset::Utf8, 120);
    assert!(stopped.findings.iter().any(|finding| finding.code == code::TOO_MANY_INPUTS) && !stopped.may_leave());
    // That this is no idle care: PHP reads the same cart without a word of complaint to the buyer, and loses its end.
    let let_through = mapped("max_inputs = 5000", Charset::Utf8, 120);
    let read = read_by(PARSERS[0], &body(&let_through, Charset::Utf8), Charset::Utf8);
    assert!(read.len() < 120, "{} lines", read.len());
}
