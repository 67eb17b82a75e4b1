//! From texts to compiled things: the only place that does it. Every fault is noted and the next key looked at, so that
//! one run of `check` tells them all.

use std::collections::HashSet;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use ipnet::IpNet;
use url::Url;

use super::document::{Document, Fault};
use super::file::{DenyFormFile, File, Size, Time};
use super::limits::Limits;
use super::plan::{Drift, Entry, Log, Plan, Public, SessionLimits};
use crate::location::{Location, Wanted};
use crate::observe::returns::Audit;
use crate::policy::{Denial, Policy};
use crate::upstream::{PoolLimits, Webhook};

mod accounts;
mod admin;
mod buyer;
mod canary;
mod details;
mod extras;
mod field_names;
mod habits;
mod listen;
mod offers;
mod origin;
mod overlaps;
mod record;
mod selectors;
mod shop;
mod store;
mod tables;

pub use habits::{Habits, habits_of};

/// Where faults and warnings are noted while a file is compiled.
pub(super) struct Notes<'n> {
    document: &'n Document<'n>,
    folder: &'n Path,
    faults: &'n mut Vec<Fault>,
    warnings: &'n mut Vec<Fault>,
}

impl Notes<'_> {
    fn fault(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.faults.push(self.document.fault(key, message));
    }

    fn warn(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(self.document.fault(key, message));
    }

    /// The value, or its fault noted at `key`.
    fn take<T, E: std::fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fault(key, error.to_string())).ok()
    }

    /// The value of a key that every file must have.
    fn need<'v>(&mut self, key: &str, value: Option<&'v String>, what: &str) -> Option<&'v str> {
        match value {
            Some(value) if !value.trim().is_empty() => Some(value),
            _ => {
                self.fault(key, format!("is missing: {what}"));
                None
            }
        }
    }
}

/// Compiles a file; `None` where that could not be done, with the reasons in `faults`.
pub(super) fn plan(
    file: &File,
    document: &Document<'_>,
    folder: &Path,
    faults: &mut Vec<Fault>,
    warnings: &mut Vec<Fault>,
) -> Option<Plan> {
    let mut notes = Notes { document, folder, faults, warnings };
    let listen = listen::listeners(file, &mut notes);
    let tls = listen::tls(file, &mut notes);
    let admin = admin::admin(file, &mut notes);
    let public = public(file, &mut notes);
    let prefix = prefix(file, &mut notes);
    let origin = origin::origin(file, &mut notes);
    let shop = shop::shop(file, public.as_ref(), &mut notes);
    let entry = entry(file, &mut notes);
    let buyers = buyer::buyers(file, &mut notes);
    field_names::field_names(file, &buyers, &mut notes);
    if let Some(shop) = &shop {
        extras::extras(file, shop, &buyers, &mut notes);
    }
    let session = session(file, &mut notes);
    let log = Log {
        format: file.log.format.unwrap_or_default(),
        level: file.log.level.unwrap_or_default(),
        sessions: file.log.sessions.unwrap_or(true),
        visitors: file.log.visitors.unwrap_or(false),
    };
    let audit = audit(file, &mut notes);
    let record = record::record(file, &mut notes);
    let drift = drift(file, &mut notes);
    let canary = canary::canary(file, &buyers, &mut notes);
    selectors::selectors(&mut notes);
    let plan = Plan {
        listen,
        admin,
        tls,
        workers: workers(file, &mut notes),
        limits: limits(file, &mut notes),
        origin: origin?,
        pool: pool(file, &mut notes),
        public,
        prefix,
        compress: file.compress.unwrap_or(true),
        contact: file.contact.clone(),
        shop: shop?,
        entry,
        session,
        buyers,
        log,
        audit,
        record,
        drift,
        canary,
    };
    if notes.faults.is_empty() {
        overlaps::overlaps(file, &plan, &mut notes);
    }
    Some(plan)
}

