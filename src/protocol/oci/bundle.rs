//! Bundles: lines that belong to another line, told to the buyer in ITEM_TYPE and PARENT_ID (OCI 4.01 and 5.0).
//!
//! | line | ITEM_TYPE | PARENT_ID |
//! |---|---|---|
//! | has parts | `R` | empty |
//! | is a part, with parts of its own or without | `O` | number of the line it belongs to |
//! | neither | empty | empty |

use std::collections::HashMap;

use serde::Deserialize;

use super::filled::Filled;
use super::filling::standard;
use crate::cart::Line;
use crate::finding::{Finding, Severity, code};

/// Which of a line's extra values tell bundles, by their names in `[shop.cart.extra]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundles {
    /// What the shop calls the line.
    pub line: String,
    /// What it calls the line that this one belongs to; nothing for a line that belongs to none.
    pub parent: String,
}

impl Bundles {
    /// Adds both fields to the filled lines, where they are not filled already. A part whose parent cannot be told is an
    /// error: sent without one it would be ordered by itself.
    pub(super) fn tell(&self, lines: &[Line], filled: &mut [Filled], findings: &mut Vec<Finding>) {
        let parents = self.parents(lines, findings);
        let is_parent = |at: usize| parents.contains(&Some(at));
        for (at, fields) in filled.iter_mut().enumerate() {
            let (kind, parent) = match parents.get(at).copied().flatten() {
                Some(parent) => ("O", (parent + 1).to_string()),
                None if is_parent(at) => ("R", String::new()),
                None => continue,
            };
            for (name, value) in [("ITEM_TYPE", kind), ("PARENT_ID", parent.as_str())] {
                let name = standard(name);
                if fields.get(&name).is_none_or(str::is_empty) {
                    fields.set(&name, value.to_owned());
                }
            }
        }
    }

    /// For each line the index of the one that it belongs to.
    fn parents(&self, lines: &[Line], findings: &mut Vec<Finding>) -> Vec<Option<usize>> {
        let mut error = |at: usize, detail: String| {
            findings.push(Finding::on_line(code::BUNDLE_BROKEN, Severity::Error, at + 1, detail));
        };
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            if let Some(id) = value(line, &self.line) {
                places.entry(id).or_default().push(at);
            }
        }
        let mut parents = vec![None; lines.len()];
        for (at, line) in lines.iter().enumerate() {
            let Some(id) = value(line, &self.parent) else { continue };
            match places.get(id).map(Vec::as_slice) {
                Some(&[parent]) => parents[at] = Some(parent),
                Some(several) => error(at, format!("belongs to `{id}`, which {} lines are called", several.len())),
                None => error(at, format!("belongs to `{id}`, and no line is called so")),
            }
        }
        for at in 0..lines.len() {
            if is_its_own(at, &parents) {
                error(at, "belongs to itself, by way of its own parts or at once".to_owned());
            }
        }
        parents
    }
}

fn value<'l>(line: &'l Line, name: &str) -> Option<&'l str> {
    let found = line.extra.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
    found.filter(|value| !value.is_empty())
}

/// Whether the way up from a line comes back to it; no way is longer than there are lines.
fn is_its_own(at: usize, parents: &[Option<usize>]) -> bool {
    let above = std::iter::successors(parents[at], |above| parents[*above]);
    above.take(parents.len()).any(|above| above == at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as `(name, parent)`, to what both fields say and how many findings there are.
    fn told(lines: &[(&str, &str)]) -> (Vec<(String, String)>, usize) {
        let of = |(id, parent): &(&str, &str)| {
            let extra = [("id", id), ("of", parent)].map(|(name, value)| (name.to_owned(), (*value).to_owned()));
            Line { extra: extra.to_vec(), ..Line::default() }
        };
        let lines: Vec<Line> = lines.iter().map(of).collect();
        let mut filled = vec![Filled::default(); lines.len()];
        let mut findings = Vec::new();
        let bundles = Bundles { line: "id".into(), parent: "of".into() };
        bundles.tell(&lines, &mut filled, &mut findings);
        assert!(findings.iter().all(|finding| finding.code == code::BUNDLE_BROKEN));
        let said = |fields: &Filled, name| fields.get(&standard(name)).unwrap_or_default().to_owned();
        (filled.iter().map(|line| (said(line, "ITEM_TYPE"), said(line, "PARENT_ID"))).collect(), findings.len())
    }

    #[test]
    fn parts_name_the_line_they_belong_to() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
        let (alone, kit, part) = (("", ""), ("R", ""), ("O", "2"));
        assert_eq!(told(&[("1", ""), ("2", ""), ("3", "2"), ("", "2")]), (pairs(&[alone, kit, part, part]), 0));
        // Parts before the whole, and a part with parts.
        assert_eq!(told(&[("b", "a"), ("a", ""), ("c", "b")]), (pairs(&[part, kit, ("O", "1")]), 0));
        assert_eq!(told(&[("1", ""), ("", "")]), (pairs(&[alone, alone]), 0));
    }

    #[test]
    fn a_part_without_a_whole_stays_here() {
        for (lines, findings) in [
            (vec![("1", "7")], 1),
            (vec![("1", "1")], 1),
            (vec![("1", "2"), ("2", "1"), ("3", "1")], 2),
            (vec![("1", ""), ("1", ""), ("2", "1")], 1),
        ] {
            assert_eq!(told(&lines).1, findings, "{lines:?}");
        }
    }
}
