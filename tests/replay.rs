//! Sessions that are recorded as they happen, over sockets, and what `replay` makes of the records.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[allow(dead_code, reason = "each test file uses its part")]
mod page_fixture;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::eventually;
use common::punchout::{HOOK, PASSWORD, Punchout, configuration, own, text};
use punchout_proxy::config::file::ReturnWay;

/// A folder of the test's own, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("punchout-replay-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    /// The records, the oldest first.
    fn records(&self) -> Vec<PathBuf> {
        let Ok(found) = fs::read_dir(self.0.join("records")) else { return Vec::new() };
        let mut found: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "punchout"));
        found.sort();
        found
    }

    fn record_number(&self, number: usize) -> PathBuf {
        eventually("it is recorded", || self.records().len() == number);
        self.records().pop().unwrap()
    }

    fn config(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn recording(folder: &Folder, more: &str) -> String {
    format!("\n[record]\nfolder = \"{}\"\n{more}", folder.0.join("records").display())
}

/// Exit status, standard output and standard error.
fn replay(record: &Path, config: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
    let output = command.arg("replay").arg(record).arg("--config").arg(config).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const FIELDS: &str = "[buyer.fields]\nVENDOR = \"100234\"\nCUST_FIELD1 = { parameter = \"COSTCENTER\" }\nCUST_FIELD5 = { parameter = \"EMAIL\" }\n";

#[test]
fn a_changed_mapping_shows_exactly_the_fields_that_it_changes() {
    let folder = Folder::new("mapping");
    let punchout = Punchout::configured(|text| text + FIELDS + &recording(&folder, ""), |_| {});
    *punchout.article.lock().unwrap() = "Drill &amp; \"bit\" <i>8 mm</i>".to_owned();
    let cookies = punchout.enter(&[("COSTCENTER", "4711"), ("EMAIL", "kari@acme.example")], "");
    let shown = text(&punchout.ask("GET", "/cart", &cookies));
    assert!(shown.contains("kari@acme.example"), "the buyer gets what was agreed on: {shown}");
    let record = folder.record_number(1);
    let origin = punchout.shop.address;

    let same = folder.config("same.toml", &(configuration(origin) + FIELDS));
    let (status, told, error) = replay(&record, &same, &[]);
    assert_eq!(status, 0, "{told}{error}");
    assert!(told.ends_with("the same: 1 lines\n"), "{told}");

    let fields = FIELDS.replace("100234", "100235").replace("COSTCENTER\" }", "COSTCENTER\", pad = \"0000000\" }")
        + "MANUFACTMAT = { from = \"sku\" }\n";
    let changed = configuration(origin).replace("default_unit = \"PCE\"", "default_unit = \"EA\"") + &fields;
    let changed = folder.config("changed.toml", &changed);
    let (status, told, error) = replay(&record, &changed, &[]);
    assert_eq!(status, 1, "{told}{error}");
    let mut lines: Vec<_> = told.lines().skip(1).collect();
    assert_eq!(lines.pop(), Some("6 differences"), "{told}");
    let expected = [
        "line 1 NEW_ITEM-UNIT was \"PCE\", is \"EA\"   <- ",
        "line 1 NEW_ITEM-VENDOR was \"100234\", is \"100235\"   <- ",
        "line 1 NEW_ITEM-CUST_FIELD1 was \"4711\", is \"0004711\"   <- ",
        "line 1 NEW_ITEM-MANUFACTMAT is new, \"A-1\"   <- ",
        "finding is gone: info PO-UNIT-DEFAULTED line 1: ",
        "finding is new: info PO-UNIT-DEFAULTED line 1: ",
    ];
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\n{told}");
    }

    let (status, json, _) = replay(&record, &changed, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["same"], json["differences"].as_array().unwrap().len()), (1, &false.into(), 6));
    assert_eq!(json["differences"][0]["is"], "EA");
}

