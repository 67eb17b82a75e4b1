//! The procurement protocols that a punchout speaks. Today one: [`oci`].

pub mod oci;
