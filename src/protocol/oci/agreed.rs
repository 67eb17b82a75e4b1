//! What was agreed with a buyer about its fields, in a shape to be told to people.

use std::collections::BTreeSet;

use super::assortment::Mode;
use super::fields::{FieldName, Fit, LongTextStyle};
use super::mapping::Mapping;
use super::number::DecimalMark;
use super::source::{Piece, Source};

/// One field that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedField {
    /// Its name.
    pub name: FieldName,
    /// Its limit.
    pub fit: Fit,
    /// Without it no line leaves.
    pub required: bool,
    /// Where its value comes from.
    pub origin: Origin,
}

/// Where a field's value comes from, as far as the buyer's side needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The same on every line.
    Constant(String),
    /// This parameter of the catalog call, perhaps changed.
    Parameter(String),
    /// The cart.
    Cart,
}

/// What else was agreed about the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedForm<'m> {
    /// Inputs without an index.
    pub header: Vec<&'m str>,
    /// The long text's input on the first line; `None` where it is not sent.
    pub longtext: Option<String>,
    /// The values of PRICEUNIT.
    pub price_units: &'m [u32],
    /// What stands before decimals.
    pub decimal: DecimalMark,
    /// The most inputs.
    pub max_inputs: usize,
    /// Item numbers and classes of the assortment, and what becomes of other lines.
    pub assortment: Option<(usize, &'m [String], Mode)>,
}

impl Mapping {
    /// All fields that may be sent, in the standard's order.
    pub fn agreed_fields(&self) -> Vec<AgreedField> {
        let has_material = self.fields.contains_key(&standard("MATNR"));
        // What OCI requires; with a MATNR neither text nor unit is needed.
        let by_oci = |name: &str| name == "QUANTITY" || (!has_material && matches!(name, "DESCRIPTION" | "UNIT"));
        let sent = self.fields.iter().filter(|(name, _)| name.input(1, self.longtext).is_some());
        // An empty text leaves a field out.
        let sent = sent.filter(|(_, source)| !matches!(source, Some(Source::Constant(text)) if text.is_empty()));
        let agreed = sent.map(|(name, source)| AgreedField {
            name: name.clone(),
            fit: self.limits.fit(name),
            required: by_oci(name.as_str()) || self.required.contains(name),
            origin: source.as_ref().map_or(Origin::Cart, origin),
        });
        agreed.collect()
    }

    /// What was agreed about the form beside its fields.
    pub fn agreed_form(&self) -> AgreedForm<'_> {
        let assortment = self.assortment.as_ref();
        AgreedForm {
            header: self.header().iter().map(|(name, _)| name.as_str()).collect(),
            longtext: standard("LONGTEXT").input(1, self.longtext).filter(|_| self.longtext != LongTextStyle::Omit),
            price_units: &self.price_units,
            decimal: self.decimal,
            max_inputs: self.max_inputs,
            assortment: assortment.map(|agreed| (agreed.skus.len(), agreed.classes.as_slice(), agreed.mode)),
        }
    }

    /// The parameters of the catalog call that fields are made of, and those fields.
    pub fn parameters(&self) -> Vec<(&str, Vec<&str>)> {
        let of_fields = self.fields.iter().filter_map(|(name, source)| Some((name.as_str(), source.as_ref()?)));
        let of_header = self.header().iter().map(|(name, source)| (name.as_str(), source));
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for (field, source) in of_fields.chain(of_header) {
            let mut names = BTreeSet::new();
            parameters(source, &mut names);
            for name in names {
                match found.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    Some((_, fields)) => fields.push(field),
                    None => found.push((name, vec![field])),
                }
            }
        }
        found
    }
}

fn standard(name: &'static str) -> FieldName {
    super::filling::standard(name)
}

fn origin(source: &Source) -> Origin {
    match source {
        Source::Constant(text) => Origin::Constant(text.clone()),
        Source::Parameter(name) => Origin::Parameter(name.clone()),
        Source::Changed(source, _) | Source::Map { source, .. } => match origin(source) {
            // What a constant has become is not what stands there.
            Origin::Constant(_) => Origin::Cart,
            origin => origin,
        },
        Source::Chain(sources) => match sources.iter().map(origin).collect::<Vec<_>>().as_slice() {
            [Origin::Parameter(name), Origin::Constant(_)] => Origin::Parameter(name.clone()),
            _ => Origin::Cart,
        },
        Source::Line(_) | Source::Template(_) | Source::Class(..) | Source::Join(..) => Origin::Cart,
    }
}

fn parameters<'s>(source: &'s Source, names: &mut BTreeSet<&'s str>) {
    match source {
        Source::Parameter(name) => {
            names.insert(name);
        }
        Source::Map { source, .. } | Source::Changed(source, _) => parameters(source, names),
        Source::Chain(sources) | Source::Join(sources, _) => {
            sources.iter().for_each(|source| parameters(source, names));
        }
        Source::Template(pieces) => {
            for piece in pieces {
                if let Piece::Value(source) = piece {
                    parameters(source, names);
                }
            }
        }
        Source::Constant(_) | Source::Line(_) | Source::Class(..) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::MappingSettings;
    use super::*;

    fn mapping(settings: &str) -> Mapping {
        let settings: MappingSettings = toml::from_str(settings).unwrap();
        Mapping::compile(&settings).unwrap()
    }

    #[test]
    fn what_is_sent_and_where_it_comes_from() {
        let mapping = mapping(
            "longtext = 'omit'\n[fields]\nVENDOR = '100234'\nEXT_PRODUCT_ID = ''\n\
             CUST_FIELD1 = { parameter = 'COSTCENTER', pad = '000', default = '7' }\n\
             CUST_FIELD2 = { template = '{sku} {parameter.EMAIL}' }\n[header]\nORDER = { parameter = 'costcenter' }",
        );
        let fields = mapping.agreed_fields();
        let of = |name: &str| fields.iter().find(|field| field.name.as_str() == name);
        assert_eq!(of("VENDOR").unwrap().origin, Origin::Constant("100234".to_owned()));
        assert_eq!(of("CUST_FIELD1").unwrap().origin, Origin::Parameter("COSTCENTER".to_owned()));
        assert_eq!(of("CUST_FIELD2").unwrap().origin, Origin::Cart);
        assert!(of("EXT_PRODUCT_ID").is_none() && of("LONGTEXT").is_none());
        assert!(of("UNIT").unwrap().required && of("QUANTITY").unwrap().required && !of("VENDOR").unwrap().required);
        assert_eq!(mapping.agreed_form().header, ["ORDER"]);
        let expected = [("COSTCENTER", vec!["CUST_FIELD1", "ORDER"]), ("EMAIL", vec!["CUST_FIELD2"])];
        assert_eq!(mapping.parameters(), expected);
    }
}
