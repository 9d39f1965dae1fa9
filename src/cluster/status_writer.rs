//! The one place where a status is written: by server-side apply, only if it changed, and remembered until the cache has caught up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use kube::api::{Patch, PatchParams};
use kube::core::request::Request;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::domain::{Fault, FaultClass};
use crate::telemetry::metrics::Metrics;

use super::echoes::Echoes;
use super::fault::fault_of;
use super::objects::WithStatus;
use super::request::{self, version_number};

/// Tries at an object that others change at the same time.
pub(super) const ATTEMPTS: usize = 4;
/// Tries at the finalizers of an object to which others write all the time: any write of theirs in between makes one more necessary.
const FINALIZER_ATTEMPTS: usize = 16;

/// What is sent of an object to write its status.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusPatch<'a, S> {
    api_version: Cow<'a, str>,
    kind: Cow<'a, str>,
    metadata: PatchMetadata<'a>,
    status: &'a S,
}

#[derive(Debug, Serialize)]
struct PatchMetadata<'a> {
    name: &'a str,
    uid: Option<&'a str>,
}

/// Writes statuses as one field manager.
pub struct StatusWriter {
    client: Client,
    metrics: Metrics,
    echoes: Echoes,
    /// By UID: resource version and status of our last write, as JSON.
    written: Mutex<HashMap<String, (u64, String)>>,
}

impl StatusWriter {
    /// A writer.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics, echoes: Echoes) -> Self {
        Self { client, metrics, echoes, written: Mutex::default() }
    }

    /// The object's status as last written: the cache's, or ours if the cache has not seen it yet.
    #[must_use]
    pub fn previous<K: WithStatus>(&self, object: &K) -> K::Status {
        let ours = object.meta().uid.as_ref().and_then(|uid| {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let newer = written.get(uid).filter(|(version, _)| *version > version_of(object)).map(|(_, status)| status.clone());
            if newer.is_none() {
                // The cache has caught up.
                written.remove(uid);
            }
            newer
        });
        ours.and_then(|status| serde_json::from_str(&status).ok()).or_else(|| object.status().cloned()).unwrap_or_default()
    }

    /// Writes `status` if it differs from `previous`; says whether it did.
    ///
    /// # Errors
    /// When the API server refuses or does not answer. That the object is gone is not an error.
    pub async fn write<K>(&self, object: &K, previous: &K::Status, status: &K::Status) -> Result<bool, Fault>
    where
        K: WithStatus + Resource<DynamicType = ()>,
    {
        if previous == status {
            return Ok(false);
        }
        let name = object.name_any();
        // The UID keeps a write from landing on a re-creation of the same name.
        let metadata = PatchMetadata { name: &name, uid: object.meta().uid.as_deref() };
        let patch = StatusPatch { api_version: K::api_version(&()), kind: K::kind(&()), metadata, status };
        let parameters = PatchParams::apply("hipaa-operator").force();
        let requests = request::of::<K>(object.meta().namespace.as_deref());
        let mut tries = 0;
        let outcome = loop {
            let request = requests.patch_subresource("status", &name, &parameters, &Patch::Apply(&patch));
            let outcome = request::send(&self.client, request).await;
            self.metrics.wrote("status", outcome.is_ok());
            tries += 1;
            match outcome {
                Err(kube::Error::Api(status)) if status.is_conflict() && tries < ATTEMPTS => {}
                outcome => break outcome,
            }
        };
        match outcome {
            Ok(written) => {
                self.metrics.transitioned(K::KIND, K::conditions(previous), K::conditions(status));
                self.echoes.wrote(&written);
                if let Some(uid) = written.uid() {
                    let ours = (written.version(), serde_json::to_string(status).unwrap_or_default());
                    self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), ours);
                }
                Ok(true)
            }
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(fault_of("PatchStatus", &error)),
        }
    }

    /// Lets go of the status that we keep for an object, if its cache has caught up with it.
    pub fn caught_up(&self, object: &impl Resource) {
        if let Some(uid) = object.meta().uid.as_ref() {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            if written.get(uid).is_some_and(|(version, _)| *version <= version_of(object)) {
                written.remove(uid);
            }
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: Option<&String>) {
        if let Some(uid) = uid {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        }
    }

    /// Adds or removes our finalizer; says whether it was not so already.
    ///
    /// # Errors
    /// When the API server refuses or does not answer. That the object is gone is not an error.
    pub async fn set_finalizer<K>(&self, api: &Api<K>, object: &K, finalizer: &str, present: bool) -> Result<bool, Fault>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        let mut meta = object.meta().clone();
        for _ in 0..FINALIZER_ATTEMPTS {
            let mut finalizers = meta.finalizers.clone().unwrap_or_default();
            if finalizers.iter().any(|one| one == finalizer) == present {
                return Ok(false);
            }
            if present {
                finalizers.push(finalizer.to_owned());
            } else {
                finalizers.retain(|one| one != finalizer);
            }
            // The resource version guards the list against a change that we have not seen.
            let patch = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": meta.resource_version, "uid": meta.uid } });
            let request =
                Request::new(api.resource_url()).patch_metadata(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch));
            let outcome = request::send(&self.client, request).await;
            self.metrics.wrote("finalizer", outcome.is_ok());
            match outcome {
                Ok(written) => {
                    self.echoes.wrote(&written);
                    return Ok(true);
                }
                Err(error) if is_gone(&error) => return Ok(false),
                Err(kube::Error::Api(status)) if status.is_conflict() => {
                    let found = api.get_metadata_opt(&object.name_any()).await.map_err(|error| fault_of("GetMetadata", &error))?;
                    match found.filter(|found| found.metadata.uid == meta.uid) {
                        Some(found) => meta = found.metadata,
                        None => return Ok(false),
                    }
                }
                Err(error) => return Err(fault_of("PatchFinalizers", &error)),
            }
        }
        Err(Fault { class: FaultClass::Conflict, service: "kubernetes", operation: "PatchFinalizers", code: "Conflict".to_owned() })
    }
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}

fn version_of(object: &impl Resource) -> u64 {
    object.meta().resource_version.as_deref().map_or(0, version_number)
}
