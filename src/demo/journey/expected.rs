//! What must arrive at the hook, worked out from the catalogue and OCI's rules alone.

use rust_decimal::Decimal;

use super::{BOUGHT, ReturnedField};
use crate::demo::catalogue::Product;
use crate::demo::{MATERIAL_GROUP, UNITS, VENDOR_NUMBER};

/// Every field of the hand-over form for what was [bought](BOUGHT), after the catalog call `call`.
pub(super) fn fields(call: &[(String, String)]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (at, (slug, typed)) in BOUGHT.iter().enumerate() {
        let product = Product::find(slug).expect("what is bought is in the catalogue: tested below");
        let quantity: Decimal = typed.replace(',', ".").parse().expect("quantities are numbers: tested below");
        fields.extend(line(at + 1, product, quantity));
    }
    let echoed = |(name, _): &&(String, String)| matches!(name.as_str(), "~OkCode" | "~TARGET" | "~CALLER");
    fields.extend(call.iter().filter(echoed).cloned());
    fields
}

fn line(index: usize, product: &Product, quantity: Decimal) -> Vec<(String, String)> {
    let (price, price_unit) = scaled(product.price(true));
    let unit = UNITS.iter().find(|(word, _)| *word == product.unit).map_or(product.unit, |(_, code)| *code);
    let field = |name: &str, value: String| (format!("NEW_ITEM-{name}[{index}]"), value);
    vec![
        field("DESCRIPTION", product.name.to_owned()),
        field("QUANTITY", format!("{quantity:.3}")),
        field("UNIT", unit.to_owned()),
        field("PRICE", format!("{price:.3}")),
        field("CURRENCY", "NOK".to_owned()),
        field("PRICEUNIT", price_unit.to_string()),
        (format!("NEW_ITEM-LONGTEXT_{index}:132[]"), product.name.to_owned()),
        field("VENDOR", VENDOR_NUMBER.to_owned()),
        field("VENDORMAT", product.sku.to_owned()),
        field("MATGROUP", MATERIAL_GROUP.to_owned()),
        field("EXT_PRODUCT_ID", product.sku.to_owned()),
    ]
}

/// The price per 1, 10, 100 ... units at which three decimals are exact. Catalogue prices have four at most.
fn scaled(price: Decimal) -> (Decimal, u32) {
    let (mut price, mut unit) = (price, 1);
    while price.normalize().scale() > 3 {
        price *= Decimal::TEN;
        unit *= 10;
    }
    (price, unit)
}

/// Pairs what had to arrive with what did, by name; surplus fields come last.
pub(super) fn compare(expected: &[(String, String)], received: &[(String, String)]) -> Vec<ReturnedField> {
    let mut surplus: Vec<&(String, String)> = received.iter().collect();
    let mut fields = Vec::new();
    for (name, value) in expected {
        let at = surplus.iter().position(|(found, _)| found == name);
        let found = at.map(|at| surplus.remove(at).1.clone());
        fields.push(ReturnedField { name: name.clone(), expected: Some(value.clone()), received: found });
    }
    let unasked = surplus.into_iter().map(|(name, value)| ReturnedField {
        name: name.clone(),
        expected: None,
        received: Some(value.clone()),
    });
    fields.extend(unasked);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bought_fits_its_fields_uncut() {
        for (name, value) in fields(&[]) {
            let longest = if name.contains("LONGTEXT") { usize::MAX } else { 40 };
            assert!((1..=longest).contains(&value.chars().count()), "{name} = {value}");
        }
    }

    #[test]
    fn the_screw_is_priced_by_the_ten() {
        let fields = fields(&[("~OkCode".into(), "ADDI".into()), ("PASSWORD".into(), "x".into())]);
        let value = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        assert_eq!(value("NEW_ITEM-PRICE[1]"), Some("0.375"));
        assert_eq!(value("NEW_ITEM-PRICEUNIT[1]"), Some("10"));
        assert_eq!(value("NEW_ITEM-QUANTITY[2]"), Some("2.500"));
        assert_eq!(value("NEW_ITEM-PRICE[3]"), Some("1234.560"));
        assert_eq!(value("~OkCode"), Some("ADDI"));
        assert_eq!(value("PASSWORD"), None);
    }

    #[test]
    fn missing_wrong_and_surplus_fields_are_told_apart() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let compared = compare(
            &[pair("A", "1"), pair("B", "2"), pair("C", "3")],
            &[pair("A", "1"), pair("C", "4"), pair("A", "1")],
        );
        let shown: Vec<_> = compared
            .iter()
            .map(|field| (field.name.as_str(), field.expected.as_deref(), field.received.as_deref(), field.is_right()))
            .collect();
        assert_eq!(
            shown,
            [
                ("A", Some("1"), Some("1"), true),
                ("B", Some("2"), None, false),
                ("C", Some("3"), Some("4"), false),
                ("A", None, Some("1"), false),
            ]
        );
    }
}
