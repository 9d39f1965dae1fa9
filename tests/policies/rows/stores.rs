//! What workloads can do with stores, and with their keys.

use serde_json::{Value, json};

use super::everything;
use super::names::*;
use super::workloads::{WorkloadRow, alone, workload_case};
use crate::judge::Case;
use crate::judge::Verdict::{Allow, Deny};
use crate::plan::Documents;

const NOTE: &str = "arn:aws:s3:::clinic-records/notes/1.json";
const SCAN: &str = "arn:aws:s3:::clinic-records/scans/2026/1.png";
const OLD_SCAN: &str = "arn:aws:s3:::clinic-records/scans/2025/1.png";
const LETTER: &str = "arn:aws:s3:::clinic-records/letters/1.txt";
const BESIDE: &str = "arn:aws:s3:::clinic-records/notes-of-others/1.json";
const RECORDS: &str = "arn:aws:s3:::clinic-records";
const INBOX: &str = "arn:aws:s3:::clinic-inbox";
const SENT: &str = "arn:aws:s3:::clinic-inbox/1.json";
const OTHER_BUCKET: &str = "arn:aws:s3:::clinic-records-backup/notes/1.json";
const VISITS: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/visits";
const BY_DAY: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/visits/index/by-day";
const VISITS_STREAM: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/visits/stream/2026";
const BOOKINGS: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/bookings";
const BOOKINGS_INDEX: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/bookings/index/by-day";
const OTHER_TABLE: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/visits-backup";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:records-db-AbCdEf";
const OTHER_SECRET: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:records-db-GhIjKl";
const TASKS: &str = "arn:aws:sqs:us-east-1:111122223333:tasks";
const OTHER_QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:tasks-dead";
const INBOX_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/99999999-2222-3333-4444-555555555555";

const LISTS_NOTES: From = &[VPC[0], VPC[1], ("s3:prefix", "notes/")];
const LISTS_OF_A_DAY: From = &[VPC[0], VPC[1], ("s3:prefix", "notes/2026-11-24/")];
const LISTS_LETTERS: From = &[VPC[0], VPC[1], ("s3:prefix", "letters/")];
const LISTS_BESIDE: From = &[VPC[0], VPC[1], ("s3:prefix", "notes-of-others/")];
const LISTS_ALL: From = &[VPC[0], VPC[1], ("s3:prefix", "")];
const LISTS_FROM_ELSEWHERE: From = &[OTHER_VPC[0], OTHER_VPC[1], ("s3:prefix", "notes/")];
/// AWS asks the key on the caller's behalf: that call carries no VPC.
const VIA_S3: From = &[INTERNET[0], ("kms:ViaService", "s3.us-east-1.amazonaws.com")];
const VIA_S3_WEST: From = &[("aws:RequestedRegion", "us-west-2"), ("kms:ViaService", "s3.us-west-2.amazonaws.com")];
const VIA_SECRETS: From = &[INTERNET[0], ("kms:ViaService", "secretsmanager.us-east-1.amazonaws.com")];
const VIA_SQS: From = &[INTERNET[0], ("kms:ViaService", "sqs.us-east-1.amazonaws.com")];

