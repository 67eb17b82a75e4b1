//! What comes back: fields and limits, units, the character set.

use super::super::paper::Text;
use super::Sheet;
use crate::finding::code;
use crate::protocol::oci::Charset;
use crate::protocol::oci::agreed::{AgreedField, Origin};
use crate::protocol::oci::assortment::Mode;
use crate::protocol::oci::fields::FieldKind;

impl Sheet<'_> {
    pub(super) fn fields(&mut self) {
        let words = &self.words.field;
        let fields = self.buyer.mapping.agreed_fields();
        let rows = fields.iter().map(|field| self.field(field)).collect();
        self.paper.heading(&words.heading);
        self.paper.paragraph(Text::plain(&words.text));
        self.paper.table(&words.head.each_ref().map(String::as_str), rows);
        self.paper.paragraph(Text::plain(&words.needed));
        let form = self.buyer.mapping.agreed_form();
        self.paper.paragraph(match form.longtext {
            Some(name) => Text::filled(&words.longtext, &[("name", Text::code(name))]),
            None => Text::plain(&words.no_longtext),
        });
        let sample = Text::code(form.decimal.written("1234.500".to_owned()));
        let units = Text::codes(form.price_units.iter().map(ToString::to_string));
        self.paper.paragraph(Text::filled(&words.decimal, &[("sample", sample), ("units", units)]));
        if !form.header.is_empty() {
            self.paper.paragraph(Text::filled(&words.header, &[("names", Text::codes(form.header))]));
        }
        let number = Text::plain(form.max_inputs.to_string());
        self.paper.paragraph(Text::filled(&words.inputs, &[("number", number)]));
        if let Some((skus, classes, mode)) = form.assortment {
            let classes =
                if classes.is_empty() { Text::plain(&words.no_classes) } else { Text::codes(classes.iter().cloned()) };
            let skus = Text::plain(skus.to_string());
            self.paper.paragraph(Text::filled(&words.assortment, &[("skus", skus), ("classes", classes)]));
            let other = if mode == Mode::Block { &words.assortment_block } else { &words.assortment_warn };
            self.paper.paragraph(Text::plain(other));
        }
    }

    fn field(&self, field: &AgreedField) -> Vec<Text> {
        let (words, name) = (&self.words.field, field.name.as_str());
        let meaning = self.words.meaning.get(name).or_else(|| self.words.meaning.get("other"));
        let length = match (field.fit.kind, field.fit.length) {
            (FieldKind::Number, _) => words.number.clone(),
            (_, Some(length)) => length.to_string(),
            (_, None) => words.unlimited.clone(),
        };
        let longer = match (field.fit.kind, field.fit.length, field.fit.cut) {
            (_, None, _) => "",
            (FieldKind::Number, ..) | (_, _, false) => &words.stops,
            (_, _, true) => &words.cut,
        };
        let origin = match &field.origin {
            Origin::Constant(value) => Text::filled(&words.constant, &[("value", Text::code(value))]),
            Origin::Parameter(name) => Text::filled(&words.parameter, &[("name", Text::code(name))]),
            Origin::Cart => Text::plain(&words.cart),
        };
        let needed = if field.required { &self.words.yes } else { &self.words.no };
        vec![
            Text::code(name),
            Text::plain(meaning.map_or("", String::as_str)),
            Text::plain(length),
            Text::plain(longer),
            Text::plain(needed),
            origin,
        ]
    }

    pub(super) fn units(&mut self) {
        let words = &self.words.unit;
        let units = self.buyer.units.rows();
        let named = units.iter().filter(|(_, words)| !words.is_empty());
        let rows = named.map(|(code, words)| {
            let words: Vec<_> = words.iter().copied().collect();
            vec![Text::code(*code), Text::plain(words.join(", "))]
        });
        self.paper.heading(&words.heading);
        self.paper.paragraph(Text::plain(&words.text));
        self.paper.table(&words.head.each_ref().map(String::as_str), rows.collect());
        self.paper.paragraph(match self.buyer.units.default_code() {
            Some(code) => Text::filled(&words.default, &[("code", Text::code(code))]),
            None => Text::plain(&words.no_default),
        });
    }

    pub(super) fn charset(&mut self) {
        let words = &self.words.charset;
        let parameter = self.plan.entry.names.charset.first().map(Text::code).unwrap_or_default();
        let charset = Text::code(self.charset_label());
        self.paper.heading(&words.heading);
        self.paper.paragraph(Text::filled(&words.text, &[("parameter", parameter), ("charset", charset)]));
        self.paper.paragraph(Text::filled(&words.less, &[("code", Text::code(code::CHARSET_REPLACED))]));
    }

    pub(super) fn charset_label(&self) -> &'static str {
        Charset::choose(None, self.buyer.form.charset).label()
    }
}
