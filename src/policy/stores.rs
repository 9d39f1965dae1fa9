//! What a role may do with the data stores that its workload names: per type and verb exactly these actions, on exactly these ARNs.
//!
//! The allows are tied to the environment's VPC, as those for models are: all four services have endpoints in it, and calls through
//! them carry the key (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpc>).
//! What a service asks of a key on the caller's behalf carries none, and is tied to the service instead
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>).
//!
//! No verb deletes: PHI is destroyed by a retention rule of the store, not by an application's role (45 CFR 164.312(c)(1)). So there is
//! no `s3:DeleteObject`, `dynamodb:DeleteItem` or `secretsmanager:DeleteSecret`; nor `dynamodb:BatchWriteItem`, which deletes items
//! without a permission of its own for it, nor `PartiQL`, which is another way to the same items. A message is taken off its queue by
//! whoever has handled it: that is how a queue is read.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::stores::{DataStore, StoreType, StoreVerb};
use crate::domain::Scope;

use super::document::Statement;
use super::permissions::{from_vpc, grouped};

/// The types in the order of their statements, with the names of the statements on what is in them and on their keys.
const TYPES: [(StoreType, &str, &str); 4] = [
    (StoreType::S3, "Objects", "ObjectKeys"),
    (StoreType::DynamoDB, "Items", "ItemKeys"),
    (StoreType::SecretsManager, "Secrets", "SecretKeys"),
    (StoreType::SQS, "Messages", "MessageKeys"),
];

/// The allow statements for these stores. Equal for any order and any repetition of them.
pub(super) fn allows(scope: &Scope, vpc_id: &str, stores: &[&DataStore]) -> Vec<Statement> {
    // One ARN of another partition makes the whole document one that IAM refuses.
    let stores: Vec<&DataStore> = stores.iter().copied().filter(|store| store.is_in(&scope.partition)).collect();
    let stores = stores.as_slice();
    let mut statements = Vec::new();
    for (kind, sid, _) in TYPES {
        let contents = by_resource(of(stores, kind).flat_map(|store| contents(store).into_iter().map(move |one| (one, actions(store)))));
        for (number, (actions, resources)) in grouped(contents).into_iter().enumerate() {
            statements.push(from_vpc(Statement::allow(&format!("{sid}{number}"), &actions, resources), &scope.region, vpc_id));
        }
    }
    for (number, (folders, buckets)) in listed(stores).into_iter().enumerate() {
        let list = from_vpc(Statement::allow(&format!("Buckets{number}"), &["s3:ListBucket"], buckets), &scope.region, vpc_id);
        statements.push(match folders {
            None => list,
            Some(folders) => list.when("StringLike", "s3:prefix", folders.iter().map(|folder| format!("{folder}*")).collect()),
        });
    }
    for (kind, _, sid) in TYPES {
        let keys = of(stores, kind).filter_map(|store| Some((store.kms_key_arn.clone()?, key_actions(store))));
        for (number, (actions, keys)) in grouped(by_resource(keys)).into_iter().enumerate() {
            let service = kind.service().map(|service| scope.via_service(service));
            let usage = Statement::allow(&format!("{sid}{number}"), &actions, keys);
            statements.push(usage.when("StringEquals", "kms:ViaService", service.into_iter().collect()));
        }
    }
    statements
}

fn of<'a>(stores: &[&'a DataStore], kind: StoreType) -> impl Iterator<Item = &'a DataStore> {
    stores.iter().copied().filter(move |store| store.kind == kind && !store.is_unrecognized())
}

fn by_resource(each: impl Iterator<Item = (String, Vec<&'static str>)>) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut all: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for (resource, actions) in each {
        all.entry(resource).or_default().extend(actions);
    }
    all
}

/// The ARNs of what is in a store. Indexes are only read.
fn contents(store: &DataStore) -> Vec<String> {
    let arn = &store.arn;
    match store.kind {
        StoreType::S3 => match &store.prefixes {
            Some(prefixes) => prefixes.iter().map(|prefix| format!("{arn}/{prefix}*")).collect(),
            None => vec![format!("{arn}/*")],
        },
        StoreType::DynamoDB if store.verbs.contains(&StoreVerb::Read) => vec![arn.clone(), format!("{arn}/index/*")],
        _ => vec![arn.clone()],
    }
}

/// The actions of the store's verbs on what is in it
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html> and its siblings).
fn actions(store: &DataStore) -> Vec<&'static str> {
    let each = |verb: &StoreVerb| -> &'static [&'static str] {
        match (store.kind, verb) {
            (StoreType::S3, StoreVerb::Read) => &["s3:GetObject"],
            (StoreType::S3, StoreVerb::Write) => &["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
            (StoreType::DynamoDB, StoreVerb::Read) => {
                &["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"]
            }
            (StoreType::DynamoDB, StoreVerb::Write) => &["dynamodb:PutItem", "dynamodb:UpdateItem"],
            (StoreType::SecretsManager, StoreVerb::Read) => &["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            (StoreType::SecretsManager, StoreVerb::Write) => &["secretsmanager:PutSecretValue"],
            (StoreType::SQS, StoreVerb::Read) => {
                &["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
            }
            (StoreType::SQS, StoreVerb::Write) => &["sqs:SendMessage"],
            (StoreType::Unrecognized, _) | (_, StoreVerb::Unrecognized) => &[],
        }
    };
    store.verbs.iter().flat_map(each).copied().collect()
}

/// What the service asks of the store's key on the caller's behalf. Writing takes a data key, and decrypts it for the parts of an upload,
/// a table's own key, or a queue's cached one
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>).
fn key_actions(store: &DataStore) -> Vec<&'static str> {
    let mut actions = vec!["kms:Decrypt"];
    actions.extend(store.verbs.contains(&StoreVerb::Write).then_some("kms:GenerateDataKey"));
    actions
}

/// The folders that may be listed, `None` for all, and the buckets they are in: listing is asked of the bucket.
fn listed(stores: &[&DataStore]) -> BTreeMap<Option<BTreeSet<String>>, Vec<String>> {
    let mut by_bucket: BTreeMap<&str, Option<BTreeSet<String>>> = BTreeMap::new();
    for store in of(stores, StoreType::S3).filter(|store| store.verbs.contains(&StoreVerb::Read)) {
        let folders = by_bucket.entry(&store.arn).or_insert_with(|| Some(BTreeSet::new()));
        match &store.prefixes {
            None => *folders = None,
            Some(prefixes) => folders.iter_mut().for_each(|folders| folders.extend(prefixes.iter().cloned())),
        }
    }
    let mut by_folders: BTreeMap<Option<BTreeSet<String>>, Vec<String>> = BTreeMap::new();
    for (bucket, folders) in by_bucket {
        by_folders.entry(folders).or_default().push(bucket.to_owned());
    }
    by_folders
}

#[cfg(test)]
mod tests;
