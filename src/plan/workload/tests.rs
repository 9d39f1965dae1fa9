mod additional;
mod stores;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::api::shared::NameReference;
use crate::api::{BedrockAccessSpec, Operation, UseCase, Verdict};
use crate::domain::{Scope, names, tags};
use crate::plan::{Action, Mode};
use crate::policy::boundary::{GuardrailLimits, permissions_boundary};
use crate::policy::terms::Terms;
use crate::policy::trust::service_account_trust;
use crate::policy::{PolicyDocument, Statement};

pub(crate) const HAIKU: &str = "anthropic.claude-3-haiku-20240307-v1:0";
const SONNET: &str = "anthropic.claude-3-sonnet-20240229-v1:0";

/// A workload with everything in place; cases change a part of it.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct World {
    pub(crate) facts: EnvironmentFacts,
    pub(crate) spec: PhiWorkloadSpec,
    pub(crate) previous: PhiWorkloadStatus,
    pub(crate) service_account: Option<ServiceAccountFacts>,
    pub(crate) accesses: Vec<DeclaredAccess>,
    pub(crate) admitted_stores: BTreeSet<String>,
    pub(crate) admitted_policies: BTreeSet<String>,
    pub(crate) role: Option<Role>,
    pub(crate) platform_role: Option<Role>,
    known_session: Option<i32>,
    pub(crate) policy: Option<ManagedPolicy>,
    policy_is_ours: bool,
    identity: IdentitySnapshot,
    pub(crate) network_policy: Option<NetworkPolicy>,
    pub(crate) settings: Option<ConfigMap>,
    pub(crate) settings_taken: bool,
    pub(crate) other_policies: Vec<&'static NetworkPolicy>,
    pub(crate) admitted: bool,
    pub(crate) may_hold: bool,
    older_claimant: Option<&'static str>,
}

fn scope() -> Scope {
    Scope {
        partition: "aws".into(),
        account_id: "123456789012".into(),
        region: "us-east-1".into(),
        cluster_name: "prod".into(),
        environment: "prod".into(),
        path: "/hipaa-operator/us-east-1/prod/prod/".into(),
    }
}

pub(crate) fn access(name: &str, model: &str) -> DeclaredAccess {
    let spec = BedrockAccessSpec {
        workload_ref: NameReference { name: "notes".into() },
        use_case: UseCase::Summarization,
        overseer: None,
        models: Some(vec![model.to_owned()]),
        guardrail_ref: None,
        inference_profiles: None,
        operations: None,
    };
    DeclaredAccess { name: name.to_owned(), generation: 1, created: "2026-01-01T00:00:00Z".to_owned(), spec }
}

impl World {
    /// Everything in place for these accesses.
    pub(crate) fn settled(accesses: Vec<DeclaredAccess>) -> Self {
        let mut world = Self::empty(accesses);
        for _ in 0..2 {
            let plan = world.plan().plan;
            world.carry_out(&plan);
        }
        assert_eq!(world.plan().plan.actions, [], "what was planned leaves nothing to plan");
        world
    }

    pub(crate) fn empty(accesses: Vec<DeclaredAccess>) -> Self {
        let scope = scope();
        let models = BTreeSet::from([HAIKU.to_owned(), SONNET.to_owned()]);
        let mut facts = EnvironmentFacts {
            vpc_id: "vpc-1".into(),
            issuer: "oidc.example/id/1".into(),
            boundary: None,
            boundary_arn: scope.policy_arn(&names::boundary(&scope)),
            models: models.iter().cloned().map(|model| (model, None)).collect(),
            profiles: BTreeMap::new(),
            guardrails: BTreeMap::new(),
            too_many: BTreeSet::new(),
            default_guardrail: None,
            terms: Terms { models, regions: BTreeSet::from(["us-east-1".to_owned()]), ..Terms::default() },
            max_session_duration: 3600,
            platform_roles: None,
            additional_policies: Vec::new(),
            attachment_quota: None,
            verify_isolation: false,
            peers: Vec::new(),
            stores: Vec::new(),
            store_services: BTreeSet::new(),
            endpoint_addresses: BTreeSet::from(["10.0.0.9/32".to_owned()]),
            has_sts: true,
            has_runtime: true,
            fips_runtime: None,
            dns_addresses: BTreeSet::new(),
            dns_on_nodes: false,
            scope,
        };
        facts.boundary = Some(permissions_boundary(&facts.setting(), &BTreeSet::new(), &GuardrailLimits::default(), &[]));
        let labels = BTreeMap::from([("app".to_owned(), "notes".to_owned())]);
        let spec = PhiWorkloadSpec {
            environment_ref: NameReference { name: "prod".into() },
            service_account_name: "notes".into(),
            pod_selector: LabelSelector { match_labels: Some(labels), ..LabelSelector::default() },
            network_peers: None,
            stores: None,
            additional_policies: None,
            owner_contact: None,
        };
        Self {
            facts,
            spec,
            previous: PhiWorkloadStatus::default(),
            service_account: Some(ServiceAccountFacts { uid: Some("1".into()), role_arn: None }),
            accesses,
            admitted_stores: BTreeSet::new(),
            admitted_policies: BTreeSet::new(),
            role: None,
            platform_role: None,
            known_session: None,
            policy: None,
            policy_is_ours: true,
            identity: IdentitySnapshot::default(),
            network_policy: None,
            settings: None,
            settings_taken: false,
            other_policies: Vec::new(),
            admitted: true,
            older_claimant: None,
            may_hold: true,
        }
    }

