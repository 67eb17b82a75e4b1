//! Procurement systems whose limits and habits are shipped with the program, each some keys of a `[[buyer]]` in TOML.
//!
//! Every value says in a comment how strong the evidence for it is; what is not there is as OCI has it.

use super::document::{Base, Document, Fault, nearest};

/// Every profile: its name, and its text.
pub const PROFILES: &[(&str, &str)] = &[
    ("generic", include_str!("generic.toml")),
    ("sap-srm", include_str!("sap-srm.toml")),
    ("sap-ecc", include_str!("sap-ecc.toml")),
    ("sap-s4hana", include_str!("sap-s4hana.toml")),
    ("basware", include_str!("basware.toml")),
    ("visma-proceedo", include_str!("visma-proceedo.toml")),
    ("visma-spend-cloud", include_str!("visma-spend-cloud.toml")),
    ("ifs-cloud", include_str!("ifs-cloud.toml")),
    ("onventis", include_str!("onventis.toml")),
    ("unite", include_str!("unite.toml")),
    ("odoo", include_str!("odoo.toml")),
    ("dolibarr", include_str!("dolibarr.toml")),
];

/// The text of the profile of that name.
///
/// # Errors
/// A text for the ops person: there is none of that name, and which there are.
pub fn named(name: &str) -> Result<&'static str, String> {
    if let Some((_, text)) = PROFILES.iter().find(|(profile, _)| *profile == name) {
        return Ok(text);
    }
    let names: Vec<_> = PROFILES.iter().map(|(name, _)| *name).collect();
    let meant = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    Err(format!("there is no profile `{name}` (there are: {}){}", names.join(", "), meant.unwrap_or_default()))
}

/// What the profiles that buyers name give to each of them. Tables are merged key by key: a buyer's own key wins.
pub fn named_in(document: &Document<'_>, faults: &mut Vec<Fault>) -> Vec<Base<'static>> {
    let mut bases = Vec::new();
    for (number, name) in document.texts_in("buyer", "profile").into_iter().enumerate() {
        match name.map(named) {
            Some(Ok(text)) => bases.push(Base { item: Some(("buyer", number)), text, depth: 1 }),
            Some(Err(reason)) => faults.push(document.fault(format!("buyer[{number}].profile"), reason)),
            None => {}
        }
    }
    bases
}

#[cfg(test)]
mod tests;
