//! Header values as serde writes them: their bytes, for they need not be text.

use http::HeaderValue;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(value: &HeaderValue, to: S) -> Result<S::Ok, S::Error> {
    value.as_bytes().serialize(to)
}

/// # Errors
/// Bytes that are no header value.
pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<HeaderValue, D::Error> {
    HeaderValue::from_bytes(&Vec::deserialize(from)?).map_err(Error::custom)
}

/// One that may be absent.
pub mod option {
    use super::*;

    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Option<HeaderValue>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(HeaderValue::as_bytes).serialize(to)
    }

    /// # Errors
    /// Bytes that are no header value.
    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<HeaderValue>, D::Error> {
        let bytes: Option<Vec<u8>> = Option::deserialize(from)?;
        bytes.map(|bytes| HeaderValue::from_bytes(&bytes).map_err(Error::custom)).transpose()
    }
}
