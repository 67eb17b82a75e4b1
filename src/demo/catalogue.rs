//! What Nordvik Verktøy sells: the one place where the demo's prices, names and item numbers stand.
//!
//! The shop prints from it and the journey works out from it what must arrive at the hook, so the proxy is checked
//! against the shop and never against itself. The goods are chosen for what breaks carts: see [`Product::note`].

use rust_decimal::{Decimal, RoundingStrategy};

/// A shelf of the shop.
#[derive(Debug)]
pub struct Category {
    /// The last part of its address.
    pub slug: &'static str,
    /// Its name as printed.
    pub name: &'static str,
    /// One line below the name.
    pub about: &'static str,
    /// The inside of a 48 by 48 SVG.
    pub icon: &'static str,
}

/// An article.
#[derive(Debug)]
pub struct Product {
    /// The last part of its address.
    pub slug: &'static str,
    /// The shop's item number, inner spaces as they are.
    pub sku: &'static str,
    /// The name, unescaped.
    pub name: &'static str,
    /// What the product page says about it.
    pub note: &'static str,
    /// The shelf, by [`Category::slug`].
    pub category: &'static str,
    /// The shop's word for the unit.
    pub unit: &'static str,
    /// Net list price of one unit, in ten-thousandths of a krone: 375 is 0.0375 kr.
    list: i64,
    /// Net price agreed with the demo customer, in ten-thousandths of a krone.
    agreed: i64,
    /// Sold in whole multiples of this many units, from 1.
    pub pack: u32,
}

impl Product {
    /// The net price of one unit in kroner: agreed for who is signed in, list for everybody else.
    pub fn price(&self, signed_in: bool) -> Decimal {
        Decimal::new(if signed_in { self.agreed } else { self.list }, 4).normalize()
    }

    /// What `quantity` units cost in kroner, rounded once to two decimals as the shop does.
    pub fn total(&self, quantity: Decimal, signed_in: bool) -> Decimal {
        to_oere(self.price(signed_in) * quantity)
    }

    /// Whether two and a half of it can be bought.
    pub fn divisible(&self) -> bool {
        matches!(self.unit, "m" | "kg")
    }

    /// The article at an address, `None` where the shop has none.
    pub fn find(slug: &str) -> Option<&'static Self> {
        PRODUCTS.iter().find(|product| product.slug == slug)
    }
}

