//! Every read times every class of fault: never a stale `Pass`, never an action for want of knowledge.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;

use super::*;
use crate::domain::{Fault, FaultClass};
use crate::plan::Plan;
use crate::plan::environment::guardrails::in_use;
use crate::plan::environment::tests::{MODEL, provisioned, rules, spec};
use crate::plan::environment::{EnvironmentInputs, plan};
use crate::plan::facts::{EnvironmentFacts, unread};
use crate::policy::permissions::Profile;

const CODE: &str = "TheServicesOwnCode";

type Fail = fn(&mut EnvironmentObservation, Fault);

/// How each read fails. Models and profiles are read one by one.
const READS: [(&str, Fail); 28] = [
    ("caller", |observed, fault| observed.caller = Err(fault)),
    ("operator-arn", |observed, fault| observed.operator_arn = Err(fault)),
    ("api-server", |observed, fault| observed.api_server = Err(fault)),
    ("claims", |observed, fault| observed.claims = Err(fault)),
    ("api-server-issuer", |observed, fault| observed.api_server_issuer = Err(fault)),
    ("cluster", |observed, fault| observed.cluster = Err(fault)),
    ("vpc", |observed, fault| observed.vpc = Err(fault)),
    ("subnets", |observed, fault| observed.subnets = Err(fault)),
    ("other-subnets", |observed, fault| observed.other_subnets = Err(fault)),
    ("oidc-provider", |observed, fault| observed.oidc_provider = Err(fault)),
    ("offered", |observed, fault| observed.offered = Err(fault)),
    ("endpoints", |observed, fault| observed.endpoints = Err(fault)),
    ("other-endpoints", |observed, fault| observed.other_endpoints = Err(fault)),
    ("other-security-groups", |observed, fault| observed.other_security_groups = Err(fault)),
    ("security-groups", |observed, fault| observed.security_groups = Err(fault)),
    ("key", |observed, fault| observed.key = Err(fault)),
    ("boundary", |observed, fault| observed.boundary = Err(fault)),
    ("boundary-tags", |observed, fault| observed.boundary_is_ours = Err(fault)),
    ("platform-boundary", |observed, fault| observed.platform_boundary = Err(fault)),
    ("attachment-quota", |observed, fault| observed.attachment_quota = Err(fault)),
    ("additional-policy", |observed, fault| drop(observed.additional_policies.insert("arn:aws:iam::1:policy/more".into(), Err(fault)))),
    ("dns-service", |observed, fault| observed.dns_service_addresses = Err(fault)),
    ("data-retention", |observed, fault| drop(observed.settings.data_retention.insert("us-west-2".into(), Err(fault)))),
    ("invocation-logging", |observed, fault| observed.settings.invocation_logging = Err(fault)),
    ("enforced-guardrails", |observed, fault| observed.settings.enforced_guardrails = Err(fault)),
    ("model", |observed, fault| drop(observed.models.insert(MODEL.into(), Err(fault)))),
    ("guardrail", |observed, fault| drop(observed.guardrails.insert("phi".into(), Err(fault)))),
    ("profile", |observed, fault| drop(observed.profiles.insert("us.profile".into(), Err(fault)))),
];

fn fault(class: FaultClass) -> Fault {
    Fault { class, service: "ec2", operation: "DescribeSomething", code: CODE.into() }
}

/// An account in which everything is in place, with a platform's boundary if that is what is read.
fn in_place(read: &str) -> (Rules, EnvironmentObservation) {
    let mut observed = provisioned();
    let mut rules = rules();
    if read == "platform-boundary" {
        rules.platform_boundary_arn = Some("arn:aws:iam::123456789012:policy/theirs".into());
        observed.platform_boundary = Ok(observed.boundary.clone().unwrap().unwrap().document);
    }
    (rules, observed)
}

fn planned(rules: &Rules, observed: &EnvironmentObservation) -> Plan {
    plan(&EnvironmentInputs::of(rules, observed))
}

fn status(rules: &Rules, observed: &EnvironmentObservation, previous: &PhiEnvironmentStatus, at: Timestamp) -> PhiEnvironmentStatus {
    wished(rules, observed, previous, at, "")
}

/// The same for a person's wish.
fn wished(
    rules: &Rules,
    observed: &EnvironmentObservation,
    previous: &PhiEnvironmentStatus,
    at: Timestamp,
    wish: &str,
) -> PhiEnvironmentStatus {
    let applied = Applied::untouched(planned(rules, observed), Mode::Enforce);
    let pass = EnvironmentPass {
        rules,
        observed,
        applied: &applied,
        settled: None,
        reconcile_at: None,
        wish: wish.to_owned(),
        guardrails: in_use(rules, &observed.guardrails, &previous.guardrails, None, at),
        bound_workloads: 0,
        deleting: None,
    };
    project(&pass, previous, Stamp::new(Some(1), at))
}

fn compliant(status: &PhiEnvironmentStatus) -> &Condition {
    status.conditions.iter().find(|condition| condition.type_ == "Compliant").unwrap()
}

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

#[test]
fn no_read_is_left_out_of_the_table() {
    let mut observed = provisioned();
    for (_, fail) in READS {
        fail(&mut observed, fault(FaultClass::Denied));
    }
    let mut failed: Vec<&str> = observed.faults().into_iter().map(|(name, _)| name).collect();
    let mut table: Vec<&str> = READS.iter().map(|(name, _)| *name).collect();
    failed.sort_unstable();
    table.sort_unstable();
    assert_eq!(failed, table);
}

