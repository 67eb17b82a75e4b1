//! Shop platforms whose rules are shipped with the program, each a `[shop]` section in TOML.

use super::document::{Document, Fault, nearest};

/// Every preset: its name, and its text.
pub const PRESETS: &[(&str, &str)] = &[
    ("django-oscar", include_str!("django-oscar.toml")),
    ("opencart-3", include_str!("opencart-3.toml")),
    ("opencart-4", include_str!("opencart-4.toml")),
    ("zen-cart", include_str!("zen-cart.toml")),
    ("woocommerce-classic", include_str!("woocommerce-classic.toml")),
    ("woocommerce-block", include_str!("woocommerce-block.toml")),
    ("magento-1", include_str!("magento-1.toml")),
    ("prestashop-8", include_str!("prestashop-8.toml")),
    ("evershop-2", include_str!("evershop-2.toml")),
];

/// By what the platforms of the presets are known.
pub const SIGNATURES: &str = include_str!("signatures.toml");

/// The preset that `shop.preset` names, if it names one.
pub fn named_in(document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<&'static str> {
    let name = document.text("shop.preset")?;
    let found = PRESETS.iter().find(|(preset, _)| *preset == name);
    if found.is_none() {
        let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
        let meant = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
        let message =
            format!("there is no preset `{name}` (there are: {}){}", names.join(", "), meant.unwrap_or_default());
        faults.push(document.fault("shop.preset", message));
    }
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::File;

    #[test]
    fn every_preset_fits_the_file() {
        for (name, text) in PRESETS {
            let mut faults = Vec::new();
            Document::parse(text, &mut faults).read::<File>(&[], &mut faults);
            assert_eq!(faults, [], "{name}");
        }
    }

    #[test]
    fn every_preset_is_all_that_a_shop_needs() {
        for (name, _) in PRESETS {
            let text = format!(
                "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"{name}\"\ncart.currency = \"NOK\"\n"
            );
            let outcome = crate::config::read(&text, std::path::Path::new("."));
            let plan = outcome.plan.unwrap_or_else(|| panic!("{name}: {:?}", outcome.faults));
            let shop = &plan.shop;
            assert!(shop.sign_in.is_some() && shop.emptying.is_some(), "{name}");
            assert!(!shop.policy.denials.is_empty(), "{name}");
        }
    }
}
