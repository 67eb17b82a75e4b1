//! Where ops look in.

use std::path::PathBuf;

use super::{Notes, secret};
use crate::config::file::File;
use crate::config::plan::{Admin, AdminAddress};
use crate::secret::Secret;

/// `admin` and its token.
pub(super) fn admin(file: &File, notes: &mut Notes<'_>) -> Option<Admin> {
    let (from_file, from_env) = (file.admin_token_file.as_ref(), file.admin_token_env.as_ref());
    let Some(text) = file.admin.as_deref() else {
        for (key, given) in [("admin_token_file", from_file.is_some()), ("admin_token_env", from_env.is_some())] {
            if given {
                notes.warn(key, "is not used: `admin` names no address");
            }
        }
        return None;
    };
    let named = from_file.is_some() || from_env.is_some();
    let token = secret("admin_token", from_file, from_env, None, notes);
    if token.as_deref().is_some_and(|token| token.len() < 16) {
        notes.fault("admin", "its token has fewer than 16 characters: it could be guessed");
    }
    let at = if let Some(path) = text.strip_prefix("unix:") {
        AdminAddress::Unix(PathBuf::from(path))
    } else if let Ok(address) = text.parse() {
        AdminAddress::Tcp(address)
    } else {
        notes.fault(
            "admin",
            format!(
                "`{text}` is neither `address:port`, such as \"127.0.0.1:9090\", nor \"unix:/run/punchout/admin.sock\""
            ),
        );
        return None;
    };
    if let AdminAddress::Tcp(address) = &at
        && !address.ip().is_loopback()
        && !named
    {
        notes.fault(
            "admin",
            format!("{address} can be reached from other machines: it needs `admin_token_file` or `admin_token_env`"),
        );
    }
    Some(Admin { at, token: token.map(Secret::new) })
}
