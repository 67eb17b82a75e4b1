use proptest::prelude::*;

use super::super::assortment::Mode;
use super::super::form::{HandOver, HookQuery, form_html};
use super::super::hook::Hook;
use super::super::names::EntryNames;
use super::super::parse_back::forms;
use super::super::target::Target;
use super::*;

fn mapping(toml: &str) -> Mapping {
    Mapping::compile(&toml::from_str(toml).expect(toml)).expect(toml)
}

fn line(name: &str, sku: &str, quantity: &str, price: &str) -> Line {
    Line {
        name: name.into(),
        sku: Some(sku.into()).filter(|sku: &String| !sku.is_empty()),
        quantity: quantity.parse().expect(quantity),
        price: rust_decimal::Decimal::from_scientific(price).or_else(|_| price.parse()).expect(price),
        currency: "NOK".into(),
        unit: Some("stk".into()),
        ..Line::default()
    }
}

fn units(word: Option<&str>) -> UnitFound {
    match word {
        Some("stk") => UnitFound::Code("PCE".into()),
        Some("each") => UnitFound::Code("EACH".into()),
        Some("boks") => UnitFound::Unknown,
        _ => UnitFound::Defaulted("EA".into()),
    }
}

fn mapped_in(charset: Charset, toml: &str, lines: Vec<Line>) -> Mapped {
    let query = b"CostCenter=4711&new_item-vendor=100234";
    let (parameters, _) = Parameters::read(Some(query), None, &EntryNames::default()).unwrap();
    let surroundings = Surroundings { parameters: &parameters, units: &units, charset, control_fields: 3 };
    map(&mapping(toml), &Cart { lines, ..Cart::default() }, &surroundings)
}

fn mapped(toml: &str, lines: Vec<Line>) -> Mapped {
    mapped_in(Charset::Utf8, toml, lines)
}

fn value<'a>(mapped: &'a Mapped, line: usize, name: &str) -> Option<&'a str> {
    mapped.lines[line - 1].iter().find(|(field, _)| field.as_str() == name).map(|(_, value)| value.as_str())
}

fn codes(mapped: &Mapped) -> Vec<(&'static str, Severity)> {
    mapped.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn lines_that_belong_together_say_so() {
    let of = |name: &str, id: &str, parent: &str| Line {
        extra: [("id", id), ("of", parent)].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..line(name, name, "1", "10")
    };
    let toml = "bundles = { line = 'id', parent = 'of' }";
    let mapped = mapped(toml, vec![of("Kit", "7", ""), of("Bolt", "8", "7"), of("Tape", "9", "")]);
    let told = |name| [1, 2, 3].map(|n| value(&mapped, n, name).unwrap().to_owned());
    assert_eq!((told("ITEM_TYPE"), told("PARENT_ID")), (["R", "O", ""].map(Into::into), ["", "1", ""].map(Into::into)));
    assert_eq!(codes(&mapped), []);
    let torn = self::mapped(toml, vec![of("Bolt", "8", "7")]);
    assert_eq!((torn.may_leave(), codes(&torn)), (false, vec![(code::BUNDLE_BROKEN, Severity::Error)]));
    // Nothing changes for whoever has no bundles.
    assert_eq!(value(&self::mapped(toml, vec![of("Tape", "9", "")]), 1, "ITEM_TYPE"), None);
}

#[test]
fn a_mapping_is_shared_by_all_workers() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&mapping(""));
}

#[test]
fn the_default_mapping() {
    let mapped = mapped("", vec![line("Skrue M8", "031710    005  100", "2", "1234.5")]);
    let inputs: Vec<_> = mapped.inputs().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        inputs,
        [
            "NEW_ITEM-DESCRIPTION[1]=Skrue M8",
            "NEW_ITEM-QUANTITY[1]=2.000",
            "NEW_ITEM-UNIT[1]=PCE",
            "NEW_ITEM-PRICE[1]=1234.500",
            "NEW_ITEM-CURRENCY[1]=NOK",
            "NEW_ITEM-PRICEUNIT[1]=1",
            "NEW_ITEM-VENDOR[1]=100234",
            "NEW_ITEM-VENDORMAT[1]=031710    005  100",
            "NEW_ITEM-EXT_PRODUCT_ID[1]=031710    005  100",
        ]
    );
    assert_eq!(mapped.findings, []);
}

#[test]
fn an_empty_cart_is_no_lines_and_no_findings() {
    assert_eq!(mapped("", vec![]), Mapped::default());
}

