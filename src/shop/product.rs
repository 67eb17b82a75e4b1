//! One product, put into the cart as a person would: to see that a cart can be read at all.
//!
//! ```toml
//! product = "/?add-to-cart=12"                  # opening the address puts it in
//!
//! product = "/catalogue/hammer_209/"            # or the form of its page does
//! form = "#add_to_basket_form"
//! fields = { quantity = "1" }
//! ```

use super::step::{Format, Step, StepFailed, StepSource, check_address};
use super::visit::Visit;
use crate::problem::{Kind, Problem};

/// Checked.
#[derive(Clone, Debug)]
pub struct Product {
    address: String,
    step: Option<Step>,
}

impl Product {
    /// Checks the keys of `[canary]`, of which `product` is the step's page.
    ///
    /// # Errors
    /// All that is wrong, each with its key (relative to `canary`) in front.
    pub fn compile(source: &StepSource) -> Result<Self, Vec<String>> {
        let address = source.page.clone();
        let opened = source.form.is_none() && source.action.is_none() && source.fields.is_empty();
        if opened {
            check_address(&address).map_err(|error| vec![format!("product: {error}")])?;
            return Ok(Product { address, step: None });
        }
        if source.format == Format::Form && source.form.is_none() {
            return Err(vec!["form: which of the page's forms puts the product into the cart".to_owned()]);
        }
        let named = |fault: String| match fault.strip_prefix("page:") {
            Some(rest) => format!("product:{rest}"),
            None => fault,
        };
        let step = Step::compile(source, &[]).map_err(|faults| faults.into_iter().map(named).collect::<Vec<_>>())?;
        Ok(Product { address, step: Some(step) })
    }

    /// Its address in the shop.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Puts it in.
    ///
    /// # Errors
    /// What the visit meets; [`Kind::ShopBroken`] where the page is not as configured, or the shop refuses.
    pub async fn put_in(&self, visit: &mut Visit) -> Result<(), Problem> {
        let broken = |detail: String| Problem::new(Kind::ShopBroken, detail);
        let page = visit.open(&self.address).await?;
        let page = match self.step.as_ref().filter(|_| page.status.is_success()) {
            None => page,
            Some(step) => match step.run_on(visit, &page, &[]).await {
                Ok(answer) => answer,
                Err(StepFailed::Visit(problem)) => return Err(problem),
                Err(StepFailed::Form(page, missing)) => {
                    return Err(broken(format!("the product's page {page}: {missing}")));
                }
            },
        };
        match page.status.is_client_error() || page.status.is_server_error() {
            true => Err(broken(page.describe())),
            false => Ok(()),
        }
    }
}
