//! `punchout-proxy schema` against a validator that is not ours, with the configurations of `fixtures/config`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::Command;

use jsonschema::Validator;
use punchout_proxy::config::{presets, profiles, schema};
use serde_json::{Value, json};

mod configurations;

use configurations::{every_key, files, root};

/// Bad files that have the right shape: what is wrong with them no schema can tell.
const OF_GOOD_SHAPE: &[(&str, &str)] = &[
    ("admin-address", "what is an address is told by reading it, and files are not opened"),
    ("admin", "an address that other machines reach needs a token: one value bears on another key"),
    ("another-name", "what is a host is told by reading it"),
    ("audit", "whether a folder is there, only the machine can tell"),
    ("canary", "buyers and keys that another key needs; a preset may give them"),
    ("cart-json", "what is a path in JSON depends on `source`"),
    ("cart-money", "amounts, selectors and patterns are compiled by `check`"),
    ("empty", "nothing is required: what is missing may come from a preset or a profile"),
    ("entrance", "nothing is required; networks are told by reading them"),
    ("frames", "origins are told by reading them"),
    ("half-a-pair", "keys that need another one"),
    ("listen", "addresses, certificates and their keys"),
    ("next-password", "hashes are told by reading them"),
    ("offers", "words in an address, selectors, tables in files"),
    ("rates", "a number that would stop everything, but is one"),
    ("record", "folders, selectors and patterns"),
    ("store", "passwords in an address, and keys that need another one"),
    ("tls-without-certificate", "a key that needs another one"),
    ("values", "each is a text or a number, and wrong only when read"),
];

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
    let mut silent = Vec::new();
    for file in files("bad") {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        if toml::from_str::<toml::Table>(&text).is_err() {
            assert_eq!(name, "not-toml");
            continue;
        }
        let told = told(&validator, &text);
        match OF_GOOD_SHAPE.iter().find(|(good, _)| *good == name) {
            Some((_, why)) => assert_eq!(told, [""; 0], "{name} is of good shape: {why}"),
            None if told.is_empty() => silent.push(name.to_owned()),
            None => {}
        }
    }
    assert_eq!(silent, [""; 0], "nothing is said of these");
    for (name, why) in OF_GOOD_SHAPE {
        assert!(files("bad").iter().any(|file| file.ends_with(format!("{name}.toml"))), "{name} ({why}) is not there");
    }
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
