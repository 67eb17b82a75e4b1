//! What `proxy.toml` may say, as serde sees it. Nothing here is checked beyond its type: that is [`super::plan`]'s.
//!
//! Every key is optional here, so that a missing one is told together with all other faults, at the place where it
//! belongs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::cart::rules::{CartSource, Chain, ChargeSource, LongValue, Prices, RulesSource, ScriptSource, Value};
use crate::finding::Severity;
use crate::protocol::oci::assortment;
use crate::protocol::oci::bundle::Bundles;
use crate::protocol::oci::fields::{Limits, LongTextStyle};
use crate::protocol::oci::form::HookQuery;
use crate::protocol::oci::names::EntryNames;
use crate::protocol::oci::number::DecimalMark;
use crate::protocol::oci::source::FieldSource;
use crate::shop::{EmptyingSource, Format, SignInSource};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Addresses to listen on: one or several `host:port`.
    pub listen: OneOrMany,
    /// Addresses to listen on for TLS.
    pub listen_tls: OneOrMany,
    /// Those of both whose connections begin with a PROXY protocol header.
    pub proxy_protocol: OneOrMany,
    /// Where ops look in: `host:port`, or `unix:` and a path.
    pub admin: Option<String>,
    /// A file that holds what they must show there.
    pub admin_token_file: Option<PathBuf>,
    /// An environment variable that holds it.
    pub admin_token_env: Option<String>,
    /// Certificates of the TLS listeners.
    pub tls: Vec<TlsFile>,
    /// HTTP/2 on plain listeners too, for clients that begin with it unasked.
    pub http2_cleartext: Option<bool>,
    /// Names of fields keep their upper and lower case, both ways.
    pub preserve_header_case: Option<bool>,
    /// The address that visitors type, where it differs from what we see (TLS is ended before us).
    pub public: Option<String>,
    /// Front proxies whose `X-Forwarded-*` are believed: addresses or networks.
    pub trusted_proxies: Vec<String>,
    /// Worker threads; one per core by default.
    pub workers: Option<usize>,
    /// Where our own pages live in the shop's address space.
    pub prefix: Option<String>,
    /// Whether rewritten pages are compressed for the buyer; `false` where a front proxy does it.
    pub compress: Option<bool>,
    /// Whom a buyer may turn to: shown on problem pages.
    pub contact: Option<String>,
    /// The webshop.
    pub shop: ShopFile,
    /// How a catalog call is recognised.
    pub entry: EntryFile,
    /// How long a punchout lasts.
    pub session: SessionFile,
    /// What clients and the shop may cost.
    pub limits: LimitsFile,
    /// What is written to standard error.
    pub log: LogFile,
    /// Where returned carts are written down.
    pub audit: AuditFile,
    /// Where cart pages are kept, to be read again.
    pub record: RecordFile,
    /// When a rule that used to match is lost, and who is told.
    pub drift: DriftFile,
    /// A punchout that we make ourselves, to see that one can be made.
    pub canary: CanaryFile,
    /// The shop's word for a unit, to the code that buyers get.
    pub units: BTreeMap<String, String>,
    /// The shop's category, to the class that buyers get.
    pub classes: BTreeMap<String, String>,
    /// The customers who may punch out.
    pub buyer: Vec<BuyerFile>,
}

/// One of `[[tls]]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFile {
    /// PEM: the certificate, then those between it and the authority.
    pub certificate: Option<PathBuf>,
    /// PEM: its private key.
    pub key: Option<PathBuf>,
}

