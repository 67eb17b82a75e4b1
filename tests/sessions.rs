//! Sessions as buyers live them, over sockets: the demo's shop and procurement system with the proxy between them.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;

use arc_swap::ArcSwap;
use punchout_proxy::demo::browser::{Browser, Form, Page};
use punchout_proxy::demo::procurement::ProcurementSettings;
use punchout_proxy::demo::shop::{Customer, ShopSettings};
use punchout_proxy::demo::{self, Demo};
use punchout_proxy::server::{self, Running};
use punchout_proxy::{config, demo::catalogue};
use url::Url;

/// The demo's world, with accounts and buyer's keys of the test's own.
struct World {
    demo: Demo,
    proxy: String,
    _running: Running,
}

fn customer(number: usize) -> Customer {
    Customer {
        email: format!("konto{number}@kunde.example"),
        password: format!("passord-{number}"),
        name: "Kunde".into(),
    }
}

fn pool(accounts: usize) -> String {
    let one = |n| format!("{{ username = \"{}\", password = \"{}\" }}", customer(n).email, customer(n).password);
    let list: Vec<String> = (1..=accounts).map(one).collect();
    format!("accounts = [{}]", list.join(", "))
}

impl World {
    fn with(accounts: &str, change: impl Fn(String) -> String) -> Self {
        let shop = ShopSettings { customers: (1..=3).map(customer).collect(), ..ShopSettings::default() };
        let demo = Demo::start_with(shop, ProcurementSettings::default()).unwrap();
        let text = demo::proxy_toml(demo.shop_addr, demo.procurement_addr);
        let line = text.lines().find(|line| line.starts_with("accounts = ")).unwrap().to_owned();
        let text = change(text.replace(&line, accounts));
        let outcome = config::read(&text, std::path::Path::new("."));
        let mut plan = outcome.plan.unwrap_or_else(|| panic!("{:?}", outcome.faults));
        plan.workers = 1;
        let running = server::run(&Arc::new(ArcSwap::from_pointee(plan))).unwrap();
        let proxy = format!("http://{}", running.addresses()[0]);
        demo.connect(&proxy);
        World { demo, proxy, _running: running }
    }

    fn at(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.proxy)).unwrap()
    }

    /// The catalog call as the procurement system's page has it, with more parameters.
    async fn punch_out(&self, browser: &mut Browser, more: &[(&str, &str)]) -> Page {
        let start = browser.get(self.demo.procurement_url().parse().unwrap()).await.unwrap();
        let form = start.forms().into_iter().find(|form| form.class.contains("punchout")).unwrap();
        browser.submit(&start, &form, more).await.unwrap()
    }

    async fn buy(&self, browser: &mut Browser, slug: &str) -> Page {
        let page = browser.get(self.at(&format!("/vare/{slug}"))).await.unwrap();
        let form = page.forms().into_iter().find(|form| form.id == "leggtil");
        let form = form.unwrap_or_else(|| panic!("nothing to buy on {page}"));
        browser.submit(&page, &form, &[("antall", "1")]).await.unwrap()
    }

    async fn post(&self, browser: &mut Browser, path: &str) -> Page {
        // As forms on the session's pages do it: with its key.
        let (root, _) = path.rsplit_once("_punchout/").unwrap();
        let here = browser.get(self.at(&format!("{root}handlekurv"))).await.unwrap();
        let key = here.body.split("?key=").nth(1).unwrap_or_else(|| panic!("{here}"));
        let action = format!("{path}?key={}", &key[..22]);
        let form = Form { action, method: "post".into(), ..Form::default() };
        browser.submit(&here, &form, &[]).await.unwrap()
    }

    fn basket(&self, number: usize) -> String {
        format!("{:?}", self.demo.shop.account_basket(&customer(number).email))
    }

    async fn until_empty(&self, number: usize) {
        for _ in 0..200 {
            if self.demo.shop.account_basket(&customer(number).email).is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("not emptied: {}", self.basket(number));
    }
}

