//! A pass over a workload: one pass per service account owns role, policy, annotation and isolation, for all its accesses together.
//!
//! It reads no AWS of its own: what it needs lies in the environment's facts and in the shared snapshot of the account's IAM.

mod gather;
mod pass;
mod record;
mod undo;

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use crate::api::annotations::FINALIZER;
use crate::api::conditions::Reason;
use crate::api::shared::Enforcement;
use crate::api::{PhiWorkload, PhiWorkloadStatus};
use crate::cluster::objects::WithStatus;
use crate::domain::{Fault, names};
use crate::observed::handed_over::HandedOver;
use crate::status::conditions::{Stamp, State};
use crate::status::transitions::transitions;
use crate::status::workload::{stale, unjudged};

use super::context::Context;
use super::{Next, marks};
pub(super) use gather::declared_accesses;
use pass::Pass;
pub(super) use undo::{cleaned_up, undo};

/// When to look again at a workload that nothing else wakes.
const IDLE: Duration = Duration::from_hours(1);

/// How long the first pass over a workload waits for the pods of its namespace.
const PODS: Duration = Duration::from_secs(1);

/// What ends the wait after a failed pass: what people write about the workload and its accesses, its namespace, its service account,
/// its fence, and its environment's facts.
pub(super) fn inputs(context: &Context, object: &PhiWorkload) -> String {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let accesses: Vec<String> = context.caches.accesses_of(&namespace, &name, |access| Some(marks(access)));
    let around = context.caches.namespaces.get(&ObjectRef::new(&namespace));
    let around = around.map(|found| (found.metadata.labels.clone(), found.metadata.deletion_timestamp.clone()));
    let account = context.caches.service_accounts.get(&ObjectRef::new(&object.spec.service_account_name).within(&namespace));
    let fence = context.caches.network_policies.get(&ObjectRef::new(&names::network_policy(&name)).within(&namespace));
    let fence = fence.map(|found| (found.metadata.uid.clone(), found.metadata.generation));
    let environment = context.environment(&object.spec.environment_ref.name).map(|environment| environment.digest.clone());
    let account = account.and_then(|found| found.metadata.uid.clone());
    format!("{} {accesses:?} {around:?} {account:?} {fence:?} {environment:?}", marks(object))
}

/// One pass.
pub(super) async fn reconcile(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let environment_name = &object.spec.environment_ref.name;
    let declared = context.caches.environment(environment_name);
    let known = context.environment(environment_name);
    match (declared.parsed(), known) {
        (Some(declared), Some(known)) if known.uid == declared.metadata.uid => {
            if object.status.as_ref().is_none_or(|status| status.conditions.is_empty()) {
                // The first word on a workload is not that its pods were not read yet.
                context.caches.pods.told_within(&object.namespace().unwrap_or_default(), PODS).await;
            }
            Pass::new(context, object, declared, known).run().await
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
    let state = if let (true, Some(elsewhere)) = (declared, context.claimed_elsewhere(name)) {
        elsewhere
    } else if declared {
        if previous.observed_generation == object.metadata.generation && !previous.conditions.is_empty() {
            if let Some(doubt) = context.stale(name) {
                let status = stale(&doubt, &previous, Stamp::new(object.metadata.generation, Timestamp::now()));
                tell(context, object, &previous, &status).await?;
            }
            return Ok(Next::Settled(IDLE));
        }
        State::unknown(Reason::EnvironmentNotReady, format!("PhiEnvironment {name} was not evaluated yet"))
    } else {
        State::broken(Reason::EnvironmentNotFound, format!("there is no PhiEnvironment {name}; ask the platform team which one to use"))
    };
    let status = unjudged(&state, &previous, Stamp::new(object.metadata.generation, Timestamp::now()));
    tell(context, object, &previous, &status).await?;
    Ok(Next::Settled(IDLE))
}

async fn tell(context: &Context, object: &PhiWorkload, previous: &PhiWorkloadStatus, status: &PhiWorkloadStatus) -> Result<(), Fault> {
    if context.statuses.write(object, previous, status).await? {
        context.events.transitions(object, transitions(&previous.conditions, &status.conditions)).await;
    }
    Ok(())
}

/// Lets a workload go whose role cannot be taken away now: the role goes to the hand-over list, and the sweep finishes it.
pub(super) async fn hand_over(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    if !object.finalizers().iter().any(|one| one == FINALIZER) {
        return Ok(Next::Done);
    }
    let previous = context.statuses.previous(object);
    let namespace = object.namespace().unwrap_or_default();
    let environment = &object.spec.environment_ref.name;
    if let Some(identity) = &previous.identity {
        // A role of ours from before `Attach` has the name of the policy.
        let arns = identity.former_role_arns.iter().chain([&identity.role_arn, &identity.policy_arn]);
        let roles: BTreeSet<&str> = arns.map(|arn| arn.rsplit('/').next().unwrap_or_default()).collect();
        let left = HandedOver {
            policy_arn: identity.policy_arn.clone(),
            namespace,
            service_account: context.caches.annotated(object.meta(), &object.spec.service_account_name, &identity.role_arn),
            // It stays until the roles are gone: identity first, isolation last.
            network_policy: previous.network_policy_name.clone(),
        };
        for role in roles {
            context.hand_over.add(environment, role, &left).await?;
        }
    } else if let Some(fence) = &previous.network_policy_name {
        // Nothing has power, so nothing is to be fenced in any more.
        let declared = context.caches.environment(environment);
        if declared.parsed().is_some_and(|declared| declared.spec.enforcement == Some(Enforcement::Enforce)) {
            context.kubernetes.delete_network_policy(&namespace, fence).await?;
        }
    }
    release(context, object).await
}

pub(super) async fn release(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let api = PhiWorkload::api(&context.client, object.namespace().as_deref());
    context.statuses.set_finalizer(&api, object, FINALIZER, false).await?;
    context.statuses.forget(object.metadata.uid.as_ref());
    Ok(Next::Done)
}