/// `[shop]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShopFile {
    /// Where the shop really listens.
    pub origin: Option<String>,
    /// The name by which the shop knows itself, then its other spellings. Where it is not that of `public`, the shop is
    /// asked under it and its addresses are mapped. Needed where `origin` is a Unix socket, which has no name.
    pub host: OneOrMany,
    /// PEM: the authorities that may have signed the shop's certificate, instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// Do not look at the shop's certificate at all.
    pub danger_accept_any_certificate: Option<bool>,
    /// A shop platform whose rules are shipped with the program.
    pub preset: Option<String>,
    /// The page a session starts on.
    pub start: Option<String>,
    /// How to reach the start page after entry: `redirect` (303) or `page` (for shops with `SameSite=Strict` cookies).
    pub onward: Option<Onward>,
    /// Cookies to seal in sessions although scripts may read them, beside the `HttpOnly` ones and the session cookies of known
    /// platforms (`PHPSESSID`, `JSESSIONID`, `OCSESSID` ...); `*` stands for anything.
    pub seal_cookies: Vec<String>,
    /// Cookies of an earlier stay that a session does not take away; `*` stands for anything.
    pub keep_cookies: Option<Vec<String>>,
    /// Whether the shop's own script draws its pages again in the browser.
    pub hydrated: Option<bool>,
    /// How a person signs in.
    pub sign_in: Option<SignInSource>,
    /// Where the cart's values stand.
    pub cart: CartFile,
    /// What the shop's pages do not say of an article.
    pub table: Vec<TableFile>,
    /// What is taken from product pages where the cart page lacks it.
    pub details: Option<DetailsFile>,
    /// A product's own page, for DETAIL and VALIDATE.
    pub product: Option<OfferFile>,
    /// The page with the hits of a search, for SOURCING and BACKGROUND_SEARCH.
    pub search: Option<OfferFile>,
    /// What is closed to punchout sessions.
    pub deny: DenyFile,
    /// What punchout sessions do not show.
    pub hide: HideFile,
}

/// Where the buyer's system shows the shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Embed {
    /// In a window of its own.
    #[default]
    Window,
    /// In a frame on a page of its own.
    Iframe,
}

/// Whether a session goes on where the browser keeps no cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cookies {
    /// By cookies where they are kept, else by addresses.
    #[default]
    Auto,
    /// By addresses always.
    Never,
    /// By cookies alone.
    Required,
}

/// How the browser is sent on after entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Onward {
    /// 303 See Other.
    #[default]
    Redirect,
    /// A 200 page with `location.replace`: a redirect that began on another site does not carry `SameSite=Strict` cookies.
    Page,
}

/// `[shop.cart]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CartFile {
    /// Address of the cart page; further spellings may follow.
    pub page: OneOrMany,
    /// `page` or `fresh`.
    pub r#return: Option<ReturnWay>,
    /// The controls that lead to checkout, on any page.
    pub checkout: OneOrMany,
    /// What the page shows when the cart is empty.
    pub empty: Option<Chain>,
    /// Where the cart is: in the page's markup, in a script of the page, or in JSON of its own.
    pub source: Option<CartSource>,
    /// Where the page holds JSON.
    pub script: Option<ScriptSource>,
    /// The address that answers with the cart as JSON.
    pub json: Option<String>,
    /// Where an answer names the next one's address.
    pub next: Option<String>,
    /// Most answers that are put together.
    pub pages: Option<usize>,
    /// One element a line, or the path to the lines.
    pub line: Option<String>,
    /// Lines that are none (headers, totals): what they hold.
    pub skip: OneOrMany,
    /// What tells a line from every other, where the page prints lines twice.
    pub key: Option<Chain>,
    /// What the article is called.
    pub name: Option<Chain>,
    /// Size, colour and the like: added to the name.
    pub options: Option<Chain>,
    /// The shop's item number.
    pub sku: Option<Chain>,
    /// How many.
    pub quantity: Option<Chain>,
    /// Price of one.
    pub price: Option<Chain>,
    /// Price of the line.
    pub total: Option<Chain>,
    /// Where the page tells the currency, or an ISO 4217 code.
    pub currency: Option<Chain>,
    /// The shop's word for the unit.
    pub unit: Option<Chain>,
    /// The product page.
    pub link: Option<Chain>,
    /// Further values by a name of one's own.
    pub extra: BTreeMap<String, Chain>,
    /// How a cart is emptied.
    pub clear: Option<EmptyingSource>,
    /// Whether the shop prints net or gross prices.
    pub prices: Option<Prices>,
    /// The tax rate in percent, or where it stands.
    pub tax: Option<Chain>,
    /// What the shop prints for a rate, to percent.
    pub taxes: BTreeMap<String, String>,
    /// What is taken off a line's total.
    pub discount: Option<Chain>,
    /// Whether a line's printed total is after its discount. Default: price times quantity tells.
    pub discount_in_total: Option<bool>,
    /// What the cart costs beside its lines.
    pub charges: Vec<ChargeSource>,
    /// The cart's printed total.
    pub sum: Option<Chain>,
    /// How much it may differ from what is returned.
    pub tolerance: Option<String>,
    /// What it is when it differs by more.
    pub sum_mismatch: Option<Severity>,
    /// How numbers are printed: `auto`, or a sample such as `1.234,56`.
    pub numbers: Option<String>,
    /// More lines than this are refused.
    pub max_lines: Option<usize>,
}

