//! What the texts for people promise: every link leads somewhere, and what they show as configuration is one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use punchout_proxy::config;
use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and all below docs/.
fn texts() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The names by which headings can be linked to, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|one| one.is_alphanumeric() || [' ', '-', '_'].contains(one));
            let name: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut dead = Vec::new();
    let mut followed = 0;
    for text in texts() {
        for found in link.captures_iter(&prose(&fs::read_to_string(&text).unwrap())) {
            let target = &found[1];
            if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
                continue;
            }
            followed += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { text.clone() } else { text.parent().unwrap().join(path) };
            let leads = file.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&file).unwrap()).iter().any(|name| name == anchor));
            if !leads {
                dead.push(format!("{}: {target}", text.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
    assert!(followed > 30, "{followed}");
}

#[test]
fn every_text_in_docs_is_reached_from_its_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    for text in texts() {
        let Ok(inner) = text.strip_prefix(root().join("docs")) else { continue };
        let folder = inner.parent().unwrap();
        let near = if folder.as_os_str().is_empty() || inner.ends_with("README.md") {
            (index.clone(), inner.display().to_string())
        } else {
            let own = fs::read_to_string(root().join("docs").join(folder).join("README.md")).unwrap();
            (own, inner.file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert!(
            inner == Path::new("README.md") || near.0.contains(&format!("({})", near.1)),
            "docs/README.md: {inner:?}"
        );
    }
}

#[test]
fn the_sidecar_has_a_configuration_to_run_with() {
    let manifest = fs::read_to_string(root().join("deploy/kubernetes/sidecar.yaml")).unwrap();
    let inside = manifest.split_once("  proxy.toml: |\n").unwrap().1.split_once("\n---").unwrap().0;
    let folder = std::env::temp_dir().join(format!("punchout-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for secret in ["acme", "acme-shop"] {
        fs::write(folder.join(secret), "a long and secret word\n").unwrap();
    }
    let text = inside.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let outcome = config::read(&text.replace("/run/secrets/punchout-proxy", folder.to_str().unwrap()), Path::new("."));
    fs::remove_dir_all(&folder).unwrap();
    assert!(outcome.plan.is_some(), "{:?}", outcome.faults);
}