#[test]
fn a_rule_that_reads_otherwise_shows_in_what_is_read_and_in_what_is_sent() {
    let folder = Folder::new("rules");
    let punchout = Punchout::configured(|text| text + &recording(&folder, ""), |_| {});
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    let record = folder.record_number(1);
    let config = configuration(punchout.shop.address);
    let name = folder.config("name.toml", &config.replace("name = \"td.name\"", "name = \"td.sku\""));
    let (status, told, _) = replay(&record, &name, &[]);
    assert_eq!(status, 1);
    assert!(told.contains("line 1 name was \"Drill\", is \"A-1\"\n"), "{told}");
    assert!(told.contains("line 1 NEW_ITEM-DESCRIPTION was \"Drill\", is \"A-1\"   <- name\n"), "{told}");
    assert!(told.ends_with("\n2 differences\n"), "{told}");

    let lost = folder.config("lost.toml", &config.replace("\"tr.line\"", "\"tr.row\""));
    let (status, told, _) = replay(&record, &lost, &[]);
    assert_eq!(status, 1);
    assert!(
        told.contains("line 1 is lost: Drill\n") && told.contains("finding is new: error PO-CART-NO-LINES"),
        "{told}"
    );
    assert!(told.contains("cart may leave was \"yes\", is \"no\"\n"), "{told}");

    for (what, config, more) in [
        ("no such buyer", config.clone(), &["--buyer", "nobody"][..]),
        ("no configuration", "nonsense".to_owned(), &[]),
        (
            "not of this kind",
            config
                .replace("line = \"tr.line\"", "source = \"json\"\njson = \"/cart.json\"\nline = \"$.items[*]\"")
                .replace("\"td.name\"", "\"@.n\"")
                .replace("\"td.sku\"", "\"@.s\"")
                .replace("\"td.quantity\"", "\"@.q\"")
                .replace("\"td.price\"", "\"@.p\""),
            &[],
        ),
    ] {
        let config = folder.config("cannot.toml", &config);
        let (status, told, error) = replay(&record, &config, more);
        assert_eq!(status, 2, "{what}: {told}{error}");
        assert!(!error.is_empty(), "{what}");
    }
    assert_eq!(replay(&folder.0, &name, &[]).0, 2, "no record");
}

#[test]
fn nothing_of_a_session_that_is_secret_is_in_its_record_and_nobody_else_may_read_it() {
    let folder = Folder::new("masked");
    let more = "hide = [\"td.name b\"]\npatterns = ['Nordmann']\nparameters = [\"userid\"]\n";
    let punchout = Punchout::configured(|text| text + FIELDS + &recording(&folder, more), |_| {});
    *punchout.article.lock().unwrap() = "Drill<input type=hidden name=csrf_token value=t0k3n-1>\
         <a href='/x?_token=t0k3n-2'></a> <b>Ola Dunk</b> Kari Nordmann"
        .to_owned();
    let hook = HOOK.replace("session=1", "session=hooksecret");
    let parameters =
        [("HOOK_URL", hook.as_str()), ("userId", "kno42"), ("EMAIL", "kari@acme.example"), ("TOKEN", "t0k3n-3")];
    let cookies = punchout.enter(&parameters, "");
    punchout.ask("GET", "/cart", &cookies);
    let record = folder.record_number(1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder.0.join("records")), mode(&record)), (0o700, 0o700));
    let mut whole = String::new();
    for file in ["record.toml", "cart.html"] {
        assert_eq!(mode(&record.join(file)), 0o600);
        whole += &fs::read_to_string(record.join(file)).unwrap();
    }
    let own = cookies.split("punchout=").nth(1).unwrap_or(&cookies);
    let own = own.split([';', '\r']).next().unwrap();
    for secret in [PASSWORD, "t0k3n", "Ola Dunk", "Nordmann", "hooksecret", "kno42", "kari@", own] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    for kept in
        ["hook = \"https://srm.acme.example/oci?session=***\"", "userId = \"***\"", "USERNAME = \"acme\"", "12,50"]
    {
        assert!(whole.contains(kept), "{kept}: {whole}");
    }
}

#[test]
fn a_record_becomes_a_fixture_that_the_page_tests_accept() {
    let folder = Folder::new("fixture");
    let punchout = Punchout::configured(|text| text + &recording(&folder, ""), |_| {});
    *punchout.article.lock().unwrap() = "Båtshake &amp; \"bit\"".to_owned();
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    let record = folder.record_number(1);
    let config = folder.config("proxy.toml", &configuration(punchout.shop.address));
    let fixture = folder.0.join("fixture");
    let arguments = ["--fixture", fixture.to_str().unwrap()];
    let (status, told, error) = replay(&record, &config, &arguments);
    assert_eq!(status, 0, "{told}{error}");
    page_fixture::accept(&fixture);
    let expected = fs::read_to_string(fixture.join("cart.lines.toml")).unwrap();
    assert!(expected.contains("Båtshake & "), "{expected}");
    assert_eq!(replay(&record, &config, &arguments).0, 2, "nothing is written over");
}

