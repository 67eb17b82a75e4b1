//! Empty carts: when a session gets an account, and after its end.

use std::rc::Rc;

use super::read_cart;
use crate::cart::{Cart, read_html};
use crate::config::plan;
use crate::exchange::{Exchange, Shop};
use crate::problem::{Kind, Problem};
use crate::session::store::Over;
use crate::session::{Ended, Stage};
use crate::shop::{Jar, Page, Visit};

/// A shop with a link for each line may number its lines anew after each removal.
const ROUNDS: usize = 3;

/// Takes everything out of the cart of whoever the visit is; how many lines there were. Does nothing where nobody has
/// said how. Only to be called while nobody else can have anything in that cart.
///
/// # Errors
/// [`Kind::CartNotEmptied`] where lines are left, and what the visit meets.
pub async fn empty(visit: &mut Visit, shop: &plan::Shop) -> Result<usize, Problem> {
    let Some(emptying) = &shop.emptying else { return Ok(0) };
    let (mut page, mut cart) = look(visit, shop).await?;
    let found = cart.lines.len();
    for _ in 0..ROUNDS {
        // A cart whose lines cannot be read is emptied all the same: it may hold some.
        if cart.lines.is_empty() && cart.empty {
            break;
        }
        emptying.run(visit, &page).await?;
        (page, cart) = look(visit, shop).await?;
        if cart.lines.is_empty() {
            break;
        }
    }
    match cart.lines.len() {
        0 => Ok(found),
        left => {
            let page = page.describe();
            Err(Problem::new(Kind::CartNotEmptied, format!("{left} lines are left in the cart, where {page}")))
        }
    }
}

/// The cart page, and the cart, which may stand elsewhere.
async fn look(visit: &mut Visit, shop: &plan::Shop) -> Result<(Page, Cart), Problem> {
    let page = visit.open(&shop.cart_address).await?;
    let cart = match shop.cart.endpoint() {
        Some(_) => read_cart::read(&shop.cart, &shop.cart_address, &shop.cart_pages, visit).await?,
        None => read_html::read(&shop.cart, [page.text.as_bytes()], encoding_rs::UTF_8),
    };
    Ok((page, cart))
}

/// Empties the cart of a session that is over and gives its account back, in a task of its own. `jar` has the cookies
/// that the browser has now; without it, those of signing in.
pub fn in_background(x: &Exchange, over: Over, jar: Option<Jar>) {
    tokio::task::spawn_local(leave(x.shop().clone(), over, jar));
}

/// The same for sessions that ended by themselves; returns when there is none left.
pub async fn sweep(shop: Rc<Shop>) {
    let patience = super::accounts::patience(&shop.plan);
    // A store that is lost is asked again at the next sweep.
    while let Ok(Some(over)) = shop.sessions.next_expired(patience).await {
        tracing::info!(reference = %over.session.reference, buyer = over.session.buyer, "a punchout session ended by itself");
        if over.session.handed.stage() < Stage::Sent {
            shop.watch.metrics.ended(&over.session.buyer, Ended::Expired.word());
        }
        leave(shop.clone(), over, None).await;
    }
}

async fn leave(shop: Rc<Shop>, over: Over, jar: Option<Jar>) {
    let session = &over.session;
    let reference = session.reference;
    if over.may_clear && shop.plan.shop.emptying.is_some() {
        let jar = jar.unwrap_or_else(|| session.cookies());
        let emptied = async {
            let mut visit = super::visit_as(&shop, session.browser.clone(), jar)?;
            empty(&mut visit, &shop.plan.shop).await
        };
        match emptied.await {
            Ok(lines) => tracing::info!(%reference, lines, "the cart was emptied after the session"),
            // The next session that gets the account tries again before it begins.
            Err(problem) => {
                tracing::warn!(%reference, code = problem.kind.code(), "the cart was not emptied: {}", problem.detail)
            }
        }
    }
    shop.sessions.release(&session.hold, session.id).await;
}
