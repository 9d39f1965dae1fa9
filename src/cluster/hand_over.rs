//! The hand-over list: roles of objects that had to go before they were cleaned up. An object of its own, not a status, because it
//! outlives what it speaks of.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::domain::Fault;
use crate::observed::handed_over::HandedOver;
use crate::telemetry::metrics::Metrics;

use super::fault::fault_of;

/// What the name of a list begins with, before that of its environment.
const PREFIX: &str = "hipaa-operator-hand-over.";

/// A list as it was read.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// What was handed over, by the name of the role, or by [`HandedOver::fence_key`].
    pub entries: BTreeMap<String, HandedOver>,
    /// The version that was read; `None` if there is no list.
    version: Option<String>,
}

/// The hand-over lists, one `ConfigMap` for each environment in the operator's namespace.
#[derive(Clone)]
pub struct HandOver {
    api: Api<ConfigMap>,
    metrics: Metrics,
}

impl HandOver {
    /// The lists in `namespace`.
    #[must_use]
    pub fn new(client: Client, namespace: &str, metrics: Metrics) -> Self {
        Self { api: Api::namespaced(client, namespace), metrics }
    }

    /// What was handed over for `environment`.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn list(&self, environment: &str) -> Result<Listed, Fault> {
        let found = self.api.get_opt(&name(environment)).await.map_err(|error| fault_of("GetConfigMap", &error))?;
        let Some(list) = found else { return Ok(Listed::default()) };
        let version = list.resource_version();
        let entries = list.data.unwrap_or_default().into_iter().map(|(key, entry)| (key, HandedOver::parse(&entry))).collect();
        Ok(Listed { entries, version })
    }

    /// Puts an entry on the list.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn add(&self, environment: &str, role: &str, left: &HandedOver) -> Result<(), Fault> {
        let name = name(environment);
        let data = json!({ role: left.to_text() });
        let mut outcome = self.api.patch(&name, &PatchParams::default(), &Patch::Merge(&json!({ "data": data }))).await;
        if outcome.as_ref().is_err_and(is_gone) {
            let list = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data });
            outcome = self.api.patch(&name, &PatchParams::apply("hipaa-operator"), &Patch::Apply(&list)).await;
        }
        self.metrics.wrote("hand-over", outcome.is_ok());
        outcome.map(drop).map_err(|error| fault_of("PatchConfigMap", &error))
    }

    /// Takes entries off the list, if nobody has changed it since it was `listed`: an entry that was made anew since stays, with all
    /// others, and is finished with the next sweep. Says whether they are off.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn finish(&self, environment: &str, listed: &Listed, finished: &BTreeSet<String>) -> Result<bool, Fault> {
        let Some(version) = listed.version.as_ref().filter(|_| !finished.is_empty()) else { return Ok(true) };
        let data: BTreeMap<&String, Option<&str>> = finished.iter().map(|key| (key, None)).collect();
        let patch = json!({ "metadata": { "resourceVersion": version }, "data": data });
        let outcome = self.api.patch(&name(environment), &PatchParams::default(), &Patch::Merge(&patch)).await;
        self.metrics.wrote("hand-over", outcome.is_ok());
        match outcome {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(error) if is_gone(&error) => Ok(true),
            Err(error) => Err(fault_of("PatchConfigMap", &error)),
        }
    }

    /// The environments that have a list, with its roles and policies.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn all(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, Fault> {
        let lists = self.api.list(&ListParams::default()).await.map_err(|error| fault_of("ListConfigMaps", &error))?;
        let of_environment = |list: ConfigMap| Some((list.name_any().strip_prefix(PREFIX)?.to_owned(), list.data.unwrap_or_default()));
        Ok(lists.into_iter().filter_map(of_environment).collect())
    }

    /// Deletes the list of an environment; one that is gone is deleted.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn delete(&self, environment: &str) -> Result<(), Fault> {
        match self.api.delete(&name(environment), &DeleteParams::default()).await {
            Err(error) if !is_gone(&error) => Err(fault_of("DeleteConfigMap", &error)),
            _ => Ok(()),
        }
    }
}

fn name(environment: &str) -> String {
    format!("{PREFIX}{environment}")
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}
