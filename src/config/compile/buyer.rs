//! `[[buyer]]`: who may punch out, and how its fields are made.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Notes, accounts, networks, no_twins, secret};
use crate::cart::unit::Units;
use crate::config::credentials::{Password, Passwords};
use crate::config::file::{BuyerFile, Embed, File};
use crate::config::plan::{Buyer, Buyers, Cancel, FormStyle};
use crate::finding::Severities;
use crate::protocol::oci::assortment::{self, Assortment};
use crate::protocol::oci::hook::Hook;
use crate::protocol::oci::mapping::MappingSettings;
use crate::protocol::oci::{Charset, HookRule, Mapping, Target};

pub(super) fn buyers(file: &File, notes: &mut Notes<'_>) -> Buyers {
    if file.buyer.is_empty() {
        notes.warn("buyer", "there is no [[buyer]]: visitors pass through, and nobody can punch out");
    }
    let mut buyers = Vec::new();
    for (n, buyer) in file.buyer.iter().enumerate() {
        buyers.extend(self::buyer(buyer, &format!("buyer[{n}]"), file, notes).map(Arc::new));
    }
    let keyed = |key: &'static str| (0..).map(move |n: usize| format!("buyer[{n}].{key}"));
    no_twins("name", keyed("name").zip(file.buyer.iter().map(|buyer| buyer.name.as_deref())), notes);
    let usernames = file.buyer.iter().map(|buyer| buyer.username.as_deref().or(buyer.name.as_deref()));
    no_twins("username", keyed("username").zip(usernames), notes);
    Buyers::new(buyers)
}

/// Every part is looked at, also where another is at fault.
fn buyer(buyer: &BuyerFile, key: &str, file: &File, notes: &mut Notes<'_>) -> Option<Buyer> {
    let name = notes.need(&format!("{key}.name"), buyer.name.as_ref(), "what logs call this buyer").map(str::to_owned);
    let passwords = passwords(buyer, key, notes);
    let hooks = hooks(buyer, key, notes);
    let functions_from = networks(&buyer.functions_from, &format!("{key}.functions_from"), notes);
    let accounts = accounts::accounts(buyer, &format!("{key}.accounts"), notes);
    let mapping = mapping(buyer, key, file, notes);
    let units = units(buyer, file);
    let form = form(buyer, key, notes);
    let severities = severities(buyer, key, notes);
    let framed_by = framed_by(buyer, key, &hooks, file, notes);
    let name = name?;
    let username = buyer.username.clone().unwrap_or_else(|| name.clone());
    let (system, bar) = (buyer.system.clone().unwrap_or_else(|| name.clone()), buyer.bar.unwrap_or(true));
    let (passwords, accounts, mapping) = (passwords?, accounts?, mapping?);
    let (embed, cookies) = (buyer.embed.unwrap_or_default(), buyer.cookies.unwrap_or_default());
    let report_only = buyer.report_only.unwrap_or(false);
    Some(Buyer {
        name,
        username,
        passwords,
        hooks,
        learn_hooks: buyer.learn_hooks.unwrap_or(false),
        functions_from,
        accounts,
        mapping,
        units,
        system,
        bar,
        embed,
        cookies,
        framed_by,
        report_only,
        form,
        severities,
    })
}

fn passwords(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) -> Option<Passwords> {
    let current = Given {
        name: "password",
        hash: buyer.password_hash.as_ref(),
        file: buyer.password_file.as_ref(),
        env: buyer.password_env.as_ref(),
        plain: buyer.password.as_ref(),
    };
    let next = Given {
        name: "next_password",
        hash: buyer.next_password_hash.as_ref(),
        file: buyer.next_password_file.as_ref(),
        env: buyer.next_password_env.as_ref(),
        plain: None,
    };
    if accounts::passes_through(buyer) {
        if current.is_some() || next.is_some() || buyer.username.is_some() {
            notes.fault(key, "has a username or password of its own, which `passthrough` leaves to the shop");
        }
        return Some(Passwords::nobody());
    }
    if !current.is_some() {
        notes.fault(key, "has no password: `password_hash`, `password_file` or `password_env`");
    }
    let (is_changed, next) = (next.is_some(), password(&next, key, notes));
    let current = password(&current, key, notes)?;
    // One that cannot be used is a fault, and no reason to go on with the other alone.
    (next.is_some() == is_changed).then(|| Passwords::new(current, next))
}

