use crate::api::Verdict;
use crate::api::conditions::Reason;
use crate::api::identity::{IdentityManagement, RoleMapping};
use crate::api::phi_workload::{AppliedAccess, WorkloadIdentityStatus};
use crate::observed::identity::Role;
use crate::plan::workload::remove;
use crate::plan::workload::tests::{HAIKU, World, access, allow_all, deny_all, settled};
use crate::plan::{Action, Finding, Mode};
use crate::policy::trust::service_account_trust;
use crate::policy::{PolicyDocument, Statement};

const THEIRS: &str = "arn:aws:iam::123456789012:role/team/notes-phi";

fn mapping() -> RoleMapping {
    RoleMapping { namespace: "clinic".into(), service_account_name: "notes".into(), role_name: "notes-phi".into() }
}

/// Switches the environment to roles of the platform's.
fn switch(world: &mut World) {
    world.facts.platform_roles = Some(vec![mapping()]);
    world.platform_role = Some(Role {
        name: "notes-phi".into(),
        arn: THEIRS.into(),
        trust: Some(service_account_trust(&world.facts.scope, &world.facts.issuer, "clinic", "notes")),
        boundary_arn: Some(world.facts.boundary_arn.clone()),
        ..Role::default()
    });
}

fn record(world: &mut World, role_arn: &str, management: Option<IdentityManagement>) {
    let identity = WorkloadIdentityStatus { role_arn: role_arn.into(), management, max_session_duration: Some(3600), ..Default::default() };
    world.previous.identity = Some(identity);
}

fn run(world: &mut World) -> Vec<&'static str> {
    let plan = world.plan().plan;
    world.carry_out(&plan);
    plan.actions.iter().map(|action| action.describe().1).collect()
}

fn attached() -> World {
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    switch(&mut world);
    assert_eq!(run(&mut world), ["ApplyNetworkPolicy", "CreatePolicy", "AttachRolePolicy", "AnnotateServiceAccount", "ApplyConfigMap"]);
    record(&mut world, THEIRS, Some(IdentityManagement::Attach));
    assert_eq!(world.calls(), [""; 0]);
    assert_eq!(world.service_account.as_ref().unwrap().role_arn.as_deref(), Some(THEIRS));
    world
}

fn theirs(world: &mut World) -> &mut Role {
    world.platform_role.as_mut().unwrap()
}

