//! The status of a workload.

use crate::api::PhiWorkloadStatus;
use crate::api::conditions::{ConditionType, Reason};
use crate::api::identity::IdentityManagement;
use crate::api::phi_workload::{AppliedAccess, WorkloadIdentityStatus};
use crate::plan::{Applied, Finding};

use super::conditions::{Stamp, State, stalled, stamp as stamped};
use super::controls::Told;
use super::{controls, families};

const CONTROLS: usize = 12;
/// What every workload has, and an access depends on: a store that is refused takes nothing from an access.
pub(super) const FAMILIES: [ConditionType; 3] = [ConditionType::Admitted, ConditionType::NetworkIsolated, ConditionType::IdentityReady];
/// What a workload has beside them if it names stores.
const STORES: ConditionType = ConditionType::StoresResolved;
/// What it has beside them if it names additional policies.
const POLICIES: ConditionType = ConditionType::PoliciesResolved;
/// What it has beside them if an access is given.
const SETTINGS: ConditionType = ConditionType::SettingsPublished;

/// What the status of a workload is made from.
pub struct WorkloadPass<'a> {
    /// What became of the plan.
    pub applied: &'a Applied,
    /// The accesses in the policy, and the role and policy, if they exist now.
    pub identity: Option<WorkloadIdentityStatus>,
    /// Whether any access or store is declared and given.
    pub wants_identity: bool,
    /// Name of the network policy, if it exists now.
    pub network_policy_name: Option<String>,
    /// Digest of the inputs, if the pass left nothing to do.
    pub settled: Option<String>,
    /// The `reconcile-at` annotation.
    pub reconcile_at: Option<String>,
}

/// Makes the status. `previous` is the one last written.
#[must_use]
pub fn project(pass: &WorkloadPass, previous: &PhiWorkloadStatus, at: Stamp) -> PhiWorkloadStatus {
    let applied = pass.applied;
    let identity = |applied| {
        let failing = applied_failures(applied);
        if pass.wants_identity || failing {
            families::summarise(ConditionType::IdentityReady, applied, &in_place(pass.identity.as_ref()))
        } else if pass.identity.is_some() {
            State::broken(Reason::Progressing, "no access or store is given any more; the role is being taken away")
        } else {
            State::holds(Reason::NoAccessDeclared, "no BedrockAccess and no store is given to this workload, so it has no role")
        }
    };
    let mut families: Vec<(ConditionType, State)> = vec![
        (ConditionType::Admitted, families::summarise(ConditionType::Admitted, applied, "the environment admits this workload")),
        (ConditionType::NetworkIsolated, families::summarise(ConditionType::NetworkIsolated, applied, "")),
        (ConditionType::IdentityReady, identity(applied)),
    ];
    if applied.findings.iter().any(|finding| finding.family == STORES) {
        let message = "every store that the workload names is declared, admitted and can be reached";
        families.push((STORES, families::summarise(STORES, applied, message)));
    }
    let policies: Vec<&str> =
        applied.findings.iter().filter(|finding| finding.family == POLICIES).map(|finding| finding.message.as_str()).collect();
    if !policies.is_empty() {
        families.push((POLICIES, families::summarise(POLICIES, applied, &policies.join("; "))));
    }
    if applied.findings.iter().any(|finding| finding.family == SETTINGS) {
        families.push((SETTINGS, families::summarise(SETTINGS, applied, "the application is told what to use")));
    }
    let mut ready = families::ready(&families, applied, "the workload is in place");
    let admitted = &families[0].1;
    if admitted.holds == Some(false) {
        ready = admitted.clone();
    }
    let list = controls::list(&applied.findings, &previous.controls, CONTROLS, at);
    let compliant = controls::compliant(&applied.findings, &list, at);
    let mut status = stamp_all(ready, compliant, families, previous, at);
    status.identity.clone_from(&pass.identity);
    status.network_policy_name.clone_from(&pass.network_policy_name);
    status.settled_inputs = pass.settled.clone().or_else(|| previous.settled_inputs.clone());
    status.last_reconcile_at.clone_from(&pass.reconcile_at);
    status.controls = list;
    status.counts = Some(controls::count(&applied.findings));
    status.plan = controls::withheld(&applied.withheld);
    status
}

/// What is proven of an identity that is in place.
fn in_place(identity: Option<&WorkloadIdentityStatus>) -> String {
    match identity {
        Some(identity) if identity.management == Some(IdentityManagement::Attach) => format!(
            "our policy is attached to the platform's role {}: only that policy is proven, the rest of the role is the platform's (see status.controls)",
            identity.role_arn
        ),
        _ => "role, policy, trust, boundary and annotation are in place".to_owned(),
    }
}

fn applied_failures(applied: &Applied) -> bool {
    applied.failures().any(|(action, _)| action.family() == ConditionType::IdentityReady)
}

/// The status of a workload that could not be judged: its environment is missing or not known yet. What is recorded stays.
#[must_use]
pub fn unjudged(state: &State, previous: &PhiWorkloadStatus, at: Stamp) -> PhiWorkloadStatus {
    let waiting = || State::unknown(Reason::DependenciesNotReady, state.message.clone());
    let told = |family: &ConditionType| previous.conditions.iter().any(|condition| condition.type_ == family.as_str());
    let families =
        FAMILIES.into_iter().chain([STORES, POLICIES, SETTINGS].into_iter().filter(told)).map(|family| (family, waiting())).collect();
    let mut status = stamp_all(state.clone(), waiting(), families, previous, at);
    status.identity.clone_from(&previous.identity);
    status.network_policy_name.clone_from(&previous.network_policy_name);
    status.settled_inputs.clone_from(&previous.settled_inputs);
    status.last_reconcile_at.clone_from(&previous.last_reconcile_at);
    status.controls.clone_from(&previous.controls);
    status.counts = previous.counts;
    status
}

/// The status of a workload whose account could not be read for too long: what was told stays, but for the posture. `doubt` is why.
#[must_use]
pub fn stale(doubt: &(Reason, String), previous: &PhiWorkloadStatus, at: Stamp) -> PhiWorkloadStatus {
    let finding = Finding::stale(ConditionType::IdentityReady, doubt.0, &doubt.1);
    let mut status = previous.clone();
    let told = Told { conditions: status.conditions, controls: status.controls, counts: status.counts };
    let told = controls::stale(&finding, told, CONTROLS, at);
    (status.conditions, status.controls, status.counts) = (told.conditions, told.controls, told.counts);
    status
}

fn stamp_all(
    ready: State,
    compliant: State,
    families: Vec<(ConditionType, State)>,
    previous: &PhiWorkloadStatus,
    at: Stamp,
) -> PhiWorkloadStatus {
    let stalled = stalled(&ready);
    let mut states = vec![(ConditionType::Ready, ready), (ConditionType::Compliant, compliant), (ConditionType::Stalled, stalled)];
    states.extend(families);
    PhiWorkloadStatus {
        observed_generation: at.generation,
        conditions: stamped(states, &previous.conditions, at),
        ..PhiWorkloadStatus::default()
    }
}

/// Whether the applied accesses contain this one in this generation.
#[must_use]
pub fn contains(applied: &[AppliedAccess], name: &str, generation: i64) -> bool {
    applied.iter().any(|access| access.name == name && access.generation == generation)
}
