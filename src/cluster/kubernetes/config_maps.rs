//! What applications are told, written by server-side apply.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};

use crate::cluster::echoes::Version;
use crate::cluster::fault::fault_of;
use crate::domain::Fault;
use crate::plan::workload::settings_say;

use super::{KubernetesWriter, is_not_found};

impl KubernetesWriter {
    /// Makes the config map say what it is given. What others changed of it is ours again; keys that they added stay theirs. `uid` is that
    /// of the one that is there: another one under its name is not touched.
    ///
    /// # Errors
    /// When there is another one, or the API server refuses or does not answer.
    pub async fn apply_config_map(&self, config_map: &ConfigMap, uid: Option<&str>) -> Result<(), Fault> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &config_map.namespace().unwrap_or_default());
        let mut patch = config_map.clone();
        patch.metadata.uid = uid.map(str::to_owned);
        let outcome = api.patch(&config_map.name_any(), &PatchParams::apply("hipaa-operator").force(), &Patch::Apply(&patch)).await;
        self.metrics.wrote("config-map", outcome.is_ok());
        let written = outcome.map_err(|error| fault_of("ApplyConfigMap", &error))?;
        // What someone else changes on the way in is to be looked at.
        if settings_say(&written, config_map) {
            self.echoes.note(Version::of(&written));
        }
        Ok(())
    }

    /// Deletes a config map; one that is gone is deleted, and another one under its name is not touched.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn delete_config_map(&self, namespace: &str, name: &str, uid: Option<&str>) -> Result<(), Fault> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let meant = Preconditions { uid: uid.map(str::to_owned), ..Preconditions::default() };
        let outcome = api.delete(name, &DeleteParams::default().preconditions(meant)).await.map(drop);
        self.metrics.wrote("config-map", outcome.is_ok());
        match outcome {
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(()),
            Err(error) if !is_not_found(&error) => Err(fault_of("DeleteConfigMap", &error)),
            _ => Ok(()),
        }
    }
}
