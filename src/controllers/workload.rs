//! A pass over a workload: one pass per service account owns role, policy, annotation and isolation, for all its accesses together.
//!
//! It reads no AWS of its own: what it needs lies in the environment's facts and in the shared snapshot of the account's IAM.

mod find;
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
use crate::api::{BedrockAccess, PhiWorkload, PhiWorkloadStatus};
use crate::cluster::objects::WithStatus;
use crate::domain::{Fault, names};
use crate::observed::handed_over::HandedOver;
use crate::status::conditions::{Stamp, State};
use crate::status::transitions::transitions;
use crate::status::workload::{stale, unjudged};

use super::context::named::PATIENCE;
use super::context::{Context, Environment};
use super::{Next, marks};
pub(super) use gather::{declared_accesses, labels_of};
use pass::Pass;
pub(super) use undo::{cleaned_up, undo};

/// When to look again at a workload that nothing else wakes.
const IDLE: Duration = Duration::from_hours(1);

/// How long the first pass over a workload waits for the pods of its namespace.
const PODS: Duration = Duration::from_secs(1);

/// What ends the wait after a failed pass: what people write about the workload and its accesses, its namespace, its service account,
/// its fence, its environment's facts, and what others did to its role.
pub(super) fn inputs(context: &Context, object: &PhiWorkload) -> String {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let known = context.environment(&object.spec.environment_ref.name);
    let resolved = |access: &BedrockAccess| known.as_ref().map(|known| format!("{:?}", known.facts.resolution(&access.spec)));
    let accesses: Vec<_> = context.caches.accesses_of(&namespace, &name, |access| Some((marks(access), resolved(access))));
    let around = context.caches.namespaces.get(&ObjectRef::new(&namespace));
    let around = around.map(|found| (found.metadata.labels.clone(), found.metadata.deletion_timestamp.clone()));
    let account = context.caches.service_accounts.get(&ObjectRef::new(&object.spec.service_account_name).within(&namespace));
    let fence = context.caches.network_policies.get(&ObjectRef::new(&names::network_policy(&name)).within(&namespace));
    let fence = fence.map(|found| (found.meta().uid.clone(), found.meta().generation));
    let environment = known;
    let drifts = environment.as_ref().map(|environment| drifts(environment, &namespace, &object.spec.service_account_name));
    let environment = environment.map(|environment| environment.digest.clone());
    let account = account.and_then(|found| found.metadata.uid.clone());
    format!("{} {accesses:?} {around:?} {account:?} {fence:?} {environment:?} {drifts:?}", marks(object))
}

/// How often the role, the policy, and the platform's role of a service account were found changed.
fn drifts(environment: &Environment, namespace: &str, service_account: &str) -> (u64, Option<u64>) {
    let (facts, identity) = (&environment.facts, &environment.identity);
    let own = names::role(&facts.scope, namespace, service_account);
    (identity.drifts(&own), facts.platform_role(namespace, service_account).map(|theirs| identity.drifts(theirs)))
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
            let pass = Pass::new(context, object, declared, known);
            // The sum of its accesses is not known before, and what is there stays meanwhile.
            if pass.waits_for_answer() { Ok(Next::Settled(PATIENCE)) } else { pass.run().await }
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
        let roles = roles_left(&identity.former_role_arns, &identity.role_arn, &identity.policy_arn);
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
    } else if let (Some(fence), Some(_)) = (&previous.network_policy_name, context.caches.environment(environment).parsed()) {
        leave_fence(context, environment, namespace, fence).await?;
    }
    release(context, object).await
}

/// Leaves a fence whose workload has no recorded role. One that is not recorded, as after a crash, may be there: the fence goes with the
/// sweep that finds none.
pub(super) async fn leave_fence(context: &Context, environment: &str, namespace: String, fence: &str) -> Result<(), Fault> {
    let key = HandedOver::fence_key(&namespace, fence);
    let left = HandedOver { namespace, network_policy: Some(fence.to_owned()), ..HandedOver::default() };
    context.hand_over.add(environment, &key, &left).await
}

/// Names of the roles that may have the policy of a workload. A role of ours from before `Attach` has the name of the policy.
pub(super) fn roles_left<'a>(former: impl IntoIterator<Item = &'a String>, role_arn: &'a str, policy_arn: &'a str) -> BTreeSet<&'a str> {
    let arns = former.into_iter().map(String::as_str).chain([role_arn, policy_arn]);
    arns.map(names::last).filter(|name| !name.is_empty()).collect()
}

pub(super) async fn release(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let api = PhiWorkload::api(&context.client, object.namespace().as_deref());
    context.statuses.set_finalizer(&api, object, FINALIZER, false).await?;
    context.statuses.forget(object.metadata.uid.as_ref());
    Ok(Next::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_that_may_have_the_policy_is_left_to_the_sweep_once() {
        let arn = |kind: &str, name: &str| format!("arn:aws:iam::123456789012:{kind}/path/{name}");
        let (own, policy) = (arn("role", "clinic.notes-1"), arn("policy", "clinic.notes-1"));
        let left = |former: &[String], role: &str| roles_left(former, role, &policy).into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(left(&[], &own), ["clinic.notes-1"]);
        let former = [arn("role", "first"), arn("role", "second")];
        assert_eq!(left(&former, &former[1]), ["clinic.notes-1", "first", "second"], "ours from before Attach too");
        assert_eq!(left(&[], ""), ["clinic.notes-1"]);
    }
}
