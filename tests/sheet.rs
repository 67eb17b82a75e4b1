//! The hand-over sheet as the program prints it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::PathBuf;
use std::process::Command;

/// A configuration in which most things are not as usual.
const CONFIG: &str = r#"
listen = "127.0.0.1:8080"
public = "https://shop.example"
contact = "Kari <kari@shop.example> | 22 33 44 55"
[shop]
origin = "http://127.0.0.1:3000"
preset = "django-oscar"
cart.currency = "NOK"
cart.extra = { gtin = "td.gtin" }
[entry]
paths = ["/oci"]
[session]
idle = "20m"
[units]
"es|ke" = "BX"
[[buyer]]
name = "acme"
username = "ac\"me<1>"
password = "hemmelig-passord"
next_password_hash = "$argon2id$v=19$m=19456,t=2,p=1$8gCpSExeZHSIZXZ9gzzhrg$k9o6QDWDpXTR7wMIWlPAzHDbbBzBYMkpl0qoKWBWf9k"
hooks = ["https://*.acme.example", "https://srm.example:8443/sap/bc/"]
accounts = [{ username = "konto-1", password = "kontopassord" }, { username = "konto-2", password = "kontopassord" }]
embed = "iframe"
framed_by = ["https://portal.acme.example"]
required = ["VENDORMAT"]
default_unit = "PCE"
lengths = { VENDORMAT = 22, GTIN = { length = 14, cut = true } }
findings = { PO-PRICE-ROUNDED = "error" }
assortment = { skus = ["4711", "4712"], classes = ["3116*"] }
[buyer.form]
charset = "iso-8859-1"
long_text = "indexed"
max_inputs = 500
price_units = [1, 100]
decimal = "comma"
cancel = "https://srm.acme.example/back?a=1&b=2"
[buyer.fields]
VENDOR = "10<b>&`x`"
GTIN = { from = "gtin" }
CUST_FIELD1 = { parameter = "COST|CENTER" }
EXT_PRODUCT_ID = ""
[[buyer]]
name = "people"
password = "x"
hooks = []
learn_hooks = true
accounts = { strategy = "per-user", username = "{parameter.EMAIL}", password = "{parameter.PIN}x" }
[[buyer]]
name = "through"
hooks = ["SAPEVENT:POST"]
accounts = { strategy = "passthrough" }
"#;

struct Config(PathBuf);

impl Config {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("punchout-sheet-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Config(path)
    }

