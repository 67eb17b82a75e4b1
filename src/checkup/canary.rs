//! The canary: a punchout that we make ourselves every so often, to know before a buyer does that none can be made.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Report, Verdict};
use crate::exchange::Shop;
use crate::punchout::drift;

/// Between two looks at whether it is time.
const LOOK: Duration = Duration::from_secs(1);

/// Makes one whenever the plan in force says so, for ever. `shop`: with that plan.
pub async fn keep(shop: impl Fn() -> Rc<Shop>) {
    let (mut last, mut failing) = (Instant::now(), false);
    loop {
        tokio::time::sleep(LOOK).await;
        let shop = shop();
        let Some(every) = shop.plan.canary.every else { continue };
        if last.elapsed() < every {
            continue;
        }
        last = Instant::now();
        let Some(buyer) = shop.plan.canary.buyer.as_deref().and_then(|name| shop.plan.buyers.named(name)) else {
            continue;
        };
        let report = super::shop::look(&shop, std::slice::from_ref(buyer), true).await;
        failing = tell(&shop, &buyer.name, &report, failing);
    }
}

/// What came of one: counted, logged, and where it changed told to the webhook. Whether it failed.
fn tell(shop: &Rc<Shop>, buyer: &str, report: &Report, failing: bool) -> bool {
    let sang = report.checks.iter().any(|check| check.name == "canary" && check.verdict == Verdict::Ok);
    let faults: Vec<String> = (report.checks.iter())
        .filter(|check| check.verdict == Verdict::Fault)
        .map(|check| format!("{}: {}", check.name, check.seen))
        .collect();
    let metrics = &shop.watch.metrics;
    if !faults.is_empty() {
        let seen = faults.join("; ");
        metrics.canary(buyer, "failed");
        tracing::error!(buyer, "the canary punchout failed: {seen}");
        if !failing {
            event(shop, "canary-failed", buyer, &format!("the canary punchout failed: {seen}"));
        }
        return true;
    }
    if !sang {
        // A buyer had the account, or wanted it.
        let seen: Vec<_> =
            report.checks.iter().filter(|check| check.verdict != Verdict::Ok).map(|check| &*check.seen).collect();
        metrics.canary(buyer, "skipped");
        tracing::info!(buyer, "no canary punchout this time: {}", seen.join("; "));
        return failing;
    }
    metrics.canary(buyer, "good");
    tracing::info!(buyer, "the canary punchout went well");
    if failing {
        event(shop, "canary-recovered", buyer, "the canary punchout goes well again");
    }
    false
}

fn event(shop: &Rc<Shop>, event: &str, buyer: &str, text: &str) {
    drift::tell(
        shop,
        &serde_json::json!({
            "event": event,
            "buyer": buyer,
            "shop": shop.plan.origin.to_string(),
            "text": format!("punchout-proxy: {text}"),
        }),
    );
}
