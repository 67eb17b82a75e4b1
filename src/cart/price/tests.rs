use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<String, PriceError> {
    parse_amount(text, NumberFormat::Detect).map(|amount| amount.value.to_string())
}

#[test]
fn amounts_as_shops_print_them() {
    for (text, expected) in [
        ("NOK1,234.56", "1234.56"),
        ("1\u{a0}234,56\u{a0}kr", "1234.56"),
        ("1\u{202f}234,56 kr", "1234.56"),
        ("1\u{2009}234,56 kr", "1234.56"),
        ("1.234,56 NOK", "1234.56"),
        ("kr\u{a0}1\u{a0}234,56", "1234.56"),
        ("kr 1.234,56", "1234.56"),
        ("1,234.56€", "1234.56"),
        ("0,04", "0.04"),
        ("0.375", "0.375"),
        ("1'234.50", "1234.50"),
        ("1’234.50", "1234.50"),
        ("1234,-", "1234"),
        ("kr. 99,-", "99"),
        ("kr.99", "99"),
        ("99:-", "99"),
        ("Fr. 1'099.–", "1099"),
        ("125 000,00", "125000.00"),
        ("1.234.567", "1234567"),
        ("12 345 678,9", "12345678.9"),
        ("1234.567", "1234.567"),
        ("Price: NOK1,234.56", "1234.56"),
        ("Pris: 99,50 pr stk", "99.50"),
        ("Pris: 99,50 pr 1 stk", "99.50"),
        ("99,50 kr/stk inkl. 25 % mva", "99.50"),
        ("kr 100,00\nkr 100,00", "100.00"),
        ("Price - 99.50", "99.50"),
        ("100", "100"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_told_is_refused() {
    for text in ["1.234", "kr 1,234", "999.000"] {
        assert!(matches!(read(text), Err(PriceError::Ambiguous(_))), "{text}: {:?}", read(text));
    }
    for text in ["-5,00", "\u{2212}5,00", "kr -5,00", "-kr 5,00", "- 5,00", "(5,00)", "(kr 5,00)", "(5,00 kr)", "5,00-"]
    {
        assert!(matches!(read(text), Err(PriceError::Negative(_))), "{text}: {:?}", read(text));
    }
    for text in ["125,00 pr 100 stk", "200,00 100,00", "100-200", "10\n100,00", "1234 567", "1e7", "99:50"] {
        assert!(matches!(read(text), Err(PriceError::Several(_))), "{text}: {:?}", read(text));
    }
    for text in [".50", " ,50", "1,23.45", "1.23.456", "1,234.5.6", "1.234.56", "1,234,-", "12,34,567.00"] {
        assert!(matches!(read(text), Err(PriceError::Malformed(_))), "{text}: {:?}", read(text));
    }
    for text in ["1½", "kr 1 ½", "½1", "10²", "249,90¹", "\u{662}5"] {
        assert!(matches!(read(text), Err(PriceError::Malformed(_))), "{text}: {:?}", read(text));
    }
    assert_eq!(read("2,50 pr m²").as_deref(), Ok("2.50"));
    assert!(matches!(read("Call us"), Err(PriceError::NoNumber(_))));
    assert!(matches!(read(&"9".repeat(40)), Err(PriceError::TooLarge(_))));
    assert!(matches!(read("5.00 USD 5.00 EUR"), Err(PriceError::Currencies(_))));
}

#[test]
fn the_cart_settles_what_one_price_cannot() {
    let cart = ["1.234", "99,50", "12"];
    assert_eq!(Detected::over(cart), Detected::Known(DecimalSign::Comma));
    let format = Detected::over(cart).format().unwrap();
    assert_eq!(parse_amount("1.234", format).unwrap().value, Decimal::from(1234));
    assert_eq!(Detected::over(["1.234", "2.468"]), Detected::Ambiguous("1.234".into()));
    assert_eq!(Detected::over(["12", "1 234"]), Detected::Nothing);
    assert!(Detected::over(["1.5", "1,5"]).format().is_err());
}

#[test]
fn the_configured_format_wins_and_is_kept() {
    let comma: NumberFormat = "1.234,56".parse().unwrap();
    assert_eq!(comma, NumberFormat::Known(DecimalSign::Comma));
    assert_eq!("1 234,56".parse(), Ok(comma));
    assert_eq!("1234.5".parse(), Ok(NumberFormat::Known(DecimalSign::Point)));
    assert_eq!("auto".parse(), Ok(NumberFormat::Detect));
    for unclear in ["1.234", "1234", "", "comma"] {
        assert_eq!(unclear.parse::<NumberFormat>(), Err(UnknownFormat(unclear.into())));
    }
    assert_eq!(parse_amount("1.234", comma).unwrap().value, Decimal::from(1234));
    assert!(parse_amount("99.50", comma).is_err(), "a point before two digits groups nothing");
}

/// An amount in minor units, printed in one of the world's ways.
fn printed(minor: u64, decimals: u32, group: &str, sign: char, around: (&str, &str)) -> String {
    let scale = 10u64.pow(decimals);
    let whole = (minor / scale).to_string();
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push_str(group);
        }
        grouped.push(digit);
    }
    let fraction =
        if decimals == 0 { String::new() } else { format!("{sign}{:0>1$}", minor % scale, decimals as usize) };
    format!("{}{grouped}{fraction}{}", around.0, around.1)
}

proptest! {
    #[test]
    fn a_known_format_reads_what_it_prints(
        minor in 0u64..10_000_000_000_000, decimals in 0u32..5, comma in any::<bool>(), group in 0usize..6,
        around in prop::sample::select(vec![("", ""), ("kr ", ""), ("NOK", ""), ("", "\u{a0}kr"), ("Pris: ", " kr pr stk"), ("$", ""), ("", "€")]),
    ) {
        let sign = if comma { ',' } else { '.' };
        let groups = ["", if comma { "." } else { "," }, "\u{a0}", "\u{202f}", "'", " "];
        let text = printed(minor, decimals, groups[group], sign, around);
        let format = NumberFormat::Known(DecimalSign::of(sign).unwrap());
        prop_assert_eq!(parse_amount(&text, format).map(|a| a.value), Ok(Decimal::from_i128_with_scale(minor.into(), decimals)));
    }

    #[test]
    fn detection_is_right_or_refuses(
        minors in prop::collection::vec(0u64..100_000_000, 1..6), decimals in 0u32..4, comma in any::<bool>(),
    ) {
        let sign = if comma { ',' } else { '.' };
        let group = if comma { "." } else { "," };
        let texts: Vec<_> = minors.iter().map(|minor| printed(*minor, decimals, group, sign, ("", " kr"))).collect();
        let format = Detected::over(texts.iter().map(String::as_str)).format();
        prop_assert!(format.is_ok(), "one format never contradicts itself: {:?}", texts);
        for (minor, text) in minors.iter().zip(&texts) {
            match parse_amount(text, format.clone().unwrap()) {
                Ok(amount) => prop_assert_eq!(amount.value, Decimal::from_i128_with_scale((*minor).into(), decimals)),
                Err(error) => prop_assert!(matches!(error, PriceError::Ambiguous(_)), "{}: {:?}", text, error),
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", digits in "[0-9., '’()kr-]{0,20}") {
        let _ = parse_amount(&text, NumberFormat::Detect);
        let _ = parse_amount(&digits, NumberFormat::Known(DecimalSign::Comma));
    }
}