/// Where the file says that a password is.
struct Given<'f> {
    name: &'static str,
    hash: Option<&'f String>,
    file: Option<&'f PathBuf>,
    env: Option<&'f String>,
    plain: Option<&'f String>,
}

impl Given<'_> {
    fn is_some(&self) -> bool {
        self.hash.is_some() || self.file.is_some() || self.env.is_some() || self.plain.is_some()
    }
}

fn password(given: &Given<'_>, key: &str, notes: &mut Notes<'_>) -> Option<Password> {
    let key = format!("{key}.{}", given.name);
    if let Some(hash) = given.hash {
        let key = format!("{key}_hash");
        return match notes.take(&key, Password::parse(hash))? {
            hash @ Password::Hash(_) => {
                costs(&hash, &key, notes);
                Some(hash)
            }
            Password::Clear(_) => {
                notes.fault(key, "is not a hash: `punchout-proxy hash-password` makes one");
                None
            }
        };
    }
    let secret = secret(&key, given.file, given.env, given.plain, notes)?;
    if secret.is_empty() {
        notes.fault(key, "is empty: anybody could punch out as this buyer");
        return None;
    }
    let password = notes.take(&key, Password::parse(&secret))?;
    costs(&password, &key, notes);
    Some(password)
}

/// A wrong password takes as long as an unknown name where the hash costs what ours do.
fn costs(password: &Password, key: &str, notes: &mut Notes<'_>) {
    if !password.costs_as_nobodys() {
        let message = "is a hash with other costs than `punchout-proxy hash-password` gives it: how long the answer to a \
                       wrong password takes then tells that there is such a buyer";
        notes.warn(key, message);
    }
}

fn hooks(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) -> Vec<HookRule> {
    let learned = buyer.learn_hooks == Some(true);
    if learned && accounts::passes_through(buyer) {
        notes.fault(
            format!("{key}.learn_hooks"),
            "cannot be with `passthrough`: by its hook alone is told whose such a call is",
        );
    }
    if buyer.hooks.is_empty() && !learned {
        notes.fault(format!("{key}.hooks"), "is missing: where its carts may go, such as [\"https://*.acme.example\"]");
    }
    let mut rules = Vec::new();
    for (n, text) in buyer.hooks.iter().enumerate() {
        rules.extend(notes.take(&format!("{key}.hooks[{n}]"), HookRule::parse(text)));
    }
    rules
}

/// Who may frame the shop, as CSP has it: the origins of the hooks and those named besides.
fn framed_by(buyer: &BuyerFile, key: &str, hooks: &[HookRule], file: &File, notes: &mut Notes<'_>) -> Vec<String> {
    let framed = buyer.embed == Some(Embed::Iframe);
    if !framed && !buyer.framed_by.is_empty() {
        notes.warn(format!("{key}.framed_by"), "changes nothing without embed = \"iframe\"");
    }
    let encrypted = !file.tls.is_empty() || file.public.as_deref().is_some_and(|public| public.starts_with("https://"));
    if framed && !encrypted {
        let message = "needs https: over plain http browsers keep no cookies in another site's frame, so that sessions \
                       could only be carried by their addresses. Configure [tls], or `public` = \"https://...\" behind \
                       a front proxy";
        notes.warn(format!("{key}.embed"), message);
    }
    let mut sources: Vec<String> = hooks.iter().filter_map(HookRule::origin).collect();
    for (n, text) in buyer.framed_by.iter().enumerate() {
        let key = format!("{key}.framed_by[{n}]");
        if let Some(rule) = notes.take(&key, HookRule::parse(text)) {
            match rule.origin() {
                Some(source) => sources.push(source),
                None => notes.fault(key, "is no origin of a page, such as \"https://portal.acme.example\""),
            }
        }
    }
    sources
}

