//! Shop platforms whose rules are shipped with the program, each a `[shop]` section in TOML.

use super::document::{Document, Fault, nearest};

/// Every preset: its name, and its text.
pub const PRESETS: &[(&str, &str)] = &[("django-oscar", include_str!("django-oscar.toml"))];

/// The preset that `shop.preset` names, if it names one.
pub fn named_in(document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<&'static str> {
    let name = document.text("shop.preset")?;
    let found = PRESETS.iter().find(|(preset, _)| *preset == name);
    if found.is_none() {
        let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
        let meant = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
        let message =
            format!("there is no preset `{name}` (there are: {}){}", names.join(", "), meant.unwrap_or_default());
        faults.push(document.fault("shop.preset", message));
    }
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::File;

    #[test]
    fn every_preset_fits_the_file() {
        for (name, text) in PRESETS {
            let mut faults = Vec::new();
            Document::parse(text, &mut faults).read::<File>(&[], &mut faults);
            assert_eq!(faults, [], "{name}");
        }
    }
}
