//! The catalog call that starts a punchout, parsed.

use std::fmt;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;

use super::charset::Charset;
pub use super::names::EntryNames;
pub use super::parameters::{HookShape, MAX_BYTES, MAX_PARAMETERS, Parameters};
use super::target::Target;
pub use crate::secret::Secret;

/// A catalog call: what a buyer's system tells the shop when its user opens the catalogue.
///
/// Nothing in it is verified: whether the buyer exists, the password is right and the hook is allowed is asked later.
/// `Debug` shows neither passwords nor HOOK_URL nor any value that a person or a session can be told from.
///
/// Written down (in a store that sidecars share) it is without its secrets.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// HOOK_URL, decoded once and otherwise as it came; see [`super::hook::Hook::parse`]. DETAIL and VALIDATE may lack it.
    pub hook: Option<String>,
    /// How HOOK_URL was written, for the log.
    pub hook_shape: HookShape,
    /// The login. VALIDATE may come without one (S/4HANA).
    pub username: Option<String>,
    /// The login's password.
    #[serde(skip)]
    pub password: Option<Secret>,
    /// What some connectors send instead.
    #[serde(skip)]
    pub token: Option<Secret>,
    /// What is asked for.
    pub function: Function,
    /// Where the cart is to be loaded: `returntarget`, else `~TARGET`, where it is a target at all.
    pub target: Option<Target>,
    /// Control fields to send back, as they were spelled.
    pub echo: Vec<(String, String)>,
    /// The charset that the returning form is to have.
    pub charset: Option<Charset>,
    /// The language the buyer wishes: two or three lower-case letters of ISO 639, Norwegian as `nb`.
    pub language: Option<String>,
    /// Where "cancel" goes. A URL from outside: to be checked like a hook.
    pub cancel: Option<String>,
    /// The EXT_PRODUCT_ID of an earlier cart.
    pub product: Option<String>,
    /// How many of it; above zero.
    pub quantity: Option<Decimal>,
    /// What to search for; may be empty, and then finds nothing.
    pub search: Option<String>,
    /// The SAP partner number that may come with SOURCING.
    pub vendor: Option<String>,
    /// Everything that came, for mappings, but for hook, cancel and secrets. IFS sends `NEW_ITEM-VENDOR` here and wants
    /// it back on every line.
    pub parameters: Parameters,
}

/// What a catalog call asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Function {
    /// No FUNCTION: the user shops, and the cart goes back at checkout.
    #[default]
    Shop,
    /// The page of one product.
    Detail,
    /// One product's data, now.
    Validate,
    /// The shop's search result, to shop on from.
    Sourcing,
    /// All hits of a search as one NEW_ITEM form, for a server.
    BackgroundSearch,
    /// The catalogue as JSON (OCI 5.0).
    DownloadJson,
    /// Availability of one product (OCI 5.0).
    QuantityCheck,
    /// Something else, cut to 40 characters.
    Other(String),
}

impl Function {
    /// Whether the buyer's server asks for it, and no user's browser.
    pub fn is_servers(&self) -> bool {
        match self {
            Function::Validate | Function::BackgroundSearch | Function::DownloadJson | Function::QuantityCheck => true,
            Function::Shop | Function::Detail | Function::Sourcing | Function::Other(_) => false,
        }
    }
}

/// Why a catalog call cannot be served. The texts name parameters, never their values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A parameter that this function needs is absent or empty.
    #[error("the catalog call has no {0}")]
    Missing(String),
    /// A parameter is there but cannot be read.
    #[error("the catalog call's {name} is not {expected}")]
    Invalid {
        /// Which.
        name: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// More than [`MAX_BYTES`].
    #[error("the catalog call has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// More than [`MAX_PARAMETERS`].
    #[error("the catalog call has more than {MAX_PARAMETERS} parameters")]
    TooManyParameters,
    /// A body that is not a form.
    #[error("the catalog call's body is {0:?}, not a form")]
    ContentType(String),
    /// A form that cannot be read.
    #[error("the catalog call's body cannot be read: {0}")]
    Body(String),
}

