//! A small legacy shop and a small procurement system, with the proxy between them: for `punchout-proxy demo` and for
//! the tests.
//!
//! * [`shop`]: "Nordvik Verktøy", the webshop that nobody may change.
//! * [`procurement`]: "Kommunal Innkjøp", where a punchout begins and where the cart comes back.
//! * [`catalogue`]: what the shop sells.
//! * [`journey`]: the whole round trip as a crude browser makes it, every returned field compared with the catalogue.
//! * [`browser`]: that crude browser.
//! * [`site`]: what both servers stand on.

pub mod browser;
pub mod catalogue;
pub mod journey;
pub mod procurement;
pub mod shop;
pub mod site;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use self::procurement::{Procurement, ProcurementSettings};
use self::shop::{Customer, Shop, ShopSettings};

/// The path of the proxy that takes the catalog call.
pub const ENTRY_PATH: &str = "/punchout";

/// The shop's words for units and the codes that the procurement system maintains.
const UNITS: &[(&str, &str)] = &[("stk", "PCE"), ("pk", "PK"), ("eske", "BX"), ("m", "MTR"), ("kg", "KGM")];
/// The shop's number in the procurement system.
const VENDOR_NUMBER: &str = "0000100234";
/// The material group of everything the shop sells: UNSPSC "hand tools".
const MATERIAL_GROUP: &str = "27110000";
/// argon2id of [`ProcurementSettings::default`]'s password, at the costs `hash-password` takes.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9yZHZpay1mam9yZHZpaw$fTwKk/C4S8I3n5BubNdtOfCMeS+OtZAjbNvOz5TpiN4";

/// The `proxy.toml` of the demo: the shop at `shop_addr`, and carts may go to `procurement_addr` alone.
///
/// It listens on a free loopback port; whoever wants another replaces the `listen` line.
pub fn proxy_toml(shop_addr: SocketAddr, procurement_addr: SocketAddr) -> String {
    let units: String = UNITS.iter().map(|(word, code)| format!("{word} = \"{code}\"\n")).collect();
    let customer = Customer::demo();
    site::fill(
        include_str!("assets/proxy.toml"),
        &[
            ("shop", &shop_addr.to_string()),
            ("procurement", &procurement_addr.to_string()),
            ("entry", ENTRY_PATH),
            ("units", &units),
            ("username", &ProcurementSettings::default().username),
            ("password_hash", PASSWORD_HASH),
            ("account", &customer.email),
            ("account_password", &customer.password),
            ("vendor", VENDOR_NUMBER),
            ("material_group", MATERIAL_GROUP),
        ],
    )
}

/// Both demo servers, running on a thread of their own until this is dropped or [`Demo::stop`]ped.
#[derive(Debug)]
pub struct Demo {
    /// Where the shop listens, on the loopback.
    pub shop_addr: SocketAddr,
    /// Where the procurement system listens, on the loopback.
    pub procurement_addr: SocketAddr,
    /// The shop, to ask what happened in it.
    pub shop: Arc<Shop>,
    /// The procurement system, to ask what arrived at it.
    pub procurement: Arc<Procurement>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts both servers with their usual settings on free loopback ports.
///
/// # Errors
/// When no port, thread or runtime is to be had.
pub fn start() -> io::Result<Demo> {
    Demo::start_with(ShopSettings::default(), ProcurementSettings::default())
}

impl Demo {
    /// Starts both servers on free loopback ports.
    ///
    /// # Errors
    /// When no port, thread or runtime is to be had.
    pub fn start_with(shop: ShopSettings, procurement: ProcurementSettings) -> io::Result<Self> {
        let (shop_listener, shop_addr) = site::listen()?;
        let (procurement_listener, procurement_addr) = site::listen()?;
        let shop = Arc::new(Shop::new(shop));
        let procurement = Arc::new(Procurement::new(procurement, format!("http://{procurement_addr}")));
        let (stop, stopped) = oneshot::channel();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shop_site, procurement_site) = (shop.clone(), procurement.clone());
        let run = async move {
            let shop = tokio::net::TcpListener::from_std(shop_listener)?;
            let procurement = tokio::net::TcpListener::from_std(procurement_listener)?;
            tokio::spawn(site::serve(shop, shop_site));
            tokio::spawn(site::serve(procurement, procurement_site));
            // Both an answer and a dropped sender mean: stop.
            let _ = stopped.await;
            io::Result::Ok(())
        };
        let thread = std::thread::Builder::new().name("demo".into()).spawn(move || {
            if let Err(error) = runtime.block_on(run) {
                tracing::error!(%error, "the demo servers could not start");
            }
        })?;
        Ok(Self { shop_addr, procurement_addr, shop, procurement, stop: Some(stop), thread: Some(thread) })
    }

    /// Tells the procurement system where the proxy listens, as `http://127.0.0.1:8080` without a path.
    pub fn connect(&self, proxy_url: &str) {
        self.procurement.point_at(&format!("{}{ENTRY_PATH}", proxy_url.trim_end_matches('/')));
    }

    /// The shop's own address, as a visitor without the proxy would type it.
    pub fn shop_url(&self) -> String {
        format!("http://{}", self.shop_addr)
    }

    /// The procurement system's start page.
    pub fn procurement_url(&self) -> String {
        format!("http://{}", self.procurement_addr)
    }

    /// Stops both servers and waits until their ports are closed.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by now.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHash, PasswordVerifier};

    use super::*;

    #[test]
    fn the_hash_in_the_file_is_the_demo_passwords() {
        let hash = PasswordHash::new(PASSWORD_HASH).unwrap();
        let password = ProcurementSettings::default().password;
        argon2::Argon2::default().verify_password(password.as_bytes(), &hash).unwrap();
    }

    #[test]
    fn the_file_is_toml_without_a_hole() {
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let file: toml::Table = toml::from_str(&proxy_toml(addr(3000), addr(4000))).unwrap();
        assert_eq!(file["shop"]["origin"].as_str(), Some("http://127.0.0.1:3000"));
        let buyer = &file["buyer"][0];
        assert_eq!(buyer["hooks"][0].as_str(), Some("http://127.0.0.1:4000/oci/inbound"));
        assert_eq!(buyer["password_hash"].as_str(), Some(PASSWORD_HASH));
        assert_eq!(file["units"]["stk"].as_str(), Some("PCE"));
    }
}
