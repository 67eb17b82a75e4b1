//! A session's life: how it begins ([`enter`]) and how its cart goes back ([`hand_over`]).

pub mod enter;
pub mod hand_over;
