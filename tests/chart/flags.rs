//! The Deployment sets the program's flags by their environment variables.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::helm::{NAMESPACE, OPERATOR, objects, only, render};
use crate::support::operator::binary;

/// Flags that the chart leaves alone: for emulators only.
const LEFT_OUT: [&str; 1] = ["HIPAA_OPERATOR_ALLOW_ENDPOINT_OVERRIDE"];

/// The variables of the rendered Deployment as its first pod would get them.
pub fn environment(rendered: &[Value]) -> Vec<(String, String)> {
    let container = only(rendered, "Deployment").pointer("/spec/template/spec/containers/0").expect("it has a container");
    let variables = container["env"].as_array().expect("it has an environment").iter();
    let value = |variable: &Value| match variable.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str) {
        None => variable["value"].as_str().unwrap_or_else(|| panic!("{variable} has no value")).to_owned(),
        Some("metadata.namespace") => NAMESPACE.to_owned(),
        Some("metadata.name") => format!("{OPERATOR}-0"),
        Some(other) => panic!("{other} is no field that this test knows"),
    };
    variables.map(|variable| (variable["name"].as_str().expect("a variable has a name").to_owned(), value(variable))).collect()
}

#[test]
fn every_flag_is_set_by_its_variable_and_no_variable_is_unknown() {
    let help = Command::new(binary()).args(["run", "--help"]).env_clear().output().expect("the program can be started");
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: BTreeSet<_> = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).map(str::to_owned).collect();
    assert!(flags.len() > 5, "{help}");
    let rendered = objects(&render(OPERATOR, &[]).unwrap());
    let set: BTreeSet<_> = environment(&rendered).into_iter().map(|(name, _)| name).collect();
    let unknown: Vec<_> = set.difference(&flags).collect();
    assert!(unknown.is_empty(), "the Deployment sets what `hipaa-operator run` does not know: {unknown:?}");
    let unset: Vec<_> = flags.difference(&set).filter(|name| !LEFT_OUT.contains(&name.as_str())).collect();
    assert!(unset.is_empty(), "`hipaa-operator run` knows what the Deployment does not set: {unset:?}");
}
