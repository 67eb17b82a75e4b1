//! Numbers for a monitoring system, in the text format of OpenMetrics.
//!
//! A visitor's request adds one to a counter of its own worker, and nothing else. Whatever takes a lock or a look at a
//! clock happens in punchout sessions alone.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::finding::Finding;
use crate::problem::Kind;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Names and values of a metric's labels.
type Labels<const N: usize> = [(&'static str, String); N];
type Counts<const N: usize> = Family<Labels<N>, Counter>;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    lanes: Lanes,
    sessions_started: Counts<1>,
    sessions_ended: Counts<2>,
    entries_refused: Counts<1>,
    hooks_unknown: Counts<1>,
    problems: Counts<1>,
    denied: Counter,
    carts: Counts<2>,
    lines: Counts<1>,
    findings: Counts<2>,
    rules: Counts<2>,
    drift: Family<Labels<1>, Gauge>,
    canaries: Counts<2>,
    canary_well: Family<Labels<1>, Gauge>,
    canary_at: Family<Labels<1>, Gauge>,
    shop_seconds: Histogram,
    rewriting_seconds: Histogram,
    audit_failures: Counter,
    product_pages: Counts<1>,
    records: Counter,
    records_dropped: Counts<1>,
    reloads: Counts<1>,
    configuration: Family<Labels<1>, Gauge>,
    reloaded_well: Gauge,
    reloaded_at: Gauge,
    now: Now,
}

/// What is the case at the moment, and set before it is told.
#[derive(Debug, Default)]
struct Now {
    sessions: Gauge,
    leases: Gauge,
    waiting: Gauge,
    connections: Gauge,
    shop_connections: Gauge,
    shop_waiting: Gauge,
}

/// What [`Metrics::set`] sets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Present {
    /// Open sessions.
    pub sessions: u64,
    /// Accounts that a session has to itself.
    pub leases: usize,
    /// Calls that wait for an account.
    pub waiting: u64,
    /// Clients' open connections.
    pub connections: usize,
    /// Open connections to the shop.
    pub shop_connections: usize,
    /// Requests that wait for one.
    pub shop_waiting: usize,
}

/// One worker's own counter. Alone in its cache line, so that a worker's count costs no other worker anything.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Lane(AtomicU64);

impl Lane {
    /// One more visitor's request.
    pub fn visitor(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The workers' counters, added up when somebody asks.
#[derive(Clone, Debug, Default)]
struct Lanes(Arc<Mutex<Vec<Arc<Lane>>>>);

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        // Nothing that changes it can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sum: u64 = self.lock().iter().map(|lane| lane.0.load(Ordering::Relaxed)).sum();
        let counter = ConstCounter::new(sum);
        let told = "Requests outside of punchout sessions";
        counter.encode(encoder.encode_descriptor("visitor_requests", told, None, counter.metric_type())?)
    }
}

