//! `punchout-proxy schema` against a validator that is not ours, with the configurations of `fixtures/config`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::Command;

use jsonschema::Validator;
use punchout_proxy::config::document::Fault;
use punchout_proxy::config::{self, presets, profiles, schema};
use serde_json::{Value, json};

mod configurations;

use configurations::{every_key, files, root};

/// How faults of shape begin (`.faults` beside each bad file). The others are beyond a schema: an address, a selector, a pattern
/// or a hash is wrong only when it is read; a file or a folder is there or not on one machine; one key needs another; and
/// nothing is required, for what is missing may come from a preset or a profile.
const OF_SHAPE: &[&str] = &[
    "unknown field",
    "unknown variant",
    "invalid type",
    "missing field",
    "a number of characters, or {",
    "there is no preset",
    "there is no profile",
    "there is no finding",
    "is no list of [entry.names]",
];

/// And how they go on, after the value.
const OF_SHAPE_LATER: &[&str] = &["is not a time such as", "is not a size such as"];

fn is_of_shape(fault: &Fault) -> bool {
    OF_SHAPE.iter().any(|start| fault.message.starts_with(start))
        || OF_SHAPE_LATER.iter().any(|part| fault.message.contains(part))
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema::schema()).unwrap()
}

/// What a validator says of a TOML text.
fn told(validator: &Validator, text: &str) -> Vec<String> {
    let read: toml::Table = toml::from_str(text).unwrap();
    let read = serde_json::to_value(read).unwrap();
    validator.iter_errors(&read).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn it_is_a_schema_by_its_own_draft_and_the_command_prints_it() {
    let schema = schema::schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::meta::validate(&schema).unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_punchout-proxy")).arg("schema").output().unwrap();
    assert!(printed.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), schema);
}

/// `punchout-proxy schema | head -1`.
#[test]
fn a_reader_who_has_seen_enough_is_no_fault() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy")).arg("schema").stdout(writer).output().unwrap();
    assert_eq!((command.status.code(), String::from_utf8_lossy(&command.stderr).as_ref()), (Some(141), ""));
}

#[test]
fn good_files_fit() {
    let validator = validator();
    for file in files("good") {
        assert_eq!(told(&validator, &fs::read_to_string(&file).unwrap()), [""; 0], "{}", file.display());
    }
    assert_eq!(told(&validator, &fs::read_to_string(root().join("proxy.toml")).unwrap()), [""; 0]);
    assert_eq!(told(&validator, &every_key()), [""; 0]);
    for (name, text) in presets::PRESETS {
        assert_eq!(told(&validator, text), [""; 0], "{name}");
    }
}

#[test]
fn profiles_are_keys_of_a_buyer() {
    let mut schema = schema::schema();
    let of_a_buyer = json!({ "$ref": "#/$defs/BuyerFile", "$defs": schema["$defs"].take() });
    let validator = jsonschema::draft202012::new(&of_a_buyer).unwrap();
    for (name, text) in profiles::PROFILES {
        assert_eq!(told(&validator, text), [""; 0], "{name}");
    }
    assert_ne!(told(&validator, "listen = \"127.0.0.1:80\""), [""; 0]);
}

#[test]
fn bad_files_are_refused_where_their_shape_is_bad() {
    let validator = validator();
    let mut refused = 0;
    for file in files("bad") {
        let text = fs::read_to_string(&file).unwrap();
        if toml::from_str::<toml::Table>(&text).is_err() {
            assert!(file.ends_with("not-toml.toml"), "{}", file.display());
            continue;
        }
        let faults = config::read(&text, file.parent().unwrap()).faults;
        let of_shape: Vec<_> = faults.iter().filter(|fault| is_of_shape(fault)).collect();
        let told = told(&validator, &text);
        assert_eq!(told.is_empty(), of_shape.is_empty(), "{}: {told:#?} {of_shape:#?}", file.display());
        refused += usize::from(!told.is_empty());
    }
    assert!(refused >= 6, "{refused}");
}

#[test]
fn times_and_sizes_are_taken_as_the_program_takes_them() {
    let validator = validator();
    let fits = |text: String| told(&validator, &text).is_empty();
    for (time, good) in [
        ("30s", true),
        ("5 min", true),
        ("1h 30m", true),
        ("1h30m", true),
        (" 8h ", true),
        ("1.5h", true),
        ("250ms", true),
        ("10µs", true),
        ("30", false),
        ("", false),
        ("s", false),
        ("-3s", false),
        ("3s,", false),
    ] {
        assert_eq!(humantime::parse_duration(time).is_ok(), good, "{time}");
        assert_eq!(fits(format!("[session]\nidle = '{time}'\n")), good, "{time}");
    }
    for (size, good) in [
        ("64KiB", true),
        ("64 kib", true),
        ("2MiB", true),
        ("1.5gb", true),
        ("100", true),
        ("100B", true),
        ("7k", true),
        ("7Ki", true),
        ("", false),
        ("MiB", false),
        ("64KiBi", false),
        ("-1KiB", false),
        ("64 bytes", false),
    ] {
        assert_eq!(size.parse::<bytesize::ByteSize>().is_ok(), good, "{size}");
        assert_eq!(fits(format!("[limits]\nhead = '{size}'\n")), good, "{size}");
    }
}