fn not_passing(world: &World) -> Vec<Finding> {
    world.plan().plan.findings.into_iter().filter(|finding| finding.verdict != Verdict::Pass).collect()
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn each_flaw_of_a_role_of_the_platforms_has_its_own_reason() {
    type Case = (&'static str, fn(&mut World), Verdict, Reason, bool, &'static str);
    let cases: [Case; 12] = [
        (
            "no mapping",
            |world| world.facts.platform_roles = Some(vec![]),
            Verdict::Fail,
            Reason::RoleNotMapped,
            true,
            "spec.identity.roles",
        ),
        (
            "no role",
            |world| world.platform_role = None,
            Verdict::Fail,
            Reason::RoleNotFound,
            true,
            "subject system:serviceaccount:clinic:notes",
        ),
        (
            "trust in someone else",
            |world| theirs(world).trust = Some(service_account_trust(&world.facts.scope.clone(), "oidc.example/id/1", "clinic", "other")),
            Verdict::Fail,
            Reason::TrustTooNarrow,
            true,
            "sub equals system:serviceaccount:clinic:notes",
        ),
        (
            "wider trust",
            |world| theirs(world).trust.as_mut().unwrap().statement.push(allow_all()),
            Verdict::Fail,
            Reason::TrustTooWide,
            false,
            "wanted only system:serviceaccount:clinic:notes",
        ),
        (
            "trust with a further condition",
            |world| {
                let statement = &mut theirs(world).trust.as_mut().unwrap().statement[0];
                *statement = statement.clone().when("Bool", "aws:SecureTransport", vec!["true".into()]);
            },
            Verdict::Unknown,
            Reason::NotRead,
            false,
            "compare",
        ),
        (
            "trust with a deny",
            |world| theirs(world).trust.as_mut().unwrap().statement.push(Statement { action: vec!["*".into()], ..deny_all() }),
            Verdict::Fail,
            Reason::TrustTooNarrow,
            true,
            "does not let the service account in",
        ),
        ("unreadable trust", |world| theirs(world).trust = None, Verdict::Unknown, Reason::NotRead, false, "no readable document"),
        (
            "no boundary",
            |world| theirs(world).boundary_arn = None,
            Verdict::Fail,
            Reason::BoundaryMissing,
            false,
            "wanted arn:aws:iam::123456789012:policy",
        ),
        (
            "another boundary",
            |world| theirs(world).boundary_arn = Some("arn:aws:iam::123456789012:policy/b".into()),
            Verdict::Fail,
            Reason::BoundaryDiffers,
            false,
            "has the boundary arn:aws:iam::123456789012:policy/b, wanted",
        ),
        (
            "another policy",
            |world| drop(theirs(world).attached.replace("arn:aws:iam::aws:policy/AdministratorAccess".into())),
            Verdict::Fail,
            Reason::ForeignPolicy,
            false,
            "only our own policy is proven",
        ),
        (
            "an inline policy",
            |world| drop(theirs(world).inline.insert("extra".into(), Some(PolicyDocument::of(vec![allow_all()])))),
            Verdict::Fail,
            Reason::ForeignPolicy,
            false,
            "extra gives role notes-phi more",
        ),
        (
            "an inline deny",
            |world| drop(theirs(world).inline.insert("stop".into(), Some(PolicyDocument::of(vec![deny_all()])))),
            Verdict::Held,
            Reason::Held,
            false,
            "only denies",
        ),
    ];
    for (name, tamper, verdict, reason, blocks, words) in cases {
        let mut world = attached();
        tamper(&mut world);
        let found = not_passing(&world);
        let told: Vec<_> = found.iter().map(|finding| (finding.verdict, finding.reason, finding.blocks)).collect();
        assert_eq!(told, [(verdict, reason, blocks)], "{name}: {found:?}");
        assert!(found[0].message.contains(words), "{name}: {}", found[0].message);
        let touched = world
            .plan()
            .plan
            .actions
            .into_iter()
            .filter(|action| !matches!(action.describe().1, "DetachRolePolicy" | "DeletePolicy" | "ClearServiceAccount"));
        assert_eq!(touched.count(), 0, "{name}: the role is not ours to mend");
    }
}

#[test]
fn nothing_is_attached_to_a_role_that_does_not_let_the_service_account_in() {
    let mut world = settled();
    switch(&mut world);
    theirs(&mut world).trust = Some(PolicyDocument::of(vec![]));
    assert_eq!(world.calls(), [""; 0], "the role of before stays in use");
}

#[test]
fn a_switch_to_attach_leaves_our_role_and_a_switch_back_takes_it() {
    let mut world = settled();
    let ours = world.role.clone().unwrap().arn;
    switch(&mut world);
    assert_eq!(run(&mut world), ["AttachRolePolicy", "AnnotateServiceAccount"]);
    record(&mut world, THEIRS, Some(IdentityManagement::Attach));
    assert_eq!(world.calls(), [""; 0], "our role stays as it is");
    world.role.as_mut().unwrap().attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".into());
    assert_eq!(run(&mut world), ["DetachRolePolicy"], "but loses what someone adds");

    world.facts.platform_roles = None;
    assert_eq!(run(&mut world), ["AnnotateServiceAccount"]);
    assert_eq!(run(&mut world), ["DetachRolePolicy"], "once ours is in use");
    assert_eq!(theirs(&mut world).attached.len(), 0, "and theirs has our policy no more");
    record(&mut world, &ours, None);
    assert_eq!(world.calls(), [""; 0]);
    assert_eq!(world.service_account.as_ref().unwrap().role_arn.as_ref(), Some(&ours));
}

#[test]
fn another_mapping_moves_the_policy() {
    let mut world = attached();
    world.facts.platform_roles.as_mut().unwrap()[0].role_name = "second".into();
    let first = theirs(&mut world).clone();
    world.platform_role =
        Some(Role { name: "second".into(), arn: "arn:aws:iam::123456789012:role/second".into(), attached: [].into(), ..first });
    assert_eq!(world.plan().plan.restricted_to(&Mode::Hold("incident".into())).actions, [], "under a hold the former role serves");
    assert_eq!(run(&mut world), ["AttachRolePolicy", "AnnotateServiceAccount"]);
    let last = world.plan().plan.actions.pop().unwrap();
    assert!(last.describe().2.ends_with("from notes-phi") && last.takes_power_away());
}

#[test]
fn access_goes_from_a_role_of_the_platforms_and_the_role_stays() {
    let mut world = attached();
    world.accesses.clear();
    let hold = Mode::Hold("incident".into());
    let plan = world.plan().plan.restricted_to(&hold);
    assert_eq!(
        plan.actions.iter().map(|action| action.describe().1).collect::<Vec<_>>(),
        ["DetachRolePolicy", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"]
    );
    assert_eq!(run(&mut world), ["DetachRolePolicy", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"]);
    let world = attached();
    let called: Vec<_> = remove(&world.inputs()).actions.iter().map(|action| action.describe().1).collect();
    assert_eq!(called, ["DetachRolePolicy", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap", "DeleteNetworkPolicy"]);
    let mut world = settled();
    switch(&mut world);
    run(&mut world);
    record(&mut world, THEIRS, Some(IdentityManagement::Attach));
    let called: Vec<_> = remove(&world.inputs()).actions.iter().map(|action| action.describe().1).collect();
    assert_eq!(
        called,
        ["DeleteRole", "DetachRolePolicy", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap", "DeleteNetworkPolicy"],
        "with ours from before"
    );
}

#[test]
fn a_mapping_that_is_taken_away_takes_the_access() {
    let mut world = attached();
    world.facts.platform_roles = Some(vec![]);
    world.platform_role = None;
    assert_eq!(world.calls(), ["DetachRolePolicy", "DeletePolicy", "ClearServiceAccount"], "by its record");
}

#[test]
fn what_is_given_up_goes_although_nothing_fences_the_pods_in() {
    let mut world = attached();
    world.facts.verify_isolation = true;
    world.network_policy = None;
    world.facts.platform_roles = Some(vec![]);
    world.platform_role = None;
    assert_eq!(world.calls(), ["DetachRolePolicy", "DeletePolicy", "ClearServiceAccount"], "the mapping is gone");

    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    world.facts.verify_isolation = true;
    assert_eq!(world.calls(), [""; 0], "and nothing is given");
}

#[test]
fn what_is_given_up_goes_from_the_policy_although_the_service_account_is_missing() {
    for attach in [false, true] {
        let both = vec![access("summaries", HAIKU), access("letters", "anthropic.claude-3-sonnet-20240229-v1:0")];
        let mut world = World::settled(both);
        if attach {
            switch(&mut world);
        }
        record(&mut world, "arn:aws:iam::123456789012:role/r", None);
        let given = |name: &str| AppliedAccess { name: name.into(), generation: 1, guardrail: None };
        world.previous.identity.as_mut().unwrap().accesses = vec![given("summaries"), given("letters")];
        world.service_account = None;
        assert_eq!(world.calls(), [""; 0], "nothing is given up");
        world.accesses.truncate(1);
        let actions = world.plan().plan.actions;
        let taken =
            matches!(actions.as_slice(), [Action::ChangePolicy { takes_away: true, .. }, Action::ApplyConfigMap { takes_away: true, .. }]);
        assert!(taken, "attach {attach}: {actions:?}");
    }
}
