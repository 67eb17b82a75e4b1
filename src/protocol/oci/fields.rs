//! The NEW_ITEM fields of OCI 4.0 and 5.0, their lengths and formats, and the limits of one buyer.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a field holds, and so what may be done to a value that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// For people: may be cut, and is reported.
    Text,
    /// For people, in several lines.
    LongText,
    /// For machines (an item number, a class, a unit): a cut one is a wrong one.
    Code,
    /// At most 11 digits, a dot, three decimals.
    Number,
    /// A whole number without sign.
    Whole,
    /// A web address: a cut one is a dead one.
    Url,
}

/// One field of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What follows `NEW_ITEM-`.
    pub name: &'static str,
    /// At most so many characters; `None` is unlimited.
    pub length: Option<usize>,
    /// What it holds.
    pub kind: FieldKind,
}

const fn field(name: &'static str, length: usize, kind: FieldKind) -> Field {
    Field { name, length: Some(length), kind }
}

/// The fields of the standard in its own order, which is also the order of the inputs in the form. Lengths are those of
/// OCI 4.0; in 3.0 MATNR has 18 and PRICEUNIT 9.
pub const FIELDS: [Field; 35] = {
    use FieldKind::*;
    [
        field("DESCRIPTION", 40, Text),
        field("MATNR", 40, Code),
        field("QUANTITY", 15, Number),
        field("UNIT", 3, Code),
        field("PRICE", 15, Number),
        field("CURRENCY", 5, Code),
        field("PRICEUNIT", 5, Whole),
        field("LEADTIME", 5, Whole),
        Field { name: "LONGTEXT", length: None, kind: LongText },
        field("VENDOR", 10, Code),
        field("VENDORMAT", 40, Code),
        field("MANUFACTCODE", 10, Code),
        field("MANUFACTMAT", 40, Code),
        field("MATGROUP", 10, Code),
        field("SERVICE", 1, Code),
        field("CONTRACT", 10, Code),
        field("CONTRACT_ITEM", 5, Code),
        field("EXT_QUOTE_ID", 35, Code),
        field("EXT_QUOTE_ITEM", 10, Code),
        field("EXT_PRODUCT_ID", 40, Code),
        field("ATTACHMENT", 255, Url),
        field("ATTACHMENT_TITLE", 255, Text),
        field("ATTACHMENT_PURPOSE", 1, Code),
        field("EXT_SCHEMA_TYPE", 10, Code),
        field("EXT_CATEGORY_ID", 60, Code),
        field("EXT_CATEGORY", 40, Code),
        field("SLD_SYS_NAME", 60, Code),
        field("CUST_FIELD1", 10, Code),
        field("CUST_FIELD2", 10, Code),
        field("CUST_FIELD3", 10, Code),
        field("CUST_FIELD4", 20, Code),
        field("CUST_FIELD5", 50, Code),
        field("ITEM_TYPE", 1, Code),
        field("PARENT_ID", 5, Code),
        field("TAX", 5, Code),
    ]
};

/// Fields that the standard lacks and that several systems read.
pub const BESIDE: [&str; 5] = ["TAX_RATE", "GTIN", "ADDITIONAL_COST", "IMAGE_URL", "VATPERCENTAGE"];

/// The name of a field without `NEW_ITEM-` and index: one of [`FIELDS`] or any other of a buyer's (`GTIN`,
/// `CUST_FIELD6`). Ordered as [`FIELDS`], the others after them by name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldName(Name);

/// A cart's fields are sorted by name several times: those of the standard, nearly all, are compared by their place in it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Name {
    /// By its place in [`FIELDS`].
    Standard(usize),
    Own(Arc<str>),
}

impl FieldName {
    /// A name of letters, digits, `_` and `-`, at most 60; those of the standard become upper case. `None` for others.
    pub fn parse(text: &str) -> Option<FieldName> {
        let text = without_prefix(text);
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if text.is_empty() || text.len() > 60 || !plain {
            return None;
        }
        let standard = FIELDS.iter().position(|field| field.name.eq_ignore_ascii_case(text));
        Some(FieldName(standard.map_or_else(|| Name::Own(text.into()), Name::Standard)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Standard(place) => FIELDS[*place].name,
            Name::Own(name) => name,
        }
    }

    /// The standard's row for it.
    pub fn standard(&self) -> Option<&'static Field> {
        match self.0 {
            Name::Standard(place) => Some(&FIELDS[place]),
            Name::Own(_) => None,
        }
    }

