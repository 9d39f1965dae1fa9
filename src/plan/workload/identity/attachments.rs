//! What is attached to a role of ours: our policy, nothing else that gives power, and whatever only denies.

use crate::api::conditions::Reason;
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
        plan.extend(self.take_off_foreign(role));
        plan
    }

    /// What gives the role more than declared is taken off.
    pub(super) fn take_off_foreign(&self, role: &Role) -> Plan {
        let mut plan = Plan::default();
        let identity = self.inputs.identity;
        for policy_arn in role.attached.iter().filter(|&arn| *arn != self.policy_arn) {
            plan.extend(if identity.only_denies(policy_arn) {
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
