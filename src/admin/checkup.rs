//! What `doctor` asks of the proxy that runs, for only that knows which accounts are free.

use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;

use super::Inside;
use super::answer::{Answer, plain, typed};
use crate::checkup::shop;
use crate::config::plan::Buyer;
use crate::exchange::Shop;
use crate::session::entrance::Entrance;
use crate::upstream::Pool;

/// Looks at the shop as the buyers that the form names; one look at a time.
pub(super) async fn look(inside: &Inside, form: &[u8]) -> Answer {
    let Ok(_one) = inside.checkup.try_lock() else {
        return plain(StatusCode::CONFLICT, "somebody else looks at the shop right now");
    };
    let plan = inside.plans.load_full();
    let mut buyers: Vec<Arc<Buyer>> = Vec::new();
    for (_, name) in form_urlencoded::parse(form).filter(|(key, _)| key == "buyer") {
        match plan.buyers.named(&name) {
            Some(buyer) => buyers.push(buyer.clone()),
            None => {
                return plain(
                    StatusCode::NOT_FOUND,
                    format!("no buyer `{name}`: was the file changed and not reloaded?"),
                );
            }
        }
    }
    let shop = Rc::new(Shop {
        pool: Pool::new(plan.origin.clone(), plan.pool.clone(), inside.live.clone()),
        sessions: inside.sessions.clone(),
        // Nobody enters by it.
        entrance: Arc::new(Entrance::new()),
        watch: inside.watch.clone(),
        lane: Arc::default(),
        plan,
    });
    match serde_json::to_vec(&shop::look(&shop, &buyers, false).await) {
        Ok(report) => typed(StatusCode::OK, "application/json", report),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
