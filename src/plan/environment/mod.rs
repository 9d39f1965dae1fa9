//! The plan for an environment: its endpoints, key and boundary, once its scope is proven.

pub mod account_settings;
mod additional;
mod bedrock;
mod boundary;
pub mod claims;
mod endpoints;
mod federation;
pub mod guardrails;
mod key;
mod named;
pub mod orphans;
mod removal;
pub mod rules;
mod scope;
mod security_groups;
mod stores;

pub use bedrock::model_not_available;
pub(super) use boundary::prune;
pub use endpoints::{WITH_GATEWAYS, addresses, admits_everyone, chosen, is_recorded, leads_to, leads_to_store};
pub use named::Named;
pub use removal::{orphan_key, remove};
pub use rules::Rules;
pub use scope::judge as scope_findings;

use std::collections::BTreeMap;

use crate::api::Verdict;
use crate::api::conditions::ConditionType;
use crate::api::guardrails::GuardrailStatus;
use crate::api::phi_environment_status::EndpointStatus;
use crate::catalogue::Control;
use crate::domain::{Fault, FaultClass};
use crate::observed::Read;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::DocumentText;
use crate::policy::permissions::Profile;

use super::{Finding, Plan};

static NONE: BTreeMap<String, DocumentText> = BTreeMap::new();

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
    /// UID of the object, in tokens only: names are never derived from it.
    pub uid: &'a str,
    /// The guardrails that the status records.
    pub recorded_guardrails: &'a [GuardrailStatus],
    /// Trust policies of the account's other roles that web identities may assume, by ARN.
    pub federated: &'a BTreeMap<String, DocumentText>,
    /// Service accounts of the workloads: namespace and name.
    pub service_accounts: &'a [(String, String)],
    /// Name of the claim that a person lets us replace.
    pub take_over: Option<&'a str>,
}

impl EnvironmentInputs<'_> {
    /// What the account said of the application profiles that the spec names.
    pub(crate) fn application_profiles(&self) -> impl Iterator<Item = &Read<Option<Profile>>> {
        let named = &self.rules.terms.application_profiles;
        self.observed.profiles.iter().filter(|(name, _)| named.contains_key(*name)).map(|(_, read)| read)
    }
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
            uid: "",
            recorded_guardrails: &[],
            federated: &NONE,
            service_accounts: &[],
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
    plan.findings.extend(bedrock::judge(inputs));
    if let Err(fault) = &inputs.observed.dns_service_addresses {
        let finding = Finding::unreadable(Control::PodIsolation, ConditionType::ScopeVerified, fault);
        plan.findings.push(finding.about("dns-service").advisory());
    }
    if proven {
        plan.extend(claims::take(inputs));
        plan.extend(endpoints::plan(inputs));
        plan.extend(key::plan(inputs));
        plan.extend(boundary::plan(inputs));
        plan.extend(guardrails::plan(inputs));
        plan.extend(account_settings::plan(inputs));
        plan.findings.extend(stores::judge(inputs));
        plan.findings.extend(additional::judge(inputs));
        plan.findings.extend(federation::judge(inputs));
    } else {
        let declared = !inputs.rules.guardrails.is_empty();
        plan.findings.extend(declared.then(|| Finding::waiting(Control::Guardrails, ConditionType::GuardrailsReady)));
        let waiting = [
            (Control::PrivateEndpoints, ConditionType::EndpointsReady),
            (Control::CustomerManagedKey, ConditionType::KeyReady),
            (Control::PermissionsBoundary, ConditionType::BoundaryReady),
        ];
        plan.findings.extend(waiting.map(|(control, family)| Finding::waiting(control, family)));
        plan.findings.extend(account_settings::waiting());
    }
    plan
}

/// The operator's own way to STS and Bedrock, which every endpoint we make reroutes.
fn path(observed: &EnvironmentObservation) -> Vec<Finding> {
    let family = ConditionType::BedrockReachable;
    let faults = observed.caller.as_ref().err().into_iter().chain(
        observed
            .models
            .iter()
            .filter_map(|(id, read)| Some((id, read.as_ref().err()?)))
            .chain(observed.profiles.iter().filter_map(|(id, read)| Some((id, read.as_ref().err()?))))
            .filter(|(id, fault)| fault.class == FaultClass::NoPath || !observed.only_named.contains(*id))
            .map(|(_, fault)| fault),
    );
    let mut findings: Vec<_> = faults.take(1).map(|fault| broken_path(fault, family)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(Control::OperatorPath, family, "the operator's own calls to STS and Bedrock get through"));
    }
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

#[cfg(test)]
pub(crate) mod tests;
