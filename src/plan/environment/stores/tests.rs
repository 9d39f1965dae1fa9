use serde_json::{Value, json};

use super::*;
use crate::domain::digest;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::network::Endpoint;
use crate::plan::Action;
use crate::plan::environment::Rules;
use crate::plan::environment::tests::{plan_for, provisioned, rules_with, spec};
use crate::plan::facts::EnvironmentFacts;

fn store(name: &str, kind: &str, arn: &str) -> Value {
    json!({ "name": name, "type": kind, "arn": arn, "verbs": ["write", "read"], "namespaceSelector": { "matchLabels": { "a": "b" } } })
}

fn bucket(name: &str, prefixes: &[String]) -> Value {
    let mut bucket = store(name, "S3", &format!("arn:aws:s3:::{name}"));
    if !prefixes.is_empty() {
        bucket["prefixes"] = json!(prefixes);
    }
    bucket
}

fn queue() -> Value {
    store("intake", "SQS", "arn:aws:sqs:us-east-1:123456789012:intake")
}

fn rules(stores: &[Value]) -> Rules {
    rules_with(&json!({ "stores": stores }))
}

fn add_endpoint(seen: &mut EnvironmentObservation, service: &str, kind: &str, addresses: &[&str]) {
    seen.endpoints.as_mut().unwrap().push(Endpoint {
        id: format!("vpce-{service}"),
        vpc_id: "vpc-1".into(),
        service_name: format!("com.amazonaws.us-east-1.{service}"),
        state: "available".into(),
        endpoint_type: kind.into(),
        addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        ..Endpoint::default()
    });
}

fn facts(rules: &Rules, seen: &EnvironmentObservation) -> EnvironmentFacts {
    EnvironmentFacts::of(rules, &spec(), seen, &[], None).unwrap()
}

#[test]
fn a_service_without_endpoint_is_told_once_and_does_not_block() {
    let rules = rules(&[bucket("labs", &[]), bucket("records", &[]), queue()]);
    let mut seen = provisioned();
    let told = |seen: &EnvironmentObservation| {
        let findings = plan_for(&rules, seen, &[]).findings;
        let of_paths = findings.into_iter().filter(|finding| finding.reason == Reason::EndpointNotFound);
        of_paths.map(|finding| (finding.id(), finding.blocks, finding.message)).collect::<Vec<_>>()
    };
    let found = told(&seen);
    assert_eq!(found.iter().map(|one| (one.0.as_str(), one.1)).collect::<Vec<_>>(), [("NET-3/s3", false), ("NET-3/sqs", false)]);
    assert!(found[0].2.contains("the stores labs, records gets through") && found[0].2.contains("gateway"), "{}", found[0].2);
    assert_eq!(facts(&rules, &seen).store_services.len(), 0);

    add_endpoint(&mut seen, "s3", "Gateway", &[]);
    add_endpoint(&mut seen, "sqs", "Interface", &["10.0.0.77"]);
    assert_eq!(told(&seen), []);
    let facts = facts(&rules, &seen);
    assert_eq!(facts.store_services.iter().map(String::as_str).collect::<Vec<_>>(), ["s3", "sqs"]);
    assert!(facts.endpoint_addresses.contains("10.0.0.77/32"), "workloads may reach it: {:?}", facts.endpoint_addresses);
    let none = super::super::tests::rules();
    assert!(!super::super::addresses(&none, [seen.endpoints.as_ref().unwrap(), &[]]).contains("10.0.0.77"), "only if a store is there");
}

#[test]
fn an_endpoint_that_is_still_pending_leads_nowhere() {
    let rules = rules(&[queue()]);
    let mut seen = provisioned();
    add_endpoint(&mut seen, "sqs", "Interface", &["10.0.0.77"]);
    seen.endpoints.as_mut().unwrap().last_mut().unwrap().state = "pending".into();
    assert_eq!(facts(&rules, &seen).store_services.len(), 0);
    assert_eq!(judge_of(&rules, &seen), 1);
    // What the spec has a rule for is told of there, once.
    let ruled = rules_with(&json!({ "stores": [queue()], "endpoints": [{ "service": "sqs", "management": "Provision" }] }));
    assert_eq!(judge_of(&ruled, &seen), 0);
}

fn judge_of(rules: &Rules, seen: &EnvironmentObservation) -> usize {
    judge(&EnvironmentInputs::of(rules, seen)).len()
}

#[test]
fn audit_counts_on_the_endpoint_that_it_withholds() {
    let ruled = rules_with(&json!({ "stores": [queue()], "endpoints": [{ "service": "sqs", "management": "Provision" }] }));
    let mut seen = provisioned();
    seen.offered.as_mut().unwrap().push(crate::observed::network::OfferedService {
        name: "com.amazonaws.us-east-1.sqs".into(),
        zones: ["a".to_owned()].into(),
        policy_supported: true,
    });
    let withheld = plan_for(&ruled, &seen, &[]).actions;
    let mut facts = facts(&ruled, &seen);
    facts.foresee(&withheld);
    assert!(facts.store_services.contains("sqs"), "{withheld:?}");
}

