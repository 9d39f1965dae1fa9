//! What is attached to a role of ours: our policy, nothing else that gives power, and whatever only denies.

use std::collections::BTreeSet;

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::names::last;
use crate::observed::identity::Role;
use crate::plan::{Action, Finding, Plan};
use crate::policy::PolicyDocument;

use super::{FAMILY, Identity};

impl Identity<'_> {
    /// Our policy is attached; whatever else gives power is taken off; what only denies is left.
    pub(super) fn keep_attachments(&self, role: &Role) -> Plan {
        let mut plan = Plan::default();
        if !role.attached.contains(&self.policy_arn) {
            plan.actions.push(Action::AttachPolicy { role: self.name.clone(), policy_arn: self.policy_arn.clone() });
            plan.findings
                .push(Finding::fail(Control::LeastPrivilege, FAMILY, Reason::Drifted, "the policy is not attached").about("attachment"));
        }
        plan.extend(self.attach_additional(role));
        plan.extend(self.take_off_foreign(role));
        plan
    }

    /// The additional policies that the role is to have and has not.
    pub(super) fn attach_additional(&self, role: &Role) -> Plan {
        let lacking: Vec<&String> = self.additional.iter().filter(|arn| !role.attached.contains(*arn)).collect();
        let attach = |arn: &&String| Action::AttachPolicy { role: role.name.clone(), policy_arn: (*arn).clone() };
        let missing = |arn: &&String| {
            let message = format!("additional policy {arn} is not attached to role {}", role.name);
            Finding::fail(Control::LeastPrivilege, ConditionType::PoliciesResolved, Reason::Drifted, message).about(last(arn))
        };
        Plan { actions: lacking.iter().map(attach).collect(), findings: lacking.iter().map(missing).collect(), ..Plan::default() }
    }

    /// Additional policies that are recorded as attached by us and that the role is not to have any more. What only denies is left.
    pub(super) fn given_up(&self) -> impl Iterator<Item = &String> {
        let recorded = self.inputs.previous.identity.iter().flat_map(|identity| &identity.additional_policies);
        recorded.filter(|arn| !self.additional.contains(*arn) && !self.inputs.identity.only_denies(arn))
    }

    /// What gives the role more than declared is taken off.
    pub(super) fn take_off_foreign(&self, role: &Role) -> Plan {
        let mut plan = Plan::default();
        let identity = self.inputs.identity;
        let given_up: BTreeSet<&String> = self.given_up().collect();
        for policy_arn in role.attached.iter().filter(|&arn| *arn != self.policy_arn && !self.additional.contains(arn)) {
            plan.extend(if given_up.contains(policy_arn) {
                let action = Action::DetachOwnPolicy { role: self.name.clone(), policy_arn: policy_arn.clone() };
                Plan { actions: vec![action], ..Plan::default() }
            } else if identity.only_denies(policy_arn) {
                held(policy_arn)
            } else {
                let action = Action::DetachPolicy { role: self.name.clone(), policy_arn: policy_arn.clone() };
                foreign(action, policy_arn)
            });
        }
        for (policy_name, document) in &role.inline {
            plan.extend(if document.as_ref().is_some_and(PolicyDocument::only_denies) {
                held(policy_name)
            } else {
                let action = Action::DeleteInlinePolicy { role: self.name.clone(), policy_name: policy_name.clone() };
                foreign(action, policy_name)
            });
        }
        plan
    }
}

/// What only denies is left on the role.
pub(super) fn held(name: &str) -> Plan {
    let message =
        format!("{name} is on the role and only denies; it is left, whatever the spec says: take it off once it is no longer needed");
    let finding = Finding::cut_off(Control::LeastPrivilege, FAMILY, message);
    Plan { findings: vec![finding.about(last(name))], ..Plan::default() }
}

fn foreign(action: Action, name: &str) -> Plan {
    let finding = Finding::fail(
        Control::LeastPrivilege,
        FAMILY,
        Reason::ForeignPolicy,
        format!("{name} gives the role more than declared; it is not ours"),
    );
    Plan { actions: vec![action], findings: vec![finding.about(last(name))], ..Plan::default() }
}
