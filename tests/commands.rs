//! The commands that look at carts: `extract`, `lint`, `units`; and what all commands do alike.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use punchout_proxy::demo::browser::Browser;
use punchout_proxy::demo::shop::Customer;
use punchout_proxy::demo::{Demo, catalogue, proxy_toml};
use url::Url;

/// Exit status, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_punchout-proxy")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of this test's own, gone when it ends.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("punchout-commands-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Written(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn oscar(buyer: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n\
         [shop.cart]\ncurrency = \"NOK\"\n[units]\nspann = \"BJ\"\n[[buyer]]\nname = \"acme\"\npassword = \"x\"\n\
         hooks = [\"https://a.example\"]\naccounts = [{{ username = \"a\", password = \"b\" }}]\ndefault_unit = \"PCE\"\n{buyer}"
    )
}

#[test]
fn a_saved_page_is_read_for_a_buyer() {
    let page = root("fixtures/pages/django-oscar-nb/cart.html");
    let config = Written::new("extract.toml", oscar("[buyer.fields]\nVENDOR = \"100234\"\n"));
    let arguments = ["extract", page.to_str().unwrap(), "--buyer", "acme", "--config", config.path()];
    let (status, table, told) = run(&arguments);
    assert_eq!(status, 0, "{table}{told}");
    for part in [
        "values are read from",
        "sku                  17",
        "NEW_ITEM-PRICE[2]              0.375 ",
        "<- price",
        "<- \"100234\"",
        "info     PO-PRICE-DERIVED line 2: ",
        "the cart may leave",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    let (status, json, _) = run(&[&arguments[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["may_leave"]), (0, &true.into()));
    assert_eq!(json["lines"][1]["price"], "0.0375");
    let fields = json["fields"].as_array().unwrap();
    let price = fields.iter().find(|field| field["name"] == "NEW_ITEM-PRICE[2]").unwrap();
    assert_eq!((&price["value"], &price["line"], &price["from"]), (&"0.375".into(), &2.into(), &"price".into()));
}

#[test]
fn a_buyers_severities_hold_in_extract_too() {
    let page = root("fixtures/pages/django-oscar-nb/cart.html");
    let config = Written::new("strict.toml", oscar("[buyer.findings]\nPO-PRICE-SCALED = \"error\"\n"));
    let (status, table, _) = run(&["extract", page.to_str().unwrap(), "--buyer", "acme", "--config", config.path()]);
    assert_eq!(status, 1, "{table}");
    assert!(table.contains("error    PO-PRICE-SCALED line 2") && table.contains("must not leave"), "{table}");
    let (status, _, told) = run(&["extract", page.to_str().unwrap(), "--buyer", "nobody", "--config", config.path()]);
    assert_eq!(status, 78, "{told}");
}

#[test]
fn a_total_that_nothing_explains_keeps_the_cart_unless_the_buyer_says_otherwise() {
    let page = |quantity: &str, total: &str| {
        let line = format!("<i>{quantity}</i><u>10,00</u><s>{total}</s>");
        Written::new(&format!("total-{quantity}.html"), format!("<p class=line><b>Hammer</b>{line}</p>"))
    };
    let config = |buyer: &str| {
        let rules = "[shop.cart]\nline = \".line\"\nname = \"b\"\nquantity = \"i\"\nprice = \"u\"\ntotal = \"s\"\nsku = \"b\"\n";
        oscar(buyer).replace("[shop.cart]\n", rules)
    };
    let default = Written::new("total.toml", config(""));
    let lowered = Written::new("total-lowered.toml", config("[buyer.findings]\nPO-TOTAL-MISMATCH = \"warning\"\n"));
    for (quantity, total, config, expected, told) in [
        ("2", "20,00", &default, 0, "NEW_ITEM-QUANTITY[1]           2.000"),
        ("1.000", "10,00", &default, 0, "NEW_ITEM-QUANTITY[1]           1.000"),
        ("2", "2.000,00", &default, 1, "error    PO-TOTAL-MISMATCH line 1: price 10.00, quantity 2, total 2000.00"),
        ("2", "15,00", &default, 1, "the cart must not leave"),
        ("2", "15,00", &lowered, 0, "warning  PO-TOTAL-MISMATCH line 1"),
        ("1.000", "20,00", &lowered, 1, "PO-QUANTITY-UNREADABLE line 1: \"1.000\" may be 1 or 1000"),
    ] {
        let page = page(quantity, total);
        let (status, table, error) = run(&["extract", page.path(), "--buyer", "acme", "--config", config.path()]);
        assert_eq!(status, expected, "{quantity} for {total}\n{table}{error}");
        assert!(table.contains(told), "{told}\n{table}");
    }
}

#[test]
fn an_address_is_opened_as_the_buyer() {
    let demo = Demo::start_with(Default::default(), Default::default()).unwrap();
    let at = |path: &str| Url::parse(&format!("http://{}{path}", demo.shop_addr)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut browser = Browser::default();
        let form = |page: &punchout_proxy::demo::browser::Page, id: &str| {
            page.forms().into_iter().find(|form| form.id == id).unwrap()
        };
        let page = browser.get(at("/konto/logg-inn")).await.unwrap();
        let customer = Customer::demo();
        let typed = [("epost", customer.email.as_str()), ("passord", &customer.password)];
        browser.submit(&page, &form(&page, "innlogging"), &typed).await.unwrap();
        let page = browser.get(at(&format!("/vare/{}", catalogue::BLOWLAMP))).await.unwrap();
        browser.submit(&page, &form(&page, "leggtil"), &[("antall", "2")]).await.unwrap();
    });
    let config = Written::new("demo.toml", proxy_toml(demo.shop_addr, demo.procurement_addr));
    let toml: toml::Table = toml::from_str(&std::fs::read_to_string(&config.0).unwrap()).unwrap();
    let cart = toml["shop"]["cart"]["page"].as_str().map(str::to_owned);
    let cart = cart.or_else(|| toml["shop"]["cart"]["page"][0].as_str().map(str::to_owned)).unwrap();
    let buyer = toml["buyer"][0]["name"].as_str().unwrap().to_owned();
    let address = at(&cart).to_string();
    let (status, table, told) = run(&["extract", &address, "--buyer", &buyer, "--config", config.path()]);
    assert_eq!(status, 0, "{table}{told}");
    let customer = Customer::demo().email;
    assert!(table.contains(&format!("as {customer}")) && table.contains("1234.56"), "{table}");
    demo.stop();
}

#[test]
fn a_captured_return_is_held_to_a_profile() {
    let line = |sku: &str| {
        format!(
            "NEW_ITEM-DESCRIPTION[1]=Skrue&NEW_ITEM-QUANTITY[1]=1.000&NEW_ITEM-UNIT[1]=PCE&NEW_ITEM-PRICE[1]=0.000\
             &NEW_ITEM-CURRENCY[1]=NOK&NEW_ITEM-VENDORMAT[1]={sku}"
        )
    };
    let good = Written::new("good.txt", format!("POST /hook HTTP/1.1\r\nHost: a\r\n\r\n{}", line("1")));
    let long = Written::new("long.txt", line(&"1".repeat(23)));
    for (body, profile, status, part) in [
        (&good, "generic", 0, "warning  PO-PRICE-ZERO line 1: "),
        (&good, "dolibarr", 1, "error    PO-PRICE-ZERO line 1: "),
        (&long, "generic", 0, "1 lines, 1 findings: good"),
        (&long, "onventis", 1, "error    PO-FIELD-TOO-LONG line 1: "),
    ] {
        let (ended, told, error) = run(&["lint", body.path(), "--profile", profile]);
        assert_eq!(ended, status, "{profile}: {told}{error}");
        assert!(told.contains(part), "{profile}: {told}");
    }
    let (status, json, _) = run(&["lint", long.path(), "--profile", "onventis", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["good"], &json["lines"]["1"]["UNIT"]), (1, &false.into(), &"PCE".into()));
    let (status, _, told) = run(&["lint", good.path(), "--profile", "sap-smr"]);
    assert!(status == 78 && told.contains("did you mean `sap-srm`?"), "{status} {told}");
}

#[test]
fn the_units_of_a_buyer_are_shown_with_who_wins() {
    let config = Written::new("units.toml", oscar("[buyer.units]\nstk = \"EA\"\n"));
    let (status, table, _) = run(&["units", "--buyer", "acme", "--config", config.path()]);
    assert_eq!(status, 0);
    let words = |code: &str| {
        let row = table
            .lines()
            .find(|line| line.starts_with(&format!("{code} ")))
            .unwrap_or_else(|| panic!("{code}\n{table}"));
        row[5..].trim().split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(words("EA").contains(&"stk".to_owned()), "the buyer's own word wins over the shipped one");
    assert!(!words("PCE").contains(&"stk".to_owned()) && words("PCE").contains(&"styck".to_owned()));
    assert_eq!(words("BJ"), ["spann"]);
    assert!(table.ends_with("any other word, or none: PCE\n"), "{table}");
    let (_, json, _) = run(&["units", "--buyer", "acme", "--json", "--config", config.path()]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["default"], &json["codes"]["BJ"][0]), (&"PCE".into(), &"spann".into()));
}

#[test]
fn whoever_has_seen_enough_is_no_fault() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/good/least.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
    let mut program = command
        .args(["check", "--print", "--config"])
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(program.stdout.take());
    let output = program.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains("panicked"), "{told}");
    assert_eq!(output.status.code(), Some(141), "as a shell tells of it: {told}");
}

