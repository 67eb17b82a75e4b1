//! A cart and its lines.

use rust_decimal::Decimal;

use crate::finding::Finding;

/// What the shop's cart page says, as typed values, and what was doubtful about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cart {
    /// The lines in the order of the page.
    pub lines: Vec<Line>,
    /// The page says of itself that the cart is empty.
    pub empty: bool,
    /// What was derived, guessed or could not be read. One of severity `Error` stops the hand-over.
    pub findings: Vec<Finding>,
}

/// The further value by which the shop finds the article's page again, where that is not its item number: a number of its
/// database, an address.
pub const PRODUCT: &str = "product";

/// One line of a cart. Texts are decoded, trimmed and free of markup; they are as long as the shop printed them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// What the article is called.
    pub name: String,
    /// The shop's item number, inner spaces kept: `031710    005  100` is a real one.
    pub sku: Option<String>,
    /// How many units; above zero.
    pub quantity: Decimal,
    /// Net price of one unit, with all the decimals that are known. Derived from `total` where the printed unit price
    /// is rounded.
    pub price: Decimal,
    /// The printed total of the line, where the page has one.
    pub total: Option<Decimal>,
    /// ISO 4217, upper case.
    pub currency: String,
    /// The shop's own word for the unit ("stk", "pk"), before any table.
    pub unit: Option<String>,
    /// Address of the product page as it stands in the page, decoded.
    pub link: Option<String>,
    /// Further values by the name the configuration gives them (`manufacturer`, `category`, ...), in that order.
    pub extra: Vec<(String, String)>,
}

impl Line {
    /// The value of a name that tables and product pages may use: a text, and no amount.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        match name {
            "sku" => self.sku.as_deref(),
            "unit" => self.unit.as_deref(),
            "link" => self.link.as_deref(),
            "name" => Some(&self.name),
            name => self.extra.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()),
        }
    }

    /// Gives the line a value that it has not, or, `over`, in place of the one it has.
    pub(super) fn give(&mut self, name: &str, value: &str, over: bool) {
        let fill = |place: &mut Option<String>| {
            if over || place.as_ref().is_none_or(String::is_empty) {
                *place = Some(value.to_owned());
            }
        };
        match name {
            "sku" => fill(&mut self.sku),
            "unit" => fill(&mut self.unit),
            "link" => fill(&mut self.link),
            // Every line has one.
            "name" if over => self.name = value.to_owned(),
            "name" => {}
            name => match self.extra.iter_mut().find(|(known, _)| known == name) {
                Some((_, there)) if over || there.is_empty() => *there = value.to_owned(),
                Some(_) => {}
                None => self.extra.push((name.to_owned(), value.to_owned())),
            },
        }
    }

    /// The values that are there, by the names that sources use for them.
    pub fn values(&self) -> Vec<(&str, String)> {
        let optional = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut values = vec![
            ("name", self.name.clone()),
            ("sku", optional(&self.sku)),
            ("quantity", self.quantity.to_string()),
            ("unit", optional(&self.unit)),
            ("price", self.price.to_string()),
            ("total", self.total.map(|total| total.to_string()).unwrap_or_default()),
            ("currency", self.currency.clone()),
            ("link", optional(&self.link)),
        ];
        values.extend(self.extra.iter().map(|(name, value)| (name.as_str(), value.clone())));
        values.retain(|(_, value)| !value.is_empty());
        values
    }

    /// A further value, where it says something.
    pub fn extra(&self, name: &str) -> Option<&str> {
        let found = self.extra.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}
