//! A small legacy shop and a small procurement system, with the proxy between them: for `punchout-proxy demo` and for
//! the tests.
//!
//! * [`shop`]: "Nordvik Verktøy", the webshop that nobody may change.
//! * [`procurement`]: "Kommunal Innkjøp", where a punchout begins and where the cart comes back.
//! * [`catalogue`]: what the shop sells.
//! * [`journey`]: the whole round trip as a crude browser makes it, every returned field compared with the catalogue.
//! * [`site`]: what both servers stand on.

pub mod catalogue;
pub mod procurement;
pub mod shop;
pub mod site;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use self::procurement::{Procurement, ProcurementSettings};
use self::shop::{Shop, ShopSettings};

/// The path of the proxy that takes the catalog call.
pub const ENTRY_PATH: &str = "/punchout";

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