impl From<&CartFile> for RulesSource {
    fn from(file: &CartFile) -> Self {
        let file = file.clone();
        RulesSource {
            source: file.source,
            script: file.script,
            json: file.json,
            next: file.next,
            pages: file.pages,
            line: file.line,
            key: file.key,
            name: file.name,
            options: file.options,
            sku: file.sku,
            quantity: file.quantity,
            price: file.price,
            total: file.total,
            currency: file.currency,
            unit: file.unit,
            link: file.link,
            skip: file.skip.iter().map(str::to_owned).collect(),
            empty: file.empty,
            prices: file.prices,
            tax: file.tax,
            taxes: file.taxes,
            discount: file.discount,
            discount_in_total: file.discount_in_total,
            charges: file.charges,
            sum: file.sum,
            tolerance: file.tolerance,
            sum_mismatch: file.sum_mismatch,
            numbers: file.numbers,
            max_lines: file.max_lines,
            extra: file.extra.into_iter().collect(),
        }
    }
}

/// `[[shop.table]]`: a CSV file whose first line names the columns.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableFile {
    /// The file.
    pub file: Option<PathBuf>,
    /// The value of a line by which it is looked up: `sku`, or a name of `[shop.cart.extra]`.
    pub by: Option<String>,
    /// The column that holds it.
    pub key: Option<String>,
    /// What stands between columns: `,`, `;` or a tab.
    pub separator: Option<char>,
    /// Which value comes from which column.
    pub columns: BTreeMap<String, String>,
    /// The table's value wins over the page's.
    pub over: Option<bool>,
    /// What it is when a line is not in the table.
    pub missing: Option<Severity>,
}

/// `[shop.details]`: what lines of the cart lack is read from their product pages, by `[shop.product]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetailsFile {
    /// Which values: `sku`, `unit`, and names of `[shop.product.extra]`.
    pub take: Vec<String>,
    /// How long a product page is remembered, for all buyers; `0s`: not at all.
    pub keep: Option<Time>,
    /// Most product pages that are asked for one cart.
    pub pages: Option<usize>,
    /// How many of them at a time.
    pub at_a_time: Option<usize>,
    /// How long the end of a cart page waits for them.
    pub time: Option<Time>,
}

/// `[shop.product]` and `[shop.search]`: pages that offer something, read like a cart.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OfferFile {
    /// Its address, with `{product}` or `{search}` in it.
    pub page: Option<String>,
    /// The address that answers with JSON, where `page` shows it to people.
    pub json: Option<String>,
    /// Which numbers the page can be asked for: a regular expression, whose named groups are further words of `page`. Of
    /// a product alone.
    pub number: Option<String>,
    /// What shows that the article comes in variants, whose prices the page does not tell. Of a product alone.
    pub variants: Option<Chain>,
    /// The link to the next page of hits, or in JSON the path to its address. Of a search alone.
    pub next: Option<String>,
    /// Most pages of hits that are read. Of a search alone.
    pub pages: Option<usize>,
    /// Hits of a full page, where `page` has `{page}` in it: one with fewer is the last. Of a search alone.
    pub page_hits: Option<usize>,
    /// One element an offer, or the path to them.
    pub line: Option<String>,
    /// Offers that are none: what they hold.
    pub skip: OneOrMany,
    /// What the page shows when there is no such product, or no hit.
    pub empty: Option<Chain>,
    /// Where it is: in the page's markup, in a script of the page, or the answer is JSON itself.
    pub source: Option<CartSource>,
    /// Where the page holds JSON.
    pub script: Option<ScriptSource>,
    /// What tells an offer from every other, where the page prints them twice.
    pub key: Option<Chain>,
    /// What the article is called.
    pub name: Option<Chain>,
    /// Size, colour and the like: added to the name.
    pub options: Option<Chain>,
    /// The shop's item number.
    pub sku: Option<Chain>,
    /// How many the price is for; one.
    pub quantity: Option<Chain>,
    /// Price of one, or of `quantity`.
    pub price: Option<Chain>,
    /// Where the page tells the currency, or an ISO 4217 code.
    pub currency: Option<Chain>,
    /// The shop's word for the unit.
    pub unit: Option<Chain>,
    /// The product page.
    pub link: Option<Chain>,
    /// Further values by a name of one's own.
    pub extra: BTreeMap<String, Chain>,
    /// Whether the shop prints net or gross prices.
    pub prices: Option<Prices>,
    /// The tax rate in percent, or where it stands.
    pub tax: Option<Chain>,
    /// What the shop prints for a rate, to percent.
    pub taxes: BTreeMap<String, String>,
    /// How numbers are printed: `auto`, or a sample such as `1.234,56`.
    pub numbers: Option<String>,
    /// Most hits that are answered. Of a search alone.
    pub most: Option<usize>,
    /// Each hit is read from its own page, by its link and `[shop.product]`. Of a search alone.
    pub details: Option<bool>,
}

