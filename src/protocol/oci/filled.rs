//! The fields of one line with their values, in the standard's order.

use super::fields::FieldName;

/// What one line says in each field. A line has a dozen, and they come nearly sorted: a list is searched faster than a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled(Vec<(FieldName, String)>);

impl Filled {
    /// The value of a field, where it has been given one.
    pub(super) fn get(&self, name: &FieldName) -> Option<&str> {
        self.place(name).ok().map(|at| self.0[at].1.as_str())
    }

    /// Gives a field its value, over the one it had.
    pub(super) fn set(&mut self, name: &FieldName, value: String) {
        match self.place(name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name.clone(), value)),
        }
    }

    /// Fields and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&FieldName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// The values of just these fields, which are sorted; empty where there is none.
    pub(super) fn into_all(self, names: &[FieldName]) -> Vec<(FieldName, String)> {
        let mut values = self.0.into_iter().peekable();
        let value = |name: &FieldName| {
            while values.next_if(|(known, _)| known < name).is_some() {}
            values.next_if(|(known, _)| known == name).unwrap_or_else(|| (name.clone(), String::new()))
        };
        names.iter().map(value).collect()
    }

    fn place(&self, name: &FieldName) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if last >= name => self.0.binary_search_by(|(known, _)| known.cmp(name)),
            _ => Err(self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_the_standards_order_and_their_last_value() {
        let names = ["GTIN", "PRICE", "DESCRIPTION", "UNIT"].map(|name| FieldName::parse(name).unwrap());
        let mut filled = Filled::default();
        for name in &names {
            filled.set(name, name.to_string());
        }
        filled.set(&names[1], "1.00".to_owned());
        let order: Vec<_> = filled.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(order, ["DESCRIPTION=DESCRIPTION", "UNIT=UNIT", "PRICE=1.00", "GTIN=GTIN"]);
        let absent = FieldName::parse("MATNR").unwrap();
        assert_eq!((filled.get(&names[3]), filled.get(&absent)), (Some("UNIT"), None));

        let all = [names[2].clone(), absent, names[3].clone(), names[0].clone()];
        let values: Vec<_> = filled.into_all(&all).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["DESCRIPTION", "", "UNIT", "GTIN"], "PRICE was not asked for");
    }
}
