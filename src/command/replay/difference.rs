//! What of a cart is not as it was recorded.

use std::fmt;

use serde::Serialize;

use crate::observe::record::{Line, Outcome};

/// A cart as a whole and its lines.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s>(pub(super) &'s Outcome, pub(super) &'s [Line]);

/// One thing that is different. Lines are counted as they are now; those that are lost, as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(super) enum Difference {
    /// A line that was not there.
    LineNew { line: usize, name: String },
    /// A line that is not there any more.
    LineLost { line: usize, name: String },
    /// What is read for a line.
    Value(Change),
    /// What would be sent for a line.
    Field(Change),
    /// What would be sent once.
    Header(Change),
    /// A finding that was not there.
    FindingNew { finding: String },
    /// A finding that is not there any more.
    FindingGone { finding: String },
    /// The cart as a whole: whether it may leave, its form.
    Cart(Change),
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    name: String,
    was: Option<String>,
    is: Option<String>,
}

impl Difference {
    /// The field, where it is about one of a line.
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Difference::Field(change) => Some(&change.name),
            _ => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::LineNew { line, name } => write!(f, "line {line} is new: {name}"),
            Difference::LineLost { line, name } => write!(f, "line {line} is lost: {name}"),
            Difference::Value(change) => change.write(f, ""),
            Difference::Field(change) => change.write(f, "NEW_ITEM-"),
            Difference::Header(change) | Difference::Cart(change) => change.write(f, ""),
            Difference::FindingNew { finding } => write!(f, "finding is new: {finding}"),
            Difference::FindingGone { finding } => write!(f, "finding is gone: {finding}"),
        }
    }
}

impl Change {
    fn write(&self, f: &mut fmt::Formatter<'_>, prefix: &str) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line} ")?;
        }
        write!(f, "{prefix}{} ", self.name)?;
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => write!(f, "was {was:?}, is {is:?}"),
            (Some(was), None) => write!(f, "was {was:?}, is gone"),
            (None, Some(is)) => write!(f, "is new, {is:?}"),
            (None, None) => Ok(()),
        }
    }
}

/// All that is different: lines, then findings, then the cart as a whole.
pub(super) fn between(Seen(was, old): Seen<'_>, Seen(is, new): Seen<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    for pair in paired(old, new) {
        match pair {
            (Some(from), Some(to)) => {
                let line = Some(to + 1);
                changes(&old[from].read, &new[to].read, line, Difference::Value, &mut differences);
                changes(&old[from].fields, &new[to].fields, line, Difference::Field, &mut differences);
            }
            (Some(from), None) => differences.push(Difference::LineLost { line: from + 1, name: name(&old[from]) }),
            (None, Some(to)) => differences.push(Difference::LineNew { line: to + 1, name: name(&new[to]) }),
            (None, None) => {}
        }
    }
    changes(&was.header, &is.header, None, Difference::Header, &mut differences);
    let (mut gone, mut came) = (was.findings.clone(), is.findings.clone());
    came.retain(|finding| match gone.iter().position(|one| one == finding) {
        Some(at) => {
            gone.remove(at);
            false
        }
        None => true,
    });
    differences.extend(gone.into_iter().map(|finding| Difference::FindingGone { finding }));
    differences.extend(came.into_iter().map(|finding| Difference::FindingNew { finding }));
    changes(&whole(was), &whole(is), None, Difference::Cart, &mut differences);
    differences
}

