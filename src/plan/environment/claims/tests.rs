use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::api::Verdict;
use crate::api::shared::DeletionPolicy;
use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::ManagedPolicy;
use crate::observed::network::{Endpoint, SecurityGroup};
use crate::plan::action::GroupReference;
use crate::plan::environment::tests::{empty, spec};
use crate::plan::environment::{Rules, plan, remove};

const ENVIRONMENT: &str = "environment.prod.prod";
const RUNTIME: &str = "endpoint.us-east-1.vpc-1.bedrock-runtime";

fn rules(cluster: &str) -> Rules {
    let mut spec = spec();
    spec.aws.cluster_name = cluster.to_owned();
    Rules::of("prod", &spec, Some("aws"))
}

fn inputs<'a>(rules: &'a Rules, observed: &'a EnvironmentObservation, take_over: Option<&'a str>) -> EnvironmentInputs<'a> {
    EnvironmentInputs { may_hold: false, take_over, ..EnvironmentInputs::of(rules, observed) }
}

/// The holder of a claim in the tables: cluster, environment, API server, issuer.
type Who = (&'static str, &'static str, &'static str, &'static str);

const US: Who = ("prod", "prod", "api-1", "oidc.example/id/1");
const CLONE: Who = ("prod", "prod", "api-2", "oidc.example/id/1");
const FORMER: Who = ("prod", "prod", "api-0", "oidc.example/id/0");
const NEIGHBOUR: Who = ("other", "prod", "api-3", "oidc.example/id/3");

fn environment_of(who: Who) -> String {
    names::claim_on_environment(&rules(who.0).scope.cluster_arn(), who.1)
}

fn claim(thing: &str, generation: u32, who: Who) -> ManagedPolicy {
    let (cluster, environment, api_server, issuer) = who;
    let scope = rules(cluster).scope;
    let holder =
        Holder { cluster_arn: scope.cluster_arn(), environment: environment.into(), api_server: api_server.into(), issuer: issuer.into() };
    ManagedPolicy { arn: scope.claim_arn(&format!("{thing}.{generation}")), document: Some(holder.document()), ..ManagedPolicy::default() }
}

fn with(claims: &[ManagedPolicy]) -> EnvironmentObservation {
    EnvironmentObservation { claims: Ok(Claims::of(claims)), ..empty() }
}

/// What is done about claims: `+` taken, `-` released, by the thing's name as far as its digest, and the generation.
fn done(actions: &[Action]) -> Vec<String> {
    let short = |arn: &str| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        let (thing, generation) = name.rsplit_once('.').unwrap();
        let thing = if thing.starts_with("environment.") { thing.rsplit_once('-').unwrap().0 } else { thing };
        format!("{thing} {generation}")
    };
    let one = |action: &Action| match action {
        Action::TakeClaim(claim) => Some(format!("+{}", short(&claim.arn))),
        Action::ReleaseClaim { arn, .. } => Some(format!("-{}", short(arn))),
        _ => None,
    };
    actions.iter().filter_map(one).collect()
}

#[test]
fn an_environment_is_of_one_api_server() {
    let thing = environment_of(US);
    let taken = |generation: u32| Some(format!("+{ENVIRONMENT} {generation}"));
    let unnamed = ManagedPolicy { document: None, ..claim(&thing, 1, US) };
    let leave = format!("{thing}.1");
    let table = [
        ("nobody holds it", vec![], None, taken(1)),
        ("we hold it", vec![claim(&thing, 1, US)], None, None),
        ("we hold it after another", vec![claim(&thing, 1, CLONE), claim(&thing, 2, US)], None, Some(format!("-{ENVIRONMENT} 1"))),
        ("a cluster of this name was deleted", vec![claim(&thing, 1, FORMER)], None, taken(2)),
        ("a person says so", vec![claim(&thing, 1, CLONE)], Some(leave.as_str()), taken(2)),
        ("a person says so of a claim that names nobody", vec![unnamed.clone()], Some(leave.as_str()), taken(2)),
    ];
    for (case, claims, take_over, wanted) in table {
        let (rules, observed) = (rules("prod"), with(&claims));
        let inputs = inputs(&rules, &observed, take_over);
        let plan = plan(&inputs);
        let of_environment = |text: &String| text.contains("environment");
        assert_eq!(done(&plan.actions).into_iter().filter(of_environment).collect::<Vec<_>>(), Vec::from_iter(wanted), "{case}");
        assert!(plan.findings.iter().filter(|finding| finding.family == FAMILY).all(|finding| finding.verdict == Verdict::Pass), "{case}");
        let first = plan.actions.first().is_some_and(|action| matches!(action, Action::TakeClaim(_) | Action::ReleaseClaim { .. }));
        assert!(first || is_ours(&inputs), "{case}: the claim comes before everything");
    }
    let elsewhere = [
        ("a clone holds it", vec![claim(&thing, 1, CLONE)], None),
        ("a clone took it over from us", vec![claim(&thing, 1, US), claim(&thing, 2, CLONE)], None),
        ("a person's leave was used up", vec![claim(&thing, 3, CLONE)], Some(leave.as_str())),
        ("it names nobody", vec![unnamed], None),
    ];
    for (case, claims, take_over) in elsewhere {
        let (rules, observed) = (rules("prod"), with(&claims));
        let inputs = inputs(&rules, &observed, take_over);
        let plan = plan(&inputs);
        assert_eq!(plan.actions, [], "{case}");
        assert!(plan.findings.iter().any(|finding| finding.reason == Reason::ClaimedElsewhere), "{case}");
        assert!(!is_ours(&inputs) && release(&inputs).is_empty(), "{case}");
    }
}

