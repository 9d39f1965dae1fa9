//! Calls to the cluster.

use crate::domain::Fault;
use crate::plan::Action;

use super::Executor;

impl Executor<'_> {
    pub(super) async fn cluster(&self, action: &Action) -> Result<(), Fault> {
        let kubernetes = &self.kubernetes;
        match action {
            Action::ApplyNetworkPolicy(policy) => kubernetes.apply_network_policy(policy).await,
            Action::DeleteNetworkPolicy { namespace, name } => kubernetes.delete_network_policy(namespace, name).await,
            Action::ApplyConfigMap { config_map, uid, .. } => kubernetes.apply_config_map(config_map, uid.as_deref()).await,
            Action::DeleteConfigMap { namespace, name, uid } => kubernetes.delete_config_map(namespace, name, uid.as_deref()).await,
            Action::AnnotateServiceAccount { namespace, name, uid, role_arn } => {
                kubernetes.annotate(namespace, name, uid.as_deref(), Some(role_arn)).await
            }
            Action::ClearServiceAccount { namespace, name, uid } => kubernetes.annotate(namespace, name, uid.as_deref(), None).await,
            _ => Ok(()),
        }
    }
}
