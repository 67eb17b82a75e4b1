//! The frame or window that the returned cart is loaded into.

use std::fmt;

/// A validated form target: `_top`, `_parent`, `_self`, `_blank`, or a frame name of at most 64 characters made of a
/// letter and then letters, digits, `_`, `.`, `-`. Anything else could change what the attribute means.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Target(String);

impl Target {
    /// What the text says, if it is a target.
    pub fn parse(text: &str) -> Option<Target> {
        let keyword = ["_top", "_parent", "_self", "_blank"].into_iter().find(|word| word.eq_ignore_ascii_case(text));
        if let Some(keyword) = keyword {
            return Some(Target(keyword.to_owned()));
        }
        let name = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        name.then(|| Target(text.to_owned()))
    }

    /// The target of one hand-over: the buyer's override, what the entry asked for, or `_top`.
    pub fn choose(buyer: Option<&Target>, entry: Option<&Target>) -> Target {
        buyer.or(entry).cloned().unwrap_or_default()
    }

    /// As it stands in the attribute.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Target {
    fn default() -> Self {
        Target("_top".to_owned())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keywords_and_plain_names_are_targets() {
        for good in ["_top", "_parent", "_self", "_blank", "content", "Frame-2.main_x", &"a".repeat(64)] {
            assert_eq!(Target::parse(good).expect(good).as_str(), good);
        }
        assert_eq!(Target::parse("_TOP").unwrap().as_str(), "_top");
        for bad in ["", "_", "_new", "1frame", "a b", "a\"onsubmit", "frame\n", "må", &"a".repeat(65)] {
            assert_eq!(Target::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_buyer_is_asked_before_the_entry() {
        let (buyer, entry) = (Target::parse("_self"), Target::parse("content"));
        assert_eq!(Target::choose(buyer.as_ref(), entry.as_ref()).as_str(), "_self");
        assert_eq!(Target::choose(None, entry.as_ref()).as_str(), "content");
        assert_eq!(Target::choose(None, None).as_str(), "_top");
    }
}
