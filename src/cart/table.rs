//! What the shop's pages do not say of an article, from a table of its own: unit, class, maker, delivery time.
//!
//! A table is a CSV file whose first line names the columns. It is looked up by the item number, or by any other value of a
//! line (a category, say), and gives values to the lines that have them not. It is read with the configuration, and again
//! with each reload.

use std::collections::HashMap;

use super::Line;
use crate::finding::{Finding, Severity, code};

/// Most rows of one table.
pub const MAX_ROWS: usize = 1_000_000;

/// How a table is written and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSettings {
    /// What the file is called in findings.
    pub name: String,
    /// The value of a line by which it is looked up: `sku`, `link`, or a name of `[shop.cart.extra]`.
    pub by: String,
    /// The column that holds it; as `by` by default.
    pub key: Option<String>,
    /// What stands between columns.
    pub separator: u8,
    /// Which column goes to which value; all of them, under their own names, where nothing is said.
    pub columns: Vec<(String, String)>,
    /// The table's value wins over what the page says.
    pub over: bool,
    /// What it is when a line is not in it; nothing by default.
    pub missing: Option<Severity>,
}

/// A table, read.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    by: String,
    /// The values that it gives, in the order of [`Table::rows`]' columns.
    gives: Vec<String>,
    rows: HashMap<String, Box<[Box<str>]>>,
    over: bool,
    missing: Option<Severity>,
}

impl Table {
    /// Reads a table. Blanks around values do not count; an empty value is none.
    ///
    /// # Errors
    /// What is wrong with it, with the line: bytes that are no UTF-8, a column that is not there or there twice, a key that
    /// is there twice, lines of another length, more than [`MAX_ROWS`].
    pub fn read(bytes: &[u8], settings: &TableSettings) -> Result<Table, String> {
        // Spreadsheets begin a file with a byte order mark.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut reader =
            csv::ReaderBuilder::new().delimiter(settings.separator).trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|error| told(&error))?.clone();
        let place = |column: &str| {
            let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (Some(_), Some(_)) => Err(format!("line 1: the column {column:?} is there twice")),
                (None, _) => {
                    let there: Vec<_> = header.iter().collect();
                    Err(format!("line 1: there is no column {column:?}; there are {}", there.join(", ")))
                }
            }
        };
        let key = settings.key.as_deref().unwrap_or(&settings.by);
        let key_at = place(key)?;
        let columns: Vec<(String, String)> = match settings.columns.is_empty() {
            false => settings.columns.clone(),
            true => header.iter().filter(|name| *name != key).map(|name| (name.to_owned(), name.to_owned())).collect(),
        };
        let places = columns.iter().map(|(_, column)| place(column)).collect::<Result<Vec<_>, _>>()?;
        let mut rows: HashMap<String, Box<[Box<str>]>> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| told(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let key = &record[key_at];
            if key.is_empty() {
                return Err(format!("line {line}: the key is empty"));
            }
            let values = places.iter().map(|place| record[*place].into()).collect();
            if rows.insert(key.to_owned(), values).is_some() {
                return Err(format!("line {line}: the key {key:?} is there twice"));
            }
            if rows.len() > MAX_ROWS {
                return Err(format!("line {line}: more than {MAX_ROWS} rows"));
            }
        }
        Ok(Table {
            name: settings.name.clone(),
            by: settings.by.clone(),
            gives: columns.into_iter().map(|(value, _)| value).collect(),
            rows,
            over: settings.over,
            missing: settings.missing,
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values that it gives, by their names.
    pub fn gives(&self) -> impl Iterator<Item = &str> {
        self.gives.iter().map(String::as_str)
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Gives the lines what they lack, or what is here instead of what they have.
    pub fn complete<'l>(&self, lines: impl IntoIterator<Item = &'l mut Line>, findings: &mut Vec<Finding>) {
        for (at, line) in lines.into_iter().enumerate() {
            let key = line.value(&self.by).unwrap_or_default().to_owned();
            match self.rows.get(key.trim()) {
                Some(row) => {
                    for (name, value) in self.gives.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
                        line.give(name, value, self.over);
                    }
                }
                None => {
                    if let Some(severity) = self.missing {
                        let detail = format!("{} {key:?} is not in {}", self.by, self.name);
                        findings.push(Finding::on_line(code::NOT_IN_TABLE, severity, at + 1, detail));
                    }
                }
            }
        }
    }
}

