//! Shops that draw their pages again in the browser (React, Vue ...): what keeps our part of a page there, and takes the
//! clicks on their checkout controls. `hydrated.js` says how.
//!
//! It is an addition to what is written into the page: without script that works alone. And it protects nothing: denied
//! addresses are denied on the server.

use super::controls::{Leave, attribute};

/// The script, as it is served.
pub const SCRIPT: &str = include_str!("hydrated.js");

/// What the script is told of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hydrated {
    /// A JSON list of selectors, as the value of an attribute.
    controls: String,
    hide: String,
}

impl Hydrated {
    /// For the selectors of checkout controls, and of what buyers are not to see.
    pub fn new<C: AsRef<str>, H: AsRef<str>>(controls: &[C], hide: &[H]) -> Self {
        Hydrated { controls: list(controls), hide: list(hide) }
    }

    /// The element that runs the script. It stands behind all else of ours, so that it finds that. `prefix` is that of our
    /// own pages, and [`Leave::way`] is [`Lead`](super::controls::Way::Lead): a cart that scripts change is read anew.
    pub fn element(&self, prefix: &str, nonce: &str, leave: &Leave) -> String {
        let (controls, hide, back) = (&self.controls, &self.hide, attribute(&leave.url));
        let target = attribute(leave.target.as_deref().unwrap_or("_self"));
        format!(
            "<script id=\"punchout-hydrated\" src=\"{prefix}hydrated.js\" nonce=\"{nonce}\" data-controls=\"{controls}\" \
             data-hide=\"{hide}\" data-back=\"{back}\" data-target=\"{target}\"></script>\n"
        )
    }
}

fn list<S: AsRef<str>>(selectors: &[S]) -> String {
    let list: serde_json::Value = selectors.iter().map(AsRef::as_ref).collect();
    attribute(&list.to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::controls::Way;

    #[test]
    fn a_selector_stays_what_it_is_in_an_attribute() {
        let selectors = ["a[href=\"/checkout\"] > b", "x[y='&lt;\\\\']"];
        let hydrated = Hydrated::new(&selectors, &[""; 0]);
        let leave = Leave {
            way: Way::Lead,
            url: "/_p/return".into(),
            form: String::new(),
            target: Some("_top".into()),
            label: None,
        };
        let element = hydrated.element("/_p/", "abc", &leave);
        let value = |name: &str| {
            let value = element.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
            htmlize::unescape_attribute(value).into_owned()
        };
        assert_eq!(serde_json::from_str::<Vec<String>>(&value("data-controls")).unwrap(), selectors);
        assert_eq!(value("data-hide"), "[]");
        assert_eq!((value("src"), value("nonce")), ("/_p/hydrated.js".into(), "abc".into()));
        assert_eq!((value("data-back"), value("data-target")), ("/_p/return".into(), "_top".into()));
    }
}