impl From<&OfferFile> for RulesSource {
    fn from(file: &OfferFile) -> Self {
        let file = file.clone();
        let one = LongValue { default: Some("1".to_owned()), ..LongValue::default() };
        // A price for so many is what so many cost together: the price of one is worked out from it.
        let (price, total) = if file.quantity.is_some() { (None, file.price) } else { (file.price, None) };
        let is_json = file.source == Some(CartSource::Json);
        let variants = file.variants.map(|variants| (VARIANTS.to_owned(), variants));
        RulesSource {
            // Without it the page itself is the answer.
            json: file.json.or(file.page).filter(|_| is_json),
            next: file.next.filter(|_| is_json),
            source: file.source,
            script: file.script,
            line: file.line,
            key: file.key,
            name: file.name,
            options: file.options,
            sku: file.sku,
            quantity: Some(file.quantity.unwrap_or(Chain::One(Value::Long(one)))),
            price,
            total,
            currency: file.currency,
            unit: file.unit,
            link: file.link,
            skip: file.skip.iter().map(str::to_owned).collect(),
            empty: file.empty,
            prices: file.prices,
            tax: file.tax,
            taxes: file.taxes,
            numbers: file.numbers,
            extra: file.extra.into_iter().chain(variants).collect(),
            ..RulesSource::default()
        }
    }
}

/// The name under which [`OfferFile::variants`] is read.
pub const VARIANTS: &str = "variants";

/// How a cart returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReturnWay {
    /// The cart page itself holds the fields; one click posts them.
    #[default]
    Page,
    /// The control leads to a page of ours that reads the cart anew.
    Fresh,
}

/// `[shop.hide]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HideFile {
    /// Selectors of what is left out of pages.
    pub elements: Vec<String>,
    /// Hosts whose scripts, frames and pictures are left out; `*.` before one stands for all below it.
    pub hosts: Vec<String>,
}

/// `[shop.deny]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DenyFile {
    /// Addresses, any method.
    pub paths: Vec<String>,
    /// Forms, where the address alone does not tell.
    pub forms: Vec<DenyFormFile>,
}

/// One of `shop.deny.forms`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DenyFormFile {
    /// `POST` by default.
    pub method: Option<String>,
    /// Where it is sent.
    pub path: Option<String>,
    /// A field it has.
    pub field: Option<String>,
    /// The field's value; any by default.
    pub value: Option<String>,
}

/// `[entry]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EntryFile {
    /// Addresses that take catalog calls by POST, beside our own `<prefix>/enter`.
    pub paths: Vec<String>,
    /// Calls a minute that may fail by their caller's fault, for each address they come from.
    pub rate: Option<u32>,
    /// Sessions a minute that one buyer may begin.
    pub buyer_rate: Option<u32>,
    /// Other spellings of the parameters.
    pub names: EntryNames,
}

