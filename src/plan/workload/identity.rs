//! Role, policy, boundary, trust and annotation of a workload's service account.

mod attach;
mod attachments;
mod former;
mod removal;

use std::collections::BTreeSet;

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::{names, tags};
use crate::observed::identity::{ManagedPolicy, Role};
use crate::plan::action::NewRole;
use crate::plan::additional::{Additional, PolicyRequest, judge};
use crate::plan::environment::prune;
use crate::plan::{Action, Finding, Plan};
use crate::policy::common::common;
use crate::policy::trust::service_account_trust;
use crate::policy::{PolicyDocument, Relation, relate};

use super::WorkloadInputs;
use attachments::held;

const FAMILY: ConditionType = ConditionType::IdentityReady;

/// Plans the identity for the policy `document`; without one, whatever is there of ours is taken away. `given_up` says that
/// the policy contains something that is no longer given.
pub(super) fn plan(inputs: &WorkloadInputs, document: Option<&PolicyDocument>, given_up: bool) -> Plan {
    let identity = Identity::of(inputs);
    let Some(document) = document else {
        return identity.take_away();
    };
    if identity.foreign_policy() || (inputs.facts.platform_roles.is_none() && identity.foreign_role()) {
        return refusal(
            Reason::Conflict,
            format!("a role or policy named {} is there and does not carry our tags; rename or delete it", identity.name),
        );
    }
    if inputs.facts.platform_roles.is_some() {
        return identity.attach(document, given_up);
    }
    if inputs.service_account.is_none() {
        return identity.without_service_account(document, given_up);
    }
    let mut plan = Plan { findings: vec![super::credential_path(inputs)], ..Plan::default() };
    plan.extend(identity.keep_policy(document, given_up));
    plan.extend(match inputs.role {
        None => identity.create_role(),
        Some(role) => identity.keep_role(role),
    });
    plan.extend(identity.annotate(&identity.role_arn));
    plan.actions.extend(identity.leave_former_for(inputs.role));
    plan
}

/// What of the same plan only takes power away: that does not wait for isolation.
pub(super) fn take(inputs: &WorkloadInputs, document: Option<&PolicyDocument>, given_up: bool) -> Vec<Action> {
    let actions = plan(inputs, document, given_up).actions.into_iter();
    actions.filter_map(|action| if action.takes_power_away() { Some(action) } else { action.reduced() }).collect()
}

/// Whether there is a role that has the workload's policy.
pub(super) fn exists(inputs: &WorkloadInputs) -> bool {
    let policy_arn = Identity::of(inputs).policy_arn;
    inputs.role.is_some() || inputs.platform_role.is_some_and(|role| role.attached.contains(&policy_arn))
}

/// Whether a role has the workload's policy, or will once these actions are carried out.
pub(super) fn serves(inputs: &WorkloadInputs, actions: &[Action]) -> bool {
    let policy_arn = Identity::of(inputs).policy_arn;
    let has_it = |role: &Role| role.attached.contains(&policy_arn);
    let attaches = |action: &Action| matches!(action, Action::AttachPolicy { policy_arn: attached, .. } if *attached == policy_arn);
    inputs.role.is_some_and(has_it) || inputs.platform_role.is_some_and(has_it) || actions.iter().any(attaches)
}

/// Which additional policies the workload's role gets.
pub(super) fn additional(inputs: &WorkloadInputs) -> Additional {
    let (scope, account) = (&inputs.facts.scope, &inputs.spec.service_account_name);
    let own = scope.policy_arn(&names::role(scope, inputs.namespace, account));
    let attaches = inputs.facts.platform_roles.is_some();
    let role = if attaches { inputs.platform_role } else { inputs.role };
    let nothing = BTreeSet::new();
    let attached = role.map_or(&nothing, |role| &role.attached);
    let declared = |arn: &&String| inputs.facts.additional_policies.iter().any(|fact| fact.declared.arn == **arn);
    // Whatever else a role of the platform's has stays on it; ours keeps only what denies.
    let stays = |arn: &&String| **arn != own && !declared(arn) && (attaches || inputs.identity.only_denies(arn));
    let request = PolicyRequest {
        namespace: inputs.namespace,
        names: inputs.spec.additional_policies.as_deref().unwrap_or_default(),
        admitted: inputs.admitted_policies,
        attached,
        others: 1 + attached.iter().filter(stays).count(),
    };
    judge(&request, inputs.facts)
}

