//! Objects of which one that does not parse breaks no list. In place of kube's own guard, which keeps a second copy of each object while
//! it reads it, with the list of who manages which field: most of what a watch would cost.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
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

impl<'de, K: DeserializeOwned + Resource> Deserialize<'de> for DeserializeGuard<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members { metadata, others } = deserializer.deserialize_map(MembersVisitor)?;
        Ok(Self(match K::deserialize(Value::Object(others)) {
            Ok(mut parsed) => {
                *parsed.meta_mut() = metadata;
                Ok(parsed)
            }
            Err(error) => Err(InvalidObject { error: error.to_string(), metadata }),
        }))
    }
}

/// An object taken apart. Its metadata always parse, or it is none.
struct Members {
    metadata: ObjectMeta,
    /// With empty metadata in place of what was taken out.
    others: Map<String, Value>,
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut metadata, mut others) = (None, Map::new());
        while let Some(name) = members.next_key::<String>()? {
            let value = if name == METADATA {
                metadata = Some(members.next_value::<Metadata>()?.0);
                Value::Object(Map::new())
            } else {
                members.next_value()?
            };
            others.insert(name, value);
        }
        let metadata = metadata.ok_or_else(|| Error::missing_field(METADATA))?;
        Ok(Members { metadata, others })
    }
}

/// Metadata without managed fields, which are not even read.
struct Metadata(ObjectMeta);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("the metadata of an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        ObjectMeta::deserialize(MapAccessDeserializer::new(Unmanaged(members))).map(Metadata)
    }
}

/// The members of metadata but for managed fields.
struct Unmanaged<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Unmanaged<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while let Some(name) = self.0.next_key::<String>()? {
            if name != MANAGED_FIELDS {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            self.0.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
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
