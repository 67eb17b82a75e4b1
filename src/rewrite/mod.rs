//! The shop's answer on its way back to a buyer in a session, and to everybody where the shop is known by another name
//! than its own.
//!
//! ```text
//! shop's body -> coding::decode (-> tap) -> body::RewritingBody(page's settings) (-> ahead) -> coding::encode -> buyer
//! shop's head -> response_headers::rewritable -> response_headers::rewrite_head, csp::Opening
//! ```
//!
//! Nothing here waits for a whole page: one frame goes out for every frame that comes in, so the buyer's pace is the
//! shop's pace and memory is bounded by a frame. Visitors come here for [`own_name`] alone, and where visitors type the
//! shop's own name they never do.

pub mod addresses;
pub mod ahead;
pub mod body;
pub mod carrier;
pub mod charset;
pub mod coding;
pub mod controls;
pub mod csp;
pub mod embed;
pub mod hydrated;
pub mod own_name;
pub mod page;
pub mod response_headers;
#[cfg(test)]
mod scripted;
pub mod tap;
