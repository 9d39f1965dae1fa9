//! A document as read, each part with the line it was written on.

use std::collections::BTreeMap;

use serde_json::Value;

use super::words;

/// One value of a document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it is written, counted from 1; the line of its key where it has one.
    pub line: usize,
    /// A plain (unquoted) scalar as written, for `007` is no longer `007` once it is a number.
    pub text: Option<String>,
    /// The value itself.
    pub data: Data,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Null, a truth value, a number or text.
    Leaf(Value),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(BTreeMap<String, Node>),
}

impl Node {
    /// The value without the positions.
    pub fn value(&self) -> Value {
        match &self.data {
            Data::Leaf(leaf) => leaf.clone(),
            Data::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Data::Map(entries) => Value::Object(entries.iter().map(|(key, node)| (key.clone(), node.value())).collect()),
        }
    }

    /// The entry of a map; none if it has none, or is no map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The text of a text leaf.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Leaf(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is written here.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Leaf(Value::Null))
    }

    /// What is written here, in words.
    pub fn described(&self) -> String {
        let written = |shown: &Value| self.text.clone().unwrap_or_else(|| shown.to_string());
        match &self.data {
            Data::Leaf(Value::Null) => "nothing".to_owned(),
            Data::Leaf(Value::String(text)) => format!("the text {}", words::quoted(text)),
            Data::Leaf(number @ Value::Number(_)) => {
                format!("the number {}", words::clipped(&written(number)))
            }
            Data::Leaf(other) => format!("the truth value {}", words::clipped(&written(other))),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map of fields".to_owned(),
        }
    }

    /// The line of a field such as `spec.models[1]` or `metadata.labels[example.com/a]`; of the nearest enclosing
    /// field that exists if it does not.
    pub fn line_of(&self, field: &str) -> usize {
        let (mut node, mut rest) = (self, field);
        while let Some((step, after)) = next_step(rest) {
            let inner = match &node.data {
                Data::Map(entries) => entries.get(step),
                Data::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                Data::Leaf(_) => None,
            };
            match inner {
                Some(inner) => (node, rest) = (inner, after),
                None => break,
            }
        }
        node.line
    }

    /// About how much memory a copy takes, to bound what aliases multiply.
    pub fn weight(&self) -> usize {
        const EMPTY: usize = 64;
        let text = self.text.as_ref().map_or(0, String::len);
        let inner: usize = match &self.data {
            Data::Leaf(Value::String(text)) => text.len(),
            Data::Leaf(_) => 0,
            Data::List(items) => items.iter().map(Node::weight).sum(),
            Data::Map(entries) => entries.iter().map(|(key, node)| key.len() + node.weight()).sum(),
        };
        EMPTY + text + inner
    }
}

/// Writes the step from a map into one of its entries, the way Kubernetes writes field paths.
pub(super) fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
    let key = words::clipped(key);
    if plain {
        path.push_str(if path.is_empty() { "" } else { "." });
        path.push_str(&key);
    } else {
        path.extend(["[", &key, "]"]);
    }
}

/// Writes the step from a list to one of its items.
pub(super) fn push_index(path: &mut String, index: usize) {
    path.extend(["[", &index.to_string(), "]"]);
}

/// Splits the first step off a field path; none when nothing more can be made out.
fn next_step(path: &str) -> Option<(&str, &str)> {
    if let Some(inner) = path.strip_prefix('[') {
        let (step, after) = inner.split_once(']')?;
        return Some((step.trim_matches(['\'', '"']), after));
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    let end = path.find(['.', '[']).unwrap_or(path.len());
    (end > 0).then(|| path.split_at(end))
}
