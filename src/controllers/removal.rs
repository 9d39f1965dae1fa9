//! Objects that are being deleted: what they had made goes, or is handed over; then their finalizer.

use std::ops::ControlFlow;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::api::annotations::FINALIZER;
use crate::api::conditions::Reason;
use crate::api::shared::DeletionPolicy;
use crate::api::{PhiEnvironment, Verdict};
use crate::cluster::fault::fault_of;
use crate::cluster::objects::{WithStatus, reconcile_at};
use crate::domain::{Fault, FaultClass, tags};
use crate::observed::environment::EnvironmentObservation;
use crate::observed::handed_over::HandedOver;
use crate::plan::environment::{claims, orphan_key, remove};
use crate::plan::{Action, Applied, Plan};
use crate::status::conditions::State;
use crate::status::environment::{EnvironmentPass, deletion_blocked, project};

use super::context::Context;
use super::environment::Pass;
use super::sweep::Undone;
use super::workload::{leave_fence, roles_left};
use super::{Next, sweep};

/// How soon to look again while something is still going.
pub(super) const AGAIN: Duration = Duration::from_secs(2);

/// A pass over an environment that is being deleted. It stays while anything is bound to it or handed over.
pub(super) async fn environment(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<Next, Fault> {
    if !pass.object.finalizers().iter().any(|one| one == FINALIZER) {
        return Ok(Next::Done);
    }
    let bound = pass.bound_workloads() + unreadable_workloads(pass);
    if bound > 0 {
        let swept = if pass.may_sweep(observed) { sweep::run(pass).await.map(drop) } else { Ok(()) };
        tell(pass, observed, bound, deletion_blocked(bound)).await?;
        swept?;
        return Ok(Next::Settled(pass.context.settings.sweep_interval));
    }
    let verdicts = pass.scope_verdicts(observed);
    let wants_all_gone = pass.rules.resolved.deletion_policy == DeletionPolicy::Delete;
    // What could not be read is not gone.
    let guardrail_unread = observed.guardrails.values().any(Result::is_err);
    let network_unread = wants_all_gone && (observed.endpoints.is_err() || observed.security_groups.is_err() || guardrail_unread);
    let unread = verdicts.contains(&Verdict::Unknown) || !pass.identity_read || network_unread;
    if pass.enforces() && unread && wants_all_gone {
        return Ok(Next::Soon(AGAIN));
    }
    // What is not proven to be ours is not touched: the environment may describe another cluster.
    if pass.enforces() && pass.scope_proven(observed) && pass.identity_read && !network_unread {
        match take_away(pass, observed).await? {
            ControlFlow::Continue(_) => {}
            ControlFlow::Break(Halt::Going) => return Ok(Next::Soon(AGAIN)),
            ControlFlow::Break(Halt::Braked(roles)) => {
                tell(pass, observed, 0, State::broken(Reason::DeletionBlocked, sweep::brake(roles))).await?;
                return Ok(Next::Settled(pass.context.settings.sweep_interval));
            }
            ControlFlow::Break(Halt::Stuck(name, fault)) => {
                tell(pass, observed, 0, State::broken(Reason::DeletionBlocked, format!("{name}: {fault}"))).await?;
                return Ok(Next::Failed(fault.class));
            }
        }
    } else if pass.enforces() && (unread || !pass.describes_another(observed)) {
        if pass.may_sweep(observed) {
            sweep::run(pass).await?;
        }
        let pending = pass.context.hand_over.list(&pass.name).await?.entries.len();
        if pending > 0 {
            let message = format!(
                "{pending} roles of deleted workloads could not be taken away yet: the account does not answer, or what the condition ScopeVerified asks for is missing"
            );
            tell(pass, observed, bound, State::broken(Reason::DeletionBlocked, message)).await?;
            return Ok(Next::Failed(FaultClass::Unreachable));
        }
    }
    let api = PhiEnvironment::api(&pass.context.client, None);
    pass.context.statuses.set_finalizer(&api, pass.object, FINALIZER, false).await?;
    pass.context.forget_environment(&pass.name);
    pass.context.note_read(&pass.name, Ok(()), true);
    pass.context.statuses.forget(pass.object.metadata.uid.as_ref());
    Ok(Next::Done)
}

/// Workloads of ours that do not parse: whose they are is not known, so they may be this environment's.
fn unreadable_workloads(pass: &Pass<'_>) -> usize {
    let ours = |metadata: &ObjectMeta| metadata.finalizers.iter().flatten().any(|one| one == FINALIZER);
    pass.context.caches.workloads.state().iter().filter(|guarded| guarded.0.as_ref().is_err_and(|error| ours(&error.metadata))).count()
}

/// Why not everything is taken away yet.
pub(super) enum Halt {
    /// Something is still going.
    Going,
    /// This many roles that nobody claims keep their power until a person confirms that it is to go.
    Braked(usize),
    /// A call failed: on what, and how.
    Stuck(String, Fault),
}

/// Takes away what the deletion policy does not retain; the claims go last, so that until then nobody else begins. Gives what a hold
/// keeps.
pub(super) async fn take_away(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<ControlFlow<Halt, Vec<Action>>, Fault> {
    let inputs = pass.inputs(observed);
    if !claims::is_ours(&inputs) {
        // It was never taken, or somebody removed it. A hold keeps it from being taken, and then nothing is touched.
        return Ok(match carry_out(pass, claims::take(&inputs).actions).await {
            ControlFlow::Continue(taken) if taken.anything => ControlFlow::Break(Halt::Going),
            taken => taken.map_continue(|taken| taken.withheld),
        });
    }
    match sweep::run(pass).await? {
        Undone { braked, .. } if braked > 0 => return Ok(ControlFlow::Break(Halt::Braked(braked))),
        Undone { listed: true, .. } => return Ok(ControlFlow::Break(Halt::Going)),
        Undone { .. } => {}
    }
    let mut withheld = match carry_out(pass, removable(pass, observed).await?).await {
        ControlFlow::Break(halt) => return Ok(ControlFlow::Break(halt)),
        // With what is retained there is nothing to wait for.
        ControlFlow::Continue(removed) if removed.anything && pass.rules.resolved.deletion_policy == DeletionPolicy::Delete => {
            return Ok(ControlFlow::Break(Halt::Going));
        }
        ControlFlow::Continue(removed) => removed.withheld,
    };
    let released = carry_out(pass, claims::release(&inputs)).await;
    Ok(released.map_continue(|released| {
        withheld.extend(released.withheld);
        withheld
    }))
}

/// What was carried out.
struct CarriedOut {
    /// Whether anything was done but marking the key.
    anything: bool,
    /// What the mode keeps from being done.
    withheld: Vec<Action>,
}

/// Carries actions out as far as the mode lets.
async fn carry_out(pass: &Pass<'_>, actions: Vec<Action>) -> ControlFlow<Halt, CarriedOut> {
    let plan = Plan { actions, ..Plan::default() }.restricted_to(&pass.mode);
    let applied = pass.executor().carry_out(plan, pass.mode.clone()).await;
    pass.context.events.done(pass.object, false, applied.done()).await;
    if let Some((action, fault)) = applied.failures().next() {
        let (_, _, name) = action.describe();
        return ControlFlow::Break(Halt::Stuck(name, fault.clone()));
    }
    let anything = applied.done().any(|action| !matches!(action, Action::TagKey { .. }));
    ControlFlow::Continue(CarriedOut { anything, withheld: applied.withheld })
}

/// What the deletion policy removes and what marks the key, without a boundary that does not carry our tags.
pub(super) async fn removable(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<Vec<Action>, Fault> {
    let wanted = tags::of_environment(&pass.rules.scope);
    let mut actions = Vec::new();
    for action in remove(&pass.rules, observed) {
        let ours = match &action {
            Action::DeleteBoundary { arn, .. } => {
                let found = pass.account.iam.policy_tags(arn).await?;
                found.is_some_and(|found| tags::owned(&found, &wanted))
            }
            _ => true,
        };
        actions.extend(ours.then_some(action));
    }
    let named = observed.key.clone().ok().flatten();
    // While the platform's own key is verified, ours from before is known by its record. A key that cannot be read stays unmarked.
    let retained = match &pass.previous.retained_key_arn {
        Some(arn) if named.as_ref().is_none_or(|key| key.arn != *arn) => pass.account.kms.key(arn).await.unwrap_or(None),
        _ => None,
    };
    actions.extend(named.iter().chain(&retained).filter_map(|key| orphan_key(&pass.rules, key)));
    Ok(actions)
}

pub(super) async fn tell(pass: &Pass<'_>, observed: &EnvironmentObservation, bound: usize, state: State) -> Result<(), Fault> {
    let applied = Applied::untouched(Plan::default(), pass.mode.clone());
    let status = project(
        &EnvironmentPass {
            rules: &pass.rules,
            observed,
            applied: &applied,
            settled: None,
            reconcile_at: reconcile_at(pass.object).cloned(),
            wish: pass.wish(),
            guardrails: pass.previous.guardrails.clone(),
            bound_workloads: bound,
            deleting: Some(state),
        },
        &pass.previous,
        pass.at,
    );
    pass.write(&pass.previous, &status).await
}

/// Lets an object go that is being deleted and does not parse, such as one of a newer version: a deletion never depends on a valid
/// spec. What it recorded of a workload's identity is read leniently and handed over.
pub(super) async fn unreadable<K: Resource<DynamicType = ()>>(context: &Context, metadata: &ObjectMeta) -> Result<(), Fault> {
    let ours = metadata.finalizers.iter().flatten().any(|one| one == FINALIZER);
    if metadata.deletion_timestamp.is_none() || !ours {
        return Ok(());
    }
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = match &metadata.namespace {
        Some(namespace) => Api::namespaced_with(context.client.clone(), namespace, &resource),
        None => Api::all_with(context.client.clone(), &resource),
    };
    let name = metadata.name.as_deref().unwrap_or_default();
    let Some(found) = api.get_opt(name).await.map_err(|error| fault_of("GetObject", &error))? else {
        return Ok(());
    };
    let text = |path: &str| found.data.pointer(path).and_then(Value::as_str);
    if let (Some(environment), Some(role_arn), Some(policy_arn)) =
        (text("/spec/environmentRef/name"), text("/status/identity/roleArn"), text("/status/identity/policyArn"))
    {
        let former = found.data.pointer("/status/identity/formerRoleArns").and_then(Value::as_array).into_iter().flatten();
        let former: Vec<String> = former.filter_map(Value::as_str).map(str::to_owned).collect();
        let left = HandedOver {
            policy_arn: policy_arn.to_owned(),
            namespace: metadata.namespace.clone().unwrap_or_default(),
            service_account: text("/spec/serviceAccountName").and_then(|account| context.caches.annotated(metadata, account, role_arn)),
            network_policy: text("/status/networkPolicyName").map(str::to_owned),
        };
        for role in roles_left(&former, role_arn, policy_arn) {
            context.hand_over.add(environment, role, &left).await?;
        }
    } else if let (Some(environment), Some(fence)) = (text("/spec/environmentRef/name"), text("/status/networkPolicyName")) {
        leave_fence(context, environment, metadata.namespace.clone().unwrap_or_default(), fence).await?;
    }
    let finalizers: Vec<_> = found.finalizers().iter().filter(|one| *one != FINALIZER).collect();
    let patch = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": found.resource_version() } });
    let outcome = api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    context.metrics.wrote("finalizer", outcome.is_ok());
    outcome.map(drop).map_err(|error| fault_of("PatchFinalizers", &error))
}
