//! The hand-over list: roles of objects that had to go before they were cleaned up. An object of its own, not a status, because it
//! outlives what it speaks of.

use std::collections::BTreeMap;

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

    /// What was handed over for `environment`, by the name of the role.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn list(&self, environment: &str) -> Result<BTreeMap<String, HandedOver>, Fault> {
        let found = self.api.get_opt(&name(environment)).await.map_err(|error| fault_of("GetConfigMap", &error))?;
        let entries = found.and_then(|list| list.data).unwrap_or_default();
        Ok(entries.into_iter().map(|(role, entry)| (role, HandedOver::parse(&entry))).collect())
    }

    /// Puts a role on the list.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn add(&self, environment: &str, role: &str, left: &HandedOver) -> Result<(), Fault> {
        self.patch(environment, &json!({ role: left.to_text() })).await
    }

    /// Takes a role off the list.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn remove(&self, environment: &str, role: &str) -> Result<(), Fault> {
        self.patch(environment, &json!({ role: null })).await
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

    async fn patch(&self, environment: &str, data: &serde_json::Value) -> Result<(), Fault> {
        let name = name(environment);
        let merge = json!({ "data": data });
        let mut outcome = self.api.patch(&name, &PatchParams::default(), &Patch::Merge(&merge)).await;
        if outcome.as_ref().is_err_and(is_gone) {
            let list = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data });
            outcome = self.api.patch(&name, &PatchParams::apply("hipaa-operator"), &Patch::Apply(&list)).await;
        }
        self.metrics.wrote("hand-over", outcome.is_ok());
        outcome.map(drop).map_err(|error| fault_of("PatchConfigMap", &error))
    }
}

fn name(environment: &str) -> String {
    format!("{PREFIX}{environment}")
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}
