use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::phi_environment_status::EndpointStatus;
use crate::api::shared::Management;
use crate::observed::account_settings::{Bucket, DataKind, InvocationLogging};
use crate::observed::identity::ManagedPolicy;
use crate::observed::network::{RulePeer, SecurityGroupRule};
use crate::plan::access::DeclaredAccess;
use crate::plan::environment::{EnvironmentInputs, plan as plan_environment};
use crate::plan::facts::EnvironmentFacts;
use crate::plan::workload::{WorkloadInputs, plan as plan_workload};
use crate::plan::{Action, Plan};
use crate::policy::{PolicyDocument, Statement};
use crate::preview::carried_out::{self, WorkloadThings};
use crate::preview::observed::{FoundNetworkPolicy, KnownFacts};
use crate::preview::{Declared, Item, assumed, environment, preview, standing};

const MARK: &str = "FOREIGN-MARK";

fn spec(change: impl Fn(&mut Value)) -> PhiEnvironmentSpec {
    let mut value = json!({
        "enforcement": "Enforce",
        "aws": {"accountId": "111122223333", "region": "us-east-1", "clusterName": "clinic"},
        "namespaceSelector": {"matchLabels": {"phi": "allowed"}},
        "bedrock": {"models": ["a.one-v1:0", "a.two-v1:0"], "inferenceProfiles": ["us.c.five-v1:0"], "approvedRegions": ["us-east-1", "us-west-2"]},
    });
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

fn told() -> KnownEnvironment {
    let facts = json!({
        "partition": "aws", "vpcId": "vpc-1", "apiServer": "uid-1", "vpcCidrs": ["10.0.0.0/16"], "oidcIssuer": "oidc.example/id/1",
        "operatorArn": "arn:aws:iam::111122223333:role/op",
        "subnets": [{"id": "subnet-1", "zone": "a"}, {"id": "subnet-2", "zone": "a"}, {"id": "subnet-3", "zone": "b"}],
        "endpoints": {"bedrock": {"addresses": ["10.0.0.1"]}, "bedrock-runtime": {"addresses": ["10.0.0.2", "fd00::2"]}, "sts": {"addresses": ["10.0.0.3"]}},
        "dnsServiceAddresses": ["172.20.0.10"],
        "profiles": {"us.c.five-v1:0": ["arn:aws:bedrock:us-east-1::foundation-model/c.five-v1:0"]},
        "models": {"a.one-v1:0": null, "a.two-v1:0": null},
    });
    serde_json::from_value(facts).unwrap()
}

fn foreign_policy() -> PolicyDocument {
    PolicyDocument::of(vec![Statement::allow(MARK, &["s3:Get*"], vec!["*".to_owned()])])
}

fn foreign_endpoint(service: &str, open: bool) -> Endpoint {
    Endpoint {
        id: format!("vpce-{service}"),
        vpc_id: "vpc-1".into(),
        service_name: format!("com.amazonaws.us-east-1.{service}"),
        state: "available".into(),
        endpoint_type: "Interface".into(),
        private_dns: true,
        policy: (!open).then(foreign_policy),
        subnet_ids: BTreeSet::from(["subnet-1".to_owned()]),
        security_group_ids: BTreeSet::from(["sg-theirs".to_owned()]),
        addresses: BTreeSet::from(["10.0.9.9".to_owned()]),
        tags: Tags::from([("owner".to_owned(), MARK.to_owned())]),
    }
}

/// The world as a pass reads it.
struct World {
    rules: Rules,
    spec: PhiEnvironmentSpec,
    status: PhiEnvironmentStatus,
    observed: EnvironmentObservation,
    identity: IdentitySnapshot,
    workloads: Vec<PhiWorkload>,
    namespaces: BTreeMap<String, FoundNamespace>,
}

impl World {
    fn new(spec: PhiEnvironmentSpec) -> Self {
        let rules = Rules::of("prod", &spec, Some("aws"));
        let observed = assumed::observation(&rules, &spec, &told());
        let (status, identity) = (PhiEnvironmentStatus::default(), IdentitySnapshot::default());
        Self { rules, spec, status, observed, identity, workloads: Vec::new(), namespaces: BTreeMap::new() }
    }

    fn plan_on(&self, observed: &EnvironmentObservation, endpoints: &[EndpointStatus], key: Option<&str>) -> Plan {
        plan_environment(&EnvironmentInputs {
            may_hold: false,
            recorded_key: key,
            recorded_endpoints: endpoints,
            ..EnvironmentInputs::of(&self.rules, observed)
        })
    }

    fn plan(&self) -> Plan {
        self.plan_on(&self.observed, &self.status.endpoints, self.status.key_arn.as_deref())
    }

    /// Carries out what `done` picks of the plan, under ids as AWS gives them.
    fn carry_out(&mut self, done: impl Fn(usize) -> bool) {
        let actions = self.plan().actions.into_iter().enumerate().filter(|(number, _)| done(*number)).map(|(_, action)| action);
        carried_out::environment(&mut self.observed, &self.rules, &told(), &actions.collect::<Vec<_>>());
        self.read_in_bulk();
    }

    /// The bulk read brings the boundary too.
    fn read_in_bulk(&mut self) {
        if let Ok(Some(boundary)) = &self.observed.boundary {
            self.identity.policies.insert(boundary.arn.clone(), boundary.kept().into());
        }
    }

    /// As the status records what a pass has made.
    fn record_everything(&mut self) {
        let ours = |endpoint: &&Endpoint| endpoint.tags.contains_key(tags::CLUSTER);
        let endpoints = self.observed.endpoints.iter().flatten().filter(ours);
        self.status.endpoints = endpoints
            .map(|endpoint| EndpointStatus {
                service: short_name(&self.rules.scope, &endpoint.service_name).unwrap(),
                management: Management::Provision,
                vpc_endpoint_id: Some(endpoint.id.clone()),
                security_group_id: None,
                state: None,
                zones: Vec::new(),
            })
            .collect();
        self.status.key_arn = self.observed.key.iter().flatten().next().map(|key| key.arn.clone());
    }

    /// The facts, as they come back from a file.
    fn saved(&self) -> KnownEnvironment {
        let seen = Seen {
            rules: &self.rules,
            spec: &self.spec,
            status: &self.status,
            observed: &self.observed,
            identity: &self.identity,
            workloads: &self.workloads,
            tagged_policies: &BTreeSet::new(),
            namespaces: self.namespaces.clone(),
            at: "2026-11-24T00:00:00Z".to_owned(),
        };
        let text = serde_json::to_string(&save(&seen).unwrap().unwrap()).unwrap();
        assert!(!text.contains(MARK), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The plan on the facts, which must be that on the observation.
    fn same_from_facts(&self) -> KnownEnvironment {
        let known = self.saved();
        let found = known.found.as_ref().unwrap();
        let observed = environment::observation(&self.rules, &self.spec, &known);
        let from_facts = self.plan_on(&observed, &standing::recorded_endpoints(found), standing::recorded_key(found));
        // Of others no documents and rules are kept, so that what is judged of theirs may be less.
        let of_ours = |plan: Plan| (plan.actions, plan.withheld);
        assert_eq!(of_ours(from_facts), of_ours(self.plan()));
        known
    }
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
struct Tampering {
    done: u32,
    foreign: Vec<&'static str>,
    open: bool,
    untagged: bool,
    recorded: bool,
    widened: bool,
    orphaned: bool,
    rotated: bool,
    dns: bool,
    profile: bool,
    claims: Vec<Claimed>,
    /// Mode of data retention, and whether prompts are logged.
    settings: (&'static str, bool),
}

/// Stands for the setting of the account among the services of claims.
const RETENTION: &str = "data-retention";

/// A claim: on the environment, an endpoint or a setting, of which generation, and whether by us, by another API server, or by another cluster.
type Claimed = (Option<&'static str>, u32, u8);

fn claimed() -> impl Strategy<Value = Claimed> {
    let things = prop_oneof![Just(None), Just(Some("sts")), Just(Some("bedrock")), Just(Some("kms")), Just(Some(RETENTION))];
    (things, 1u32..3, 0u8..4)
}

fn claim((on, generation, by): Claimed, scope: &Scope) -> ManagedPolicy {
    let thing = match on {
        None if by == 3 => names::claim_on_environment("arn:aws:eks:us-east-1:111122223333:cluster/another", "theirs"),
        None => names::claim_on_environment(&scope.cluster_arn(), &scope.environment),
        Some(RETENTION) => names::claim_on_setting(&scope.region, RETENTION),
        Some(service) => names::claim_on_endpoint(&scope.region, "vpc-1", service),
    };
    let mut holder = crate::policy::claim::Holder {
        cluster_arn: scope.cluster_arn(),
        environment: scope.environment.clone(),
        api_server: "uid-1".into(),
        issuer: "oidc.example/id/1".into(),
    };
    match by {
        1 => holder.api_server = "uid-2".into(),
        2 => holder.issuer = "oidc.example/id/0".into(),
        3 => {
            holder.cluster_arn = "arn:aws:eks:us-east-1:111122223333:cluster/another".into();
            holder.environment = "theirs".into();
        }
        _ => {}
    }
    ManagedPolicy { arn: scope.claim_arn(&format!("{thing}.{generation}")), document: Some(holder.document()), ..ManagedPolicy::default() }
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let services = proptest::sample::subsequence(vec!["bedrock", "bedrock-runtime", "sts", "s3"], 0..=4);
    let flags = proptest::collection::vec(any::<bool>(), 8);
    let settings = (proptest::sample::select(vec!["none", "inherit", "default"]), any::<bool>());
    let all = (any::<u32>(), services, flags, proptest::collection::vec(claimed(), 0..4), settings);
    all.prop_map(|(done, foreign, flags, claims, settings)| Tampering {
        claims,
        settings,
        done,
        foreign,
        open: flags[0],
        untagged: flags[1],
        recorded: flags[2],
        widened: flags[3],
        orphaned: flags[4],
        rotated: flags[5],
        dns: flags[6],
        profile: flags[7],
    })
}

fn specs() -> impl Strategy<Value = PhiEnvironmentSpec> {
    let endpoints = prop_oneof![
        Just(Value::Null),
        Just(json!([{"service": "sts", "management": "Verify"}])),
        Just(json!([{"service": "kms", "management": "Provision", "exclusive": true}, {"service": "s3", "management": "Verify"}])),
        Just(json!([{"service": "sts", "management": "Provision", "subnetIds": ["subnet-3"], "sources": [{"cidr": "10.1.0.0/16"}]}])),
    ];
    let key = prop_oneof![
        Just(Value::Null),
        Just(json!({"rotationPeriodInDays": 90, "administrators": ["arn:aws:iam::111122223333:role/admin"]})),
        Just(json!({"management": "Verify", "keyArn": "arn:aws:kms:us-east-1:111122223333:key/abc"})),
    ];
    let boundary = prop_oneof![Just(Value::Null), Just(json!({"boundaryArn": "arn:aws:iam::111122223333:policy/platform"}))];
    let leave = |adopt: bool| json!({"management": "Provision", "acceptAccountWideImpact": true, "adopt": adopt});
    let retention = prop_oneof![Just(Value::Null), any::<bool>().prop_map(leave)];
    let logging = prop_oneof![
        Just(Value::Null),
        Just(json!({"shape": "Disabled", "management": "Provision", "acceptAccountWideImpact": true, "adopt": true})),
        Just(json!({"shape": "MetadataOnly", "management": "Provision", "acceptAccountWideImpact": true, "bucketName": "logs"})),
    ];
    (endpoints, key, boundary, retention, logging).prop_map(|(endpoints, key, identity, retention, logging)| {
        spec(|value| {
            for (field, part) in [("dataRetention", &retention), ("invocationLogging", &logging)] {
                if !part.is_null() {
                    value["bedrock"][field] = part.clone();
                }
            }
            for (field, part) in [("endpoints", &endpoints), ("key", &key), ("identity", &identity)] {
                if !part.is_null() {
                    value[field] = part.clone();
                }
            }
        })
    })
}

fn tampered(spec: PhiEnvironmentSpec, how: &Tampering) -> World {
    let mut world = World::new(spec);
    if !how.foreign.is_empty() {
        let foreign = how.foreign.iter().map(|service| foreign_endpoint(service, how.open)).collect();
        world.observed.endpoints = Ok(foreign);
    }
    for claimed in &how.claims {
        let policy = claim(*claimed, &world.rules.scope);
        world.observed.claims.iter_mut().for_each(|claims| claims.add(&policy));
        world.identity.policies.insert(policy.arn.clone(), policy.kept().into());
    }
    world.carry_out(|number| how.done & (1 << (number % 32)) != 0);
    if how.recorded {
        world.record_everything();
    }
    let observed = &mut world.observed;
    if how.untagged {
        observed.endpoints.iter_mut().flatten().for_each(|endpoint| endpoint.tags.clear());
        observed.key.iter_mut().flatten().for_each(|key| key.tags.clear());
    }
    if how.widened {
        let ours = |endpoint: &&mut Endpoint| endpoint.tags.contains_key(tags::CLUSTER);
        observed.endpoints.iter_mut().flatten().filter(ours).for_each(|endpoint| endpoint.policy = None);
        let everyone = SecurityGroupRule::https_from(RulePeer::Cidr("0.0.0.0/0".into()));
        observed.security_groups.iter_mut().flatten().for_each(|group| group.ingress.extend([everyone.clone()]));
        let wide = PolicyDocument::of(vec![Statement::allow("All", &["*"], vec!["*".to_owned()])]);
        observed.boundary.iter_mut().flatten().for_each(|boundary| boundary.document = Some(wide.clone()));
    }
    observed.key.iter_mut().flatten().for_each(|key| {
        key.rotation_enabled &= how.rotated;
        if how.orphaned {
            key.tags.insert(tags::ORPHANED.to_owned(), "somebody's".to_owned());
        }
    });
    observed.vpc.iter_mut().flatten().for_each(|vpc| vpc.dns_hostnames = how.dns);
    let (mode, logged) = how.settings;
    observed.settings.data_retention.values_mut().for_each(|read| *read = Ok(mode.to_owned()));
    if logged {
        let bucket = Some(Bucket { name: "someones".into(), prefix: None });
        let delivers = [(DataKind::Text, true)].into();
        observed.settings.invocation_logging = Ok(InvocationLogging { bucket, delivers, ..InvocationLogging::default() });
    }
    if !how.profile {
        observed.profiles.values_mut().for_each(|profile| *profile = Ok(None));
    }
    world.read_in_bulk();
    world
}

proptest! {
    /// Whatever is declared and found: the plan from the facts in a file is that of a pass, to the last byte of each document.
    #[test]
    fn facts_lead_to_the_plan_of_a_pass(spec in specs(), how in tampering()) {
        let world = tampered(spec, &how);
        let known = world.same_from_facts();
        let object = crate::api::PhiEnvironment::new("prod", world.spec.clone());
        let declared = Declared { environments: vec![object], ..Declared::default() };
        let shown = preview(&declared, &KnownFacts { environments: BTreeMap::from([("prod".to_owned(), known)]) });
        prop_assert_eq!(texts(&shown.aws), documents(&world.plan().actions));
    }
}

/// Documents as they are sent.
fn documents(actions: &[Action]) -> BTreeSet<String> {
    let documents = actions.iter().flat_map(|action| match action {
        Action::CreateVpcEndpoint(new) => new.policy.iter().collect(),
        Action::ModifyVpcEndpoint(change) => change.policy.iter().collect(),
        Action::CreateKey { policy, .. } | Action::PutKeyPolicy { policy, .. } => vec![policy],
        Action::TakeClaim(claim) => vec![&claim.document],
        Action::CreateBoundary { document, .. }
        | Action::ChangeBoundary { document, .. }
        | Action::CreatePolicy { document, .. }
        | Action::ChangePolicy { document, .. } => vec![document],
        Action::CreateRole(new) => vec![&new.trust],
        Action::UpdateTrust { trust, .. } => vec![trust],
        _ => Vec::new(),
    });
    documents.map(PolicyDocument::to_json).collect()
}

fn texts(items: &[Item]) -> BTreeSet<String> {
    items.iter().flat_map(|item| item.document.iter().chain(&item.trust)).map(PolicyDocument::to_json).collect()
}

const NAMESPACE: &str = "clinic";

fn workload() -> PhiWorkload {
    serde_json::from_value(json!({
        "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "PhiWorkload", "metadata": {"name": "notes", "namespace": NAMESPACE},
        "spec": {"environmentRef": {"name": "prod"}, "serviceAccountName": "notes-account", "podSelector": {"matchLabels": {"app": "notes"}}},
    }))
    .unwrap()
}

fn accesses(models: &[&str]) -> Vec<DeclaredAccess> {
    let spec = json!({"workloadRef": {"name": "notes"}, "useCase": "Summarization", "models": models});
    let spec = serde_json::from_value(spec).unwrap();
    vec![DeclaredAccess { name: "first".into(), generation: 1, created: String::new(), spec }]
}

fn plan_of(things: &WorkloadThings, facts: &EnvironmentFacts, accesses: &[DeclaredAccess]) -> Plan {
    let workload = workload();
    plan_workload(&WorkloadInputs {
        namespace: NAMESPACE,
        name: "notes",
        uid: "",
        spec: &workload.spec,
        previous: &things.previous,
        facts,
        admitted: true,
        older_claimant: None,
        service_account: things.service_account.as_ref(),
        accesses,
        admitted_stores: &BTreeSet::new(),
        admitted_policies: &BTreeSet::new(),
        role: things.role.as_ref(),
        platform_role: things.platform_role.as_ref(),
        known_session: None,
        policy: things.policy.as_ref(),
        policy_is_ours: things.policy_is_ours,
        identity: &things.identity,
        network_policy: things.network_policy.as_ref(),
        settings: things.settings.as_ref(),
        settings_taken: false,
        other_network_policies: &[],
        pods: Some(&[]),
        other_workloads: &[],
        may_hold: false,
    })
    .plan
}

/// Puts what there is of the workload into the world, as a pass would read it.
fn put(world: &mut World, things: &WorkloadThings) {
    let mut object = workload();
    object.status = Some(things.previous.clone());
    world.workloads = vec![object];
    world.identity.deny_only.clone_from(&things.identity.deny_only);
    world.identity.roles.extend(things.role.iter().map(|role| (role.name.clone(), role.kept().into())));
    let policies: Vec<ManagedPolicy> = things.policy.iter().cloned().collect();
    world.identity.policies.extend(policies.into_iter().map(|policy| (policy.arn.clone(), policy.kept().into())));
    let fence = things.network_policy.as_ref();
    let around = FoundNamespace {
        labels: BTreeMap::from([("phi".to_owned(), "allowed".to_owned())]),
        service_accounts: things.service_account.iter().map(|account| ("notes-account".to_owned(), account.role_arn.clone())).collect(),
        network_policies: fence
            .map(|fence| (names::network_policy("notes"), FoundNetworkPolicy { ours: true, spec: fence.spec.clone() }))
            .into_iter()
            .collect(),
        config_maps: things.settings.iter().map(|found| (names::settings("notes"), config_map(found, "notes", "uid-1"))).collect(),
    };
    world.namespaces.insert(NAMESPACE.to_owned(), around);
}

proptest! {
    /// The same of a workload: with nothing, some or all of it made, and tampered with.
    #[test]
    fn facts_lead_to_the_plan_of_a_workload(
        done in any::<u8>(), untagged in any::<bool>(), quarantined in any::<bool>(), inline in any::<bool>(), foreign in any::<bool>(),
        declared in proptest::sample::subsequence(vec!["a.one-v1:0", "a.two-v1:0"], 0..=2), later in any::<bool>(),
    ) {
        let mut world = World::new(spec(|_| {}));
        world.carry_out(|_| true);
        let facts = EnvironmentFacts::of(&world.rules, &world.spec, &world.observed, &[], None).unwrap();
        let full = accesses(&["a.one-v1:0"]);
        let first = plan_of(&WorkloadThings::default(), &facts, &full).actions;
        let carried: Vec<Action> =
            first.into_iter().enumerate().filter(|(number, _)| done & (1 << (number % 8)) != 0).map(|(_, action)| action).collect();
        let mut things = carried_out::workload(WorkloadThings::default(), &carried);
        if let Some(identity) = &mut things.previous.identity {
            identity.policy_arn = facts.scope.policy_arn(&names::role(&facts.scope, NAMESPACE, "notes-account"));
        }
        if let Some(role) = &mut things.role {
            if untagged { role.tags.clear(); }
            if quarantined {
                role.attached.insert("arn:aws:iam::111122223333:policy/quarantine".into());
                things.identity.deny_only.insert("arn:aws:iam::111122223333:policy/quarantine".into());
            }
            if inline { role.inline.insert("added".into(), Some(foreign_policy())); }
            if foreign { role.trust = None; role.attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".into()); }
        }
        let recorded = things.role.is_some() && things.previous.identity.is_some();
        things.policy_is_ours = things.policy.is_none() || recorded;
        put(&mut world, &things);
        let known = world.same_from_facts();
        let again = standing::workload(&facts.scope, known.found.as_ref().unwrap(), NAMESPACE, "notes", "notes-account");
        let wanted = if later { full } else if declared.is_empty() { Vec::new() } else { accesses(&declared) };
        prop_assert_eq!(plan_of(&again, &facts, &wanted), plan_of(&things, &facts, &wanted));
    }
}

#[test]
fn what_is_settled_leaves_nothing_to_do() {
    let mut world = World::new(spec(|_| {}));
    world.carry_out(|_| true);
    world.record_everything();
    let facts = EnvironmentFacts::of(&world.rules, &world.spec, &world.observed, &[], None).unwrap();
    let actions = plan_of(&WorkloadThings::default(), &facts, &accesses(&["a.one-v1:0"])).actions;
    let mut things = carried_out::workload(WorkloadThings::default(), &actions);
    things.previous.identity.as_mut().unwrap().policy_arn = facts.scope.policy_arn(&things.role.as_ref().unwrap().name);
    put(&mut world, &things);
    let object = crate::api::PhiEnvironment::new("prod", world.spec.clone());
    let access = crate::api::BedrockAccess::new("first", accesses(&["a.one-v1:0"]).remove(0).spec);
    let access = crate::api::BedrockAccess {
        metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
            namespace: Some(NAMESPACE.into()),
            ..access.metadata.clone()
        },
        ..access
    };
    let declared = Declared { environments: vec![object], workloads: vec![workload()], accesses: vec![access], ..Declared::default() };
    let known = |known| KnownFacts { environments: BTreeMap::from([("prod".to_owned(), known)]) };
    let shown = preview(&declared, &known(world.saved()));
    assert_eq!((shown.aws, shown.kubernetes, shown.errors), (vec![], vec![], vec![]));
    assert_eq!(shown.findings.iter().map(|finding| finding.reason).collect::<Vec<_>>(), ["FactsObserved", "NoGuardrail"]);

    // A change of the declaration is a change of what is there, not a creation.
    let mut wider = declared;
    wider.accesses[0].spec.models = Some(vec!["a.one-v1:0".into(), "a.two-v1:0".into()]);
    wider.environments[0].spec.key = serde_json::from_value(json!({"rotationPeriodInDays": 90})).unwrap();
    let shown = preview(&wider, &known(world.saved()));
    let did: Vec<(&str, &str)> = shown.aws.iter().map(|item| (item.operation.as_str(), item.kind.as_str())).collect();
    assert_eq!(did, [("Change", "Key"), ("Change", "Policy")]);
    let told: Vec<&Value> = shown.kubernetes.iter().map(|manifest| &manifest["data"]["access.first.models"]).collect();
    assert_eq!(told, ["a.one-v1:0,a.two-v1:0"], "and what the application is told");
    assert_eq!(shown.errors, vec![]);

    // Without its accesses the workload has no role.
    wider.accesses.clear();
    let shown = preview(&wider, &known(world.saved()));
    let did: Vec<(&str, &str)> = shown.aws.iter().map(|item| (item.operation.as_str(), item.kind.as_str())).collect();
    assert_eq!(did, [("Change", "Key"), ("Delete", "Role"), ("Delete", "Policy")]);
    assert_eq!(shown.kubernetes[0]["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], Value::Null);
    assert_eq!((&shown.kubernetes[1]["metadata"]["name"], &shown.kubernetes[1]["data"]), (&json!("notes-bedrock"), &Value::Null));
}

#[test]
fn a_read_that_failed_is_named() {
    let mut world = World::new(spec(|_| {}));
    assert_eq!(unread(&world.observed), BTreeSet::new());
    let fault = Fault { class: crate::domain::FaultClass::Denied, service: "kms", operation: "DescribeKey", code: "AccessDenied".into() };
    world.observed.key = Err(fault.clone());
    world.observed.models.insert("a.one-v1:0".into(), Err(fault));
    let settings = &mut world.observed.settings;
    let fault = |operation| Fault { class: crate::domain::FaultClass::Denied, service: "bedrock", operation, code: String::new() };
    settings.data_retention.insert("us-west-2".into(), Err(fault("GetAccountDataRetention")));
    settings.invocation_logging = Err(fault("GetModelInvocationLoggingConfiguration"));
    settings.enforced_guardrails = Err(fault("ListEnforcedGuardrailsConfiguration"));
    let (of_settings, named): (Vec<_>, Vec<_>) = unread(&world.observed).into_iter().partition(|text| text.contains("bedrock:"));
    assert_eq!(of_settings.len(), 3, "{of_settings:?}");
    assert!(named.len() == 1 && named.iter().all(|text| text.contains("kms:DescribeKey")), "{named:?}");
}
