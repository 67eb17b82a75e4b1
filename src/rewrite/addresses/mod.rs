//! Where addresses stand in an answer, for whoever must write others in their place.
//!
//! Only where a browser looks for one: in header fields ([`headers`]) and in a page's attributes ([`page`]). What a script
//! puts together is out of reach: addresses in scripts, JSON, style sheets and `data-*` attributes.

pub mod headers;
pub mod page;

/// Who says what an address becomes.
pub trait Mapping {
    /// What an address becomes; `None` where it stays as it is.
    fn address(&self, address: &str) -> Option<String>;

    /// The same for an address in markup, where any character may be written as a reference; what comes is markup too.
    fn in_markup(&self, raw: &str) -> Option<String>;

    /// The same for the `<base>` on which the page's relative addresses depend.
    fn base(&self, raw: &str) -> Option<String> {
        self.in_markup(raw)
    }
}
