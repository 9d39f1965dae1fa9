//! What is asked for only when neither the caches nor the status tell of it.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;

use crate::cluster::fault::fault_of;
use crate::controllers::identity::View;
use crate::domain::{Fault, names, tags};
use crate::plan::Action;
use crate::plan::workload::settings_are_ours;

use super::pass::Pass;

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Whether the policy of our name is ours.
    pub policy_is_ours: Option<bool>,
    /// The longest session of our role, in seconds.
    pub session: Option<i32>,
    /// Whether a config map of our name is there that is not ours: those without our label are not watched.
    pub settings_taken: Option<bool>,
}

impl Pass<'_> {
    /// Asks for what neither the bulk read nor the status tells of an identity that is there, as after a lost status.
    pub(super) async fn find(&mut self, view: &View, policy_arn: &str) -> Result<(), Fault> {
        let iam = &self.environment.account.iam;
        let scope = &self.environment.facts.scope;
        if self.found.policy_is_ours.is_none() && view.policy.is_some() && self.previous.identity.is_none() {
            let wanted = tags::of_workload(scope, &self.namespace, &self.object.spec.service_account_name);
            let tags = iam.policy_tags(policy_arn).await?;
            self.found.policy_is_ours = Some(tags.is_some_and(|found| tags::owned(&found, &wanted)));
        }
        let recorded = self.previous.identity.as_ref().and_then(|identity| identity.max_session_duration);
        let ours = self.environment.facts.platform_roles.is_none();
        if let Some(role) = view.role.as_ref().filter(|_| ours && recorded.is_none() && self.found.session.is_none()) {
            self.found.session = iam.max_session(&role.name).await?;
        }
        Ok(())
    }

    /// Asks whether something of the settings' name is there without our label. What belongs to the workload is ours all the same: someone
    /// took the label off.
    pub(super) async fn look_for_settings(&mut self) -> Result<(), Fault> {
        let api: Api<ConfigMap> = Api::namespaced(self.context.client.clone(), &self.namespace);
        let found = api.get_metadata_opt(&names::settings(&self.name)).await.map_err(|error| fault_of("GetConfigMap", &error))?;
        let uid = self.object.metadata.uid.as_deref().unwrap_or_default();
        let ours = |metadata: ObjectMeta| settings_are_ours(&ConfigMap { metadata, ..ConfigMap::default() }, &self.name, uid);
        self.found.settings_taken = Some(found.is_some_and(|found| !ours(found.metadata)));
        Ok(())
    }
}

/// Whether the action makes settings where none of ours are known.
pub(super) fn makes_settings(action: &Action) -> bool {
    matches!(action, Action::ApplyConfigMap { uid: None, .. })
}
