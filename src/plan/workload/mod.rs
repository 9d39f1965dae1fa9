//! The plan for a workload: its identity and its isolation, for all its accesses together.

mod admission;
mod identity;
mod isolation;
mod pods;
mod settings;

pub use admission::admits;
pub use isolation::{carries_our_label, is_as_wanted, isolation_policy, selects_no_less};
pub use pods::one_holds_the_other;
pub use settings::{is_kept, is_ours as settings_are_ours, says as settings_say};

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::api::conditions::{ConditionType, Reason};
use crate::api::phi_workload::{AppliedAccess, AppliedGuardrail, AppliedStore};
use crate::api::{PhiWorkloadSpec, PhiWorkloadStatus};
use crate::catalogue::Control;
use crate::observed::identity::{IdentitySnapshot, ManagedPolicy, Role};
use crate::observed::pods::PodFacts;

use super::access::{Admitted, DeclaredAccess, Requests, admit};
use super::facts::EnvironmentFacts;
use super::{Finding, Plan};
use super::{additional, stores};

/// What the plan of a workload is made from.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct WorkloadInputs<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID, by which what belongs to it goes with it; empty if it is not in a cluster yet.
    pub uid: &'a str,
    /// Its spec.
    pub spec: &'a PhiWorkloadSpec,
    /// Its status as last written: what is recorded as ours.
    pub previous: &'a PhiWorkloadStatus,
    /// What is known of the environment.
    pub facts: &'a EnvironmentFacts,
    /// Whether the environment's selector matches the namespace's labels.
    pub admitted: bool,
    /// Name of an older workload with the same service account.
    pub older_claimant: Option<&'a str>,
    /// The service account, if it exists.
    pub service_account: Option<&'a ServiceAccountFacts>,
    /// The accesses that name this workload and are not being deleted.
    pub accesses: &'a [DeclaredAccess],
    /// The environment's stores that the namespace may have.
    pub admitted_stores: &'a BTreeSet<String>,
    /// The environment's additional policies that the namespace may have.
    pub admitted_policies: &'a BTreeSet<String>,
    /// The role of the derived name.
    pub role: Option<&'a Role>,
    /// The platform's role that the environment names for the service account, if it exists.
    pub platform_role: Option<&'a Role>,
    /// The longest session of the role of the derived name, read because the status does not record it.
    pub known_session: Option<i32>,
    /// The policy of the derived ARN.
    pub policy: Option<&'a ManagedPolicy>,
    /// Whether the policy of the derived ARN, though not recorded in the status, carries our tags.
    pub policy_is_ours: bool,
    /// The rest of the account's IAM, to tell policies that only deny.
    pub identity: &'a IdentitySnapshot,
    /// Our network policy.
    pub network_policy: Option<&'a NetworkPolicy>,
    /// The `ConfigMap` of the application's settings, if one of that name carries our label.
    pub settings: Option<&'a ConfigMap>,
    /// Whether one of that name is there that does not.
    pub settings_taken: bool,
    /// The other network policies of the namespace.
    pub other_network_policies: &'a [&'a NetworkPolicy],
    /// The pods of the namespace; `None` as long as they were not read.
    pub pods: Option<&'a [PodFacts]>,
    /// The other workloads of the namespace that are not being deleted, by name, with the pods they select.
    pub other_workloads: &'a [(&'a str, &'a LabelSelector)],
    /// Whether something narrower may be someone's doing (see [`super::may_hold`]).
    pub may_hold: bool,
}

/// What is known of a service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccountFacts {
    /// Its UID, so that a patch never creates one that was deleted.
    pub uid: Option<String>,
    /// Value of the role annotation.
    pub role_arn: Option<String>,
}

/// The plan of a workload, and which accesses and stores it gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadPlan {
    /// What to do, and the findings.
    pub plan: Plan,
    /// The accesses that the policy contains once the plan is carried out.
    pub given: Vec<AppliedAccess>,
    /// The guardrails that they have to name.
    pub guardrails: Vec<AppliedGuardrail>,
    /// The stores that the policy contains once the plan is carried out.
    pub given_stores: Vec<AppliedStore>,
    /// ARNs of the additional policies that the role has once the plan is carried out.
    pub given_policies: BTreeSet<String>,
}

