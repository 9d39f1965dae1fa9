//! The permissions boundary: made and kept as wide as the approved models and the stores need, or the platform's own, verified.
//!
//! Changing it is an action of its own: in the recommended mode the account does not let the operator do it.

mod verify;

use crate::api::conditions::{ConditionType, Reason};
use crate::api::stores::DataStore;
use crate::catalogue::Control;
use crate::domain::{names, tags};
use crate::observed::identity::ManagedPolicy;
use crate::plan::facts::{callable_profiles, without_scheme};
use crate::plan::{Action, Finding, Plan};
use crate::policy::boundary::permissions_boundary;
use crate::policy::document::MANAGED_POLICY_SIZE;
use crate::policy::{PolicyDocument, Relation, relate};

use super::EnvironmentInputs;

const FAMILY: ConditionType = ConditionType::BoundaryReady;
/// Versions of a policy that IAM keeps, the default one left out.
const OTHER_VERSIONS: usize = 4;

pub(super) fn plan(inputs: &EnvironmentInputs) -> Plan {
    if let Some(arn) = &inputs.rules.platform_boundary_arn {
        let mut findings = verify::judge(inputs, arn);
        // Our own policies come from the same read as the roles: without it nothing is known of any of them.
        let unread = inputs.observed.boundary.as_ref().err();
        findings.extend(unread.map(|fault| Finding::unreadable(Control::LeastPrivilege, FAMILY, fault)));
        return Plan { findings, ..Plan::default() };
    }
    let (Ok(Some(vpc)), Ok(boundary)) = (&inputs.observed.vpc, &inputs.observed.boundary) else {
        let fault = inputs.observed.boundary.as_ref().err();
        return Plan {
            findings: fault.map(|fault| Finding::unreadable(Control::PermissionsBoundary, FAMILY, fault)).into_iter().collect(),
            ..Plan::default()
        };
    };
    if let Some(fault) = inputs.application_profiles().find_map(|read| read.as_ref().err()) {
        // Without what lies behind an application profile the wanted boundary is not known, and the one in force stays.
        return Plan { findings: vec![Finding::unreadable(Control::PermissionsBoundary, FAMILY, fault)], ..Plan::default() };
    }
    let Ok(Some(cluster)) = &inputs.observed.cluster else {
        return Plan { findings: vec![Finding::waiting(Control::PermissionsBoundary, FAMILY)], ..Plan::default() };
    };
    let profiles = callable_profiles(&inputs.observed.profiles, &inputs.rules.terms);
    let stores: Vec<&DataStore> = inputs.rules.stores.iter().collect();
    let setting = inputs.rules.setting(&vpc.id, without_scheme(&cluster.issuer));
    let document = permissions_boundary(&setting, &profiles, &inputs.rules.guardrail_limits(inputs.recorded_guardrails), &stores);
    if !document.fits_managed_policy() {
        let message = format!(
            "the approved models and profiles and the declared stores need a permissions boundary of more than IAM's {MANAGED_POLICY_SIZE} characters; approve fewer, declare fewer stores or prefixes, or split them over two environments"
        );
        let finding = Finding::fail(Control::PermissionsBoundary, FAMILY, Reason::QuotaExceeded, message);
        return Plan { findings: vec![finding], ..Plan::default() };
    }
    match boundary {
        None => create(inputs, document),
        Some(boundary) => match &inputs.observed.boundary_is_ours {
            Ok(true) => keep(inputs, boundary, document),
            Ok(false) => Plan { findings: vec![foreign(&boundary.arn)], ..Plan::default() },
            Err(fault) => Plan { findings: vec![Finding::unreadable(Control::PermissionsBoundary, FAMILY, fault)], ..Plan::default() },
        },
    }
}

fn create(inputs: &EnvironmentInputs, document: PolicyDocument) -> Plan {
    let scope = &inputs.rules.scope;
    let name = names::boundary(scope);
    let action = Action::CreateBoundary { arn: scope.policy_arn(&name), name, document, tags: tags::of_environment(scope) };
    let missing =
        Finding::fail(Control::PermissionsBoundary, FAMILY, Reason::BoundaryNotFound, "the environment has no permissions boundary yet");
    Plan { actions: vec![action], findings: vec![missing], ..Plan::default() }
}

fn keep(inputs: &EnvironmentInputs, boundary: &ManagedPolicy, document: PolicyDocument) -> Plan {
    let relation = boundary.document.as_ref().map_or(Relation::Wider, |found| relate(&document, found));
    let (actions, finding) = match relation {
        Relation::Same => {
            (vec![], Finding::pass(Control::PermissionsBoundary, FAMILY, "the boundary is as the approved models and the stores need"))
        }
        Relation::Narrower if inputs.may_hold && !inputs.boundary_refused => {
            (vec![], Finding::held(Control::PermissionsBoundary, FAMILY, "the permissions boundary"))
        }
        Relation::Narrower | Relation::Wider => {
            let finding = Finding::fail(
                Control::PermissionsBoundary,
                FAMILY,
                Reason::Drifted,
                "the boundary is not the one that the approved models and the stores need",
            );
            (vec![Action::ChangeBoundary { arn: boundary.arn.clone(), document, prune: prune(boundary) }], finding)
        }
    };
    Plan { actions, findings: vec![finding], ..Plan::default() }
}

fn foreign(arn: &str) -> Finding {
    let message = format!(
        "{arn} is there, does not carry our tags and is not recorded; it is left as it is: rename or delete it, tag it as the operator would, or name it in spec.identity.boundaryArn"
    );
    Finding::fail(Control::PermissionsBoundary, FAMILY, Reason::Conflict, message)
}

/// The oldest version that is not the default, once IAM's five are used up.
pub(in crate::plan) fn prune(policy: &ManagedPolicy) -> Option<String> {
    (policy.other_versions.len() >= OTHER_VERSIONS).then(|| policy.other_versions.first().cloned()).flatten()
}

#[cfg(test)]
mod tests;
