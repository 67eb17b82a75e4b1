//! A cart of which all that its page says is known, and which is still to be understood.

use std::sync::Arc;

use super::articles::{Article, Articles, ProductPage};
use super::raw::Seen;
use super::rules::Rules;
use super::texts::{self, Texts};
use super::{Cart, typed};
use crate::finding::Finding;

/// The texts of a cart's lines. Between this and the cart there is time to ask for what they lack.
#[derive(Debug)]
pub struct Gathered {
    pub(super) rules: Arc<Rules>,
    pub(super) seen: Seen,
    /// Elements or nodes that the rule for lines matched.
    pub(super) matched: usize,
    /// Each once.
    pub(super) lines: Vec<Texts>,
    /// What is to be said of the cart after all else.
    pub(super) late: Vec<Finding>,
}

impl Gathered {
    pub(super) fn new(rules: &Arc<Rules>, seen: Seen) -> Self {
        let matched = seen.lines.len() + seen.passed_over;
        let lines = seen.lines.iter().map(|line| Texts::of(&rules.fields, line)).filter(|texts| !texts.is_header());
        let lines = texts::once_each(lines.collect());
        Gathered { rules: Arc::clone(rules), seen, matched, lines, late: Vec::new() }
    }

    /// Adds something to be said of the cart.
    pub fn note(&mut self, finding: Finding) {
        self.late.push(finding);
    }

    /// The product pages to look at for what lines lack.
    pub fn pages(&self) -> Vec<ProductPage> {
        let lookup = self.rules.lookup.as_ref();
        lookup.into_iter().flat_map(|lookup| self.lines.iter().filter_map(|line| lookup.page_for(line))).collect()
    }

    /// What this says of an article, where it was gathered from a product page.
    ///
    /// # Errors
    /// There is not one article on it.
    pub fn article(&self) -> Result<Article, String> {
        match self.lines.as_slice() {
            [texts] => Ok(Article::of(texts)),
            [] => Err("[shop.product] reads nothing on it".to_owned()),
            several => Err(format!("[shop.product] reads {} offers on it; let `line` match one", several.len())),
        }
    }

    /// The cart, completed by what its product pages say.
    pub fn cart(self, articles: &Articles) -> Cart {
        typed::cart(self, articles)
    }
}
