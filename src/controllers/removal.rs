//! Objects that are being deleted: what they had made goes, or is handed over; then their finalizer.

use std::time::Duration;

use kube::ResourceExt;

use crate::api::annotations::FINALIZER;
use crate::api::shared::DeletionPolicy;
use crate::api::{PhiEnvironment, Verdict};
use crate::cluster::objects::{WithStatus, reconcile_at};
use crate::cluster::status_writer::set_finalizer;
use crate::domain::Fault;
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::{orphan_key, remove};
use crate::plan::{Applied, Mode, Plan};
use crate::status::environment::{EnvironmentPass, deletion_blocked, project};

use super::environment::Pass;
use super::{Next, sweep};

/// How soon to look again while something is still going.
const AGAIN: Duration = Duration::from_secs(2);

/// A pass over an environment that is being deleted. It stays while anything is bound to it or handed over.
pub(super) async fn environment(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<Next, Fault> {
    if !pass.object.finalizers().iter().any(|one| one == FINALIZER) {
        return Ok(Next::Done);
    }
    let bound = pass.bound_workloads();
    if bound > 0 {
        blocked(pass, observed, bound).await?;
        return Ok(Next::Settled(pass.context.settings.sweep_interval));
    }
    let verdicts = pass.scope_verdicts(observed);
    let unread = verdicts.contains(&Verdict::Unknown);
    let wants_all_gone = pass.rules.resolved.deletion_policy == DeletionPolicy::Delete;
    if pass.enforces() && unread && wants_all_gone {
        return Ok(Next::Soon(AGAIN));
    }
    // What is not proven to be ours is not touched: the environment may describe another cluster.
    if pass.enforces() && pass.scope_proven(observed) {
        sweep::run(pass).await?;
        let mut actions = remove(&pass.rules, observed);
        actions.extend(orphan_key(&pass.rules, observed));
        let anything = !actions.is_empty();
        let applied = pass.executor().carry_out(Plan { actions, ..Plan::default() }, Mode::Enforce).await;
        pass.context.events.done(pass.object, false, applied.done()).await;
        let unread = observed.endpoints.is_err() || observed.security_groups.is_err() || observed.boundary.is_err();
        if wants_all_gone && (anything || unread) {
            return Ok(Next::Soon(AGAIN));
        }
    }
    let api = PhiEnvironment::api(&pass.context.client, None);
    set_finalizer(&api, pass.object, FINALIZER, false, &pass.context.metrics).await?;
    pass.context.forget_environment(&pass.name);
    pass.context.statuses.forget(pass.object.metadata.uid.as_ref());
    Ok(Next::Done)
}

async fn blocked(pass: &Pass<'_>, observed: &EnvironmentObservation, bound: usize) -> Result<(), Fault> {
    let applied = Applied::untouched(Plan::default(), pass.mode.clone());
    let status = project(
        &EnvironmentPass {
            rules: &pass.rules,
            observed,
            applied: &applied,
            settled: None,
            reconcile_at: reconcile_at(pass.object).cloned(),
            bound_workloads: bound,
            deleting: Some(deletion_blocked(bound)),
        },
        &pass.previous,
        pass.at,
    );
    pass.write(&pass.previous, &status).await
}
