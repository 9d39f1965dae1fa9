//! Pods: the little of them that the judge needs, and never a value of an environment variable.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod, PodSpec};

/// Variables that hold long-lived credentials
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html>).
const STATIC_KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK"];
/// Variables that the webhook of IRSA sets (<https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html>).
const WEB_IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
/// The variable that EKS Pod Identity sets (<https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>).
const POD_IDENTITY: [&str; 1] = ["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
/// Annotation that names the containers which the webhook of IRSA is to leave out
/// (<https://github.com/aws/amazon-eks-pod-identity-webhook#readme>).
const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";

/// What is known of a pod that has not finished.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its service account.
    pub service_account: String,
    /// Whether it is in the network of its node.
    pub host_network: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Whether a container names a variable that holds long-lived credentials.
    pub static_keys: bool,
    /// Whether every container was given a source of temporary credentials.
    pub identity_injected: bool,
}

impl PodFacts {
    /// The facts of a pod; `None` if it has finished and nothing of it runs again.
    #[must_use]
    pub fn of(pod: Pod) -> Option<Self> {
        let phase = pod.status.and_then(|status| status.phase);
        if matches!(phase.as_deref(), Some("Succeeded" | "Failed")) {
            return None;
        }
        let spec = pod.spec.unwrap_or_default();
        let skipped = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(SKIP_CONTAINERS));
        let skipped = skipped.into_iter().flat_map(|names| names.split(',')).map(str::trim).collect();
        Some(Self {
            static_keys: names_static_keys(&spec),
            identity_injected: is_injected(&spec.containers, &skipped),
            host_network: spec.host_network == Some(true),
            service_account: spec.service_account_name.unwrap_or_else(|| "default".to_owned()),
            name: pod.metadata.name.unwrap_or_default(),
            labels: pod.metadata.labels.unwrap_or_default(),
            terminating: pod.metadata.deletion_timestamp.is_some(),
        })
    }
}

fn names_static_keys(spec: &PodSpec) -> bool {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten()).map(|container| &container.env);
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|container| &container.env);
    containers.chain(ephemeral).any(|env| STATIC_KEYS.iter().any(|key| names(env.as_ref(), key)))
}

fn is_injected(containers: &[Container], skipped: &BTreeSet<&str>) -> bool {
    let given = |container: &Container| {
        let all = |keys: &[&str]| keys.iter().all(|key| names(container.env.as_ref(), key));
        all(&WEB_IDENTITY) || all(&POD_IDENTITY)
    };
    let mut meant = containers.iter().filter(|container| !skipped.contains(container.name.as_str())).peekable();
    meant.peek().is_some() && meant.all(given)
}

fn names(env: Option<&Vec<EnvVar>>, key: &str) -> bool {
    env.into_iter().flatten().any(|variable| variable.name == key)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn facts(pod: Value) -> Option<PodFacts> {
        PodFacts::of(serde_json::from_value(pod).unwrap())
    }

    fn of_spec(spec: &Value) -> PodFacts {
        facts(json!({"metadata": {"name": "a"}, "spec": spec})).unwrap()
    }

    fn container(name: &str, env: &[&str]) -> Value {
        json!({"name": name, "env": env.iter().map(|name| json!({"name": name, "value": "x"})).collect::<Vec<_>>()})
    }

    #[test]
    fn a_pod_is_reduced_to_what_is_judged() {
        let pod = json!({
            "metadata": {"name": "a", "labels": {"app": "notes"}, "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"serviceAccountName": "notes", "hostNetwork": true, "containers": [container("main", &["PATH"])]},
            "status": {"phase": "Running"},
        });
        let wanted = PodFacts {
            name: "a".into(),
            labels: BTreeMap::from([("app".into(), "notes".into())]),
            service_account: "notes".into(),
            host_network: true,
            terminating: true,
            ..PodFacts::default()
        };
        assert_eq!(facts(pod), Some(wanted));
        assert_eq!(of_spec(&json!({"containers": []})).service_account, "default");
    }

    #[test]
    fn finished_pods_are_dropped_and_waiting_ones_are_not() {
        for (phase, kept) in [("Pending", true), ("Running", true), ("Unknown", true), ("Succeeded", false), ("Failed", false)] {
            assert_eq!(facts(json!({"metadata": {}, "status": {"phase": phase}})).is_some(), kept, "{phase}");
        }
    }

    #[test]
    fn static_keys_are_told_by_their_names_in_any_container() {
        for name in STATIC_KEYS {
            for place in ["containers", "initContainers", "ephemeralContainers"] {
                let mut spec = json!({"containers": [container("main", &["AWS_REGION"])]});
                assert!(!of_spec(&spec).static_keys);
                spec[place] = json!([container("first", &[]), container("main", &["AWS_REGION", name])]);
                assert!(of_spec(&spec).static_keys, "{name} in {place}");
            }
        }
    }

    #[test]
    fn every_container_that_is_meant_needs_a_source_of_credentials() {
        let (role, uri) = (["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"], ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
        let cases = [
            (vec![container("a", &role)], "", true),
            (vec![container("a", &role), container("b", &uri)], "", true),
            (vec![container("a", &role[..1])], "", false),
            (vec![container("a", &role), container("b", &[])], "", false),
            (vec![container("a", &role), container("b", &[]), container("c", &[])], "b, c", true),
            (vec![container("a", &[])], "a", false),
            (vec![], "", false),
        ];
        for (containers, skipped, wanted) in cases {
            let pod = json!({"metadata": {"annotations": {SKIP_CONTAINERS: skipped}}, "spec": {"containers": containers}});
            assert_eq!(facts(pod.clone()).unwrap().identity_injected, wanted, "{pod}");
        }
    }
}