#[test]
fn what_cannot_be_read_claims_nothing() {
    let fault = || Fault { class: crate::domain::FaultClass::Denied, service: "iam", operation: "Get", code: "AccessDenied".into() };
    let blind: [fn(&mut EnvironmentObservation, Fault); 2] =
        [|seen, fault| seen.claims = Err(fault), |seen, fault| seen.api_server = Err(fault)];
    for hide in blind {
        let (rules, mut observed) = (rules("prod"), empty());
        hide(&mut observed, fault());
        let plan = plan(&inputs(&rules, &observed, None));
        assert_eq!(plan.actions, []);
        let about = plan.findings.iter().find(|finding| finding.about == "claim").unwrap();
        assert_eq!((about.verdict, about.reason), (Verdict::Unknown, Reason::NotAuthorized));
    }
}

#[test]
fn an_endpoint_is_made_by_one_environment() {
    let ours = claim(&environment_of(US), 1, US);
    let theirs = claim(&environment_of(NEIGHBOUR), 1, NEIGHBOUR);
    let table = [
        ("nobody claims it", vec![], Some("+1")),
        ("we claim it", vec![claim(RUNTIME, 1, US)], Some("")),
        ("a neighbour claims it", vec![theirs.clone(), claim(RUNTIME, 1, NEIGHBOUR)], None),
        ("a neighbour that is gone claimed it", vec![claim(RUNTIME, 1, NEIGHBOUR)], Some("+2")),
        ("the API server before us claimed it", vec![claim(RUNTIME, 4, CLONE)], Some("+5")),
        (
            "an environment of a deleted cluster of this name claims it",
            vec![claim(RUNTIME, 1, ("prod", "old", "api-0", "oidc/0"))],
            Some("+2"),
        ),
        ("a neighbour took it over", vec![theirs, claim(RUNTIME, 1, US), claim(RUNTIME, 2, NEIGHBOUR)], None),
    ];
    for (case, mut claims, wanted) in table {
        claims.push(ours.clone());
        let (rules, observed) = (rules("prod"), with(&claims));
        let plan = plan(&inputs(&rules, &observed, None));
        let makes = plan.actions.iter().any(|action| matches!(action, Action::CreateVpcEndpoint(new) if new.service == "bedrock-runtime"));
        let taken: String = done(&plan.actions).iter().filter_map(|text| text.strip_prefix(&format!("+{RUNTIME} "))).collect();
        let waits = plan.findings.iter().any(|finding| finding.reason == Reason::EndpointClaimed && finding.about == "bedrock-runtime");
        match wanted {
            None => assert!(!makes && waits && taken.is_empty(), "{case}"),
            Some(wanted) => assert!(makes && !waits && taken == wanted.trim_start_matches('+'), "{case}: {taken}"),
        }
    }
}

#[test]
fn what_is_claimed_waits_for_its_claim() {
    let (rules, observed) = (rules("prod"), empty());
    let actions = plan(&inputs(&rules, &observed, None)).actions;
    assert!(actions[1..].iter().all(|action| action.needs_claim(&ClaimOn::Environment)));
    let sts = ClaimOn::Endpoint("sts".into());
    let waiting: Vec<_> = actions.iter().filter(|action| action.needs_claim(&sts)).map(|action| action.describe().1).collect();
    assert_eq!(waiting, ["CreateSecurityGroup", "CreateVpcEndpoint"]);
}

