//! Additional policies: who gets which, within which quota, and how they go.

use super::*;
use crate::api::identity::{AdditionalPolicy, IdentityManagement, RoleMapping};
use crate::plan::additional::{PolicyFact, PolicyStanding, admitted};

const FAMILY: ConditionType = ConditionType::PoliciesResolved;

fn arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:policy/platform/{name}")
}

fn declare(world: &mut World, policies: &[(&str, PolicyStanding)]) {
    let fact = |(name, standing): &(&str, PolicyStanding)| PolicyFact {
        declared: AdditionalPolicy { name: (*name).to_owned(), arn: arn(name), namespace_selector: None },
        standing: *standing,
    };
    world.facts.additional_policies = policies.iter().map(fact).collect();
    world.admitted_policies = policies.iter().map(|(name, _)| (*name).to_owned()).collect();
}

/// A workload that names these, all of which its environment declares.
fn naming(names: &[&str]) -> World {
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    declare(&mut world, &names.iter().map(|name| (*name, PolicyStanding::Within)).collect::<Vec<_>>());
    world.facts.attachment_quota = Some(10);
    world.spec.additional_policies = Some(names.iter().map(|name| (*name).to_owned()).collect());
    world
}

/// The same with everything in place and recorded.
fn in_place(names: &[&str]) -> World {
    let mut world = naming(names);
    for _ in 0..2 {
        let plan = world.plan().plan;
        world.carry_out(&plan);
    }
    assert_eq!(world.calls(), [""; 0]);
    let given: Vec<String> = world.plan().given_policies.into_iter().collect();
    world.previous.identity.as_mut().unwrap().additional_policies = given;
    world.may_hold = false;
    world
}

fn attached(world: &World) -> Vec<String> {
    let own = |arn: &&String| arn.contains("/platform/") || arn.contains("::aws:");
    world.role.iter().flat_map(|role| &role.attached).filter(own).map(|arn| names::last(arn).to_owned()).collect()
}

fn told(world: &World) -> Vec<(Verdict, Reason, String)> {
    let findings = world.plan().plan.findings.into_iter().filter(|finding| finding.family == FAMILY);
    findings.map(|finding| (finding.verdict, finding.reason, finding.about)).collect()
}

fn failures(world: &World) -> Vec<(Reason, String)> {
    told(world).into_iter().filter(|(verdict, ..)| *verdict != Verdict::Pass).map(|(_, reason, about)| (reason, about)).collect()
}

#[test]
fn what_is_named_comes_with_the_role_and_counts_as_declared() {
    let world = in_place(&["logs", "traces"]);
    assert_eq!(attached(&world), ["logs", "traces"]);
    let all = world.plan().plan.findings;
    assert!(all.iter().all(|finding| finding.verdict == Verdict::Pass), "{all:?}");
    let mut lost = world;
    lost.role().attached.remove(&arn("logs"));
    assert_eq!(lost.calls(), ["AttachRolePolicy"], "what someone detached comes back");
    assert_eq!(failures(&lost), [(Reason::Drifted, "logs".to_owned())]);
}

#[test]
fn what_is_not_declared_admitted_or_there_is_refused_and_takes_nothing_from_the_rest() {
    let mut world = naming(&["logs", "gone", "theirs", "typo"]);
    let within = PolicyStanding::Within;
    declare(&mut world, &[("logs", within), ("gone", PolicyStanding::Missing), ("theirs", within)]);
    world.admitted_policies.remove("theirs");
    for _ in 0..2 {
        let plan = world.plan().plan;
        world.carry_out(&plan);
    }
    assert_eq!(attached(&world), ["logs"]);
    let refused = [
        (Reason::AdditionalPolicyNotFound, "gone".to_owned()),
        (Reason::AdditionalPolicyNotAdmitted, "theirs".to_owned()),
        (Reason::AdditionalPolicyNotFound, "typo".to_owned()),
    ];
    assert_eq!(failures(&world), refused);
    let findings = world.plan().plan.findings;
    let said = |about: &str| findings.iter().find(|finding| finding.family == FAMILY && finding.about == about).unwrap().message.clone();
    assert!(said("typo").contains("(namespace clinic may have: gone, logs)") && said("typo").contains("correct spec.additionalPolicies"));
    assert!(said("theirs").contains("label the namespace") && said("gone").contains("does not exist"));
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Pass || finding.family == FAMILY));
    world.admitted = false;
    assert!(told(&world).iter().all(|(_, reason, _)| *reason == Reason::DependenciesNotReady));
}