/// Where ops look in, alone: for who asks a proxy that runs while its file has faults elsewhere.
pub(super) fn admin_alone(file: &File, document: &Document<'_>, folder: &Path) -> Option<super::plan::Admin> {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    let admin = admin::admin(file, &mut Notes { document, folder, faults: &mut faults, warnings: &mut warnings });
    admin.filter(|_| faults.is_empty())
}

fn public(file: &File, notes: &mut Notes<'_>) -> Option<Public> {
    let text = file.public.as_deref()?;
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.path() == "/" && url.query().is_none()
    });
    let Some(url) = url else {
        notes.fault("public", format!("`{text}` is not an address such as \"https://shop.example\""));
        return None;
    };
    // An authority is what stands between `://` and the path; a URL with a host has one.
    let authority = url.authority().to_owned();
    Some(Public { secure: url.scheme() == "https", authority })
}

fn prefix(file: &File, notes: &mut Notes<'_>) -> String {
    let prefix = file.prefix.as_deref().unwrap_or("/_punchout/");
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
    if prefix.len() < 3 || !prefix.starts_with('/') || !prefix.ends_with('/') || prefix.contains("//") || !plain(prefix)
    {
        notes.fault("prefix", format!("`{prefix}` is not a path such as \"/_punchout/\", with a slash at both ends"));
    }
    prefix.to_owned()
}

fn entry(file: &File, notes: &mut Notes<'_>) -> Entry {
    let mut locations = Vec::new();
    for (n, path) in file.entry.paths.iter().enumerate() {
        locations.extend(notes.take(&format!("entry.paths[{n}]"), Location::parse(path)));
    }
    let mut names = file.entry.names.clone();
    // Who calls is known only when the parameters are, so what one buyer's system may send is taken from all.
    for (n, buyer) in file.buyer.iter().enumerate() {
        for (what, spellings) in &buyer.names {
            let added = names.add(what, spellings);
            notes.take(&format!("buyer[{n}].names.{what}"), added);
        }
    }
    if names.hook.is_empty() || names.username.is_empty() {
        notes.fault("entry.names", "`hook` and `username` need at least one name each");
    }
    let mut rate = |key: &str, given: Option<u32>, usual: u32| match given {
        Some(0) => {
            notes.fault(key, "is 0: no punchout could begin");
            usual
        }
        given => given.unwrap_or(usual),
    };
    Entry {
        rate: rate("entry.rate", file.entry.rate, 30),
        buyer_rate: rate("entry.buyer_rate", file.entry.buyer_rate, 120),
        locations,
        names,
        body_size: size(file.limits.entry_body, 64 << 10),
    }
}

fn session(file: &File, notes: &mut Notes<'_>) -> SessionLimits {
    let session = SessionLimits {
        idle: time(file.session.idle, 30 * 60),
        longest: time(file.session.longest, 8 * 60 * 60),
        most: file.session.most.unwrap_or(10_000),
        store: store::store(&file.session, notes),
        report_only_share: file.session.report_only_share.unwrap_or(0.0),
    };
    if !(0.0..=1.0).contains(&session.report_only_share) {
        notes.fault("session.report_only_share", "is no share: from 0 (none) to 1 (all)");
    }
    if session.idle > session.longest {
        notes.warn("session.idle", "is longer than `session.longest`, which ends every session first");
    }
    if session.most == 0 {
        notes.fault("session.most", "is 0: no session could begin");
    }
    session
}

fn audit(file: &File, notes: &mut Notes<'_>) -> Option<Arc<Audit>> {
    let Some(name) = &file.audit.file else {
        if file.audit.fsync.is_some() {
            notes.fault("audit.fsync", "needs `audit.file`: where returned carts are written down");
        }
        return None;
    };
    let file = Audit { file: notes.folder.join(name), fsync: file.audit.fsync.unwrap_or(false) };
    if file.file.is_dir() || !file.file.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir())
    {
        notes.fault("audit.file", format!("{} is no file in a folder that is there", file.file.display()));
    }
    Some(Arc::new(file))
}

