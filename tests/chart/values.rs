//! Every value is declared, has a default and has an effect; anything else is refused with its name.

use std::fs;

use serde_json::{Map, Value};

use crate::helm::{OPERATOR, file, full_values, objects, render};

fn yaml(path: &str) -> Value {
    objects(&fs::read_to_string(path).unwrap()).remove(0)
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(file("charts/hipaa-operator/values.schema.json")).unwrap()).unwrap()
}

fn defaults() -> Value {
    yaml(&file("charts/hipaa-operator/values.yaml").display().to_string())
}

/// What the schema declares by name, with what `left` and `right` hold in its place.
fn each_declared(schema: &Value, left: &Value, right: &Value, path: &str, visit: &mut impl FnMut(&str, &Value, &Value)) {
    let Some(properties) = schema["properties"].as_object() else {
        return visit(path, left, right);
    };
    assert_eq!(schema["additionalProperties"], false, "{path}");
    let names = |object: &Map<String, Value>| object.keys().filter(|name| *name != "global").cloned().collect::<Vec<_>>();
    let mut declared = names(properties);
    declared.sort();
    for values in [left, right] {
        let mut given = names(values.as_object().unwrap_or_else(|| panic!("{path}: {values}")));
        given.sort();
        assert_eq!(given, declared, "values under {path:?}, and what the schema declares");
    }
    for name in declared {
        each_declared(&properties[&name], &left[&name], &right[&name], &format!("{path}.{name}"), visit);
    }
}

fn scalars(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.push(name.clone());
            scalars(value, found);
        }),
        Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

#[test]
fn every_value_is_declared_has_a_default_and_has_an_effect() {
    let values = full_values();
    let rendered =
        render(OPERATOR, &["--values", &values, "--set", "image.digest="]).unwrap() + &render(OPERATOR, &["--values", &values]).unwrap();
    let mut count = 0;
    each_declared(&schema(), &defaults(), &yaml(&values), "", &mut |path, default, full| {
        assert_ne!(default, full, "{path} is the default in the full values");
        let mut words = Vec::new();
        scalars(full, &mut words);
        for word in words {
            assert!(rendered.contains(&word), "{path}: {word} has no effect");
        }
        count += 1;
    });
    assert!(count > 25, "{count} values");
}

#[test]
fn every_value_is_explained() {
    let text = fs::read_to_string(file("charts/hipaa-operator/values.yaml")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    each_declared(&schema(), &defaults(), &defaults(), "", &mut |path, _, _| {
        let name = path.rsplit('.').next().unwrap();
        let at = lines.iter().position(|line| line.trim_start().starts_with(&format!("{name}:")));
        let before = at.and_then(|at| lines[..at].last()).unwrap_or_else(|| panic!("{path} is not in the file"));
        // Requests and limits are explained together.
        let explained = before.trim_start().starts_with('#') || path.starts_with(".resources.");
        assert!(explained, "{path} has no comment");
    });
}

#[test]
fn wrong_and_unknown_values_are_refused_by_name() {
    const WRONG: [(&str, &str); 25] = [
        ("replica=2", "replica"),
        ("replicas=two", "replicas"),
        ("replicas=-1", "replicas"),
        ("image.repository=operator:1.0", "repository"),
        ("image.repository=", "repository"),
        ("image.tag=1", "tag"),
        ("image.digest=sha256:abc", "digest"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.name=operator", "name"),
        ("imagePullSecrets[0].secret=registry", "imagePullSecrets"),
        ("serviceAccount.name=other", "name"),
        ("serviceAccount.annotations.numbered=1", "numbered"),
        ("settings.sweepInterval=0", "sweepInterval"),
        ("settings.sweepInterval=5m", "sweepInterval"),
        ("settings.passTimeout=601", "passTimeout"),
        ("settings.concurrency=65", "concurrency"),
        ("settings.leaseRetry=0", "leaseRetry"),
        ("settings.logFormat=xml", "logFormat"),
        ("settings.log=", "log"),
        ("proxy.httpsProxy=proxy.example.com:3128", "httpsProxy"),
        ("extraEnv[0].value=x", "extraEnv"),
        ("listenAddress=127.0.0.1", "listenAddress"),
        ("resources.request.cpu=1", "request"),
        ("podLabels.app\\.kubernetes\\.io/name=other", "app.kubernetes.io/name"),
        ("rbac.create=false", "rbac"),
    ];
    for (wrong, name) in WRONG {
        let said = render(OPERATOR, &["--set", wrong]).expect_err(wrong);
        assert!(said.contains("values don't meet the specifications of the schema") && said.contains(name), "{wrong}: {said}");
    }
    render(OPERATOR, &["--set", "global.anything=x"]).expect("a chart of which this is a part may have global values");
}
