//! What was told of each object: of a change, only what is new has to wake anyone.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use kube::Resource;

use crate::api::PhiWorkload;
use crate::cluster::guard::DeserializeGuard;

/// What of an object is told by people, so that it wakes whoever is made from it when it changes.
pub(super) fn state_of(object: &impl Resource) -> String {
    let meta = object.meta();
    format!("{:?} {:?} {:?} {:?}", meta.uid, meta.generation, meta.annotations, meta.deletion_timestamp)
}

/// What was told last of every object, by UID, as hashes.
#[derive(Debug, Default)]
pub(super) struct Told {
    hasher: RandomState,
    declarations: HashMap<String, u64>,
    workloads: HashMap<String, u64>,
}

impl Told {
    /// Whether what people say in an object differs from what was told last, or nothing was.
    pub(super) fn declaration<K: Resource>(&mut self, object: &DeserializeGuard<K>, gone: bool) -> bool {
        let hash = self.hasher.hash_one((state_of(object), object.0.is_ok()));
        is_new(&mut self.declarations, object.meta().uid.as_deref(), hash, gone)
    }

    /// The same for what a workload's status says of its identity and conditions: its accesses are told by it.
    pub(super) fn of_workload(&mut self, workload: &PhiWorkload, gone: bool) -> bool {
        let told = workload.status.as_ref().map(|status| format!("{:?} {:?}", status.conditions, status.identity));
        let hash = self.hasher.hash_one(told);
        is_new(&mut self.workloads, workload.metadata.uid.as_deref(), hash, gone)
    }
}

fn is_new(told: &mut HashMap<String, u64>, uid: Option<&str>, hash: u64, gone: bool) -> bool {
    let Some(uid) = uid else {
        return true;
    };
    if gone {
        told.remove(uid);
        return true;
    }
    told.insert(uid.to_owned(), hash) != Some(hash)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workload(mut metadata: Value, status: &Value) -> DeserializeGuard<PhiWorkload> {
        let spec = json!({ "environmentRef": { "name": "prod" }, "serviceAccountName": "app", "podSelector": { "matchLabels": { "app": "app" } } });
        metadata["name"] = "app".into();
        metadata["namespace"] = "clinic".into();
        serde_json::from_value(json!({
            "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "PhiWorkload", "metadata": metadata, "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn status(reason: &str, settled: &str) -> Value {
        let ready =
            json!({ "type": "Ready", "status": "True", "reason": reason, "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z" });
        json!({ "observedGeneration": 1, "conditions": [ready], "settledInputs": settled })
    }

    #[test]
    fn what_people_say_is_news_and_a_status_is_not() {
        let mut told = Told::default();
        let first = json!({ "uid": "1", "generation": 1, "resourceVersion": "1" });
        assert!(told.declaration(&workload(first.clone(), &status("A", "")), false));
        assert!(!told.declaration(&workload(first.clone(), &status("B", "x")), false));
        let later = json!({ "uid": "1", "generation": 1, "resourceVersion": "2", "finalizers": ["a/b"] });
        assert!(!told.declaration(&workload(later, &status("B", "x")), false));
        for changed in [
            json!({ "uid": "1", "generation": 2 }),
            json!({ "uid": "1", "generation": 2, "annotations": { "hipaa-operator.io/hold": "audit" } }),
            json!({ "uid": "1", "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z" }),
            json!({ "uid": "2", "generation": 1 }),
        ] {
            assert!(told.declaration(&workload(changed.clone(), &status("B", "x")), false), "{changed}");
        }
        assert!(told.declaration(&workload(first.clone(), &status("A", "")), false));
        assert!(told.declaration(&workload(first.clone(), &status("A", "")), true), "that it went");
        assert!(told.declaration(&workload(first.clone(), &status("A", "")), false), "and came again");
        let unreadable = json!({ "conditions": "none" });
        assert!(told.declaration(&workload(first, &unreadable), false), "that it can no longer be read");
    }

    #[test]
    fn accesses_are_told_of_what_they_are_told_by() {
        let mut told = Told::default();
        let meta = json!({ "uid": "1", "generation": 1 });
        let mut is_told = |status: Value| told.of_workload(&workload(meta.clone(), &status).0.unwrap(), false);
        assert!(is_told(status("A", "")));
        assert!(!is_told(status("A", "x")), "the mark is nothing to them");
        assert!(is_told(status("B", "x")));
        assert!(is_told(Value::Null));
    }
}
