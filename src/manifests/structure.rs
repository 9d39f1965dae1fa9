//! A document against the schema of its kind, the way the API server checks it with strict field validation.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use serde_json::Value;

use super::node::{Data, Node, push_index, push_key};
use super::problem::Finding;
use super::{forms, leaf, words};

/// Patterns once compiled; none for those that cannot be.
pub(super) type Patterns = HashMap<String, Option<Regex>>;

/// One pass over a document.
pub(super) struct Walk<'p> {
    /// The field being looked at.
    pub path: String,
    /// Whether unknown fields count. They do not in the branches of `anyOf` and its kin, which are partial schemas.
    pub strict: bool,
    /// The patterns met so far.
    pub patterns: &'p mut Patterns,
    /// What was found so far.
    pub found: Vec<Finding>,
}

/// Checks a whole object.
pub(super) fn check(schema: &Value, root: &Node, patterns: &mut Patterns) -> Vec<Finding> {
    let mut walk = Walk { path: String::new(), strict: true, patterns, found: Vec::new() };
    walk.check(schema, root);
    walk.found
}

impl Walk<'_> {
    /// Notes something that does not keep the rules from being evaluated.
    pub fn note(&mut self, line: usize, message: impl Into<String>) {
        self.found.push(Finding::minor(line, self.path.clone(), message));
    }

    /// Notes something that rules would trip over.
    pub fn block(&mut self, line: usize, message: impl Into<String>) {
        self.found.push(Finding::fatal(line, self.path.clone(), message));
    }

    /// Checks one value and all within.
    pub fn check(&mut self, schema: &Value, node: &Node) {
        if node.is_null() && schema["nullable"] == true {
            return;
        }
        if let Some(message) = leaf::wrong_type(schema, node) {
            self.block(node.line, message);
            return;
        }
        match &node.data {
            Data::Map(entries) => self.map(schema, node, entries),
            Data::List(items) => self.list(schema, node, items),
            Data::Leaf(value) => leaf::check(self, schema, node, value),
        }
        forms::check(self, schema, node);
    }

    fn map(&mut self, schema: &Value, node: &Node, entries: &BTreeMap<String, Node>) {
        let empty = serde_json::Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let property = properties.get(name).unwrap_or(&Value::Null);
            if !is_given(entries.get(name), property) {
                self.at_key(name, |walk| {
                    let message = words::advised(format!("missing: add `{name}`"), property);
                    walk.block(node.line, message);
                });
            }
        }
        for (name, entry) in entries {
            self.at_key(name, |walk| match (properties.get(name), &schema["additionalProperties"]) {
                (Some(property), _) => walk.property(property, entry),
                (None, values @ Value::Object(_)) => walk.property(values, entry),
                (None, Value::Bool(true)) => {}
                (None, _) if !walk.strict || schema["x-kubernetes-preserve-unknown-fields"] == true => {}
                (None, _) => walk.note(entry.line, unknown(name, properties)),
            });
        }
        self.count(schema, node.line, entries.len(), ("minProperties", "maxProperties"), "entries");
    }

    /// Checks an entry of a map; one written as null where null is not allowed counts as not written.
    fn property(&mut self, schema: &Value, node: &Node) {
        if !node.is_null() {
            self.check(schema, node);
        }
    }

    fn list(&mut self, schema: &Value, node: &Node, items: &[Node]) {
        self.count(schema, node.line, items.len(), ("minItems", "maxItems"), "items");
        for (index, item) in items.iter().enumerate() {
            if schema["items"].is_object() {
                self.at_index(index, |walk| walk.check(&schema["items"], item));
            }
        }
        let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let what = match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => "this value".to_owned(),
            Some("map") => format!("this {}", keys.join(" and ")),
            _ => return,
        };
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let identity = if keys.is_empty() { item.value() } else { identity(schema, item, &keys) };
            if let Some(first) = seen.get(&identity.to_string()) {
                let message = format!("{what} is already in the list, at [{first}]: remove one of the two");
                self.at_index(index, |walk| walk.note(item.line, message));
            } else {
                seen.insert(identity.to_string(), index);
            }
        }
    }

    /// Checks how many there are against the two bounds of the schema.
    pub fn count(&mut self, schema: &Value, line: usize, count: usize, bounds: (&str, &str), what: &str) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if let Some(least) = schema[bounds.0].as_u64().filter(|least| count < *least) {
            let message = format!("{count} {what}, at least {least} are needed: add {}", least - count);
            self.note(line, words::advised(message, schema));
        }
        if let Some(most) = schema[bounds.1].as_u64().filter(|most| count > *most) {
            let message = format!("{count} {what}, at most {most} are allowed: remove {}", count - most);
            self.block(line, words::advised(message, schema));
        }
    }

    fn at_key(&mut self, key: &str, look: impl FnOnce(&mut Self)) {
        let here = self.path.len();
        push_key(&mut self.path, key);
        look(self);
        self.path.truncate(here);
    }

    fn at_index(&mut self, index: usize, look: impl FnOnce(&mut Self)) {
        let here = self.path.len();
        push_index(&mut self.path, index);
        look(self);
        self.path.truncate(here);
    }
}

/// Whether a field has a value: written, or filled in from its default; null counts only where it is allowed.
pub(super) fn is_given(entry: Option<&Node>, schema: &Value) -> bool {
    let is_written = entry.is_some_and(|node| !node.is_null() || schema["nullable"] == true);
    is_written || !schema["default"].is_null()
}

fn unknown(name: &str, properties: &serde_json::Map<String, Value>) -> String {
    let name = words::clipped(name);
    if let Some(meant) = words::nearest(&name, properties.keys().map(String::as_str)) {
        return format!("unknown field `{name}`: did you mean `{meant}`?");
    }
    let known = words::any_of(properties.keys().map(|known| format!("`{known}`")));
    format!("unknown field `{name}`: remove it, or write {known}")
}

/// What makes an item of a list of type map distinct, defaults included.
fn identity(schema: &Value, item: &Node, keys: &[&str]) -> Value {
    let of = |key: &&str| match item.get(key) {
        Some(node) if !node.is_null() => node.value(),
        _ => schema["items"]["properties"][*key]["default"].clone(),
    };
    keys.iter().map(of).collect()
}
