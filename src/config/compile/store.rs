//! Where several sidecars keep their sessions.

use url::Url;

use super::{Notes, secret};
use crate::config::file::SessionFile;
use crate::config::plan::StoreAddress;
use crate::secret::Secret;

/// Characters of a key that nobody guesses.
const KEY: usize = 32;

/// `session.store`, with its secrets; `None` for this process's memory.
pub(super) fn store(file: &SessionFile, notes: &mut Notes<'_>) -> Option<StoreAddress> {
    let Some(url) = &file.store else {
        for (key, given) in [
            ("store_password_file", file.store_password_file.is_some()),
            ("store_password_env", file.store_password_env.is_some()),
            ("store_key_file", file.store_key_file.is_some()),
            ("store_key_env", file.store_key_env.is_some()),
            ("store_ca_file", file.store_ca_file.is_some()),
        ] {
            if given {
                notes.warn(format!("session.{key}"), "is not used: `session.store` names no store");
            }
        }
        return None;
    };
    check_url(url, file.store_ca_file.is_some(), notes);
    let (from_file, from_env) = (file.store_password_file.as_ref(), file.store_password_env.as_ref());
    let password = secret("session.store_password", from_file, from_env, None, notes);
    let (from_file, from_env) = (file.store_key_file.as_ref(), file.store_key_env.as_ref());
    if from_file.is_none() && from_env.is_none() {
        notes.fault(
            "session.store",
            "needs `store_key_file` or `store_key_env`, the same for all sidecars: what is in the store is encrypted by it",
        );
    }
    let key = secret("session.store_key", from_file, from_env, None, notes);
    if key.as_deref().is_some_and(|key| key.len() < KEY) {
        notes.fault(
            "session.store",
            format!("its key has fewer than {KEY} characters: `openssl rand -hex 32` makes one that nobody guesses"),
        );
    }
    let ca = file.store_ca_file.as_ref().and_then(|path| {
        let path = notes.folder.join(path);
        let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
        notes.take("session.store_ca_file", text)
    });
    Some(StoreAddress { url: url.clone(), password: password.map(Secret::new), key: Secret::new(key?), ca })
}

fn check_url(text: &str, has_ca: bool, notes: &mut Notes<'_>) {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "redis" | "rediss") && url.has_host());
    let Some(url) = url else {
        notes.fault("session.store", "is neither `redis://host:6379/0` nor `rediss://host:6379/0`");
        return;
    };
    if url.password().is_some() {
        notes.fault(
            "session.store",
            "has a password in its address: `store_password_file` or `store_password_env` keep it out",
        );
    }
    let database = url.path().trim_start_matches('/');
    if !(database.is_empty() || database.parse::<u16>().is_ok()) || url.query().is_some() || url.fragment().is_some() {
        notes.fault("session.store", "ends in something else than the number of a database, such as `/0`");
    }
    if has_ca && url.scheme() == "redis" {
        notes.fault("session.store_ca_file", "is not used: only a `rediss://` store is spoken to in TLS");
    }
}
