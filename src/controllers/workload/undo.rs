//! Takes away what was made for a workload while its declaration stays: the plan of its deletion, carried out without one.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::conditions::Reason;
use crate::api::{PhiEnvironment, PhiWorkload, PhiWorkloadStatus};
use crate::controllers::context::{Context, Environment};
use crate::domain::Fault;
use crate::plan::{Action, Mode, Plan};
use crate::status::conditions::{Stamp, State};
use crate::status::{access, workload};

use super::pass::{Pass, ROUNDS};
use super::release;

/// What became of a workload's things.
pub struct Undone {
    /// How far writes could go.
    pub mode: Mode,
    /// What was taken away, or would be.
    pub done: Vec<Action>,
    /// What the mode keeps us from taking away.
    pub kept: Vec<Action>,
}

/// Takes away what there is, identity first and isolation last, and removes the finalizer; without `act` it only tells.
pub async fn undo(
    context: &Context,
    object: &PhiWorkload,
    declared: &PhiEnvironment,
    environment: Arc<Environment>,
    act: bool,
) -> Result<Undone, Fault> {
    let mut pass = Pass::new(context, object, declared, environment);
    let mut undone = Undone { mode: pass.mode.clone(), done: Vec::new(), kept: Vec::new() };
    for _ in 0..ROUNDS {
        let plan = pass.plan(false, true).await?.plan.restricted_to(&pass.mode);
        undone.kept = plan.withheld;
        if plan.actions.is_empty() {
            break;
        }
        if !act {
            undone.done = plan.actions;
            return Ok(undone);
        }
        let plan = Plan { actions: plan.actions, ..Plan::default() };
        let applied = pass.executor().carry_out(plan, pass.mode.clone()).await;
        if let Some((_, fault)) = applied.failures().next() {
            return Err(fault.clone());
        }
        pass.take_over(&applied);
        undone.done.extend(applied.done().cloned());
    }
    if act {
        if pass.mode == Mode::Enforce {
            tell(context, object).await?;
        }
        release(context, object).await?;
    }
    Ok(undone)
}

/// A status of which nothing is left but what happened: what is recorded as ours is what a later deletion goes by.
async fn tell(context: &Context, object: &PhiWorkload) -> Result<(), Fault> {
    let at = |generation| Stamp::new(generation, Timestamp::now());
    let state = cleaned_up();
    let previous = context.statuses.previous(object);
    let nothing = PhiWorkloadStatus { conditions: previous.conditions.clone(), ..PhiWorkloadStatus::default() };
    let status = workload::unjudged(&state, &nothing, at(object.metadata.generation));
    context.statuses.write(object, &previous, &status).await?;
    for access in context.caches.accesses_of(&object.namespace().unwrap_or_default(), &object.name_any(), |access| Some(access.clone())) {
        let previous = context.statuses.previous(&access);
        let status = access::unjudged(&state, &access.spec, &previous, at(access.metadata.generation));
        context.statuses.write(&access, &previous, &status).await?;
    }
    Ok(())
}

/// What an object says of itself after a cleanup.
pub fn cleaned_up() -> State {
    State::unknown(Reason::CleanedUp, "hipaa-operator cleanup took away what was made; start the operator to have it made anew")
}