#[test]
fn what_could_not_be_read_is_unknown_with_the_services_code_and_nothing_is_done() {
    for (read, fail) in READS {
        let (rules, observed) = in_place(read);
        assert_eq!(compliant(&status(&rules, &observed, &PhiEnvironmentStatus::default(), now())).status, "True", "{read}");
        let before = status(&rules, &observed, &PhiEnvironmentStatus::default(), now());
        for class in FaultClass::ALL {
            let (_, mut observed) = in_place(read);
            fail(&mut observed, fault(class));
            assert_eq!(planned(&rules, &observed).actions, Vec::new(), "{read}, {class:?}");
            let status = status(&rules, &observed, &before, now());
            let verdict = compliant(&status);
            let broken = if class == FaultClass::NoPath { ["Unknown", "False"] } else { ["Unknown"; 2] };
            assert!(broken.contains(&verdict.status.as_str()), "{read}, {class:?}: {verdict:?}");
            assert_eq!(verdict.reason, class.reason().as_str(), "{read}, {class:?}");
            assert!(status.controls.iter().any(|control| control.message.contains(CODE)), "{read}, {class:?}: {:?}", status.controls);
        }
    }
}

#[test]
fn a_wish_enables_a_key_once() {
    let (rules, mut observed) = (rules(), provisioned());
    let next = |observed: &EnvironmentObservation, previous: &PhiEnvironmentStatus, wish: &str| {
        wished(&rules, observed, previous, now(), wish).key_enabled_for
    };
    let enabled = |wish: &str| PhiEnvironmentStatus { key_enabled_for: Some(wish.to_owned()), ..PhiEnvironmentStatus::default() };
    assert_eq!(next(&observed, &enabled("1"), "2"), Some("2".to_owned()), "what is asked for later is new");
    observed.key.as_mut().unwrap().as_mut().unwrap().state = "Disabled".to_owned();
    assert_eq!(next(&observed, &enabled("1"), "2"), Some("1".to_owned()), "as long as it is disabled it is still to be enabled");
    assert_eq!(next(&observed, &PhiEnvironmentStatus::default(), "2"), None, "after a lost status nothing is new");
    observed.key = Err(fault(FaultClass::Throttled));
    assert_eq!(next(&observed, &enabled("1"), "2"), Some("1".to_owned()));
    let asks =
        |now: (i64, Option<&str>), before: (i64, Option<&str>)| asks_anew(&wish(Some(now.0), now.1), &wish(Some(before.0), before.1));
    assert!(asks((2, None), (1, None)) && asks((1, Some("a")), (1, None)) && asks((1, Some("b")), (1, Some("a"))));
    assert!(asks((2, None), (1, Some("a"))) && asks((12, None), (1, Some("2"))));
    assert!(!asks((1, Some("a")), (1, Some("a"))) && !asks((1, None), (1, Some("a"))), "to take the annotation away is no wish");
}

#[test]
fn what_stays_unread_for_a_day_is_not_posture() {
    for (read, fail) in READS {
        let (rules, mut observed) = in_place(read);
        fail(&mut observed, fault(FaultClass::Denied));
        let first = status(&rules, &observed, &PhiEnvironmentStatus::default(), now());
        let later = |hours| status(&rules, &observed, &first, now() + SignedDuration::from_hours(hours));
        assert_eq!(compliant(&later(23)).status, "Unknown", "{read}");
        let aged = later(25);
        assert_eq!(compliant(&aged).status, "False", "{read}");
        assert!(aged.controls.iter().all(|control| control.since == Time(now())), "{read}");
    }
}

#[test]
fn a_fault_takes_nothing_from_the_workloads_and_is_told_where_they_depend_on_it() {
    let spec = spec();
    let used =
        |observed: &EnvironmentObservation, recorded: &[GuardrailStatus]| in_use(&rules(), &observed.guardrails, recorded, None, now());
    let recorded = used(&provisioned(), &[]);
    let before = EnvironmentFacts::of(&rules(), &spec, &provisioned(), &recorded, None).unwrap();
    for (read, fail) in READS {
        let (rules, mut observed) = in_place(read);
        observed.profiles.insert("us.profile".into(), Ok(Some(Profile { id: "us.profile".into(), model_arns: BTreeSet::new() })));
        let known = EnvironmentFacts::of(&rules, &spec, &observed, &recorded, Some(&before)).unwrap();
        fail(&mut observed, fault(FaultClass::Throttled));
        let facts = EnvironmentFacts::of(&rules, &spec, &observed, &used(&observed, &recorded), Some(&known));
        assert!(facts.is_none_or(|facts| facts == known), "{read}: nothing changes, or the last facts hold");
        let of_the_environment = ["operator-arn", "other-subnets", "offered", "security-groups", "other-security-groups", "key"];
        let of_the_account = ["data-retention", "invocation-logging", "enforced-guardrails"];
        // Only whoever names an additional policy depends on these, and is told itself.
        let of_some = ["attachment-quota", "additional-policy"];
        let needed = !of_the_environment.iter().chain(&of_the_account).chain(&of_some).any(|name| *name == read);
        assert_eq!(unread(&observed).is_some(), needed, "{read}");
    }
}
