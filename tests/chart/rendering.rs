//! What Helm makes of the charts, without a cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::helm::{DEFINITIONS, NAMESPACE, OPERATOR, chart, file, full_values, helm, objects, only, render};

#[test]
fn helm_finds_no_fault() {
    helm(&["lint", "--strict", &chart(OPERATOR)], None).unwrap();
    helm(&["lint", "--strict", &chart(OPERATOR), "--values", &full_values()], None).unwrap();
    helm(&["lint", "--strict", &chart(DEFINITIONS)], None).unwrap();
}

#[test]
fn there_is_a_template_for_each_object_and_all_are_in_their_place() {
    let name = |object: &Value| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    };
    let found: BTreeSet<_> = objects(&render(OPERATOR, &[]).unwrap()).iter().map(name).collect();
    let own = |kind: &str, namespace: &str| (kind.to_owned(), namespace.to_owned(), OPERATOR.to_owned());
    let wanted = [
        own("ClusterRole", ""),
        own("ClusterRoleBinding", ""),
        ("ClusterRoleBinding".to_owned(), String::new(), "hipaa-operator-issuer".to_owned()),
        own("Deployment", NAMESPACE),
        own("PodDisruptionBudget", NAMESPACE),
        own("Role", "kube-system"),
        own("Role", NAMESPACE),
        own("RoleBinding", "kube-system"),
        own("RoleBinding", NAMESPACE),
        own("Service", NAMESPACE),
        own("ServiceAccount", NAMESPACE),
    ];
    assert_eq!(found, BTreeSet::from(wanted));
    let definitions = objects(&render(DEFINITIONS, &[]).unwrap());
    assert_eq!(definitions.len(), 3);
    for definition in definitions {
        assert_eq!(definition["kind"], "CustomResourceDefinition");
        assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
}

/// Archivers leave links out, and Helm never updates what lies in a chart's own folder `crds`.
#[test]
fn the_charts_hold_plain_files_in_places_that_helm_updates() {
    fn walk(folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            assert!(!kind.is_symlink(), "{} is a link", path.display());
            assert!(!path.ends_with("crds"), "{}", path.display());
            if kind.is_dir() {
                walk(&path);
            }
        }
    }
    walk(&file("charts"));
}

#[test]
fn versions_are_those_of_the_program() {
    for name in [OPERATOR, DEFINITIONS] {
        let about = objects(&fs::read_to_string(file("charts").join(name).join("Chart.yaml")).unwrap()).remove(0);
        assert_eq!((&about["name"], &about["version"]), (&json!(name), &json!(env!("CARGO_PKG_VERSION"))));
        assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn the_image_is_told_by_tag_or_digest() {
    let image = |more: &[&str]| {
        let rendered = objects(&render(OPERATOR, more).unwrap());
        only(&rendered, "Deployment").pointer("/spec/template/spec/containers/0/image").unwrap().as_str().unwrap().to_owned()
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(image(&[]), format!("hipaa-operator:{version}"));
    let values = full_values();
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    assert_eq!(image(&["--values", &values]), format!("images.example.com:5000/phi/hipaa-operator@{digest}"));
    assert_eq!(image(&["--values", &values, "--set", "image.digest="]), "images.example.com:5000/phi/hipaa-operator:9.9.9-rc.1");
}

#[test]
fn without_a_proxy_none_is_named() {
    let text = render(OPERATOR, &[]).unwrap();
    assert!(!text.contains("PROXY"), "{text}");
}

/// A cheap look at the permissions; [`crate::permissions`] proves them.
#[test]
fn permissions_name_what_they_are_for_and_go_to_the_operator_alone() {
    const TOO_MUCH: [&str; 5] = ["*", "secrets", "escalate", "bind", "impersonate"];
    let rendered = objects(&render(OPERATOR, &["--values", &full_values()]).unwrap());
    let mut rules = 0;
    for object in &rendered {
        for rule in object["rules"].as_array().into_iter().flatten() {
            let words = rule.as_object().unwrap().values().flat_map(|words| words.as_array().unwrap());
            for word in words.filter_map(Value::as_str) {
                assert!(!TOO_MUCH.iter().any(|one| word.split('/').any(|part| part == *one)), "{}: {rule}", object["metadata"]["name"]);
            }
            rules += 1;
        }
        if let Some(subjects) = object["subjects"].as_array() {
            let operator = json!([{ "kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE }]);
            assert_eq!(&Value::from(subjects.clone()), &operator);
        }
    }
    assert!(rules > 5, "{rules} rules");
}
