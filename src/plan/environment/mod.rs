//! The plan for an environment: its endpoints, key and boundary, once its scope is proven.

mod boundary;
pub mod claims;
mod endpoints;
mod key;
pub mod orphans;
mod removal;
pub mod rules;
mod scope;
mod security_groups;
mod stores;

pub(super) use boundary::prune;
pub use endpoints::{WITH_GATEWAYS, addresses, admits_everyone, chosen, is_recorded, leads_to, leads_to_store};
pub use removal::{orphan_key, remove};
pub use rules::Rules;
pub use scope::judge as scope_findings;

use crate::api::Verdict;
use crate::api::conditions::{ConditionType, Reason};
use crate::api::phi_environment_status::EndpointStatus;
use crate::catalogue::Control;
use crate::domain::{Fault, FaultClass};
use crate::observed::environment::EnvironmentObservation;

use super::{Finding, Plan};

/// What the plan of an environment is made from.
pub struct EnvironmentInputs<'a> {
    /// The spec, resolved.
    pub rules: &'a Rules,
    /// What was read.
    pub observed: &'a EnvironmentObservation,
    /// Whether something narrower may be someone's doing (see [`super::may_hold`]).
    pub may_hold: bool,
    /// Whether a person asked for something, by a new spec or a wish, since the key was last seen enabled: then it is enabled again. A
    /// change of facts asks for nothing.
    pub asked: bool,
    /// ARN of the key that the status records as the environment's.
    pub recorded_key: Option<&'a str>,
    /// Whether the account refused the last change of the boundary: then a narrower one is nobody's doing.
    pub boundary_refused: bool,
    /// The endpoints that the status records: one of ours stays ours when it loses its tags.
    pub recorded_endpoints: &'a [EndpointStatus],
    /// Name of the claim that a person lets us replace.
    pub take_over: Option<&'a str>,
}

impl<'a> EnvironmentInputs<'a> {
    /// Nothing but what was read: nothing is recorded, nobody asked for anything, and what is narrower may be someone's doing.
    #[must_use]
    pub const fn of(rules: &'a Rules, observed: &'a EnvironmentObservation) -> Self {
        Self {
            rules,
            observed,
            may_hold: true,
            asked: false,
            recorded_key: None,
            boundary_refused: false,
            recorded_endpoints: &[],
            take_over: None,
        }
    }
}

/// Plans an environment. Nothing is written before account, cluster and VPC are proven to be the ones meant.
#[must_use]
pub fn plan(inputs: &EnvironmentInputs) -> Plan {
    let findings = scope::judge(inputs);
    let proven = findings.iter().all(|finding| finding.verdict == Verdict::Pass || !finding.blocks);
    let mut plan = Plan { findings, ..Plan::default() };
    plan.findings.extend(path(inputs.observed));
    if let Err(fault) = &inputs.observed.dns_service_addresses {
        let finding = Finding::unreadable(Control::PodIsolation, ConditionType::ScopeVerified, fault);
        plan.findings.push(finding.about("dns-service").advisory());
    }
    if proven {
        plan.extend(claims::take(inputs));
        plan.extend(endpoints::plan(inputs));
        plan.extend(key::plan(inputs));
        plan.extend(boundary::plan(inputs));
        plan.findings.extend(stores::judge(inputs));
    } else {
        let waiting = [
            (Control::PrivateEndpoints, ConditionType::EndpointsReady),
            (Control::CustomerManagedKey, ConditionType::KeyReady),
            (Control::PermissionsBoundary, ConditionType::BoundaryReady),
        ];
        plan.findings.extend(waiting.map(|(control, family)| Finding::waiting(control, family)));
    }
    plan
}

/// The operator's own way to STS and Bedrock, which every endpoint we make reroutes.
fn path(observed: &EnvironmentObservation) -> Vec<Finding> {
    let family = ConditionType::BedrockReachable;
    let faults = observed.caller.as_ref().err().into_iter().chain(
        observed
            .models
            .values()
            .filter_map(|read| read.as_ref().err())
            .chain(observed.profiles.values().filter_map(|read| read.as_ref().err())),
    );
    let mut findings: Vec<_> = faults.take(1).map(|fault| broken_path(fault, family)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(Control::OperatorPath, family, "the operator's own calls to STS and Bedrock get through"));
    }
    findings.extend(models(observed));
    findings
}

/// A call that got no connection says something about the path: an endpoint, its private DNS, its security group.
fn broken_path(fault: &Fault, family: ConditionType) -> Finding {
    let mut finding = Finding::unreadable(Control::OperatorPath, family, fault);
    if fault.class == FaultClass::NoPath {
        finding.verdict = Verdict::Fail;
        finding.message = format!(
            "{fault}; if an endpoint for {} was just made, see whether its security group admits the operator's pod and its private DNS resolves",
            fault.service
        );
    }
    finding
}

fn models(observed: &EnvironmentObservation) -> Vec<Finding> {
    let family = ConditionType::BedrockReachable;
    observed
        .models
        .iter()
        .filter_map(|(model, read)| {
            if let Err(fault) = read {
                return Some(Finding::unreadable(Control::ApprovedModels, family, fault).about(model).advisory());
            }
            let obstacle = super::facts::obstacle(read)?;
            Some(model_not_available(model, &obstacle))
        })
        .collect()
}

/// An approved model that the account cannot call. It keeps nobody from the others: it does not block the environment.
#[must_use]
pub fn model_not_available(model: &str, obstacle: &str) -> Finding {
    let message = format!("model {model} cannot be called: {obstacle}");
    let family = ConditionType::BedrockReachable;
    Finding::fail(Control::ApprovedModels, family, Reason::ModelNotAvailable, message).about(model).advisory()
}

#[cfg(test)]
pub(crate) mod tests;
