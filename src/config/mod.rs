//! `proxy.toml`, in two steps: what the file may say ([`mod@file`]), and what will be done ([`plan`]).
//!
//! `file` alone knows serde's view of the TOML; [`compile`] alone turns its texts into compiled things. A reload is a new
//! `Arc<Plan>`.

pub mod compile;
pub mod credentials;
pub mod document;
pub mod effective;
pub mod file;
pub mod limits;
pub mod plan;
pub mod presets;
pub mod profiles;
pub mod schema;
pub mod tls;

use std::path::Path;

use crate::upstream;

use document::{Base, Document, Fault};
pub use limits::Limits;
pub use plan::{Plan, Plans};

/// What became of a configuration.
#[derive(Debug)]
pub struct Outcome {
    /// What will be done; only where there is no fault.
    pub plan: Option<Plan>,
    /// All that is wrong, in the order of the file.
    pub faults: Vec<Fault>,
    /// What works but is not wise, in the same order.
    pub warnings: Vec<Fault>,
}

/// Reads and checks a configuration. `folder` is where relative file names in it start from.
pub fn read(text: &str, folder: &Path) -> Outcome {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let document = Document::parse(text, &mut faults);
    // What is not even TOML would only draw a tail of faults that are none.
    if !faults.is_empty() {
        return Outcome { plan: None, faults, warnings };
    }
    let bases = bases(&document, &mut faults);
    let file: file::File = document.read(&bases, &mut faults);
    let plan = compile::plan(&file, &document, folder, &mut faults, &mut warnings);
    for told in [&mut faults, &mut warnings] {
        told.sort_by_key(|fault| fault.place.unwrap_or((usize::MAX, 0)));
    }
    Outcome { plan: plan.filter(|_| faults.is_empty()), faults, warnings }
}

/// What lies under the file: its preset, and the profiles of its buyers.
fn bases(document: &Document<'_>, faults: &mut Vec<Fault>) -> Vec<Base<'static>> {
    let preset = presets::named_in(document, faults);
    let mut bases: Vec<_> = preset.map(|text| Base { item: None, text, depth: 2 }).into_iter().collect();
    bases.extend(profiles::named_in(document, faults));
    bases
}

/// Where ops look in, by a configuration that may have faults elsewhere.
pub fn admin(text: &str, folder: &Path) -> Option<plan::Admin> {
    let document = Document::parse(text, &mut Vec::new());
    let file: file::File = document.read(&[], &mut Vec::new());
    compile::admin_alone(&file, &document, folder)
}

/// A plan with no buyers, which only passes visitors on to `origin`; for tests and benchmarks. Port 0 listens on a free one.
///
/// # Panics
/// When `origin` is not the shop's address.
pub fn passthrough(listen: std::net::SocketAddr, origin: &upstream::Origin, workers: usize) -> Plan {
    let text = format!(
        "listen = \"{listen}\"\nworkers = {workers}\n[shop]\norigin = \"{origin}\"\npreset = \"django-oscar\"\n"
    );
    let outcome = read(&text, Path::new("."));
    outcome.plan.unwrap_or_else(|| panic!("a plan without buyers: {:?}", outcome.faults))
}
