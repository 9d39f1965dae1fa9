//! A pass over an access: judged with its siblings, told from its workload's status. It writes no IAM.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use crate::api::BedrockAccess;
use crate::api::conditions::{ConditionType, Reason};
use crate::cluster::objects::hold;
use crate::domain::Fault;
use crate::plan::Finding;
use crate::plan::access::{Requests, admit};
use crate::plan::stores::admitted;
use crate::plan::workload::admits;
use crate::status::access::{AccessPass, is_under_way, project, stale, unjudged};
use crate::status::conditions::{Stamp, State};
use crate::status::transitions::transitions;

use super::context::Context;
use super::context::named::PATIENCE;
use super::workload::{declared_accesses, labels_of};
use super::{Next, key_of};

/// When to look again at an access that nothing else wakes.
const IDLE: Duration = Duration::from_hours(1);

/// How long an access says nothing while its workload's first pass over it is under way: what it could say would not be true for long.
const QUIET: SignedDuration = SignedDuration::from_secs(30);

/// One pass.
pub(super) async fn reconcile(context: &Context, object: &BedrockAccess) -> Result<Next, Fault> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Next::Done);
    }
    let namespace = object.namespace().unwrap_or_default();
    let previous = context.statuses.previous(object);
    let at = Stamp::new(object.metadata.generation, Timestamp::now());
    let spec = &object.spec;
    let wait = |state: &State| unjudged(state, spec, &previous, at);
    let workload_name = &spec.workload_ref.name;
    let workload = context.caches.workload(&namespace, workload_name);
    let status = match workload.parsed() {
        None => {
            let message =
                format!("there is no PhiWorkload {workload_name} in namespace {namespace}; create it, or correct spec.workloadRef");
            wait(&State::broken(Reason::WorkloadNotFound, message))
        }
        Some(workload) => {
            let environment = &workload.spec.environment_ref.name;
            let elsewhere = context.claimed_elsewhere(environment);
            let declared = context.caches.environment(environment);
            match (declared.parsed(), context.environment(environment), elsewhere) {
                (None, _, _) => wait(&State::broken(
                    Reason::EnvironmentNotFound,
                    format!("there is no PhiEnvironment {environment}, which PhiWorkload {workload_name} names"),
                )),
                (Some(declared), Some(known), None) if known.uid == declared.metadata.uid => {
                    let siblings = declared_accesses(context, &namespace, workload_name);
                    let labels = labels_of(context, &namespace);
                    let bound = admits(&declared.spec.namespace_selector, &labels);
                    if bound && context.waits_for_answer(&known, siblings.iter().map(|access| &access.spec)) {
                        return Ok(Next::Settled(PATIENCE));
                    }
                    let workload_status = context.statuses.previous(workload);
                    let admitted = admitted(&known.facts.stores, &labels);
                    let identity = workload_status.identity.as_ref();
                    let requests = Requests::of(&namespace, &workload.spec, identity, &siblings, &admitted);
                    let mut findings = admit(&requests, &known.facts).findings.remove(&object.name_any()).unwrap_or_default();
                    let doubt = context.stale(environment);
                    findings.extend(doubt.map(|(reason, why)| Finding::stale(ConditionType::PolicyApplied, reason, &why)));
                    context.metrics.judged(&key_of(object), &findings);
                    let pass = AccessPass {
                        name: &object.name_any(),
                        spec,
                        findings,
                        workload: &workload_status,
                        environment,
                        mode: known.mode(declared, &[hold(workload), hold(declared)]),
                    };
                    let status = project(pass, &previous, at);
                    let judged = previous
                        .conditions
                        .iter()
                        .any(|condition| condition.type_ == ConditionType::Ready.as_str() && condition.status != "Unknown");
                    if !judged
                        && is_under_way(&status, &workload_status)
                        && let Some(rest) = quiet(object, at)
                    {
                        return Ok(Next::Settled(rest));
                    }
                    status
                }
                (Some(_), _, Some(elsewhere)) => wait(&elsewhere),
                (Some(_), _, None) if previous.observed_generation == at.generation && !previous.conditions.is_empty() => {
                    context.stale(environment).map_or_else(|| previous.clone(), |doubt| stale(&doubt, &previous, at))
                }
                (Some(_), _, None) => {
                    wait(&State::unknown(Reason::EnvironmentNotReady, format!("PhiEnvironment {environment} was not evaluated yet")))
                }
            }
        }
    };
    if context.statuses.write(object, &previous, &status).await? {
        context.events.transitions(object, transitions(&previous.conditions, &status.conditions)).await;
    }
    Ok(Next::Settled(IDLE))
}

/// What is left of the time in which a new access says nothing.
fn quiet(object: &BedrockAccess, at: Stamp) -> Option<Duration> {
    let created = object.creation_timestamp()?.0;
    let left = QUIET - at.now.duration_since(created);
    // A clock that differs from the API server's shortens the time, and never makes it longer.
    Duration::try_from(left.min(QUIET)).ok().filter(|left| !left.is_zero())
}
