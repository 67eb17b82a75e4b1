//! `buyer.accounts`: how a session gets its account at the shop.

use regex::Regex;

use super::{Notes, secret};
use crate::config::file::{AccountFile, AccountsFile, BuyerFile, Strategy, StrategyFile};
use crate::config::plan::Accounts;
use crate::secret::Secret;
use crate::shop::{Account, Template};

/// Whether the shop judges this buyer's credentials.
pub(super) fn passes_through(buyer: &BuyerFile) -> bool {
    strategy(&buyer.accounts) == Some(Strategy::Passthrough)
}

/// Whether this buyer's sessions sign in.
pub(super) fn signs_in(buyer: &BuyerFile) -> bool {
    strategy(&buyer.accounts) != Some(Strategy::Guest)
}

/// Whether this buyer's accounts keep their carts from one session to the next.
pub(super) fn keeps_carts(buyer: &BuyerFile) -> bool {
    matches!(strategy(&buyer.accounts), Some(Strategy::Pool | Strategy::PerUser))
}

fn strategy(accounts: &AccountsFile) -> Option<Strategy> {
    match accounts {
        AccountsFile::Strategy(file) => Some(file.strategy),
        AccountsFile::List(_) => Some(Strategy::Pool),
        AccountsFile::None => None,
    }
}

pub(super) fn accounts(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) -> Option<Accounts> {
    let file = match &buyer.accounts {
        AccountsFile::List(list) => return pool(list, key, key, notes),
        AccountsFile::Strategy(file) => file,
        AccountsFile::None => {
            notes.fault(key, "is missing: the buyer's login at the shop, or { strategy = \"guest\" }");
            return None;
        }
    };
    only_what_is_used(file, key, notes);
    match file.strategy {
        Strategy::Pool => pool(&file.list, key, &format!("{key}.list"), notes),
        Strategy::Shared => account(&of_table(file), key, notes).map(Accounts::Shared),
        Strategy::PerUser => per_user(file, key, notes),
        Strategy::Passthrough => Some(Accounts::Passthrough),
        Strategy::Guest => Some(Accounts::Guest),
    }
}

/// A key that has no meaning for a strategy is a misunderstanding.
fn only_what_is_used(file: &StrategyFile, key: &str, notes: &mut Notes<'_>) {
    let one = matches!(file.strategy, Strategy::Shared | Strategy::PerUser);
    let password = file.password_file.is_some() || file.password_env.is_some() || file.password.is_some();
    for (name, given, used) in [
        ("list", !file.list.is_empty(), file.strategy == Strategy::Pool),
        ("username", file.username.is_some(), one),
        ("password", password, one),
    ] {
        if given && !used {
            notes.fault(key, format!("has `{name}`, which this strategy does not use"));
        }
    }
}

fn pool(list: &[AccountFile], key: &str, list_key: &str, notes: &mut Notes<'_>) -> Option<Accounts> {
    if list.is_empty() {
        notes.fault(key, "is empty: a pool needs at least one login at the shop");
    }
    let mut accounts: Vec<Account> = Vec::new();
    for (n, file) in list.iter().enumerate() {
        let key = format!("{list_key}[{n}]");
        let Some(account) = account(file, &key, notes) else { continue };
        if accounts.iter().any(|known| known.key() == account.key()) {
            notes.fault(key, format!("`{}` stands in the list twice", account.username));
        }
        accounts.push(account);
    }
    (accounts.len() == list.len() && !list.is_empty()).then_some(Accounts::Pool(accounts))
}

fn of_table(file: &StrategyFile) -> AccountFile {
    AccountFile {
        username: file.username.clone(),
        password_file: file.password_file.clone(),
        password_env: file.password_env.clone(),
        password: file.password.clone(),
    }
}

fn account(account: &AccountFile, key: &str, notes: &mut Notes<'_>) -> Option<Account> {
    let username = notes.need(&format!("{key}.username"), account.username.as_ref(), "the login at the shop");
    let (from_file, from_env) = (account.password_file.as_ref(), account.password_env.as_ref());
    if from_file.is_none() && from_env.is_none() && account.password.is_none() {
        notes.fault(key, "has no password: `password_file` or `password_env`");
    }
    let password = secret(&format!("{key}.password"), from_file, from_env, account.password.as_ref(), notes)?;
    Some(Account { username: username?.to_owned(), password: Secret::new(password) })
}

fn per_user(file: &StrategyFile, key: &str, notes: &mut Notes<'_>) -> Option<Accounts> {
    let Account { username, password } = account(&of_table(file), key, notes)?;
    let rule = rule(&username);
    let username = notes.take(&format!("{key}.username"), rule)?;
    if !username.has_words() {
        let message =
            "is the same for everybody: write a parameter in it, such as `{parameter.email}`, or use `shared`";
        notes.fault(format!("{key}.username"), message);
        return None;
    }
    // The reason could quote a piece of the password.
    let wrong = |_| "holds a brace that is neither `{parameter.NAME}` nor doubled";
    let password = notes.take(&format!("{key}.password"), self::rule(password.expose()).map_err(wrong))?;
    Some(Accounts::PerUser { username, password })
}

/// A text in which a catalog call's parameters may stand, as `{parameter.NAME}`.
fn rule(text: &str) -> Result<Template, String> {
    let parameter = Regex::new(r"\{(parameter\.[^{}]+)\}").expect("a constant pattern that a test compiles");
    let mut words: Vec<&str> =
        parameter.captures_iter(text).filter_map(|found| found.get(1)).map(|it| it.as_str()).collect();
    // What an error tells that there is.
    words.push("parameter.NAME");
    Template::parse(text, &words)
}