fn refusal(reason: Reason, message: String) -> Plan {
    Plan { findings: vec![Finding::fail(Control::LeastPrivilege, FAMILY, reason, message)], ..Plan::default() }
}

/// The derived names of a workload's identity, beside its inputs.
struct Identity<'a> {
    inputs: &'a WorkloadInputs<'a>,
    name: String,
    role_arn: String,
    policy_arn: String,
    tags: tags::Tags,
    /// ARNs of the additional policies that the role gets.
    additional: BTreeSet<String>,
}

impl<'a> Identity<'a> {
    fn of(inputs: &'a WorkloadInputs<'a>) -> Self {
        let scope = &inputs.facts.scope;
        let account = &inputs.spec.service_account_name;
        let name = names::role(scope, inputs.namespace, account);
        Self {
            role_arn: scope.role_arn(&name),
            policy_arn: scope.policy_arn(&name),
            tags: tags::of_workload(scope, inputs.namespace, account),
            additional: additional(inputs).given,
            name,
            inputs,
        }
    }

    fn recorded(&self) -> bool {
        self.inputs.previous.identity.as_ref().is_some_and(|identity| identity.role_arn == self.role_arn)
    }

    /// A role of our name that neither carries our tags nor is recorded as ours.
    fn foreign_role(&self) -> bool {
        self.inputs.role.is_some_and(|role| !self.owns(role))
    }

    fn owns(&self, role: &Role) -> bool {
        role.arn == self.role_arn && (tags::owned(&role.tags, &self.tags) || self.recorded())
    }

    fn without_service_account(&self, document: &PolicyDocument, given_up: bool) -> Plan {
        let mut plan = refusal(
            Reason::ServiceAccountNotFound,
            format!("service account {}/{} does not exist; create it", self.inputs.namespace, self.inputs.spec.service_account_name),
        );
        plan.extend(self.keep_existing_policy(document, given_up));
        plan
    }

    /// What is given up goes from a policy that is there, whatever keeps the role from being made or used.
    fn keep_existing_policy(&self, document: &PolicyDocument, given_up: bool) -> Plan {
        self.inputs.policy.map_or_else(Plan::default, |_| self.keep_policy(document, given_up))
    }

    fn foreign_policy(&self) -> bool {
        self.inputs.policy.is_some() && !self.recorded() && !self.inputs.policy_is_ours
    }

    fn keep_policy(&self, document: &PolicyDocument, given_up: bool) -> Plan {
        let control = Control::LeastPrivilege;
        let Some(policy) = self.inputs.policy else {
            let action = Action::CreatePolicy {
                name: self.name.clone(),
                arn: self.policy_arn.clone(),
                document: document.clone(),
                tags: self.tags.clone(),
            };
            let missing = Finding::fail(control, FAMILY, Reason::Drifted, "the policy does not exist");
            return Plan { actions: vec![action], findings: vec![missing], ..Plan::default() };
        };
        let relation = policy.document.as_ref().map_or(Relation::Wider, |found| relate(document, found));
        let (actions, finding) = match relation {
            Relation::Same => (vec![], Finding::pass(control, FAMILY, "the policy allows exactly the declared access")),
            Relation::Narrower if self.inputs.may_hold => (vec![], Finding::held(control, FAMILY, "the workload's policy")),
            Relation::Narrower | Relation::Wider => (
                vec![self.change(policy, document, given_up)],
                Finding::fail(control, FAMILY, Reason::Drifted, "the policy does not allow exactly the declared access"),
            ),
        };
        Plan { actions, findings: vec![finding], ..Plan::default() }
    }

    fn change(&self, policy: &ManagedPolicy, document: &PolicyDocument, given_up: bool) -> Action {
        let narrows = |to: &PolicyDocument| policy.document.as_ref().is_some_and(|found| relate(found, to) == Relation::Narrower);
        let takes_away = given_up && narrows(document);
        Action::ChangePolicy {
            arn: self.policy_arn.clone(),
            document: document.clone(),
            prune: prune(policy),
            takes_away,
            reduced: policy.document.as_ref().filter(|_| given_up && !takes_away).map(|found| common(found, document)).filter(narrows),
        }
    }

    fn trust(&self) -> PolicyDocument {
        let inputs = self.inputs;
        service_account_trust(&inputs.facts.scope, &inputs.facts.issuer, inputs.namespace, &inputs.spec.service_account_name)
    }

