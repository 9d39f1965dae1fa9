use std::collections::BTreeSet;

use serde_json::json;

use crate::api::conditions::{ConditionType, Reason};
use crate::domain::{Fault, FaultClass};
use crate::observed::environment::EnvironmentObservation;
use crate::observed::network::{Endpoint, RulePeer, SecurityGroup, SecurityGroupRule, Subnet};
use crate::plan::environment::Rules;
use crate::plan::environment::tests::{Case, allow_all, each_has_its_reason, endpoint, plan_for, provisioned, rules_with};
use crate::plan::facts::EnvironmentFacts;
use crate::policy::{PolicyDocument, Principal, Statement};

use super::{addresses, leads_to};

const HUB: &str = "vpc-0123456789abcdef0";

fn verifying() -> Rules {
    rules_with(&json!({ "endpoints": [
        { "service": "sts", "management": "Verify", "vpcEndpointId": "vpce-sts" },
        { "service": "bedrock-runtime", "management": "Verify", "vpcEndpointId": "vpce-bedrock-runtime" },
        { "service": "bedrock", "management": "Verify" },
    ] }))
}

/// The platform's endpoints: as ours would be, with groups that were read by their ids.
fn theirs() -> EnvironmentObservation {
    let mut observed = provisioned();
    observed.endpoints.as_mut().unwrap().iter_mut().for_each(|endpoint| endpoint.tags.clear());
    observed.other_security_groups = std::mem::replace(&mut observed.security_groups, Ok(Vec::new()));
    observed.other_security_groups.as_mut().unwrap().iter_mut().for_each(|group| group.tags.clear());
    observed
}

fn group(observed: &mut EnvironmentObservation) -> &mut SecurityGroup {
    observed.other_security_groups.as_mut().unwrap().iter_mut().find(|group| group.id == "sg-sts").unwrap()
}

fn admit(observed: &mut EnvironmentObservation, peers: &[RulePeer]) {
    group(observed).ingress = peers.iter().cloned().map(SecurityGroupRule::https_from).collect();
}

fn range(cidr: &str) -> RulePeer {
    RulePeer::Cidr(cidr.to_owned())
}

fn allowing(action: &str, principal: Principal) -> Statement {
    Statement::allow("Theirs", &[action], vec!["*".into()]).for_principal(principal)
}

