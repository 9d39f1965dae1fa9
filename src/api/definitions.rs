//! The custom resource definitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON, JSONSchemaProps};
use kube::CustomResourceExt;
use serde_json::json;

use super::{BedrockAccess, PhiEnvironment, PhiWorkload};

/// The definitions of all kinds, ready to be applied.
///
/// Beside what the types say, each status has the default `{observedGeneration: -1}`, so that kstatus does not take an object
/// that no controller has seen for current (<https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus>).
#[must_use]
pub fn all_definitions() -> Vec<CustomResourceDefinition> {
    [PhiEnvironment::crd(), PhiWorkload::crd(), BedrockAccess::crd()].into_iter().map(with_status_default).collect()
}

fn with_status_default(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|root| root.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({"observedGeneration": -1})));
            status.nullable = None;
        }
        if let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            shorten_foreign_descriptions(root);
        }
    }
    definition
}

/// Drops the long descriptions of Kubernetes' own types (selectors, conditions): their documentation is elsewhere, and each
/// definition has to stay small.
fn shorten_foreign_descriptions(schema: &mut JSONSchemaProps) {
    let foreign = schema
        .properties
        .as_ref()
        .is_some_and(|properties| properties.contains_key("matchExpressions") || properties.contains_key("lastTransitionTime"));
    if foreign {
        drop_descriptions_below(schema);
        return;
    }
    for_each_child(schema, shorten_foreign_descriptions);
}

fn drop_descriptions_below(schema: &mut JSONSchemaProps) {
    for_each_child(schema, |child| {
        child.description = None;
        drop_descriptions_below(child);
    });
}

fn for_each_child(schema: &mut JSONSchemaProps, mut visit: impl FnMut(&mut JSONSchemaProps)) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray;
    for child in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        visit(child);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        visit(items);
    }
}