    pub(crate) fn inputs(&self) -> WorkloadInputs<'_> {
        WorkloadInputs {
            namespace: "clinic",
            name: "notes",
            uid: "uid-1",
            spec: &self.spec,
            previous: &self.previous,
            facts: &self.facts,
            admitted: self.admitted,
            older_claimant: self.older_claimant,
            service_account: self.service_account.as_ref(),
            accesses: &self.accesses,
            admitted_stores: &self.admitted_stores,
            admitted_policies: &self.admitted_policies,
            role: self.role.as_ref(),
            platform_role: self.platform_role.as_ref(),
            known_session: self.known_session,
            policy: self.policy.as_ref(),
            policy_is_ours: self.policy_is_ours,
            identity: &self.identity,
            network_policy: self.network_policy.as_ref(),
            settings: self.settings.as_ref(),
            settings_taken: self.settings_taken,
            other_network_policies: &self.other_policies,
            pods: Some(&[]),
            other_workloads: &[],
            may_hold: self.may_hold,
        }
    }

    pub(crate) fn plan(&self) -> WorkloadPlan {
        plan(&self.inputs())
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.plan().plan.actions.iter().map(|action| action.describe().1).collect()
    }

    pub(crate) fn verdicts(&self, verdict: Verdict) -> usize {
        self.plan().plan.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// What the account does when it is asked for these actions.
    pub(crate) fn carry_out(&mut self, plan: &Plan) {
        for action in &plan.actions {
            match action {
                Action::CreatePolicy { arn, document, .. } => {
                    let policy = ManagedPolicy { arn: arn.clone(), document: Some(document.clone()), ..ManagedPolicy::default() };
                    self.policy = Some(policy);
                }
                Action::ChangePolicy { document, .. } => self.policy.as_mut().unwrap().document = Some(document.clone()),
                Action::CreateRole(new) => {
                    self.role = Some(Role {
                        name: new.name.clone(),
                        arn: new.arn.clone(),
                        trust: Some(new.trust.clone()),
                        boundary_arn: Some(new.boundary_arn.clone()),
                        tags: new.tags.clone(),
                        ..Role::default()
                    });
                    let identity = WorkloadIdentityStatus {
                        role_arn: new.arn.clone(),
                        max_session_duration: Some(new.max_session_duration),
                        ..WorkloadIdentityStatus::default()
                    };
                    self.previous.identity = Some(identity);
                }
                Action::UpdateTrust { trust, .. } => self.role.as_mut().unwrap().trust = Some(trust.clone()),
                Action::PutPermissionsBoundary { boundary_arn, .. } => {
                    self.role.as_mut().unwrap().boundary_arn = Some(boundary_arn.clone());
                }
                Action::TagRole { tags, .. } => self.role.as_mut().unwrap().tags.extend(tags.clone()),
                Action::AttachPolicy { role, policy_arn } => drop(self.named(role).attached.insert(policy_arn.clone())),
                Action::DetachOwnPolicy { role, policy_arn } => {
                    // What is recorded is detached whether or not it is there.
                    let theirs = self.platform_role.iter_mut().chain(&mut self.role).filter(|theirs| theirs.name == *role);
                    theirs.for_each(|theirs| theirs.attached.retain(|arn| arn != policy_arn));
                }
                Action::DetachPolicy { policy_arn, .. } => drop(self.role.as_mut().unwrap().attached.remove(policy_arn)),
                Action::DeleteInlinePolicy { policy_name, .. } => drop(self.role.as_mut().unwrap().inline.remove(policy_name)),
                Action::DeletePolicy { .. } => self.policy = None,
                Action::DeleteRole { .. } => self.role = None,
                Action::ApplyNetworkPolicy(policy) => self.network_policy = Some((**policy).clone()),
                Action::ApplyConfigMap { config_map, .. } => self.settings = Some((**config_map).clone()),
                Action::DeleteConfigMap { .. } => self.settings = None,
                Action::AnnotateServiceAccount { role_arn, .. } => {
                    self.service_account.as_mut().unwrap().role_arn = Some(role_arn.clone());
                }
                Action::ClearServiceAccount { .. } => self.service_account.as_mut().unwrap().role_arn = None,
                other => panic!("no workload plans {other:?}"),
            }
        }
    }

    fn named(&mut self, name: &str) -> &mut Role {
        self.role.iter_mut().chain(&mut self.platform_role).find(|role| role.name == name).unwrap()
    }

    fn role(&mut self) -> &mut Role {
        self.role.as_mut().unwrap()
    }

    fn document(&mut self) -> &mut PolicyDocument {
        self.policy.as_mut().unwrap().document.as_mut().unwrap()
    }
}

