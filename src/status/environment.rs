//! The status of an environment.

pub mod account_settings;

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;

use crate::api::conditions::{ConditionType, Reason};
use crate::api::guardrails::GuardrailStatus;
use crate::api::phi_environment_status::{EndpointStatus, ModelStatus, PhiEnvironmentStatus, ScopeStatus};
use crate::api::shared::{Enforcement, Management};
use crate::domain::{names, tags};
use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::network::SecurityGroup;
use crate::plan::environment::rules::EndpointRule;
use crate::plan::environment::{Rules, chosen};
use crate::plan::facts::{obstacle, without_scheme};
use crate::plan::{Applied, Mode};

use super::conditions::{Stamp, State, stalled, stamp as stamped};
use super::{controls, families};

/// How often `lastEvaluated` is written when nothing else changes.
pub const HEARTBEAT: SignedDuration = SignedDuration::from_mins(30);
const CONTROLS: usize = 40;

/// What the status of an environment is made from.
pub struct EnvironmentPass<'a> {
    /// The spec, resolved.
    pub rules: &'a Rules,
    /// What was read.
    pub observed: &'a EnvironmentObservation,
    /// What became of the plan.
    pub applied: &'a Applied,
    /// Digest of the inputs, if the pass left nothing to do.
    pub settled: Option<String>,
    /// The `reconcile-at` annotation.
    pub reconcile_at: Option<String>,
    /// What people ask for: see [`wish`].
    pub wish: String,
    /// The guardrails in use.
    pub guardrails: Vec<GuardrailStatus>,
    /// Workloads bound to it.
    pub bound_workloads: usize,
    /// Whether it is being deleted and what keeps it.
    pub deleting: Option<State>,
}

/// Makes the status. `previous` is the one last written.
#[must_use]
pub fn project(pass: &EnvironmentPass, previous: &PhiEnvironmentStatus, at: Stamp) -> PhiEnvironmentStatus {
    let applied = pass.applied;
    let mut families: Vec<(ConditionType, State)> = [
        (ConditionType::ScopeVerified, "the account, cluster and network are those of the spec"),
        (ConditionType::EndpointsReady, "every endpoint is in place"),
        (ConditionType::KeyReady, "the key is in place"),
        (ConditionType::BoundaryReady, ""),
        (ConditionType::BedrockReachable, ""),
    ]
    .map(|(family, in_place)| (family, families::summarise(family, applied, in_place)))
    .into();
    if !pass.rules.guardrails.is_empty() {
        let state = families::summarise(ConditionType::GuardrailsReady, applied, "every guardrail is published");
        families.insert(4, (ConditionType::GuardrailsReady, state));
    }
    let ready = pass.deleting.clone().unwrap_or_else(|| {
        let scope = &families[0].1;
        if scope.holds == Some(false) { scope.clone() } else { families::ready(&families, applied, "the environment is in place") }
    });
    let settings = families::summarise(ConditionType::AccountSettingsVerified, applied, "");
    let control_list = controls::list(&applied.findings, &previous.controls, CONTROLS, at);
    let mut states = vec![
        (ConditionType::Ready, ready.clone()),
        (ConditionType::Compliant, controls::compliant(&applied.findings, &control_list, at)),
        (ConditionType::Stalled, stalled(&ready)),
    ];
    states.extend(families);
    states.push((ConditionType::AccountSettingsVerified, settings));
    PhiEnvironmentStatus {
        observed_generation: at.generation,
        conditions: stamped(states, &previous.conditions, at),
        enforcement: Some(if applied.mode == Mode::Audit { Enforcement::Audit } else { Enforcement::Enforce }),
        last_evaluated: Some(heartbeat(previous.last_evaluated.as_ref(), at)),
        scope: scope(pass).or_else(|| previous.scope.clone()),
        resolved: Some(pass.rules.resolved.clone()),
        endpoints: endpoints(pass, &previous.endpoints),
        key_arn: key_arn(pass, previous),
        retained_key_arn: recorded_key(previous).filter(|_| pass.rules.resolved.key_management == Management::Verify).map(str::to_owned),
        key_enabled_for: key_enabled_for(pass, previous),
        boundary_arn: boundary_arn(pass, previous),
        guardrails: pass.guardrails.clone(),
        models: models(pass.observed),
        account_settings: Some(account_settings::of(pass, previous.account_settings.as_ref())),
        bound_workloads: i32::try_from(pass.bound_workloads).ok(),
        settled_inputs: pass.settled.clone().or_else(|| previous.settled_inputs.clone()),
        last_reconcile_at: pass.reconcile_at.clone(),
        controls: control_list,
        counts: Some(controls::count(&applied.findings)),
        plan: controls::withheld(&applied.withheld),
    }
}

