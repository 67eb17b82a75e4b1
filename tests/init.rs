//! `init` before a shop that no preset knows, the demo's: what it writes is proven, holds no secret, and makes the round
//! trip.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use punchout_proxy::demo::journey::{self, EntryWay};
use punchout_proxy::demo::procurement::ProcurementSettings;
use punchout_proxy::demo::shop::{Customer, ShopSettings};
use punchout_proxy::demo::{Demo, catalogue};

/// A folder of this test alone, with the account's password in a file.
fn folder(name: &str, password: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("init-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("shop-password"), password).unwrap();
    folder
}

fn init(folder: &Path, shop: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
    command.arg("init").arg(shop).args(more).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn article() -> String {
    format!("/vare/{}", catalogue::BLOWLAMP)
}

/// A proxy by a file, ended with the test.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(folder: &Path, address: &str) -> Proxy {
    let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
    let command = command.args(["run", "--config", "proxy.toml"]).current_dir(folder);
    let proxy = Proxy(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let patience = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(patience.elapsed() < Duration::from_secs(30), "the proxy does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    proxy
}

#[test]
fn a_shop_that_nobody_has_described_makes_the_round_trip() {
    let demo = Demo::start_with(ShopSettings::default(), ProcurementSettings::default()).unwrap();
    let customer = Customer::demo();
    let caller = ProcurementSettings::default();
    let folder = folder("round", &customer.password);
    fs::write(folder.join("oci-password"), &caller.password).unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (article, hook) = (article(), demo.procurement_url());
    let output = init(
        &folder,
        &demo.shop_url(),
        &[
            ["--account", &customer.email, "--password-file", "shop-password", "--product", &article].as_slice(),
            &[
                "--buyer",
                &caller.username,
                "--buyer-password-file",
                "oci-password",
                "--hook",
                &hook,
                "--listen",
                &listen,
                "--schema",
                "./proxy.schema.json",
            ],
        ]
        .concat(),
    );
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&output.stderr));
    // Two blowlamps, at the agreed price: the lines that would be returned, and the doubts.
    for expected in ["2 x Blåselampe", "1234.56", "the cart is empty again", "doubt", "written and proven"] {
        assert!(told.contains(expected), "no {expected} in\n{told}");
    }
    assert!(demo.shop.account_basket(&customer.email).is_empty(), "the article still lies in the cart");

    let file = fs::read_to_string(folder.join("proxy.toml")).unwrap();
    assert!(file.starts_with("#:schema ./proxy.schema.json\n"), "{file}");
    for secret in [&customer.password, &caller.password] {
        assert!(!file.contains(secret.as_str()) && !told.contains(secret.as_str()), "{file}{told}");
    }
    // The demo's procurement system calls another address than ours.
    fs::write(folder.join("proxy.toml"), format!("{file}\n[entry]\npaths = [\"/punchout\"]\n")).unwrap();
    let proxy = run(&folder, &listen);
    let address = format!("http://{listen}");
    demo.connect(&address);
    let journey = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journey = journey.block_on(journey::travel(&address, demo.procurement_addr, EntryWay::Post)).unwrap();
    drop(proxy);
    // Fields that come from the demo's own tables (classes, suppliers) are not the shop's to tell.
    let told_by_the_shop = ["DESCRIPTION", "QUANTITY", "PRICE", "PRICEUNIT", "CURRENCY", "VENDORMAT"];
    let compared = journey
        .fields
        .iter()
        .filter(|field| told_by_the_shop.iter().any(|name| field.name.starts_with(&format!("NEW_ITEM-{name}["))));
    let compared: Vec<_> = compared.collect();
    assert_eq!(compared.len(), 3 * told_by_the_shop.len());
    let wrong: Vec<_> = compared.iter().filter(|field| !field.is_right()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{file}");
    assert!(demo.shop.orders().is_empty(), "an order was placed");
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let demo = Demo::start_with(ShopSettings::default(), ProcurementSettings::default()).unwrap();
    let customer = Customer::demo();
    let folder = folder("wrong", "not the password");
    let article = article();
    let account = ["--account", &customer.email, "--password-file", "shop-password", "--product"];
    for (options, status, told) in [
        (&account[..2], 78, "--password-file or --password-env is missing"),
        (&account[2..4], 78, "--account is missing"),
        (&[&account[..], &[article.as_str()]].concat(), 1, "did not let the account in"),
        (&[&account[..], &["/vare/none"]].concat(), 1, "did not let the account in"),
    ] {
        let output = init(&folder, &demo.shop_url(), options);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{options:?}: {said}");
        assert!(said.contains(told), "{options:?}: {said}");
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let names = left.iter().filter_map(|name| name.to_str());
        assert!(names.clone().all(|name| name != "proxy.toml" && name != "acme.password"), "{options:?}: {left:?}");
    }
    fs::write(folder.join("proxy.toml"), "mine").unwrap();
    let output = init(&folder, &demo.shop_url(), &[&account[..], &[article.as_str()]].concat());
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(fs::read_to_string(folder.join("proxy.toml")).unwrap(), "mine");
}