pub(crate) fn settled() -> World {
    World::settled(vec![access("summaries", HAIKU)])
}

pub(crate) fn allow_all() -> Statement {
    Statement::allow("All", &["*"], vec!["*".into()])
}

pub(crate) fn deny_all() -> Statement {
    Statement::deny("Stop", &["*"], vec!["*".into()])
}

#[test]
fn isolation_comes_before_identity_and_a_create_takes_three_calls_to_iam() {
    let world = World::empty(vec![access("summaries", HAIKU)]);
    assert_eq!(
        world.calls(),
        ["ApplyNetworkPolicy", "CreatePolicy", "CreateRole", "AttachRolePolicy", "AnnotateServiceAccount", "ApplyConfigMap"]
    );
}

#[test]
fn a_second_access_takes_one_call() {
    let mut world = settled();
    world.accesses.push(access("letters", SONNET));
    // The inputs changed, so nothing is held.
    world.may_hold = false;
    assert_eq!(world.calls(), ["CreatePolicyVersion", "ApplyConfigMap"], "and one to the cluster, which tells the application");
}

#[test]
fn what_was_widened_or_lost_is_repaired() {
    type Tamper = fn(&mut World);
    let cases: [(&str, Tamper, &[&str]); 10] = [
        (
            "a foreign policy",
            |world| {
                world.role().attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".into());
            },
            &["DetachRolePolicy"],
        ),
        (
            "an inline policy",
            |world| drop(world.role().inline.insert("x".into(), Some(PolicyDocument::of(vec![allow_all()])))),
            &["DeleteRolePolicy"],
        ),
        ("an unreadable inline policy", |world| drop(world.role().inline.insert("x".into(), None)), &["DeleteRolePolicy"]),
        ("a wider policy", |world| world.document().statement.push(allow_all()), &["CreatePolicyVersion"]),
        ("wider trust", |world| world.role().trust = Some(PolicyDocument::of(vec![allow_all()])), &["UpdateAssumeRolePolicy"]),
        ("no boundary", |world| world.role().boundary_arn = None, &["PutRolePermissionsBoundary"]),
        ("no tags", |world| world.role().tags.clear(), &["TagRole"]),
        ("a detached policy", |world| world.role().attached.clear(), &["AttachRolePolicy"]),
        ("a lost role", |world| world.role = None, &["CreateRole", "AttachRolePolicy"]),
        ("a lost network policy", |world| world.network_policy = None, &["ApplyNetworkPolicy"]),
    ];
    for (name, tamper, expected) in cases {
        let mut world = settled();
        tamper(&mut world);
        assert_eq!(world.calls(), expected, "{name}");
        let plan = world.plan().plan;
        world.carry_out(&plan);
        assert_eq!(world.calls(), [""; 0], "{name}: once is enough");
        assert_eq!(world.verdicts(Verdict::Fail), 0, "{name}");
    }
}

#[test]
fn what_was_narrowed_is_held_until_a_wish_or_a_change() {
    type Tamper = fn(&mut World);
    let cases: [(&str, Tamper, usize); 6] = [
        ("a shrunk policy", |world| drop(world.document().statement.remove(0)), 1),
        ("a deny in the policy", |world| world.document().statement.push(deny_all()), 1),
        ("a deny in the trust", |world| world.role().trust.as_mut().unwrap().statement.push(deny_all()), 1),
        ("fewer rules of egress", |world| drop(world.network_policy.as_mut().unwrap().spec.as_mut().unwrap().egress.take()), 1),
        ("an inline deny", |world| drop(world.role().inline.insert("stop".into(), Some(PolicyDocument::of(vec![deny_all()])))), 0),
        (
            "AWS's quarantine",
            |world| {
                world.role().attached.insert("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3".into());
            },
            0,
        ),
    ];
    for (name, tamper, restored_by_wish) in cases {
        let mut world = settled();
        tamper(&mut world);
        assert_eq!(world.calls(), [""; 0], "{name}");
        assert_eq!(world.verdicts(Verdict::Held), 1, "{name}");
        world.may_hold = false;
        assert_eq!(world.calls().len(), restored_by_wish, "{name}");
    }
}

