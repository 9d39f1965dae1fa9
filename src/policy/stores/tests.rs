use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::stores::StoreVerb::{Read, Write};
use crate::policy::PolicyDocument;
use crate::policy::boundary::{GuardrailLimits, permissions_boundary};
use crate::policy::permissions::{Grant, workload_policy};
use crate::policy::relation::{Coverage, Relation, covers, relate};
use crate::policy::terms::{Setting, Terms};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1";
const OTHER_KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/2";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/visits";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:records-db-AbCdEf";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:intake";

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

fn terms() -> Terms {
    Terms { models: ["a.model".to_owned()].into(), regions: ["us-east-1".to_owned()].into(), ..Terms::default() }
}

fn store(kind: StoreType, arn: &str, verbs: &[StoreVerb]) -> DataStore {
    DataStore {
        name: "it".into(),
        kind,
        arn: arn.into(),
        prefixes: None,
        kms_key_arn: None,
        verbs: verbs.to_vec(),
        namespace_selector: LabelSelector::default(),
    }
}

fn bucket(name: &str, prefixes: &[&str], verbs: &[StoreVerb]) -> DataStore {
    let prefixes = (!prefixes.is_empty()).then(|| prefixes.iter().map(|&prefix| prefix.to_owned()).collect());
    DataStore { prefixes, ..store(StoreType::S3, &format!("arn:aws:s3:::{name}"), verbs) }
}

fn with_key(store: DataStore, key: &str) -> DataStore {
    DataStore { kms_key_arn: Some(key.to_owned()), ..store }
}

fn written(stores: &[DataStore]) -> Value {
    let stores: Vec<&DataStore> = stores.iter().collect();
    serde_json::to_value(allows(&scope(), "vpc-1", &stores)).unwrap()
}

/// A statement from the VPC.
fn from_vpc(sid: &str, actions: &Value, resources: &Value) -> Value {
    json!({
        "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources,
        "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1", "aws:SourceVpc": "vpc-1"}},
    })
}

fn listing(sid: &str, buckets: &Value, prefixes: &Value) -> Value {
    let mut statement = from_vpc(sid, &json!("s3:ListBucket"), buckets);
    statement["Condition"]["StringLike"] = json!({"s3:prefix": prefixes});
    statement
}

