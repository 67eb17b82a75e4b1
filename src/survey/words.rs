//! What shops write on their controls, in several languages: `words.toml` beside this file.

use std::sync::LazyLock;

use regex::Regex;

/// The words, compiled. Part of the program, so that a bad pattern fails every test.
pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let source: Source = toml::from_str(include_str!("words.toml")).expect("shipped, and read by every test here");
    Words::compile(&source)
});

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    sign_in: Vec<String>,
    sign_out: Vec<String>,
    cart: Vec<String>,
    add: Vec<String>,
    checkout: Vec<String>,
    remove: Vec<String>,
    update: Vec<String>,
    clear: Vec<String>,
    empty: Vec<String>,
    quantity: Vec<String>,
    price: Vec<String>,
    total: Vec<String>,
    sku: Vec<String>,
    unit: Vec<String>,
    title: Vec<String>,
    own_account: Vec<String>,
    old_price: Vec<String>,
    layout: Vec<String>,
}

/// One pattern for each kind of control or value.
pub(super) struct Words {
    pub(super) sign_in: Regex,
    pub(super) sign_out: Regex,
    pub(super) cart: Regex,
    pub(super) add: Regex,
    pub(super) checkout: Regex,
    pub(super) remove: Regex,
    pub(super) update: Regex,
    pub(super) clear: Regex,
    /// As a pattern for `proxy.toml` too.
    pub(super) empty: Regex,
    pub(super) quantity: Regex,
    pub(super) price: Regex,
    pub(super) total: Regex,
    pub(super) sku: Regex,
    pub(super) unit: Regex,
    pub(super) title: Regex,
    /// Pages of a customer's account that no punchout needs.
    pub(super) own_account: Regex,
    pub(super) old_price: Regex,
    /// Classes that say how something looks, not what it is.
    pub(super) layout: Regex,
}

impl Words {
    fn compile(source: &Source) -> Words {
        let any = |patterns: &[String]| {
            Regex::new(&format!("(?i){}", patterns.join("|"))).expect("shipped, and compiled by every test here")
        };
        Words {
            sign_in: any(&source.sign_in),
            sign_out: any(&source.sign_out),
            cart: any(&source.cart),
            add: any(&source.add),
            checkout: any(&source.checkout),
            remove: any(&source.remove),
            update: any(&source.update),
            clear: any(&source.clear),
            empty: any(&source.empty),
            quantity: any(&source.quantity),
            price: any(&source.price),
            total: any(&source.total),
            sku: any(&source.sku),
            unit: any(&source.unit),
            title: any(&source.title),
            own_account: any(&source.own_account),
            old_price: any(&source.old_price),
            layout: any(&source.layout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_known_in_several_languages() {
        for (pattern, texts) in [
            (&WORDS.checkout, &["Gå til kassen", "Till kassan", "Zur Kasse", "Proceed to checkout", "Afrekenen"][..]),
            (&WORDS.sign_out, &["Logg ut", "/customer/logoff", "Abmelden", "Se déconnexion", "Log out", "Log ud"]),
            (&WORDS.add, &["Legg i handlekurv", "Add to basket", "In den Warenkorb", "Ajouter au panier", "Køb"]),
            (&WORDS.empty, &["Handlekurven er tom.", "Your basket is empty!", "Warenkorb ist leer"]),
            (&WORDS.remove, &["Fjern", "Ta bort", "Löschen", "remove_item=3"]),
        ] {
            for text in texts {
                assert!(pattern.is_match(text), "{text}");
            }
        }
        assert!(!WORDS.empty.is_match("Tomato"));
    }
}