#[test]
fn what_a_policy_cannot_give_is_said() {
    for (standing, words) in [
        (PolicyStanding::Within, "lets all of it through"),
        (PolicyStanding::Beyond, "does not let all of it through: the rest has no effect"),
        (PolicyStanding::Untold, "it gives nothing that the permissions boundary"),
    ] {
        let mut world = naming(&["logs"]);
        declare(&mut world, &[("logs", standing)]);
        let plan = world.plan().plan;
        world.carry_out(&plan);
        let plan = world.plan().plan;
        let said = plan.findings.iter().find(|finding| finding.family == FAMILY).unwrap();
        assert!(said.verdict == Verdict::Pass && said.message.contains(words), "{said:?}");
    }
}

#[test]
fn the_quota_is_counted_before_anything_is_made() {
    // (quota, what else is on the role, how many of three are given)
    for (quota, denying, given) in [(Some(4), 0, 3), (Some(3), 0, 2), (Some(3), 1, 1), (Some(1), 0, 0), (None, 0, 0)] {
        let mut world = World::settled(vec![access("summaries", HAIKU)]);
        for number in 0..denying {
            let quarantine = format!("arn:aws:iam::123456789012:policy/quarantine-{number}");
            world.identity.deny_only.insert(quarantine.clone());
            world.role().attached.insert(quarantine);
        }
        let names = ["a", "b", "c"];
        declare(&mut world, &names.map(|name| (name, PolicyStanding::Untold)));
        world.spec.additional_policies = Some(names.map(str::to_owned).to_vec());
        world.facts.attachment_quota = quota;
        assert_eq!(world.calls(), vec!["AttachRolePolicy"; given], "{quota:?} {denying}");
        let refused = failures(&world).into_iter().filter(|(reason, _)| *reason != Reason::Drifted).map(|(reason, _)| reason);
        let reason = if quota.is_some() { Reason::QuotaExceeded } else { Reason::NotRead };
        assert_eq!(refused.collect::<Vec<_>>(), vec![reason; 3 - given]);
    }
    // What is attached stays, also if the quota shrank or cannot be read.
    let mut world = in_place(&["logs", "traces"]);
    for quota in [Some(1), None] {
        world.facts.attachment_quota = quota;
        assert_eq!((world.calls(), failures(&world)), (vec![], vec![]));
    }
}

#[test]
fn what_is_given_up_goes_also_under_a_hold_and_what_someone_added_only_without() {
    type End = fn(&mut World);
    let ends: [(&str, End); 4] = [
        ("it is no longer named", |world| world.spec.additional_policies = None),
        ("it is no longer declared", |world| world.facts.additional_policies.clear()),
        ("it is no longer admitted", |world| world.admitted_policies.clear()),
        ("the name stands for another", |world| world.facts.additional_policies[0].declared.arn = arn("other")),
    ];
    for (name, end) in ends {
        let mut world = in_place(&["logs"]);
        end(&mut world);
        let plan = world.plan().plan.restricted_to(&Mode::Hold("incident".into()));
        assert_eq!(plan.actions.iter().map(|action| action.describe().1).collect::<Vec<_>>(), ["DetachRolePolicy"], "{name}");
        world.carry_out(&plan);
        assert_eq!(attached(&world), Vec::<String>::new(), "{name}");
    }
    let mut world = in_place(&["logs"]);
    world.role().attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".into());
    assert_eq!(world.plan().plan.restricted_to(&Mode::Hold("incident".into())).actions, []);
    assert_eq!(world.calls(), ["DetachRolePolicy"], "it is no additional policy");
    world.accesses.clear();
    let deletes = |action: &Action| matches!(action, Action::DeleteRole { attached, .. } if attached.len() == 3);
    assert!(world.plan().plan.actions.iter().any(deletes), "they alone make no role");
}

