use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::api::PhiEnvironmentSpec;
use crate::api::conditions::Reason;
use crate::domain::{names, tags};
use crate::observed::account::{Caller, Key};
use crate::observed::account_settings::{AccountSettings, EnforcedGuardrail, InvocationLogging, NONE};
use crate::observed::bedrock::ModelAvailability;
use crate::observed::claims::Claims;
use crate::observed::cluster::{Cluster, OidcProvider};
use crate::observed::guardrails::{GuardrailContent, GuardrailVersion, ObservedGuardrail};
use crate::observed::identity::ManagedPolicy;
use crate::observed::network::{Endpoint, OfferedService, SecurityGroup, Subnet, Vpc};
use crate::plan::Action;
use crate::plan::action::{GroupReference, NewEndpoint};
use crate::policy::{PolicyDocument, Principal, Statement};

pub(crate) const MODEL: &str = "anthropic.claude-3-haiku-20240307-v1:0";
pub(super) const ISSUER: &str = "https://oidc.example/id/1";

pub(crate) fn spec() -> PhiEnvironmentSpec {
    serde_json::from_value(serde_json::json!({
        "enforcement": "Enforce",
        "aws": { "accountId": "123456789012", "region": "us-east-1", "clusterName": "prod" },
        "namespaceSelector": { "matchLabels": { "phi": "allowed" } },
        "bedrock": { "models": [MODEL], "guardrails": [
            { "name": "phi", "management": "Verify", "guardrailId": "g1", "version": "1", "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/g" },
        ] },
    }))
    .unwrap()
}

/// The rules of the environment with more in its spec.
pub(super) fn rules_with(more: &serde_json::Value) -> Rules {
    let mut spec = serde_json::to_value(spec()).unwrap();
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Rules::of("prod", &serde_json::from_value(spec).unwrap(), Some("aws"))
}

/// The plan for these rules; what is narrower may be someone's doing, and nothing is recorded but `recorded_endpoints`.
pub(super) fn plan_for(rules: &Rules, observed: &EnvironmentObservation, recorded_endpoints: &[EndpointStatus]) -> Plan {
    let mut plan = plan(&EnvironmentInputs { recorded_endpoints, ..EnvironmentInputs::of(rules, observed) });
    // Claims on endpoints come and go with who makes them; their own tables judge them.
    plan.actions.retain(|action| !matches!(action, Action::TakeClaim(_) | Action::ReleaseClaim { .. }));
    plan
}

