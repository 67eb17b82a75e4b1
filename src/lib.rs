//! punchout-proxy: dropped in front of a webshop that nobody may change, it gives that shop OCI punchout.
//!
//! Visitors pass through untouched. A buyer who comes from a procurement system by an OCI catalog call gets a punchout
//! session: signed in to the shop with the agreed account, free to shop, and at checkout the cart goes back to the
//! procurement system as `NEW_ITEM-*` fields instead of becoming an order.
//!
//! # The way of a request
//!
//! ```text
//! listener -> worker -> route ---- Visitor ------------------> forward -> answer, untouched
//!                        |-------- Enter(entry) -> buyer? hook? -> sign in at the shop -> session -> 303 to a clean page
//!                        |-------- Shop(session) -> denied? --> forward -> rewrite page and headers
//!                        |                                          `- cart page: read lines, add the hand-over form
//!                        `-------- Own(page) ----> return, problem
//! ```
//!
//! One [`exchange::Exchange`] goes down this way; nothing comes back up by a side door. Read [`proxy`] first: its
//! `handle` is the story. What is pure (routing, OCI, mapping, header surgery, price parsing) never awaits.
//!
//! # The house
//!
//! Modules in the order in which data flows; `use` points down this list only.

pub mod demo;
pub mod server;
pub mod proxy;
pub mod exchange;
pub mod config;
pub mod rewrite;
pub mod shop;
pub mod upstream;
pub mod cart;
pub mod protocol;
pub mod policy;
pub mod location;
pub mod pages;
pub mod problem;
pub mod finding;
