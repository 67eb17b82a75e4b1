//! `fixtures/config/good/*.toml` are configurations to run with; `fixtures/config/bad/*.toml` are not, and
//! `<name>.faults` beside each says what must be told, line by line. Adding a case is adding a file; `BLESS=1` writes the
//! `.faults` anew, to be read before it is committed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use punchout_proxy::config::{self, Outcome};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn read(file: &Path) -> Outcome {
    config::read(&fs::read_to_string(file).unwrap(), file.parent().unwrap())
}

#[test]
fn good_ones_have_no_fault() {
    for file in files("good") {
        let outcome = read(&file);
        assert_eq!(outcome.faults, [], "{}", file.display());
        assert!(outcome.plan.is_some(), "{}", file.display());
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
        let faults: Vec<_> = config::read(text, root).faults.into_iter().map(|fault| fault.to_string()).collect();
        let faults: Vec<_> =
            faults.into_iter().filter(|fault| !fault.contains("_file: ") && !fault.contains("_env: ")).collect();
        assert_eq!(faults, [""; 0]);
    }
}

#[test]
fn the_commented_keys_of_the_shipped_proxy_toml_are_keys() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("proxy.toml")).unwrap();
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => key,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let faults: Vec<_> = config::read(&all, Path::new("/")).faults.iter().map(ToString::to_string).collect();
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