#[test]
fn the_boundary_holds_the_sum_of_all_stores_or_is_not_touched() {
    let boundary = |rules: &Rules| {
        let plan = plan_for(rules, &EnvironmentObservation { boundary: Ok(None), ..provisioned() }, &[]);
        let made = plan.actions.into_iter().find_map(|action| match action {
            Action::CreateBoundary { document, .. } => Some(document.to_json()),
            _ => None,
        });
        let refusal = plan.findings.into_iter().find(|finding| finding.reason == Reason::QuotaExceeded);
        (made, refusal.map(|finding| finding.message))
    };
    let (made, refusal) = boundary(&rules(&[queue(), bucket("labs", &[])]));
    let made = made.unwrap();
    assert!(made.contains(":intake") && made.contains("arn:aws:s3:::labs/*") && refusal.is_none(), "{made}");

    let many: Vec<String> = (0..16).map(|number| format!("{}{number}/", "x".repeat(200))).collect();
    let (made, refusal) = boundary(&rules(&[bucket("labs", &many), bucket("records", &many)]));
    assert_eq!(made, None);
    assert!(
        refusal.as_ref().is_some_and(|words| words.contains("6144") && words.contains("declare fewer stores or prefixes")),
        "{refusal:?}"
    );
}

#[test]
fn a_changed_store_changes_the_facts_and_another_order_does_not() {
    let digest = |stores: &[Value]| digest::of_value(&facts(&rules(stores), &provisioned()));
    let (labs, folders) = (bucket("labs", &[]), bucket("labs", &["a/".to_owned(), "b/".to_owned()]));
    let before = digest(&[folders.clone(), queue()]);
    let mut turned = folders.clone();
    turned["prefixes"] = json!(["b/", "a/"]);
    turned["verbs"] = json!(["read", "write"]);
    assert_eq!(digest(&[queue(), turned]), before);
    let change = |field: &str, value: Value| {
        let mut changed = folders.clone();
        changed[field] = value;
        changed
    };
    for changed in [
        labs,
        change("prefixes", json!(["a/"])),
        change("verbs", json!(["read"])),
        change("arn", json!("arn:aws:s3:::other")),
        change("kmsKeyArn", json!("arn:aws:kms:us-east-1:123456789012:key/1")),
        change("namespaceSelector", json!({ "matchLabels": { "a": "c" } })),
    ] {
        assert_ne!(digest(&[changed.clone(), queue()]), before, "{changed}");
    }
    assert_ne!(digest(&[queue()]), before);
}

#[test]
fn under_other_rules_what_was_withdrawn_is_gone_and_nothing_comes_instead() {
    let known = facts(&rules(&[bucket("labs", &[]), queue()]), &provisioned());
    let (model, another) = (known.models.keys().next().unwrap().clone(), "another.model-v1:0".to_owned());
    let mut known = known;
    known.profiles.insert("us.old".to_owned(), crate::plan::facts::ProfileFact::NotFound(String::new()));
    let mut ruled = rules(&[bucket("labs", &[]), queue()]);
    for terms in [&mut ruled.terms, &mut known.terms] {
        terms.profiles.insert("us.old".to_owned());
    }
    assert_eq!(known.under(&ruled), known, "the same rules change nothing");
    ruled.terms.models.insert(another);
    assert_eq!(known.under(&ruled), known, "what is new waits until it is read");

    let without = known.under(&Rules { terms: crate::policy::terms::Terms::default(), ..ruled });
    assert!(known.models.contains_key(&model) && without.models.is_empty() && without.profiles.is_empty());
    let names = |stores: &[Value]| {
        let left = known.under(&rules(stores)).stores;
        left.into_iter().map(|store| (store.name, store.namespace_selector)).collect::<Vec<_>>()
    };
    let selector = json!({ "matchLabels": { "a": "c" } });
    let (mut wider, mut moved) = (bucket("labs", &[]), queue());
    wider["namespaceSelector"] = selector.clone();
    moved["arn"] = json!("arn:aws:sqs:us-east-1:123456789012:other");
    let wanted = vec![("labs".to_owned(), serde_json::from_value(selector).unwrap())];
    assert_eq!(names(&[wider, moved, bucket("new", &[])]), wanted, "with the selector of now");
}

#[test]
fn the_key_of_the_environment_serves_the_stores_that_name_it() {
    let through = |stores: &[Value]| {
        let mut seen = provisioned();
        // Without a status there is no narrowing of someone's: the wanted policy is written.
        seen.key.as_mut().unwrap().as_mut().unwrap().policy = None;
        let plan = plan_for(&rules(stores), &seen, &[]);
        let policy = plan.actions.into_iter().find_map(|action| match action {
            Action::PutKeyPolicy { policy, .. } => Some(policy),
            _ => None,
        });
        policy.unwrap().statement[1].condition["StringEquals"]["kms:ViaService"].0.clone()
    };
    let host = |service: &str| format!("{service}.us-east-1.amazonaws.com");
    let mut named = queue();
    named["kmsKeyArn"] = json!("key");
    assert_eq!(through(&[named, bucket("labs", &[])]), ["bedrock", "s3", "sqs"].map(host));
    let mut other = queue();
    other["kmsKeyArn"] = json!("another");
    assert_eq!(through(&[other, queue()]), ["bedrock", "s3"].map(host));
}