#[test]
fn on_a_role_of_the_platforms_only_what_we_attached_is_detached() {
    let theirs = |world: &World, with: &[&str]| {
        let scope = &world.facts.scope;
        Role {
            name: "notes-phi".into(),
            arn: "arn:aws:iam::123456789012:role/notes-phi".into(),
            trust: Some(service_account_trust(scope, &world.facts.issuer, "clinic", "notes")),
            boundary_arn: Some(world.facts.boundary_arn.clone()),
            attached: with.iter().map(|name| arn(name)).collect(),
            ..Role::default()
        }
    };
    let mapping = RoleMapping { namespace: "clinic".into(), service_account_name: "notes".into(), role_name: "notes-phi".into() };
    let mut world = naming(&["logs", "traces"]);
    world.facts.platform_roles = Some(vec![mapping]);
    world.platform_role = Some(theirs(&world, &["traces", "own"]));
    let plan = world.plan().plan;
    let attaches = plan.actions.iter().filter_map(|action| match action {
        Action::AttachPolicy { policy_arn, .. } => Some(names::last(policy_arn)),
        _ => None,
    });
    assert_eq!(attaches.filter(|name| !name.contains('.')).collect::<Vec<_>>(), ["logs"], "what is there is not attached again");
    world.carry_out(&plan);
    world.previous.identity = Some(WorkloadIdentityStatus {
        role_arn: world.platform_role.as_ref().unwrap().arn.clone(),
        management: Some(IdentityManagement::Attach),
        additional_policies: vec![arn("logs")],
        ..WorkloadIdentityStatus::default()
    });
    assert_eq!(world.calls(), [""; 0]);
    let foreign = world.plan().plan.findings.into_iter().filter(|finding| finding.reason == Reason::ForeignPolicy);
    assert_eq!(foreign.map(|finding| finding.about).collect::<Vec<_>>(), ["own"]);

    world.spec.additional_policies = None;
    let plan = world.plan().plan.restricted_to(&Mode::Hold("incident".into()));
    let detached = Action::DetachOwnPolicy { role: "notes-phi".into(), policy_arn: arn("logs") };
    assert_eq!(plan.actions, std::slice::from_ref(&detached));
    let left = remove(&world.inputs()).actions;
    assert!(
        left.contains(&detached)
            && !left.iter().any(|action| matches!(action, Action::DetachOwnPolicy { policy_arn, .. } if policy_arn.contains("traces")))
    );

    // The mapping names another role: the former one loses what we gave it.
    world.facts.platform_roles.as_mut().unwrap()[0].role_name = "other-phi".into();
    let former = world.platform_role.take().unwrap();
    let own = world.facts.scope.policy_arn(&names::role(&world.facts.scope, "clinic", "notes"));
    let mut other = theirs(&world, &[]);
    (other.name, other.arn) = ("other-phi".into(), former.arn.replace("notes-phi", "other-phi"));
    other.attached.insert(own);
    world.service_account.as_mut().unwrap().role_arn = Some(other.arn.clone());
    world.platform_role = Some(other);
    let actions = world.plan().plan.actions;
    assert!(actions.contains(&detached), "{actions:?}");
}

#[test]
fn a_selector_decides_who_may_name_a_policy() {
    let mut world = naming(&["everyone", "some"]);
    let team = BTreeMap::from([("team".to_owned(), "clinic".to_owned())]);
    world.facts.additional_policies[1].declared.namespace_selector =
        Some(LabelSelector { match_labels: Some(team.clone()), ..LabelSelector::default() });
    let names = |labels: &BTreeMap<String, String>| admitted(&world.facts.additional_policies, labels).into_iter().collect::<Vec<_>>();
    assert_eq!(names(&BTreeMap::new()), ["everyone"]);
    assert_eq!(names(&team), ["everyone", "some"]);
}