/// `[session]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionFile {
    /// Ends after so long without a request.
    pub idle: Option<Time>,
    /// Ends so long after entry.
    pub longest: Option<Time>,
    /// More sessions than this push the oldest out.
    pub most: Option<u64>,
    /// Where several sidecars keep them together: `redis://` or `rediss://`. In this process's memory where there is none.
    pub store: Option<String>,
    /// A file with the store's password.
    pub store_password_file: Option<PathBuf>,
    /// The environment variable with the store's password.
    pub store_password_env: Option<String>,
    /// A file with the key by which what is in the store is encrypted; the same for all sidecars.
    pub store_key_file: Option<PathBuf>,
    /// The environment variable with that key.
    pub store_key_env: Option<String>,
    /// A file with the certificates (PEM) that may vouch for a `rediss://` store, in place of the system's.
    pub store_ca_file: Option<PathBuf>,
    /// The share of sessions that change nothing and only report, from 0 to 1.
    pub report_only_share: Option<f64>,
}

/// `[limits]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsFile {
    /// Open client connections, all workers together.
    pub connections: Option<usize>,
    /// Open connections of one client address; no limit by default.
    pub connections_per_address: Option<usize>,
    /// Requests under way on one HTTP/2 connection.
    pub http2_streams: Option<u32>,
    /// A request's head, in bytes.
    pub head: Option<Size>,
    /// A request's path and query, in bytes.
    pub uri: Option<Size>,
    /// For a client to send a request's head.
    pub head_time: Option<Time>,
    /// Fields in a request's head.
    pub head_fields: Option<usize>,
    /// A client's connection without a request is closed after this.
    pub idle_time: Option<Time>,
    /// A request's body; the shop's own limit by default.
    pub body: Option<Size>,
    /// Between two pieces of a request's body.
    pub body_time: Option<Time>,
    /// For a client to take something of its answer.
    pub write_time: Option<Time>,
    /// Body of a catalog call.
    pub entry_body: Option<Size>,
    /// A page of the shop that we read whole.
    pub shop_page: Option<Size>,
    /// Open connections to the shop, all workers together.
    pub shop_connections: Option<usize>,
    /// For a free connection to the shop.
    pub shop_queue_time: Option<Time>,
    /// For a connection to the shop to be made.
    pub shop_connect_time: Option<Time>,
    /// For the shop's answer to begin.
    pub shop_answer_time: Option<Time>,
    /// Between two pieces of the shop's answer.
    pub shop_body_time: Option<Time>,
    /// An unused connection to the shop is closed after this; keep it under the shop's own.
    pub shop_idle_time: Option<Time>,
    /// The whole of signing in.
    pub sign_in_time: Option<Time>,
    /// Without traffic in a tunnel (WebSocket).
    pub tunnel_idle_time: Option<Time>,
    /// For open requests to end after SIGTERM.
    pub drain_time: Option<Time>,
}

/// `[log]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogFile {
    /// `text` or `json`.
    pub format: Option<LogFormat>,
    /// `error`, `warn`, `info`, `debug`.
    pub level: Option<LogLevel>,
    /// A line for each request of a session.
    pub sessions: Option<bool>,
    /// A line for each visitor's request.
    pub visitors: Option<bool>,
}

/// `[drift]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriftFile {
    /// Misses in a row.
    pub misses: Option<u32>,
    /// Who is told, by a POST.
    pub webhook: Option<String>,
}

/// `[canary]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CanaryFile {
    /// How often the running proxy makes one; never by default.
    pub every: Option<Time>,
    /// As which buyer; the only one by default.
    pub buyer: Option<String>,
    /// Path and query of the page of the product that it puts into the cart.
    pub product: Option<String>,
    /// CSS selector of the page's form that puts it in; without one, opening the page does.
    pub form: Option<String>,
    /// Field name to text.
    pub fields: BTreeMap<String, String>,
    /// Name of the button that is pressed.
    pub submit: Option<String>,
    /// Where JSON is posted.
    pub action: Option<String>,
    /// `form` or `json`.
    pub format: Format,
}

/// `[audit]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditFile {
    /// Where to; nowhere by default.
    pub file: Option<PathBuf>,
    /// Whether each line is on the disk before the next is written.
    pub fsync: Option<bool>,
}

