//! Roles of this environment that no living workload claims.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::names::last;
use crate::domain::{Scope, tags};
use crate::observed::handed_over::HandedOver;
use crate::observed::identity::{DocumentText, IdentitySnapshot};
use crate::plan::Action;

type Role = crate::observed::identity::Role<DocumentText>;
type ManagedPolicy = crate::observed::identity::ManagedPolicy<DocumentText>;

/// Unclaimed roles that one sweep cuts off without asking, however few roles there are.
const BRAKE: usize = 5;

/// What a sweep does about roles that nobody claims.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sweep {
    /// Takes the power from unclaimed roles, and deletes those that were handed over.
    pub actions: Vec<Action>,
    /// Handed-over roles that are done with once the actions are carried out.
    pub finished: BTreeSet<String>,
    /// Unclaimed roles that are left because they are more than one sweep may cut off.
    pub braked: usize,
}

/// What living workloads claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Living {
    /// The derived names of their roles and policies, each with the platform's role that has the policy instead, if there is one.
    pub identities: BTreeMap<String, Option<String>>,
    /// Namespace and name of their network policies.
    pub fences: BTreeSet<(String, String)>,
    /// Of the identities, those whose workload is being deleted: what it hands over is finished once it is gone.
    pub leaving: BTreeSet<String>,
    /// The same of the network policies.
    pub leaving_fences: BTreeSet<(String, String)>,
}

impl Living {
    /// Whether the policy is that of a living workload.
    fn has(&self, policy_arn: &str) -> bool {
        self.identities.contains_key(last(policy_arn))
    }

    /// Whether the policy belongs on this role. A role of ours stays with its workload, also where the platform's has the policy now.
    fn has_on(&self, role: &str, policy_arn: &str) -> bool {
        let name = last(policy_arn);
        self.identities.get(name).is_some_and(|theirs| role == name || theirs.as_deref() == Some(role))
    }

    /// Whether it was handed over by a workload that is not gone yet.
    fn is_leaving(&self, left: &HandedOver) -> bool {
        let fence = left.network_policy.as_ref().map(|fence| (left.namespace.clone(), fence.clone()));
        self.leaving.contains(last(&left.policy_arn)) || fence.is_some_and(|fence| self.leaving_fences.contains(&fence))
    }

    /// Whether a living workload has this role, with whatever policy.
    fn uses(&self, role: &str) -> bool {
        self.identities.contains_key(role) || self.identities.values().flatten().any(|theirs| theirs == role)
    }
}

/// Plans a sweep. `claimed` is what all living workloads claim; `handed_over` what was left of others, by the role's name, or by another
/// key if only a fence is known.
///
/// An unclaimed role of ours loses its policies; it is deleted only if it was handed over. More than the greater of five and a tenth
/// of all roles are not touched without confirmation: an empty list must never become a mass deletion. Isolation goes last, and where no
/// role is recorded only after a sweep that left no role.
#[must_use]
pub fn sweep(
    scope: &Scope,
    roles: &[&Role],
    identity: &IdentitySnapshot,
    claimed: &Living,
    handed_over: &BTreeMap<String, HandedOver>,
    confirmed: bool,
) -> Sweep {
    let wanted = tags::of_environment(scope);
    let ours: Vec<&Role> = roles.iter().copied().filter(|role| tags::owned(&role.tags, &wanted)).collect();
    let powerful =
        |role: &&&Role| !claimed.uses(&role.name) && !handed_over.contains_key(&role.name) && power(role, identity).next().is_some();
    let unclaimed: Vec<&&Role> = ours.iter().filter(powerful).collect();
    let theirs = roles.iter().filter(|role| !tags::owned(&role.tags, &wanted) && !handed_over.contains_key(&role.name));
    let attached: Vec<Action> = theirs.flat_map(|role| unclaimed_policies(role, identity, claimed)).collect();
    let found = unclaimed.len() + attached.len();
    let braked = found > BRAKE.max(ours.len() / 10) && !confirmed;
    let ready = |left: &HandedOver| !claimed.is_leaving(left) && (left.has_role() || !braked);
    let done: BTreeMap<&String, &HandedOver> = handed_over.iter().filter(|(_, left)| ready(left)).collect();
    let gone = done.iter().filter(|(role, left)| left.has_role() && !claimed.has_on(role, &left.policy_arn));
    let mut sweep = Sweep { braked: if braked { found } else { 0 }, ..Sweep::default() };
    for (name, left) in gone {
        let role = ours.iter().find(|role| role.name == **name);
        sweep.actions.extend(finish(name, role, &left.policy_arn, claimed));
    }
    if !braked {
        sweep.actions.extend(attached);
        sweep.actions.extend(unclaimed.into_iter().flat_map(|role| power(role, identity)));
    }
    // After the roles, because IAM keeps a policy that is attached. That of a workload that lives again stays.
    let policies: BTreeSet<&String> = done.values().map(|left| &left.policy_arn).filter(|arn| !claimed.has(arn)).collect();
    let policies = policies.into_iter().filter_map(|arn| identity.policies.get(arn));
    let delete =
        |policy: &Arc<ManagedPolicy>| Action::DeletePolicy { arn: policy.arn.clone(), other_versions: policy.other_versions.clone() };
    sweep.actions.extend(policies.map(delete));
    sweep.actions.extend(open(&done, claimed));
    sweep.finished = done.into_keys().cloned().collect();
    sweep
}