pub(super) fn mapping(buyer: &BuyerFile, key: &str, file: &File, notes: &mut Notes<'_>) -> Option<Mapping> {
    let usual = MappingSettings::default();
    let form = &buyer.form;
    let mut required = usual.required;
    required.extend(buyer.required.iter().cloned());
    let mut classes = file.classes.clone();
    classes.extend(buyer.classes.clone());
    let settings = MappingSettings {
        fields: buyer.fields.clone(),
        header: buyer.header.clone(),
        limits: buyer.lengths.clone(),
        required,
        longtext: form.long_text.unwrap_or_default(),
        price_units: form.price_units.clone().unwrap_or(usual.price_units),
        max_inputs: form.max_inputs.unwrap_or(usual.max_inputs),
        decimal: form.decimal.unwrap_or_default(),
        classes,
        bundles: buyer.bundles.clone(),
        assortment: assortment(buyer, key, notes),
    };
    let compiled = Mapping::compile(&settings).map_err(|error| {
        // The settings' own words, as they stand in the file.
        let inner = error.key.replacen("limits", "lengths", 1).replacen("price_units", "form.price_units", 1);
        notes.fault(format!("{key}.{inner}"), error.reason);
    });
    compiled.ok()
}

fn assortment(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) -> Option<Assortment> {
    let file = buyer.assortment.as_ref()?;
    let key = format!("{key}.assortment");
    let mut skus: HashSet<String> = file.skus.iter().map(|sku| sku.trim().to_owned()).collect();
    if let Some(path) = &file.skus_file {
        let path = notes.folder.join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()));
        let text = notes.take(&format!("{key}.skus_file"), text)?;
        skus.extend(assortment::skus(&text).map(str::to_owned));
    }
    if skus.is_empty() && file.classes.is_empty() {
        notes.fault(key, "holds nothing: no cart of this buyer could leave");
        return None;
    }
    Some(Assortment { skus, classes: file.classes.clone(), mode: file.mode })
}

pub(super) fn severities(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) -> Severities {
    let mut severities = Severities::default();
    for (code, severity) in &buyer.findings {
        notes.take(&format!("{key}.findings.{code}"), severities.set(code, *severity));
    }
    severities
}

pub(super) fn units(buyer: &BuyerFile, file: &File) -> Units {
    let mut table: BTreeMap<String, String> = file.units.clone();
    table.extend(buyer.units.clone());
    Units::shipped().with_words(table).with_default(buyer.default_unit.clone())
}

fn form(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) -> FormStyle {
    let form = &buyer.form;
    let charset = form.charset.as_deref().and_then(|label| {
        let unknown =
            || format!("`{label}` is not a charset that a form can be sent in, such as \"utf-8\" or \"iso-8859-1\"");
        notes.take(&format!("{key}.form.charset"), Charset::parse(label).ok_or_else(unknown))
    });
    let target = form.target.as_deref().and_then(|text| {
        let wrong = || format!("`{text}` is not `_top`, `_parent`, `_self`, `_blank` or a frame's name");
        notes.take(&format!("{key}.form.target"), Target::parse(text).ok_or_else(wrong))
    });
    FormStyle {
        charset,
        target,
        hook_query: form.hook_query.unwrap_or_default(),
        sap_fields: form.sap_fields.unwrap_or(false),
        cancel: cancel(form.cancel.as_deref(), &format!("{key}.form.cancel"), notes),
        again: form.again.unwrap_or(false),
    }
}

fn cancel(text: Option<&str>, key: &str, notes: &mut Notes<'_>) -> Cancel {
    match text {
        None | Some("post") => Cancel::Post,
        Some("none") => Cancel::None,
        Some(address) => {
            if let Ok(address) = Hook::parse(address)
                && !address.is_sap_event()
            {
                return Cancel::Link(address.escaped().to_owned());
            }
            notes.fault(
                key,
                format!(
                    "`{address}` is neither \"post\", \"none\" nor an address such as \"https://srm.acme.example/\""
                ),
            );
            Cancel::None
        }
    }
}
