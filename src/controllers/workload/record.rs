//! What our own writes changed: for the next round of the same pass, and for the status.

use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::controllers::identity::View;
use crate::domain::tags;
use crate::plan::{Action, Applied};

use super::pass::Pass;

impl Pass<'_> {
    /// Takes our own writes over into what the next round sees, without waiting for the caches.
    pub(super) fn take_over(&mut self, applied: &Applied) {
        for action in applied.done() {
            match action {
                Action::ApplyNetworkPolicy(policy) => self.network_policy = Some((**policy).clone()),
                Action::DeleteNetworkPolicy { .. } => self.network_policy = None,
                Action::AnnotateServiceAccount { role_arn, .. } => {
                    if let Some(account) = &mut self.service_account {
                        account.role_arn = Some(role_arn.clone());
                    }
                }
                Action::ClearServiceAccount { .. } => {
                    if let Some(account) = &mut self.service_account {
                        account.role_arn = None;
                    }
                }
                _ => {}
            }
        }
        self.previous.identity = self.identity_now(applied);
    }

    /// The identity as it is now, for the status; the accesses in it are filled in when all is settled.
    pub(super) fn identity_now(&self, applied: &Applied) -> Option<WorkloadIdentityStatus> {
        if self.older_claimant.is_some() {
            return None;
        }
        let facts = &self.environment.facts;
        let name = self.role_name();
        let policy_arn = facts.scope.policy_arn(&name);
        let view = self.environment.identity.view(&name, &policy_arn);
        let recorded = self.previous.identity.clone();
        let touched = applied.done().any(|action| matches!(action, Action::CreateRole(_) | Action::CreatePolicy { .. }));
        if (view.role.is_none() && view.policy.is_none()) || (recorded.is_none() && !touched && !self.owns(&view)) {
            return None;
        }
        let session = applied.done().find_map(|action| match action {
            Action::CreateRole(role) => Some(role.max_session_duration),
            Action::UpdateMaxSessionDuration { seconds, .. } => Some(*seconds),
            _ => None,
        });
        let recorded = recorded.unwrap_or_default();
        Some(WorkloadIdentityStatus {
            role_arn: facts.scope.role_arn(&name),
            policy_arn,
            max_session_duration: session.or(recorded.max_session_duration),
            accesses: recorded.accesses,
        })
    }

    fn owns(&self, view: &View) -> bool {
        let scope = &self.environment.facts.scope;
        let wanted = tags::of_workload(scope, &self.namespace, &self.object.spec.service_account_name);
        view.role.as_ref().is_some_and(|role| tags::owned(&role.tags, &wanted))
    }
}
