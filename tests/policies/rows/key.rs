//! Who can do what with the key.

use serde_json::json;

use super::names::*;
use super::{everything, request};
use crate::judge::Case;
use crate::judge::Verdict::{self, Allow, Deny};
use crate::plan::Documents;

/// Rows about the key: the principal (`notes` for the workload's role), action, by way of which service. Everyone's own policies
/// allow everything, so that the key policy alone decides.
type KeyRow = (Verdict, &'static str, &'static str, Option<&'static str>);

const VIA_BEDROCK: Option<&str> = Some("bedrock.us-east-1.amazonaws.com");
const VIA_S3: Option<&str> = Some("s3.us-east-1.amazonaws.com");
const ROOT: &str = "arn:aws:iam::111122223333:root";

#[rustfmt::skip]
const KEY_ROWS: &[KeyRow] = &[
    (Allow, "notes", "kms:Decrypt", VIA_S3),
    (Allow, "notes", "kms:GenerateDataKey", VIA_S3),
    (Allow, "notes", "kms:Decrypt", VIA_BEDROCK),
    (Deny,  "notes", "kms:Decrypt", None),
    (Deny,  "notes", "kms:Decrypt", Some("s3.us-west-2.amazonaws.com")),
    (Deny,  "notes", "kms:Decrypt", Some("secretsmanager.us-east-1.amazonaws.com")),
    (Deny,  "notes", "kms:Encrypt", VIA_S3),
    (Deny,  "notes", "kms:CreateGrant", VIA_S3),
    (Deny,  "notes", "kms:PutKeyPolicy", None),
    (Deny,  "notes", "kms:ScheduleKeyDeletion", None),
    (Deny,  OTHER_ENVIRONMENT, "kms:Decrypt", VIA_S3),
    (Deny,  CI, "kms:Decrypt", VIA_S3),
    (Deny,  CI, "kms:Decrypt", None),
    (Deny,  CI, "kms:PutKeyPolicy", None),
    (Deny,  CI, "kms:ScheduleKeyDeletion", None),
    (Allow, KEY_ADMIN, "kms:PutKeyPolicy", None),
    (Allow, KEY_ADMIN, "kms:EnableKeyRotation", None),
    (Allow, KEY_ADMIN, "kms:RotateKeyOnDemand", None),
    (Allow, KEY_ADMIN, "kms:CancelKeyDeletion", None),
    (Deny,  KEY_ADMIN, "kms:Decrypt", None),
    (Deny,  KEY_ADMIN, "kms:GenerateDataKey", VIA_S3),
    (Deny,  KEY_ADMIN, "kms:CreateGrant", None),
    (Allow, OPERATOR, "kms:PutKeyPolicy", None),
    (Allow, OPERATOR, "kms:EnableKeyRotation", None),
    (Allow, OPERATOR, "kms:DescribeKey", None),
    (Deny,  OPERATOR, "kms:Decrypt", None),
    (Deny,  OPERATOR, "kms:Decrypt", VIA_BEDROCK),
    (Allow, ROOT, "kms:PutKeyPolicy", None),
    (Deny,  ROOT, "kms:Decrypt", None),
    (Deny,  FOREIGN_ROLE, "kms:Decrypt", VIA_S3),
    (Deny,  FOREIGN_ROLE, "kms:DescribeKey", None),
];

/// The rows about the key.
pub fn key(documents: &Documents) -> Vec<Case> {
    let mut documents = documents.copy();
    let notes = documents.role_arn("notes");
    let policy = documents.key().clone();
    let case = |row: &KeyRow| {
        let (expected, who, action, via) = *row;
        let principal = if who == "notes" { notes.as_str() } else { who };
        let mut request = request(principal, ACCOUNT, action, KEY, VPC);
        if let Some(via) = via {
            request["contextVariables"]["kms:ViaService"] = json!(via);
        }
        let simulation = json!({
            "request": request,
            "identityPolicies": [{"name": "all", "policy": everything()}],
            "resourcePolicy": policy,
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        });
        Case { row: format!("{row:?}"), expected, simulation }
    };
    KEY_ROWS.iter().map(case).collect()
}