#[test]
fn access_is_never_retained() {
    let mut world = settled();
    world.admitted = false;
    assert_eq!(world.calls(), ["DeleteRole", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"], "the namespace lost its admission");
    let mut world = settled();
    world.facts.terms.models.remove(HAIKU);
    world.facts.models.remove(HAIKU);
    assert_eq!(world.calls(), ["DeleteRole", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"], "the model lost its approval");
    let mut world = settled();
    world.accesses.clear();
    assert_eq!(world.calls(), ["DeleteRole", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"], "the last access went");
    assert!(world.network_policy.is_some(), "isolation stays");
}

#[test]
fn a_hold_stops_repairs_but_not_the_end_of_an_access() {
    let hold = Mode::Hold("incident".into());
    let mut world = World::settled(vec![access("summaries", HAIKU), access("letters", SONNET)]);
    let applied = |name: &str| AppliedAccess { name: name.into(), generation: 1, guardrail: None };
    world.previous.identity.as_mut().unwrap().accesses = vec![applied("summaries"), applied("letters")];
    world.role().attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".into());
    let plan = world.plan().plan.restricted_to(&hold);
    assert_eq!((plan.actions.len(), plan.withheld.len()), (0, 1));
    world.accesses.pop();
    world.may_hold = false;
    let plan = world.plan().plan.restricted_to(&hold);
    assert_eq!(plan.actions.iter().map(|action| action.describe().1).collect::<Vec<_>>(), ["CreatePolicyVersion", "ApplyConfigMap"]);
}

#[test]
fn something_new_keeps_nothing_from_being_taken_away_under_a_hold() {
    let applied = |name: &str, generation: i64| AppliedAccess { name: name.into(), generation, guardrail: None };
    // What nothing gave before.
    let counting = |name: &str, generation: i64| {
        let mut access = access(name, HAIKU);
        access.generation = generation;
        access.spec.operations = Some(vec![Operation::CountTokens]);
        access
    };
    let (summaries, letters) = (access("summaries", HAIKU), access("letters", SONNET));
    let cases = [
        ("one goes, another comes", vec![summaries.clone(), counting("visits", 1)], Some(HAIKU)),
        ("one asks for something else", vec![summaries.clone(), counting("letters", 2)], Some(HAIKU)),
        ("all ask for something else", vec![counting("summaries", 2), counting("letters", 2)], None),
    ];
    for (name, accesses, left) in cases {
        let mut world = World::settled(vec![summaries.clone(), letters.clone()]);
        world.previous.identity.as_mut().unwrap().accesses = vec![applied("summaries", 1), applied("letters", 1)];
        (world.accesses, world.may_hold) = (accesses, false);
        for mode in [Mode::Hold("incident".into()), Mode::Suspended("the network".into())] {
            let plan = world.plan().plan.restricted_to(&mode);
            let [Action::ChangePolicy { document, .. }, told @ ..] = plan.actions.as_slice() else { panic!("{name}: {:?}", plan.actions) };
            assert!(told.iter().all(|action| matches!(action, Action::ApplyConfigMap { takes_away: true, .. })), "{name}: {told:?}");
            let text = document.to_json();
            assert!(!text.contains(SONNET), "{name}: {text}");
            assert_eq!((text.contains(HAIKU), document.only_denies()), (left.is_some(), left.is_none()), "{name}");
            let mut held = World { policy: world.policy.clone(), ..World::settled(vec![summaries.clone(), letters.clone()]) };
            held.previous.identity.clone_from(&world.previous.identity);
            (held.accesses, held.may_hold) = (world.accesses.clone(), false);
            held.carry_out(&plan);
            assert_eq!(held.plan().plan.restricted_to(&mode).actions, [], "{name}: once");
            let calls = held.calls();
            assert_eq!(calls, ["CreatePolicyVersion", "ApplyConfigMap"], "{name}: the rest comes when the hold ends");
        }
        assert_eq!(world.calls(), ["CreatePolicyVersion", "ApplyConfigMap"], "{name}: one call to IAM without a hold");
        assert_eq!(world.plan().plan.restricted_to(&Mode::Audit).actions, []);
    }
}

#[test]
fn what_is_still_declared_stays_under_a_hold_and_what_a_responder_took_does_not_hide_the_rest() {
    let hold = Mode::Hold("incident".into());
    let applied = |name: &str| AppliedAccess { name: name.into(), generation: 1, guardrail: None };
    let world = || {
        let mut world = World::settled(vec![access("summaries", HAIKU), access("letters", SONNET)]);
        world.previous.identity.as_mut().unwrap().accesses = vec![applied("summaries"), applied("letters")];
        world.may_hold = false;
        world
    };
    let mut more = world();
    more.accesses[1].generation = 2;
    more.accesses[1].spec.operations = Some(vec![Operation::Invoke, Operation::InvokeStream, Operation::CountTokens]);
    let plan = more.plan().plan.restricted_to(&hold);
    assert_eq!((plan.actions, plan.withheld.len()), (vec![], 1), "to ask for more gives up nothing");

    let mut taken = world();
    let less = World::settled(vec![access("letters", SONNET)]);
    taken.policy = less.policy;
    taken.accesses.truncate(1);
    let plan = taken.plan().plan.restricted_to(&hold);
    let [Action::ChangePolicy { document, .. }, told @ ..] = plan.actions.as_slice() else { panic!("{:?}", plan.actions) };
    assert!(matches!(told, [Action::ApplyConfigMap { takes_away: true, .. }]), "{told:?}");
    assert!(document.only_denies(), "what is gone goes, and what was taken does not come back: {}", document.to_json());
}

#[test]
fn audit_writes_nothing() {
    let plan = World::empty(vec![access("summaries", HAIKU)]).plan().plan.restricted_to(&Mode::Audit);
    assert_eq!((plan.actions.len(), plan.withheld.len()), (0, 6));
}

#[test]
fn a_foreign_role_of_the_same_name_is_left_alone() {
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    let name = names::role(&world.facts.scope, "clinic", "notes");
    world.role = Some(Role { arn: world.facts.scope.role_arn(&name), name, ..Role::default() });
    let plan = world.plan().plan;
    assert!(plan.actions.iter().all(|action| matches!(action, Action::ApplyNetworkPolicy(_))), "{:?}", plan.actions);
    assert!(plan.findings.iter().any(|finding| finding.reason == Reason::Conflict));
    world.accesses.clear();
    assert_eq!(world.calls(), ["ApplyNetworkPolicy"], "nor is it deleted");
}

#[test]
fn a_role_recorded_or_tagged_as_ours_is_adopted() {
    let mut world = settled();
    world.previous = PhiWorkloadStatus::default();
    world.known_session = Some(3600);
    assert_eq!(world.calls(), [""; 0], "a lost status is rebuilt from tags and what was read: nothing is written anew");
    world.known_session = Some(7200);
    assert_eq!(world.calls(), ["UpdateRole"], "another session than declared is drift");
    let wanted = tags::of_workload(&world.facts.scope, "clinic", "notes");
    assert!(tags::owned(&world.role().tags, &wanted));
    let trust = service_account_trust(&world.facts.scope, &world.facts.issuer, "clinic", "notes");
    assert_eq!(world.role().trust, Some(trust));
}

#[test]
fn a_younger_claimant_touches_nothing_of_the_older_one() {
    let mut world = settled();
    world.older_claimant = Some("older");
    assert_eq!(world.calls(), ["DeleteConfigMap"], "but for what its own application was told");
    assert_eq!(remove(&world.inputs()).actions.iter().filter(|action| action.describe().0 != "kubernetes").count(), 0);
}

#[test]
fn a_role_that_was_cut_off_is_stripped_and_kept() {
    let mut world = settled();
    world.role().inline.insert("stop".into(), Some(PolicyDocument::of(vec![deny_all()])));
    world.accesses.clear();
    assert_eq!(world.calls(), ["DetachRolePolicy", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"]);
}

#[test]
fn a_narrowed_boundary_takes_nothing_out_of_the_policy() {
    let mut world = settled();
    world.previous.identity.as_mut().unwrap().accesses = vec![AppliedAccess { name: "summaries".into(), generation: 1, guardrail: None }];
    world.facts.boundary = Some(PolicyDocument::of(vec![deny_all()]));
    assert_eq!(world.calls(), [""; 0], "the access was given before");
    world.accesses.push(access("letters", SONNET));
    assert_eq!(world.calls(), [""; 0], "a new one waits");
}
