//! OCI, the Open Catalog Interface: the catalog call that starts a punchout, and the form that returns a cart.
//!
//! In the order of a punchout:
//!
//! * [`entry`]: the catalog call, parsed: HOOK_URL in all the shapes real buyers send it. [`names`] says how the
//!   parameters may be spelled, [`parameters`] reads query and body, [`Secret`] keeps a password out of the log.
//! * [`hook`]: where a cart may go: HOOK_URL and a buyer's allow-list.
//! * [`fields`]: the NEW_ITEM fields, their lengths and formats.
//! * [`mapping`]: a cart to NEW_ITEM fields, for one buyer: [`source`] says where a field's value comes from, [`change`] what is done to it,
//!   [`number`] and [`text`] bring it into OCI's form, [`charset`] into the buyer's alphabet.
//!   [`assortment`] is the guard at the gate: what was agreed on with the buyer. [`agreed`] tells all of that to people.
//! * [`form`]: the fields as an HTML form that an unknown parser will read right, in the [`target`] frame.
//!   [`parse_back`] shows what a receiver reads, [`lint`] what is wrong with it.
//!
//! All of it is pure: nothing here awaits, nothing is remembered between calls.

// Whatever a shop prints is calculated with: what leaves 28 digits is a finding, never a panic.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod agreed;
pub mod assortment;
pub mod bundle;
pub mod change;
pub mod charset;
pub mod entry;
pub mod fields;
mod filled;
mod filling;
pub mod form;
pub mod hook;
pub mod lint;
pub mod mapping;
pub mod names;
pub mod number;
pub mod parameters;
pub mod parse_back;

pub mod source;
pub mod target;
pub mod text;

pub use crate::secret::Secret;
pub use assortment::Assortment;
pub use charset::Charset;
pub use entry::{Entry, EntryError, Function};
pub use fields::{FieldName, Limits, LongTextStyle};
pub use form::{HandOver, HookQuery};
pub use hook::{Hook, HookRefusal, HookRule};
pub use mapping::{Mapped, Mapping, MappingSettings, Surroundings, UnitFound};
pub use names::EntryNames;
pub use number::DecimalMark;
pub use parameters::Parameters;
pub use target::Target;
