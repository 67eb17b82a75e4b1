//! The house rules that a compiler does not check: `use` points down the list of modules in `src/lib.rs`, and that list
//! is the tree.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn modules(root: &Path) -> Vec<String> {
    let map = fs::read_to_string(root.join("lib.rs")).unwrap();
    map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

#[test]
fn use_points_down_the_list_in_lib_rs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let modules = modules(&root);
    let place = |name: &str| modules.iter().position(|module| module == name);
    let mut upward = Vec::new();
    for file in sources(&root) {
        let inner = file.strip_prefix(&root).unwrap();
        let own = inner.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(own_place) = place(own) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        // What a test needs from above does not make the program's data flow upwards.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in line.split("crate::").skip(1) {
                let name: String = used.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect();
                if place(&name).is_some_and(|place| place < own_place) {
                    upward.push(format!("{}: {}", inner.display(), line.trim()));
                }
            }
        }
    }
    assert_eq!(upward, [""; 0]);
}

#[test]
fn the_list_in_lib_rs_is_the_tree_and_every_module_is_told_of() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut listed = modules(&root);
    let told = fs::read_to_string(root.join("lib.rs")).unwrap();
    for module in &listed {
        assert!(told.contains(&format!("//! | [`{module}`] |")), "lib.rs does not say what `{module}` does");
    }
    let mut there: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".rs").to_owned())
        .filter(|name| !["lib", "main"].contains(&name.as_str()))
        .collect();
    listed.sort();
    there.sort();
    there.dedup();
    assert_eq!(listed, there);
}