/// The key is recorded only if it is named in the spec, carries our tags, or was recorded before: an alias proves nothing.
fn key_arn(pass: &EnvironmentPass, previous: &PhiEnvironmentStatus) -> Option<String> {
    let Ok(key) = &pass.observed.key else {
        return previous.key_arn.clone();
    };
    let named = pass.rules.resolved.key_management == Management::Verify;
    let wanted = tags::of_environment(&pass.rules.scope);
    let ours = |key: &&Key| named || tags::owned(&key.tags, &wanted) || recorded_key(previous) == Some(key.arn.as_str());
    key.as_ref().filter(ours).map(|key| key.arn.clone())
}

/// What people ask for, as one mark: the spec of this generation, and the value of the `reconcile-at` annotation.
#[must_use]
pub fn wish(generation: Option<i64>, reconcile_at: Option<&str>) -> String {
    let generation = generation.unwrap_or_default();
    reconcile_at.map_or_else(|| generation.to_string(), |wish| format!("{generation} {wish}"))
}

/// Whether one wish asks for something that the one `before` did not. To take the annotation away asks for nothing.
#[must_use]
pub fn asks_anew(wish: &str, before: &str) -> bool {
    let withdrawn = before.split(' ').next() == Some(wish);
    wish != before && !withdrawn
}

/// The wish of a pass that sees the key enabled; else the last one of which that can be said.
fn key_enabled_for(pass: &EnvironmentPass, previous: &PhiEnvironmentStatus) -> Option<String> {
    let enabled = |key: &Option<Key>| key.as_ref().is_some_and(|key| key.state == "Enabled");
    if pass.observed.key.as_ref().is_ok_and(enabled) { Some(pass.wish.clone()) } else { previous.key_enabled_for.clone() }
}

/// The key of the operator's making that a status records, also while the platform's own is verified.
#[must_use]
pub fn recorded_key(status: &PhiEnvironmentStatus) -> Option<&str> {
    let provisioned = status.resolved.as_ref().is_none_or(|resolved| resolved.key_management == Management::Provision);
    let provisioned = status.key_arn.as_deref().filter(|_| provisioned);
    provisioned.or(status.retained_key_arn.as_deref())
}

/// The boundary is recorded only once it is there and ours, or if it is the platform's: the name alone proves nothing.
fn boundary_arn(pass: &EnvironmentPass, previous: &PhiEnvironmentStatus) -> Option<String> {
    let wanted = pass.rules.boundary_arn();
    if pass.rules.platform_boundary_arn.is_some() {
        return Some(wanted);
    }
    match (&pass.observed.boundary, &pass.observed.boundary_is_ours) {
        (Ok(Some(_)), Ok(true)) => Some(wanted),
        (Ok(None), _) | (_, Ok(false)) => None,
        _ => previous.boundary_arn.clone().filter(|recorded| *recorded == wanted),
    }
}

/// The time of evaluation moves only once the last one is old enough: a status that is rewritten on every pass wakes everyone.
fn heartbeat(previous: Option<&Time>, at: Stamp) -> Time {
    match previous {
        Some(before) if at.now.duration_since(before.0) < HEARTBEAT => before.clone(),
        _ => Time(at.now),
    }
}