    fn create_role(&self) -> Plan {
        let facts = self.inputs.facts;
        let role = NewRole {
            name: self.name.clone(),
            path: facts.scope.path.clone(),
            arn: self.role_arn.clone(),
            trust: self.trust(),
            boundary_arn: facts.boundary_arn.clone(),
            max_session_duration: facts.max_session_duration,
            tags: self.tags.clone(),
        };
        let attach = |policy_arn: &String| Action::AttachPolicy { role: self.name.clone(), policy_arn: policy_arn.clone() };
        let policies = [&self.policy_arn].into_iter().chain(&self.additional).map(attach);
        let actions = [Action::CreateRole(Box::new(role))].into_iter().chain(policies).collect();
        let missing = Finding::fail(Control::ExactTrust, FAMILY, Reason::Drifted, "the role does not exist");
        Plan { actions, findings: vec![missing], ..Plan::default() }
    }

    fn keep_role(&self, role: &Role) -> Plan {
        let mut plan = self.keep_trust(role);
        plan.extend(self.keep_boundary(role));
        plan.actions.extend(self.keep_session());
        plan.extend(self.keep_attachments(role));
        if !tags::owned(&role.tags, &self.tags) {
            plan.actions.push(Action::TagRole { role: self.name.clone(), tags: self.tags.clone() });
            plan.findings.push(Finding::fail(Control::OwnershipTags, FAMILY, Reason::Drifted, "the role lacks our tags"));
        }
        plan
    }

    fn keep_trust(&self, role: &Role) -> Plan {
        let control = Control::ExactTrust;
        let wanted = self.trust();
        let relation = role.trust.as_ref().map_or(Relation::Wider, |found| relate(&wanted, found));
        let (actions, finding) = match relation {
            Relation::Same => (vec![], Finding::pass(control, FAMILY, "the role trusts exactly the service account")),
            Relation::Narrower if self.inputs.may_hold => (vec![], Finding::held(control, FAMILY, "the role's trust policy")),
            Relation::Narrower | Relation::Wider => (
                vec![Action::UpdateTrust { role: self.name.clone(), trust: wanted }],
                Finding::fail(control, FAMILY, Reason::TrustTooWide, "the role does not trust exactly the service account"),
            ),
        };
        Plan { actions, findings: vec![finding], ..Plan::default() }
    }

    /// The bulk read does not tell the longest session, so it is written when it is not the recorded one, or the one read after a lost
    /// status.
    fn keep_session(&self) -> Option<Action> {
        let wanted = self.inputs.facts.max_session_duration;
        let recorded = self.inputs.previous.identity.as_ref().and_then(|identity| identity.max_session_duration);
        (recorded.or(self.inputs.known_session) != Some(wanted))
            .then(|| Action::UpdateMaxSessionDuration { role: self.name.clone(), seconds: wanted })
    }

    fn keep_boundary(&self, role: &Role) -> Plan {
        let wanted = &self.inputs.facts.boundary_arn;
        if role.boundary_arn.as_ref() == Some(wanted) {
            let finding = Finding::pass(Control::PermissionsBoundary, FAMILY, "the role has the environment's boundary");
            return Plan { findings: vec![finding], ..Plan::default() };
        }
        if let Some(found) = role.boundary_arn.as_ref().filter(|arn| self.inputs.identity.only_denies(arn)) {
            return held(found);
        }
        let action = Action::PutPermissionsBoundary { role: self.name.clone(), boundary_arn: wanted.clone() };
        let finding =
            Finding::fail(Control::PermissionsBoundary, FAMILY, Reason::Drifted, "the role does not have the environment's boundary");
        Plan { actions: vec![action], findings: vec![finding], ..Plan::default() }
    }

    fn annotate(&self, role_arn: &str) -> Plan {
        let account = self.inputs.service_account;
        let found = account.and_then(|account| account.role_arn.as_ref());
        if found.is_some_and(|found| found == role_arn) {
            let finding = Finding::pass(Control::WebIdentity, FAMILY, "the service account names the role").about("annotation");
            return Plan { findings: vec![finding], ..Plan::default() };
        }
        let action = Action::AnnotateServiceAccount {
            namespace: self.inputs.namespace.to_owned(),
            name: self.inputs.spec.service_account_name.clone(),
            uid: account.and_then(|account| account.uid.clone()),
            role_arn: role_arn.to_owned(),
        };
        let finding =
            Finding::fail(Control::WebIdentity, FAMILY, Reason::Drifted, "the service account does not name the role").about("annotation");
        Plan { actions: vec![action], findings: vec![finding], ..Plan::default() }
    }
}

#[cfg(test)]
mod tests;
