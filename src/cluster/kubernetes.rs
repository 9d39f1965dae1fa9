//! The writes to Kubernetes objects beside our own kinds: network policies, what applications are told, and the service account's
//! annotation.

mod config_maps;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error, ResourceExt};
use serde_json::json;

use crate::api::annotations::ROLE_ARN;
use crate::domain::{Fault, FaultClass};
use crate::plan::workload::is_as_wanted;
use crate::telemetry::metrics::Metrics;

use super::echoes::{Echoes, Version};
use super::fault::fault_of;
use super::request;
use super::status_writer::ATTEMPTS;

/// Writes network policies and annotations.
#[derive(Clone)]
pub struct KubernetesWriter {
    /// The API.
    pub client: Client,
    /// What is counted.
    pub metrics: Metrics,
    /// Where our writes are noted.
    pub echoes: Echoes,
}

impl KubernetesWriter {
    /// Makes the policy as given. It is replaced, not merged: a selector that someone widened or narrowed has to come back whole.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn apply_network_policy(&self, policy: &NetworkPolicy) -> Result<(), Fault> {
        let mut tries = 0;
        loop {
            let outcome = self.create_or_replace(policy).await;
            self.metrics.wrote("network-policy", outcome.is_ok());
            tries += 1;
            match outcome {
                // Someone else was faster: look again.
                Err(Error::Api(status)) if status.code == 409 && tries < ATTEMPTS => {}
                Err(error) => return Err(fault_of("ApplyNetworkPolicy", &error)),
                Ok(made) => {
                    // What someone else changes on the way in is to be looked at.
                    if is_as_wanted(policy, &made) {
                        self.echoes.note(Version::of(&made));
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn create_or_replace(&self, policy: &NetworkPolicy) -> Result<NetworkPolicy, Error> {
        let requests = request::of::<NetworkPolicy>(policy.metadata.namespace.as_deref());
        let body = serde_json::to_vec(policy).map_err(Error::SerdeError)?;
        let request = requests.create(&PostParams::default(), body).map_err(Error::BuildRequest)?;
        match self.client.request(request).await {
            // Mostly it is not there, so nobody asks before.
            Err(Error::Api(status)) if status.is_already_exists() => self.replace_network_policy(policy).await,
            created => created,
        }
    }

    async fn replace_network_policy(&self, policy: &NetworkPolicy) -> Result<NetworkPolicy, Error> {
        let api: Api<NetworkPolicy> = Api::namespaced(self.client.clone(), &policy.namespace().unwrap_or_default());
        let name = policy.name_any();
        let found = api.get_metadata(&name).await?;
        let mut replacement = policy.clone();
        replacement.metadata.resource_version = found.resource_version();
        replacement.metadata.annotations.clone_from(&found.metadata.annotations);
        api.replace(&name, &PostParams::default(), &replacement).await
    }

    /// Deletes a policy; one that is gone is deleted.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn delete_network_policy(&self, namespace: &str, name: &str) -> Result<(), Fault> {
        let api: Api<NetworkPolicy> = Api::namespaced(self.client.clone(), namespace);
        let outcome = api.delete(name, &DeleteParams::default()).await.map(drop);
        self.metrics.wrote("network-policy", outcome.is_ok());
        match outcome {
            Err(error) if !is_not_found(&error) => Err(fault_of("DeleteNetworkPolicy", &error)),
            _ => Ok(()),
        }
    }

    /// Sets the role annotation, or gives up ours. By server-side apply that is not forced: another manager's value is a conflict to
    /// report, never to overwrite. With the UID, so that a deleted service account is not made again.
    ///
    /// # Errors
    /// When another manager owns the annotation, or the API server refuses or does not answer.
    pub async fn annotate(&self, namespace: &str, name: &str, uid: Option<&str>, role_arn: Option<&str>) -> Result<(), Fault> {
        let annotations = role_arn.map(|role_arn| json!({ ROLE_ARN: role_arn }));
        let patch = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": name, "uid": uid, "annotations": annotations },
        });
        let parameters = PatchParams::apply("hipaa-operator/identity");
        let request = request::of::<ServiceAccount>(Some(namespace)).patch_metadata(name, &parameters, &Patch::Apply(&patch));
        let outcome = request::send(&self.client, request).await;
        self.metrics.wrote("service-account", outcome.is_ok());
        match outcome {
            Ok(written) => {
                // What is cleared may have been cleared by a sweep, of which a workload that is made again has to hear.
                if role_arn.is_some() && written.annotation(ROLE_ARN) == role_arn {
                    self.echoes.wrote(&written);
                }
                Ok(())
            }
            Err(error) => {
                let fault = fault_of("AnnotateServiceAccount", &error);
                // An account that is gone, or another one under its name, carries nothing of ours.
                let gone = role_arn.is_none() && matches!(fault.class, FaultClass::NotFound | FaultClass::Conflict);
                if gone { Ok(()) } else { Err(fault) }
            }
        }
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.is_not_found())
}
