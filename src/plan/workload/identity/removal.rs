//! Taking an identity away: what of it goes, and what stays.

use crate::observed::identity::Role;
use crate::plan::{Action, Plan};
use crate::policy::PolicyDocument;

use super::Identity;
use super::attach::detach_additional;
use crate::plan::workload::ServiceAccountFacts;

impl Identity<'_> {
    /// Takes away what is there of ours: policy and role first, which ends the power; then the annotation. The identity of an older
    /// workload with the same service account is its own. A role that someone cut off is kept with what cuts it off, so that it does
    /// not come back clean.
    pub(super) fn take_away(&self) -> Plan {
        if self.inputs.older_claimant.is_some() {
            return Plan::default();
        }
        let mut actions = Vec::new();
        if let Some(role) = self.inputs.role.filter(|role| self.owns(role)) {
            if self.is_cut_off(role) {
                actions.extend(self.strip(role));
            } else {
                let attached = role.attached.iter().cloned().collect();
                actions.push(Action::DeleteRole { role: self.name.clone(), attached, inline: role.inline.keys().cloned().collect() });
            }
        }
        let policy = self.inputs.policy.filter(|_| !self.foreign_policy());
        let theirs = self.inputs.platform_role;
        if let Some(role) = theirs.filter(|role| policy.is_some() && role.attached.contains(&self.policy_arn)) {
            actions.push(Action::DetachOwnPolicy { role: role.name.clone(), policy_arn: self.policy_arn.clone() });
        }
        let recorded = self.inputs.previous.identity.iter().flat_map(|identity| &identity.additional_policies);
        actions.extend(theirs.into_iter().flat_map(|role| detach_additional(role, recorded.clone())));
        actions.extend(self.leave_former(theirs.map_or("", |role| &role.arn)));
        if let Some(policy) = policy {
            actions.push(Action::DeletePolicy { arn: policy.arn.clone(), other_versions: policy.other_versions.clone() });
        }
        if let Some(account) = self.inputs.service_account.filter(|account| self.names_our_role(account)) {
            actions.push(Action::ClearServiceAccount {
                namespace: self.inputs.namespace.to_owned(),
                name: self.inputs.spec.service_account_name.clone(),
                uid: account.uid.clone(),
            });
        }
        Plan { actions, ..Plan::default() }
    }

    /// Whether the annotation names the role that we make, or one of the platform's that we named there.
    fn names_our_role(&self, account: &ServiceAccountFacts) -> bool {
        let recorded = self.inputs.previous.identity.as_ref();
        let recorded = recorded.into_iter().flat_map(|identity| identity.former_role_arns.iter().chain([&identity.role_arn]));
        let theirs = self.inputs.platform_role.map(|role| &role.arn);
        account.role_arn.as_ref().is_some_and(|named| [&self.role_arn].into_iter().chain(theirs).chain(recorded).any(|arn| arn == named))
    }

    fn is_cut_off(&self, role: &Role) -> bool {
        let only_denies = |document: &Option<PolicyDocument>| document.as_ref().is_some_and(PolicyDocument::only_denies);
        role.attached.iter().any(|arn| self.inputs.identity.only_denies(arn)) || role.inline.values().any(only_denies)
    }

    /// Takes off whatever gives the role power, if anything does.
    fn strip(&self, role: &Role) -> Option<Action> {
        let attached: Vec<_> = role.attached.iter().filter(|arn| !self.inputs.identity.only_denies(arn)).cloned().collect();
        let gives = |document: &Option<PolicyDocument>| !document.as_ref().is_some_and(PolicyDocument::only_denies);
        let inline: Vec<_> = role.inline.iter().filter(|(_, document)| gives(document)).map(|(name, _)| name.clone()).collect();
        let anything = !attached.is_empty() || !inline.is_empty();
        anything.then(|| Action::StripRole { role: self.name.clone(), attached, inline })
    }
}