/// `[record]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordFile {
    /// Where to; nowhere by default.
    pub folder: Option<PathBuf>,
    /// Whose sessions; everybody's by default.
    pub buyers: Vec<String>,
    /// Most records.
    pub count: Option<usize>,
    /// Most bytes of all of them.
    pub size: Option<Size>,
    /// How long one is kept.
    pub max_age: Option<Time>,
    /// A larger page is not recorded.
    pub page: Option<Size>,
    /// Elements of the page whose content is left out.
    pub hide: Vec<String>,
    /// Texts that are masked.
    pub patterns: Vec<String>,
    /// Parameters of the catalog call that are masked, beside those that are anyway.
    pub parameters: Vec<String>,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

/// `[[buyer]]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BuyerFile {
    /// Unique; in logs.
    pub name: Option<String>,
    /// A procurement system whose limits and habits are shipped with the program.
    pub profile: Option<String>,
    /// What the procurement system sends as USERNAME; the name by default.
    pub username: Option<String>,
    /// `$argon2id$...`
    pub password_hash: Option<String>,
    /// A file that holds the password, or its hash.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds the password, or its hash.
    pub password_env: Option<String>,
    /// In clear: warned of.
    pub password: Option<String>,
    /// A second password that is taken as well, while the procurement system changes over: `$argon2id$...`
    pub next_password_hash: Option<String>,
    /// A file that holds it, or its hash.
    pub next_password_file: Option<PathBuf>,
    /// An environment variable that holds it, or its hash.
    pub next_password_env: Option<String>,
    /// Where its carts may go.
    pub hooks: Vec<String>,
    /// Whether hooks that are not listed are written down, to be listed; they are refused all the same.
    pub learn_hooks: Option<bool>,
    /// Addresses or networks from which its server may call functions; anywhere by default.
    pub functions_from: Vec<String>,
    /// Its logins at the shop: a list of which each session gets one to itself, or a table with a strategy.
    pub accounts: AccountsFile,
    /// What its procurement system is called on the bar; the buyer's name by default.
    pub system: Option<String>,
    /// Whether the shop's pages get a bar with the ways back.
    pub bar: Option<bool>,
    /// Where the buyer's system shows the shop.
    pub embed: Option<Embed>,
    /// Whether its sessions go on without cookies.
    pub cookies: Option<Cookies>,
    /// Origins that may show the shop in a frame, beside those of the hooks.
    pub framed_by: Vec<String>,
    /// Its sessions change nothing and only report.
    pub report_only: Option<bool>,
    /// How the form is sent.
    pub form: FormFile,
    /// NEW_ITEM fields that differ from the usual mapping.
    pub fields: BTreeMap<String, FieldSource>,
    /// Inputs without an index.
    pub header: BTreeMap<String, FieldSource>,
    /// Fields that every line must have.
    pub required: Vec<String>,
    /// Fields beside those of OCI that were agreed on with the buyer.
    pub own_fields: Vec<String>,
    /// Field lengths that differ from OCI 4.0's.
    pub lengths: Limits,
    /// Units that differ from `[units]`.
    pub units: BTreeMap<String, String>,
    /// The unit where the shop names none, or an unknown one.
    pub default_unit: Option<String>,
    /// Classes that differ from `[classes]`.
    pub classes: BTreeMap<String, String>,
    /// How grave a finding is for this buyer, by code.
    pub findings: BTreeMap<String, Severity>,
    /// Which values of a line tell that it belongs to another.
    pub bundles: Option<Bundles>,
    /// What was agreed on; without it everything may be returned.
    pub assortment: Option<AssortmentFile>,
    /// Further spellings of a catalog call's parameters, by the keys of `[entry.names]`.
    pub names: BTreeMap<String, Vec<String>>,
}

/// `[buyer.assortment]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssortmentFile {
    /// The shop's item numbers.
    pub skus: Vec<String>,
    /// A file with one a line.
    pub skus_file: Option<PathBuf>,
    /// Classes; with `*` at the end, all that begin so.
    pub classes: Vec<String>,
    /// `block` or `warn`.
    pub mode: assortment::Mode,
}

/// `buyer.accounts`
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(untagged)]
#[allow(missing_docs)]
pub enum AccountsFile {
    #[default]
    None,
    List(Vec<AccountFile>),
    Strategy(StrategyFile),
}