fn scope(pass: &EnvironmentPass) -> Option<ScopeStatus> {
    let cluster = pass.observed.cluster.as_ref().ok()?.as_ref()?;
    let vpc = pass.observed.vpc.as_ref().ok()?.as_ref()?;
    let mut zones: Vec<String> = pass.observed.subnets.iter().flatten().map(|subnet| subnet.zone.clone()).collect();
    zones.sort_unstable();
    zones.dedup();
    Some(ScopeStatus {
        partition: pass.rules.scope.partition.clone(),
        cluster_arn: cluster.arn.clone(),
        oidc_issuer: without_scheme(&cluster.issuer).to_owned(),
        vpc_id: vpc.id.clone(),
        zones,
    })
}

fn endpoints(pass: &EnvironmentPass, recorded: &[EndpointStatus]) -> Vec<EndpointStatus> {
    let status = |rule: &EndpointRule| match recorded.iter().find(|endpoint| endpoint.service == rule.service) {
        // What could not be read is not gone: an endpoint of ours that lost its tags is known by its record alone.
        Some(before) if pass.observed.endpoints.is_err() => before.clone(),
        before => endpoint(pass, rule, before, recorded),
    };
    pass.rules.endpoints.iter().map(status).collect()
}

fn endpoint(pass: &EnvironmentPass, rule: &EndpointRule, before: Option<&EndpointStatus>, recorded: &[EndpointStatus]) -> EndpointStatus {
    let (rules, observed) = (pass.rules, pass.observed);
    let found = chosen(rules, rule, observed, recorded);
    let ours = found.is_none_or(|(_, ours)| ours);
    let endpoint = found.map(|(endpoint, _)| endpoint);
    let subnets = observed.subnets.iter().flatten().chain(observed.other_subnets.iter().flatten());
    let zones: BTreeSet<String> = subnets
        .filter(|subnet| endpoint.is_some_and(|endpoint| endpoint.subnet_ids.contains(&subnet.id)))
        .map(|subnet| subnet.zone.clone())
        .collect();
    let group_name = names::security_group(&rules.scope, &rule.service);
    let named = |group: &&SecurityGroup| group.name == group_name;
    let is_recorded = |group: &&SecurityGroup| before.is_some_and(|before| before.security_group_id.as_ref() == Some(&group.id));
    let group = observed.security_groups.iter().flatten().find(named);
    let group = group.or_else(|| observed.other_security_groups.iter().flatten().filter(named).find(is_recorded));
    // One of ours that someone deleted stays on record until there is another: the next one's client token is made of it.
    let gone = before.filter(|before| rule.provision && endpoint.is_none() && before.management == Management::Provision);
    let gone = gone.and_then(|before| before.vpc_endpoint_id.clone());
    EndpointStatus {
        service: rule.service.clone(),
        management: if rule.provision && ours { Management::Provision } else { Management::Verify },
        state: endpoint.map(|endpoint| endpoint.state.clone()).or_else(|| gone.as_ref().map(|_| "deleted".to_owned())),
        vpc_endpoint_id: endpoint.map(|endpoint| endpoint.id.clone()).or(gone).or_else(|| rule.vpc_endpoint_id.clone()),
        security_group_id: group.map(|group| group.id.clone()),
        zones: zones.into_iter().collect(),
    }
}

fn models(observed: &EnvironmentObservation) -> Vec<ModelStatus> {
    observed
        .models
        .iter()
        .map(|(id, read)| ModelStatus { id: id.clone(), availability: obstacle(read).unwrap_or_else(|| "Available".to_owned()) })
        .collect()
}

/// The state of an environment that is being deleted and still needed.
#[must_use]
pub fn deletion_blocked(bound: usize) -> State {
    State::broken(Reason::DeletionBlocked, format!("{bound} PhiWorkloads are bound to this environment; delete them first"))
}

#[cfg(test)]
mod tests;