#[test]
fn a_buyers_fields() {
    let toml = r#"
        longtext = "omit"
        [fields]
        VENDOR = "0000100234"
        EXT_PRODUCT_ID = ""
        MATGROUP = { from = "class", map = { bolts = "31161600" }, default = "00000000" }
        CUST_FIELD1 = { parameter = "COSTCENTER" }
        GTIN = { from = "ean" }
        [header]
        "~CARTID" = { template = "c-{parameter.costcenter}" }
    "#;
    let mut second = line("B", "2", "1", "1");
    second.extra = vec![("ean".into(), "7031".into()), ("class".into(), "Bolts".into())];
    let mapped = mapped(toml, vec![line("A", "1", "1", "1"), second]);
    assert!(mapped.may_leave(), "{:?}", mapped.findings);
    assert_eq!(mapped.inputs()[0], ("~CARTID".to_owned(), "c-4711".to_owned()));
    for (line, name, expected) in [
        (1, "VENDOR", Some("0000100234")),
        (1, "EXT_PRODUCT_ID", None),
        (1, "MATGROUP", Some("00000000")),
        (2, "MATGROUP", Some("31161600")),
        (1, "CUST_FIELD1", Some("4711")),
        // Dense: sent empty on the line that lacks it.
        (1, "GTIN", Some("")),
        (2, "GTIN", Some("7031")),
    ] {
        assert_eq!(value(&mapped, line, name), expected, "{name} on line {line}");
    }
}

#[test]
fn a_description_that_is_cut_goes_out_whole_as_long_text() {
    let long = format!("{}🔩x", "a".repeat(39));
    for (style, name) in [
        ("spec", Some("NEW_ITEM-LONGTEXT_1:132[]")),
        ("indexed", Some("NEW_ITEM-LONGTEXT[1]")),
        ("plain", Some("NEW_ITEM-LONGTEXT_1")),
        ("omit", None),
    ] {
        let mapped =
            mapped(&format!("longtext = {style:?}"), vec![line(&long, "1", "1", "1"), line("B", "2", "1", "1")]);
        assert_eq!(value(&mapped, 1, "DESCRIPTION"), Some(&*format!("{}🔩", "a".repeat(39))));
        let found = mapped.inputs().into_iter().find(|(name, _)| name.contains("LONGTEXT"));
        assert_eq!(found, name.map(|name| (name.to_owned(), long.clone())), "{style}");
        let severity = if style == "omit" { Severity::Warning } else { Severity::Info };
        assert_eq!(codes(&mapped), [(code::FIELD_CUT, severity)], "{style}");
    }
}

#[test]
fn prices() {
    for (toml, price, sent, unit, finding) in [
        ("", "0.12345", "12.345", "100", Some((code::PRICE_SCALED, Severity::Info))),
        ("price_units = [1, 1000]", "0.12345", "123.450", "1000", Some((code::PRICE_SCALED, Severity::Info))),
        ("price_units = [1]", "0.12345", "0.123", "1", Some((code::PRICE_ROUNDED, Severity::Warning))),
        ("", "1e-7", "0.001", "10000", Some((code::PRICE_SCALED, Severity::Info))),
        ("", "99999999999.999", "99999999999.999", "1", None),
        ("fields.PRICEUNIT = \"1000\"", "0.25", "250.000", "1000", Some((code::PRICE_SCALED, Severity::Info))),
        ("", "0", "0.000", "1", Some((code::PRICE_ZERO, Severity::Warning))),
        ("decimal = \"comma\"", "1234.5", "1234,500", "1", None),
    ] {
        let mapped = mapped(toml, vec![line("A", "1", "1", price)]);
        assert_eq!(value(&mapped, 1, "PRICE"), Some(sent), "{price}");
        assert_eq!(value(&mapped, 1, "PRICEUNIT"), Some(unit), "{price}");
        assert_eq!(codes(&mapped), finding.into_iter().collect::<Vec<_>>(), "{price}");
    }
}

#[test]
fn what_would_be_a_wrong_cart_does_not_leave() {
    let with_unit = |unit: &str| Line { unit: Some(unit.into()), ..line("A", "1", "1", "1") };
    for (toml, line, expected) in [
        ("", line("A", "1", "1", "100000000000"), code::NUMBER_TOO_LARGE),
        ("", line("A", "1", "1", "-1"), code::FIELD_INVALID),
        ("", line("A", "1", "1", "1e-9"), code::FIELD_INVALID),
        ("", line("A", "1", "0", "1"), code::FIELD_INVALID),
        ("", line("A", "1", "0.0001", "1"), code::FIELD_INVALID),
        ("", line("A", "", "1", "1"), code::FIELD_MISSING),
        ("", line("\u{a0}", "1", "1", "1"), code::FIELD_MISSING),
        ("", line("A", &"1".repeat(41), "1", "1"), code::FIELD_TOO_LONG),
        ("limits.VENDORMAT = 5", line("A", "123456", "1", "1"), code::FIELD_TOO_LONG),
        ("", with_unit("boks"), code::UNIT_UNKNOWN),
        ("", with_unit("each"), code::FIELD_TOO_LONG),
        ("fields.PRICE = \"1,50\"", line("A", "1", "1", "1"), code::FIELD_INVALID),
        ("fields.PRICE = \"\"", line("A", "1", "1", "1"), code::FIELD_MISSING),
        ("fields.PRICEUNIT = \"100000\"", line("A", "1", "1", "1"), code::FIELD_INVALID),
        ("required = [\"MATGROUP\"]", line("A", "1", "1", "1"), code::FIELD_MISSING),
    ] {
        let mapped = mapped(toml, vec![line]);
        assert!(!mapped.may_leave(), "{toml} {expected}");
        assert!(codes(&mapped).contains(&(expected, Severity::Error)), "{toml} {:?}", mapped.findings);
    }
}

