//! What lies in a cart of the shop, and what became of it when it was ordered.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::demo::catalogue::Product;

/// The largest quantity of one article: the shop takes no more, whatever is typed.
const MOST: Decimal = Decimal::from_parts(99_999, 0, 0, false, 0);

/// Articles and quantities, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Basket {
    contents: Vec<(&'static Product, Decimal)>,
}

impl Basket {
    /// Puts in `quantity` more of an article.
    pub fn add(&mut self, product: &'static Product, quantity: Decimal) {
        let there = self.quantity(product.slug).unwrap_or_default();
        self.set(product.slug, Some(there + quantity));
    }

    /// Makes it `quantity` of an article, `None` takes it out. What the catalogue does not have is ignored.
    pub fn set(&mut self, slug: &str, quantity: Option<Decimal>) {
        let Some(product) = Product::find(slug) else { return };
        let quantity = quantity.map(|quantity| whole_packs(product, quantity).min(MOST));
        let at = self.contents.iter().position(|(there, _)| there.slug == slug);
        match (at, quantity) {
            (Some(at), Some(quantity)) => self.contents[at].1 = quantity,
            (Some(at), None) => drop(self.contents.remove(at)),
            (None, Some(quantity)) => self.contents.push((product, quantity)),
            (None, None) => {}
        }
    }

    /// How much of an article is in it.
    pub fn quantity(&self, slug: &str) -> Option<Decimal> {
        self.contents.iter().find(|(product, _)| product.slug == slug).map(|(_, quantity)| *quantity)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.contents.clear();
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// Adds what a visitor had collected before signing in, as real shops do.
    pub(super) fn take_over(&mut self, other: Self) {
        for (product, quantity) in other.contents {
            self.add(product, quantity);
        }
    }

    /// The lines at today's prices.
    pub(super) fn lines(&self, signed_in: bool) -> Vec<OrderLine> {
        let line = |&(product, quantity): &(&'static Product, Decimal)| OrderLine {
            product,
            sku: product.sku,
            name: product.name,
            unit: product.unit,
            quantity,
            price: product.price(signed_in),
            total: product.total(quantity, signed_in),
        };
        self.contents.iter().map(line).collect()
    }
}

/// An order that was really placed.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// Counted from 10001.
    pub number: usize,
    /// The e-mail of who ordered.
    pub account: String,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// The sum of the lines in kroner.
    pub total: Decimal,
}

impl Order {
    pub(super) fn new(number: usize, account: String, lines: Vec<OrderLine>) -> Self {
        Self { number, account, total: lines.iter().map(|line| line.total).sum(), lines }
    }
}

/// One article of a cart or an order.
#[derive(Clone, Debug, Serialize)]
pub struct OrderLine {
    #[serde(skip)]
    pub(super) product: &'static Product,
    /// The shop's item number.
    pub sku: &'static str,
    /// The name, unescaped.
    pub name: &'static str,
    /// The shop's word for the unit.
    pub unit: &'static str,
    /// How many units.
    pub quantity: Decimal,
    /// Net price of one unit in kroner, with all its decimals.
    pub price: Decimal,
    /// Net price of the line in kroner, two decimals.
    pub total: Decimal,
}

/// A typed quantity: decimal comma or point, spaces between thousands. `None` for what is no number above zero, or has
/// decimals where the article cannot be cut.
pub(super) fn read_quantity(product: &Product, typed: &str) -> Option<Decimal> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).map(|c| if c == ',' { '.' } else { c }).collect();
    let quantity = digits.parse::<Decimal>().ok()?.round_dp(3).normalize();
    (quantity > Decimal::ZERO && (product.divisible() || quantity.is_integer())).then_some(quantity)
}

fn whole_packs(product: &Product, quantity: Decimal) -> Decimal {
    if product.pack == 1 {
        return quantity;
    }
    let pack = Decimal::from(product.pack);
    (quantity / pack).ceil() * pack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::catalogue::{CABLE, SCREW};

    #[test]
    fn quantities_are_read_as_they_are_typed() {
        let (screw, cable) = (Product::find(SCREW).unwrap(), Product::find(CABLE).unwrap());
        assert_eq!(read_quantity(screw, "12 000"), Some(Decimal::from(12_000)));
        assert_eq!(read_quantity(screw, "2,5"), None);
        assert_eq!(read_quantity(cable, "2,5"), Some(Decimal::new(25, 1)));
        for nothing in ["", "0", "-1", "mange", "1,2,3"] {
            assert_eq!(read_quantity(cable, nothing), None, "{nothing}");
        }
    }

    #[test]
    fn packs_are_rounded_up_and_capped() {
        let mut basket = Basket::default();
        basket.set(SCREW, Some(Decimal::from(1_001)));
        assert_eq!(basket.quantity(SCREW), Some(Decimal::from(2_000)));
        basket.set(SCREW, Some(Decimal::from(1_000_000)));
        assert_eq!(basket.quantity(SCREW), Some(MOST));
    }
}