/// A case: a name, what is done to the observation, the reason it gives, whether that blocks, and words of the sentence.
pub(super) type Case = (&'static str, fn(&mut EnvironmentObservation), Reason, bool, &'static [&'static str]);

/// Each case gives exactly one finding beside those that pass, and it is the one named.
pub(super) fn each_has_its_reason(rules: &Rules, sound: &EnvironmentObservation, cases: &[Case]) {
    let failing = |observed: &EnvironmentObservation| {
        let plan = plan_for(rules, observed, &[]);
        assert_eq!(plan.actions, [], "what is verified is never touched");
        let passes = |finding: &Finding| matches!(finding.verdict, Verdict::Pass | Verdict::NotApplicable);
        plan.findings.into_iter().filter(|finding| !passes(finding)).collect::<Vec<_>>()
    };
    assert_eq!(failing(sound), [], "all is as it should be");
    for (name, tamper, reason, blocks, words) in cases {
        let mut observed = sound.clone();
        tamper(&mut observed);
        let found = failing(&observed);
        assert_eq!(
            found.iter().map(|finding| (finding.reason, finding.blocks)).collect::<Vec<_>>(),
            [(*reason, *blocks)],
            "{name}: {found:?}"
        );
        let unproven = matches!(reason, Reason::NotRead | Reason::DeclaredOnly | Reason::NotAuthorized);
        assert_eq!(found[0].verdict, if unproven { Verdict::Unknown } else { Verdict::Fail }, "{name}");
        for word in *words {
            assert!(found[0].message.contains(word), "{name}: {} does not say {word}", found[0].message);
        }
    }
}

pub(crate) fn rules() -> Rules {
    Rules::of("prod", &spec(), Some("aws"))
}

/// An account in which nothing of ours exists: two zones, and a third that `sts` is not offered in.
pub(super) fn empty() -> EnvironmentObservation {
    let rules = rules();
    let subnet = |id: &str, zone: &str| Subnet { id: id.into(), zone: zone.into(), vpc_id: "vpc-1".into() };
    let zones = |name: &str| if name.contains("sts") { vec!["a", "b"] } else { vec!["a", "b", "c"] };
    let available = ModelAvailability {
        agreement: "AVAILABLE".into(),
        authorization: "AUTHORIZED".into(),
        entitlement: "AVAILABLE".into(),
        region: "AVAILABLE".into(),
    };
    EnvironmentObservation {
        caller: Ok(Caller { account_id: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/operator".into() }),
        operator_arn: Ok("arn:aws:iam::123456789012:user/operator".into()),
        api_server: Ok("api-1".into()),
        claims: Ok(Claims::default()),
        api_server_issuer: Ok(ISSUER.into()),
        cluster: Ok(Some(Cluster { arn: rules.scope.cluster_arn(), issuer: ISSUER.into(), ..Cluster::default() })),
        vpc: Ok(Some(Vpc { id: "vpc-1".into(), cidrs: BTreeSet::from(["10.0.0.0/16".into()]), dns_support: true, dns_hostnames: true })),
        subnets: Ok(vec![subnet("s-1", "a"), subnet("s-2", "b"), subnet("s-3", "c"), subnet("s-4", "a")]),
        other_subnets: Ok(Vec::new()),
        oidc_provider: Ok(Some(OidcProvider { client_ids: vec!["sts.amazonaws.com".into()] })),
        offered: Ok(rules
            .service_names()
            .into_iter()
            .map(|name| OfferedService { zones: zones(&name).into_iter().map(str::to_owned).collect(), policy_supported: true, name })
            .collect()),
        endpoints: Ok(Vec::new()),
        other_endpoints: Ok(Vec::new()),
        security_groups: Ok(Vec::new()),
        other_security_groups: Ok(Vec::new()),
        key: Ok(None),
        boundary: Ok(None),
        boundary_is_ours: Ok(true),
        platform_boundary: Ok(None),
        models: BTreeMap::from([(MODEL.to_owned(), Ok(Some(available)))]),
        profiles: BTreeMap::new(),
        only_named: BTreeSet::new(),
        guardrails: BTreeMap::from([(
            "phi".to_owned(),
            Ok(ObservedGuardrail { published: Some(guardrail()), ..ObservedGuardrail::default() }),
        )]),
        attachment_quota: Ok(None),
        additional_policies: BTreeMap::new(),
        settings: settings(),
        dns_service_addresses: Ok(Vec::new()),
    }
}

/// The platform's guardrail, as it should be.
pub(super) fn guardrail() -> GuardrailVersion {
    GuardrailVersion {
        id: "g1".into(),
        arn: "arn:aws:bedrock:us-east-1:123456789012:guardrail/g1".into(),
        version: "1".into(),
        status: "READY".into(),
        content: GuardrailContent {
            content_filters: BTreeMap::from([("HATE".into(), ("HIGH".into(), "HIGH".into()))]),
            pii_entities: BTreeMap::from([("NAME".into(), "ANONYMIZE".into())]),
            kms_key_arn: Some("arn:aws:kms:us-east-1:123456789012:key/g".into()),
            ..GuardrailContent::default()
        },
        ..GuardrailVersion::default()
    }
}

/// The settings of an account that suits PHI.
pub(crate) fn settings() -> AccountSettings {
    let guardrail = EnforcedGuardrail {
        arn: "arn:aws:bedrock:us-east-1:123456789012:guardrail/enforced1".into(),
        version: "1".into(),
        guards_all_of_system: Some(true),
        guards_all_of_messages: Some(true),
        ..EnforcedGuardrail::default()
    };
    AccountSettings {
        data_retention: BTreeMap::from([("us-east-1".to_owned(), Ok(NONE.to_owned()))]),
        invocation_logging: Ok(InvocationLogging::default()),
        enforced_guardrails: Ok(vec![guardrail]),
    }
}

fn plan_of(observed: &EnvironmentObservation, may_hold: bool) -> Plan {
    plan(&EnvironmentInputs { may_hold, ..EnvironmentInputs::of(&rules(), observed) })
}

fn calls(observed: &EnvironmentObservation) -> Vec<&'static str> {
    plan_of(observed, true).actions.iter().map(|action| action.describe().1).collect()
}

/// The account after the plan for the empty one was carried out.
pub(crate) fn provisioned() -> EnvironmentObservation {
    let mut observed = empty();
    let wanted = tags::of_environment(&rules().scope);
    for action in plan_of(&observed, true).actions {
        match action {
            Action::CreateSecurityGroup { name, tags, service, .. } => {
                let group = SecurityGroup { id: format!("sg-{service}"), name, tags, ..SecurityGroup::default() };
                observed.security_groups.as_mut().unwrap().push(group);
            }
            Action::AuthorizeSecurityGroupIngress { name, rules, .. } => {
                let groups = observed.security_groups.as_mut().unwrap();
                groups.iter_mut().find(|group| group.name == name).unwrap().ingress = rules;
            }
            Action::CreateVpcEndpoint(new) => observed.endpoints.as_mut().unwrap().push(made(*new)),
            Action::CreateKey { policy, tags, .. } => {
                observed.key = Ok(Some(Key {
                    arn: "key".into(),
                    state: "Enabled".into(),
                    customer_managed: true,
                    usage: None,
                    spec: None,
                    rotation_enabled: true,
                    rotation_period_in_days: None,
                    policy: Some(policy),
                    tags,
                }));
            }
            Action::TakeClaim(claim) => {
                let policy = ManagedPolicy { arn: claim.arn, document: Some(claim.document), ..ManagedPolicy::default() };
                observed.claims.as_mut().unwrap().add(&policy);
            }
            Action::CreateBoundary { arn, document, .. } => {
                observed.boundary = Ok(Some(ManagedPolicy { arn, document: Some(document), ..ManagedPolicy::default() }));
            }
            Action::RevokeSecurityGroupEgress { .. } | Action::CreateAlias { .. } | Action::EnableKeyRotation { .. } => {}
            other => panic!("nobody needs {other:?} in an empty account"),
        }
    }
    assert!(observed.endpoints.as_ref().unwrap().iter().all(|endpoint| endpoint.tags == wanted));
    observed
}

fn made(new: NewEndpoint) -> Endpoint {
    let GroupReference::ForService(service) = new.group else { panic!("the group is made by the same plan") };
    Endpoint {
        id: format!("vpce-{service}"),
        service_name: new.service_name,
        state: "available".into(),
        endpoint_type: "Interface".into(),
        private_dns: true,
        policy: new.policy,
        vpc_id: new.vpc_id,
        subnet_ids: new.subnet_ids,
        security_group_ids: BTreeSet::from([format!("sg-{service}")]),
        tags: new.tags,
        ..Endpoint::default()
    }
}

pub(super) fn endpoint<'a>(observed: &'a mut EnvironmentObservation, service: &str) -> &'a mut Endpoint {
    let id = format!("vpce-{service}");
    observed.endpoints.as_mut().unwrap().iter_mut().find(|endpoint| endpoint.id == id).unwrap()
}

pub(super) fn allow_all() -> PolicyDocument {
    PolicyDocument::of(vec![Statement::allow("All", &["*"], vec!["*".into()]).for_principal(Principal::anyone())])
}

#[test]
fn what_was_planned_leaves_nothing_to_plan() {
    let observed = provisioned();
    assert_eq!(calls(&observed), [""; 0]);
    assert!(plan_of(&observed, true).findings.iter().all(|finding| finding.verdict == Verdict::Pass));
}

#[test]
fn endpoints_have_one_subnet_in_each_zone_that_offers_them() {
    let plan = plan_of(&empty(), true);
    let subnets = |service: &str| {
        let of_service = |action: &Action| match action {
            Action::CreateVpcEndpoint(new) if new.service == service => Some(new.subnet_ids.iter().cloned().collect::<Vec<_>>()),
            _ => None,
        };
        plan.actions.iter().find_map(of_service).unwrap()
    };
    assert_eq!(subnets("bedrock-runtime"), ["s-1", "s-2", "s-3"]);
    assert_eq!(subnets("sts"), ["s-1", "s-2"]);
}

#[test]
fn nothing_is_planned_before_the_scope_is_proven() {
    type Break = fn(&mut EnvironmentObservation);
    let cases: [(Reason, Break); 7] = [
        (Reason::AccountMismatch, |seen| seen.caller.as_mut().unwrap().account_id = "999999999999".into()),
        (Reason::ClusterMismatch, |seen| seen.api_server_issuer = Ok("https://oidc.example/id/2".into())),
        (Reason::ClusterNotFound, |seen| seen.cluster = Ok(None)),
        (Reason::VpcNotFound, |seen| seen.vpc = Ok(None)),
        (Reason::VpcDnsDisabled, |seen| seen.vpc.as_mut().unwrap().as_mut().unwrap().dns_hostnames = false),
        (Reason::OidcProviderNotFound, |seen| seen.oidc_provider = Ok(None)),
        (Reason::NotAuthorized, |seen| {
            seen.cluster =
                Err(Fault { class: FaultClass::Denied, service: "eks", operation: "DescribeCluster", code: "AccessDenied".into() });
        }),
    ];
    for (reason, break_it) in cases {
        let mut observed = empty();
        break_it(&mut observed);
        let plan = plan_of(&observed, true);
        assert_eq!(plan.actions, [], "{reason:?}");
        assert!(plan.findings.iter().any(|finding| finding.reason == reason), "{reason:?}");
    }
}

#[test]
fn drift_is_mended_and_narrowing_held() {
    type Tamper = fn(&mut EnvironmentObservation);
    let cases: [(&str, Tamper, &[&str], usize); 9] = [
        ("an opened policy", |seen| endpoint(seen, "sts").policy = Some(allow_all()), &["ModifyVpcEndpoint"], 0),
        ("a lost subnet", |seen| drop(endpoint(seen, "sts").subnet_ids.pop_first()), &["ModifyVpcEndpoint"], 0),
        ("private DNS off", |seen| endpoint(seen, "sts").private_dns = false, &["ModifyVpcEndpoint"], 0),
        (
            "a foreign group",
            |seen| {
                endpoint(seen, "sts").security_group_ids.insert("sg-x".into());
            },
            &["ModifyVpcEndpoint"],
            0,
        ),
        ("rotation off", |seen| seen.key.as_mut().unwrap().as_mut().unwrap().rotation_enabled = false, &["EnableKeyRotation"], 0),
        ("an opened key", |seen| seen.key.as_mut().unwrap().as_mut().unwrap().policy = Some(allow_all()), &["PutKeyPolicy"], 0),
        ("a tighter group", |seen| seen.security_groups.as_mut().unwrap()[0].ingress.clear(), &[], 1),
        ("a foreign key behind the alias", |seen| seen.key.as_mut().unwrap().as_mut().unwrap().tags.clear(), &[], 0),
        ("a disabled key", |seen| seen.key.as_mut().unwrap().as_mut().unwrap().state = "Disabled".into(), &[], 1),
    ];
    for (name, tamper, expected, held) in cases {
        let mut observed = provisioned();
        tamper(&mut observed);
        assert_eq!(calls(&observed), expected, "{name}");
        let findings = plan_of(&observed, true).findings;
        assert_eq!(findings.iter().filter(|finding| finding.verdict == Verdict::Held).count(), held, "{name}");
    }
}

#[test]
fn a_disabled_key_comes_back_only_when_a_person_asks() {
    let mut observed = provisioned();
    let key = |seen: &mut EnvironmentObservation, state: &str| seen.key.as_mut().unwrap().as_mut().unwrap().state = state.into();
    let rules = rules();
    let planned = |observed: &EnvironmentObservation, asked: bool| {
        let inputs = EnvironmentInputs { asked, may_hold: false, ..EnvironmentInputs::of(&rules, observed) };
        let plan = plan(&inputs);
        plan.actions.iter().map(|action| action.describe().1).collect::<Vec<_>>()
    };
    key(&mut observed, "Disabled");
    assert_eq!(planned(&observed, false), [""; 0], "that facts have changed is nobody's wish");
    assert_eq!(planned(&observed, true), ["EnableKey"]);
    for state in ["PendingDeletion", "PendingImport", "Unavailable"] {
        key(&mut observed, state);
        assert_eq!(planned(&observed, true), [""; 0], "{state}");
    }
}

#[test]
fn an_endpoint_of_someone_else_is_verified_and_not_doubled() {
    let mut observed = provisioned();
    observed.security_groups.as_mut().unwrap().retain(|group| group.id != "sg-sts");
    let theirs = endpoint(&mut observed, "sts");
    theirs.tags.clear();
    theirs.policy = Some(allow_all());
    let plan = plan_of(&observed, true);
    let released = "arn:aws:iam::123456789012:policy/hipaa-operator/claims/endpoint.us-east-1.vpc-1.sts.1".to_owned();
    assert_eq!(plan.actions, [Action::ReleaseClaim { arn: released, other_versions: Vec::new() }]);
    let wide = plan.findings.iter().find(|finding| finding.reason == Reason::EndpointPolicyTooWide).unwrap();
    assert!(!wide.blocks, "it counts for Compliant, not for Ready");
}

#[test]
fn deletion_touches_only_what_is_tagged_and_never_the_key() {
    let mut observed = provisioned();
    endpoint(&mut observed, "sts").tags.clear();
    let mut rules = rules();
    assert_eq!(remove(&rules, &observed), [], "Retain");
    rules.resolved.deletion_policy = crate::api::shared::DeletionPolicy::Delete;
    let called: Vec<_> = remove(&rules, &observed).iter().map(|action| action.describe().1).collect();
    assert_eq!(called.iter().filter(|call| **call == "DeleteVpcEndpoints").count(), 2);
    assert!(called.iter().all(|call| ["DeleteVpcEndpoints", "DeleteSecurityGroup", "DeletePolicy"].contains(call)), "{called:?}");
    assert!(
        orphan_key(&rules, observed.key.as_ref().unwrap().as_ref().unwrap()).is_some_and(|action| action.describe().1 == "TagResource")
    );
    assert_eq!(names::key_alias(&rules.scope), "alias/hipaa-operator/prod/prod");
}

#[test]
fn an_endpoint_recorded_as_ours_gets_its_tags_back() {
    use crate::api::shared::Management;
    let mut observed = provisioned();
    endpoint(&mut observed, "sts").tags.clear();
    let recorded = |management| EndpointStatus {
        service: "sts".into(),
        management,
        vpc_endpoint_id: Some("vpce-sts".into()),
        security_group_id: None,
        state: None,
        zones: Vec::new(),
    };
    for (management, expected) in [(Management::Provision, vec!["CreateTags"]), (Management::Verify, vec!["DeletePolicy"])] {
        let recorded_endpoints = &[recorded(management)];
        let rules = rules();
        let inputs = EnvironmentInputs { recorded_endpoints, ..EnvironmentInputs::of(&rules, &observed) };
        let called: Vec<_> = plan(&inputs).actions.iter().map(|action| action.describe().1).collect();
        assert_eq!(called, expected, "{management:?}");
    }
}

#[test]
fn a_group_of_ours_that_lost_its_tags_is_found_by_its_record_and_tagged() {
    let mut observed = provisioned();
    let mut lost = observed.security_groups.as_mut().unwrap().pop().unwrap();
    lost.tags.clear();
    let service = lost.id.trim_start_matches("sg-").to_owned();
    observed.other_security_groups = Ok(vec![lost.clone()]);
    let recorded = EndpointStatus {
        service: service.clone(),
        management: crate::api::shared::Management::Provision,
        vpc_endpoint_id: Some(format!("vpce-{service}")),
        security_group_id: Some(lost.id),
        state: None,
        zones: Vec::new(),
    };
    let called = |recorded: &[EndpointStatus]| {
        let plan = plan_for(&rules(), &observed, recorded);
        plan.actions.iter().map(|action| action.describe().1).collect::<Vec<_>>()
    };
    assert_eq!(called(&[recorded]), ["CreateTags"]);
    assert_eq!(called(&[])[0], "CreateSecurityGroup", "what is not recorded is not ours; EC2 refuses a second of its name");
}

#[test]
fn a_service_without_policies_gets_none() {
    let mut observed = empty();
    observed.offered.as_mut().unwrap().iter_mut().for_each(|service| service.policy_supported = false);
    let plan = plan_of(&observed, true);
    let policies = plan.actions.iter().filter_map(|action| match action {
        Action::CreateVpcEndpoint(new) => Some(new.policy.clone()),
        _ => None,
    });
    assert_eq!(policies.collect::<Vec<_>>(), [None, None, None]);
    let mut observed = provisioned();
    observed.offered.as_mut().unwrap().iter_mut().for_each(|service| service.policy_supported = false);
    observed.endpoints.as_mut().unwrap().iter_mut().for_each(|endpoint| endpoint.policy = None);
    assert_eq!(calls(&observed), [""; 0]);
    assert!(plan_of(&observed, true).findings.iter().any(|finding| finding.verdict == Verdict::NotApplicable));
}

#[test]
fn a_foreign_boundary_of_our_name_is_a_conflict() {
    let mut observed = provisioned();
    observed.boundary_is_ours = Ok(false);
    observed.boundary.as_mut().unwrap().as_mut().unwrap().document = Some(allow_all());
    let plan = plan_of(&observed, true);
    assert_eq!(plan.actions, []);
    let conflict = plan.findings.iter().find(|finding| finding.reason == Reason::Conflict).unwrap();
    assert!(conflict.blocks && conflict.message.contains("rename or delete it"), "{}", conflict.message);
    let facts = crate::plan::facts::EnvironmentFacts::of(&rules(), &spec(), &observed, &[], None).unwrap();
    assert_eq!(facts.boundary, None, "no role is made under it");
}