fn with_policy(observed: &mut EnvironmentObservation, service: &str, statements: Vec<Statement>) {
    endpoint(observed, service).policy = Some(PolicyDocument::of(statements));
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn each_missing_property_of_an_endpoint_has_its_own_reason() {
    let cases: [Case; 17] = [
        (
            "gone",
            |seen| seen.endpoints.as_mut().unwrap().retain(|one| one.id != "vpce-sts"),
            Reason::EndpointNotFound,
            true,
            &["vpce-sts", "addressRanges"],
        ),
        (
            "none in the VPC",
            |seen| seen.endpoints.as_mut().unwrap().retain(|one| one.id != "vpce-bedrock"),
            Reason::EndpointNotFound,
            true,
            &["vpc-1 has no endpoint", "Provision"],
        ),
        (
            "another service",
            |seen| endpoint(seen, "sts").service_name = "com.amazonaws.us-east-1.kms".into(),
            Reason::EndpointServiceMismatch,
            true,
            &["for com.amazonaws.us-east-1.kms", "wanted for com.amazonaws.us-east-1.sts"],
        ),
        (
            "a gateway",
            |seen| endpoint(seen, "sts").endpoint_type = "Gateway".into(),
            Reason::EndpointNotInterface,
            true,
            &["type Gateway", "wanted Interface"],
        ),
        (
            "another VPC",
            |seen| endpoint(seen, "sts").vpc_id = "vpc-2".into(),
            Reason::EndpointVpcMismatch,
            true,
            &["lies in vpc-2", "wanted in vpc-1"],
        ),
        (
            "not accepted",
            |seen| endpoint(seen, "sts").state = "pendingacceptance".into(),
            Reason::EndpointNotAvailable,
            true,
            &["is pendingacceptance, wanted available", "accept"],
        ),
        ("no private DNS", |seen| endpoint(seen, "sts").private_dns = false, Reason::PrivateDnsDisabled, true, &["is off, wanted on"]),
        (
            "a zone less",
            |seen| drop(endpoint(seen, "sts").subnet_ids.pop_first()),
            Reason::ZonesNotCovered,
            false,
            &["addresses in b", "wanted in a, b", "a subnet in a"],
        ),
        ("no policy", |seen| endpoint(seen, "sts").policy = None, Reason::EndpointPolicyTooWide, false, &["wanted the account's own"]),
        (
            "the default policy",
            |seen| endpoint(seen, "sts").policy = Some(allow_all()),
            Reason::EndpointPolicyTooWide,
            false,
            &["statement All", "aws:PrincipalAccount"],
        ),
        (
            "signed calls only",
            |seen| with_policy(seen, "sts", vec![allowing("sts:*", Principal::one("AWS", "123456789012"))]),
            Reason::EndpointPolicyTooNarrow,
            true,
            &["sts:AssumeRoleWithWebIdentity", "role/hipaa-operator/", "unsigned"],
        ),
        (
            "no streams",
            |seen| with_policy(seen, "bedrock-runtime", vec![allowing("bedrock:InvokeModel", Principal::anyone())]),
            Reason::EndpointPolicyTooNarrow,
            true,
            &["bedrock:InvokeModelWithResponseStream", "claude-3-haiku"],
        ),
        (
            "an organisation",
            |seen| {
                let statement = allowing("bedrock:*", Principal::anyone());
                with_policy(seen, "bedrock-runtime", vec![statement.when("StringEquals", "aws:PrincipalOrgID", vec!["o-1".into()])]);
            },
            Reason::NotRead,
            false,
            &["depends on its conditions"],
        ),
        (
            "a group that is not read",
            |seen| seen.other_security_groups.as_mut().unwrap().retain(|group| group.id != "sg-sts"),
            Reason::NotRead,
            false,
            &["not all read"],
        ),
        (
            "open to all",
            |seen| admit(seen, &[range("0.0.0.0/0")]),
            Reason::SecurityGroupTooWide,
            false,
            &["sg-sts of vpce-sts", "from 0.0.0.0/0, wanted from 10.0.0.0/16"],
        ),
        ("shut", |seen| group(seen).ingress.clear(), Reason::SecurityGroupTooNarrow, true, &["from nowhere, wanted from 10.0.0.0/16"]),
        (
            "half open",
            |seen| admit(seen, &[range("10.0.0.0/17")]),
            Reason::SecurityGroupTooNarrow,
            false,
            &["from 10.0.0.0/17, wanted also from 10.0.0.0/16"],
        ),
    ];
    each_has_its_reason(&verifying(), &theirs(), &cases);
}

#[test]
fn groups_by_table() {
    let everything = SecurityGroupRule { protocol: "-1".into(), from_port: -1, to_port: -1, peer: range("10.0.0.0/8") };
    let verdicts = |rules: BTreeSet<SecurityGroupRule>| {
        let mut observed = theirs();
        group(&mut observed).ingress = rules;
        let findings = plan_for(&verifying(), &observed, &[]).findings;
        findings
            .into_iter()
            .filter(|finding| finding.control.id() == "NET-7" && finding.about == "sts")
            .map(|finding| finding.reason)
            .collect::<Vec<_>>()
    };
    let https = |peers: &[RulePeer]| peers.iter().cloned().map(SecurityGroupRule::https_from).collect::<BTreeSet<_>>();
    assert_eq!(verdicts(BTreeSet::from([everything])), [Reason::Proven], "all protocols from a wider range");
    assert_eq!(verdicts(https(&[range("10.0.0.0/17"), range("10.0.128.0/17")])), [Reason::Proven], "two halves");
    assert_eq!(verdicts(https(&[RulePeer::SecurityGroup("sg-nodes".into())])), [Reason::NotRead], "members of a group");
    let other_port = SecurityGroupRule { from_port: 8443, to_port: 8443, ..SecurityGroupRule::https_from(range("10.0.0.0/16")) };
    assert_eq!(verdicts(BTreeSet::from([other_port])), [Reason::SecurityGroupTooNarrow]);
}

fn hub() -> Rules {
    rules_with(&json!({ "endpoints": [
        { "service": "sts", "management": "Verify", "vpcEndpointId": "vpce-hub", "vpcId": HUB },
        { "service": "bedrock-runtime", "management": "Verify", "vpcEndpointId": "vpce-far", "addressRanges": ["10.9.0.7/24", "10.9.1.7/32"] },
    ] }))
}

/// `sts` in a hub VPC, `bedrock-runtime` in another account, `bedrock` ours.
fn in_hub() -> EnvironmentObservation {
    let mut observed = provisioned();
    let endpoints = observed.endpoints.as_mut().unwrap();
    let sts = endpoints.iter().position(|one| one.id == "vpce-sts").unwrap();
    let moved = endpoints.remove(sts);
    endpoints.retain(|one| one.id != "vpce-bedrock-runtime");
    let subnets: BTreeSet<String> = ["h-1".to_owned(), "h-2".to_owned()].into();
    observed.other_subnets =
        Ok([("h-1", "a"), ("h-2", "b")].map(|(id, zone)| Subnet { id: id.into(), zone: zone.into(), vpc_id: HUB.into() }).to_vec());
    observed.other_endpoints = Ok(vec![Endpoint {
        id: "vpce-hub".into(),
        vpc_id: HUB.into(),
        private_dns: false,
        subnet_ids: subnets,
        addresses: BTreeSet::from(["10.8.0.7".to_owned()]),
        tags: crate::domain::tags::Tags::new(),
        ..moved
    }]);
    observed
}

#[test]
fn a_hub_is_judged_and_another_account_is_taken_as_declared() {
    let (rules, observed) = (hub(), in_hub());
    let plan = plan_for(&rules, &observed, &[]);
    assert_eq!(plan.actions, []);
    let of = |reason| plan.findings.iter().filter(move |finding| finding.reason == reason).collect::<Vec<_>>();
    let dns = of(Reason::NotRead);
    assert_eq!(dns.len(), 1, "{dns:?}");
    assert!(!dns[0].blocks && dns[0].message.contains("Route 53 profile") && dns[0].message.contains("10.8.0.7"), "{}", dns[0].message);
    let declared = of(Reason::DeclaredOnly);
    assert_eq!(declared.len(), 1);
    assert!(!declared[0].blocks && declared[0].message.contains("10.9.0.0/24, 10.9.1.7/32"), "{}", declared[0].message);
    assert!(
        plan.findings.iter().all(|finding| finding.family != ConditionType::EndpointsReady || finding.verdict != crate::api::Verdict::Fail)
    );

    let places = [observed.endpoints.as_deref().unwrap(), observed.other_endpoints.as_deref().unwrap()];
    assert!(leads_to(&rules, "sts", places) && leads_to(&rules, "bedrock-runtime", places));
    let expected = ["10.8.0.7", "10.9.0.0/24", "10.9.1.7/32"].map(str::to_owned);
    assert_eq!(addresses(&rules, places), BTreeSet::from(expected));
}

#[test]
fn a_hub_that_is_gone_or_cannot_be_read_leads_nowhere() {
    let rules = hub();
    let mut observed = in_hub();
    observed.other_endpoints.as_mut().unwrap()[0].state = "deleting".into();
    assert!(!leads_to(&rules, "sts", [&[], observed.other_endpoints.as_deref().unwrap()]));
    observed.other_endpoints =
        Err(Fault { class: FaultClass::Denied, service: "ec2", operation: "DescribeVpcEndpoints", code: "UnauthorizedOperation".into() });
    let plan = plan_for(&rules, &observed, &[]);
    assert!(plan.findings.iter().any(|finding| finding.reason == Reason::NotAuthorized && finding.blocks));
    let spec = serde_json::from_value(json!({
        "aws": { "accountId": "123456789012", "region": "us-east-1", "clusterName": "prod" },
        "namespaceSelector": {}, "bedrock": {},
    }));
    assert_eq!(EnvironmentFacts::of(&rules, &spec.unwrap(), &observed, &[], None), None, "the facts known before stay");
}

#[test]
fn a_switch_to_verify_leaves_ours_and_a_switch_back_finds_it() {
    let observed = provisioned();
    let plan = plan_for(&verifying(), &observed, &[]);
    assert_eq!(plan.actions, []);
    assert!(plan.findings.iter().all(|finding| finding.verdict == crate::api::Verdict::Pass), "{:?}", plan.findings);
    let mut drifted = observed.clone();
    endpoint(&mut drifted, "sts").policy = Some(allow_all());
    assert_eq!(plan_for(&verifying(), &drifted, &[]).actions, [], "it is not kept any more");
    let back = plan_for(&rules_with(&json!({})), &drifted, &[]);
    assert_eq!(back.actions.iter().map(|action| action.describe().1).collect::<Vec<_>>(), ["ModifyVpcEndpoint"]);
}