impl Entry {
    /// Whether a query may be a catalog call: it names HOOK_URL and a credential. Asked of every visitor's request that
    /// has a query, so it allocates nothing.
    pub fn looks_like(query: &[u8], names: &EntryNames) -> bool {
        let (mut hook, mut credential) = (false, false);
        for (name, _) in super::parameters::pairs(query) {
            hook = hook || EntryNames::is_one_of(&names.hook, name);
            credential = credential || names.is_credential(name);
            if hook && credential {
                return true;
            }
        }
        false
    }

    /// What a session keeps of it: everything but password and token, which have done their work.
    pub fn without_secrets(self) -> Entry {
        Entry { password: None, token: None, ..self }
    }

    /// Reads a catalog call. `query` is what stands after `?`, as it came; `body` its content type and all its bytes.
    ///
    /// # Errors
    /// Too much of it, a body that is no form, or a parameter that its function needs and lacks.
    pub fn parse(query: Option<&[u8]>, body: Option<(&str, &[u8])>, names: &EntryNames) -> Result<Entry, EntryError> {
        let (parameters, shape) = Parameters::read(query, body, names)?;
        let text = |list: &[String]| parameters.first_of(list).map(|(_, value)| value.to_owned());
        let (hook, hook_shape) = text(&names.hook).map_or((None, shape), |hook| {
            let (hook, shape) = decode_again(hook, shape);
            (Some(hook), shape)
        });
        let target = |list: &[String]| text(list).and_then(|value| Target::parse(value.trim()));
        let echo = names.echo.iter().filter_map(|name| parameters.first_of(std::slice::from_ref(name)));
        let echo = echo.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let entry = Entry {
            hook,
            hook_shape,
            username: text(&names.username),
            password: text(&names.password).map(Secret::new),
            token: text(&names.token).map(Secret::new),
            function: text(&names.function).map_or(Function::Shop, |value| Function::parse(&value)),
            target: target(&names.return_target).or_else(|| target(&names.target)),
            echo,
            charset: text(&names.charset).and_then(|value| Charset::parse(&value)),
            language: names.language.iter().filter_map(|name| parameters.get(name)).find_map(language),
            cancel: text(&names.cancel),
            product: product(parameters.first_of(&names.product))?,
            quantity: quantity(parameters.first_of(&names.quantity))?,
            search: names.search.iter().find_map(|name| parameters.get(name)).map(str::to_owned),
            vendor: text(&names.vendor),
            parameters: parameters.without(&[&names.hook, &names.password, &names.token, &names.cancel]),
        };
        entry.complete(names)
    }

    /// The entry, if it has what its function needs.
    fn complete(self, names: &EntryNames) -> Result<Entry, EntryError> {
        let need = |present: bool, list: &[String]| {
            let name = || list.first().cloned().unwrap_or_default();
            if present { Ok(()) } else { Err(EntryError::Missing(name())) }
        };
        use Function::*;
        if matches!(self.function, Shop | Sourcing | BackgroundSearch | Other(_)) {
            need(self.hook.is_some(), &names.hook)?;
        }
        if self.function != Validate {
            need(self.username.is_some() || self.token.is_some(), &names.username)?;
        }
        if matches!(self.function, Detail | Validate) {
            need(self.product.is_some(), &names.product)?;
        }
        Ok(self)
    }
}

impl Function {
    /// The function of a FUNCTION parameter, in any case.
    pub fn parse(text: &str) -> Function {
        match text.trim().to_ascii_uppercase().as_str() {
            "" => Function::Shop,
            "DETAIL" => Function::Detail,
            "VALIDATE" => Function::Validate,
            "SOURCING" => Function::Sourcing,
            "BACKGROUND_SEARCH" => Function::BackgroundSearch,
            "DOWNLOADJSON" => Function::DownloadJson,
            "QUANTITYCHECK" => Function::QuantityCheck,
            other => Function::Other(other.chars().take(40).collect()),
        }
    }

