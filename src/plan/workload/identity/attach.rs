//! Our policy on a role of the platform's. We attach and detach our policy; trust, boundary, session, tags and all else of the role is
//! judged and never changed.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::domain::names::last;
use crate::observed::identity::Role;
use crate::plan::{Action, Finding, Plan};
use crate::policy::relation::Coverage;
use crate::policy::trust::{AUDIENCE, lets_in};
use crate::policy::{PolicyDocument, Relation, relate};

use super::{FAMILY, Identity, refusal};

impl Identity<'_> {
    /// Plans the identity with the platform's role. Nothing is given, and the service account keeps its annotation, as long as the role
    /// cannot work: a switch never takes a working role away.
    pub(super) fn attach(&self, document: &PolicyDocument, given_up: bool) -> Plan {
        let inputs = self.inputs;
        let account = &inputs.spec.service_account_name;
        let kept = || self.keep_existing_policy(document, given_up);
        let Some(name) = inputs.facts.platform_role(inputs.namespace, account) else {
            return self.unmapped(kept());
        };
        let Some(role) = inputs.platform_role else {
            let mut plan = refusal(Reason::RoleNotFound, self.role_to_create(name));
            plan.extend(kept());
            return plan;
        };
        if inputs.service_account.is_none() {
            return self.without_service_account(document, given_up);
        }
        let (trust, works) = self.judge_trust(role);
        let mut plan = Plan { findings: vec![super::super::credential_path(inputs), trust], ..Plan::default() };
        if !works {
            plan.extend(kept());
            return plan;
        }
        plan.extend(self.keep_policy(document, given_up));
        if !role.attached.contains(&self.policy_arn) {
            plan.actions.push(Action::AttachPolicy { role: role.name.clone(), policy_arn: self.policy_arn.clone() });
            let message = format!("our policy is not attached to role {name}");
            plan.findings.push(Finding::fail(Control::LeastPrivilege, FAMILY, Reason::Drifted, message).about("attachment"));
        }
        plan.extend(self.attach_additional(role));
        plan.actions.extend(detach_additional(role, self.given_up()));
        plan.findings.push(self.judge_boundary(role));
        plan.findings.extend(self.judge_others(role));
        plan.extend(self.annotate(&role.arn));
        plan.actions.extend(self.leave_former_for(Some(role)));
        plan.extend(self.keep_own_former());
        plan
    }

    /// No role is named for the service account. A role of ours from before `Attach` is left as it is; a role of the platform's that
    /// was named before loses our policy.
    fn unmapped(&self, kept: Plan) -> Plan {
        let inputs = self.inputs;
        let message = format!(
            "environment {} attaches policies to roles of the platform's and names none for service account {}/{}; ask the platform team to add it to the environment's spec.identity.roles",
            inputs.facts.scope.environment, inputs.namespace, inputs.spec.service_account_name
        );
        let mut plan = refusal(Reason::RoleNotMapped, message);
        if inputs.role.is_some_and(|role| self.owns(role)) {
            plan.extend(kept);
            plan.actions.extend(self.leave_former(&self.role_arn));
        } else {
            plan.extend(self.take_away());
        }
        plan
    }

    fn role_to_create(&self, name: &str) -> String {
        let (inputs, scope) = (self.inputs, &self.inputs.facts.scope);
        format!(
            "role {name} does not exist in account {}; create it with trust in {} (audience {AUDIENCE}, subject system:serviceaccount:{}:{}) and the permissions boundary {}, or correct the environment's spec.identity.roles",
            scope.account_id,
            scope.oidc_provider_arn(&inputs.facts.issuer),
            inputs.namespace,
            inputs.spec.service_account_name,
            inputs.facts.boundary_arn
        )
    }

    /// The finding, and whether the service account may get in.
    fn judge_trust(&self, role: &Role) -> (Finding, bool) {
        let (control, name, wanted) = (Control::ExactTrust, &role.name, self.trust());
        let Some(found) = &role.trust else {
            let message =
                format!("the trust policy of role {name} is no readable document, so whether it lets the service account in is not known");
            return (Finding::unread(control, FAMILY, message).advisory(), true);
        };
        let subject = format!("system:serviceaccount:{}:{}", self.inputs.namespace, self.inputs.spec.service_account_name);
        let facts = self.inputs.facts;
        let admitted = lets_in(found, &facts.scope, &facts.issuer, self.inputs.namespace, &self.inputs.spec.service_account_name);
        match (relate(&wanted, found), admitted) {
            (Relation::Same, _) => (Finding::pass(control, FAMILY, format!("role {name} trusts exactly the service account")), true),
            (_, Coverage::Missing) => {
                let provider = facts.scope.oidc_provider_arn(&facts.issuer);
                let message = format!(
                    "the trust policy of role {name} does not let the service account in; allow sts:AssumeRoleWithWebIdentity to {provider} where aud equals {AUDIENCE} and sub equals {subject}"
                );
                (Finding::fail(control, FAMILY, Reason::TrustTooNarrow, message), false)
            }
            (Relation::Wider, _) => {
                let message = format!(
                    "role {name} trusts more than the service account, wanted only {subject} by equality on aud and sub; narrow its trust policy"
                );
                (Finding::fail(control, FAMILY, Reason::TrustTooWide, message).advisory(), true)
            }
            (Relation::Narrower, Coverage::Covered) => {
                (Finding::pass(control, FAMILY, format!("role {name} trusts the service account, under further conditions")), true)
            }
            (Relation::Narrower, Coverage::Unproven) => {
                let message =
                    format!("whether the trust policy of role {name} lets {subject} in depends on its further conditions; compare them");
                (Finding::unread(control, FAMILY, message).advisory(), true)
            }
        }
    }

    fn judge_boundary(&self, role: &Role) -> Finding {
        let (control, name, wanted) = (Control::PermissionsBoundary, &role.name, &self.inputs.facts.boundary_arn);
        match &role.boundary_arn {
            Some(found) if found == wanted => Finding::pass(control, FAMILY, format!("role {name} has the environment's boundary")),
            Some(found) => {
                let message =
                    format!("role {name} has the boundary {found}, wanted {wanted}; set that, or name yours in spec.identity.boundaryArn");
                Finding::fail(control, FAMILY, Reason::BoundaryDiffers, message).advisory()
            }
            None => {
                let message = format!("role {name} has no permissions boundary, wanted {wanted}; set it");
                Finding::fail(control, FAMILY, Reason::BoundaryMissing, message).advisory()
            }
        }
    }

    /// What else is on the role: it is the platform's to take off.
    fn judge_others(&self, role: &Role) -> Vec<Finding> {
        let control = Control::LeastPrivilege;
        let attached = role.attached.iter().filter(|&arn| *arn != self.policy_arn && !self.additional.contains(arn));
        let attached = attached.map(|arn| (arn.as_str(), self.inputs.identity.only_denies(arn)));
        let inline = role.inline.iter().map(|(name, document)| (name.as_str(), document.as_ref().is_some_and(PolicyDocument::only_denies)));
        let judge = |(policy, denies): (&str, bool)| {
            let finding = if denies {
                Finding::cut_off(control, FAMILY, format!("{policy} is on role {} and only denies; it is left", role.name))
            } else {
                let message = format!(
                    "{policy} gives role {} more than declared; only our own policy is proven: take it off, or move what it gives to another role",
                    role.name
                );
                Finding::fail(control, FAMILY, Reason::ForeignPolicy, message)
            };
            finding.about(last(policy)).advisory()
        };
        attached.chain(inline).map(judge).collect()
    }
}

/// Takes additional policies off a role of the platform's: only those that are recorded as attached by us.
pub(super) fn detach_additional<'a>(role: &Role, arns: impl Iterator<Item = &'a String>) -> Vec<Action> {
    let there = arns.filter(|arn| role.attached.contains(*arn));
    there.map(|arn| Action::DetachOwnPolicy { role: role.name.clone(), policy_arn: arn.clone() }).collect()
}