/// Plans a workload.
#[must_use]
pub fn plan(inputs: &WorkloadInputs) -> WorkloadPlan {
    let admission = admission::judge(inputs);
    let admitted = admission.iter().all(|finding| finding.verdict == crate::api::Verdict::Pass);
    let named = inputs.spec.stores.as_deref().unwrap_or_default();
    let accesses = if admitted {
        admit(&requests(inputs), inputs.facts)
    } else {
        Admitted { store_findings: stores::waiting(named), ..Admitted::default() }
    };
    let mut plan = Plan { findings: admission, ..Plan::default() };
    // Isolation goes first: no pod gets credentials before it is fenced in.
    let isolation = if admitted { isolation::plan(inputs) } else { isolation::waiting() };
    let fenced = !isolation.actions.is_empty() || isolation::is_in_place(inputs) || isolation::is_fenced_by_others(inputs);
    plan.extend(isolation);
    let gives_up = gives_up(inputs, &accesses);
    let before = plan.actions.len();
    if fenced || identity::exists(inputs) || !admitted {
        plan.extend(identity::plan(inputs, accesses.document.as_ref(), gives_up));
    } else {
        plan.actions.extend(identity::take(inputs, accesses.document.as_ref(), gives_up));
        plan.findings.push(Finding::waiting(Control::LeastPrivilege, ConditionType::IdentityReady));
    }
    let given: Vec<&str> = accesses.given.iter().map(|access| access.name.as_str()).collect();
    let serves = identity::serves(inputs, &plan.actions[before..]);
    plan.extend(settings::plan(inputs, &given, serves));
    plan.findings.extend(accesses.store_findings.iter().cloned());
    let additional = identity::additional(inputs);
    let waits = !admitted || accesses.document.is_none();
    let named = inputs.spec.additional_policies.as_deref().unwrap_or_default();
    plan.findings.extend(if waits { additional::waiting(named) } else { additional.findings });
    plan.findings.extend(if admitted { pods::judge(inputs) } else { vec![pods::waiting()] });
    let given_policies = if waits { BTreeSet::new() } else { additional.given };
    let Admitted { given, guardrails, given_stores, .. } = accesses;
    WorkloadPlan { plan, given, guardrails, given_stores, given_policies }
}

/// What a workload asks for, all of which is judged together.
#[must_use]
pub fn requests<'a>(inputs: &WorkloadInputs<'a>) -> Requests<'a> {
    let identity = inputs.previous.identity.as_ref();
    Requests::of(inputs.namespace, inputs.spec, identity, inputs.accesses, inputs.admitted_stores)
}

/// Whether the policy contains an access or a store that is no longer given as it was.
fn gives_up(inputs: &WorkloadInputs, admitted: &Admitted) -> bool {
    inputs.previous.identity.as_ref().is_some_and(|identity| {
        let access = |access: &AppliedAccess| admitted.given.iter().any(|given| given.is(&access.name, access.generation));
        let store = |store: &AppliedStore| admitted.given_stores.contains(store);
        !identity.accesses.iter().all(access) || !identity.stores.iter().all(store)
    })
}

/// Plans the removal of everything of a workload that is being deleted: identity first, isolation last.
#[must_use]
pub fn remove(inputs: &WorkloadInputs) -> Plan {
    let mut plan = identity::plan(inputs, None, true);
    plan.extend(settings::plan(inputs, &[], false));
    if isolation::is_in_place(inputs) {
        let name = crate::domain::names::network_policy(inputs.name);
        plan.actions.push(super::Action::DeleteNetworkPolicy { namespace: inputs.namespace.to_owned(), name });
    }
    plan
}

/// The path to credentials that pods of a workload need: without it no call is ever signed.
fn credential_path(inputs: &WorkloadInputs) -> Finding {
    let (control, family) = (Control::WebIdentity, ConditionType::IdentityReady);
    if inputs.facts.has_sts {
        Finding::pass(control, family, "an endpoint leads to STS")
    } else {
        Finding::fail(
            control,
            family,
            Reason::CredentialPathMissing,
            "the VPC has no available endpoint for sts, so no pod can get credentials; add {service: sts, management: Provision} to the environment's spec.endpoints",
        )
    }
}

#[cfg(test)]
pub(crate) mod tests;
