//! The texts of one line, each from the first of its places that holds something.

use std::borrow::Cow;
use std::collections::HashMap;

use super::price::{DecimalSign, NumberFormat};
use super::raw::{RawLine, fold, keep_spaces};
use super::rules::{Fields, From, Part, Place, Spaces};

/// A value that was found, with the format its place asks for.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) numbers: Option<NumberFormat>,
    pub(super) cut: bool,
    pub(super) is_default: bool,
}

/// One line as texts.
#[derive(Debug)]
pub(super) struct Texts {
    key: Option<Found>,
    pub(super) name: Option<Found>,
    pub(super) options: Vec<Found>,
    pub(super) sku: Option<Found>,
    pub(super) quantity: Option<Found>,
    pub(super) price: Option<Found>,
    pub(super) total: Option<Found>,
    pub(super) discount: Option<Found>,
    pub(super) tax: Option<Found>,
    pub(super) currency: Option<Found>,
    pub(super) unit: Option<Found>,
    pub(super) link: Option<Found>,
    pub(super) extra: Vec<(String, Found)>,
    /// The same line as it is printed again.
    pub(super) twins: Vec<Texts>,
}

impl Texts {
    pub(super) fn of(fields: &Fields, line: &RawLine) -> Self {
        let find = |chain: &[Place]| chain.iter().find_map(|place| found_at(line, place));
        Texts {
            key: find(&fields.key),
            name: find(&fields.name),
            options: fields.options.iter().filter_map(|place| found_at(line, place)).collect(),
            sku: find(&fields.sku),
            quantity: find(&fields.quantity),
            price: find(&fields.price),
            total: find(&fields.total),
            discount: find(&fields.discount),
            tax: find(&fields.tax),
            currency: find(&fields.currency),
            unit: find(&fields.unit),
            link: find(&fields.link),
            extra: fields.extra.iter().filter_map(|(key, chain)| Some((key.clone(), find(chain)?))).collect(),
            twins: Vec::new(),
        }
    }

    /// Nothing of a line was there: defaults do not make a line of a header.
    pub(super) fn is_header(&self) -> bool {
        [&self.name, &self.quantity, &self.price, &self.total].into_iter().flatten().all(|found| found.is_default)
    }

    /// The same line, printed again: a narrow layout may show what the wide one leaves out.
    fn add_twin(&mut self, twin: Texts) {
        let fill = |mine: &mut Option<Found>, other: &Option<Found>| {
            if mine.as_ref().is_none_or(|found| found.is_default) && other.is_some() {
                mine.clone_from(other);
            }
        };
        fill(&mut self.name, &twin.name);
        fill(&mut self.sku, &twin.sku);
        fill(&mut self.quantity, &twin.quantity);
        fill(&mut self.price, &twin.price);
        fill(&mut self.total, &twin.total);
        fill(&mut self.discount, &twin.discount);
        fill(&mut self.tax, &twin.tax);
        fill(&mut self.currency, &twin.currency);
        fill(&mut self.unit, &twin.unit);
        fill(&mut self.link, &twin.link);
        if self.options.is_empty() {
            self.options.clone_from(&twin.options);
        }
        for (key, found) in &twin.extra {
            if !self.extra.iter().any(|(known, _)| known == key) {
                self.extra.push((key.clone(), found.clone()));
            }
        }
        self.twins.push(twin);
    }
}

/// Lines with the same key become one, at the place of the first. Lines without a key stay as they are.
pub(super) fn once_each(lines: Vec<Texts>) -> Vec<Texts> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Texts> = Vec::with_capacity(lines.len());
    for line in lines {
        let key = line.key.as_ref().filter(|found| !found.is_default).map(|found| found.text.clone());
        match key.as_ref().and_then(|key| known.get(key)) {
            Some(&at) => kept[at].add_twin(line),
            None => {
                known.extend(key.map(|key| (key, kept.len())));
                kept.push(line);
            }
        }
    }
    kept
}

fn found_at(line: &RawLine, place: &Place) -> Option<Found> {
    let found = match &place.from {
        From::Constant => None,
        From::First(read, part) => captured(line, place, *read, *part).next(),
        From::Every(read, part, with) => joined(place, captured(line, place, *read, *part), with),
        From::Join(places, with) => joined(place, places.iter().filter_map(|place| found_at(line, place)), with),
    };
    found.or_else(|| {
        let text = place.default.clone()?;
        Some(Found { text, numbers: place.numbers, cut: false, is_default: true })
    })
}

/// What the elements of one read say, in the order of the page.
fn captured(line: &RawLine, place: &Place, read: usize, part: Part) -> impl Iterator<Item = Found> {
    line.captures.iter().filter(move |capture| capture.read == read).filter_map(move |capture| {
        let (raw, cut, is_number) = match part {
            Part::Text if place.spaces == Spaces::Lines => {
                (capture.text.as_amount(), capture.text.was_cut(), capture.is_number)
            }
            Part::Text => (Cow::Borrowed(capture.text.as_str()), capture.text.was_cut(), capture.is_number),
            Part::Attribute(index) => {
                (Cow::Borrowed(capture.attributes[index].as_deref()?), false, capture.number_attribute == Some(index))
            }
        };
        let text = picked(place, &spaced(place, &raw))?;
        let numbers = if is_number { Some(NumberFormat::Known(DecimalSign::Point)) } else { place.numbers };
        Some(Found { text, numbers, cut, is_default: false })
    })
}

fn joined(place: &Place, parts: impl Iterator<Item = Found>, with: &str) -> Option<Found> {
    let parts: Vec<Found> = parts.collect();
    let text = parts.iter().map(|found| found.text.as_str()).collect::<Vec<_>>().join(with);
    let text = match &place.from {
        From::Join(..) => picked(place, &text)?,
        _ if text.is_empty() => return None,
        _ => text,
    };
    let (cut, is_default) = (parts.iter().any(|found| found.cut), parts.iter().all(|found| found.is_default));
    Some(Found { text, numbers: place.numbers, cut, is_default })
}

fn spaced(place: &Place, raw: &str) -> String {
    match place.spaces {
        Spaces::Fold => fold(raw),
        Spaces::Keep => keep_spaces(raw),
        Spaces::Lines => raw.trim().to_owned(),
    }
}

/// The part of `text` that the pattern asks for, unless it is empty.
fn picked(place: &Place, text: &str) -> Option<String> {
    let text = match &place.pattern {
        None => text,
        Some(pattern) => {
            let captures = pattern.captures(text)?;
            captures.get(1).or(captures.get(0))?.as_str().trim()
        }
    };
    (!text.is_empty()).then(|| text.to_owned())
}
