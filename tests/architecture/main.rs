//! The rules of the layout: small rooms, one direction, every reason a documented word that is used.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use hipaa_operator::api::conditions::Reason;

/// Lines of a file before its tests.
const LINES: usize = 300;
/// What pure code may not name: it does not even compile there without the `operator` feature.
const IMPURE: [&str; 5] = ["crate::aws", "crate::cluster", "crate::controllers", "crate::telemetry", "tokio::"];
/// The pure modules, from the left to the right: nothing names a module to its right.
const DIRECTION: [&str; 9] = ["api", "domain", "catalogue", "policy", "observed", "plan", "status", "preview", "explain"];

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned(), text));
            }
        }
    }
    files
}

fn module(path: &Path) -> String {
    let first = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn is_tests(path: &Path) -> bool {
    path.ends_with("tests.rs")
}

fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod").next().unwrap_or(text)
}

#[test]
fn files_are_small() {
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_tests(path)) {
        let lines = before_tests(&text).lines().count();
        assert!(lines <= LINES, "{} has {lines} lines before its tests: split it by idea", path.display());
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_tests(path)) {
        assert!(text.starts_with("//! "), "{} has no header", path.display());
    }
}

#[test]
fn pure_modules_name_nothing_impure_and_nothing_to_their_right() {
    for (path, text) in sources() {
        let Some(place) = DIRECTION.iter().position(|name| *name == module(&path)) else {
            continue;
        };
        for name in IMPURE {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
        // The conditions' words live beside the resources; facts of the account are read by every rule.
        for right in &DIRECTION[place + 1..] {
            let names = text.contains(&format!("crate::{right}::")) || text.contains(&format!("crate::{right};"));
            assert!(!names, "{} names crate::{right}, which lies to its right", path.display());
        }
    }
}

#[test]
fn every_reason_is_used() {
    let texts: Vec<String> =
        sources().into_iter().filter(|(path, _)| !path.ends_with("api/conditions/reasons.rs")).map(|(_, text)| text).collect();
    for reason in Reason::ALL {
        let name = format!("Reason::{}", reason.as_str());
        assert!(texts.iter().any(|text| text.contains(&name)), "{name} is never given: remove it");
    }
}
