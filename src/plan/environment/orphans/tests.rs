use super::*;

const POLICY: &str = "arn:aws:iam::1:policy/hipaa-operator/clinic.notes-1";

fn scope() -> Scope {
    Scope {
        partition: "aws".into(),
        account_id: "1".into(),
        region: "us-east-1".into(),
        cluster_name: "prod".into(),
        environment: "prod".into(),
        path: "/hipaa-operator/".into(),
    }
}

/// A role of the platform's with our policy, which is in the account.
fn account() -> (Role, IdentitySnapshot) {
    let role =
        Role { name: "theirs".into(), arn: "arn:aws:iam::1:role/theirs".into(), attached: [POLICY.to_owned()].into(), ..Role::default() };
    let policy = ManagedPolicy { arn: POLICY.into(), ..ManagedPolicy::default() };
    (role, IdentitySnapshot { policies: [(POLICY.to_owned(), policy.into())].into(), ..IdentitySnapshot::default() })
}

/// Living workloads by the name of their policy, with the platform's role that has it.
fn calls(claimed: &[(&str, Option<&str>)], handed_over: &[(&str, &str)]) -> Vec<String> {
    let (role, identity) = account();
    let identities = claimed.iter().map(|(name, theirs)| ((*name).to_owned(), theirs.map(str::to_owned))).collect();
    let claimed = Living { identities, ..Living::default() };
    let left = |policy: &str| HandedOver { policy_arn: policy.to_owned(), ..HandedOver::default() };
    let handed_over = handed_over.iter().map(|&(role, policy)| (role.to_owned(), left(policy))).collect();
    let sweep = sweep(&scope(), &[&role], &identity, &claimed, &handed_over, false);
    assert_eq!(sweep.braked, 0);
    sweep.actions.iter().map(|action| format!("{} {}", action.describe().1, action.describe().2)).collect()
}

#[test]
fn a_role_of_the_platforms_loses_our_policy_and_stays() {
    let detach = format!("DetachRolePolicy {POLICY} from theirs");
    let (living, elsewhere) = (("clinic.notes-1", Some("theirs")), ("clinic.notes-1", Some("second")));
    assert_eq!(calls(&[living], &[]), [""; 0], "a living workload has it there");
    assert_eq!(calls(&[], &[]), std::slice::from_ref(&detach), "nobody claims the policy");
    let both = [("clinic.notes-1", POLICY), ("theirs", POLICY)];
    assert_eq!(calls(&[], &both), [detach.clone(), format!("DeletePolicy {POLICY}")], "once, and after the role");
    assert_eq!(calls(&[], &[("theirs", POLICY)]), [detach.clone(), format!("DeletePolicy {POLICY}")], "it was handed over");
    assert_eq!(calls(&[living], &[("theirs", POLICY)]), [""; 0], "and lives again");
    assert_eq!(calls(&[elsewhere], &[("theirs", POLICY)]), std::slice::from_ref(&detach), "on another role: the policy stays");
    assert_eq!(calls(&[elsewhere], &[]), [""; 0], "its own pass leaves the former role");
    let other = ("ward.other-2", Some("theirs"));
    assert_eq!(
        calls(&[other], &[("theirs", POLICY)]),
        [detach.clone(), format!("DeletePolicy {POLICY}")],
        "the role is another workload's now, the policy nobody's"
    );
    assert_eq!(calls(&[other], &[]), [detach]);
}

const ARN: &str = "arn:aws:iam::1:policy/hipaa-operator/role";

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
            crate::observed::identity::ManagedPolicy { arn: ARN.into(), ..Default::default() }.into(),
        )]),
        ..IdentitySnapshot::default()
    };
    let handed_over = BTreeMap::from([("role".to_owned(), left())]);
    let sweep = sweep(&scope(), &roles.iter().collect::<Vec<_>>(), &identity, claimed, &handed_over, false);
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
    let identities = BTreeMap::from([("role".to_owned(), None)]);
    let both = Living { identities, ..fence };
    assert_eq!(planned(&both, &roles), Vec::<&str>::new(), "what lives again is left alone");
    let role_only = Living { identities: both.identities, ..Living::default() };
    assert_eq!(planned(&role_only, &roles), all[3..], "another workload has the service account now, not the fence");
}