fn whole(outcome: &Outcome) -> Vec<(String, String)> {
    let told = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let pairs = [
        ("cart is empty", told(outcome.empty)),
        ("cart may leave", told(outcome.may_leave)),
        ("form's charset", outcome.form_charset.clone()),
        ("form's target", outcome.form_target.clone()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn changes(
    old: &[(String, String)],
    new: &[(String, String)],
    line: Option<usize>,
    kind: fn(Change) -> Difference,
    differences: &mut Vec<Difference>,
) {
    let value = |pairs: &[(String, String)], name: &str| {
        pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    for (name, was) in old {
        let is = value(new, name);
        if is.as_ref() != Some(was) {
            differences.push(kind(Change { line, name: name.clone(), was: Some(was.clone()), is }));
        }
    }
    for (name, is) in new.iter().filter(|(name, _)| value(old, name).is_none()) {
        differences.push(kind(Change { line, name: name.clone(), was: None, is: Some(is.clone()) }));
    }
}

fn name(line: &Line) -> String {
    line.read.iter().find(|(name, _)| name == "name").map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Which line was which: by place where there are as many, else the longest row of lines with the same item number, or the
/// same name. Where rules find no line again at all, by place.
fn paired(old: &[Line], new: &[Line]) -> Vec<(Option<usize>, Option<usize>)> {
    let by_place = || {
        let place = |number: usize, lines: &[Line]| (number < lines.len()).then_some(number);
        (0..old.len().max(new.len())).map(|number| (place(number, old), place(number, new))).collect()
    };
    if old.len() == new.len() {
        return by_place();
    }
    let key = |line: &Line| {
        line.read.iter().find(|(name, _)| name == "sku").map_or_else(|| name(line), |(_, sku)| sku.clone())
    };
    let (olds, news): (Vec<_>, Vec<_>) = (old.iter().map(key).collect(), new.iter().map(key).collect());
    // longest[i][j]: of old[i..] and new[j..].
    let mut longest = vec![vec![0_usize; news.len() + 1]; olds.len() + 1];
    for i in (0..olds.len()).rev() {
        for j in (0..news.len()).rev() {
            longest[i][j] =
                if olds[i] == news[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    if longest[0][0] == 0 {
        return by_place();
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < olds.len() || j < news.len() {
        if i < olds.len() && j < news.len() && olds[i] == news[j] {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if j == news.len() || (i < olds.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            pairs.push((Some(i), None));
            i += 1;
        } else {
            pairs.push((None, Some(j)));
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, price: &str) -> Line {
        let pairs = |values: &[(&str, &str)]| {
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        Line { read: pairs(&[("name", sku), ("sku", sku)]), fields: pairs(&[("PRICE", price), ("VENDORMAT", sku)]) }
    }

    fn told(old: &[Line], new: &[Line]) -> Vec<String> {
        let outcome = Outcome::default();
        between(Seen(&outcome, old), Seen(&outcome, new)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_that_is_lost_moves_no_other() {
        let (old, new) = (["A", "B", "C"].map(|sku| line(sku, "1")), ["A", "C"].map(|sku| line(sku, "1")));
        assert_eq!(told(&old, &new), ["line 2 is lost: B"]);
        assert_eq!(told(&new, &old), ["line 2 is new: B"]);
        assert_eq!(told(&old, &old), [""; 0]);
        assert_eq!(told(&old, &[]), ["line 1 is lost: A", "line 2 is lost: B", "line 3 is lost: C"]);
        let mut dearer = new.clone();
        dearer[1] = line("C", "2");
        assert_eq!(told(&old, &dearer), ["line 2 is lost: B", "line 2 NEW_ITEM-PRICE was \"1\", is \"2\""]);
    }

    #[test]
    fn findings_and_the_cart_as_a_whole_are_compared() {
        let of = |findings: &[&str], may_leave| Outcome {
            findings: findings.iter().map(|text| (*text).to_owned()).collect(),
            may_leave,
            ..Outcome::default()
        };
        let (was, is) = (of(&["info A", "info B", "info B"], true), of(&["info B", "error C"], false));
        let told: Vec<_> = between(Seen(&was, &[]), Seen(&is, &[])).iter().map(ToString::to_string).collect();
        let expected = [
            "finding is gone: info A",
            "finding is gone: info B",
            "finding is new: error C",
            "cart may leave was \"yes\", is \"no\"",
        ];
        assert_eq!(told, expected);
    }
}