/// Masked pages read as they did: those of every platform that there is a fixture of, whatever they were written in.
#[test]
fn every_fixture_page_that_is_recorded_replays_as_it_was_and_becomes_that_fixture_again() {
    let mut seen = 0;
    for page in page_fixture::folders() {
        let name = page.file_name().unwrap().to_str().unwrap().to_owned();
        let Ok(html) = fs::read(page.join("cart.html")) else { continue };
        let mut rules: toml::Table = page_fixture::toml_in(page.join("rules.toml"));
        if rules.contains_key("part") {
            // A product's page or a search's: no cart.
            continue;
        }
        let preset = rules.remove("preset");
        rules.insert("page".to_owned(), "/cart".into());
        rules.insert("checkout".to_owned(), "a.checkout".into());
        let deny = toml::Table::from_iter([("paths".to_owned(), vec!["/checkout/**"].into())]);
        let mut shop = toml::Table::from_iter([("cart".to_owned(), rules.into()), ("deny".to_owned(), deny.into())]);
        shop.extend(preset.map(|preset| ("preset".to_owned(), preset)));
        let charset = page_fixture::charset(&page).unwrap_or_else(|| "utf-8".to_owned());
        let served = common::Shop::start(move |wire, head| {
            wire.body(head, false)?;
            let (charset, length) = (&charset, html.len());
            wire.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset={charset}\r\nContent-Length: {length}\r\n\r\n"
            ))?;
            wire.send(&html)?;
            Ok(true)
        });
        shop.insert("origin".to_owned(), format!("http://{}", served.address).into());
        let whole = toml::Table::from_iter([("shop".to_owned(), shop.into())]);
        let config = format!(
            "listen = \"127.0.0.1:0\"\nworkers = 1\n{whole}[[buyer]]\nname = \"acme\"\npassword = \"x\"\n\
             hooks = [\"https://*.acme.example\"]\naccounts = {{ strategy = \"guest\" }}\ndefault_unit = \"PCE\"\n"
        );
        let folder = Folder::new(&format!("every-{name}"));
        let punchout = Punchout::configured(|_| config.clone() + &recording(&folder, ""), |_| {});
        let call = format!("/_punchout/enter?USERNAME=acme&PASSWORD=x&HOOK_URL={}", common::punchout::encoded(HOOK));
        let cookies = common::punchout::cookie_field(&punchout.ask("GET", &call, ""));
        // Where a script draws the cart, our return page reads it.
        let fresh = punchout.proxy.plans.load().shop.way == ReturnWay::Fresh;
        let own = own("return", &cookies);
        punchout.ask("GET", if fresh { &own } else { "/cart" }, &cookies);
        eventually(&name, || folder.records().len() == 1);
        let record = folder.record_number(1);
        let config = folder.config("proxy.toml", &config);
        let fixture = folder.0.join("fixture");
        let (status, told, error) = replay(&record, &config, &["--fixture", fixture.to_str().unwrap()]);
        assert_eq!(status, 0, "{name}: {told}{error}");
        page_fixture::accept(&fixture);
        assert_eq!(page_fixture::lines(&fixture), page_fixture::lines(&page), "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "the fixtures are there");
}

#[test]
fn a_cart_that_our_return_page_reads_is_recorded_too_be_it_a_page_or_json() {
    let folder = Folder::new("fresh");
    let fresh = |text: String| text.replace("checkout = [", "return = \"fresh\"\ncheckout = [");
    let punchout = Punchout::configured(|text| fresh(text) + &recording(&folder, ""), |_| {});
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    assert_eq!(punchout.ask("GET", &own("return", &cookies), &cookies).head.status(), 200);
    let record = folder.record_number(1);
    let config = folder.config("fresh.toml", &fresh(configuration(punchout.shop.address)));
    assert_eq!(replay(&record, &config, &[]).0, 0);

    let json = |text: String| {
        let text = text.replace("line = \"tr.line\"", "source = \"json\"\njson = \"/cart\"\nline = \"$.items[*]\"");
        ["name", "sku", "quantity", "price"]
            .iter()
            .fold(text, |text, name| text.replace(&format!("\"td.{name}\""), &format!("\"@.{name}\"")))
    };
    let folder = Folder::new("json");
    let shop = common::Shop::start(|wire, head| {
        wire.body(head, false)?;
        let body = match (head.method(), head.target()) {
            ("GET", "/login") => "<form method=post><input name=user><input name=pass></form>",
            ("POST", "/login") => "<a href='/logout'>bye</a>",
            _ => r#"{"sessionId":"s3cr3t","items":[{"name":"Drill","sku":"A-1","quantity":2,"price":"12,50"}]}"#,
        };
        let length = body.len();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"))?;
        Ok(true)
    });
    let configured = json(configuration(shop.address));
    let punchout = Punchout::configured(|_| configured.clone() + &recording(&folder, ""), |_| {});
    let cookies = punchout.enter(&[], "");
    let page = punchout.ask("GET", &own("return", &cookies), &cookies);
    assert!(text(&page).contains("NEW_ITEM-PRICE[1]"), "{}", text(&page));
    let record = folder.record_number(1);
    assert!(!fs::read_to_string(record.join("cart.json")).unwrap().contains("s3cr3t"));
    let config = folder.config("json.toml", &configured);
    let fixture = folder.0.join("fixture");
    let (status, told, error) = replay(&record, &config, &["--fixture", fixture.to_str().unwrap()]);
    assert_eq!(status, 0, "{told}{error}");
    page_fixture::accept(&fixture);
}

