//! `proxy.toml` for a shop that was surveyed: commented, and without a secret.

use std::fmt::Write;
use std::path::PathBuf;

use super::journey::Draft;
use super::keys::{list, quoted};

/// What the file says beside the shop's own rules.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where an editor finds the schema of the file: a path or an address.
    pub schema: Option<String>,
    /// Where the proxy listens.
    pub listen: String,
    /// Where the shop is: scheme, host and port.
    pub origin: String,
    /// What visitors type, where the proxy stands beside the shop, and the shop's own name.
    pub beside: Option<(String, String)>,
    /// The page a session begins on.
    pub start: String,
    /// The customer's name.
    pub buyer: String,
    /// Limits and habits of its system.
    pub profile: Option<String>,
    /// The password of its catalog calls.
    pub password: SecretPlace,
    /// Where its carts may go.
    pub hooks: Vec<String>,
    /// Its login at the shop.
    pub account: String,
    /// And the password of that.
    pub account_password: SecretPlace,
    /// The unit where the shop names none.
    pub default_unit: String,
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In a file, named from the folder of `proxy.toml`.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

impl SecretPlace {
    fn key(&self) -> String {
        match self {
            SecretPlace::File(path) => format!("password_file = {}", quoted(&path.display().to_string())),
            SecretPlace::Env(name) => format!("password_env = {}", quoted(name)),
        }
    }
}

/// The whole file. Whether it is `proven` it says itself.
pub fn proxy_toml(draft: &Draft, setting: &Setting, proven: bool) -> String {
    let mut text = String::new();
    head(&mut text, setting, proven);
    shop(&mut text, draft, setting);
    buyer(&mut text, draft, setting);
    text
}

fn head(text: &mut String, setting: &Setting, proven: bool) {
    if let Some(schema) = &setting.schema {
        let _ = writeln!(text, "#:schema {schema}\n");
    }
    text.push_str(if proven {
        "# Made by `punchout-proxy init`, and proven by it: signed in, an article into the cart, the cart read by these rules.\n"
    } else {
        "# Made by `punchout-proxy init`, which could not prove it: no cart was read by these rules yet.\n"
    });
    text.push_str(
        "# Every key there is stands in the shipped proxy.toml. `punchout-proxy check` after each change.\n\n",
    );
    let _ = writeln!(text, "listen = {}", quoted(&setting.listen));
    if setting.hooks.is_empty() {
        text.push_str("admin = \"127.0.0.1:9090\"                # the console, where unknown hooks are shown\n");
    }
    if let Some((public, _)) = &setting.beside {
        text.push_str(
            "# The proxy stands beside the shop, under this name. To put it in front of the shop, under the shop's own name:\n\
             # take out `public` and `host`, and let the shop's name lead here.\n",
        );
        let _ = writeln!(text, "public = {}", quoted(public));
    }
}

fn shop(text: &mut String, draft: &Draft, setting: &Setting) {
    text.push_str("\n[shop]\n");
    let _ = writeln!(text, "origin = {}", quoted(&setting.origin));
    if let Some((_, host)) = &setting.beside {
        let _ = writeln!(text, "host = {}", quoted(host));
    }
    if let Some(preset) = &draft.preset {
        let _ = writeln!(text, "preset = {:<30} # all rules for this platform; keys here override it", quoted(preset));
    }
    if draft.preset.is_none() || setting.start != "/" {
        let _ = writeln!(text, "start = {:<31} # the page a session begins on", quoted(&setting.start));
    }
    for (table, why, keys) in [
        ("shop.sign_in", "How a person signs in.", &draft.sign_in),
        ("shop.cart", "Where the cart's values stand; those of a line are relative to it.", &draft.cart),
        ("shop.cart.clear", "How a cart is emptied, before a session and after it.", &draft.clear),
        ("shop.deny", "What is refused in a session: nothing may place an order.", &draft.deny),
    ] {
        if !keys.is_empty() {
            let _ = write!(text, "\n# {why}\n[{table}]\n{}", keys.toml());
        }
    }
}

fn buyer(text: &mut String, draft: &Draft, setting: &Setting) {
    let _ =
        writeln!(text, "\n[[buyer]]\nname = {:<32} # and what its system sends as USERNAME", quoted(&setting.buyer));
    if let Some(profile) = &setting.profile {
        let _ = writeln!(text, "profile = {}", quoted(profile));
    }
    let _ = writeln!(text, "{:<39} # what it sends as PASSWORD", setting.password.key());
    if setting.hooks.is_empty() {
        text.push_str(
            "# No address for its carts is known yet. Whatever its system sends as HOOK_URL is refused, and shown on the admin\n\
             # listener and in the log: list it here, and take `learn_hooks` out.\n\
             hooks = []\nlearn_hooks = true\n",
        );
    } else {
        let _ = writeln!(text, "hooks = {:<31} # nothing else may be HOOK_URL", list(&setting.hooks));
    }
    let (account, password) = (quoted(&setting.account), setting.account_password.key());
    let _ = writeln!(text, "accounts = [{{ username = {account}, {password} }}]");
    if draft.cart.get("unit").is_none() {
        let _ = writeln!(text, "default_unit = {:<24} # where the shop names none", quoted(&setting.default_unit));
    }
}
