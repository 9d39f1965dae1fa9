//! The way of a source to manifests and problems.

use kube_cel::Validator;
use serde_json::Value;

use super::catalog::{Catalog, Kind, Standing};
use super::node::{Data, Node};
use super::problem::{Finding, Problem, Severity};
use super::structure::Patterns;
use super::{Loaded, Manifest, Source, identity, rules, structure, yaml};

/// What is needed to judge objects, and what came of it so far.
pub(super) struct Loader<'c> {
    catalog: &'c Catalog,
    validator: Validator,
    patterns: Patterns,
    loaded: Loaded,
}

impl<'c> Loader<'c> {
    /// Starts with nothing loaded.
    pub fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, validator: Validator::new(), patterns: Patterns::new(), loaded: Loaded::default() }
    }

    /// What was loaded.
    pub fn finish(self) -> Loaded {
        self.loaded
    }

    /// Takes all documents of a source.
    pub fn source(&mut self, source: &Source) {
        let before = self.loaded.problems.len();
        let (documents, findings) = yaml::read(&source.text);
        self.tell(&source.name, None, findings);
        for document in documents {
            let is_sound = document.flaws.is_empty();
            self.tell(&source.name, Some(&document.root), document.flaws);
            self.unpack(&source.name, document.root, is_sound);
        }
        // Stable, so that what is found on one line stays in the order it was found.
        self.loaded.problems[before..].sort_by_key(|problem| problem.line);
    }

    /// Takes an object, or each object of a list.
    fn unpack(&mut self, file: &str, root: Node, is_sound: bool) {
        if !matches!(root.data, Data::Map(_)) {
            let message = format!("{} is no Kubernetes object: write `apiVersion`, `kind`, `metadata` and `spec`", root.described());
            self.tell(file, None, vec![Finding::fatal(root.line, "", message)]);
            return;
        }
        match into_items(root) {
            Ok(items) => {
                for item in items {
                    self.unpack(file, item, is_sound);
                }
            }
            Err(root) => self.object(file, root, is_sound),
        }
    }

    fn object(&mut self, file: &str, root: Node, is_sound: bool) {
        let (found, value) = self.judge(&root);
        let is_usable = found.iter().all(|finding| finding.severity != Severity::Unusable);
        self.tell(file, Some(&root), found);
        if let Some(value) = value.filter(|_| is_sound && is_usable) {
            let (file, line) = (file.to_owned(), root.line);
            self.loaded.manifests.push(Manifest { file, line, value, root });
        }
    }

    /// What is wrong with an object, and its value if it got as far as that.
    fn judge(&mut self, root: &Node) -> (Vec<Finding>, Option<Value>) {
        let api_version = identity::required(root, Some(root), "apiVersion", "v1");
        let kind = identity::required(root, Some(root), "kind", "ConfigMap");
        let metadata = root.get("metadata");
        let name = identity::required(root, metadata, "metadata.name", "production").err();
        let catalog = self.catalog;
        let standing = match (api_version, kind) {
            (Ok(api_version), Ok(kind)) => catalog.standing(root, api_version, kind),
            (api_version, kind) => {
                let found = [api_version.err(), kind.err(), name];
                return (found.into_iter().flatten().collect(), None);
            }
        };
        match standing {
            Standing::Defined(kind) => self.judge_defined(root, kind, name),
            Standing::Mistaken(finding) => (std::iter::once(finding).chain(name).collect(), None),
            Standing::Foreign => (name.into_iter().collect(), Some(root.value())),
        }
    }

    /// Checks an object of a defined kind: first its form, then the rules, unless the form would trip them up.
    fn judge_defined(&mut self, root: &Node, kind: &Kind, name: Option<Finding>) -> (Vec<Finding>, Option<Value>) {
        let mut found = structure::check(&kind.schema, root, &mut self.patterns);
        // The walk tells of a name of the wrong type, too.
        found.extend(name.filter(|name| !found.iter().any(|known| known.field == name.field)));
        found.extend(identity::check(root, kind));
        if found.iter().any(|finding| finding.blocking) {
            return (found, None);
        }
        let value = identity::settled(root, kind);
        found.extend(rules::check(&self.validator, kind, root, &value));
        (found, Some(value))
    }

    fn tell(&mut self, file: &str, root: Option<&Node>, found: Vec<Finding>) {
        let subject = root.and_then(|root| identity::subject(root, self.catalog.find(root)));
        let problems = found.into_iter().map(|finding| Problem {
            file: file.to_owned(),
            line: finding.line,
            subject: subject.clone(),
            field: finding.field,
            message: finding.message,
            severity: finding.severity,
        });
        self.loaded.problems.extend(problems);
    }
}

/// The items of an object of a `List` kind; the object itself if it is none.
fn into_items(mut root: Node) -> Result<Vec<Node>, Node> {
    let kind = root.get("kind").and_then(Node::as_str);
    if !kind.is_some_and(|kind| kind.ends_with("List")) {
        return Err(root);
    }
    let items = match &mut root.data {
        Data::Map(entries) => entries.get_mut("items"),
        _ => None,
    };
    match items.map(|items| &mut items.data) {
        Some(Data::List(items)) => Ok(std::mem::take(items)),
        _ => Err(root),
    }
}
