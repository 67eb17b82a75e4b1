//! What the operator decided: checked and compiled once, shared by every request.

pub mod document;
pub mod limits;
pub mod plan;

pub use limits::Limits;
pub use plan::{Plan, Plans};