    /// Whether receivers are known to read it: a field of the standard, a further CUST_FIELD, or one of [`BESIDE`].
    pub fn is_known(&self) -> bool {
        let numbered =
            |digits: &str| (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        self.standard().is_some()
            || BESIDE.contains(&self.as_str())
            || self.as_str().strip_prefix("CUST_FIELD").is_some_and(numbered)
    }

    /// The name of the input on line `index`, from 1; `None` where `style` leaves the field out.
    pub fn input(&self, index: usize, style: LongTextStyle) -> Option<String> {
        let (before, after) = match (self.as_str(), style) {
            ("LONGTEXT", LongTextStyle::Omit) => return None,
            ("LONGTEXT", LongTextStyle::Spec) => ("_", ":132[]"),
            ("LONGTEXT", LongTextStyle::Plain) => ("_", ""),
            _ => ("[", "]"),
        };
        // A cart has hundreds: put together without growing.
        let mut input = String::with_capacity(32 + self.as_str().len());
        input.push_str("NEW_ITEM-");
        input.push_str(self.as_str());
        input.push_str(before);
        // Writing to a String does not fail.
        let _ = write!(input, "{index}");
        input.push_str(after);
        Some(input)
    }

    /// Whether `text` is one of its spellings, as [`FieldName::parse`] takes them.
    fn is_spelled(&self, text: &str) -> bool {
        let text = without_prefix(text);
        match &self.0 {
            Name::Standard(place) => FIELDS[*place].name.eq_ignore_ascii_case(text),
            Name::Own(name) => **name == *text,
        }
    }
}

fn without_prefix(text: &str) -> &str {
    text.strip_prefix("NEW_ITEM-").unwrap_or(text)
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the long text's input is named, for not every receiver reads the standard's way (PHP loses it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LongTextStyle {
    /// `NEW_ITEM-LONGTEXT_1:132[]`, as the standard has it.
    #[default]
    Spec,
    /// `NEW_ITEM-LONGTEXT[1]`, like every other field.
    Indexed,
    /// `NEW_ITEM-LONGTEXT_1`.
    Plain,
    /// Not sent.
    Omit,
}

/// What a buyer's system takes in one field, where it is not the standard's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, deny_unknown_fields, expecting = "a number of characters, or { length = 40, cut = true }")]
pub enum Limit {
    /// At most so many characters.
    Length(usize),
    /// At most so many characters, and whether a longer value is cut or stops the cart.
    Rule {
        /// Characters.
        length: usize,
        /// Cut what is longer, even a code.
        #[serde(default)]
        cut: bool,
    },
}

/// A buyer's limits by field name, over the standard's: `VENDORMAT = 22`, `CUST_FIELD5 = { length = 50, cut = true }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Limits(pub BTreeMap<String, Limit>);

/// The limit that holds for one field and one buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// At most so many characters.
    pub length: Option<usize>,
    /// What is longer is cut; otherwise it stops the cart.
    pub cut: bool,
    /// What the field holds.
    pub kind: FieldKind,
}

impl Limits {
    /// What holds for `name`: the buyer's limit, else the standard's. Fields outside the standard are codes without a
    /// limit.
    pub fn fit(&self, name: &FieldName) -> Fit {
        let standard = name.standard();
        let kind = standard.map_or(FieldKind::Code, |field| field.kind);
        let text = matches!(kind, FieldKind::Text | FieldKind::LongText);
        let own = self.0.iter().find(|(key, _)| name.is_spelled(key)).map(|(_, limit)| *limit);
        match own {
            Some(Limit::Length(length)) => Fit { length: Some(length), cut: text, kind },
            Some(Limit::Rule { length, cut }) => Fit { length: Some(length), cut: cut || text, kind },
            None => Fit { length: standard.and_then(|field| field.length), cut: text, kind },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_order() {
        let names =
            ["GTIN", "price", "DESCRIPTION", "Own-1", "NEW_ITEM-UNIT"].map(|name| FieldName::parse(name).unwrap());
        let mut sorted = names.to_vec();
        sorted.sort();
        assert_eq!(format!("{sorted:?}"), "[DESCRIPTION, UNIT, PRICE, GTIN, Own-1]");
        for bad in ["", "A B", "X[1]", "NEW_ITEM-", "Å", &"A".repeat(61)] {
            assert_eq!(FieldName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_receivers_are_known_to_read() {
        for known in ["vendor", "CUST_FIELD6", "CUST_FIELD12", "GTIN"] {
            assert!(FieldName::parse(known).unwrap().is_known(), "{known}");
        }
        for unknown in ["VENDR", "CUST_FIELD", "CUST_FIELDS", "CUST_FIELD123", "gtin2"] {
            assert!(!FieldName::parse(unknown).unwrap().is_known(), "{unknown}");
        }
    }

    #[test]
    fn the_long_text_has_names_of_its_own() {
        let name = FieldName::parse("LONGTEXT").unwrap();
        assert_eq!(name.input(3, LongTextStyle::Spec).unwrap(), "NEW_ITEM-LONGTEXT_3:132[]");
        assert_eq!(name.input(3, LongTextStyle::Indexed).unwrap(), "NEW_ITEM-LONGTEXT[3]");
        assert_eq!(name.input(3, LongTextStyle::Omit), None);
        assert_eq!(FieldName::parse("UNIT").unwrap().input(3, LongTextStyle::Omit).unwrap(), "NEW_ITEM-UNIT[3]");
    }

    #[test]
    fn a_buyers_limits_win() {
        let limits: Limits =
            toml::from_str("vendormat = 22\nCUST_FIELD5 = { length = 60, cut = true }\nGTIN = 14").unwrap();
        let fit = |name: &str| limits.fit(&FieldName::parse(name).unwrap());
        assert_eq!(fit("VENDORMAT"), Fit { length: Some(22), cut: false, kind: FieldKind::Code });
        assert_eq!(fit("CUST_FIELD5"), Fit { length: Some(60), cut: true, kind: FieldKind::Code });
        assert_eq!(fit("GTIN"), Fit { length: Some(14), cut: false, kind: FieldKind::Code });
        assert_eq!(fit("DESCRIPTION"), Fit { length: Some(40), cut: true, kind: FieldKind::Text });
        assert_eq!(fit("IMAGE_URL").length, None);
    }
}