impl Metrics {
    /// All of them at nothing.
    pub fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("punchout"),
            lanes: Lanes::default(),
            sessions_started: Family::default(),
            sessions_ended: Family::default(),
            entries_refused: Family::default(),
            hooks_unknown: Family::default(),
            problems: Family::default(),
            denied: Counter::default(),
            carts: Family::default(),
            lines: Family::default(),
            findings: Family::default(),
            rules: Family::default(),
            drift: Family::default(),
            canaries: Family::default(),
            canary_well: Family::default(),
            canary_at: Family::default(),
            shop_seconds: Histogram::new(SHOP_SECONDS),
            rewriting_seconds: Histogram::new(REWRITING_SECONDS),
            audit_failures: Counter::default(),
            records: Counter::default(),
            product_pages: Family::default(),
            records_dropped: Family::default(),
            reloads: Family::default(),
            configuration: Family::default(),
            reloaded_well: Gauge::default(),
            reloaded_at: Gauge::default(),
            now: Now::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Metrics { registry: all, now, .. } = self;
        all.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        all.register("sessions_started", "Punchout sessions begun, by buyer", self.sessions_started.clone());
        let ended = "Punchout sessions ended, by buyer and how: returned, cancelled, expired, replaced, no-cookies";
        all.register("sessions_ended", ended, self.sessions_ended.clone());
        all.register(
            "entries_refused",
            "Catalog calls that began no session, by problem",
            self.entries_refused.clone(),
        );
        let unknown =
            "Addresses to return to that came with the right password and are not listed, where they are learned";
        all.register("hooks_unknown", unknown, self.hooks_unknown.clone());
        all.register("problems", "Requests answered with a problem page, by problem", self.problems.clone());
        all.register("denied", "Requests that punchout sessions may not make", self.denied.clone());
        let carts = "Carts read, by buyer and what came of it: ready, refused";
        all.register("carts", carts, self.carts.clone());
        all.register("lines", "Lines of carts that were ready to leave, by buyer", self.lines.clone());
        all.register("findings", "Findings in carts, by code and severity", self.findings.clone());
        all.register(
            "rules",
            "Rules that were looked for on the shop's pages, by whether they matched",
            self.rules.clone(),
        );
        let drift = "1 for a rule that used to match and no longer does";
        all.register("rule_drift", drift, self.drift.clone());
        let canaries = "Punchouts that we made ourselves, by buyer and what came of them: good, failed, skipped";
        all.register("canaries", canaries, self.canaries.clone());
        let well = "1 where the last of them that was made went well, 0 where it failed";
        all.register("canary_last_successful", well, self.canary_well.clone());
        let at = "When one last went well, in seconds since 1970";
        all.register_with_unit("canary_last_success_timestamp", at, Unit::Seconds, self.canary_at.clone());
        let shop = "From a session's request to the head of the shop's answer";
        all.register_with_unit("shop_answer", shop, Unit::Seconds, self.shop_seconds.clone());
        let rewriting = "Work on one page of a session: decoding, reading, rewriting, compressing";
        all.register_with_unit("rewriting", rewriting, Unit::Seconds, self.rewriting_seconds.clone());
        all.register("audit_failures", "Returned carts that could not be written down", self.audit_failures.clone());
        let pages = "Product pages that lines of carts were completed from, by outcome: read, unread";
        all.register("product_pages", pages, self.product_pages.clone());
        all.register("records", "Cart pages recorded", self.records.clone());
        let dropped = "Cart pages not recorded, by reason: queue, size, redaction, disk";
        all.register("records_dropped", dropped, self.records_dropped.clone());
        all.register("reloads", "Configurations taken up after the start, by result", self.reloads.clone());
        let checksum = "The configuration in force: SHA-256 of its file";
        all.register("configuration", checksum, self.configuration.clone());
        let well = "1 where the last reload was taken up, 0 where its file had faults";
        all.register("configuration_last_reload_successful", well, self.reloaded_well.clone());
        let at = "When the configuration in force was taken up, in seconds since 1970";
        let name = "configuration_last_reload_success_timestamp";
        all.register_with_unit(name, at, Unit::Seconds, self.reloaded_at.clone());
        all.register("sessions_open", "Punchout sessions at the moment", now.sessions.clone());
        all.register("leases", "Shop accounts that sessions have to themselves", now.leases.clone());
        all.register("waiting_for_account", "Catalog calls that wait for an account", now.waiting.clone());
        all.register("connections", "Clients' open connections", now.connections.clone());
        all.register("shop_connections", "Open connections to the shop", now.shop_connections.clone());
        all.register("shop_connections_waiting", "Requests that wait for one", now.shop_waiting.clone());
        self.registry.register_collector(Box::new(self.lanes.clone()));
    }

    /// A counter for one more worker.
    pub fn lane(&self) -> Arc<Lane> {
        let lane = Arc::new(Lane::default());
        self.lanes.lock().push(lane.clone());
        lane
    }

    /// A session of that buyer has begun.
    pub fn started(&self, buyer: &str) {
        self.sessions_started.get_or_create(&[("buyer", buyer.to_owned())]).inc();
    }

    /// A session of that buyer has ended: `returned`, `cancelled`, `expired`, `replaced`, `no-cookies`.
    pub fn ended(&self, buyer: &str, how: &'static str) {
        self.sessions_ended.get_or_create(&[("buyer", buyer.to_owned()), ("how", how.to_owned())]).inc();
    }

    /// A catalog call began no session.
    pub fn refused(&self, kind: Kind) {
        self.entries_refused.get_or_create(&[("code", kind.code().to_owned())]).inc();
    }

    /// A call of that buyer, which learns its hooks, came with one that is not listed.
    pub fn unknown_hook(&self, buyer: &str) {
        self.hooks_unknown.get_or_create(&[("buyer", buyer.to_owned())]).inc();
    }

    /// A request got a problem page.
    pub fn problem(&self, kind: Kind) {
        self.problems.get_or_create(&[("code", kind.code().to_owned())]).inc();
    }

    /// A session asked for what is closed to it.
    pub fn denied(&self) {
        self.denied.inc();
    }

    /// A cart was read for a buyer.
    pub fn cart(&self, buyer: &str, lines: usize, findings: &[Finding]) {
        let ready = !Finding::any_error(findings);
        let outcome = if ready { "ready" } else { "refused" };
        let buyer = || ("buyer", buyer.to_owned());
        self.carts.get_or_create(&[buyer(), ("outcome", outcome.to_owned())]).inc();
        if ready {
            self.lines.get_or_create(&[buyer()]).inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
        }
        for finding in findings {
            let labels = [("code", finding.code.to_owned()), ("severity", finding.severity.word().to_owned())];
            self.findings.get_or_create(&labels).inc();
        }
    }

    /// A rule was looked for.
    pub fn rule(&self, rule: &str, matched: bool) {
        let outcome = if matched { "hit" } else { "miss" };
        self.rules.get_or_create(&[("rule", rule.to_owned()), ("outcome", outcome.to_owned())]).inc();
    }

    /// A rule matches no longer, or again.
    pub fn drift(&self, rule: &str, drifted: bool) {
        self.drift.get_or_create(&[("rule", rule.to_owned())]).set(drifted.into());
    }

    /// A punchout of our own came to that: `good`, `failed`, or `skipped`, where a buyer came first.
    pub fn canary(&self, buyer: &str, outcome: &'static str) {
        let buyer = || ("buyer", buyer.to_owned());
        self.canaries.get_or_create(&[buyer(), ("outcome", outcome.to_owned())]).inc();
        if outcome == "skipped" {
            return;
        }
        self.canary_well.get_or_create(&[buyer()]).set((outcome == "good").into());
        if outcome == "good" {
            self.canary_at.get_or_create(&[buyer()]).set(seconds_now());
        }
    }

    /// How long the shop took to begin its answer to a session.
    pub fn shop_answered(&self, after: Duration) {
        self.shop_seconds.observe(after.as_secs_f64());
    }

    /// How much work a session's page was.
    pub fn rewritten(&self, work: Duration) {
        self.rewriting_seconds.observe(work.as_secs_f64());
    }

    /// A returned cart could not be written down.
    pub fn audit_failed(&self) {
        self.audit_failures.inc();
    }

    /// Whether the product page of a line could be read, now or earlier.
    pub fn product_page(&self, was_read: bool) {
        let outcome = if was_read { "read" } else { "unread" };
        self.product_pages.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }

    /// A cart page was recorded.
    pub fn record_kept(&self) {
        self.records.inc();
    }

    /// A cart page was not recorded; how many were not for that reason, this one included.
    pub fn record_dropped(&self, reason: &'static str) -> u64 {
        self.records_dropped.get_or_create(&[("reason", reason.to_owned())]).inc() + 1
    }

    /// A configuration is in force; the checksum of its file.
    pub fn took_up(&self, checksum: &str) {
        self.configuration.clear();
        self.configuration.get_or_create(&[("sha256", checksum.to_owned())]).set(1);
        self.reloaded_at.set(seconds_now());
        self.reloaded_well.set(1);
    }

    /// What came of a reload.
    pub fn reloaded(&self, well: bool) {
        let result = if well { "success" } else { "failure" };
        self.reloads.get_or_create(&[("result", result.to_owned())]).inc();
        self.reloaded_well.set(well.into());
    }

    /// What is the case at the moment.
    pub fn set(&self, present: Present) {
        let set = |gauge: &Gauge<i64, AtomicI64>, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.now.sessions, present.sessions);
        set(&self.now.leases, present.leases as u64);
        set(&self.now.waiting, present.waiting);
        set(&self.now.connections, present.connections as u64);
        set(&self.now.shop_connections, present.shop_connections as u64);
        set(&self.now.shop_waiting, present.shop_waiting as u64);
    }

    /// All of it, as [`CONTENT_TYPE`].
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }
}

/// From a page out of the shop's cache to one that a browser gives up on.
const SHOP_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// From a small page to a cart of a thousand lines.
const REWRITING_SECONDS: [f64; 10] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5];

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn seconds_now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        let (one, two) = (metrics.lane(), metrics.lane());
        one.visitor();
        two.visitor();
        metrics.started("ac\"me\n");
        metrics.refused(Kind::HookRefused);
        metrics.took_up("aa");
        metrics.took_up("bb");
        metrics.reloaded(false);
        let text = metrics.text();
        for line in [
            "punchout_visitor_requests_total 2",
            "punchout_sessions_started_total{buyer=\"ac\\\"me\\n\"} 1",
            "punchout_entries_refused_total{code=\"PO-HOOK-REFUSED\"} 1",
            "punchout_configuration{sha256=\"bb\"} 1",
            "punchout_reloads_total{result=\"failure\"} 1",
            "punchout_configuration_last_reload_successful 0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(!text.contains("aa"), "one configuration is in force");
    }
}
