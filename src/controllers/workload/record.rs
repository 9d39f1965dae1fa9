//! What our own writes changed: for the next round of the same pass, and for the status.

use std::collections::BTreeSet;

use crate::api::identity::IdentityManagement;
use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::controllers::identity::There;
use crate::domain::names::last;
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
                Action::ApplyConfigMap { config_map, .. } => self.settings = Some((**config_map).clone()),
                Action::DeleteConfigMap { .. } => self.settings = None,
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
        let there = self.environment.identity.there(&name, &policy_arn);
        let recorded = self.previous.identity.clone();
        if facts.platform_roles.is_some() {
            return self.attached_now(applied, &there, policy_arn);
        }
        let former = self.former(recorded.as_ref(), &facts.scope.role_arn(&name), applied);
        let touched = applied.done().any(|action| matches!(action, Action::CreateRole(_) | Action::CreatePolicy { .. }));
        let nothing = there.role.is_none() && !there.policy && former.is_empty();
        if nothing || (recorded.is_none() && !touched && !self.owns(&there)) {
            return None;
        }
        let session = applied.done().find_map(|action| match action {
            Action::CreateRole(role) => Some(role.max_session_duration),
            Action::UpdateMaxSessionDuration { seconds, .. } => Some(*seconds),
            _ => None,
        });
        let recorded = recorded.unwrap_or_default();
        Some(WorkloadIdentityStatus {
            additional_policies: self.additional_now(&recorded, &name, !former.is_empty(), applied),
            role_arn: facts.scope.role_arn(&name),
            policy_arn,
            management: None,
            former_role_arns: former,
            max_session_duration: session.or(recorded.max_session_duration).or(self.found.session),
            accesses: recorded.accesses,
            guardrails: recorded.guardrails,
            stores: recorded.stores,
        })
    }

    /// The same where our policy is attached to the platform's role. As long as it is not, what was recorded stays.
    fn attached_now(&self, applied: &Applied, there: &There, policy_arn: String) -> Option<WorkloadIdentityStatus> {
        let recorded = self.previous.identity.clone();
        let own_role = there.role.is_some() && recorded.is_some();
        let role = self.platform_role().filter(|role| there.policy && role.attached.contains(&policy_arn));
        let touched = applied.done().any(|action| matches!(action, Action::AttachPolicy { .. }));
        let Some(role) = role.filter(|_| recorded.is_some() || touched || self.found.policy_is_ours == Some(true)) else {
            let mut recorded = recorded?;
            recorded.former_role_arns = self.former(Some(&recorded), &recorded.role_arn, applied);
            let something = there.policy || own_role || !recorded.former_role_arns.is_empty();
            return something.then_some(recorded);
        };
        let former = self.former(recorded.as_ref(), &role.arn, applied);
        let recorded = recorded.unwrap_or_default();
        Some(WorkloadIdentityStatus {
            additional_policies: self.additional_now(&recorded, &role.name, !former.is_empty(), applied),
            former_role_arns: former,
            role_arn: role.arn,
            policy_arn,
            management: Some(IdentityManagement::Attach),
            max_session_duration: None,
            accesses: recorded.accesses,
            guardrails: recorded.guardrails,
            stores: recorded.stores,
        })
    }

    /// Additional policies that we attached and that are on the role still, or may be on one that was `left` and not cleared yet. On a role
    /// of ours all that is declared is ours, so that it is found again after a lost status; one that the platform itself put on its own
    /// role never is.
    fn additional_now(&self, recorded: &WorkloadIdentityStatus, role: &str, left: bool, applied: &Applied) -> Vec<String> {
        let own = self.environment.facts.scope.policy_arn(&self.role_name());
        let attached = applied.done().filter_map(|action| match action {
            Action::AttachPolicy { policy_arn, .. } if *policy_arn != own => Some(policy_arn),
            _ => None,
        });
        let declared = self.given_policies.iter().filter(|_| self.environment.facts.platform_roles.is_none());
        let ours: BTreeSet<&String> = recorded.additional_policies.iter().chain(declared).chain(attached).collect();
        if ours.is_empty() {
            return Vec::new();
        }
        let there = self.environment.identity.role(role).map(|role| role.attached).unwrap_or_default();
        ours.into_iter().filter(|arn| there.contains(*arn) || (left && recorded.additional_policies.contains(arn))).cloned().collect()
    }

    /// Roles of the platform's beside the `current` one that were recorded and from which our policy was not detached yet.
    fn former(&self, recorded: Option<&WorkloadIdentityStatus>, current: &str, applied: &Applied) -> Vec<String> {
        let own = self.environment.facts.scope.role_arn(&self.role_name());
        let arns = recorded.into_iter().flat_map(|identity| identity.former_role_arns.iter().chain([&identity.role_arn]));
        let policy = self.environment.facts.scope.policy_arn(&self.role_name());
        let detached = |arn: &str| {
            applied
                .done()
                .any(|action| matches!(action, Action::DetachOwnPolicy { role, policy_arn } if role == last(arn) && *policy_arn == policy))
        };
        let left = arns.filter(|arn| !arn.is_empty() && **arn != current && **arn != own && !detached(arn));
        left.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn owns(&self, there: &There) -> bool {
        let scope = &self.environment.facts.scope;
        let wanted = tags::of_workload(scope, &self.namespace, &self.object.spec.service_account_name);
        there.role.as_ref().is_some_and(|tags| tags::owned(tags, &wanted))
    }
}