/// Finishes one role that was handed over. From one that is not ours, or that a living workload uses, only this policy goes.
fn finish(name: &str, role: Option<&&Role>, policy_arn: &str, claimed: &Living) -> Option<Action> {
    match role {
        Some(role) if !claimed.uses(name) => {
            let (attached, inline) = (role.attached.iter().cloned().collect(), role.inline.keys().cloned().collect());
            Some(Action::DeleteRole { role: role.name.clone(), attached, inline })
        }
        // A role of ours has the name of its policy, and is gone.
        None if name == last(policy_arn) => None,
        _ => Some(Action::DetachOwnPolicy { role: name.to_owned(), policy_arn: policy_arn.to_owned() }),
    }
}

/// Policies of ours on a role of the platform's whose workload is gone. A policy has the name of its workload's derived role.
fn unclaimed_policies<'a>(role: &'a Role, identity: &'a IdentitySnapshot, claimed: &'a Living) -> impl Iterator<Item = Action> + 'a {
    let ours = role.attached.iter().filter(|arn| identity.policies.contains_key(*arn) && !claimed.has(arn));
    ours.map(|arn| Action::DetachOwnPolicy { role: role.name.clone(), policy_arn: arn.clone() })
}

/// Takes our annotations off the service accounts and then, last of all, the isolation away that no living workload has now. Each once:
/// a workload may have left several roles.
fn open(handed_over: &BTreeMap<&String, &HandedOver>, claimed: &Living) -> Vec<Action> {
    let gone = handed_over.values().filter(|left| !claimed.has(&left.policy_arn));
    let accounts = gone.filter_map(|left| Some((left.namespace.clone(), left.service_account.clone()?))).collect::<BTreeSet<_>>();
    let clear = |(namespace, (name, uid))| Action::ClearServiceAccount { namespace, name, uid: Some(uid) };
    let fences = handed_over.values().filter_map(|left| Some((left.namespace.clone(), left.network_policy.clone()?)));
    let fences = fences.filter(|fence| !claimed.fences.contains(fence)).collect::<BTreeSet<_>>();
    let delete = |(namespace, name)| Action::DeleteNetworkPolicy { namespace, name };
    accounts.into_iter().map(clear).chain(fences.into_iter().map(delete)).collect()
}

/// The actions that take away whatever gives the role power.
fn power<'a>(role: &'a Role, identity: &'a IdentitySnapshot) -> impl Iterator<Item = Action> + 'a {
    let attached = role.attached.iter().filter(|arn| !identity.only_denies(arn));
    let attached = attached.map(|arn| Action::DetachPolicy { role: role.name.clone(), policy_arn: arn.clone() });
    let inline = role.inline.iter().filter(|(_, document)| !document.as_ref().is_some_and(DocumentText::only_denies));
    attached.chain(inline.map(|(name, _)| Action::DeleteInlinePolicy { role: role.name.clone(), policy_name: name.clone() }))
}

#[cfg(test)]
mod tests;