#[test]
fn what_is_lost_is_told() {
    let warned = |toml: &str, line: Line, name: &str| {
        let mapped = mapped(toml, vec![line]);
        assert!(mapped.may_leave(), "{:?}", mapped.findings);
        (codes(&mapped), value(&mapped, 1, name).map(str::to_owned))
    };
    let rounded = warned("", line("A", "1", "0.0625", "1"), "QUANTITY");
    assert_eq!(rounded, (vec![(code::QUANTITY_ROUNDED, Severity::Warning)], Some("0.063".into())));
    let other = Line { unit: Some("fjong".into()), ..line("A", "1", "1", "1") };
    assert_eq!(warned("", other, "UNIT"), (vec![(code::UNIT_DEFAULTED, Severity::Warning)], Some("EA".into())));
    let none = Line { unit: None, ..line("A", "1", "1", "1") };
    assert_eq!(warned("", none, "UNIT"), (vec![(code::UNIT_DEFAULTED, Severity::Info)], Some("EA".into())));
    let lead_time = warned("fields.LEADTIME = \"3 dager\"", line("A", "1", "1", "1"), "LEADTIME");
    assert_eq!(lead_time, (vec![(code::FIELD_INVALID, Severity::Warning)], None));
    let cut = warned("limits.VENDORMAT = { length = 5, cut = true }", line("A", "123456", "1", "1"), "VENDORMAT");
    assert_eq!(cut, (vec![(code::FIELD_CUT, Severity::Warning)], Some("12345".into())));
}

#[test]
fn a_comma_before_the_decimals() {
    let mapped = mapped("decimal = \"comma\"", vec![line("A.B", "1.2", "2.5", "0.0375")]);
    for (name, expected) in
        [("QUANTITY", "2,500"), ("PRICE", "0,375"), ("PRICEUNIT", "10"), ("VENDORMAT", "1.2"), ("DESCRIPTION", "A.B")]
    {
        assert_eq!(value(&mapped, 1, name), Some(expected), "{name}");
    }
}

#[test]
fn classes_come_from_a_table() {
    let toml = r#"
        classes = { skruer = "31161500" }
        required = ["MATGROUP"]
        [fields]
        MATGROUP = { class = "category" }
    "#;
    let of = |category: &str| Line { extra: vec![("category".into(), category.into())], ..line("A", "1", "1", "1") };
    let mapped = mapped(toml, vec![of("Skruer"), of("Maling")]);
    assert_eq!(value(&mapped, 1, "MATGROUP"), Some("31161500"));
    assert_eq!(codes(&mapped), [(code::CLASS_UNKNOWN, Severity::Warning), (code::FIELD_MISSING, Severity::Error)]);
    assert!(mapped.findings.iter().all(|finding| finding.line == Some(2)), "{:?}", mapped.findings);
    assert!(mapped.findings[0].detail.starts_with("MATGROUP: "), "{:?}", mapped.findings);
}

#[test]
fn what_was_not_agreed_on_does_not_leave() {
    let mut settings = MappingSettings {
        assortment: Some(Assortment { skus: ["1".to_owned()].into(), ..Assortment::default() }),
        ..MappingSettings::default()
    };
    let mut run = |mode| {
        if let Some(assortment) = &mut settings.assortment {
            assortment.mode = mode;
        }
        let surroundings = Surroundings {
            parameters: &Parameters::default(),
            units: &units,
            charset: Charset::Utf8,
            control_fields: 0,
        };
        let cart = Cart { lines: vec![line("A", "1", "1", "1"), line("B", "2", "1", "1")], ..Cart::default() };
        map(&Mapping::compile(&settings).unwrap(), &cart, &surroundings)
    };
    let blocked = run(Mode::Block);
    assert!(!blocked.may_leave());
    assert_eq!(blocked.findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [Some(2)]);
    let warned = run(Mode::Warn);
    assert_eq!((warned.may_leave(), codes(&warned)), (true, vec![(code::NOT_IN_ASSORTMENT, Severity::Warning)]));
}

