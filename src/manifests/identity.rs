//! What every object must say of itself: `apiVersion`, `kind`, a name, and a namespace where it has one.

use serde_json::Value;

use super::catalog::Kind;
use super::node::Node;
use super::problem::{Finding, Subject};
use super::{defaults, words};

/// The namespace of an object that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// The value of a text field the object must have.
///
/// # Errors
/// Returns that it is missing or no text.
pub(super) fn required<'n>(root: &'n Node, parent: Option<&'n Node>, field: &str, example: &str) -> Result<&'n str, Finding> {
    let name = field.rsplit('.').next().unwrap_or(field);
    let line = root.line_of(field);
    match parent.and_then(|parent| parent.get(name)) {
        Some(node) if node.as_str().is_some_and(|text| !text.is_empty()) => Ok(node.as_str().unwrap_or_default()),
        Some(node) if !node.is_null() && node.as_str().is_none() => {
            let instead = node
                .text
                .as_ref()
                .map_or_else(|| format!("write text, such as {example}"), |text| format!("quote it: write {}", words::quoted(text)));
            Err(Finding::fatal(line, field, format!("{} cannot stand here: {instead}", node.described())))
        }
        _ => Err(Finding::fatal(line, field, format!("missing: add `{field}`, such as {example}"))),
    }
}

/// Who the object is, as far as it says.
pub(super) fn subject(root: &Node, kind: Option<&Kind>) -> Option<Box<Subject>> {
    let metadata = |name| root.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Node::as_str);
    let own = root.get("kind").and_then(Node::as_str).filter(|own| !own.is_empty())?;
    let default = kind.filter(|kind| kind.is_namespaced).map(|_| DEFAULT_NAMESPACE);
    Some(Box::new(Subject {
        kind: words::clipped(own),
        namespace: metadata("namespace").filter(|given| !given.is_empty()).or(default).map(words::clipped),
        name: words::clipped(metadata("name").unwrap_or_default()),
    }))
}

/// An object of a defined kind as the API server would store it.
pub(super) fn settled(root: &Node, kind: &Kind) -> Value {
    let mut value = root.value();
    defaults::fill_in(&kind.schema, &mut value);
    let is_given = value["metadata"]["namespace"].as_str().is_some_and(|given| !given.is_empty());
    if let Some(metadata) = value["metadata"].as_object_mut() {
        if !kind.is_namespaced {
            metadata.remove("namespace");
        } else if !is_given {
            metadata.insert("namespace".to_owned(), DEFAULT_NAMESPACE.into());
        }
    }
    value
}

/// Checks the name and the namespace of an object of a defined kind.
pub(super) fn check(root: &Node, kind: &Kind) -> Vec<Finding> {
    let mut found = Vec::new();
    let metadata = root.get("metadata");
    let text = |name| metadata.and_then(|metadata| metadata.get(name)).and_then(Node::as_str);
    let finding = |field: &str, message| Finding::minor(root.line_of(field), field, message);
    if let Some(name) = text("name").filter(|name| !name.is_empty() && !is_subdomain(name)) {
        let message = format!(
            "{} is not a name: write lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit, at most 253 characters",
            words::quoted(name)
        );
        found.push(finding("metadata.name", message));
    }
    let namespace = text("namespace").filter(|namespace| !namespace.is_empty());
    let message = match namespace {
        Some(namespace) if !kind.is_namespaced => {
            format!("{} lives in no namespace: remove `namespace: {}`", kind.name, words::clipped(namespace))
        }
        Some(namespace) if !is_label(namespace) => format!(
            "{} is not a namespace: write lower-case letters, digits and `-`, beginning and ending with a letter or digit, at most 63 characters",
            words::quoted(namespace)
        ),
        _ => return found,
    };
    found.push(finding("metadata.namespace", message));
    found
}

fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label_shaped)
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_label_shaped(name)
}

fn is_label_shaped(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
}