#[test]
fn a_session_that_only_reports_is_recorded_and_keeps_its_page() {
    let folder = Folder::new("report");
    let punchout = Punchout::configured(|text| text + "report_only = true\n" + &recording(&folder, ""), |_| {});
    let cookies = punchout.enter(&[], "");
    assert!(!text(&punchout.ask("GET", "/cart", &cookies)).contains("NEW_ITEM"));
    let record = folder.record_number(1);
    assert!(fs::read_to_string(record.join("record.toml")).unwrap().contains("way = \"report-only\""));
    let config = folder.config("same.toml", &configuration(punchout.shop.address));
    assert_eq!(replay(&record, &config, &[]).0, 0);
}

#[test]
fn the_folder_stays_within_its_bounds_and_a_cart_shown_again_is_no_further_record() {
    let folder = Folder::new("bounds");
    let punchout = Punchout::configured(|text| text + &recording(&folder, "count = 2\n"), |_| {});
    fs::create_dir_all(folder.0.join("records/mine")).unwrap();
    let cookies = punchout.enter(&[], "");
    for article in ["One", "One", "Two", "Three"] {
        *punchout.article.lock().unwrap() = article.to_owned();
        punchout.ask("GET", "/cart", &cookies);
    }
    let read = |record: &PathBuf| fs::read_to_string(record.join("record.toml")).unwrap_or_default();
    let has = |article: &str| folder.records().iter().any(|record| read(record).contains(&format!("\"{article}\"")));
    eventually("the oldest has made room", || has("Three") && has("Two") && !has("One"));
    assert_eq!(folder.records().len(), 2);
    assert!(folder.0.join("records/mine").is_dir(), "what is not ours is left alone");
}

#[test]
fn what_is_too_old_goes_at_the_start_already() {
    let folder = Folder::new("old");
    let old = folder.0.join("records/20260101T000000000Z-AAAA-acme.punchout");
    fs::create_dir_all(&old).unwrap();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    fs::File::open(&old).unwrap().set_modified(std::time::SystemTime::now() - 2 * day).unwrap();
    let new = folder.0.join("records/20260102T000000000Z-AAAA-acme.punchout");
    fs::create_dir_all(&new).unwrap();
    let _punchout = Punchout::configured(|text| text + &recording(&folder, "max_age = \"1d\"\n"), |_| {});
    assert!(!old.exists() && new.exists());
}

#[test]
fn no_disk_and_no_long_page_costs_the_buyer_anything() {
    let folder = Folder::new("full");
    let more = "page = \"8KiB\"\nsize = \"16KiB\"\n";
    let admin = |text: String| text.replacen("workers = 1", "workers = 1\nadmin = \"127.0.0.1:0\"", 1);
    let punchout = Punchout::configured(|text| admin(text) + &recording(&folder, more), |_| {});
    let cookies = punchout.enter(&[], "");
    let metrics = || {
        let admin = punchout.proxy.running.admin_address().unwrap();
        let mut wire = common::Wire::connect(admin);
        wire.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        text(&wire.answer("GET").unwrap())
    };
    let counts = |line: &str| metrics().lines().any(|one| one == line);
    *punchout.article.lock().unwrap() = "x".repeat(10_000);
    assert!(text(&punchout.ask("GET", "/cart", &cookies)).contains("NEW_ITEM-PRICE[1]"));
    eventually("it is counted", || counts("punchout_records_dropped_total{reason=\"size\"} 1"));
    *punchout.article.lock().unwrap() = "Drill".to_owned();
    // A file where the folder was: as bad as a full disk.
    fs::remove_dir_all(folder.0.join("records")).unwrap();
    fs::write(folder.0.join("records"), "").unwrap();
    assert!(text(&punchout.ask("GET", "/cart", &cookies)).contains("NEW_ITEM-PRICE[1]"));
    eventually("it is counted", || counts("punchout_records_dropped_total{reason=\"disk\"} 1"));
    fs::remove_file(folder.0.join("records")).unwrap();
    *punchout.article.lock().unwrap() = "Saw".to_owned();
    punchout.ask("GET", "/cart", &cookies);
    folder.record_number(1);
    assert!(counts("punchout_records_total 1"), "{}", metrics());
}

