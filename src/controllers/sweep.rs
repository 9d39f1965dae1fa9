//! Cuts off roles that no living workload claims, and finishes what was handed over.

use std::collections::BTreeMap;

use kube::ResourceExt;

use crate::api::identity::RoleMapping;
use crate::cluster::hand_over::Listed;
use crate::domain::{Fault, names};
use crate::plan::environment::orphans::{self, Living, Sweep};
use crate::plan::{Mode, Plan};
use crate::status::transitions::Transition;

use super::environment::Pass;

/// The annotation by which a person confirms a sweep that the brake stopped. Its value is the number of roles.
const CONFIRM_SWEEP: &str = "hipaa-operator.io/confirm-sweep";

/// What a sweep left undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Undone {
    /// Unclaimed roles that are not cut off before a person confirms it.
    pub braked: usize,
    /// Whether the hand-over list changed meanwhile, so that the next sweep finishes it.
    pub listed: bool,
}

/// Why roles that nobody claims keep their power, and how a person changes that.
pub(super) fn brake(roles: usize) -> String {
    format!(
        "{roles} roles of this environment are claimed by no PhiWorkload, too many to cut off without being asked; if that is right, annotate the environment with {CONFIRM_SWEEP}: \"{roles}\""
    )
}

/// One sweep. In Audit nothing is done; a hold does not stop it, because it only takes power away whose declaration is gone.
pub(super) async fn run(pass: &Pass<'_>) -> Result<Undone, Fault> {
    // Without a read of IAM in this very pass nothing is known to be gone.
    if !pass.enforces() || !pass.identity_read {
        return Ok(Undone::default());
    }
    let (sweep, listed) = planned(pass).await?;
    if sweep.braked > 0 {
        let stopped = Transition { warning: true, reason: "SweepStopped".to_owned(), note: brake(sweep.braked) };
        pass.context.events.transitions(pass.object, vec![stopped]).await;
    }
    let plan = Plan { actions: sweep.actions, ..Plan::default() };
    let applied = pass.executor().carry_out(plan, Mode::Enforce).await;
    pass.context.events.done(pass.object, true, applied.done()).await;
    if let Some((_, fault)) = applied.failures().next() {
        return Err(fault.clone());
    }
    let finished = pass.context.hand_over.finish(&pass.name, &listed, &sweep.finished).await?;
    Ok(Undone { braked: sweep.braked, listed: !finished })
}

/// What a sweep does, or would do, and the list that it goes by.
pub(super) async fn planned(pass: &Pass<'_>) -> Result<(Sweep, Listed), Fault> {
    let scope = &pass.rules.scope;
    let claims = pass.context.caches.workloads_of(&pass.name, |workload| {
        let (namespace, account) = (workload.namespace().unwrap_or_default(), &workload.spec.service_account_name);
        let of = |mapping: &&RoleMapping| mapping.namespace == namespace && mapping.service_account_name == *account;
        let theirs = pass.rules.platform_roles.iter().flatten().find(of).map(|mapping| mapping.role_name.clone());
        let fence = names::network_policy(&workload.name_any());
        (names::role(scope, &namespace, account), theirs, (namespace, fence), workload.metadata.deletion_timestamp.is_some())
    });
    let mut claimed = Living::default();
    for (name, theirs, fence, leaves) in claims {
        if leaves {
            claimed.leaving.insert(name.clone());
            claimed.leaving_fences.insert(fence.clone());
        }
        claimed.identities.insert(name, theirs);
        claimed.fences.insert(fence);
    }
    let identity = pass.identity.snapshot();
    let roles: Vec<_> = identity.roles.values().map(AsRef::as_ref).collect();
    let listed = pass.context.hand_over.list(&pass.name).await?;
    // A workload that does not parse may claim any role: then only what was handed over is finished, and no fence without a role.
    let all_known = pass.context.caches.workloads.state().iter().all(|guarded| guarded.0.is_ok());
    let entries = listed.entries.iter().filter(|(_, left)| all_known || left.has_role());
    let handed_over: BTreeMap<_, _> = entries.map(|(key, left)| (key.clone(), left.clone())).collect();
    let handed_over = &handed_over;
    let confirmed = |count: usize| pass.object.annotations().get(CONFIRM_SWEEP).is_some_and(|value| *value == count.to_string());
    let roles = if all_known { roles } else { roles.into_iter().filter(|role| handed_over.contains_key(&role.name)).collect() };
    let mut sweep = orphans::sweep(scope, &roles, &identity, &claimed, handed_over, false);
    if sweep.braked > 0 && confirmed(sweep.braked) {
        sweep = orphans::sweep(scope, &roles, &identity, &claimed, handed_over, true);
    }
    Ok((sweep, listed))
}