    /// As it is written in FUNCTION; empty for ordinary shopping.
    pub fn as_str(&self) -> &str {
        match self {
            Function::Shop => "",
            Function::Detail => "DETAIL",
            Function::Validate => "VALIDATE",
            Function::Sourcing => "SOURCING",
            Function::BackgroundSearch => "BACKGROUND_SEARCH",
            Function::DownloadJson => "DOWNLOADJSON",
            Function::QuantityCheck => "QUANTITYCHECK",
            Function::Other(text) => text,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hook = self.hook.as_deref().map(|text| match super::hook::Hook::parse(text) {
            Ok(hook) => hook.to_string(),
            Err(refusal) => refusal.to_string(),
        });
        f.debug_struct("Entry")
            .field("function", &self.function)
            .field("hook", &hook)
            .field("hook_shape", &self.hook_shape)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("token", &self.token)
            .field("target", &self.target)
            .field("charset", &self.charset)
            .field("language", &self.language)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// A value that still starts with an encoded scheme was encoded twice.
fn decode_again(hook: String, shape: HookShape) -> (String, HookShape) {
    let start: String = hook.chars().take(16).collect::<String>().to_ascii_lowercase();
    if ["https%3a", "http%3a", "sapevent%3a"].iter().any(|scheme| start.starts_with(scheme)) {
        let bytes: Vec<u8> = percent_decode_str(&hook).collect();
        return (Charset::guess(&bytes), HookShape::DoubleEncoded);
    }
    (hook, shape)
}

/// A step up in an address leads to another page than a product's.
fn product(found: Option<(&str, &str)>) -> Result<Option<String>, EntryError> {
    let Some((name, value)) = found else { return Ok(None) };
    match value.trim() {
        "." | ".." => Err(EntryError::Invalid { name: name.to_owned(), expected: "the number of a product" }),
        _ => Ok(Some(value.to_owned())),
    }
}

fn quantity(found: Option<(&str, &str)>) -> Result<Option<Decimal>, EntryError> {
    let Some((name, value)) = found else { return Ok(None) };
    match value.trim().parse::<Decimal>() {
        Ok(quantity) if quantity > Decimal::ZERO => Ok(Some(quantity)),
        _ => Err(EntryError::Invalid { name: name.to_owned(), expected: "a number above zero, with a dot" }),
    }
}

/// `EN`, `en_US`, `nb-NO`, or one of SAP's single letters.
fn language(text: &str) -> Option<String> {
    let letters: String = text.trim().chars().take_while(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    let language = match letters.as_str() {
        // SAP's own table has N for Dutch and O for Norwegian; buyers' manuals in the North have N for Norwegian.
        "n" | "o" | "no" => "nb",
        "d" => "de",
        "e" => "en",
        "v" => "sv",
        "k" => "da",
        "u" => "fi",
        "f" => "fr",
        other if (2..=3).contains(&other.len()) => other,
        _ => return None,
    };
    Some(language.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(query: &str) -> Entry {
        Entry::parse(Some(query.as_bytes()), None, &EntryNames::default()).expect(query)
    }

    fn refusal(query: &str) -> EntryError {
        Entry::parse(Some(query.as_bytes()), None, &EntryNames::default()).expect_err(query)
    }

    #[test]
    fn what_each_function_needs() {
        let missing = |name: &str| EntryError::Missing(name.to_owned());
        assert_eq!(refusal("USERNAME=a"), missing("HOOK_URL"));
        assert_eq!(refusal("HOOK_URL=&USERNAME=a"), missing("HOOK_URL"));
        assert_eq!(refusal("HOOK_URL=https://a.example/"), missing("USERNAME"));
        assert_eq!(refusal("FUNCTION=DETAIL&USERNAME=a"), missing("PRODUCTID"));
        assert_eq!(refusal("FUNCTION=SOURCING&USERNAME=a"), missing("HOOK_URL"));
        assert_eq!(entry("FUNCTION=validate&PRODUCTID=7&QUANTITY=2.5").quantity, Some(Decimal::new(25, 1)));
        assert_eq!(entry("FUNCTION=DETAIL&PRODUCTID=7&USERNAME=a").hook, None);
        let wrong = refusal("FUNCTION=VALIDATE&PRODUCTID=7&QUANTITY=2,5");
        assert!(wrong.to_string().contains("QUANTITY"), "{wrong}");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let entry = entry(
            "HOOK_URL=https%3A%2F%2Fa.example%2Fx%3Ftok%3Dgeheim&USERNAME=acme&PASSWORD=geheim&TOKEN=geheim\
             &OCICANCEL=https%3A%2F%2Fa.example%2F%3Fgeheim&COSTCENTER=geheim",
        );
        assert!(!format!("{entry:?}").contains("geheim"), "{entry:?}");
        assert!(format!("{entry:?}").contains("https://a.example/x"), "{entry:?}");
        for name in ["HOOK_URL", "password", "TOKEN", "OCICANCEL"] {
            assert_eq!(entry.parameters.get(name), None, "{name}");
        }
        assert_eq!(entry.parameters.get("costcenter"), Some("geheim"));
    }

    #[test]
    fn limits() {
        let names = EntryNames::default();
        let long = format!("HOOK_URL=https://a.example/&USERNAME={}", "a".repeat(MAX_BYTES));
        assert!(matches!(Entry::parse(Some(long.as_bytes()), None, &names), Err(EntryError::TooLarge(_))));
        let many: String = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1&")).collect();
        assert_eq!(refusal(&many), EntryError::TooManyParameters);
    }

    #[test]
    fn the_cheap_test_wants_a_hook_and_a_credential() {
        let names = EntryNames::default();
        for query in
            ["HOOK_URL=x&USERNAME=y", "a=1&&password=&hookurl=x", "%48OOK_URL=1&~username=2", "token=1&hook_url"]
        {
            assert!(Entry::looks_like(query.as_bytes(), &names), "{query}");
        }
        for query in ["", "&", "HOOK_URL=x", "USERNAME=y&PASSWORD=z", "FUNCTION=VALIDATE", "q=HOOK_URL&USERNAME=y"] {
            assert!(!Entry::looks_like(query.as_bytes(), &names), "{query}");
        }
    }

    #[test]
    fn languages() {
        for (text, language) in
            [("EN", "en"), ("N", "nb"), ("no_NO", "nb"), ("nn-NO", "nn"), ("D", "de"), (" sv ", "sv")]
        {
            let entry = entry(&format!("HOOK_URL=https://a.example/&USERNAME=a&sap-language={text}"));
            assert_eq!(entry.language.as_deref(), Some(language), "{text}");
        }
        assert_eq!(entry("HOOK_URL=https://a.example/&USERNAME=a&LANGUAGE=1").language, None);
    }

    #[test]
    fn a_multipart_body_that_breaks_off_is_an_error() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"USERNAME\"\r\n\r\nac";
        let result = Entry::parse(None, Some(("multipart/form-data; boundary=b", body)), &EntryNames::default());
        assert!(matches!(result, Err(EntryError::Body(_))), "{result:?}");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(query in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let names = EntryNames::default();
            for content_type in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"] {
                let _ = Entry::parse(Some(&query), Some((content_type, &body)), &names);
            }
            let prefixed = [&b"HOOK_URL=https://a.example/?"[..], &query].concat();
            let _ = Entry::parse(Some(&prefixed), None, &names);
            Entry::looks_like(&query, &names);
        }

        /// What an encoder wrote is read back, whatever the values hold.
        #[test]
        fn encoded_values_come_back(hook in "[ -~æøå]{1,40}", user in "[ -~æøå€]{1,20}", other in any::<String>()) {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("HOOK_URL", &hook).append_pair("USERNAME", &user).append_pair("x", &other).finish();
            let entry = Entry::parse(Some(query.as_bytes()), None, &EntryNames::default()).unwrap();
            if !hook.to_ascii_lowercase().contains("%3a") {
                prop_assert_eq!(entry.hook.as_deref(), Some(hook.as_str()));
            }
            prop_assert_eq!(entry.username.as_deref(), Some(user.as_str()));
            prop_assert_eq!(entry.parameters.get("x"), Some(other.as_str()));
            prop_assert!(Entry::looks_like(query.as_bytes(), &EntryNames::default()));
        }
    }
}