/// An account that several operators work on, one call at a time.
#[derive(Default)]
struct World {
    policies: BTreeMap<String, ManagedPolicy>,
    endpoints: Vec<Endpoint>,
    groups: Vec<SecurityGroup>,
    keys: BTreeMap<String, Key>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Life {
    Living,
    Leaving,
    Gone,
}

/// One environment of one API server, in the middle of a pass.
struct Operator {
    rules: Rules,
    api_server: &'static str,
    life: Life,
    left: VecDeque<Action>,
    claimed: Vec<ClaimOn>,
    /// The pass under way is the last: what it leaves is let go.
    last: bool,
    /// What it sees beside the account's things.
    around: EnvironmentObservation,
}

impl Operator {
    fn of(cluster: &str, api_server: &'static str, policy: DeletionPolicy) -> Self {
        let mut rules = rules(cluster);
        rules.resolved.deletion_policy = policy;
        let mut around = empty();
        around.api_server = Ok(api_server.into());
        around.cluster.as_mut().unwrap().as_mut().unwrap().arn = rules.scope.cluster_arn();
        Self { rules, api_server, life: Life::Gone, left: VecDeque::new(), claimed: Vec::new(), last: false, around }
    }

    fn observe(&self, world: &World) -> EnvironmentObservation {
        let scope = &self.rules.scope;
        let mut seen = self.around.clone();
        seen.claims = Ok(Claims::of(world.policies.values()));
        seen.endpoints = Ok(world.endpoints.clone());
        seen.security_groups =
            Ok(world.groups.iter().filter(|group| tags::owned(&group.tags, &tags::of_environment(scope))).cloned().collect());
        seen.key = Ok(world.keys.get(&names::key_alias(scope)).cloned());
        seen.boundary = Ok(world.policies.get(&scope.policy_arn(&names::boundary(scope))).cloned());
        seen
    }

    /// What a pass would do now; `None` if it is the last one.
    fn pass(&self, world: &World) -> Option<Vec<Action>> {
        let seen = self.observe(world);
        let inputs = inputs(&self.rules, &seen, None);
        match self.life {
            Life::Living => Some(plan(&inputs).actions),
            Life::Gone => Some(Vec::new()),
            Life::Leaving if is_ours(&inputs) => {
                let mut actions = remove(&self.rules, &seen);
                if actions.is_empty() {
                    actions = release(&inputs);
                }
                Some(actions)
            }
            Life::Leaving => Some(take(&inputs).actions).filter(|actions| !actions.is_empty()),
        }
    }

    /// One step: a look at the account, or one call.
    fn step(&mut self, world: &mut World) {
        if let Some(action) = self.left.pop_front() {
            if !self.claimed.iter().any(|claim| action.needs_claim(claim)) {
                self.call(action, world);
            }
        } else if self.last {
            (self.life, self.last) = (Life::Gone, false);
        } else {
            self.claimed.clear();
            let actions = self.pass(world);
            let releases = |action: &Action| matches!(action, Action::ReleaseClaim { arn, .. } if arn.contains("/environment."));
            self.last = self.life == Life::Leaving && actions.as_ref().is_none_or(|actions| actions.iter().any(releases));
            self.left = actions.unwrap_or_default().into();
        }
    }

    /// The process ends between two calls, and begins anew.
    fn crash(&mut self) {
        self.left.clear();
        self.last = false;
    }

    fn is_at_rest(&self, world: &World) -> bool {
        self.left.is_empty() && self.life != Life::Leaving && self.pass(world) == Some(Vec::new())
    }