/// `buyer.accounts` as a table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategyFile {
    /// How a session gets its account.
    pub strategy: Strategy,
    /// For `pool`: the accounts.
    #[serde(default)]
    pub list: Vec<AccountFile>,
    /// For `shared` the account; for `per-user` a rule such as `{parameter.email}`.
    pub username: Option<String>,
    /// A file that holds the password, or for `per-user` its rule.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds it.
    pub password_env: Option<String>,
    /// In clear: warned of.
    pub password: Option<String>,
}

/// How a session gets its account at the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One of several, for itself alone.
    Pool,
    /// All sessions have the same one: for shops that keep a cart for each session of their own.
    Shared,
    /// Each person has one, told from the catalog call.
    PerUser,
    /// The catalog call's own USERNAME and PASSWORD.
    Passthrough,
    /// None.
    Guest,
}

impl<'de> Deserialize<'de> for AccountsFile {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListOrTable)
    }
}

/// Not an untagged enum: its errors would name neither key nor place.
struct ListOrTable;

impl<'de> serde::de::Visitor<'de> for ListOrTable {
    type Value = AccountsFile;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of accounts, or a table with a `strategy`")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<AccountsFile, A::Error> {
        let list = serde::de::value::SeqAccessDeserializer::new(list);
        Deserialize::deserialize(list).map(AccountsFile::List)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, table: A) -> Result<AccountsFile, A::Error> {
        let table = serde::de::value::MapAccessDeserializer::new(table);
        Deserialize::deserialize(table).map(AccountsFile::Strategy)
    }
}

/// One of `buyer.accounts`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountFile {
    /// At the shop.
    pub username: Option<String>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds the password.
    pub password_env: Option<String>,
    /// In clear: warned of.
    pub password: Option<String>,
}

/// `[buyer.form]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FormFile {
    /// `utf-8` or `iso-8859-1`, where the call does not say.
    pub charset: Option<String>,
    /// The frame the form is sent to, whatever the call says.
    pub target: Option<String>,
    /// HOOK_URL's own query: `keep` it or `split` it into inputs.
    pub hook_query: Option<HookQuery>,
    /// Send `~OkCode`, `~TARGET` and `~CALLER` even where the call had none.
    pub sap_fields: Option<bool>,
    /// How LONGTEXT is named.
    pub long_text: Option<LongTextStyle>,
    /// More inputs than this are refused.
    pub max_inputs: Option<usize>,
    /// How the buyer goes back without a cart where the call has no OCICANCEL: `post`, `none` or an address.
    pub cancel: Option<String>,
    /// Whether a cart that was sent may be sent again: the session then stays, with its account.
    pub again: Option<bool>,
    /// What PRICEUNIT may be.
    pub price_units: Option<Vec<u32>>,
    /// What stands before the decimals: `dot` or `comma`.
    pub decimal: Option<DecimalMark>,
}

/// One text, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text, or a list of texts")]
#[allow(missing_docs)]
pub enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let slice = match self {
            OneOrMany::None => &[],
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts.as_slice(),
        };
        slice.iter().map(String::as_str)
    }
}

/// A span of time: `"30s"`, `"5m"`, `"8h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub struct Time(#[schemars(with = "String", regex(pattern = TIME))] pub Duration);

/// What every time looks like; of its units only that they are words.
const TIME: &str = r"^\s*([0-9][0-9\s]*(\.[0-9\s]+)?\s*[A-Za-zµ]+\s*)+$";

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let told =
            |error| serde::de::Error::custom(format!("`{text}` is not a time such as \"30s\" or \"5m\": {error}"));
        humantime::parse_duration(&text).map(Time).map_err(told)
    }
}

/// A number of bytes: `"64KiB"`, `"2MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub struct Size(#[schemars(with = "String", regex(pattern = SIZE))] pub u64);

/// What every size looks like.
const SIZE: &str = r"^\+?[0-9.]+\s*([KkMmGgTtPpEe][Ii]?[Bb]?|[Bb])?$";

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let told = |error| serde::de::Error::custom(format!("`{text}` is not a size such as \"64KiB\": {error}"));
        text.parse::<bytesize::ByteSize>().map(|size| Size(size.as_u64())).map_err(told)
    }
}