fn drift(file: &File, notes: &mut Notes<'_>) -> Drift {
    let misses = file.drift.misses.unwrap_or(3);
    if misses == 0 {
        notes.fault("drift.misses", "is 0: every rule would be lost before it is looked for");
    }
    let webhook = file.drift.webhook.as_deref().map(Webhook::parse);
    Drift { misses, webhook: webhook.and_then(|webhook| notes.take("drift.webhook", webhook)) }
}

fn workers(file: &File, notes: &mut Notes<'_>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match file.workers {
        Some(0) => {
            notes.fault("workers", "is 0: leave it out for one a core");
            cores
        }
        Some(workers) => workers,
        None => cores,
    }
}

fn limits(file: &File, notes: &mut Notes<'_>) -> Limits {
    let limits = &file.limits;
    let usual = Limits::default();
    let or = |given: Option<Time>, usual: Duration| given.map_or(usual, |time| time.0);
    let head_size = size(limits.head, usual.head_size);
    // Below this hyper refuses to read a head at all.
    if head_size < 8 << 10 {
        notes.fault("limits.head", "is under 8KiB: real browsers send more than that");
    }
    let uri_size = size(limits.uri, usual.uri_size);
    if uri_size < 2 << 10 {
        notes.fault("limits.uri", "is under 2KiB: a catalog call by GET may be longer");
    }
    let connections = limits.connections.unwrap_or(usual.connections);
    if connections == 0 {
        notes.fault("limits.connections", "is 0: nobody could connect");
    }
    let trusted_proxies = networks(&file.trusted_proxies, "trusted_proxies", notes);
    for (key, none) in [
        ("limits.connections_per_address", limits.connections_per_address == Some(0)),
        ("limits.http2_streams", limits.http2_streams == Some(0)),
    ] {
        if none {
            notes.fault(key, "is 0: leave it out for its default");
        }
    }
    Limits {
        connections,
        connections_per_address: limits.connections_per_address,
        http2_streams: limits.http2_streams.unwrap_or(usual.http2_streams),
        http2_cleartext: file.http2_cleartext.unwrap_or(usual.http2_cleartext),
        preserve_header_case: file.preserve_header_case.unwrap_or(usual.preserve_header_case),
        head_size,
        uri_size,
        head_fields: limits.head_fields.unwrap_or(usual.head_fields),
        head_time: or(limits.head_time, usual.head_time),
        idle: or(limits.idle_time, usual.idle),
        buffers_idle: usual.buffers_idle,
        body_idle: or(limits.body_time, usual.body_idle),
        body_size: limits.body.map_or(usual.body_size, |size| size.0),
        write_idle: or(limits.write_time, usual.write_idle),
        tunnel_idle: or(limits.tunnel_idle_time, usual.tunnel_idle),
        drain: or(limits.drain_time, usual.drain),
        trusted_proxies,
    }
}

/// Addresses and networks; an address is a network of one.
fn networks(texts: &[String], key: &str, notes: &mut Notes<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let told = |_| format!("`{text}` is neither an address nor a network such as \"10.0.0.0/8\"");
        networks.extend(notes.take(&format!("{key}[{n}]"), net.map_err(told)));
    }
    networks
}

fn pool(file: &File, notes: &mut Notes<'_>) -> PoolLimits {
    let limits = &file.limits;
    let usual = PoolLimits::default();
    let or = |given: Option<Time>, usual: Duration| given.map_or(usual, |time| time.0);
    let max_live = limits.shop_connections.unwrap_or(usual.max_live);
    if max_live == 0 {
        notes.fault("limits.shop_connections", "is 0: nothing could be asked of the shop");
    }
    PoolLimits {
        max_live,
        queue_deadline: or(limits.shop_queue_time, usual.queue_deadline),
        idle_timeout: or(limits.shop_idle_time, usual.idle_timeout),
        connect_timeout: or(limits.shop_connect_time, usual.connect_timeout),
        first_byte_timeout: or(limits.shop_answer_time, usual.first_byte_timeout),
        body_idle_timeout: or(limits.shop_body_time, usual.body_idle_timeout),
        preserve_header_case: file.preserve_header_case.unwrap_or(usual.preserve_header_case),
        ..usual
    }
}