#[rustfmt::skip]
const STORES: &[WorkloadRow] = &[
    // What is declared and named, from the VPC.
    (Allow, "notes",  "s3:GetObject", NOTE, VPC),
    (Allow, "notes",  "s3:PutObject", NOTE, VPC),
    (Allow, "notes",  "s3:AbortMultipartUpload", NOTE, VPC),
    (Allow, "notes",  "s3:ListMultipartUploadParts", NOTE, VPC),
    (Allow, "notes",  "s3:GetObject", SCAN, VPC),
    (Allow, "notes",  "s3:ListBucket", RECORDS, LISTS_NOTES),
    (Allow, "notes",  "s3:ListBucket", RECORDS, LISTS_OF_A_DAY),
    (Allow, "notes",  "dynamodb:GetItem", VISITS, VPC),
    (Allow, "notes",  "dynamodb:BatchGetItem", VISITS, VPC),
    (Allow, "notes",  "dynamodb:Query", VISITS, VPC),
    (Allow, "notes",  "dynamodb:Query", BY_DAY, VPC),
    (Allow, "notes",  "dynamodb:Scan", BY_DAY, VPC),
    (Allow, "notes",  "secretsmanager:GetSecretValue", SECRET, VPC),
    (Allow, "notes",  "secretsmanager:DescribeSecret", SECRET, VPC),
    (Allow, "notes",  "sqs:ReceiveMessage", TASKS, VPC),
    (Allow, "notes",  "sqs:DeleteMessage", TASKS, VPC),
    (Allow, "notes",  "sqs:ChangeMessageVisibility", TASKS, VPC),
    (Allow, "notes",  "sqs:GetQueueAttributes", TASKS, VPC),
    (Allow, "intake", "s3:GetObject", LETTER, VPC),
    (Allow, "intake", "s3:ListBucket", RECORDS, LISTS_LETTERS),
    (Allow, "intake", "s3:PutObject", SENT, VPC),
    (Allow, "intake", "dynamodb:PutItem", BOOKINGS, VPC),
    (Allow, "intake", "dynamodb:UpdateItem", BOOKINGS, VPC),
    (Allow, "intake", "sqs:SendMessage", TASKS, VPC),
    // Beside an access.
    (Allow, "notes",  INVOKE, HAIKU, VPC),
    (Deny,  "intake", INVOKE, HAIKU, VPC),
    // Other buckets and folders.
    (Deny,  "notes",  "s3:GetObject", LETTER, VPC),
    (Deny,  "notes",  "s3:GetObject", BESIDE, VPC),
    (Deny,  "notes",  "s3:GetObject", OLD_SCAN, VPC),
    (Deny,  "notes",  "s3:PutObject", OLD_SCAN, VPC),
    (Deny,  "notes",  "s3:GetObject", OTHER_BUCKET, VPC),
    (Deny,  "notes",  "s3:PutObject", SENT, VPC),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, LISTS_LETTERS),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, LISTS_BESIDE),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, LISTS_ALL),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, VPC),
    (Deny,  "notes",  "s3:ListBucket", INBOX, LISTS_NOTES),
    (Deny,  "intake", "s3:ListBucket", RECORDS, LISTS_NOTES),
    (Deny,  "intake", "s3:ListBucket", INBOX, LISTS_ALL),
    // Other tables, secrets and queues, and other parts of them.
    (Deny,  "notes",  "dynamodb:GetItem", OTHER_TABLE, VPC),
    (Deny,  "notes",  "dynamodb:GetItem", BOOKINGS, VPC),
    (Deny,  "notes",  "dynamodb:GetRecords", VISITS_STREAM, VPC),
    (Deny,  "intake", "dynamodb:Query", BOOKINGS_INDEX, VPC),
    (Deny,  "notes",  "secretsmanager:GetSecretValue", OTHER_SECRET, VPC),
    (Deny,  "notes",  "secretsmanager:ListSecrets", "*", VPC),
    (Deny,  "notes",  "sqs:ReceiveMessage", OTHER_QUEUE, VPC),
    // The other tenant's.
    (Deny,  "intake", "s3:GetObject", NOTE, VPC),
    (Deny,  "intake", "dynamodb:GetItem", VISITS, VPC),
    (Deny,  "intake", "secretsmanager:GetSecretValue", SECRET, VPC),
    (Deny,  "intake", "sqs:ReceiveMessage", TASKS, VPC),
    (Deny,  "notes",  "sqs:SendMessage", TASKS, VPC),
    // The other verb.
    (Deny,  "intake", "s3:PutObject", LETTER, VPC),
    (Deny,  "intake", "s3:GetObject", SENT, VPC),
    (Deny,  "notes",  "dynamodb:PutItem", VISITS, VPC),
    (Deny,  "intake", "dynamodb:GetItem", BOOKINGS, VPC),
    (Deny,  "notes",  "secretsmanager:PutSecretValue", SECRET, VPC),
    (Deny,  "intake", "sqs:DeleteMessage", TASKS, VPC),
    // Nothing is deleted, or changed beside its contents.
    (Deny,  "notes",  "s3:DeleteObject", NOTE, VPC),
    (Deny,  "notes",  "s3:PutObjectAcl", NOTE, VPC),
    (Deny,  "notes",  "s3:PutBucketPolicy", RECORDS, VPC),
    (Deny,  "intake", "dynamodb:DeleteItem", BOOKINGS, VPC),
    (Deny,  "intake", "dynamodb:BatchWriteItem", BOOKINGS, VPC),
    (Deny,  "intake", "dynamodb:PartiQLDelete", BOOKINGS, VPC),
    (Deny,  "notes",  "secretsmanager:DeleteSecret", SECRET, VPC),
    (Deny,  "notes",  "sqs:PurgeQueue", TASKS, VPC),
    // Not from elsewhere.
    (Deny,  "notes",  "s3:GetObject", NOTE, OTHER_VPC),
    (Deny,  "notes",  "s3:GetObject", NOTE, INTERNET),
    (Deny,  "notes",  "s3:GetObject", NOTE, VPC_WEST),
    (Deny,  "notes",  "s3:PutObject", NOTE, INTERNET),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, LISTS_FROM_ELSEWHERE),
    (Deny,  "notes",  "dynamodb:GetItem", VISITS, OTHER_VPC),
    (Deny,  "notes",  "secretsmanager:GetSecretValue", SECRET, INTERNET),
    (Deny,  "notes",  "sqs:ReceiveMessage", TASKS, INTERNET),
    (Deny,  "intake", "sqs:SendMessage", TASKS, OTHER_VPC),
    // Keys, through the store's service only.
    (Allow, "notes",  "kms:Decrypt", KEY, VIA_S3),
    (Allow, "notes",  "kms:GenerateDataKey", KEY, VIA_S3),
    (Allow, "notes",  "kms:Decrypt", KEY, VIA_SECRETS),
    (Allow, "intake", "kms:GenerateDataKey", INBOX_KEY, VIA_S3),
    (Deny,  "notes",  "kms:GenerateDataKey", KEY, VIA_SECRETS),
    (Deny,  "notes",  "kms:Decrypt", KEY, VIA_SQS),
    (Deny,  "notes",  "kms:Decrypt", KEY, VIA_S3_WEST),
    (Deny,  "notes",  "kms:Decrypt", KEY, VPC),
    (Deny,  "notes",  "kms:Decrypt", INBOX_KEY, VIA_S3),
    (Deny,  "notes",  "kms:Encrypt", KEY, VIA_S3),
    (Deny,  "notes",  "kms:CreateGrant", KEY, VIA_S3),
    (Deny,  "intake", "kms:Decrypt", KEY, VIA_S3),
    (Deny,  "intake", "kms:Decrypt", FOREIGN_KEY, VIA_S3),
];