/// Rounded half-up to whole øre.
pub fn to_oere(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// Slug of the screw that costs 0.0375 kr and prints as 0,04.
pub const SCREW: &str = "treskrue-3-5x35";
/// Slug of the blowlamp with `æøå`, `"`, `<` and `&` in its name.
pub const BLOWLAMP: &str = "blaselampe-fjord";
/// Slug of the cable sold by the metre, with runs of spaces in its item number.
pub const CABLE: &str = "kabel-pfxp-3g15";

/// The shelves, in the order of the menu.
pub const CATEGORIES: &[Category] = &[
    Category {
        slug: "festemidler",
        name: "Festemidler",
        about: "Skruer, plugger og spiker i løs vekt og esker",
        icon: r##"<path d="M17 6h14l2 5-6 3v4l3 2-6 3 5 2-7 4 5 2-4 4-1 7-2-7-3-4 5-3-5-2 6-4-5-2 5-3-2-3v-3l-6-3z" fill="#9aa4ae" stroke="#4b5560"/><path d="M19 8h10" stroke="#4b5560" stroke-width="2"/>"##,
    },
    Category {
        slug: "handverktoy",
        name: "Håndverktøy",
        about: "Hammere, tenger og målebånd fra norske smier",
        icon: r##"<path d="M22 18l5 4-15 21c-3 2-7-1-5-5z" fill="#b9803f" stroke="#6b4419"/><path d="M15 12l10-7 7 2 9 9-3 5-5-3-4 1-4 5-6-5 2-4-3-1-4 2z" fill="#8b96a1" stroke="#4b5560"/>"##,
    },
    Category {
        slug: "elektro",
        name: "Elektro",
        about: "Kabel på metervare, lamper og skjøteledninger",
        icon: r##"<path d="M27 4L11 27h10l-3 17 19-25H26z" fill="#f2b705" stroke="#8a6500"/>"##,
    },
    Category {
        slug: "lim-og-kjemi",
        name: "Lim og kjemi",
        about: "Lim, olje, rens og gass",
        icon: r##"<path d="M20 4h8v8l5 6v24c0 2-1 3-3 3H18c-2 0-3-1-3-3V18l5-6z" fill="#5d93b8" stroke="#2f5874"/><path d="M15 24h18v12H15z" fill="#fff8e6" stroke="#2f5874"/><path d="M19 8h10" stroke="#2f5874" stroke-width="2"/>"##,
    },
    Category {
        slug: "verneutstyr",
        name: "Verneutstyr",
        about: "Hjelmer, hansker og briller etter norsk standard",
        icon: r##"<path d="M6 32C6 20 13 11 24 11s18 9 18 21z" fill="#f08a1c" stroke="#8a4a06"/><path d="M20 11c0-3 8-3 8 0l1 13H19z" fill="#ffab4d" stroke="#8a4a06"/><path d="M3 32h42v4c0 2-42 2-42 0z" fill="#d97409" stroke="#8a4a06"/>"##,
    },
    Category {
        slug: "ror-og-deler",
        name: "Rør og deler",
        about: "Muffer, bend og rør i kobber og stål",
        icon: r##"<path d="M6 14h20c9 0 15 6 15 15v13H29V30c0-3-1-4-4-4H6z" fill="#c77b4a" stroke="#7a4220"/><path d="M4 11h7v18H4zM26 38h18v7H26z" fill="#dd9a6d" stroke="#7a4220"/>"##,
    },
];

macro_rules! product {
    ($slug:expr, $sku:literal, $name:literal, $category:literal, $unit:literal, $list:literal, $agreed:literal, $pack:literal, $note:literal) => {
        Product {
            slug: $slug,
            sku: $sku,
            name: $name,
            note: $note,
            category: $category,
            unit: $unit,
            list: $list,
            agreed: $agreed,
            pack: $pack,
        }
    };
}

/// The articles, in the order of the shelves.
#[rustfmt::skip]
pub const PRODUCTS: &[Product] = &[
    product!(SCREW, "SK 3535-1000", "Treskrue A2 3,5×35 mm senkehode", "festemidler", "stk", 450, 375, 1000,
        "Selges i hele tusen. Prisen per stykk vises avrundet; linjesummen er nøyaktig."),
    product!("spikerplugg-6x40", "SP-640", "Spikerplugg 6×40 mm, eske à 200", "festemidler", "eske", 1_890_000, 1_490_000, 1,
        "Slagplugg i nylon med galvanisert spiker."),
    product!("spiker-2-8x75", "SPIK 28/75", "Firkantspiker varmforsinket 2,8×75", "festemidler", "kg", 649_000, 521_000, 1,
        "Løs vekt, også halve kilo."),
    product!("snekkerhammer-20oz", "HH-20", "Snekkerhammer 20 oz med hickoryskaft", "handverktoy", "stk", 4_790_000, 3_832_000, 1,
        "Smidd hode, håndslipt skaft."),
    product!("vannpumpetang-250", "VT-250", "Vannpumpetang 250 mm \"Stødig\"", "handverktoy", "stk", 3_295_000, 2_636_000, 1,
        "Tre spor, grep i to komponenter."),
    product!("maleband-8m", "MB 8/25", "Målebånd 8 m / 25 mm, klasse II", "handverktoy", "stk", 1_495_000, 1_196_000, 1,
        "Med magnet og belteklips."),
    product!(CABLE, "031710    005  100", "Kabel PFXP 3G1,5 mm² grå", "elektro", "m", 219_000, 189_000, 1,
        "Metervare fra trommel. Oppgi lengden med desimaler, for eksempel 2,5."),
    product!("arbeidslampe-led-50w", "LED-50W IP65", "Arbeidslampe LED 50 W, IP65, 5 m ledning, støtsikkert glass og stativ", "elektro", "stk", 12_490_000, 9_992_000, 1,
        "Et navn som er lengre enn de fleste innkjøpssystemer tar imot."),
    product!("skjoteledning-20m", "SKJ-20", "Skjøteledning 20 m, gul", "elektro", "stk", 5_990_000, 4_792_000, 1,
        "Gummiledning for utendørs bruk."),
    product!(BLOWLAMP, "BL-0382/Æ", "Blåselampe \"Fjord\" 3/8\" & dyse <250 g>", "lim-og-kjemi", "stk", 15_490_000, 12_345_600, 1,
        "Leveres med gassboks under 250 g. Vår bestselger siden 1962."),
    product!("trelim-750", "TL-750", "Trelim D3 vannfast 750 ml", "lim-og-kjemi", "stk", 1_190_000, 952_000, 1,
        "Åpentid 10 minutter."),
    product!("multispray-6pk", "MS-400-6", "Multispray 400 ml, 6 pk", "lim-og-kjemi", "pk", 4_140_000, 3_312_000, 1,
        "Smører, løser og fortrenger fukt."),
    product!("vernehansker-10pk", "VH-10 STR 9", "Vernehansker nitril str. 9, 10 par", "verneutstyr", "pk", 3_490_000, 2_443_000, 1,
        "EN 388, kategori II."),
    product!("vernehjelm-gul", "HJ-1", "Vernehjelm gul m/hakereim", "verneutstyr", "stk", 2_790_000, 1_953_000, 1,
        "EN 397, byttes etter fem år."),
    product!("kantklipper-bensin", "GK-5300", "Kantklipper bensin 53 cm³ \"Bjørn\"", "handverktoy", "stk", 64_990_000, 49_900_000, 1,
        "Med sele, visir og tønnekobling."),
    product!("kobberror-15", "KR 15x1,0", "Kobberrør 15×1,0 mm, lengde 5 m", "ror-og-deler", "m", 1_249_000, 987_500, 5,
        "Selges i hele lengder på fem meter."),
    product!("muffe-1-2", "MF-12", "Muffe 1/2\" forsinket <pn 16>", "ror-og-deler", "stk", 349_000, 261_800, 1,
        "Innvendige gjenger, EN 10242."),
    product!("pakning-sortiment", "PK-SORT", "Pakninger, sortiment i eske (300 stk)", "ror-og-deler", "eske", 2_290_000, 1_832_000, 1,
        "For blandebatteri, radiator og WC."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_item_numbers_are_unique_and_the_shelves_exist() {
        for (at, product) in PRODUCTS.iter().enumerate() {
            assert!(CATEGORIES.iter().any(|category| category.slug == product.category), "{}", product.slug);
            assert!(PRODUCTS[at + 1..].iter().all(|other| other.slug != product.slug && other.sku != product.sku));
            assert!(product.price(true) < product.price(false), "{}", product.slug);
        }
    }

    #[test]
    fn the_screw_costs_less_than_it_prints() {
        let screw = Product::find(SCREW).unwrap();
        assert_eq!(screw.price(true).to_string(), "0.0375");
        assert_eq!(to_oere(screw.price(true)).to_string(), "0.04");
        assert_eq!(screw.total(Decimal::from(12_000), true).to_string(), "450.00");
    }
}
