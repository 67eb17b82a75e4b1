//! Cart rules that `init` finds by itself on the pages of `fixtures/pages`, without any preset: what they read must be
//! what the platform's own rules read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use encoding_rs::{UTF_8, WINDOWS_1252};
use punchout_proxy::cart::read_html;
use punchout_proxy::cart::rules::{Rules, RulesSource};
use punchout_proxy::location::{Location, Target};
use punchout_proxy::survey::cart::find_cart;
use punchout_proxy::survey::checkout::FoundCheckout;
use rust_decimal::Decimal;

#[derive(serde::Deserialize)]
struct Expected {
    #[serde(default)]
    line: Vec<ExpectedLine>,
}

#[derive(serde::Deserialize)]
struct ExpectedLine {
    name: String,
    quantity: Decimal,
    price: Decimal,
    total: Option<Decimal>,
    sku: Option<String>,
}

#[test]
fn carts_are_found_without_a_preset() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages");
    let mut wrong = Vec::new();
    // The folder, and whether the item number is found too: some pages have none but the one in the address.
    for (shop, has_sku) in [
        ("django-oscar-nb", true),
        ("django-oscar-en", true),
        ("django-oscar-de", true),
        ("opencart-3", true),
        ("opencart-4", true),
        ("zen-cart", false),
        ("woocommerce-classic", true),
        ("magento-1", false),
        ("prestashop-8", false),
        ("evershop-2", true),
        ("old-shop", true),
        ("rounded-price", true),
    ] {
        if let Err(what) = read(&root.join(shop), has_sku) {
            wrong.push(format!("{shop}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads the cart by rules that were found on it, and compares.
fn read(folder: &Path, has_sku: bool) -> Result<(), String> {
    let bytes = fs::read(folder.join("cart.html")).unwrap();
    let expected: Expected = toml::from_str(&fs::read_to_string(folder.join("cart.lines.toml")).unwrap()).unwrap();
    let encoding = if std::str::from_utf8(&bytes).is_ok() { UTF_8 } else { WINDOWS_1252 };
    let found = find_cart(&encoding.decode(&bytes).0, None)?;
    let text = found.keys.toml();
    let mut source: RulesSource = toml::from_str(&text).map_err(|error| format!("{error}\n{text}"))?;
    source.currency.get_or_insert_with(|| "NOK".into());
    let rules = Arc::new(Rules::compile(source).map_err(|errors| format!("{errors:?}\n{text}"))?);
    let cart = read_html::read(&rules, [bytes.as_slice()], encoding);
    if cart.lines.len() != expected.line.len() {
        return Err(format!("{} lines, not {}; {:?}\n{text}", cart.lines.len(), expected.line.len(), cart.findings));
    }
    for (line, expected) in cart.lines.iter().zip(&expected.line) {
        // A platform's own rules may add what is chosen (size, colour) to the name.
        let names = (line.name.as_str(), expected.name.as_str());
        let numbers = (line.quantity, line.price, line.total) == (expected.quantity, expected.price, expected.total);
        let skus = !has_sku || line.sku == expected.sku || expected.sku.is_none();
        if !names.1.starts_with(names.0) || !numbers || !skus {
            let (name, sku) = (&expected.name, &expected.sku);
            return Err(format!(
                "{line:?}\nis not {name:?} {sku:?} {} {} {:?}\n{text}",
                expected.quantity, expected.price, expected.total
            ));
        }
    }
    Ok(())
}

#[test]
fn controls_that_lead_to_checkout_are_found_and_closed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages");
    let mut wrong = Vec::new();
    // The folder, the cart's address, a control that must be among those found, and what must be closed by address or field.
    for (shop, cart, control, closed) in [
        ("django-oscar-nb", "/nb/basket/", "a[href$='/checkout/']", "/checkout/**"),
        (
            "opencart-3",
            "/index.php?route=checkout/cart",
            "a[href*='route=checkout/checkout']",
            "?route=checkout/checkout**",
        ),
        (
            "zen-cart",
            "/index.php?main_page=shopping_cart",
            "a[href*='main_page=checkout_shipping']",
            "?main_page=checkout_shipping**",
        ),
        ("woocommerce-classic", "/cart/", "a[href$='/checkout/']", "/checkout/**"),
        ("magento-1", "/checkout/cart/", "button.btn-checkout", "/checkout/onepage/**"),
        ("prestashop-8", "/cart", "a[href$='/order']", "/order/**"),
        ("old-shop", "/kurv.asp", "input[name='kasse']", "kasse"),
    ] {
        let html = fs::read(root.join(shop).join("cart.html")).unwrap();
        let page: url::Url = format!("http://shop.example{cart}").parse().unwrap();
        let mut found = FoundCheckout::default();
        found.look(&WINDOWS_1252.decode(&html).0, &page, std::slice::from_ref(&page));
        let has_control = found.controls.iter().any(|one| one == control);
        let is_closed =
            found.paths.iter().any(|path| path == closed) || found.forms.iter().any(|(_, field)| field == closed);
        let compiles = found.controls.iter().all(|one| one.parse::<lol_html::Selector>().is_ok());
        let shut = found
            .paths
            .iter()
            .any(|path| Location::parse(path).unwrap().matches(&Target::new(page.path(), page.query())));
        if !has_control || !is_closed || !compiles || shut {
            wrong.push(format!("{shop}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