#[test]
fn a_secret_that_everybody_may_read_is_warned_of() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("secrets-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let secret = folder.join("acme");
    fs::write(&secret, "et langt passord").unwrap();
    let file = folder.join("proxy.toml");
    let text = "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n\
                [shop.cart]\ncurrency = \"NOK\"\n[[buyer]]\nname = \"acme\"\npassword_file = \"acme\"\n\
                hooks = [\"https://srm.acme.example\"]\naccounts = { strategy = \"guest\" }\n";
    fs::write(&file, text).unwrap();
    for (mode, warned) in [(0o644, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let (status, out, told) = run(&["check", "--config", file.to_str().unwrap()]);
        assert_eq!(status, 0, "{out}{told}");
        assert_eq!(told.contains("buyer[0].password_file") && told.contains("chmod o-r"), warned, "{mode:o}: {told}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_not_there_is_named_as_it_was_given_and_a_folder_is_made() {
    let (status, _, told) = run(&["replay", "records/nope"]);
    assert_eq!((status, told.trim_end()), (2, "records/nope: there is no such record"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("man-{}", std::process::id()));
    let (status, _, told) = run(&["man", folder.join("man1").to_str().unwrap()]);
    assert_eq!(status, 0, "{told}");
    assert!(folder.join("man1/punchout-proxy.1").is_file());
    fs::remove_dir_all(&folder).unwrap();
}
