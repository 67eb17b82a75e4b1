//! `docs/findings.md` lists every code there is, as it is, and no other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use punchout_proxy::finding::KNOWN;
use punchout_proxy::problem::Kind;

/// The cells of the tables' rows, by code. Fails on a code that is listed twice.
fn rows() -> BTreeMap<String, Vec<String>> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `PO-")) {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let code = cells.next().unwrap().trim_matches('`').to_owned();
        assert_eq!(rows.insert(code.clone(), cells.collect()), None, "{code} is listed twice");
    }
    rows
}

#[test]
fn the_page_lists_every_code_and_no_other() {
    let mut codes: Vec<_> = KNOWN.iter().map(|known| known.code).chain(Kind::ALL.map(Kind::code)).collect();
    codes.sort_unstable();
    assert_eq!(rows().keys().collect::<Vec<_>>(), codes);
}

#[test]
fn the_page_tells_severities_and_statuses_as_they_are() {
    let rows = rows();
    for known in KNOWN {
        let severity = &rows[known.code][0];
        let usual = known.usual.word();
        assert!(severity.contains(usual), "{}: {severity}, in fact {usual}", known.code);
        assert_eq!(severity.contains("firm"), known.firm, "{}: {severity}", known.code);
    }
    for kind in Kind::ALL {
        let row = &rows[kind.code()];
        assert_eq!(row[0], kind.status().as_u16().to_string(), "{}", kind.code());
        assert_eq!(row[1], format!("{:?}", kind.side()).to_lowercase(), "{}", kind.code());
    }
}
