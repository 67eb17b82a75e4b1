//! What a cart page does not say of an article and the article's own page does.
//!
//! Only texts that are the same for every buyer are taken from there: item number, unit, and values by a name of one's own.
//! What an article costs is said by the cart alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::texts::Texts;
use super::{Line, PRODUCT};
use crate::finding::{Finding, Severity, code};

/// What is looked for on product pages, and how a line names its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// `sku`, `unit`, and names of `extra`.
    pub values: Vec<String>,
    /// By item number alone, whatever link the line has.
    pub by_sku: bool,
}

/// An article's own page, as a line of the cart names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProductPage {
    /// The line's link, as it stands on the cart page.
    Link(String),
    /// The page of the article with that number: what the cart calls [`PRODUCT`], else the item number.
    Sku(String),
}

/// What a product page says, by the names that lines use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article(pub Vec<(String, String)>);

/// What came of the product pages of one cart. The default: nobody has looked.
#[derive(Clone, Debug, Default)]
pub struct Articles(Option<BTreeMap<ProductPage, Told>>);

/// A page's values, or why there are none.
pub type Told = Result<Arc<Article>, String>;

impl Lookup {
    /// The page to look at for what `line` lacks, where it lacks anything and names one.
    pub(super) fn page_for(&self, line: &Texts) -> Option<ProductPage> {
        let text = |found: &Option<super::texts::Found>| found.as_ref().map(|found| found.text.clone());
        let lacks = self.values.iter().any(|name| match name.as_str() {
            "sku" => line.sku.is_none(),
            "unit" => line.unit.is_none(),
            name => !line.extra.iter().any(|(known, _)| known == name),
        });
        if lacks {
            {
                let product = line.extra.iter().find(|(name, _)| name == PRODUCT).map(|(_, found)| found.text.clone());
                self.page(text(&line.link), product.or_else(|| text(&line.sku)))
            }
        } else {
            None
        }
    }

    fn page(&self, link: Option<String>, number: Option<String>) -> Option<ProductPage> {
        let link = link.filter(|_| !self.by_sku).map(ProductPage::Link);
        link.or_else(|| number.map(ProductPage::Sku))
    }
}

impl Article {
    pub(super) fn of(texts: &Texts) -> Article {
        let mut values = Vec::new();
        for (name, found) in [("sku", &texts.sku), ("unit", &texts.unit)] {
            values.extend(found.as_ref().map(|found| (name.to_owned(), found.text.clone())));
        }
        values.extend(texts.extra.iter().map(|(name, found)| (name.clone(), found.text.clone())));
        Article(values)
    }

    /// What it says by that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The number on a page that is not the line's: shops lead from an article that is gone to its successor.
fn other_number<'a>(line: &Line, article: &'a Article) -> Option<&'a str> {
    let bare = |number: &str| number.split_whitespace().collect::<String>().to_lowercase();
    let other = article.value("sku")?;
    line.sku.as_deref().filter(|own| !own.is_empty() && bare(own) != bare(other)).map(|_| other)
}

impl Articles {
    /// For a cart whose product pages are looked at.
    pub fn new() -> Self {
        Articles(Some(BTreeMap::new()))
    }

    /// Adds what came of a page.
    pub fn put(&mut self, page: ProductPage, told: Told) {
        self.0.get_or_insert_default().insert(page, told);
    }

    /// What came of each page.
    pub fn iter(&self) -> impl Iterator<Item = (&ProductPage, &Told)> {
        self.0.iter().flatten()
    }

    /// Gives the lines what they lack. What stays missing is a finding.
    pub(super) fn complete<'l>(
        &self,
        lookup: &Lookup,
        lines: impl IntoIterator<Item = &'l mut Line>,
        findings: &mut Vec<Finding>,
    ) {
        let Some(known) = &self.0 else { return };
        for (at, line) in lines.into_iter().enumerate() {
            let lacking = |line: &Line| -> Vec<&str> {
                let names = lookup.values.iter().map(String::as_str);
                names.filter(|name| line.value(name).is_none_or(str::is_empty)).collect()
            };
            let missing = lacking(line);
            if missing.is_empty() {
                continue;
            }
            let number = line.extra(PRODUCT).map(str::to_owned).or_else(|| line.sku.clone());
            let unread = match lookup.page(line.link.clone(), number) {
                None => Some("the line has neither a link nor an item number".to_owned()),
                Some(page) => match known.get(&page) {
                    None => Some("was not looked at".to_owned()),
                    Some(Err(why)) => Some(why.clone()),
                    Some(Ok(article)) if let Some(other) = other_number(line, article) => {
                        Some(format!("it is about {other:?}, another article"))
                    }
                    Some(Ok(article)) => {
                        for name in missing {
                            if let Some(value) = article.value(name) {
                                line.give(name, value, false);
                            }
                        }
                        None
                    }
                },
            };
            let missing = lacking(line).join(", ");
            match unread {
                Some(why) => {
                    let detail = format!("{missing}: not known, for the product page could not be read: {why}");
                    findings.push(Finding::on_line(code::PRODUCT_PAGE_UNREAD, Severity::Warning, at + 1, detail));
                }
                None if missing.is_empty() => {}
                None => {
                    let detail = format!("{missing}: neither on the cart page nor on the product page");
                    findings.push(Finding::on_line(code::NOT_ON_PRODUCT_PAGE, Severity::Info, at + 1, detail));
                }
            }
        }
    }
}
