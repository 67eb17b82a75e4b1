//! What a shared store is told: nothing that whoever reads it could use.
//!
//! A session's id opens it, the shop's cookies in it are signed in, and its HOOK_URL holds the buyer's session. So all
//! sidecars share a key that the store never sees: names there are keyed hashes, and what stands under them is encrypted
//! and bound to its name.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a name: enough that no two are alike.
const NAME: usize = 16;

/// The key that all sidecars share, put to use.
pub(super) struct Vault {
    names: hmac::Key,
    seal: LessSafeKey,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    pub(super) fn new(key: &[u8]) -> Self {
        let secret = Salt::new(HKDF_SHA256, b"punchout-proxy shared store").extract(key);
        let (names, seal): (&[&[u8]], &[&[u8]]) = (&[b"names"], &[b"seal"]);
        // HKDF gives up to 255 hashes; each of these asks for one.
        let names = secret.expand(names, hmac::HMAC_SHA256).expect("a key is short enough for HKDF");
        let seal = secret.expand(seal, &CHACHA20_POLY1305).expect("a key is short enough for HKDF");
        Vault { names: names.into(), seal: LessSafeKey::new(UnboundKey::from(seal)) }
    }

    /// What something is called in the store.
    pub(super) fn name(&self, kind: &str, of: &[u8]) -> String {
        let tag = hmac::sign(&self.names, &[kind.as_bytes(), b"\0", of].concat());
        HEXLOWER.encode(&tag.as_ref()[..NAME])
    }

    /// Encrypts what will stand under `name`.
    pub(super) fn close(&self, name: &str, value: &impl Serialize) -> Result<Vec<u8>, String> {
        let mut nonce = [0; NONCE_LEN];
        // Without randomness there would be no session id either.
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let mut sealed = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        let unique = Nonce::assume_unique_for_key(nonce);
        let sealing = self.seal.seal_in_place_append_tag(unique, Aad::from(name.as_bytes()), &mut sealed);
        sealing.map_err(|_| "too large to be encrypted".to_owned())?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Reads what stands under `name`; `None` for what was not written with this key, or by a version that kept other
    /// things.
    pub(super) fn open<T: DeserializeOwned>(&self, name: &str, sealed: &[u8]) -> Option<T> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.seal.open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed).ok()?;
        serde_json::from_slice(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_opens_and_only_under_the_name() {
        let (vault, other) = (Vault::new(b"one key"), Vault::new(b"another key"));
        let name = vault.name("session", b"id");
        assert_ne!(name, other.name("session", b"id"));
        assert_ne!(name, vault.name("ticket", b"id"));
        let sealed = vault.close(&name, &"hemmelig").unwrap();
        assert!(!sealed.windows(8).any(|piece| piece == b"hemmelig"));
        assert_eq!(vault.open::<String>(&name, &sealed).as_deref(), Some("hemmelig"));
        assert_eq!(vault.open::<String>("other", &sealed), None);
        assert_eq!(other.open::<String>(&name, &sealed), None);
        assert_eq!(vault.open::<String>(&name, &sealed[..5]), None);
    }
}
