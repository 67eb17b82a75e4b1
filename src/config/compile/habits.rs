//! What a buyer's system takes and how it behaves, by itself: for looking at carts without anybody's credentials.

use std::path::Path;

use super::{Notes, buyer};
use crate::cart::unit::Units;
use crate::config::document::Document;
use crate::config::file::{BuyerFile, File};
use crate::config::profiles;
use crate::finding::Severities;
use crate::protocol::oci::Mapping;

/// A system's limits and habits.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Fields, lengths, numbers.
    pub mapping: Mapping,
    /// Its units.
    pub units: Units,
    /// How grave findings are.
    pub severities: Severities,
}

/// The habits of a profile that is shipped with the program.
///
/// # Errors
/// There is none of that name.
pub fn habits_of(profile: &str) -> Result<Habits, String> {
    let text = profiles::named(profile)?;
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    let document = Document::parse(text, &mut faults);
    let file: BuyerFile = document.read(&[], &mut faults);
    let mut notes = Notes { document: &document, folder: Path::new("."), faults: &mut faults, warnings: &mut warnings };
    let everybody = File::default();
    let mapping = buyer::mapping(&file, "", &everybody, &mut notes);
    let severities = buyer::severities(&file, "", &mut notes);
    let mapping = mapping.ok_or_else(|| format!("the profile `{profile}` is broken: {faults:?}"))?;
    Ok(Habits { mapping, units: buyer::units(&file, &everybody), severities })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_habits() {
        for (name, _) in profiles::PROFILES {
            assert!(habits_of(name).is_ok(), "{name}");
        }
        assert!(habits_of("sap").unwrap_err().contains("there are: generic"));
    }
}
