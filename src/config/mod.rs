//! `proxy.toml`, in two steps: what the file may say ([`file`]), and what will be done ([`plan`]).
pub mod document;
