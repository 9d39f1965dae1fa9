//! Manifests read without a cluster, and judged as the API server would judge them on creation.
//!
//! [`load`] takes the texts of files and the definitions of the kinds to be judged. What it finds wrong it tells with
//! file, line, object, field, and what to write instead. Objects of other groups pass with little more than a look at
//! their names.

mod catalog;
mod compose;
mod defaults;
mod forms;
mod identity;
mod leaf;
mod loader;
mod manifest;
mod node;
mod problem;
mod reuse;
mod rules;
mod scalar;
mod structure;
#[cfg(test)]
mod tests;
mod words;
mod yaml;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
pub use manifest::{Manifest, parse};
pub use problem::{Problem, Severity, Subject};

/// The text of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What to call it in problems, such as its path.
    pub name: String,
    /// Its content: YAML of one or more documents, or JSON.
    pub text: String,
}

/// What [`load`] made of the sources.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The objects that can be used, in the order they are written; some may break rules, as the problems tell.
    pub manifests: Vec<Manifest>,
    /// Everything that is wrong, ordered by source and line.
    pub problems: Vec<Problem>,
}

/// Reads all objects of all sources and checks those of the definitions' groups in full: fields, types, bounds, names
/// and CEL rules. Lists are unpacked, empty documents skipped.
///
/// A text that cannot be read is a problem among the others, so this neither fails nor panics.
#[must_use]
pub fn load(sources: &[Source], definitions: &[CustomResourceDefinition]) -> Loaded {
    let catalog = catalog::Catalog::new(definitions);
    let mut loader = loader::Loader::new(&catalog);
    for source in sources {
        loader.source(source);
    }
    loader.finish()
}
