//! The status of an environment.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;

use crate::api::conditions::{ConditionType, Reason};
use crate::api::phi_environment_status::{EndpointStatus, ModelStatus, PhiEnvironmentStatus, ScopeStatus};
use crate::api::shared::{Enforcement, Management};
use crate::domain::{names, tags};
use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::rules::EndpointRule;
use crate::plan::environment::{Rules, is_recorded};
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
    /// Workloads bound to it.
    pub bound_workloads: usize,
    /// Whether it is being deleted and what keeps it.
    pub deleting: Option<State>,
}

/// Makes the status. `previous` is the one last written.
#[must_use]
pub fn project(pass: &EnvironmentPass, previous: &PhiEnvironmentStatus, at: Stamp) -> PhiEnvironmentStatus {
    let applied = pass.applied;
    let families: Vec<(ConditionType, State)> = [
        (ConditionType::ScopeVerified, "the account, cluster and network are those of the spec"),
        (ConditionType::EndpointsReady, "every endpoint is in place"),
        (ConditionType::KeyReady, "the key is in place"),
        (ConditionType::BoundaryReady, ""),
        (ConditionType::BedrockReachable, ""),
    ]
    .map(|(family, in_place)| (family, families::summarise(family, applied, in_place)))
    .into();
    let ready = pass.deleting.clone().unwrap_or_else(|| {
        let scope = &families[0].1;
        if scope.holds == Some(false) { scope.clone() } else { families::ready(&families, applied, "the environment is in place") }
    });
    let control_list = controls::list(&applied.findings, &previous.controls, CONTROLS, at);
    let mut states = vec![
        (ConditionType::Ready, ready.clone()),
        (ConditionType::Compliant, controls::compliant(&applied.findings, &control_list, at)),
        (ConditionType::Stalled, stalled(&ready)),
    ];
    states.extend(families);
    PhiEnvironmentStatus {
        observed_generation: at.generation,
        conditions: stamped(states, &previous.conditions, at),
        enforcement: Some(if applied.mode == Mode::Audit { Enforcement::Audit } else { Enforcement::Enforce }),
        last_evaluated: Some(heartbeat(previous.last_evaluated.as_ref(), at)),
        scope: scope(pass).or_else(|| previous.scope.clone()),
        resolved: Some(pass.rules.resolved.clone()),
        endpoints: endpoints(pass, &previous.endpoints),
        key_arn: key_arn(pass, previous),
        boundary_arn: Some(pass.rules.boundary_arn()),
        models: models(pass.observed),
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
    let ours = |key: &&Key| named || tags::owned(&key.tags, &wanted) || previous.key_arn.as_ref() == Some(&key.arn);
    key.as_ref().filter(ours).map(|key| key.arn.clone())
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
    let wanted = tags::of_environment(&pass.rules.scope);
    let service_name = pass.rules.scope.endpoint_service_name(&rule.service);
    let mut present: Vec<_> = pass.observed.endpoints.iter().flatten().filter(|endpoint| endpoint.service_name == service_name).collect();
    present.sort_by_key(|endpoint| (rule.vpc_endpoint_id.as_ref() != Some(&endpoint.id), !tags::owned(&endpoint.tags, &wanted)));
    let endpoint = present.first();
    let ours = endpoint.is_none_or(|endpoint| tags::owned(&endpoint.tags, &wanted) || is_recorded(recorded, &endpoint.id));
    let zones =
        pass.observed.subnets.iter().flatten().filter(|subnet| endpoint.is_some_and(|endpoint| endpoint.subnet_ids.contains(&subnet.id)));
    let mut zones: Vec<String> = zones.map(|subnet| subnet.zone.clone()).collect();
    zones.sort_unstable();
    zones.dedup();
    let group_name = names::security_group(&pass.rules.scope, &rule.service);
    let group = pass.observed.security_groups.iter().flatten().find(|group| group.name == group_name);
    // One of ours that someone deleted stays on record until there is another: the next one's client token is made of it.
    let gone = before.filter(|before| rule.provision && endpoint.is_none() && before.management == Management::Provision);
    let gone = gone.and_then(|before| before.vpc_endpoint_id.clone());
    EndpointStatus {
        service: rule.service.clone(),
        management: if rule.provision && ours { Management::Provision } else { Management::Verify },
        state: endpoint.map(|endpoint| endpoint.state.clone()).or_else(|| gone.as_ref().map(|_| "deleted".to_owned())),
        vpc_endpoint_id: endpoint.map(|endpoint| endpoint.id.clone()).or(gone),
        security_group_id: group.map(|group| group.id.clone()),
        zones,
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