fn policy(file: &super::file::DenyFile, notes: &mut Notes<'_>) -> Policy {
    let mut denials = Vec::new();
    for (n, path) in file.paths.iter().enumerate() {
        let location = notes.take(&format!("shop.deny.paths[{n}]"), Location::parse(path));
        denials.extend(location.map(|location| Denial { method: None, location, field: None }));
    }
    for (n, form) in file.forms.iter().enumerate() {
        denials.extend(denied_form(form, &format!("shop.deny.forms[{n}]"), notes));
    }
    Policy { denials }
}

fn denied_form(form: &DenyFormFile, key: &str, notes: &mut Notes<'_>) -> Option<Denial> {
    let path = notes.need(&format!("{key}.path"), form.path.as_ref(), "where the form is sent");
    let field = notes.need(&format!("{key}.field"), form.field.as_ref(), "the field by which the form is known");
    let method = form.method.as_deref().unwrap_or("POST");
    let known = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];
    let Some(method) = known.into_iter().find(|known| known.as_str() == method) else {
        notes.fault(format!("{key}.method"), format!("`{method}` is not a method that sends a form"));
        return None;
    };
    let location = notes.take(&format!("{key}.path"), Location::parse(path?))?;
    Some(Denial {
        method: Some(method),
        location,
        field: Some((field?.to_owned(), form.value.as_deref().map(Wanted::parse))),
    })
}

/// A secret from a file, the environment, or the configuration itself, which is warned of. `None` where none is named or
/// it cannot be had; the latter is noted.
fn secret(
    key: &str,
    from_file: Option<&PathBuf>,
    from_env: Option<&String>,
    plain: Option<&String>,
    notes: &mut Notes<'_>,
) -> Option<String> {
    if let Some(path) = from_file {
        let path = notes.folder.join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()));
        let text = notes.take(&format!("{key}_file"), text)?;
        if is_everybodys(&path) {
            let advice = "may be read by everybody on this machine: take that away (chmod o-r)";
            notes.warn(format!("{key}_file"), format!("{} {advice}", path.display()));
        }
        return Some(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Some(name) = from_env {
        let text = std::env::var(name).map_err(|_| format!("the environment has no readable variable `{name}`"));
        return notes.take(&format!("{key}_env"), text);
    }
    let plain = plain?;
    notes.warn(key, format!("stands in clear in this file: `{}_file` or `{}_env` keep it out", last(key), last(key)));
    Some(plain.clone())
}

/// Whether any account of the machine may read a file. Where credentials are handed out for one service alone, the folder
/// keeps the others off.
fn is_everybodys(path: &Path) -> bool {
    let handed_out = ["/run/credentials", "/run/secrets"].iter().any(|folder| path.starts_with(folder));
    !handed_out && std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Notes every name that stands twice in `names`.
fn no_twins<'v>(what: &str, names: impl Iterator<Item = (String, Option<&'v str>)>, notes: &mut Notes<'_>) {
    let mut seen = HashSet::new();
    for (key, name) in names {
        if let Some(name) = name
            && !seen.insert(name)
        {
            notes.fault(key, format!("`{name}` is the {what} of two buyers"));
        }
    }
}

fn time(given: Option<Time>, usual_seconds: u64) -> Duration {
    given.map_or(Duration::from_secs(usual_seconds), |time| time.0)
}

fn size(given: Option<Size>, usual: usize) -> usize {
    // A size that does not fit is more than any machine has.
    given.map_or(usual, |size| usize::try_from(size.0).unwrap_or(usize::MAX))
}