/// The line and what is wrong there, without the library's own words for its parts.
fn told(error: &csv::Error) -> String {
    let line = |position: &Option<csv::Position>| position.as_ref().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, .. } => {
            format!("line {}: not UTF-8; save it as \"CSV UTF-8\"", line(pos))
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!("line {}: {len} values, and the first line has {expected_len}", line(pos))
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> TableSettings {
        TableSettings { name: "articles.csv".into(), by: "sku".into(), separator: b';', ..TableSettings::default() }
    }

    fn line(sku: &str) -> Line {
        Line { name: "Drill".into(), sku: Some(sku.into()), ..Line::default() }
    }

    const ARTICLES: &str = "sku;unit;maker;days\nA-1; stk ;\"Bosch; Ltd\";3\nB-2;;Hilti;\n";

    #[test]
    fn lines_get_what_they_lack() {
        let table = Table::read(format!("\u{feff}{ARTICLES}").as_bytes(), &settings()).unwrap();
        assert_eq!((table.rows(), table.gives().collect::<Vec<_>>()), (2, vec!["unit", "maker", "days"]));
        let mut lines = vec![line("A-1"), Line { unit: Some("pk".into()), ..line("B-2") }, line("C-3")];
        lines[0].extra.push(("maker".into(), "own".into()));
        let mut findings = Vec::new();
        table.complete(&mut lines, &mut findings);
        assert_eq!(lines[0].unit.as_deref(), Some("stk"));
        assert_eq!(lines[0].extra, [("maker".into(), "own".into()), ("days".into(), "3".into())]);
        assert_eq!((lines[1].unit.as_deref(), lines[1].extra.len()), (Some("pk"), 1));
        assert_eq!((lines[2].extra.len(), findings.len()), (0, 0));
    }

    #[test]
    fn a_table_may_win_and_may_be_complete() {
        let columns = vec![("manufacturer".to_owned(), "maker".to_owned())];
        let settings = TableSettings { over: true, missing: Some(Severity::Error), columns, ..settings() };
        let table = Table::read(ARTICLES.as_bytes(), &settings).unwrap();
        let mut lines = vec![line("A-1"), line("C-3")];
        lines[0].extra.push(("manufacturer".into(), "own".into()));
        let mut findings = Vec::new();
        table.complete(&mut lines, &mut findings);
        assert_eq!(lines[0].extra, [("manufacturer".into(), "Bosch; Ltd".into())]);
        assert_eq!(findings[0].to_string(), "PO-NOT-IN-TABLE line 2: sku \"C-3\" is not in articles.csv");
    }

    #[test]
    fn a_table_is_looked_up_by_any_value() {
        let by = TableSettings { by: "group".into(), key: Some("id".into()), separator: b',', ..settings() };
        let table = Table::read(b"id,unspsc\n12,31161500\n", &by).unwrap();
        let mut lines = vec![Line { extra: vec![("group".into(), "12".into())], ..line("A-1") }];
        table.complete(&mut lines, &mut Vec::new());
        assert_eq!(lines[0].extra[1], ("unspsc".into(), "31161500".into()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            (&b"sku;unit\nA;x\nA;y\n"[..], "line 3: the key \"A\" is there twice"),
            (b"number;unit\nA;x\n", "line 1: there is no column \"sku\"; there are number, unit"),
            (b"sku;unit\nA\n", "line 2: 1 values, and the first line has 2"),
            (b"sku;unit\n;x\n", "line 2: the key is empty"),
            (b"sku;unit\nA;bl\xe5\n", "line 2: not UTF-8; save it as \"CSV UTF-8\""),
            (b"sku;unit;unit\n", "line 1: the column \"unit\" is there twice"),
        ] {
            assert_eq!(Table::read(text, &settings()).unwrap_err(), expected);
        }
    }
}