    fn call(&mut self, action: Action, world: &mut World) {
        let scope = &self.rules.scope;
        let thing = names::claim_on_environment(&scope.cluster_arn(), &scope.environment);
        let holder = Claims::of(world.policies.values()).on(&thing).and_then(|claim| claim.holder.clone());
        let first = matches!(&action, Action::TakeClaim(claim) if claim.on == ClaimOn::Environment);
        let holds = holder.is_some_and(|holder| holder.api_server == self.api_server);
        assert!(first || holds, "{} of {} writes without the claim: {action:?}", self.api_server, scope.cluster_name);
        match action {
            Action::TakeClaim(claim) => {
                self.claimed.push(claim.on.clone());
                let policy = ManagedPolicy { arn: claim.arn.clone(), document: Some(claim.document), ..ManagedPolicy::default() };
                world.policies.entry(claim.arn).or_insert(policy);
            }
            Action::CreateBoundary { arn, document, .. } => {
                world.policies.insert(arn.clone(), ManagedPolicy { arn, document: Some(document), ..ManagedPolicy::default() });
            }
            Action::ReleaseClaim { arn, .. } | Action::DeleteBoundary { arn, .. } => drop(world.policies.remove(&arn)),
            Action::CreateSecurityGroup { name, tags, .. } => {
                world.groups.retain(|group| group.name != name);
                world.groups.push(SecurityGroup { id: name.clone(), name, tags, ..SecurityGroup::default() });
            }
            Action::AuthorizeSecurityGroupIngress { name, rules, .. } => {
                world.groups.iter_mut().filter(|group| group.name == name).for_each(|group| group.ingress.extend(rules.clone()));
            }
            Action::CreateVpcEndpoint(new) => {
                let group = match new.group {
                    GroupReference::Id(id) => id,
                    GroupReference::ForService(service) => names::security_group(scope, &service),
                };
                world.endpoints.push(Endpoint {
                    id: format!("vpce-{}-{}", scope.cluster_name, new.service),
                    vpc_id: new.vpc_id,
                    service_name: new.service_name,
                    state: "available".into(),
                    endpoint_type: "Interface".into(),
                    private_dns: true,
                    policy: new.policy,
                    subnet_ids: new.subnet_ids,
                    security_group_ids: std::collections::BTreeSet::from([group]),
                    tags: new.tags,
                    ..Endpoint::default()
                });
            }
            Action::DeleteVpcEndpoint { id, .. } => world.endpoints.retain(|endpoint| endpoint.id != id),
            Action::DeleteSecurityGroup { id, .. } => world.groups.retain(|group| group.id != id),
            Action::CreateKey { alias, policy, tags } => {
                world.keys.insert(
                    alias.clone(),
                    Key {
                        arn: alias,
                        state: "Enabled".into(),
                        customer_managed: true,
                        usage: None,
                        spec: None,
                        rotation_enabled: true,
                        rotation_period_in_days: None,
                        policy: Some(policy),
                        tags,
                    },
                );
            }
            Action::ModifyVpcEndpoint(change) if change.add_group.is_some() => {
                let name = names::security_group(scope, &change.service);
                let changed = world.endpoints.iter_mut().filter(|endpoint| endpoint.id == change.id);
                changed.for_each(|endpoint| endpoint.security_group_ids = std::collections::BTreeSet::from([name.clone()]));
            }
            _ => {}
        }
        for service in ["bedrock", "bedrock-runtime", "sts"] {
            let name = self.rules.scope.endpoint_service_name(service);
            let count = world.endpoints.iter().filter(|endpoint| endpoint.service_name == name).count();
            assert!(count <= 1, "{count} endpoints for {service}");
        }
    }
}

/// Something that happens to one of the operators.
#[derive(Clone, Copy, Debug)]
enum Event {
    Step,
    Crash,
    Delete,
    Create,
}

fn events() -> impl Strategy<Value = Vec<(usize, Event)>> {
    let event = prop_oneof![
        60 => Just(Event::Step),
        2 => Just(Event::Crash),
        1 => Just(Event::Delete),
        4 => Just(Event::Create),
    ];
    proptest::collection::vec((0_usize..3, event), 0..300)
}

fn policy() -> impl Strategy<Value = DeletionPolicy> {
    prop_oneof![Just(DeletionPolicy::Retain), Just(DeletionPolicy::Delete)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two API servers of one cluster's name and one of another cluster, all in one VPC, whatever the order of their calls: each writes
    /// under its claim only, no service ever has two endpoints, and once nothing happens any more each has one and nobody writes.
    #[test]
    fn no_order_of_calls_makes_two_of_anything(events in events(), policies in [policy(), policy(), policy()]) {
        let [a, b, c] = policies;
        let mut operators = [Operator::of("prod", "api-1", a), Operator::of("prod", "api-2", b), Operator::of("other", "api-3", c)];
        let mut world = World::default();
        for (who, event) in events {
            let operator = &mut operators[who];
            match event {
                Event::Step => operator.step(&mut world),
                Event::Crash => operator.crash(),
                Event::Delete if operator.life == Life::Living => operator.life = Life::Leaving,
                Event::Create if operator.life == Life::Gone => operator.life = Life::Living,
                Event::Delete | Event::Create => {}
            }
        }
        let mut rounds = 0;
        while !operators.iter().all(|operator| operator.is_at_rest(&world)) {
            for turn in 0..20 * operators.len() {
                operators[turn / 20].step(&mut world);
            }
            rounds += 1;
            prop_assert!(rounds < 40, "they never come to rest");
        }
        let living = operators.iter().filter(|operator| operator.life == Life::Living).count();
        if living > 0 {
            prop_assert_eq!(world.endpoints.len(), 3);
        } else {
            prop_assert!(Claims::of(world.policies.values()).things().next().is_none(), "claims are left behind");
        }
    }
}
