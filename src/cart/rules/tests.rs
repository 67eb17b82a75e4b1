use super::*;

fn source(toml: &str) -> RulesSource {
    toml::from_str(toml).unwrap()
}

fn errors(toml: &str) -> Vec<String> {
    Rules::compile(source(toml)).unwrap_err().iter().map(ToString::to_string).collect()
}

const GOOD: &str = r##"
    line = "tr.a, tr.b"
    name = "td.name a"
    quantity = "input.qty@value"
    price = ["td.sale", { select = "td.price", pattern = '([0-9.,]+)' }]
    total = "@data-total"
    currency = [".cur", "NOK"]
    link = "td.name a"
    skip = "th"
    empty = { select = "#content p", pattern = "(?i)empty" }
    [extra]
    zulu = "td.z"
    alpha = { default = "A" }
"##;

fn rows(rules: &Rules) -> &Rows {
    match &rules.lines {
        Lines::Html(rows) => rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rules_are_shared_between_workers() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Rules>();
}

#[test]
fn one_read_for_each_selector_and_text_only_where_text_is_read() {
    let rules = Rules::compile(source(GOOD)).unwrap();
    let reads: Vec<_> =
        (rows(&rules).reads.iter()).map(|read| (read.written.as_str(), read.text, read.attributes.join(" "))).collect();
    assert_eq!(
        reads,
        [
            ("", false, "data-total".to_owned()),
            ("td.name a", true, "href".to_owned()),
            ("input.qty", false, "value".to_owned()),
            ("td.sale", true, String::new()),
            ("td.price", true, String::new()),
            (".cur", true, String::new()),
            ("td.z", true, String::new()),
        ]
    );
    assert_eq!(rules.currency_default.as_deref(), Some("NOK"));
    assert_eq!(rules.fields.extra.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["zulu", "alpha"]);
    assert!(rules.warnings().is_empty());
}

#[test]
fn every_error_at_once_with_its_field() {
    let errors = errors(
        r#"
        line = "tr"
        quantity = "input:has(b)"
        price = "td + td"
        total = { select = "td", pattern = "(" }
        sku = "td@"
        currency = "XXQ"
        unit = { keep_spaces = true }
        numbers = "1.234"
        max_lines = 0
        skip = ["td ~ td"]
        "#,
    );
    for (at, part) in [
        "name: \"\": is missing",
        "quantity: \"input:has(b)\"",
        "price: \"td + td\": Unsupported combinator `+` in selector (the page is read as it streams past: siblings",
        "total: \"(\"",
        "currency: \"XXQ\": is no ISO 4217 code",
        "sku: \"td@\": has no attribute name after @",
        "unit: \"\": says neither where to read nor what to take",
        "skip: \"td ~ td\"",
        "numbers: \"1.234\"",
        "max_lines: \"0\"",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(errors[at].starts_with(part), "{at}: {part}\n{errors:#?}");
    }
    assert_eq!(errors.len(), 10, "{errors:#?}");
}

#[test]
fn a_broken_or_missing_line_is_one_error() {
    let values = "name = 'a'\nquantity = 'b'\nprice = 'c'\n";
    assert_eq!(errors(&format!("line = 'tr +'\n{values}")).len(), 1);
    assert_eq!(errors(values).len(), 1);
}

#[test]
fn unknown_keys_are_named() {
    let error = |toml| toml::from_str::<RulesSource>(toml).unwrap_err().to_string();
    assert!(error("prize = 'td'").contains("unknown field `prize`"));
    assert!(error("price = { selekt = 'td' }").contains("unknown field `selekt`"));
    assert!(error("price = [{ selekt = 'td' }]").contains("unknown field `selekt`"));
    assert!(error("price = 3").contains("a selector, a table with select, or an array"));
}

#[test]
fn own_rules_win_over_a_preset() {
    let own = source("price = 'td.mine'\n[extra]\nzulu = 'td.y'");
    let both = own.over(source(GOOD));
    assert_eq!(both.price, Some("td.mine".into()));
    assert_eq!(both.line.as_deref(), Some("tr.a, tr.b"));
    assert_eq!(both.extra.len(), 2);
    assert_eq!(both.extra[0].1, "td.y".into());
}

#[test]
fn joined_places_have_their_own_selectors() {
    let base = "line = 'tr'\nname = 'a'\nquantity = 'b'\nprice = 'i'\n";
    assert!(
        Rules::compile(source(&format!("{base}sku = {{ join = ['.x', '@data-y', {{ default = '0' }}] }}"))).is_ok()
    );
    assert_eq!(
        errors(&format!("{base}sku = {{ select = '.z', join = ['.x', '@'] }}")),
        ["sku: \"join\": stands beside select, attribute or every: each joined place has its own"]
    );
    assert_eq!(errors(&format!("{base}sku = {{ join = ['.x', '@'] }}")), ["sku: \"@\": has no attribute name after @"]);
}
