//! `allOf`, `anyOf`, `oneOf` and `not`: partial schemas a value must fit in some combination.

use serde_json::Value;

use super::node::Node;
use super::problem::Finding;
use super::structure::Walk;
use super::words;

/// Checks a value against the combinations the schema states.
pub(super) fn check(walk: &mut Walk<'_>, schema: &Value, node: &Node) {
    for part in branches(schema, "allOf") {
        let found = try_part(walk, part, node);
        walk.found.extend(found);
    }
    for (name, alone) in [("anyOf", false), ("oneOf", true)] {
        let parts = branches(schema, name);
        let tried: Vec<Vec<Finding>> = parts.iter().map(|part| try_part(walk, part, node)).collect();
        let fitting = tried.iter().filter(|found| found.is_empty()).count();
        if parts.is_empty() || fitting == 1 || (fitting > 1 && !alone) {
            continue;
        }
        let message = if fitting > 1 { too_many(parts) } else { none_fits(parts, &tried) };
        walk.note(node.line, words::advised(message, schema));
    }
    if schema["not"].is_object() && try_part(walk, &schema["not"], node).is_empty() {
        let message = match required(&schema["not"]) {
            Some(names) => format!("must not be together here: remove {}", words::any_of(names)),
            None => format!("{} is not allowed here: write something else", node.described()),
        };
        walk.note(node.line, words::advised(message, schema));
    }
}

fn branches<'s>(schema: &'s Value, name: &str) -> &'s [Value] {
    schema[name].as_array().map_or(&[], Vec::as_slice)
}

/// What is wrong with the value if it is to fit this part, without noting it.
fn try_part(walk: &mut Walk<'_>, part: &Value, node: &Node) -> Vec<Finding> {
    let mut inner = Walk { path: walk.path.clone(), strict: false, patterns: walk.patterns, found: Vec::new() };
    inner.check(part, node);
    inner.found
}

/// The fields a part requires, if that is what it is about.
fn required(part: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = part["required"].as_array()?.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then_some(names)
}

fn alternatives(parts: &[Value]) -> Option<String> {
    let names: Option<Vec<String>> = parts.iter().map(|part| required(part).map(|names| names.join(" with "))).collect();
    names.map(words::any_of)
}

fn too_many(parts: &[Value]) -> String {
    match alternatives(parts) {
        Some(names) => format!("more than one alternative is written: keep only {names}"),
        None => "fits more than one of the forms allowed here: keep only one".to_owned(),
    }
}

fn none_fits(parts: &[Value], tried: &[Vec<Finding>]) -> String {
    if let Some(names) = alternatives(parts) {
        return format!("none of the alternatives is written: add {names}");
    }
    let mut wrong: Vec<&str> = tried.iter().filter_map(|found| found.first()).map(|first| first.message.as_str()).collect();
    wrong.dedup();
    format!("fits none of the forms allowed here: {}", wrong.join("; or: "))
}