fn browse(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

const SIGNED_IN: &str = "/konto/logg-ut";

#[test]
fn two_share_a_pool_of_two_and_a_third_waits_until_one_has_left() {
    let world = World::with(&pool(2), |text| text);
    browse(async {
        let (mut first, mut second, mut third) = (Browser::default(), Browser::default(), Browser::default());
        for browser in [&mut first, &mut second] {
            let page = world.punch_out(browser, &[]).await;
            assert!(page.body.contains(SIGNED_IN), "{page}");
        }
        world.buy(&mut first, catalogue::BLOWLAMP).await;
        let cart = world.buy(&mut second, catalogue::SCREW).await;
        assert!(!cart.body.contains("/vare/blaselampe"), "carts do not mix: {}", cart.body);
        assert!(world.basket(1).contains(catalogue::BLOWLAMP) && !world.basket(1).contains(catalogue::SCREW));
        assert!(world.basket(2).contains(catalogue::SCREW) && !world.basket(2).contains(catalogue::BLOWLAMP));

        let waiting = world.punch_out(&mut third, &[]).await;
        assert_eq!(waiting.status, 503, "{waiting}");
        assert_eq!(waiting.headers["retry-after"], "10");
        assert!(waiting.body.contains("PO-POOL-BUSY"));
        assert!(
            !waiting.url.as_str().contains("PASSWORD") && !waiting.url.as_str().contains("HOOK"),
            "{}",
            waiting.url
        );
        let again = |page: &Page| {
            let rest = page.body.split("http-equiv=\"refresh\" content=\"10;url=").nth(1).unwrap();
            world.at(rest.split('"').next().unwrap())
        };
        let still = third.get(again(&waiting)).await.unwrap();
        assert_eq!(still.status, 503, "both are still shopping");
        assert_eq!(third.get(again(&waiting)).await.unwrap().status, 503, "a ticket that was shown is void");

        let sent = world.post(&mut first, "/_punchout/sent").await;
        assert_eq!(sent.status, 204, "{sent}");
        world.until_empty(1).await;
        assert!(world.basket(2).contains(catalogue::SCREW), "nobody else's cart was touched");
        let mut page = third.get(again(&still)).await.unwrap();
        for _ in 0..100 {
            if page.status != 503 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            page = third.get(again(&page)).await.unwrap();
        }
        assert!(page.body.contains(SIGNED_IN), "{page}");

        let late = first.get(world.at("/handlekurv")).await.unwrap();
        assert_eq!(late.status, 410);
        assert!(late.body.contains("Handlekurven er sendt"), "{}", late.body);
    });
}

#[test]
fn the_same_browser_needs_one_account_however_often_it_comes() {
    let world = World::with(&pool(1), |text| text);
    browse(async {
        let mut browser = Browser::default();
        world.punch_out(&mut browser, &[]).await;
        world.buy(&mut browser, catalogue::SCREW).await;
        let page = world.punch_out(&mut browser, &[]).await;
        assert!(page.body.contains(SIGNED_IN), "{page}");
        let cart = browser.get(world.at("/handlekurv")).await.unwrap();
        assert!(cart.body.contains("kurv-tom"), "what was left is gone: {}", cart.body);
    });
}

#[test]
fn a_person_has_an_account_by_the_calls_parameters() {
    let rule =
        r#"accounts = { strategy = "per-user", username = "{parameter.EMAIL}", password = "passord-{parameter.PIN}" }"#;
    let world = World::with(rule, |text| text);
    browse(async {
        let mut browser = Browser::default();
        let page = world.punch_out(&mut browser, &[("EMAIL", "konto2@kunde.example"), ("PIN", "2")]).await;
        assert!(page.body.contains(SIGNED_IN), "{page}");
        world.buy(&mut browser, catalogue::SCREW).await;
        assert!(world.basket(2).contains(catalogue::SCREW));

        // Another browser of the same person: the earlier session is over, its cart is not inherited.
        let mut other = Browser::default();
        let page = world.punch_out(&mut other, &[("EMAIL", "Konto2@kunde.example "), ("PIN", "2")]).await;
        assert_eq!(page.status, 502, "the shop tells letters apart: {page}");
        let page = world.punch_out(&mut other, &[("EMAIL", "konto2@kunde.example"), ("PIN", "2")]).await;
        assert!(page.body.contains(SIGNED_IN), "{page}");
        assert!(world.demo.shop.account_basket(&customer(2).email).is_empty());
        assert_eq!(browser.get(world.at("/handlekurv")).await.unwrap().status, 410);

        let page = world.punch_out(&mut Browser::default(), &[("PIN", "2")]).await;
        assert_eq!(page.status, 400, "no EMAIL: {page}");
    });
}

#[test]
fn the_shop_judges_what_is_passed_through() {
    let world = World::with(r#"accounts = { strategy = "passthrough" }"#, |text| {
        let kept = text.lines().filter(|line| !line.starts_with("username") && !line.starts_with("password_hash"));
        kept.map(|line| format!("{line}\n")).collect()
    });
    browse(async {
        let call = [("USERNAME", "konto3@kunde.example"), ("PASSWORD", "passord-3")];
        let page = world.punch_out(&mut Browser::default(), &call).await;
        assert!(page.body.contains(SIGNED_IN), "{page}");
        let wrong = [("USERNAME", "konto3@kunde.example"), ("PASSWORD", "passord-1")];
        let page = world.punch_out(&mut Browser::default(), &wrong).await;
        assert!(page.status == 403 && page.body.contains("PO-ENTRY-REFUSED"), "{page}");
        let elsewhere = [call[0], call[1], ("HOOK_URL", "https://evil.example/")];
        let page = world.punch_out(&mut Browser::default(), &elsewhere).await;
        assert_eq!(page.status, 403, "the list of hooks still rules: {page}");
    });
}

