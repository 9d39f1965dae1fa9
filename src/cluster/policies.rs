//! Network policies as they are kept.

use std::borrow::Cow;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::Resource;
use serde::{Deserialize, Deserializer};

/// A network policy as text, read when it is looked at. There is one for each workload, and as an object each takes five times the room.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// What is asked of many at a time.
    metadata: ObjectMeta,
    text: Box<str>,
}

impl PolicyText {
    /// The policy, without who manages which field of it.
    #[must_use]
    pub fn read(&self) -> NetworkPolicy {
        // It was written from one.
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The pods that it selects.
    #[must_use]
    pub fn selector(&self) -> LabelSelector {
        #[derive(Default, Deserialize)]
        struct Selecting {
            spec: Option<Spec>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Spec {
            pod_selector: Option<LabelSelector>,
        }
        let read: Selecting = serde_json::from_str(&self.text).unwrap_or_default();
        read.spec.and_then(|spec| spec.pod_selector).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for PolicyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut policy = NetworkPolicy::deserialize(deserializer)?;
        policy.metadata.managed_fields = None;
        let text = serde_json::to_string(&policy).map_err(serde::de::Error::custom)?.into_boxed_str();
        let ObjectMeta { name, namespace, uid, resource_version, generation, .. } = policy.metadata;
        Ok(Self { metadata: ObjectMeta { name, namespace, uid, resource_version, generation, ..ObjectMeta::default() }, text })
    }
}

impl Resource for PolicyText {
    type DynamicType = <NetworkPolicy as Resource>::DynamicType;
    type Scope = <NetworkPolicy as Resource>::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        NetworkPolicy::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        NetworkPolicy::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        NetworkPolicy::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        NetworkPolicy::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use serde_json::{Value, json};

    use super::*;

    fn policy(spec: &Value) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {
                "name": "fence", "namespace": "clinic", "uid": "1", "resourceVersion": "7", "generation": 2,
                "labels": { "a": "b" }, "managedFields": [{ "manager": "kubectl" }],
            },
            "spec": spec,
        })
    }

    #[test]
    fn is_read_as_it_was_but_for_who_manages_it() {
        let written = policy(&json!({
            "podSelector": { "matchLabels": { "app": "notes" } },
            "policyTypes": ["Egress"],
            "egress": [{ "to": [{ "ipBlock": { "cidr": "10.0.0.0/8" } }], "ports": [{ "port": 443, "protocol": "TCP" }] }],
        }));
        let kept: PolicyText = serde_json::from_value(written.clone()).unwrap();
        let mut wanted: NetworkPolicy = serde_json::from_value(written).unwrap();
        wanted.metadata.managed_fields = None;
        assert_eq!(kept.read(), wanted);
        assert_eq!((kept.name_any(), kept.namespace(), kept.uid()), ("fence".to_owned(), Some("clinic".to_owned()), Some("1".to_owned())));
        assert_eq!((kept.resource_version(), kept.meta().generation), (Some("7".to_owned()), Some(2)));
    }

    #[test]
    fn selects_what_it_says_and_otherwise_all() {
        for (spec, wanted) in [
            (json!({ "podSelector": { "matchLabels": { "app": "notes" } } }), json!({ "matchLabels": { "app": "notes" } })),
            (json!({ "podSelector": {} }), json!({})),
            (json!({}), json!({})),
            (Value::Null, json!({})),
        ] {
            let kept: PolicyText = serde_json::from_value(policy(&spec)).unwrap();
            assert_eq!(kept.selector(), serde_json::from_value(wanted).unwrap(), "{spec}");
        }
    }
}