#[test]
fn a_fence_without_a_recorded_role_goes_after_the_sweep_that_finds_no_power_and_never_before() {
    let key = HandedOver::fence_key("clinic", "fence");
    let left = HandedOver { namespace: "clinic".into(), network_policy: Some("fence".into()), ..HandedOver::default() };
    let handed_over = BTreeMap::from([(key.clone(), left)]);
    let role = |number: usize| Role {
        name: format!("role-{number}"),
        tags: tags::of_environment(&scope()),
        attached: ["arn:aws:iam::1:policy/p".to_owned()].into(),
        ..Role::default()
    };
    let swept = |roles: usize, confirmed: bool| {
        let roles: Vec<Role> = (0..roles).map(role).collect();
        let roles: Vec<&Role> = roles.iter().collect();
        let sweep = sweep(&scope(), &roles, &IdentitySnapshot::default(), &Living::default(), &handed_over, confirmed);
        let actions: Vec<&str> = sweep.actions.iter().map(|action| action.describe().1).collect();
        (actions, sweep.finished, sweep.braked)
    };
    assert_eq!(swept(0, false), (vec!["DeleteNetworkPolicy"], BTreeSet::from([key.clone()]), 0));
    assert_eq!(swept(1, false), (vec!["DetachRolePolicy", "DeleteNetworkPolicy"], BTreeSet::from([key.clone()]), 0));
    assert_eq!(swept(BRAKE + 1, false), (vec![], BTreeSet::new(), BRAKE + 1), "roles that keep their power keep the fence");
    assert_eq!(swept(BRAKE + 1, true).1, BTreeSet::from([key]));
}

#[test]
fn what_a_workload_hands_over_is_finished_once_it_is_gone() {
    let role = Role { name: "role".into(), tags: tags::of_environment(&scope()), ..Role::default() };
    let fence_only = HandedOver { policy_arn: String::new(), service_account: None, ..left() };
    let key = HandedOver::fence_key("clinic", "fence");
    let entries = BTreeMap::from([("role".to_owned(), left()), (key, fence_only)]);
    let fence = ("clinic".to_owned(), "fence".to_owned());
    let identities = BTreeMap::from([("role".to_owned(), None)]);
    let living = Living { identities, fences: [fence.clone()].into(), ..Living::default() };
    let leaving = Living { leaving: ["role".to_owned()].into(), leaving_fences: [fence].into(), ..living };
    let swept = sweep(&scope(), &[&role], &IdentitySnapshot::default(), &leaving, &entries, false);
    assert_eq!((swept.actions, swept.finished), (vec![], BTreeSet::new()), "it may still leave something undone");
    let swept = sweep(&scope(), &[&role], &IdentitySnapshot::default(), &Living::default(), &entries, false);
    assert_eq!(swept.finished.len(), 2);
}

#[test]
fn a_role_that_a_living_workload_uses_is_never_deleted() {
    let role = Role { name: "theirs".into(), tags: tags::of_environment(&scope()), ..Role::default() };
    let entries = BTreeMap::from([("theirs".to_owned(), left())]);
    let identities = BTreeMap::from([("ward.other-2".to_owned(), Some("theirs".to_owned()))]);
    let used = Living { identities, ..Living::default() };
    let calls = |claimed: &Living| {
        let swept = sweep(&scope(), &[&role], &IdentitySnapshot::default(), claimed, &entries, false);
        swept.actions.iter().map(|action| action.describe().1).next()
    };
    assert_eq!(calls(&used), Some("DetachRolePolicy"));
    assert_eq!(calls(&Living::default()), Some("DeleteRole"));
}