/// Whoever knows a hook of the buyer's, and no password.
#[test]
fn wrong_passwords_that_the_shop_judges_take_no_turn_of_the_buyers() {
    let world = World::with(r#"accounts = { strategy = "passthrough" }"#, |text| {
        let kept = text.lines().filter(|line| !line.starts_with("username") && !line.starts_with("password_hash"));
        kept.map(|line| format!("{line}\n")).collect::<String>().replace("[entry]\n", "[entry]\nbuyer_rate = 2\n")
    });
    browse(async {
        for _ in 0..5 {
            let wrong = [("USERNAME", "nobody"), ("PASSWORD", "nothing")];
            assert_eq!(world.punch_out(&mut Browser::default(), &wrong).await.status, 403);
        }
        let right = [("USERNAME", "konto3@kunde.example"), ("PASSWORD", "passord-3")];
        for status in [200, 200, 429] {
            let page = world.punch_out(&mut Browser::default(), &right).await;
            assert_eq!(page.status, status, "{page}");
        }
    });
}

#[test]
fn a_guest_signs_in_nowhere() {
    let world = World::with(r#"accounts = { strategy = "guest" }"#, |text| text);
    browse(async {
        let mut browser = Browser::default();
        let page = world.punch_out(&mut browser, &[]).await;
        assert!(page.status == 200 && !page.body.contains(SIGNED_IN), "{page}");
        let cart = world.buy(&mut browser, catalogue::SCREW).await;
        assert!(cart.body.contains("NEW_ITEM-DESCRIPTION[1]"), "{}", cart.body);
    });
}

#[test]
fn the_bar_is_on_every_page_and_leads_back_without_a_cart() {
    let world = World::with(&pool(1), |text| text);
    browse(async {
        let mut browser = Browser::default();
        let page = world.punch_out(&mut browser, &[]).await;
        assert!(page.body.contains("Tilbake til fjordvik med handlekurven"), "{}", page.body);
        let cart = world.buy(&mut browser, catalogue::SCREW).await;
        let form = cart.forms().into_iter().find(|form| form.id.starts_with("punchout-return-")).unwrap().id;
        let button = format!("<button type=\"submit\" form=\"{form}\">Tilbake til");
        assert!(cart.body.contains(&button), "{}", cart.body);
        let again = browser.get(world.at("/handlekurv")).await.unwrap();
        assert!(!again.body.contains(&form), "no text of the shop's can name it: {}", again.body);
        assert!(cart.body.contains("src=\"/_punchout/script.js\""));
        let left = world.post(&mut browser, "/_punchout/cancel").await;
        assert_eq!(left.status, 200, "{left}");
        let form = left.forms().into_iter().find(|form| form.action.contains("/oci/inbound")).unwrap();
        assert!(form.inputs.iter().all(|(name, _)| !name.starts_with("NEW_ITEM")), "{form:?}");
        world.until_empty(1).await;
        let late = browser.get(world.at("/")).await.unwrap();
        assert!(!late.body.contains("punchout-bar"), "the session's cookie went with it: {late}");
    });

    let world =
        World::with(&pool(1), |text| text.replace("\nname = \"fjordvik\"", "\nname = \"fjordvik\"\nbar = false"));
    browse(async {
        let page = world.punch_out(&mut Browser::default(), &[]).await;
        assert!(page.status == 200 && !page.body.contains("punchout-bar"), "{}", page.body);
    });
}

#[test]
fn cancelling_goes_where_the_call_says_if_carts_may_go_there() {
    let world = World::with(&pool(1), |text| text + "\n[buyer.form]\ncancel = \"none\"\n");
    browse(async {
        let hook = format!("{}/oci/inbound?avbrutt=1", world.demo.procurement_url());
        let mut browser = Browser::default();
        world.punch_out(&mut browser, &[("OCICANCEL", &hook)]).await;
        let page = world.post(&mut browser, "/_punchout/cancel").await;
        assert_eq!(page.url.as_str(), hook);

        let mut browser = Browser::default();
        let in_letters = format!("{}/oci/inbound?ærend=avbrutt", world.demo.procurement_url());
        world.punch_out(&mut browser, &[("OCICANCEL", &in_letters)]).await;
        let page = world.post(&mut browser, "/_punchout/cancel").await;
        assert_eq!(page.url.as_str(), in_letters.replace('æ', "%C3%A6"));

        let mut browser = Browser::default();
        world.punch_out(&mut browser, &[("OCICANCEL", "https://evil.example/")]).await;
        let page = world.post(&mut browser, "/_punchout/cancel").await;
        assert!(page.status == 200 && page.url.path() == "/_punchout/cancel", "{page}");
        assert!(!page.body.contains("evil.example") && !page.body.contains("<form"), "{}", page.body);
    });
}

#[test]
fn a_cart_is_sent_once_and_again_only_on_purpose() {
    let world = World::with(&pool(1), |text| text + "\n[buyer.form]\nagain = true\n");
    browse(async {
        let mut browser = Browser::default();
        world.punch_out(&mut browser, &[]).await;
        world.buy(&mut browser, catalogue::SCREW).await;
        let shown = world.post(&mut browser, "/_punchout/return").await;
        assert!(shown.status == 200 && shown.body.contains("NEW_ITEM-DESCRIPTION[1]"), "{shown}");
        let twice = world.post(&mut browser, "/_punchout/return").await;
        assert!(twice.status == 409 && !twice.body.contains("NEW_ITEM"), "{twice}");
        assert!(!twice.body.contains("Handlekurven er sendt"), "more than is known: {}", twice.body);
        assert!(browser.get(world.at("/handlekurv")).await.unwrap().body.contains("NEW_ITEM"), "not known to be sent");

        assert_eq!(world.post(&mut browser, "/_punchout/sent").await.status, 204);
        let over = browser.get(world.at("/handlekurv")).await.unwrap();
        assert!(over.status == 409 && over.body.contains("again=1"), "{over}: {}", over.body);
        assert!(over.body.contains("<h1>Handlekurven er sendt</h1>"), "the browser has said so: {}", over.body);
        assert!(world.basket(1).contains(catalogue::SCREW), "kept, for it may be sent again");
        let again = over.link("a[href*='again=1']").unwrap();
        let again = browser.get(over.join(&again).unwrap()).await.unwrap();
        assert!(again.body.contains("NEW_ITEM-DESCRIPTION[1]"), "{again}");
    });
}

#[test]
fn an_earlier_stay_in_the_shop_does_not_leak_into_a_session() {
    let guest = r#"accounts = { strategy = "guest" }"#;
    for (keys, lines) in [("", 0), ("keep_cookies = [\"NVSESJON\"]\n", 1)] {
        let world = World::with(guest, |text| text.replace("[shop]\n", &format!("[shop]\n{keys}")));
        browse(async {
            let mut browser = Browser::default();
            let cart = world.buy(&mut browser, catalogue::SCREW).await;
            assert!(cart.body.contains("kurvlinje") && !cart.body.contains("NEW_ITEM"), "a visitor's own cart: {cart}");
            world.punch_out(&mut browser, &[]).await;
            let cart = browser.get(world.at("/handlekurv")).await.unwrap();
            assert_eq!(cart.body.matches("class=\"kurvlinje\"").count(), lines, "{keys}: {}", cart.body);
        });
    }
}

#[test]
fn what_is_hidden_is_hidden_in_sessions_alone() {
    let hide = "[shop.hide]\nelements = [\"h1\"]\nhosts = [\"*.tracker.example\"]\n\n[shop.deny]";
    let world = World::with(&pool(1), |text| text.replace("[shop.deny]", hide));
    browse(async {
        let mut browser = Browser::default();
        let before = browser.get(world.at("/")).await.unwrap();
        assert!(before.body.contains("<h1"), "{}", before.body);
        let page = world.punch_out(&mut browser, &[]).await;
        assert!(page.body.contains(SIGNED_IN) && !page.body.contains("<h1"), "{}", page.body);
    });
}
