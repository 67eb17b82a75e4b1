//! OCI, the Open Catalog Interface: the catalog call that starts a punchout, and the form that returns a cart.
//!
//! * [`entry`]: the catalog call, parsed: HOOK_URL in all the shapes real buyers send it.
//! * [`hook`]: where a cart may go: HOOK_URL and a buyer's allow-list.
//! * [`fields`]: the NEW_ITEM fields, their lengths and formats.
//! * [`mapping`]: a cart to NEW_ITEM fields, for one buyer.
//! * [`form`]: the fields as an HTML form that an unknown parser will read right.

pub mod entry;
pub mod fields;
pub mod form;
pub mod hook;
pub mod mapping;
