//! The shop's pages, in the HTML of their time.
//!
//! What looks careless here is the point: cells and rows without end tags, `&nbsp;` in prices, raw quotes in names, a
//! sum row that shares its classes with the lines.

use std::fmt::Write;

use htmlize::{escape_attribute, escape_text};
use rust_decimal::Decimal;

use super::{CartPage, Customer, Order, OrderLine, ShopSettings};
use crate::demo::catalogue::{CATEGORIES, Category, PRODUCTS, Product, to_oere};
use crate::demo::site::fill;

/// Whom a page is for.
pub(super) struct View<'a> {
    pub(super) settings: &'a ShopSettings,
    pub(super) customer: Option<&'a Customer>,
    pub(super) lines: Vec<OrderLine>,
}

impl View<'_> {
    fn sum(&self) -> Decimal {
        self.lines.iter().map(|line| line.total).sum()
    }
}

pub(super) fn front(view: &View) -> String {
    let mut shelves = String::new();
    for Category { slug, name, about, icon } in CATEGORIES {
        let count = PRODUCTS.iter().filter(|product| product.category == *slug).count();
        let _ = write!(
            shelves,
            r#"<a class="hylle" href="/varer/{slug}"><svg width="48" height="48" viewBox="0 0 48 48">{icon}</svg><b>{name}</b><span>{about}</span><small>{count} varer</small></a>"#
        );
    }
    let picks: Vec<&Product> = PRODUCTS.iter().filter(|product| PICKED.contains(&product.slug)).collect();
    let body = format!(
        r#"<div class="plakat"><h1>Alt til verkstedet siden 1962</h1><p>Over 400 varegrupper på lager i Mo i Rana. Levering på én til tre dager i hele landet.</p></div>
<div class="hyller">{shelves}</div><h2>Ukens varer</h2>{}"#,
        product_table(view, &picks)
    );
    layout(view, "Velkommen", &body)
}

const PICKED: [&str; 4] =
    [crate::demo::catalogue::SCREW, crate::demo::catalogue::CABLE, crate::demo::catalogue::BLOWLAMP, "maleband-8m"];

