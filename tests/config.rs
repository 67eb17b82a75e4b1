//! `fixtures/config/good/*.toml` are configurations to run with; `fixtures/config/bad/*.toml` are not, and
//! `<name>.faults` beside each says what must be told, line by line; so does `<name>.warnings` beside a good one. Adding a case is adding a file; `BLESS=1` writes the
//! `.faults` and `.warnings` anew, to be read before they are committed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use punchout_proxy::config::effective::effective;
use punchout_proxy::config::{self, Outcome};

mod configurations;

use configurations::{every_key, files};

fn read(file: &Path) -> Outcome {
    config::read(&fs::read_to_string(file).unwrap(), file.parent().unwrap())
}

#[test]
fn good_ones_have_no_fault() {
    for file in files("good") {
        let outcome = read(&file);
        assert_eq!(outcome.faults, [], "{}", file.display());
        assert!(outcome.plan.is_some(), "{}", file.display());
        let expected = file.with_extension("warnings");
        let Ok(mut expected_text) = fs::read_to_string(&expected) else { continue };
        // Who may read a checkout's files is not the same everywhere.
        let told = outcome.warnings.iter().filter(|warning| !warning.message.contains("everybody on this machine"));
        let told: String = told.map(|warning| format!("{warning}\n")).collect();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &told).unwrap();
            expected_text.clone_from(&told);
        }
        assert_eq!(told, expected_text, "{}", file.display());
    }
}

#[test]
fn bad_ones_tell_all_that_is_wrong_at_once() {
    for file in files("bad") {
        let outcome = read(&file);
        assert!(outcome.plan.is_none(), "{}", file.display());
        let told: String = outcome.faults.iter().map(|fault| format!("{fault}\n")).collect();
        // Only the place of the fixtures differs from machine to machine.
        let told = told.replace(&file.parent().unwrap().display().to_string(), "FOLDER");
        let expected = file.with_extension("faults");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&expected).unwrap_or_default(), "{}", file.display());
    }
}

#[test]
fn the_shipped_proxy_toml_and_the_readme_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = fs::read_to_string(root.join("proxy.toml")).unwrap();
    // What the shipped file takes from the environment.
    let shipped = shipped.replace("password_env = \"ACME_SHOP_PASSWORD\"", "password = \"x\"");
    assert_eq!(config::read(&shipped, root).faults, []);

    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let whole: Vec<_> = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let whole: Vec<_> = whole.into_iter().filter(|text| text.starts_with("listen")).collect();
    assert!(!whole.is_empty(), "the README shows a whole file");
    for text in whole {
        let outcome = config::read(text, root);
        // Who copies it begins with no advice against it either.
        let told = outcome.faults.into_iter().chain(outcome.warnings).map(|fault| fault.to_string());
        let told: Vec<_> = told.filter(|fault| !fault.contains("_file: ") && !fault.contains("_env: ")).collect();
        assert_eq!(told, [""; 0]);
    }
}

#[test]
fn the_commented_keys_of_the_shipped_proxy_toml_are_keys() {
    let faults: Vec<_> = config::read(&every_key(), Path::new("/")).faults.iter().map(ToString::to_string).collect();
    // Files and variables that this machine does not have.
    let missing = |fault: &String| {
        ["_file: ", "_env: ", ": /etc/punchout/", ".csv: No such file"].iter().any(|part| fault.contains(part))
    };
    let faults: Vec<_> = faults.into_iter().filter(|fault| !missing(fault)).collect();
    assert_eq!(faults, [""; 0], "a key in a comment of proxy.toml is none, or has a value that is not taken");
}

#[test]
fn check_and_run_refuse_a_bad_file_alike() {
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/bad/typos.toml");
    for verb in ["check", "run"] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_punchout-proxy")).arg(verb).arg("--config").arg(&bad).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{verb}: {told}");
        assert!(told.contains("typos.toml:1:1: lisen: unknown field `lisen`"), "{verb}: {told}");
        assert!(told.contains("did you mean `listen`?"), "{verb}: {told}");
    }
    let good = bad.parent().unwrap().with_file_name("good").join("least.toml");
    let output =
        Command::new(env!("CARGO_BIN_EXE_punchout-proxy")).args(["check", "--config"]).arg(good).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_file_in_force_makes_the_same_plan() {
    // Tables without an order print in any: what is compared is the lines.
    let lines = |outcome: Outcome| {
        let plan = outcome.plan.unwrap_or_else(|| panic!("{:#?}", outcome.faults));
        let mut lines: Vec<String> = format!("{plan:#?}").lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for file in files("good") {
        let (text, folder) = (fs::read_to_string(&file).unwrap(), file.parent().unwrap());
        let printed = effective(&text, folder).unwrap();
        assert!(!printed.contains("preset =") && !printed.contains("profile ="), "{printed}");
        let (of_printed, of_file) = (lines(config::read(&printed, folder)), lines(read(&file)));
        let differing: Vec<_> = of_printed.iter().filter(|line| !of_file.contains(line)).collect();
        assert!(of_printed == of_file, "{}: {differing:#?}", file.display());
    }
}

#[test]
fn check_prints_the_file_in_force_without_secrets() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let least = fs::read_to_string(files("good").iter().find(|file| file.ends_with("least.toml")).unwrap()).unwrap();
    let file = folder.join("proxy.toml");
    fs::write(
        &file,
        least.replace("password_file = \"shop-password\"", "password = \"hunter2\"")
            + "\n[drift]\nwebhook = \"http://u:hunter2@alarms.example/hunter2?key=hunter2\"\n",
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
    let output = command.args(["check", "--print", "--config"]).arg(&file).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    // Of the preset, and a default.
    for key in [
        "#basket_formset .basket-items",
        "idle = \"30m\"",
        "password = \"***\"",
        "webhook = \"http://alarms.example/***\"",
    ] {
        assert!(printed.contains(key), "no {key} in {printed}");
    }
    assert_eq!(config::read(&printed, &folder).faults, []);
}
