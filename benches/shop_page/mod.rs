//! The cart page of a legacy shop, about 60 kB with 20 lines, always the same: navigation, inline style and script, a
//! table of lines with all that shops put beside a line, recommendations, a footer.

use std::fmt::Write as _;

const WORDS: [&str; 33] = [
    "hydraulic",
    "sealing",
    "bolt",
    "stainless",
    "galvanised",
    "cable",
    "gland",
    "M12",
    "safety",
    "glove",
    "nitrile",
    "lamp",
    "LED",
    "fixture",
    "bearing",
    "roller",
    "drill",
    "carbide",
    "filter",
    "cartridge",
    "pump",
    "valve",
    "brass",
    "fitting",
    "copper",
    "tube",
    "insulated",
    "terminal",
    "connector",
    "relay",
    "switch",
    "contactor",
    "fuse",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| WORDS[self.below(WORDS.len() as u64) as usize]).collect::<Vec<_>>().join(" ")
    }
}

/// The page with so many lines.
pub(crate) fn html(lines: usize) -> String {
    let mut dice = Dice(4710);
    let mut html = String::from(
        "<!DOCTYPE html>\n<html lang=\"no\">\n<head>\n<meta charset=\"utf-8\">\n<title>Shopping cart</title>\n<style>\n",
    );
    // A String takes whatever is written to it.
    let _ = write_page(&mut html, &mut dice, lines);
    html
}

fn write_page(html: &mut String, dice: &mut Dice, lines: usize) -> std::fmt::Result {
    for i in 0..70 {
        let colour = dice.below(1 << 24);
        writeln!(
            html,
            ".c{i} .w-{i}{{margin:{}px;padding:{}px;color:#{colour:06x};background:url(/img/bg{i}.png) no-repeat}}",
            i % 9,
            i % 7
        )?;
    }
    html.push_str("</style>\n<script>\n");
    for i in 0..45 {
        let label = dice.words(3);
        writeln!(
            html,
            "window.cfg=window.cfg||{{}};cfg['k{i}']={{id:{i},label:\"{label}\",url:\"\\/ajax\\/{i}?a=1&b=<2>\",tpl:'<div class=\"x\">'+{i}+'<\\/div>'}};"
        )?;
    }
    html.push_str("</script>\n</head>\n<body class=\"page-cart logged-in\">\n<nav><ul class=\"nav\">\n");
    for i in 0..14 {
        let title = dice.words(3);
        write!(
            html,
            "<li class=\"nav-item level-1\"><a class=\"nav-link\" href=\"https://shop.example/category/{i}\" title=\"{title}\"><span class=\"icon icon-{i}\"></span>{title}</a><ul class=\"dropdown\">"
        )?;
        for j in 0..5 {
            let name = dice.words(2);
            write!(html, "<li class=\"level-2\"><a href=\"/category/{i}/{j}\">{name}</a></li>")?;
        }
        html.push_str("</ul></li>\n");
    }
    html.push_str(
        "</ul></nav>\n<form id=\"cart-form\" action=\"/cart/update\" method=\"post\"><table class=\"cart\"><tbody>\n",
    );
    for i in 1..=lines {
        write_line(html, dice, i)?;
    }
    html.push_str("</tbody></table><a class=\"btn secondary\" href=\"/\">Continue</a> <button type=\"submit\" class=\"btn primary checkout\" name=\"go\" value=\"checkout\">Proceed to checkout</button>\n</form>\n");
    for i in 0..16 {
        let name = dice.words(4);
        writeln!(
            html,
            "<div class=\"rec card\"><a href=\"/product/r{i}\"><img src=\"/img/r{i}.jpg\" alt=\"{name}\"><h4>{name}</h4></a><span class=\"rec-price\">{},00 kr</span><form action=\"/cart/add\" method=\"post\"><input type=\"hidden\" name=\"id\" value=\"{i}\"><button class=\"btn add\">Add</button></form></div>",
            9 + dice.below(990)
        )?;
    }
    let legal = dice.words(1200);
    writeln!(html, "<footer><p class=\"legal\">{legal}</p></footer>\n</body>\n</html>")
}

fn write_line(html: &mut String, dice: &mut Dice, i: usize) -> std::fmt::Result {
    let sku = 100_000 + dice.below(900_000);
    let price = format!("{},{:02}", 5 + dice.below(4000), dice.below(100));
    let (name, teaser) = (dice.words(8), dice.words(26));
    writeln!(
        html,
        "<tr class=\"cart-line\" id=\"line-{i}\" data-sku=\"{sku}\">\n\
         <td class=\"cell thumb\"><a href=\"https://shop.example/product/{sku}\"><img src=\"https://cdn.example/thumb/{sku}.jpg\" width=\"64\" height=\"64\" alt=\"{name}\" loading=\"lazy\"></a></td>\n\
         <td class=\"cell descr\"><a class=\"product-name\" href=\"/product/{sku}\">{name} &amp; more</a>\n\
         <div class=\"meta\"><span class=\"label\">Item no.</span> <span class=\"sku\">{sku}</span><br><span class=\"label\">Maker ref.</span> <span class=\"mref\">MF-{sku}</span></div>\n\
         <p class=\"teaser\">{teaser}.</p></td>\n\
         <td class=\"cell unit\">STK</td>\n\
         <td class=\"cell price\"><span class=\"amount\">{price}</span> <span class=\"currency\">NOK</span></td>\n\
         <td class=\"cell qty\"><button type=\"button\" class=\"minus\">-</button><input id=\"q{i}\" name=\"qty[{i}]\" class=\"qty-input\" type=\"text\" value=\"1\" size=\"4\"><button type=\"button\" class=\"plus\">+</button></td>\n\
         <td class=\"cell sum\"><span class=\"line-sum\">{price}</span></td>\n\
         <td class=\"cell actions\"><a class=\"remove\" href=\"/cart/remove/{i}?token={sku:x}\" title=\"Remove\">&times;</a><!-- line {i} end --></td>\n</tr>"
    )
}
