//! Cases on the stores that a workload names.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::api::stores::DataStore;
use crate::policy::boundary::GuardrailLimits;
use crate::policy::permissions::workload_policy;

fn store(name: &str, more: &serde_json::Value) -> DataStore {
    let mut value = json!({
        "name": name, "type": "S3", "arn": format!("arn:aws:s3:::{name}"), "verbs": ["read"],
        "namespaceSelector": { "matchLabels": { "team": "clinic" } },
    });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

fn plain(name: &str) -> DataStore {
    store(name, &json!({}))
}

/// One whose prefixes alone need more than half of a policy.
fn huge(name: &str) -> DataStore {
    let prefixes: Vec<String> = (0..16).map(|number| format!("{}{number}/", "x".repeat(200))).collect();
    store(name, &json!({ "prefixes": prefixes, "verbs": ["write"] }))
}

/// What the environment declares, with a boundary and endpoints for all of it.
fn declare(world: &mut World, stores: Vec<DataStore>) {
    let all: Vec<&DataStore> = stores.iter().collect();
    world.facts.boundary = Some(permissions_boundary(&world.facts.setting(), &BTreeSet::new(), &GuardrailLimits::default(), &all));
    world.facts.store_services = stores.iter().filter_map(|store| store.kind.service()).map(str::to_owned).collect();
    world.admitted_stores = stores.iter().map(|store| store.name.clone()).collect();
    world.facts.stores = stores;
}

fn name(world: &mut World, names: &[&str]) {
    world.spec.stores = Some(names.iter().map(|&name| name.to_owned()).collect());
}

fn settle(world: &mut World) {
    world.may_hold = false;
    for _ in 0..2 {
        let planned = world.plan();
        world.carry_out(&planned.plan);
        let identity = world.previous.identity.get_or_insert_default();
        (identity.accesses, identity.stores) = (planned.given, planned.given_stores);
    }
    assert_eq!(world.calls(), [""; 0]);
}

/// An access and two stores, all of it in place.
fn furnished() -> World {
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    declare(&mut world, vec![plain("labs"), store("records", &json!({ "verbs": ["read", "write"] }))]);
    name(&mut world, &["records", "labs"]);
    settle(&mut world);
    world
}

/// Names of the stores that the policy in the account contains.
fn in_policy(world: &World) -> Vec<&'static str> {
    let text = world.policy.as_ref().map(|policy| policy.document.as_ref().unwrap().to_json()).unwrap_or_default();
    ["labs", "records"].into_iter().filter(|name| text.contains(&format!("arn:aws:s3:::{name}/"))).collect()
}

fn of_stores(world: &World) -> Vec<Finding> {
    let not_passing = |finding: &Finding| finding.family == ConditionType::StoresResolved && finding.verdict != Verdict::Pass;
    world.plan().plan.findings.into_iter().filter(not_passing).collect()
}

#[test]
fn a_workload_with_stores_and_no_access_has_an_identity_with_exactly_them() {
    let mut world = World::empty(Vec::new());
    declare(&mut world, vec![plain("labs"), plain("records")]);
    assert_eq!(world.calls(), ["ApplyNetworkPolicy"], "nothing is named");
    name(&mut world, &["labs"]);
    assert_eq!(world.calls(), ["ApplyNetworkPolicy", "CreatePolicy", "CreateRole", "AttachRolePolicy", "AnnotateServiceAccount"]);
    settle(&mut world);
    let exactly = workload_policy(&world.facts.setting(), &[], &[&plain("labs")]);
    assert_eq!(world.document().to_json(), exactly.to_json());
    assert_eq!(of_stores(&world), []);
    assert_eq!(world.plan().given_stores.len(), 1);
}

