//! Which platform a shop is, by the signatures that lie beside the presets.

use regex::{Regex, RegexBuilder};

use crate::config::presets;
use crate::shop::{EmptyingSource, Jar, Page};

/// From this count on a shop is taken for a platform.
const ENOUGH: usize = 3;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Signatures {
    platform: Vec<Platform>,
}

/// A platform, and by what it is known.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The preset's name.
    pub preset: String,
    cookies: Vec<String>,
    sure: Vec<String>,
    hints: Vec<String>,
    /// What its cart page has.
    #[serde(default)]
    cart: Vec<String>,
    /// How an article gets into the cart there; `{n}` is found on its page.
    #[serde(default)]
    pub add: Option<EmptyingSource>,
}

impl Platform {
    /// Those that the shop may be, the likeliest first.
    pub fn candidates(front: &Page, jar: &Jar) -> Vec<Platform> {
        let mut counted: Vec<_> = shipped().into_iter().map(|one| (one.count(&front.text, jar), one)).collect();
        counted.retain(|(count, _)| *count >= ENOUGH);
        // Stable: of equals the first of the file, which is the pickier.
        counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        counted.into_iter().map(|(_, platform)| platform).collect()
    }

    /// The platform of a preset.
    pub fn named(preset: &str) -> Option<Platform> {
        shipped().into_iter().find(|platform| platform.preset == preset)
    }

    /// Whether the cart page is one of this preset's.
    pub fn has_cart(&self, cart: &str) -> bool {
        self.cart.is_empty() || self.cart.iter().any(|pattern| is_in(pattern, cart))
    }

    /// The text of its preset.
    pub fn text(&self) -> &'static str {
        // A test holds every signature to a preset.
        presets::PRESETS.iter().find(|(name, _)| *name == self.preset).map_or("", |(_, text)| *text)
    }

    fn count(&self, front: &str, jar: &Jar) -> usize {
        let cookie = |pattern: &String| {
            let pattern = compiled(pattern);
            pattern.is_some_and(|pattern| jar.names().any(|name| pattern.is_match(name)))
        };
        let sure = self.sure.iter().filter(|pattern| is_in(pattern, front)).count();
        let hints = self.hints.iter().filter(|pattern| is_in(pattern, front)).count();
        3 * (sure + usize::from(self.cookies.iter().any(cookie))) + hints
    }
}

fn shipped() -> Vec<Platform> {
    let signatures: Signatures = toml::from_str(presets::SIGNATURES).expect("shipped, and read by a test here");
    signatures.platform
}

fn is_in(pattern: &str, text: &str) -> bool {
    compiled(pattern).is_some_and(|pattern| pattern.is_match(text))
}

fn compiled(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).case_insensitive(true).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Emptying;

    #[test]
    fn every_signature_is_a_presets_and_every_preset_has_one() {
        let shipped = shipped();
        let mut named: Vec<_> = shipped.iter().map(|platform| platform.preset.as_str()).collect();
        let mut presets: Vec<_> = presets::PRESETS.iter().map(|(name, _)| *name).collect();
        named.sort_unstable();
        presets.sort_unstable();
        assert_eq!(named, presets);
        for platform in &shipped {
            for pattern in platform.cookies.iter().chain(&platform.sure).chain(&platform.hints).chain(&platform.cart) {
                assert!(compiled(pattern).is_some(), "{}: {pattern}", platform.preset);
            }
            if let Some(add) = &platform.add {
                Emptying::compile(add).unwrap_or_else(|errors| panic!("{}: {errors:?}", platform.preset));
            }
        }
    }

    #[test]
    fn a_front_page_tells_the_platform() {
        for (front, expected) in [
            ("<link href=/static/oscar/css/styles.css><a href=/basket/>", Some("django-oscar")),
            ("<a href='/index.php?main_page=index'><body id=\"indexDefaultBody\">", Some("zen-cart")),
            ("<meta name=generator content=\"WooCommerce 11.0\">", Some("woocommerce-block")),
            ("<script>var prestashop = {};</script>", Some("prestashop-8")),
            ("<link href=catalog/view/theme/default/stylesheet/s.css>", Some("opencart-3")),
            ("<form data-oc-toggle=ajax>", Some("opencart-4")),
            ("<img src=/skin/frontend/rwd/x.png>", Some("magento-1")),
            ("<script>window.eContext = {}</script>", Some("evershop-2")),
            ("<a href=/kurv>Handlekurv</a>", None),
        ] {
            let page = Page {
                url: "http://shop.example/".parse().unwrap(),
                status: http::StatusCode::OK,
                headers: http::HeaderMap::new(),
                text: front.to_owned(),
                encoding: encoding_rs::UTF_8,
                redirects: 0,
                leads_away: None,
            };
            let found = Platform::candidates(&page, &Jar::new());
            assert_eq!(found.first().map(|one| one.preset.as_str()), expected, "{front}");
        }
    }
}