pub(super) fn shelf(view: &View, category: &Category) -> String {
    let products: Vec<&Product> = PRODUCTS.iter().filter(|product| product.category == category.slug).collect();
    let body = format!(r#"<h1>{}</h1><p>{}.</p>{}"#, category.name, category.about, product_table(view, &products));
    layout(view, category.name, &body)
}

pub(super) fn search(view: &View, wanted: &str, hits: &[&Product]) -> String {
    let body = format!(
        r#"<h1>Søk</h1><p class="treff">{} treff på «{}».</p>{}"#,
        hits.len(),
        escape_text(wanted),
        if hits.is_empty() { String::new() } else { product_table(view, hits) }
    );
    layout(view, "Søk", &body)
}

pub(super) fn product(view: &View, product: &Product) -> String {
    let category = CATEGORIES.iter().find(|category| category.slug == product.category);
    let pack = match product.pack {
        1 => String::new(),
        pack => format!("<tr><th>Selges i</th><td>hele {pack} {}</td></tr>", product.unit),
    };
    let listed = match view.customer {
        Some(_) => format!("<tr><th>Veiledende</th><td><s>{}</s></td></tr>", kroner(product.price(false))),
        None => String::new(),
    };
    let body = format!(
        r#"<p class="sti"><a href="/">Forsiden</a> &raquo; <a href="/varer/{}">{}</a></p>
<table class="vare"><tr><td class="stort"><svg width="160" height="160" viewBox="0 0 48 48">{}</svg></td>
<td><h1>{name}</h1><p>{note}</p>
<table class="fakta"><tr><th>Varenummer</th><td class="nummer">{sku}</td></tr><tr><th>Enhet</th><td>{unit}</td></tr>{pack}{listed}
<tr><th>{kind}</th><td><span class="pris">{price}</span> per {unit}, eks. mva.</td></tr></table>
<form id="leggtil" method="post" action="/handlekurv/legg-til"><input type="hidden" name="vare" value="{slug}">
<label>Antall <input class="qty" name="antall" value="{first}" size="6"></label> {unit}
<button class="knapp" type="submit">Legg i handlekurv</button></form></td></tr></table>"#,
        product.category,
        category.map_or("", |category| category.name),
        category.map_or("", |category| category.icon),
        name = escape_text(product.name),
        note = escape_text(product.note),
        sku = escape_text(product.sku),
        unit = product.unit,
        kind = if view.customer.is_some() { "Avtalepris" } else { "Listepris" },
        price = kroner(product.price(view.customer.is_some())),
        slug = product.slug,
        first = product.pack,
    );
    layout(view, product.name, &body)
}

pub(super) fn sign_in(view: &View, token: &str, complaint: Option<&str>) -> String {
    let complaint = complaint.map(|text| format!(r#"<p class="feilmelding">{text}</p>"#)).unwrap_or_default();
    let body = format!(
        r#"<h1>Logg inn</h1>{complaint}<noscript><p class="feilmelding">Nettbutikken ser best ut i Internet Explorer 6 med javascript.</p></noscript>
<form id="innlogging" method="post" action="/konto/logg-inn"><input type="hidden" name="skjemanokkel" value="{token}">
<table class="skjema"><tr><th><label for="epost">E-post</label></th><td><input id="epost" name="epost" size="32"></td></tr>
<tr><th><label for="passord">Passord</label></th><td><input id="passord" type="password" name="passord" size="32"></td></tr>
<tr><th></th><td><label><input type="checkbox" name="husk" value="1"> Husk meg</label></td></tr>
<tr><th></th><td><button class="knapp" type="submit" name="logg_inn" value="1">Logg inn</button></td></tr></table></form>
<p>Avtalekunder ser sine egne priser etter innlogging. Kontakt <i>avtale@nordvik.example</i> for tilgang.</p>"#
    );
    layout(view, "Logg inn", &body)
}

pub(super) fn stale_form(view: &View) -> String {
    layout(
        view,
        "Skjemaet er utløpt",
        r#"<h1>Skjemaet er utløpt</h1><p>Gå tilbake til <a href="/konto/logg-inn">innloggingen</a> og prøv på nytt.</p>"#,
    )
}

pub(super) fn account(view: &View, customer: &Customer, orders: &[&Order]) -> String {
    let mut rows = String::new();
    for order in orders {
        let _ = write!(
            rows,
            r#"<tr><td>{}<td>{} varer<td class="tall">{}"#,
            order.number,
            order.lines.len(),
            kroner(order.total)
        );
    }
    if rows.is_empty() {
        rows.push_str("<tr><td colspan=3>Ingen bestillinger.");
    }
    let body = format!(
        r#"<h1>Min konto</h1><table class="skjema"><tr><th>Kunde</th><td>{}</td></tr><tr><th>E-post</th><td>{}</td></tr><tr><th>Avtale</th><td>RA-2026/114, netto 30 dager</td></tr></table>
<h2>Bestillinger</h2><table class="varer"><tr><th>Ordre<th>Innhold<th>Sum{rows}</table>"#,
        escape_text(&*customer.name),
        escape_text(&*customer.email)
    );
    layout(view, "Min konto", &body)
}

pub(super) fn cart(view: &View) -> String {
    let body = match view.settings.cart_page {
        CartPage::Table if view.lines.is_empty() => {
            r#"<h1>Handlekurv</h1><p class="kurv-tom">Handlekurven er tom.</p>"#.to_owned()
        }
        CartPage::Table => cart_table(view),
        CartPage::Redesigned => redesigned_cart(view),
    };
    layout(view, "Handlekurv", &body)
}

fn cart_table(view: &View) -> String {
    let mut rows = String::new();
    for line in &view.lines {
        let _ = writeln!(
            rows,
            "<tr class=\"kurvlinje\"><td class=\"bilde\">{icon}<td class=\"vare\"><a href=\"/vare/{slug}\">{name}</a><br><span class=\"varenr\">Varenr. <b>{sku}</b></span>\
             <td class=\"antall\"><input class=\"qty\" name=\"antall[{slug}]\" value=\"{quantity}\" size=\"6\"><td class=\"enhet\">{unit}<td class=\"pris\">{price}\
             <td class=\"sum\">{total}<td><a class=\"fjern\" href=\"/handlekurv/fjern?vare={slug}\">Fjern</a>",
            icon = icon_of(line.product),
            slug = line.product.slug,
            name = escape_text(line.name),
            sku = escape_text(line.sku),
            quantity = quantity(line.quantity),
            unit = line.unit,
            price = kroner(line.price),
            total = kroner(line.total),
        );
    }
    let quick = if view.settings.quick_order {
        r#"<button class="knapp hurtig" type="submit" name="bestill_direkte" value="1">Bestill direkte</button> "#
    } else {
        ""
    };
    format!(
        r#"<h1>Handlekurv</h1><form id="kurvskjema" method="post" action="/handlekurv/oppdater"><table class="varer kurv" cellspacing="0">
<tr><th>&nbsp;<th>Vare<th>Antall<th>Enhet<th class="tall">Pris<th class="tall">Sum<th>&nbsp;
{rows}<tr class="kurvsum"><td colspan=5>Sum eks. mva.<td class="sum">{sum}<td>
<tr class="kurvsum"><td colspan=5>Mva. 25 %<td class="sum">{vat}<td>
</table><p class="knapper"><a href="/handlekurv/tom">Tøm handlekurven</a> <button class="knapp svak" type="submit">Oppdater</button> {quick}<button class="knapp gaa-til-kassen" type="button" onclick="location.href='/kasse'">Gå til kassen</button></p></form>"#,
        sum = kroner(view.sum()),
        vat = kroner(view.sum() * Decimal::new(25, 2)),
    )
}

fn redesigned_cart(view: &View) -> String {
    let mut cards = String::new();
    for line in &view.lines {
        let _ = write!(
            cards,
            r#"<div class="bestillingskort"><strong>{}</strong> <i>{}</i> <input name="antall[{}]" value="{}" size="6"> {} <em>{}</em></div>"#,
            escape_text(line.name),
            escape_text(line.sku),
            line.product.slug,
            quantity(line.quantity),
            line.unit,
            kroner(line.total),
        );
    }
    format!(
        r#"<h1>Handlekurv</h1><form id="kurvskjema" method="post" action="/handlekurv/oppdater">{cards}<p class="knapper"><button class="knapp svak" type="submit">Oppdater</button> <button class="knapp gaa-til-kassen" type="button" onclick="location.href='/kasse'">Gå til kassen</button></p></form>"#
    )
}

pub(super) fn checkout(view: &View) -> String {
    let body = format!(
        r#"<h1>Kassen</h1><p>{} varelinjer, {} eks. mva. Leveres til {}.</p>
<form id="bestilling" method="post" action="/kasse/bestill"><label>Deres referanse <input name="referanse" size="24"></label>
<button class="knapp" type="submit">Bestill nå</button></form>"#,
        view.lines.len(),
        kroner(view.sum()),
        escape_text(view.customer.map_or("", |customer| &*customer.name)),
    );
    layout(view, "Kassen", &body)
}

pub(super) fn thanks(view: &View, number: &str) -> String {
    let body =
        format!(r#"<h1>Takk for bestillingen</h1><p class="kvittering">Ordre {} er mottatt.</p>"#, escape_text(number));
    layout(view, "Takk", &body)
}

pub(super) fn bad_quantity(view: &View) -> String {
    layout(
        view,
        "Ugyldig antall",
        r#"<h1>Ugyldig antall</h1><p class="feilmelding">Oppgi et antall større enn null.</p>"#,
    )
}

pub(super) fn not_found(view: &View) -> String {
    layout(view, "Finnes ikke", r#"<h1>Siden finnes ikke</h1><p>Prøv <a href="/">forsiden</a> eller søket.</p>"#)
}

fn product_table(view: &View, products: &[&Product]) -> String {
    let mut rows = String::new();
    for product in products {
        let _ = write!(
            rows,
            r#"<tr><td class="bilde">{}<td><a href="/vare/{}">{}</a><br><span class="varenr">Varenr. {}</span><td>{}<td class="tall"><span class="pris">{}</span>"#,
            icon_of(product),
            product.slug,
            escape_text(product.name),
            escape_text(product.sku),
            product.unit,
            kroner(product.price(view.customer.is_some())),
        );
    }
    let kind = if view.customer.is_some() { "Avtalepris" } else { "Listepris" };
    format!(
        r#"<table class="varer" cellspacing="0"><tr><th>&nbsp;<th>Vare<th>Enhet<th class="tall">{kind}{rows}</table>"#
    )
}

fn icon_of(product: &Product) -> String {
    let icon = CATEGORIES.iter().find(|category| category.slug == product.category).map_or("", |found| found.icon);
    format!(r#"<svg width="28" height="28" viewBox="0 0 48 48">{icon}</svg>"#)
}

fn layout(view: &View, title: &str, body: &str) -> String {
    let mut menu = String::new();
    for Category { slug, name, .. } in CATEGORIES {
        let _ = write!(menu, r#"<a href="/varer/{slug}">{name}</a>"#);
    }
    let who = match view.customer {
        Some(customer) => format!(
            r#"<b>{}</b> | <a href="/konto">Min konto</a> | <a href="/konto/logg-ut">Logg ut</a>"#,
            escape_text(&*customer.name)
        ),
        None => r#"<a href="/konto/logg-inn">Logg inn</a>"#.to_owned(),
    };
    fill(
        include_str!("../assets/shop.html"),
        &[
            ("charset", view.settings.charset.label()),
            ("title", &escape_text(title)),
            ("who", &who),
            ("menu", &menu),
            ("count", &view.lines.len().to_string()),
            ("sum", &kroner(view.sum())),
            ("body", body),
        ],
    )
}

/// An amount as the shop prints it: `1&nbsp;234,56&nbsp;kr`, rounded half-up.
fn kroner(amount: Decimal) -> String {
    let text = format!("{:.2}", to_oere(amount));
    let (whole, oere) = text.split_once('.').unwrap_or((&text, "00"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push_str("&nbsp;");
        }
        grouped.push(digit);
    }
    format!("{grouped},{oere}&nbsp;kr")
}

/// A quantity as it stands in an input: decimal comma, no grouping, safe inside an attribute.
fn quantity(quantity: Decimal) -> String {
    escape_attribute(quantity.normalize().to_string().replace('.', ",")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_printed_the_norwegian_way() {
        for (amount, printed) in [
            ("0.0375", "0,04&nbsp;kr"),
            ("450", "450,00&nbsp;kr"),
            ("1234.56", "1&nbsp;234,56&nbsp;kr"),
            ("1234567.885", "1&nbsp;234&nbsp;567,89&nbsp;kr"),
        ] {
            assert_eq!(kroner(amount.parse().unwrap()), printed);
        }
        assert_eq!(quantity("2.50".parse().unwrap()), "2,5");
    }
}
