//! The committed definitions, in `crds/` and in their chart, are those of the types; `UPDATE_CRDS=1` writes them anew.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use hipaa_operator::api::all_definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;

const LIMIT: usize = 200_000;

/// Compares the folder with what the definitions say after `change`, or writes it anew.
fn committed(folder: &str, change: impl Fn(&mut CustomResourceDefinition)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let update = std::env::var_os("UPDATE_CRDS").is_some();
    let mut expected = Vec::new();
    for mut definition in all_definitions() {
        change(&mut definition);
        let file = format!("{}.yaml", definition.name_any());
        let yaml = serde_saphyr::to_string(&definition).expect("a definition can be written as YAML");
        if update {
            std::fs::write(path.join(&file), &yaml).expect("the folder can be written to");
        }
        let committed = std::fs::read_to_string(path.join(&file)).unwrap_or_default();
        assert!(committed == yaml, "{folder}/{file} is not what the types say; run `UPDATE_CRDS=1 cargo test --test crds` and commit it");
        expected.push(file);
    }
    let mut found: Vec<String> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{folder} holds a file for each kind and nothing else");
}

#[test]
fn committed_definitions_are_those_of_the_types() {
    committed("crds", |_| {});
}

#[test]
fn the_charts_copies_are_those_of_the_types_and_outlive_a_release() {
    committed("charts/hipaa-operator-crds/templates", |definition| {
        definition.annotations_mut().insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
        let json = serde_json::to_string(definition).unwrap();
        assert!(!json.contains("{{"), "{}: Helm would take this for a template", definition.name_any());
    });
}

/// How many schemas have a default; a property may be called so.
fn defaults(value: &serde_json::Value, of_properties: bool) -> usize {
    match value {
        serde_json::Value::Object(map) => {
            let own = usize::from(!of_properties && map.contains_key("default"));
            own + map.iter().map(|(key, value)| defaults(value, !of_properties && key == "properties")).sum::<usize>()
        }
        serde_json::Value::Array(values) => values.iter().map(|value| defaults(value, false)).sum(),
        _ => 0,
    }
}

#[test]
fn definitions_stay_small_and_default_nothing_but_the_status() {
    for definition in all_definitions() {
        let json = serde_json::to_string(&definition).unwrap();
        assert!(json.len() < LIMIT, "{} has {} bytes", definition.name_any(), json.len());
        let defaults = defaults(&serde_json::to_value(&definition).unwrap(), false);
        assert_eq!(defaults, 1, "{}: GitOps tools see every default as a difference", definition.name_any());
        assert!(json.contains(r#""default":{"observedGeneration":-1}"#));
        assert!(!json.contains("uint"), "{}: the API server knows no unsigned formats", definition.name_any());
    }
}
