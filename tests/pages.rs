//! Carts read from pages in the shapes of real shops: `fixtures/pages/<shop>/` holds `rules.toml` (the keys of
//! `[shop.cart]`, over those of a preset that it names; with `part` those of its `[shop.product]` or `[shop.search]`), `cart.html` (as bytes) or `cart.json` (the answers, in an array) and `cart.lines.toml` (what must be read). Adding a case is adding a folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test file uses its part")]
mod page_fixture;

use std::path::PathBuf;

use page_fixture::{Expected, accept, folders, toml_in};
use punchout_proxy::config::presets::PRESETS;

#[test]
fn every_preset_reads_a_cart_and_an_empty_one() {
    for (preset, _) in PRESETS {
        let of_preset = |shop: &PathBuf| {
            let rules: toml::Table = toml_in(shop.join("rules.toml"));
            !rules.contains_key("part") && rules.get("preset").and_then(|name| name.as_str()) == Some(preset)
        };
        let carts: Vec<Expected> =
            folders().iter().filter(|shop| of_preset(shop)).map(|shop| toml_in(shop.join("cart.lines.toml"))).collect();
        assert!(carts.iter().any(|cart| !cart.line.is_empty()), "{preset}: no fixture with lines");
        assert!(carts.iter().any(|cart| cart.empty), "{preset}: no fixture that is empty");
    }
}

#[test]
fn every_preset_reads_a_product_hits_and_none() {
    for (preset, _) in PRESETS {
        let of_part = |part: &str| -> Vec<Expected> {
            let of_preset = |shop: &&PathBuf| {
                let rules: toml::Table = toml_in(shop.join("rules.toml"));
                let says = |key: &str| rules.get(key).and_then(|value| value.as_str());
                says("part") == Some(part) && says("preset") == Some(preset)
            };
            folders().iter().filter(of_preset).map(|shop| toml_in(shop.join("cart.lines.toml"))).collect()
        };
        assert!(of_part("product").iter().any(|page| page.line.len() == 1), "{preset}: no product's page");
        let searches = of_part("search");
        assert!(searches.iter().any(|page| !page.line.is_empty()), "{preset}: no hits");
        assert!(searches.iter().any(|page| page.empty), "{preset}: no search without a hit");
    }
}

#[test]
fn every_shop_is_read_at_every_chunk_size() {
    let shops = folders();
    assert!(shops.len() >= 12, "the fixtures are there");
    shops.iter().for_each(|shop| accept(shop));
}
