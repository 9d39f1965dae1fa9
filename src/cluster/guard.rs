//! Objects of which one that does not parse breaks no list. In place of kube's own guard, which keeps a second copy of each object while
//! it reads it, with the list of who manages which field: most of what a watch would cost.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

const METADATA: &str = "metadata";
const MANAGED_FIELDS: &str = "managedFields";

/// An object, or what can be told of one that does not parse. Without managed fields.
#[derive(Clone, Debug)]
pub struct DeserializeGuard<K>(pub Result<K, InvalidObject>);

/// An object that does not parse.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct InvalidObject {
    /// Why.
    pub error: String,
    /// Its metadata.
    pub metadata: ObjectMeta,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for DeserializeGuard<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::Object(deserializer.deserialize_map(Members { of_metadata: false })?);
        let parsed = match K::deserialize(&object) {
            Ok(parsed) => Ok(parsed),
            Err(error) => {
                let metadata = object.get(METADATA).unwrap_or(&Value::Null);
                let metadata = ObjectMeta::deserialize(metadata).map_err(serde::de::Error::custom)?;
                Err(InvalidObject { error: error.to_string(), metadata })
            }
        };
        Ok(Self(parsed))
    }
}

/// Reads the members of an object, or of its metadata, that we look at.
struct Members {
    of_metadata: bool,
}

impl<'de> Visitor<'de> for Members {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = if self.of_metadata && name == MANAGED_FIELDS {
                members.next_value::<IgnoredAny>()?;
                continue;
            } else if !self.of_metadata && name == METADATA {
                Value::Object(members.next_value::<Metadata>()?.0)
            } else {
                members.next_value()?
            };
            read.insert(name, value);
        }
        Ok(read)
    }
}

struct Metadata(Map<String, Value>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members { of_metadata: true }).map(Self)
    }
}

impl<K: Resource> Resource for DeserializeGuard<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|invalid| &mut invalid.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;

    use super::*;
    use crate::api::PhiWorkload;

    fn read(spec: &str) -> Result<DeserializeGuard<PhiWorkload>, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{
                "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "PhiWorkload",
                "metadata": {{"name": "app", "namespace": "clinic", "labels": {{"a": "b"}}, "managedFields": [{{"manager": "kubectl"}}]}},
                "spec": {spec}
            }}"#
        ))
    }

    #[test]
    fn reads_an_object_as_it_is_but_for_who_manages_it() {
        let spec = r#"{"environmentRef": {"name": "prod"}, "serviceAccountName": "app", "podSelector": {"matchLabels": {"app": "app"}}}"#;
        let workload = read(spec).unwrap().0.unwrap();
        assert_eq!((workload.name_any().as_str(), workload.spec.service_account_name.as_str()), ("app", "app"));
        assert_eq!(workload.labels().get("a").map(String::as_str), Some("b"));
        assert_eq!(workload.metadata.managed_fields, None);
    }

    #[test]
    fn tells_what_there_is_of_an_object_that_does_not_parse() {
        let guarded = read(r#"{"serviceAccountName": 5}"#).unwrap();
        assert_eq!(guarded.namespace().as_deref(), Some("clinic"));
        let invalid = guarded.0.unwrap_err();
        assert!(!invalid.to_string().is_empty());
        assert_eq!(invalid.metadata.managed_fields, None);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(serde_json::from_str::<DeserializeGuard<PhiWorkload>>("[]").is_err());
        assert!(serde_json::from_str::<DeserializeGuard<PhiWorkload>>(r#"{"spec": {}}"#).is_err());
    }
}