    /// Exit status, standard output and standard error.
    fn sheet(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
        let output = command.arg("sheet").args(arguments).arg("--config").arg(&self.0).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Every part stands in the text.
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn a_sheet_says_what_the_configuration_says_and_no_secret() {
    let config = Config::new("all", CONFIG);
    let (status, sheet, told) = config.sheet(&["acme"]);
    assert_eq!(status, 0, "{told}");
    let expected = [
        "# OCI punchout to shop.example for acme\n",
        "Kari &lt;kari@shop.example&gt; \\| 22 33 44 55\n",
        "| Address | `https://shop.example/_punchout/enter` |",
        "`https://shop.example/oci` |",
        "| `HOOK_URL` | `https://procurement.acme.example/oci?session=1234` | yes |",
        "| `USERNAME` | `ac\"me<1>` | yes |",
        "| `PASSWORD` | `********` | yes |",
        "| `COST\\|CENTER` |  | no | Goes into `CUST_FIELD1`. |",
        "<form method=\"post\" action=\"https://shop.example/_punchout/enter\">",
        "<input name=\"USERNAME\" value=\"ac&quot;me&lt;1&gt;\">",
        "|  | Ordinary shopping (no FUNCTION) | yes |",
        "| `DESCRIPTION` | What the article is called | 40 | is cut | yes | the cart |",
        "| `PRICE` | Net price of PRICEUNIT units | 11 digits, 3 decimals | stops the cart | yes | the cart |",
        "| `VENDORMAT` | The supplier's item number | 22 | stops the cart | yes | the cart |",
        "| `VENDOR` | The supplier's number in your system | 10 | stops the cart | no | always `` 10<b>&`x` `` |",
        "| `CUST_FIELD1` | As agreed on | 10 | stops the cart | no | the call's `COST\\|CENTER` |",
        "| `GTIN` | As agreed on | 14 | is cut | no | the cart |",
        "`NEW_ITEM-LONGTEXT[1]`",
        "`1234,500`",
        "`1`, `100`",
        "more than 500 inputs",
        "2 item numbers, classes `3116*`",
        "es\\|ke",
        "becomes `PCE`",
        "else in `ISO-8859-1`",
        "* `https://*.acme.example`\n* `https://srm.example:8443/sap/bc`\n",
        "* `https://portal.acme.example`\n",
        "| Ends without a request after | 20m |",
        "2; who comes when all are taken",
        "`https://srm.acme.example/back?a=1&b=2`",
        "| `PO-HOOK-REFUSED` | 403 |",
        "| `PO-PRICE-ROUNDED` | The price has more decimals than can be sent. |",
    ];
    holds(&sheet, &expected);
    for absent in ["hemmelig", "kontopassord", "konto-1", "argon2", "`EXT_PRODUCT_ID`", "PO-PRICE-DERIVED", "127.0.0.1"]
    {
        assert!(!sheet.contains(absent), "{absent}: {sheet}");
    }
    // Every row of a table has as many cells as its head.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut of_head = None;
    for line in sheet.lines() {
        match (line.starts_with('|'), of_head) {
            (true, None) => of_head = Some(cells(line)),
            (true, Some(of_head)) => assert_eq!(cells(line), of_head, "{line}"),
            (false, _) => of_head = None,
        }
    }
}

#[test]
fn the_same_as_a_page_of_its_own_in_norwegian() {
    let config = Config::new("html", CONFIG);
    let (status, page, told) = config.sheet(&["acme", "--format", "html", "--language", "nb"]);
    assert_eq!(status, 0, "{told}");
    let expected = [
        "<!doctype html>\n<html lang=\"nb\">",
        "<h1>OCI-punchout til shop.example for acme</h1>",
        "<td><code>PASSWORD</code></td><td><code>********</code></td><td>ja</td>",
        "<code>10&lt;b&gt;&amp;`x`</code>",
        "@media print",
        "prefers-color-scheme: dark",
    ];
    holds(&page, &expected);
    // Not one tag but its own, and nothing to load.
    for absent in ["<script", "<b>", "<1>", "src=", "<link", "url(", "@import", "<kari", "hemmelig"] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    let english = config.sheet(&["acme", "--format", "html"]).1;
    let of = |page: &str, tag: &str| page.matches(tag).count();
    for tag in ["<h2>", "<tr>", "<td>", "<p>", "<li>", "<pre"] {
        assert_eq!(of(&page, tag), of(&english, tag), "{tag}: as much in both languages");
    }
}

#[test]
fn each_way_to_an_account_is_told_as_the_buyer_meets_it() {
    let config = Config::new("ways", CONFIG);
    let (_, people, _) = config.sheet(&["people"]);
    holds(
        &people,
        &[
            "| `EMAIL` |  | yes | Tells which account in the shop is used. |",
            "| `PIN` |  | yes |",
            "None is agreed on yet",
            "| At the same time | any number |",
            "stops the cart.",
        ],
    );
    let (_, through, _) = config.sheet(&["through"]);
    holds(&through, &["| `USERNAME` | `user name in the shop` | yes |", "* `SAPEVENT:POST`\n", "a window of its own"]);
}

#[test]
fn without_an_address_there_is_no_sheet() {
    let config = Config::new("least", &CONFIG.replace("public = \"https://shop.example\"", "").replace("contact", "#"));
    let (status, sheet, told) = config.sheet(&["acme"]);
    assert_eq!((status, sheet.as_str()), (78, ""));
    assert!(told.contains("--public"), "{told}");
    let (status, sheet, told) = config.sheet(&["acme", "--public", "https://other.example/"]);
    assert_eq!(status, 0);
    assert!(
        sheet.contains("`https://other.example/_punchout/enter`") && told.contains("`contact` is not set"),
        "{told}"
    );
    assert_eq!(config.sheet(&["acme", "--public", "other.example"]).0, 78);
    assert_eq!(config.sheet(&["nobody"]).0, 78);
}
