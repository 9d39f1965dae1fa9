//! A pass over a workload: one pass per service account owns role, policy, annotation and isolation, for all its accesses together.
//!
//! It reads no AWS of its own: what it needs lies in the environment's facts and in the shared snapshot of the account's IAM.

mod gather;
mod pass;
mod record;

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::PhiWorkload;
use crate::api::annotations::FINALIZER;
use crate::api::conditions::Reason;
use crate::api::shared::Enforcement;
use crate::cluster::kubernetes::KubernetesWriter;
use crate::cluster::objects::WithStatus;
use crate::cluster::status_writer::set_finalizer;
use crate::domain::{Fault, names};
use crate::status::conditions::{Stamp, State};
use crate::status::transitions::transitions;
use crate::status::workload::unjudged;

use super::Next;
use super::context::Context;
pub(super) use gather::declared_accesses;
use pass::Pass;

/// When to look again at a workload that nothing else wakes.
const IDLE: Duration = Duration::from_hours(1);

/// How long the first pass over a workload waits for the pods of its namespace.
const PODS: Duration = Duration::from_secs(1);

/// One pass.
pub(super) async fn reconcile(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let environment_name = &object.spec.environment_ref.name;
    let declared = context.caches.environment(environment_name);
    let known = context.environment(environment_name);
    match (declared, known) {
        (Some(declared), Some(known)) if known.uid == declared.metadata.uid => {
            if object.status.as_ref().is_none_or(|status| status.conditions.is_empty()) {
                // The first word on a workload is not that its pods were not read yet.
                context.caches.pods.told_within(&object.namespace().unwrap_or_default(), PODS).await;
            }
            Pass::new(context, object, &declared, known).run().await
        }
        _ if object.metadata.deletion_timestamp.is_some() => hand_over(context, object).await,
        (declared, _) => wait(context, object, declared.is_some()).await,
    }
}

/// The environment is missing, or was not evaluated yet. A status that speaks of this generation stays: a passing fault of the
/// environment never flips its dependents.
async fn wait(context: &Context, object: &PhiWorkload, declared: bool) -> Result<Next, Fault> {
    let previous = context.statuses.previous(object);
    let name = &object.spec.environment_ref.name;
    let state = if declared {
        if previous.observed_generation == object.metadata.generation && !previous.conditions.is_empty() {
            return Ok(Next::Settled(IDLE));
        }
        State::unknown(Reason::EnvironmentNotReady, format!("PhiEnvironment {name} was not evaluated yet"))
    } else {
        State::broken(Reason::EnvironmentNotFound, format!("there is no PhiEnvironment {name}; ask the platform team which one to use"))
    };
    let status = unjudged(&state, &previous, Stamp::new(object.metadata.generation, Timestamp::now()));
    if context.statuses.write(object, &previous, &status).await? {
        context.events.transitions(object, transitions(&previous.conditions, &status.conditions)).await;
    }
    Ok(Next::Settled(IDLE))
}

/// Lets a workload go whose role cannot be taken away now: the role goes to the hand-over list, and the sweep finishes it.
async fn hand_over(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    if !object.finalizers().iter().any(|one| one == FINALIZER) {
        return Ok(Next::Done);
    }
    let previous = context.statuses.previous(object);
    if let Some(identity) = &previous.identity {
        let role = identity.role_arn.rsplit('/').next().unwrap_or_default();
        context.hand_over.add(&object.spec.environment_ref.name, role, &identity.policy_arn).await?;
    }
    let namespace = object.namespace().unwrap_or_default();
    let environment = context.caches.environment(&object.spec.environment_ref.name);
    if environment.is_some_and(|environment| environment.spec.enforcement == Some(Enforcement::Enforce)) {
        kubernetes(context).delete_network_policy(&namespace, &names::network_policy(&object.name_any())).await?;
    }
    release(context, object).await
}

async fn release(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let api = PhiWorkload::api(&context.client, object.namespace().as_deref());
    set_finalizer(&api, object, FINALIZER, false, &context.metrics).await?;
    context.statuses.forget(object.metadata.uid.as_ref());
    Ok(Next::Done)
}

fn kubernetes(context: &Context) -> KubernetesWriter {
    KubernetesWriter { client: context.client.clone(), metrics: context.metrics.clone() }
}