/// The rows about stores: as it is, and by the workload's policy alone.
pub fn stores(documents: &Documents) -> Vec<Case> {
    STORES.iter().flat_map(|row| [workload_case(documents, row, &[]), alone(workload_case(documents, row, &[]))]).collect()
}

#[rustfmt::skip]
const FOREIGN_POLICY: &[WorkloadRow] = &[
    // The boundary has room for what is declared for anybody, and for nothing else.
    (Allow, "notes",  "s3:GetObject", NOTE, VPC),
    (Allow, "notes",  "s3:GetObject", LETTER, VPC),
    (Allow, "notes",  "s3:PutObject", SENT, VPC),
    (Allow, "notes",  "sqs:SendMessage", TASKS, VPC),
    (Allow, "intake", "kms:Decrypt", KEY, VIA_S3),
    (Deny,  "notes",  "s3:PutObject", LETTER, VPC),
    (Deny,  "notes",  "s3:GetObject", SENT, VPC),
    (Deny,  "notes",  "s3:GetObject", BESIDE, VPC),
    (Deny,  "notes",  "s3:GetObject", OTHER_BUCKET, VPC),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, LISTS_ALL),
    (Deny,  "notes",  "s3:ListBucket", RECORDS, LISTS_BESIDE),
    (Deny,  "notes",  "s3:DeleteObject", NOTE, VPC),
    (Deny,  "notes",  "s3:GetObject", NOTE, OTHER_VPC),
    (Deny,  "notes",  "s3:GetObject", NOTE, INTERNET),
    (Deny,  "notes",  "dynamodb:PutItem", VISITS, VPC),
    (Deny,  "notes",  "dynamodb:GetItem", OTHER_TABLE, VPC),
    (Deny,  "notes",  "secretsmanager:PutSecretValue", SECRET, VPC),
    (Deny,  "notes",  "secretsmanager:GetSecretValue", OTHER_SECRET, VPC),
    (Deny,  "notes",  "sqs:ReceiveMessage", OTHER_QUEUE, VPC),
    (Deny,  "notes",  "kms:Decrypt", KEY, VPC),
    (Deny,  "notes",  "kms:Decrypt", KEY, VIA_SQS),
    (Deny,  "notes",  "kms:Decrypt", FOREIGN_KEY, VIA_S3),
];

/// The rows with `AdministratorAccess` attached to the role.
pub fn stores_by_boundary(documents: &Documents) -> Vec<Case> {
    let administrator: Value = json!({"name": "AdministratorAccess", "policy": everything()});
    FOREIGN_POLICY.iter().map(|row| workload_case(documents, row, std::slice::from_ref(&administrator))).collect()
}