#[test]
fn a_store_that_is_refused_says_why_and_takes_nothing_from_the_rest() {
    type Case = (&'static str, fn(&mut World), Reason, &'static [&'static str]);
    let cases: [Case; 7] = [
        (
            "of another partition",
            |world| world.facts.stores[0] = store("labs", &json!({ "arn": "arn:aws-us-gov:s3:::labs" })),
            Reason::InvalidConfiguration,
            &["store labs", "not in partition aws", "correct its ARN"],
        ),
        (
            "with a key of another partition",
            |world| {
                let key = "arn:aws-cn:kms:us-east-1:123456789012:key/1";
                world.facts.stores[0] = store("labs", &json!({ "kmsKeyArn": key }));
            },
            Reason::InvalidConfiguration,
            &["or its key"],
        ),
        (
            "unknown",
            |world| name(world, &["records", "labz"]),
            Reason::StoreNotFound,
            &["no store labz", "clinic may have: labs, records", "correct spec.stores"],
        ),
        (
            "another's, which is not told of",
            |world| {
                world.admitted_stores.retain(|name| name != "labs");
                name(world, &["records", "labz"]);
            },
            Reason::StoreNotFound,
            &["may have: records)"],
        ),
        (
            "not admitted",
            |world| world.admitted_stores.retain(|name| name != "labs"),
            Reason::StoreNotAdmitted,
            &["does not give store labs to namespace clinic", "label the namespace"],
        ),
        (
            "of a newer version",
            |world| world.facts.stores[0] = store("labs", &json!({ "type": "Lake" })),
            Reason::UnrecognizedValue,
            &["store labs", "upgrade the operator"],
        ),
        (
            "with a verb of a newer version",
            |world| world.facts.stores[0] = store("labs", &json!({ "verbs": ["read", "shred"] })),
            Reason::UnrecognizedValue,
            &["type or verb"],
        ),
    ];
    for (case, change, reason, words) in cases {
        let mut world = furnished();
        change(&mut world);
        let found = of_stores(&world);
        assert_eq!(found.iter().map(|finding| (finding.reason, finding.blocks)).collect::<Vec<_>>(), [(reason, true)], "{case}: {found:?}");
        assert!(words.iter().all(|word| found[0].message.contains(word)), "{case}: {}", found[0].message);
        assert!(found[0].id().ends_with(if reason == Reason::StoreNotFound { "/labz" } else { "/labs" }), "{case}");
        world.may_hold = false;
        settle(&mut world);
        assert_eq!(in_policy(&world), ["records"], "{case}");
        assert!(world.document().to_json().contains(HAIKU), "{case}");
    }
}

#[test]
fn what_is_no_longer_declared_or_admitted_goes_on_the_next_pass_also_under_a_hold() {
    type Case = (&'static str, fn(&mut World), &'static [&'static str]);
    let cases: [Case; 5] = [
        ("gone from the environment", |world| world.facts.stores.retain(|store| store.name != "labs"), &["records"]),
        ("gone from the workload", |world| name(world, &["records"]), &["records"]),
        ("the namespace lost its label", |world| world.admitted_stores.retain(|name| name != "labs"), &["records"]),
        ("all gone from the workload", |world| world.spec.stores = None, &[]),
        ("narrowed in the environment", |world| world.facts.stores[1] = plain("records"), &["labs", "records"]),
    ];
    for (case, change, left) in cases {
        let mut world = furnished();
        world.role().attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".into());
        change(&mut world);
        world.may_hold = false;
        let plan = world.plan().plan.restricted_to(&Mode::Hold("incident".into()));
        let called: Vec<_> = plan.actions.iter().map(|action| action.describe().1).collect();
        assert_eq!((called, plan.withheld.len()), (vec!["CreatePolicyVersion"], 1), "{case}: the repair waits, this does not");
        world.carry_out(&plan);
        assert_eq!(in_policy(&world), left, "{case}");
        assert!(!world.document().to_json().contains("s3:PutObject") || case != "narrowed in the environment");
        assert!(world.document().to_json().contains(HAIKU), "{case}");
    }
}

#[test]
fn the_last_store_takes_the_role_along() {
    let mut world = furnished();
    world.accesses.clear();
    settle(&mut world);
    world.facts.stores.clear();
    let plan = world.plan().plan.restricted_to(&Mode::Hold("incident".into()));
    let called: Vec<_> = plan.actions.iter().map(|action| action.describe().1).collect();
    assert_eq!(called, ["DeleteRole", "DeletePolicy", "ClearServiceAccount"]);
    let mut world = furnished();
    world.admitted = false;
    assert_eq!(world.calls(), ["DeleteRole", "DeletePolicy", "ClearServiceAccount", "DeleteConfigMap"]);
    assert!(of_stores(&world).iter().all(|finding| finding.reason == Reason::DependenciesNotReady));
}

#[test]
fn a_hold_gives_no_store() {
    let mut world = furnished();
    name(&mut world, &["labs"]);
    settle(&mut world);
    name(&mut world, &["labs", "records"]);
    let plan = world.plan().plan.restricted_to(&Mode::Hold("incident".into()));
    assert_eq!((plan.actions.len(), plan.withheld.len()), (0, 1));
}

#[test]
fn what_someone_took_out_of_the_policy_is_held_and_what_someone_added_goes() {
    let mut world = furnished();
    world.may_hold = true;
    world.document().statement.retain(|statement| statement.sid.as_deref() != Some("Buckets0"));
    assert_eq!((world.calls().len(), world.verdicts(Verdict::Held)), (0, 1));
    let mut world = furnished();
    world.may_hold = true;
    let objects = world.document().statement.iter_mut().find(|statement| statement.sid.as_deref() == Some("Objects0")).unwrap();
    objects.resource.push("arn:aws:s3:::others/*".into());
    assert_eq!(world.calls(), ["CreatePolicyVersion"]);
}

#[test]
fn a_store_waits_for_the_boundary_but_one_that_was_given_stays() {
    let mut world = furnished();
    let narrow = permissions_boundary(&world.facts.setting(), &BTreeSet::new(), &GuardrailLimits::default(), &[]);
    world.facts.boundary = Some(narrow);
    assert_eq!(world.calls(), [""; 0], "they were given before");
    world.previous.identity.as_mut().unwrap().stores.clear();
    world.may_hold = false;
    let found = of_stores(&world);
    assert_eq!(found.iter().map(|finding| finding.reason).collect::<Vec<_>>(), [Reason::BoundaryTooNarrow; 2]);
    assert!(found[0].message.contains("the store waits until the boundary is widened"), "{}", found[0].message);
    settle(&mut world);
    assert_eq!(in_policy(&world), [""; 0]);
}

#[test]
fn a_store_without_an_endpoint_is_given_and_told_of() {
    for (kind, arn, remedy) in [
        (json!("S3"), "arn:aws:s3:::labs", "create a gateway endpoint"),
        (json!("SQS"), "arn:aws:sqs:us-east-1:123456789012:labs", "add {service: sqs, management: Provision}"),
    ] {
        let mut world = World::empty(Vec::new());
        declare(&mut world, vec![store("labs", &json!({ "type": kind, "arn": arn }))]);
        world.facts.store_services.clear();
        name(&mut world, &["labs"]);
        let found = of_stores(&world);
        assert_eq!(found.iter().map(|finding| (finding.reason, finding.blocks)).collect::<Vec<_>>(), [(Reason::EndpointNotFound, true)]);
        assert!(found[0].message.contains(remedy) && found[0].message.contains("vpc-1"), "{}", found[0].message);
        assert_eq!(world.plan().given_stores.len(), 1);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_takes_no_place_of_what_is_there() {
    let refused = |world: &World| {
        let planned = world.plan();
        let given: Vec<_> = planned.given_stores.iter().map(|store| store.name.clone()).collect();
        let lost = planned.plan.findings.iter().filter(|finding| finding.reason == Reason::QuotaExceeded);
        (given, lost.map(|finding| finding.about.clone()).collect::<Vec<_>>())
    };
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    declare(&mut world, vec![huge("first"), huge("second")]);
    world.facts.boundary = Some(PolicyDocument::of(vec![allow_all()]));
    name(&mut world, &["second"]);
    settle(&mut world);
    name(&mut world, &["first", "second"]);
    assert_eq!(refused(&world), (vec!["second".to_owned()], vec!["first".to_owned()]), "the one that is there stays");
    world.facts.stores.push(plain("small"));
    drop(world.admitted_stores.replace("small".to_owned()));
    name(&mut world, &["first", "second", "small"]);
    let (given, lost) = refused(&world);
    assert_eq!((given, lost), (vec!["second".to_owned(), "small".to_owned()], vec!["first".to_owned()]), "what fits is given");
    name(&mut world, &["first", "second"]);
    settle(&mut world);
    assert_eq!(refused(&world), (vec!["second".to_owned()], vec!["first".to_owned()]), "and so it remains");

    // An access that comes later finds no room either.
    let models: Vec<String> = (0..30).map(|number| format!("{}{number}", "m".repeat(100))).collect();
    world.facts.models = models.iter().map(|model| (model.clone(), None)).chain([(HAIKU.to_owned(), None)]).collect();
    world.facts.terms.models = world.facts.models.keys().cloned().collect();
    let mut wide = access("wide", HAIKU);
    wide.spec.models = Some(models);
    world.accesses.push(wide);
    let planned = world.plan();
    assert_eq!(planned.given.iter().map(|given| given.name.as_str()).collect::<Vec<_>>(), ["summaries"]);
    assert_eq!(planned.given_stores.len(), 1);
}
