//! The kinds the definitions describe, and where an object stands towards them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_cel::CompiledSchema;
use serde_json::{Value, json};

use super::node::Node;
use super::problem::Finding;
use super::words;

/// One served version of a kind.
pub(super) struct Kind {
    pub group: String,
    pub api_version: String,
    pub name: String,
    pub is_namespaced: bool,
    pub schema: Value,
    pub rules: CompiledSchema,
}

/// Where an object stands.
pub(super) enum Standing<'c> {
    /// A kind that is defined: to be checked in full.
    Defined(&'c Kind),
    /// An object of another group, which is not ours to judge.
    Foreign,
    /// Meant as a defined kind, but not written as one.
    Mistaken(Finding),
}

/// All kinds of all definitions.
pub(super) struct Catalog(Vec<Kind>);

impl Catalog {
    /// Takes the served versions of the definitions.
    pub fn new(definitions: &[CustomResourceDefinition]) -> Self {
        let kinds = definitions.iter().flat_map(|definition| {
            let spec = &definition.spec;
            spec.versions.iter().filter(|version| version.served).map(move |version| {
                let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
                let schema = whole_object(schema.and_then(|schema| serde_json::to_value(schema).ok()));
                Kind {
                    group: spec.group.clone(),
                    api_version: format!("{}/{}", spec.group, version.name),
                    name: spec.names.kind.clone(),
                    is_namespaced: spec.scope == "Namespaced",
                    rules: kube_cel::compile_schema(&schema),
                    schema,
                }
            })
        });
        Self(kinds.collect())
    }

    /// The kind of an object, if it is one of the defined ones.
    pub fn find(&self, root: &Node) -> Option<&Kind> {
        let text = |name| root.get(name).and_then(Node::as_str);
        let (api_version, kind) = (text("apiVersion")?, text("kind")?);
        self.0.iter().find(|known| known.api_version == api_version && known.name == kind)
    }

    /// Finds where an object stands from its `apiVersion` and `kind`.
    pub fn standing(&self, root: &Node, api_version: &str, kind: &str) -> Standing<'_> {
        if let Some(found) = self.find(root) {
            return Standing::Defined(found);
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let group_exists = self.0.iter().any(|known| known.group == group);
        let mut groups = self.0.iter().map(|known| known.group.as_str());
        // A slip in the group would otherwise let an object pass as somebody else's, unchecked.
        let is_meant = group_exists || group.is_empty() || words::nearest(group, &mut groups).is_some();
        let of_kind = |known: &&Kind| known.name == kind && (!group_exists || known.group == group);
        let versions: Vec<String> = self.0.iter().filter(of_kind).map(|known| format!("`{}`", known.api_version)).collect();
        if is_meant && !versions.is_empty() {
            let message = format!("{} does not serve {kind}: write {}", words::quoted(api_version), words::any_of(versions));
            let line = root.line_of("apiVersion");
            return Standing::Mistaken(Finding::fatal(line, "apiVersion", message));
        }
        if group_exists {
            let message = self.unknown_kind(group, kind);
            return Standing::Mistaken(Finding::fatal(root.line_of("kind"), "kind", message));
        }
        Standing::Foreign
    }

    fn unknown_kind(&self, group: &str, kind: &str) -> String {
        let mut kinds: Vec<&str> = self.0.iter().filter(|known| known.group == group).map(|known| known.name.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let kind = words::clipped(kind);
        let instead = match words::nearest(&kind, kinds.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write {}", words::any_of(kinds.iter().map(|known| format!("`{known}`")))),
        };
        format!("the group {group} has no kind `{kind}`: {instead}")
    }
}

/// The schema with the fields every object has, which definitions leave to the API server. A definition without a
/// schema accepts none but these.
fn whole_object(schema: Option<Value>) -> Value {
    let mut schema = schema.filter(Value::is_object).unwrap_or_else(|| json!({}));
    schema["type"] = json!("object");
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = metadata();
    schema
}

fn metadata() -> Value {
    let text = json!({"type": "string"});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let objects = json!({"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({"type": "object", "properties": {
        "name": text, "generateName": text, "namespace": text, "uid": text, "resourceVersion": text, "selfLink": text,
        "creationTimestamp": text, "deletionTimestamp": text, "generation": {"type": "integer"},
        "deletionGracePeriodSeconds": {"type": "integer"}, "labels": texts, "annotations": texts,
        "finalizers": {"type": "array", "items": text}, "ownerReferences": objects, "managedFields": objects,
    }})
}
