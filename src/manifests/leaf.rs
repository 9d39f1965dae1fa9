//! Single values against their schema: type, enumeration, pattern, length and range.

use regex::Regex;
use serde_json::Value;

use super::node::{Data, Node};
use super::structure::Walk;
use super::words;

/// Why the value is not of the type the schema asks for, and what to write instead; none if it is.
pub(super) fn wrong_type(schema: &Value, node: &Node) -> Option<String> {
    let wanted = if schema["x-kubernetes-int-or-string"] == true { "int-or-string" } else { schema["type"].as_str()? };
    let fits = match (wanted, &node.data) {
        ("object", Data::Map(_)) | ("array", Data::List(_)) => true,
        ("int-or-string", Data::Leaf(value)) => value.is_string() || is_whole(value),
        ("string", Data::Leaf(value)) => value.is_string(),
        ("integer", Data::Leaf(value)) => is_whole(value),
        ("number", Data::Leaf(value)) => value.is_number(),
        ("boolean", Data::Leaf(value)) => value.is_boolean(),
        _ => false,
    };
    if fits {
        return None;
    }
    let found = node.described();
    let instead = match (wanted, &node.data) {
        ("string", Data::Leaf(Value::Number(_) | Value::Bool(_))) => {
            let written = node.text.clone().unwrap_or_else(|| node.value().to_string());
            format!("quote it: write {}", words::quoted(&written))
        }
        ("integer" | "number", Data::Leaf(Value::String(text))) if text.parse::<f64>().is_ok() => {
            format!("remove the quotes: write {}", words::clipped(text))
        }
        ("boolean", Data::Leaf(Value::String(text))) if text == "true" || text == "false" => {
            format!("remove the quotes: write {text}")
        }
        ("string", _) => "write text".to_owned(),
        ("integer", _) => "write a whole number".to_owned(),
        ("int-or-string", _) => "write a whole number or text".to_owned(),
        ("number", _) => "write a number".to_owned(),
        ("boolean", _) => "write true or false".to_owned(),
        ("array", _) => "write a list, one `- ` line for each item".to_owned(),
        _ => "write its fields below it, one `name: value` line for each".to_owned(),
    };
    Some(words::advised(format!("{found} cannot stand here: {instead}"), schema))
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// Checks a value that is neither list nor map and has the right type.
pub(super) fn check(walk: &mut Walk<'_>, schema: &Value, node: &Node, value: &Value) {
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        walk.block(node.line, outside_enum(allowed, value));
    }
    match value {
        Value::String(text) => {
            walk.count(schema, node.line, text.chars().count(), ("minLength", "maxLength"), "characters");
            if let Some(pattern) = schema["pattern"].as_str() {
                pattern_check(walk, schema, node.line, text, pattern);
            }
        }
        Value::Number(number) => {
            range_check(walk, schema, node, number.as_f64().unwrap_or(f64::INFINITY));
        }
        _ => {}
    }
}

fn outside_enum(allowed: &[Value], value: &Value) -> String {
    let names = allowed.iter().filter_map(Value::as_str);
    let nearest = value.as_str().and_then(|text| words::nearest(text, names));
    let allowed = || allowed.iter().filter(|value| !value.is_null()).map(words::shown);
    let instead =
        nearest.map_or_else(|| format!("write {}", words::any_of(allowed())), |meant| format!("did you mean {}?", words::quoted(meant)));
    format!("{} is not allowed here: {instead}", words::shown(value))
}

fn pattern_check(walk: &mut Walk<'_>, schema: &Value, line: usize, text: &str, pattern: &str) {
    let compiled = walk.patterns.entry(pattern.to_owned());
    let compiled = compiled.or_insert_with(|| Regex::new(pattern).ok());
    let Some(compiled) = compiled else {
        let message = format!("cannot be checked, for the definition's pattern {pattern} is not readable: mend the definition");
        walk.block(line, message);
        return;
    };
    if compiled.is_match(text) {
        return;
    }
    let text = words::quoted(text);
    let message = match words::advice(schema) {
        advice if advice.is_empty() => {
            format!("{text} does not fit: write text that matches {pattern}")
        }
        advice => format!("{text} does not fit: {advice} (matching {pattern})"),
    };
    walk.note(line, message);
}

/// Checks a number against the bounds of the schema and of its format.
fn range_check(walk: &mut Walk<'_>, schema: &Value, node: &Node, number: f64) {
    let bound = |name: &str| schema[name].as_f64();
    let written = || node.described();
    if let Some(least) = bound("minimum") {
        if number < least {
            walk.note(node.line, words::advised(format!("{} is too small: write {least} or more", written()), schema));
        } else if number <= least && schema["exclusiveMinimum"] == true {
            walk.note(node.line, words::advised(format!("{} is too small: write more than {least}", written()), schema));
        }
    }
    if let Some(most) = bound("maximum") {
        if number > most {
            walk.note(node.line, words::advised(format!("{} is too large: write {most} or less", written()), schema));
        } else if number >= most && schema["exclusiveMaximum"] == true {
            walk.note(node.line, words::advised(format!("{} is too large: write less than {most}", written()), schema));
        }
    }
    if let Some(step) = bound("multipleOf").filter(|step| *step > 0.0 && (number / step).fract() != 0.0) {
        walk.note(node.line, words::advised(format!("{} is not a multiple of {step}: write one", written()), schema));
    }
    let (least, beyond) = match schema["format"].as_str() {
        Some("int32") => (-2_147_483_648.0, 2_147_483_648.0),
        Some("int64") => (-9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0),
        _ => return,
    };
    if !(least..beyond).contains(&number) {
        walk.note(node.line, format!("{} is outside what this field can hold: write a number nearer to zero", written()));
    }
}
