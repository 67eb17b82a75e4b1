//! Carts read from pages in the shapes of real shops: `fixtures/pages/<shop>/` holds `rules.toml` (the keys of
//! `[shop.cart]`, over those of a preset that it names), `cart.html` (as bytes) or `cart.json` (the answers, in an array) and `cart.lines.toml` (what must be read). Adding a case is adding a folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test file uses its part")]
mod page_fixture;

use std::fs;
use std::path::{Path, PathBuf};

use page_fixture::{Expected, accept, toml_in};
use punchout_proxy::config::presets::PRESETS;

fn shops() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages");
    let mut shops: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    shops.retain(|shop| shop.join("cart.lines.toml").exists());
    shops.sort();
    shops
}

#[test]
fn every_preset_reads_a_cart_and_an_empty_one() {
    for (preset, _) in PRESETS {
        let of_preset = |shop: &PathBuf| {
            let rules: toml::Table = toml_in(shop.join("rules.toml"));
            rules.get("preset").and_then(|name| name.as_str()) == Some(preset)
        };
        let carts: Vec<Expected> =
            shops().iter().filter(|shop| of_preset(shop)).map(|shop| toml_in(shop.join("cart.lines.toml"))).collect();
        assert!(carts.iter().any(|cart| !cart.line.is_empty()), "{preset}: no fixture with lines");
        assert!(carts.iter().any(|cart| cart.empty), "{preset}: no fixture that is empty");
    }
}

#[test]
fn every_shop_is_read_at_every_chunk_size() {
    let shops = shops();
    assert!(shops.len() >= 12, "the fixtures are there");
    shops.iter().for_each(|shop| accept(shop));
}
