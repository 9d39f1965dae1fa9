//! A manifest that was loaded.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::node::Node;
use super::problem::{Problem, Severity, Subject};

/// One object of one file.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The name of the source it is from.
    pub file: String,
    /// The line its document, or its item of a list, begins on, counted from 1.
    pub line: usize,
    /// The object. Of a defined kind it is what the API server would store: defaults filled in, nulls that are not
    /// allowed dropped, the namespace `default` where none is written. Of other kinds it is what is written.
    pub value: Value,
    pub(super) root: Node,
}

impl Manifest {
    /// The kind, such as `Namespace`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// The version with its group, such as `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The object's namespace: always there for namespaced kinds that are defined, as written for other groups' kinds.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str()
    }

    /// The line of a field, written like `spec.models[1]`; of the nearest enclosing field in the file if the field
    /// itself is not there.
    #[must_use]
    pub fn line_of(&self, field: &str) -> usize {
        self.root.line_of(field)
    }

    /// A problem with a field of this manifest, for what callers find out themselves.
    #[must_use]
    pub fn problem(&self, field: &str, message: impl Into<String>, severity: Severity) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line_of(field),
            subject: Some(Box::new(Subject {
                kind: self.kind().to_owned(),
                namespace: self.namespace().map(str::to_owned),
                name: self.name().to_owned(),
            })),
            field: field.to_owned(),
            message: message.into(),
            severity,
        }
    }
}

/// Takes a loaded manifest as the type of its kind.
///
/// # Errors
/// Returns a [`Problem`] if the type accepts less than the definition that the manifest was checked against, or if the
/// manifest is of a group that was not checked.
pub fn parse<K: DeserializeOwned>(manifest: &Manifest) -> Result<K, Problem> {
    K::deserialize(&manifest.value).map_err(|error| {
        let message = format!("not a valid {}: {error}", manifest.kind());
        manifest.problem("", message, Severity::Unusable)
    })
}
