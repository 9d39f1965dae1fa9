//! What a switch between our roles and the platform's leaves behind.

use std::collections::BTreeSet;

use crate::domain::names::last;
use crate::observed::identity::Role;
use crate::plan::{Action, Plan};

use super::Identity;

impl Identity<'_> {
    /// The same as [`leave_former`](Self::leave_former), once the `current` role is in use: it has our policy and the service account
    /// names it. Until then, as under a hold, the former one serves.
    pub(super) fn leave_former_for(&self, current: Option<&Role>) -> Vec<Action> {
        let named = self.inputs.service_account.and_then(|account| account.role_arn.as_ref());
        let in_use = |role: &&Role| role.attached.contains(&self.policy_arn) && named == Some(&role.arn);
        current.filter(in_use).map_or_else(Vec::new, |role| self.leave_former(&role.arn))
    }

    /// Roles of the platform's that are recorded and that are not the `current` one: our policy goes from them. What is recorded is
    /// detached whether or not it is read: to detach again changes nothing.
    pub(super) fn leave_former(&self, current: &str) -> Vec<Action> {
        let recorded = self.inputs.previous.identity.as_ref();
        let arns = recorded.into_iter().flat_map(|identity| identity.former_role_arns.iter().chain([&identity.role_arn]));
        let others: BTreeSet<&String> = arns.filter(|arn| !arn.is_empty() && **arn != current && **arn != self.role_arn).collect();
        let recorded = recorded.into_iter().flat_map(|identity| &identity.additional_policies);
        let policies: BTreeSet<&String> = recorded.chain([&self.policy_arn]).collect();
        let detach =
            |role: &String, policy_arn: &String| Action::DetachOwnPolicy { role: last(role).to_owned(), policy_arn: policy_arn.clone() };
        others.into_iter().flat_map(|role| policies.iter().map(move |policy| detach(role, policy))).collect()
    }

    /// A role of ours from before `Attach` stays, so that running pods keep their access and a switch back finds it; it has the declared
    /// access, and loses what someone adds. It goes with the workload.
    pub(super) fn keep_own_former(&self) -> Plan {
        let Some(role) = self.inputs.role.filter(|role| self.owns(role)) else {
            return Plan::default();
        };
        self.take_off_foreign(role)
    }
}
