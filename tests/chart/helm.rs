//! Helm, as people run it, without anything of whoever runs the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::parts::parts;

/// The operator's chart.
pub const OPERATOR: &str = "hipaa-operator";
/// The chart with the definitions.
pub const DEFINITIONS: &str = "hipaa-operator-crds";
/// The namespace of the releases: not the one that the program has as its default.
pub const NAMESPACE: &str = "phi-system";

/// A file of this repository.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder of a chart.
pub fn chart(name: &str) -> String {
    file("charts").join(name).display().to_string()
}

/// Values of the operator's chart, each other than its default.
pub fn full_values() -> String {
    file("tests/chart/full-values.yaml").display().to_string()
}

/// Runs Helm against the cluster of `kubeconfig`, or against none. Gives what it prints, or what it says on failure.
pub fn helm(arguments: &[&str], kubeconfig: Option<&Path>) -> Result<String, String> {
    let home = TempDir::new().expect("there is a folder for temporary files");
    let mut command = Command::new(&parts().helm);
    command.args(arguments).env_clear().env("HOME", home.path()).env("KUBECONFIG", kubeconfig.unwrap_or(Path::new("/dev/null")));
    let output = command.output().expect("Helm can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stdout) + &text(&output.stderr)) }
}

/// What a chart renders to, with more arguments.
pub fn render(name: &str, more: &[&str]) -> Result<String, String> {
    let chart = chart(name);
    helm(&[&["template", name, &chart, "--namespace", NAMESPACE], more].concat(), None)
}

/// The objects of a rendered text.
pub fn objects(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The object of this kind; there is one.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "objects of kind {kind}");
    found[0]
}