#[test]
fn matnr_stands_in_for_description_and_unit() {
    let toml = "fields.MATNR = { from = \"sku\" }\nfields.UNIT = \"\"\nfields.DESCRIPTION = \"\"";
    let mapped = mapped(toml, vec![line("A", "1", "1", "1")]);
    assert_eq!((codes(&mapped), value(&mapped, 1, "UNIT")), (vec![], None));
}

#[test]
fn letters_that_latin1_lacks() {
    let mapped = mapped_in(Charset::Latin1, "", vec![line("Pære 5 € – 🍐\0", "1", "1", "1")]);
    assert_eq!(value(&mapped, 1, "DESCRIPTION"), Some("Pære 5 EUR - ?"));
    assert_eq!(codes(&mapped), [(code::CHARSET_REPLACED, Severity::Warning)]);
    let code_changed = mapped_in(Charset::Latin1, "", vec![line("A", "A–1", "1", "1")]);
    assert!(!code_changed.may_leave());
}

#[test]
fn carts_of_many_lines() {
    let lines = |count: usize| (1..=count).map(|n| line("A", &n.to_string(), "1", "1")).collect::<Vec<_>>();
    for count in [1, 40, 83, 109] {
        let mapped = mapped("", lines(count));
        assert!(mapped.may_leave(), "{count}");
        let last = mapped.inputs().pop().unwrap();
        assert_eq!(last, (format!("NEW_ITEM-EXT_PRODUCT_ID[{count}]"), count.to_string()));
    }
    // 109 lines of 9 fields and 3 control fields are 984 inputs, 110 are 993.
    for count in [110, 200] {
        assert_eq!(codes(&mapped("", lines(count))), [(code::TOO_MANY_INPUTS, Severity::Error)], "{count}");
    }
    assert!(mapped("max_inputs = 5000", lines(200)).may_leave());
}

#[test]
fn mistakes_in_the_settings_name_their_key() {
    for (toml, key) in [
        ("fields.\"A B\" = \"x\"", "fields.A B"),
        ("fields.VENDOR = { from = \"a\", parameter = \"b\" }", "fields.VENDOR"),
        ("limits.\"X[1]\" = 3", "limits.X[1]"),
        ("required = [\"\"]", "required."),
        ("price_units = []", "price_units"),
        ("price_units = [10, 1]", "price_units"),
    ] {
        assert_eq!(Mapping::compile(&toml::from_str(toml).expect(toml)).expect_err(toml).key, key);
    }
    assert!(toml::from_str::<MappingSettings>("feilds.VENDOR = \"x\"").is_err());
}

proptest! {
    /// Whatever a shop prints, a receiver reads what was mapped: nothing more, nothing less, every line whole.
    #[test]
    fn a_receiver_reads_what_was_mapped(
        lines in prop::collection::vec((any::<String>(), "[ -~åæø\\x00-\\x1f]{0,50}", 1u64..1_000_000, 0u64..1_000_000_000, 0u32..9), 0..6),
        latin1 in any::<bool>(),
        split in any::<bool>(),
    ) {
        let lines = lines.into_iter().map(|(name, sku, quantity, price, scale)| Line {
            name, sku: Some(sku), currency: "NOK".into(),
            quantity: rust_decimal::Decimal::new(quantity as i64, scale.min(5)),
            price: rust_decimal::Decimal::new(price as i64, scale),
            ..Line::default()
        }).collect::<Vec<_>>();
        let count = lines.len();
        let charset = if latin1 { Charset::Latin1 } else { Charset::Utf8 };
        let mapped = mapped_in(charset, "", lines);
        prop_assert_eq!(mapped.lines.len(), count);
        let names: Vec<Vec<_>> = mapped.lines.iter().map(|line| line.iter().map(|(name, _)| name.clone()).collect()).collect();
        prop_assert!(names.windows(2).all(|pair| pair[0] == pair[1]));
        for (name, value) in mapped.lines.iter().flatten() {
            let limit = Limits::default().fit(name).length.unwrap_or(usize::MAX);
            prop_assert!(value.chars().count() <= limit || !mapped.may_leave(), "{} {:?}", name, value);
        }
        let hand_over = HandOver {
            hook: Some(Hook::parse("https://a.example/x?b=1&c=%26\"").unwrap()),
            hook_query: if split { HookQuery::Split } else { HookQuery::Keep },
            control: vec![], inputs: mapped.inputs(), charset, target: Target::default(),
        };
        let parsed = forms(&form_html(&hand_over, "po")).unwrap();
        prop_assert_eq!(parsed.len(), 1);
        let skipped = if split { 2 } else { 0 };
        prop_assert_eq!(&parsed[0].inputs[skipped..], &mapped.inputs()[..]);
        let action = if split { "https://a.example/x" } else { "https://a.example/x?b=1&c=%26\"" };
        prop_assert_eq!(parsed[0].attribute("action"), action);
    }
}
