//! The shop's category, to the class that the buyer keeps its spending by (UNSPSC, eCl@ss, a material group).

use std::collections::HashMap;
use std::sync::Arc;

/// A table from the shop's categories to classes. Categories are compared without case and outer spaces. Cloning shares
/// the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes(Arc<HashMap<String, String>>);

impl Classes {
    /// The same with more categories, which win over those that are there.
    pub fn with<K: AsRef<str>, C: Into<String>>(mut self, rows: impl IntoIterator<Item = (K, C)>) -> Self {
        let table = Arc::make_mut(&mut self.0);
        table.extend(rows.into_iter().map(|(category, class)| (folded(category.as_ref()), class.into())));
        self
    }

    /// The class of a category.
    pub fn find(&self, category: &str) -> Option<&str> {
        self.0.get(&folded(category)).map(String::as_str)
    }
}

fn folded(category: &str) -> String {
    category.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buyers_row_wins_over_the_shops() {
        let shop = Classes::default().with([("Skruer", "31161500"), ("Kabel", "26121600")]);
        let buyer = shop.clone().with([("skruer", "31161501")]);
        assert_eq!(buyer.find(" SKRUER "), Some("31161501"));
        assert_eq!(buyer.find("kabel"), Some("26121600"));
        assert_eq!(shop.find("Skruer"), Some("31161500"));
        assert_eq!(buyer.find("Maling"), None);
    }
}
