//! What is wrong with a manifest, said so that the reader can put it right.

use std::fmt;

/// How much a problem spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document cannot be taken as the object it claims to be; it is not among the loaded manifests.
    Unusable,
    /// The object reads well, but breaks a rule its definition states; it stays among the loaded manifests.
    RuleBroken,
}

/// The object a problem is about, as far as the document tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The object's kind.
    pub kind: String,
    /// Its namespace; none where the kind has none, or where none is written on an object of another group.
    pub namespace: Option<String>,
    /// Its name; empty where the document gives none.
    pub name: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        match (&self.namespace, self.name.as_str()) {
            (_, "") => Ok(()),
            (Some(namespace), name) => write!(f, " {namespace}/{name}"),
            (None, name) => write!(f, " {name}"),
        }
    }
}

/// One thing wrong with one file, displayed as `FILE:LINE: KIND NAMESPACE/NAME: FIELD: MESSAGE`
/// (the parts that are not known are left out).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the source, as it was given.
    pub file: String,
    /// The line to look at, counted from 1.
    pub line: usize,
    /// The object concerned; none where the text could not be read as an object. Boxed to keep errors small.
    pub subject: Option<Box<Subject>>,
    /// The field concerned, such as `spec.models[1]`; empty where it is the whole document.
    pub field: String,
    /// What is wrong and what to write instead.
    pub message: String,
    /// What the problem means for the object.
    pub severity: Severity,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// A problem inside one document, before the file and the object are known.
#[derive(Debug)]
pub(super) struct Finding {
    /// The line to look at, counted from 1 in the file.
    pub line: usize,
    /// The field, empty for the whole document.
    pub field: String,
    /// What is wrong and what to write instead.
    pub message: String,
    /// Whether rules would trip over it, so that they are not worth evaluating before it is put right.
    pub blocking: bool,
    /// What it means for the object.
    pub severity: Severity,
}

impl Finding {
    /// A finding that keeps the document from being understood.
    pub fn fatal(line: usize, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { line, field: field.into(), message: message.into(), blocking: true, severity: Severity::Unusable }
    }

    /// A finding that leaves the rules worth evaluating.
    pub fn minor(line: usize, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { blocking: false, ..Self::fatal(line, field, message) }
    }
}
