//! How the parameters of a catalog call may be spelled.

use serde::{Deserialize, Serialize};

/// The names under which each value may arrive, compared without case. Their spelling is customizing at the buyer, so
/// every list can be replaced; the defaults are the spellings seen in the field. The first name of a list that is
/// present wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EntryNames {
    /// Where the cart goes.
    pub hook: Vec<String>,
    /// The login.
    pub username: Vec<String>,
    /// The login's password.
    pub password: Vec<String>,
    /// What some connectors send instead of a password.
    pub token: Vec<String>,
    /// DETAIL, VALIDATE, SOURCING ...; absent is ordinary shopping.
    pub function: Vec<String>,
    /// The return frame, OCI 4.0 and later.
    pub return_target: Vec<String>,
    /// The return frame, OCI 3 and earlier.
    pub target: Vec<String>,
    /// The charset of the returning form.
    pub charset: Vec<String>,
    /// The language the buyer wishes.
    pub language: Vec<String>,
    /// Where "cancel" goes (IFS, Netset).
    pub cancel: Vec<String>,
    /// The EXT_PRODUCT_ID that was sent earlier: DETAIL, VALIDATE.
    pub product: Vec<String>,
    /// A quantity: VALIDATE, QUANTITYCHECK.
    pub quantity: Vec<String>,
    /// What to search for: SOURCING, BACKGROUND_SEARCH.
    pub search: Vec<String>,
    /// The SAP partner number that may come with SOURCING.
    pub vendor: Vec<String>,
    /// What goes back with the cart under the very name it came with.
    pub echo: Vec<String>,
}

impl Default for EntryNames {
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        EntryNames {
            hook: list(&["HOOK_URL", "hookUrl", "MM_HOOK_URL"]),
            username: list(&["USERNAME", "~username", "NAME"]),
            password: list(&["PASSWORD", "PASSWORT"]),
            token: list(&["TOKEN"]),
            function: list(&["FUNCTION"]),
            return_target: list(&["returntarget"]),
            target: list(&["~TARGET"]),
            charset: list(&["http_content_charset"]),
            language: list(&["sap-language", "sap-locale", "LANGUAGE", "locale"]),
            cancel: list(&["OCICANCEL"]),
            product: list(&["PRODUCTID"]),
            quantity: list(&["QUANTITY"]),
            search: list(&["SEARCHSTRING"]),
            vendor: list(&["VENDOR"]),
            echo: list(&["~OkCode", "~TARGET", "~CALLER", "BYPASS_OUTB_HANDLER", "BYPASS_INB_HANDLER"]),
        }
    }
}

/// Names that no list holds but that end a raw HOOK_URL all the same.
const OTHER_OCI_KEYS: [&str; 6] =
    ["~ForceTarget", "OCI_VERSION", "OCIVERSION", "OPI_VERSION", "TRANSACTIONID", "NEW_ITEM-VENDOR"];

impl EntryNames {
    /// Adds spellings to the list of that key, after those it has.
    ///
    /// # Errors
    /// A text for the ops person: there is no such list.
    pub fn add(&mut self, key: &str, spellings: &[String]) -> Result<(), String> {
        let list = match key {
            "hook" => &mut self.hook,
            "username" => &mut self.username,
            "password" => &mut self.password,
            "token" => &mut self.token,
            "function" => &mut self.function,
            "return_target" => &mut self.return_target,
            "target" => &mut self.target,
            "charset" => &mut self.charset,
            "language" => &mut self.language,
            "cancel" => &mut self.cancel,
            "product" => &mut self.product,
            "quantity" => &mut self.quantity,
            "search" => &mut self.search,
            "vendor" => &mut self.vendor,
            "echo" => &mut self.echo,
            _ => return Err("is no list of [entry.names]".to_owned()),
        };
        for spelling in spellings {
            if !list.iter().any(|known| known.eq_ignore_ascii_case(spelling)) {
                list.push(spelling.clone());
            }
        }
        Ok(())
    }

    /// Whether a percent-encoded name is one of `list`, without allocating.
    pub(crate) fn is_one_of(list: &[String], raw_name: &[u8]) -> bool {
        list.iter().any(|name| {
            let decoded = percent_encoding::percent_decode(raw_name).map(|byte| if byte == b'+' { b' ' } else { byte });
            // Decoding never lengthens: most names are told apart by their length alone.
            raw_name.len() >= name.len() && decoded.map(|byte| byte.to_ascii_lowercase()).eq(lower(name))
        })
    }

    /// Whether a percent-encoded name carries the login.
    pub(crate) fn is_credential(&self, raw_name: &[u8]) -> bool {
        [&self.username, &self.password, &self.token].into_iter().any(|list| Self::is_one_of(list, raw_name))
    }

    /// Whether a percent-encoded name is one that a buyer's system sets, and so ends a HOOK_URL that was not encoded.
    /// Languages, quantities and vendors do not count: a HOOK_URL's own query has them (`?sap-client=100&sap-language=EN`).
    pub(crate) fn is_known(&self, raw_name: &[u8]) -> bool {
        let lists = [
            &self.hook,
            &self.username,
            &self.password,
            &self.token,
            &self.function,
            &self.return_target,
            &self.target,
            &self.charset,
            &self.cancel,
            &self.product,
            &self.search,
            &self.echo,
        ];
        lists.into_iter().any(|list| Self::is_one_of(list, raw_name))
            || OTHER_OCI_KEYS.iter().any(|name| raw_name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn lower(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_can_be_added_to_and_none_twice() {
        let mut names = EntryNames::default();
        let keys = toml::Table::try_from(&names).unwrap();
        for key in keys.keys() {
            names.add(key, &["X_NEW".to_owned(), "x_new".to_owned()]).expect(key);
        }
        for (key, list) in toml::Table::try_from(&names).unwrap() {
            assert_eq!(list.as_array().unwrap().iter().filter(|one| one.as_str() == Some("X_NEW")).count(), 1, "{key}");
        }
        assert!(names.add("hooks", &[]).is_err());
    }

    #[test]
    fn names_are_compared_decoded_and_without_case() {
        let names = EntryNames::default();
        for raw in ["hook_url", "HOOK_URL", "hookUrl", "mm_hook_url", "HOOK%5FURL", "%68ook_url"] {
            assert!(EntryNames::is_one_of(&names.hook, raw.as_bytes()), "{raw}");
        }
        for raw in ["hook_ur", "hook_urls", "", "hook%url", "h"] {
            assert!(!EntryNames::is_one_of(&names.hook, raw.as_bytes()), "{raw}");
        }
        assert!(names.is_credential(b"%7Eusername"));
        assert!(names.is_known(b"~okcode"));
        assert!(!names.is_known(b"uniqueid"));
    }
}
