//! All that lies in `fixtures/fuzz/<target>`, given to the functions that the fuzzer calls: seeds, and inputs that once
//! broke a promise. Adding a case is adding a file.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a crate of its own for the fuzzer")]
mod targets;

type Target = fn(&[u8]);

#[test]
fn what_once_broke_a_promise_does_so_no_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let targets: [(&str, Target, &[&str]); 10] = [
        ("entry", targets::entry, &["entries"]),
        ("hook", targets::hook, &[]),
        ("price", targets::price, &[]),
        ("cart", targets::cart, &["pages"]),
        ("page", targets::page, &["pages", "rewrite"]),
        ("links", targets::links, &["own_name", "pages"]),
        ("cookies", targets::cookies, &[]),
        ("coding", targets::coding, &[]),
        ("policy", targets::policy, &[]),
        ("config", targets::config, &["config"]),
    ];
    for (name, target, more) in targets {
        let mut seen = 0;
        for folder in [&["fuzz/"], more].concat() {
            let folder = if folder == "fuzz/" { root.join("fuzz").join(name) } else { root.join(folder) };
            each_file(&folder, &mut |file| {
                // Shown only where the test fails: the last one named is the one that did it.
                println!("{}", file.display());
                target(&fs::read(file).unwrap());
                seen += 1;
            });
        }
        assert!(seen > 0, "no input for {name}");
    }
}

fn each_file(folder: &Path, act: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, act) } else { act(&path) }
    }
}
