//! The alarm for rules that used to match on the shop's pages and no longer do.

use std::rc::Rc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};

use crate::exchange::Shop;
use crate::observe::drift::Change;
use crate::problem::{Kind, Problem};
use crate::upstream::{Live, Pool, PoolLimits, RequestBody, Webhook};

/// For a webhook to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A rule was looked for on a page of the shop's: counted, and told of where it is lost or found again.
pub fn looked(shop: &Rc<Shop>, rule: &str, matched: bool) {
    let (watch, drift) = (&shop.watch, &shop.plan.drift);
    watch.metrics.rule(rule, matched);
    let Some(change) = watch.drift.look(rule, matched, drift.misses) else { return };
    let lost = change == Change::Lost;
    watch.metrics.drift(rule, lost);
    if lost {
        tracing::error!(
            rule,
            misses = drift.misses,
            "a rule that used to match no longer does: has the shop's page changed?"
        );
    } else {
        tracing::info!(rule, "a rule matches again");
    }
    tell(
        shop,
        &serde_json::json!({
            "event": if lost { "rule-lost" } else { "rule-found" },
            "rule": rule,
            "shop": shop.plan.origin.to_string(),
            "text": format!("punchout-proxy: {rule} {}", if lost { "no longer matches" } else { "matches again" }),
        }),
    );
}

/// Posts to the webhook, where there is one, in a task of its own.
pub fn tell(shop: &Shop, told: &serde_json::Value) {
    let Some(webhook) = shop.plan.drift.webhook.clone() else { return };
    let told = told.to_string();
    tokio::task::spawn_local(async move {
        if let Err(problem) = post(&webhook, told).await {
            // Its address may be a secret.
            tracing::warn!(code = problem.kind.code(), "the webhook for drift was not told: {}", problem.detail);
        }
    });
}

async fn post(webhook: &Webhook, json: String) -> Result<(), Problem> {
    let limits = PoolLimits { connect_timeout: PATIENCE, first_byte_timeout: PATIENCE, ..PoolLimits::default() };
    // A connection of its own: the shop's are the shop's.
    let pool = Pool::new(webhook.origin.clone(), limits, Live::new(1));
    let length = HeaderValue::from(json.len());
    let mut request = Request::new(RequestBody::bytes(json));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = webhook.target.clone();
    let headers = request.headers_mut();
    headers.insert(HOST, webhook.origin.host_header().clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, length);
    headers.extend(webhook.authorization.clone().map(|value| (AUTHORIZATION, value)));
    let status = pool.send(request).await?.status();
    if status.is_success() {
        return Ok(());
    }
    Err(Problem::new(Kind::ShopBroken, format!("it answered {status}")))
}