/// A shop that compresses although nobody asked it to.
#[test]
fn a_page_is_kept_without_its_compression() {
    let html = "<html><body><table><tr class=line><td class=name>Drill</td><td class=sku>A-1</td>\
                <td class=quantity>2</td><td class=price>12,50</td></tr></table></body></html>";
    let packed = gzip(html.as_bytes());
    let shop = common::Shop::start(move |wire, head| {
        wire.body(head, false)?;
        let (coding, body) = match (head.method(), head.target()) {
            ("GET", "/login") => ("identity", b"<form method=post><input name=user><input name=pass></form>".to_vec()),
            ("POST", "/login") => ("identity", b"<a href='/logout'>bye</a>".to_vec()),
            _ => ("gzip", packed.clone()),
        };
        let length = body.len();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"))?;
        wire.send(body)?;
        Ok(true)
    });
    let folder = Folder::new("gzip");
    let punchout = Punchout::configured(|_| configuration(shop.address) + &recording(&folder, ""), |_| {});
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    assert_eq!(fs::read_to_string(folder.record_number(1).join("cart.html")).unwrap(), html);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncWriteExt;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
        encoder.write_all(bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    })
}

#[test]
fn only_the_buyers_that_are_named_are_recorded() {
    let folder = Folder::new("buyers");
    let other = "[[buyer]]\nname = \"other\"\npassword = \"x\"\nhooks = [\"https://b.example\"]\naccounts = { strategy = \"guest\" }\n";
    let punchout = Punchout::configured(|text| text + other + &recording(&folder, "buyers = [\"other\"]\n"), |_| {});
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    let call = [("USERNAME", "other"), ("PASSWORD", "x"), ("HOOK_URL", "https://b.example/")];
    let cookies = common::punchout::cookie_field(&punchout.call(&call, ""));
    punchout.ask("GET", "/cart", &cookies);
    // One writer, in order: what was to be written before is there.
    let record = fs::read_to_string(folder.record_number(1).join("record.toml")).unwrap();
    assert!(record.contains("buyer = \"other\""), "{record}");
}

#[test]
fn what_product_pages_said_is_recorded_and_not_asked_again() {
    let folder = Folder::new("details");
    let details = "[shop.product]\npage = \"/product/{product}\"\nline = \"body\"\nname = \"h1\"\nprice = \"b\"\ncurrency = \"NOK\"\n\
                   [shop.product.extra]\nmaker = \"i\"\n[shop.details]\ntake = [\"maker\"]\n[shop.deny]";
    let with_details =
        |text: String| text.replacen("[shop.deny]", details, 1) + "fields = { MANUFACTMAT = { from = \"maker\" } }\n";
    let punchout = Punchout::configured(|text| with_details(text) + &recording(&folder, ""), |_| {});
    // The shop's answer to an address that it does not know has no maker: that is what is recorded, too.
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    let record = folder.record_number(1);
    let head = fs::read_to_string(record.join("record.toml")).unwrap();
    assert!(head.contains("[[product_page]]\nsku = \"A-1\"\nunread = "), "{head}");
    assert!(head.contains("PO-PRODUCT-PAGE-UNREAD line 1: maker: not known"), "{head}");
    let asked = punchout.shop.seen();
    let config = folder.config("same.toml", &with_details(configuration(punchout.shop.address)));
    let (status, told, error) = replay(&record, &config, &[]);
    assert_eq!(status, 0, "{told}{error}");
    // As if it had been read then.
    let head = head.replace("[product_page.read]", "[product_page.read]\nmaker = \"Bosch\"");
    let head: String =
        head.lines().filter(|line| !line.starts_with("unread = ")).map(|line| format!("{line}\n")).collect();
    fs::write(record.join("record.toml"), head).unwrap();
    let (status, told, error) = replay(&record, &config, &[]);
    assert_eq!(status, 1, "{told}{error}");
    assert!(told.contains("line 1 NEW_ITEM-MANUFACTMAT is new, \"Bosch\""), "{told}");
    assert!(told.contains("finding is gone: warning PO-PRODUCT-PAGE-UNREAD line 1"), "{told}");
    assert_eq!(punchout.shop.seen(), asked, "nobody is asked");
}
