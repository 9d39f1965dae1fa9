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
    (role, IdentitySnapshot { policies: [(POLICY.to_owned(), policy)].into(), ..IdentitySnapshot::default() })
}

fn calls(claimed: &[&str], handed_over: &[(&str, &str)]) -> Vec<String> {
    let (role, identity) = account();
    let claimed = Living { roles: claimed.iter().map(|&name| name.to_owned()).collect(), ..Living::default() };
    let left = |policy: &str| HandedOver { policy_arn: policy.to_owned(), ..HandedOver::default() };
    let handed_over = handed_over.iter().map(|&(role, policy)| (role.to_owned(), left(policy))).collect();
    let sweep = sweep(&scope(), &[&role], &identity, &claimed, &handed_over, false);
    assert_eq!(sweep.braked, 0);
    sweep.actions.iter().map(|action| format!("{} {}", action.describe().1, action.describe().2)).collect()
}

#[test]
fn a_role_of_the_platforms_loses_our_policy_and_stays() {
    let detach = format!("DetachRolePolicy {POLICY} from theirs");
    assert_eq!(calls(&["clinic.notes-1", "theirs"], &[]), [""; 0], "a living workload claims both");
    assert_eq!(calls(&[], &[]), std::slice::from_ref(&detach), "nobody claims the policy");
    let both = [("clinic.notes-1", POLICY), ("theirs", POLICY)];
    assert_eq!(calls(&[], &both), [detach.clone(), format!("DeletePolicy {POLICY}")], "once, and after the role");
    assert_eq!(calls(&[], &[("theirs", POLICY)]), [detach.clone(), format!("DeletePolicy {POLICY}")], "it was handed over");
    assert_eq!(calls(&["clinic.notes-1", "theirs"], &[("theirs", POLICY)]), [""; 0], "and is claimed again");
    assert_eq!(calls(&["clinic.notes-1", "second"], &[("theirs", POLICY)]), [detach], "on another role: the policy stays");
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
        policies: BTreeMap::from([(ARN.to_owned(), crate::observed::identity::ManagedPolicy { arn: ARN.into(), ..Default::default() })]),
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
    let both = Living { roles: BTreeSet::from(["role".to_owned()]), ..fence };
    assert_eq!(planned(&both, &roles), Vec::<&str>::new(), "what lives again is left alone");
    let role_only = Living { roles: both.roles, ..Living::default() };
    assert_eq!(planned(&role_only, &roles), all[3..], "another workload has the service account now, not the fence");
}