fn key_use(sid: &str, actions: &Value, keys: &Value, service: &str) -> Value {
    json!({
        "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": keys,
        "Condition": {"StringEquals": {"kms:ViaService": format!("{service}.us-east-1.amazonaws.com")}},
    })
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn each_type_and_verb_gives_exactly_its_actions() {
    let upload = json!(["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]);
    let query = json!(["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"]);
    let receive = json!(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]);
    let reveal = json!(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]);
    let both_keys = json!(["kms:Decrypt", "kms:GenerateDataKey"]);
    let cases = [
        (
            bucket("records", &["notes/", "visits/2026/"], &[Read]),
            json!([
                from_vpc(
                    "Objects0",
                    &json!("s3:GetObject"),
                    &json!(["arn:aws:s3:::records/notes/*", "arn:aws:s3:::records/visits/2026/*"])
                ),
                listing("Buckets0", &json!("arn:aws:s3:::records"), &json!(["notes/*", "visits/2026/*"])),
            ]),
        ),
        (
            bucket("records", &[], &[Read]),
            json!([
                from_vpc("Objects0", &json!("s3:GetObject"), &json!("arn:aws:s3:::records/*")),
                from_vpc("Buckets0", &json!("s3:ListBucket"), &json!("arn:aws:s3:::records")),
            ]),
        ),
        (
            with_key(bucket("records", &["notes/"], &[Write]), KEY),
            json!([
                from_vpc("Objects0", &upload, &json!("arn:aws:s3:::records/notes/*")),
                key_use("ObjectKeys0", &both_keys, &json!(KEY), "s3"),
            ]),
        ),
        (
            with_key(store(StoreType::DynamoDB, TABLE, &[Read]), KEY),
            json!([
                from_vpc("Items0", &query, &json!([TABLE, format!("{TABLE}/index/*")])),
                key_use("ItemKeys0", &json!("kms:Decrypt"), &json!(KEY), "dynamodb"),
            ]),
        ),
        (
            store(StoreType::DynamoDB, TABLE, &[Write]),
            json!([from_vpc("Items0", &json!(["dynamodb:PutItem", "dynamodb:UpdateItem"]), &json!(TABLE))]),
        ),
        (store(StoreType::SecretsManager, SECRET, &[Read]), json!([from_vpc("Secrets0", &reveal, &json!(SECRET))])),
        (
            with_key(store(StoreType::SecretsManager, SECRET, &[Write]), KEY),
            json!([
                from_vpc("Secrets0", &json!("secretsmanager:PutSecretValue"), &json!(SECRET)),
                key_use("SecretKeys0", &both_keys, &json!(KEY), "secretsmanager"),
            ]),
        ),
        (
            with_key(store(StoreType::SQS, QUEUE, &[Read]), KEY),
            json!([from_vpc("Messages0", &receive, &json!(QUEUE)), key_use("MessageKeys0", &json!("kms:Decrypt"), &json!(KEY), "sqs"),]),
        ),
        (store(StoreType::SQS, QUEUE, &[Write]), json!([from_vpc("Messages0", &json!("sqs:SendMessage"), &json!(QUEUE))])),
        (store(StoreType::Unrecognized, TABLE, &[Read]), json!([])),
        (store(StoreType::SQS, QUEUE, &[Read, StoreVerb::Unrecognized]), json!([])),
    ];
    for (declared, expected) in cases {
        assert_eq!(written(std::slice::from_ref(&declared)), expected, "{declared:?}");
    }
}

#[test]
fn stores_share_statements_and_widen_each_other_in_nothing() {
    let read = bucket("records", &["notes/"], &[Read]);
    let drop_box = bucket("inbox", &["notes/"], &[Read, Write]);
    let all = written(&[with_key(read.clone(), KEY), with_key(drop_box.clone(), OTHER_KEY), bucket("records", &["labs/"], &[Read])]);
    let sids: Vec<&str> = all.as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
    assert_eq!(sids, ["Objects0", "Objects1", "Buckets0", "Buckets1", "ObjectKeys0", "ObjectKeys1"]);
    assert_eq!(all[0]["Resource"], json!("arn:aws:s3:::inbox/notes/*"));
    assert_eq!(
        (&all[1]["Action"], &all[1]["Resource"]),
        (&json!("s3:GetObject"), &json!(["arn:aws:s3:::records/labs/*", "arn:aws:s3:::records/notes/*"]))
    );
    // What may be listed in one bucket is no leave to list it in the other.
    assert_eq!(all[2], listing("Buckets0", &json!("arn:aws:s3:::records"), &json!(["labs/*", "notes/*"])));
    assert_eq!(all[3], listing("Buckets1", &json!("arn:aws:s3:::inbox"), &json!("notes/*")));
    assert_eq!((&all[4]["Action"], &all[4]["Resource"]), (&json!("kms:Decrypt"), &json!(KEY)));
    assert_eq!(all[5]["Resource"], json!(OTHER_KEY));
}

/// Stores that overlap: few buckets, folders, tables and keys.
fn any_store() -> impl Strategy<Value = DataStore> {
    let verbs = prop::sample::select(vec![vec![Read], vec![Write], vec![Read, Write]]);
    let key = prop::option::of(prop::sample::select(vec![KEY, OTHER_KEY]));
    let kind = prop::sample::select(vec![
        (StoreType::S3, "arn:aws:s3:::records"),
        (StoreType::S3, "arn:aws:s3:::inbox"),
        (StoreType::DynamoDB, TABLE),
        (StoreType::DynamoDB, "arn:aws:dynamodb:us-east-1:123456789012:table/labs"),
        (StoreType::SecretsManager, SECRET),
        (StoreType::SQS, QUEUE),
    ]);
    let prefixes = prop::option::of(prop::sample::subsequence(vec!["labs/", "notes/", "notes/old/"], 1..3));
    (kind, verbs, key, prefixes).prop_map(|((kind, arn), verbs, key, prefixes)| DataStore {
        kms_key_arn: key.map(str::to_owned),
        prefixes: prefixes.filter(|_| kind == StoreType::S3).map(|all| all.into_iter().map(str::to_owned).collect()),
        ..store(kind, arn, &verbs)
    })
}

fn policy(stores: &[&DataStore]) -> PolicyDocument {
    let grant = Grant { models: ["a.model".to_owned()].into(), operations: [crate::api::Operation::Invoke].into(), ..Grant::default() };
    let (scope, terms) = (scope(), terms());
    workload_policy(&Setting { scope: &scope, vpc_id: "vpc-1", issuer: "", terms: &terms }, &[grant], stores)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equal_stores_give_equal_bytes(stores in prop::collection::vec(any_store(), 0..8), turn in 0_usize..8) {
        let mut turned: Vec<&DataStore> = stores.iter().chain(stores.iter().take(2)).collect();
        let places = turned.len();
        if places > 0 {
            turned.rotate_left(turn % places);
        }
        let mut rewritten: Vec<DataStore> = turned.into_iter().cloned().collect();
        for store in &mut rewritten {
            store.verbs.reverse();
            store.prefixes.iter_mut().for_each(|prefixes| prefixes.reverse());
        }
        let bytes = policy(&rewritten.iter().collect::<Vec<_>>()).to_json();
        prop_assert_eq!(bytes, policy(&stores.iter().collect::<Vec<_>>()).to_json());
    }

    #[test]
    fn the_boundary_lets_every_choice_of_its_stores_through(stores in prop::collection::vec(any_store(), 1..8), chosen in any::<u8>()) {
        let all: Vec<&DataStore> = stores.iter().collect();
        let some: Vec<&DataStore> = (0..).zip(&stores).filter(|(place, _)| chosen & (1 << place) != 0).map(|(_, store)| store).collect();
        let (scope, terms) = (scope(), terms());
        let setting = Setting { scope: &scope, vpc_id: "vpc-1", issuer: "", terms: &terms };
        let boundary = permissions_boundary(&setting, &BTreeSet::new(), &GuardrailLimits::default(), &all);
        prop_assert_eq!(covers(&boundary, &policy(&some)), Coverage::Covered);
        prop_assert_ne!(relate(&policy(&all), &policy(&some)), Relation::Wider);
        let without = permissions_boundary(&setting, &BTreeSet::new(), &GuardrailLimits::default(), &[]);
        prop_assert_eq!(covers(&without, &policy(&some)) == Coverage::Covered, some.is_empty());
    }

    #[test]
    fn nothing_but_the_stores_and_their_keys_is_named(stores in prop::collection::vec(any_store(), 0..8)) {
        let all: Vec<&DataStore> = stores.iter().collect();
        for statement in allows(&scope(), "vpc-1", &all) {
            for action in &statement.action {
                prop_assert!(!action.contains('*') && !action.contains("Delete") || action == "sqs:DeleteMessage", "{}", action);
            }
            let is_key = statement.action.iter().all(|action| action.starts_with("kms:"));
            let keys: BTreeSet<&str> = stores.iter().filter_map(|store| store.kms_key_arn.as_deref()).collect();
            for resource in &statement.resource {
                let named = stores.iter().any(|store| resource.strip_prefix(&store.arn).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
                prop_assert!(if is_key { keys.contains(resource.as_str()) } else { named }, "{}", resource);
            }
            let tied = if is_key { "kms:ViaService" } else { "aws:SourceVpc" };
            prop_assert!(statement.condition["StringEquals"].contains_key(tied));
        }
    }
}
