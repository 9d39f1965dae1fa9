//! The status of an access. It writes no IAM itself: it tells whether the workload's policy contains it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::conditions::{ConditionType, Reason};
use crate::api::{BedrockAccessSpec, BedrockAccessStatus, PhiWorkloadStatus};
use crate::plan::{Applied, Finding, Mode};

use super::conditions::{Stamp, State, is_true, stalled, stamp as stamped};
use super::controls::Told;
use super::{controls, families, workload};

const CONTROLS: usize = 6;

/// What the status of an access is made from.
pub struct AccessPass<'a> {
    /// Its name and the generation of its spec.
    pub name: &'a str,
    /// Its spec.
    pub spec: &'a BedrockAccessSpec,
    /// The findings on it.
    pub findings: Vec<Finding>,
    /// Status of the workload it belongs to.
    pub workload: &'a PhiWorkloadStatus,
    /// The workload's environment.
    pub environment: &'a str,
    /// How far writes may go for the workload.
    pub mode: Mode,
}

/// Makes the status of an access whose workload and environment are known.
#[must_use]
pub fn project(pass: AccessPass, previous: &BedrockAccessStatus, at: Stamp) -> BedrockAccessStatus {
    let generation = at.generation.unwrap_or_default();
    let identity = pass.workload.identity.as_ref();
    let contained = identity.is_some_and(|identity| workload::contains(&identity.accesses, pass.name, generation));
    let applied = Applied { mode: pass.mode, findings: pass.findings, withheld: Vec::new(), outcomes: Vec::new() };
    let resolved = families::summarise(ConditionType::ModelsResolved, &applied, "every model and profile is approved and can be called");
    let policy = policy_applied(&applied, &resolved, pass.workload, contained);
    let families = [(ConditionType::ModelsResolved, resolved.clone()), (ConditionType::PolicyApplied, policy.clone())];
    let ready = if applied.mode == Mode::Audit && resolved.holds == Some(true) {
        State::holds(Reason::AuditOnly, "Audit: the access would be given; nothing is written")
    } else {
        let lacking = families.iter().find(|(_, state)| state.holds != Some(true));
        lacking.map_or_else(
            || State::holds(Reason::InPlace, "the workload's role has this access"),
            |(family, state)| State { message: format!("{}: {}", family.as_str(), state.message), ..state.clone() },
        )
    };
    let list = controls::list(&applied.findings, &previous.controls, CONTROLS, at);
    let compliant = controls::compliant(&applied.findings, &list, at);
    BedrockAccessStatus {
        role_arn: identity.filter(|_| contained).map(|identity| identity.role_arn.clone()),
        environment: Some(pass.environment.to_owned()),
        operations: pass.spec.resolved_operations(),
        counts: Some(controls::count(&applied.findings)),
        controls: list,
        ..stamp_all(ready, compliant, families, previous, at)
    }
}

fn policy_applied(applied: &Applied, resolved: &State, workload: &PhiWorkloadStatus, contained: bool) -> State {
    if resolved.holds == Some(false) {
        return State::broken(resolved.reason, "the access is not given; see ModelsResolved");
    }
    if applied.mode == Mode::Audit {
        return State::broken(Reason::WithheldByAudit, "Audit withholds the workload's role and policy");
    }
    let ready = workload::FAMILIES.iter().all(|family| is_true(&workload.conditions, *family));
    if contained && ready {
        return State::holds(Reason::InPlace, "the workload's policy contains this access");
    }
    // The workload's own reason says more than ours could.
    let of = |kind: ConditionType| {
        workload.conditions.iter().find(move |condition| condition.type_ == kind.as_str() && condition.status != "True")
    };
    let why = of(ConditionType::Ready)
        .map_or("it is being written".to_owned(), |condition| format!("{}: {}", condition.reason, condition.message));
    State::broken(Reason::WorkloadNotReady, format!("the workload does not give this access yet: {why}"))
}

/// Whether `status`, the first of an access, would only say that its workload's first pass over it is under way: nothing is wrong with
/// the access, and nothing with the workload. The next status will say more.
#[must_use]
pub fn is_under_way(status: &BedrockAccessStatus, workload: &PhiWorkloadStatus) -> bool {
    let waits = |condition: &Condition| {
        condition.type_ == ConditionType::PolicyApplied.as_str() && condition.reason == Reason::WorkloadNotReady.as_str()
    };
    let broken = |condition: &Condition| condition.type_ == ConditionType::Ready.as_str() && condition.status == "False";
    !workload.conditions.iter().any(broken)
        && is_true(&status.conditions, ConditionType::ModelsResolved)
        && status.conditions.iter().any(waits)
}

/// The status of an access that cannot be judged: its workload or environment is missing or not known yet.
#[must_use]
pub fn unjudged(state: &State, spec: &BedrockAccessSpec, previous: &BedrockAccessStatus, at: Stamp) -> BedrockAccessStatus {
    let waiting = || State::unknown(Reason::DependenciesNotReady, state.message.clone());
    let families = [(ConditionType::ModelsResolved, waiting()), (ConditionType::PolicyApplied, waiting())];
    BedrockAccessStatus {
        environment: previous.environment.clone(),
        operations: spec.resolved_operations(),
        controls: previous.controls.clone(),
        counts: previous.counts,
        ..stamp_all(state.clone(), waiting(), families, previous, at)
    }
}

/// The status of an access whose account could not be read for too long: what was told stays, but for the posture. `doubt` is why.
#[must_use]
pub fn stale(doubt: &(Reason, String), previous: &BedrockAccessStatus, at: Stamp) -> BedrockAccessStatus {
    let finding = Finding::stale(ConditionType::PolicyApplied, doubt.0, &doubt.1);
    let mut status = previous.clone();
    let told = Told { conditions: status.conditions, controls: status.controls, counts: status.counts };
    let told = controls::stale(&finding, told, CONTROLS, at);
    (status.conditions, status.controls, status.counts) = (told.conditions, told.controls, told.counts);
    status
}

fn stamp_all(
    ready: State,
    compliant: State,
    families: [(ConditionType, State); 2],
    previous: &BedrockAccessStatus,
    at: Stamp,
) -> BedrockAccessStatus {
    let stalled = stalled(&ready);
    let mut states = vec![(ConditionType::Ready, ready), (ConditionType::Compliant, compliant), (ConditionType::Stalled, stalled)];
    states.extend(families);
    BedrockAccessStatus {
        observed_generation: at.generation,
        conditions: stamped(states, &previous.conditions, at),
        ..BedrockAccessStatus::default()
    }
}
