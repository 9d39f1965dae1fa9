//! Roles of this environment that no living workload claims.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Scope, tags};
use crate::observed::handed_over::HandedOver;
use crate::observed::identity::{IdentitySnapshot, Role};
use crate::plan::Action;

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
    /// The derived names of their roles.
    pub roles: BTreeSet<String>,
    /// Namespace and name of their network policies.
    pub fences: BTreeSet<(String, String)>,
}

/// Plans a sweep. `claimed` is what all living workloads claim; `handed_over` what was left of others, by the role's name.
///
/// An unclaimed role of ours loses its policies; it is deleted only if it was handed over. More than the greater of five and a tenth
/// of all roles are not touched without confirmation: an empty list must never become a mass deletion.
#[must_use]
pub fn sweep(
    scope: &Scope,
    roles: &[Role],
    identity: &IdentitySnapshot,
    claimed: &Living,
    handed_over: &BTreeMap<String, HandedOver>,
    confirmed: bool,
) -> Sweep {
    let wanted = tags::of_environment(scope);
    let ours: Vec<&Role> = roles.iter().filter(|role| tags::owned(&role.tags, &wanted)).collect();
    let mut sweep = Sweep::default();
    for (name, left) in handed_over {
        if !claimed.roles.contains(name) {
            sweep.actions.extend(finish(ours.iter().find(|role| role.name == *name), &left.policy_arn, identity));
            sweep.actions.extend(clear(left));
        }
        sweep.actions.extend(open(left, claimed));
        sweep.finished.insert(name.clone());
    }
    let powerful = |role: &&&Role| {
        !claimed.roles.contains(&role.name) && !handed_over.contains_key(&role.name) && power(role, identity).next().is_some()
    };
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

/// Takes our annotation off the service account.
fn clear(left: &HandedOver) -> Option<Action> {
    let (name, uid) = left.service_account.clone()?;
    Some(Action::ClearServiceAccount { namespace: left.namespace.clone(), name, uid: Some(uid) })
}

/// Takes the isolation away, last of all, unless a living workload has it now.
fn open(left: &HandedOver, claimed: &Living) -> Option<Action> {
    let fence = (left.namespace.clone(), left.network_policy.clone()?);
    (!claimed.fences.contains(&fence)).then_some(Action::DeleteNetworkPolicy { namespace: fence.0, name: fence.1 })
}

/// The actions that take away whatever gives the role power.
fn power<'a>(role: &'a Role, identity: &'a IdentitySnapshot) -> impl Iterator<Item = Action> + 'a {
    let attached = role.attached.iter().filter(|arn| !identity.only_denies(arn));
    let attached = attached.map(|arn| Action::DetachPolicy { role: role.name.clone(), policy_arn: arn.clone() });
    let inline = role.inline.iter().filter(|(_, document)| !document.as_ref().is_some_and(crate::policy::PolicyDocument::only_denies));
    attached.chain(inline.map(|(name, _)| Action::DeleteInlinePolicy { role: role.name.clone(), policy_name: name.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:policy/hipaa-operator/prod/prod/clinic.notes";

    fn scope() -> Scope {
        crate::plan::environment::tests::rules().scope
    }

    fn left() -> HandedOver {
        HandedOver {
            policy_arn: ARN.into(),
            namespace: "clinic".into(),
            service_account: Some(("notes".into(), "uid".into())),
            network_policy: Some("fence".into()),
        }
    }

    fn planned(claimed: &Living, roles: &[Role]) -> Vec<&'static str> {
        let identity = IdentitySnapshot {
            policies: BTreeMap::from([(
                ARN.to_owned(),
                crate::observed::identity::ManagedPolicy { arn: ARN.into(), ..Default::default() },
            )]),
            ..IdentitySnapshot::default()
        };
        let handed_over = BTreeMap::from([("role".to_owned(), left())]);
        let sweep = sweep(&scope(), roles, &identity, claimed, &handed_over, false);
        assert_eq!(sweep.finished, BTreeSet::from(["role".to_owned()]));
        sweep.actions.iter().map(|action| action.describe().1).collect()
    }

    #[test]
    fn what_was_handed_over_goes_identity_first_and_isolation_last() {
        let role = Role { name: "role".into(), tags: tags::of_environment(&scope()), ..Role::default() };
        let roles = [role];
        let all = ["DeleteRole", "DeletePolicy", "ClearServiceAccount", "DeleteNetworkPolicy"];
        assert_eq!(planned(&Living::default(), &roles), all);
        let fence = Living { fences: BTreeSet::from([("clinic".to_owned(), "fence".to_owned())]), ..Living::default() };
        assert_eq!(planned(&fence, &roles), all[..3], "a living workload of the same name keeps the fence");
        let both = Living { roles: BTreeSet::from(["role".to_owned()]), ..fence };
        assert_eq!(planned(&both, &roles), Vec::<&str>::new(), "what lives again is left alone");
        let role_only = Living { roles: both.roles, ..Living::default() };
        assert_eq!(planned(&role_only, &roles), all[3..], "another workload has the service account now, not the fence");
    }
}
