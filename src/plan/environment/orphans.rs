//! Roles of this environment that no living workload claims.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Scope, tags};
use crate::observed::identity::{DocumentText, IdentitySnapshot};
use crate::plan::Action;

type Role = crate::observed::identity::Role<DocumentText>;

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

/// Plans a sweep. `claimed` holds the derived role names of all living workloads; `handed_over` role names with their policy's ARN.
///
/// An unclaimed role of ours loses its policies; it is deleted only if it was handed over. More than the greater of five and a tenth
/// of all roles are not touched without confirmation: an empty list must never become a mass deletion.
#[must_use]
pub fn sweep(
    scope: &Scope,
    roles: &[&Role],
    identity: &IdentitySnapshot,
    claimed: &BTreeSet<String>,
    handed_over: &BTreeMap<String, String>,
    confirmed: bool,
) -> Sweep {
    let wanted = tags::of_environment(scope);
    let ours: Vec<&Role> = roles.iter().copied().filter(|role| tags::owned(&role.tags, &wanted)).collect();
    let mut sweep = Sweep::default();
    for (name, policy_arn) in handed_over {
        if !claimed.contains(name) {
            sweep.actions.extend(finish(ours.iter().find(|role| role.name == *name), policy_arn, identity));
        }
        sweep.finished.insert(name.clone());
    }
    let powerful =
        |role: &&&Role| !claimed.contains(&role.name) && !handed_over.contains_key(&role.name) && power(role, identity).next().is_some();
    let unclaimed: Vec<&&Role> = ours.iter().filter(powerful).collect();
    if unclaimed.len() > BRAKE.max(ours.len() / 10) && !confirmed {
        sweep.braked = unclaimed.len();
        return sweep;
    }
    for role in unclaimed {
        sweep.actions.extend(power(role, identity));
    }
    sweep
}

fn finish(role: Option<&&Role>, policy_arn: &str, identity: &IdentitySnapshot) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(role) = role {
        let (attached, inline) = (role.attached.iter().cloned().collect(), role.inline.keys().cloned().collect());
        actions.push(Action::DeleteRole { role: role.name.clone(), attached, inline });
    }
    if let Some(policy) = identity.policies.get(policy_arn) {
        actions.push(Action::DeletePolicy { arn: policy.arn.clone(), other_versions: policy.other_versions.clone() });
    }
    actions
}

/// The actions that take away whatever gives the role power.
fn power<'a>(role: &'a Role, identity: &'a IdentitySnapshot) -> impl Iterator<Item = Action> + 'a {
    let attached = role.attached.iter().filter(|arn| !identity.only_denies(arn));
    let attached = attached.map(|arn| Action::DetachPolicy { role: role.name.clone(), policy_arn: arn.clone() });
    let inline = role.inline.iter().filter(|(_, document)| !document.as_ref().is_some_and(DocumentText::only_denies));
    attached.chain(inline.map(|(name, _)| Action::DeleteInlinePolicy { role: role.name.clone(), policy_name: name.clone() }))
}
