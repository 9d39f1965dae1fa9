//! The key policy of the environment's KMS key.
//!
//! The account administers the key and cannot use it; the environment's workload roles may use it through the named services only.
//! No role is named as principal: a deleted one would stay as an orphaned id and make every later change fail
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>).

use crate::domain::Scope;

use super::document::{PolicyDocument, Principal, Statement};

/// Administration without use: no encrypt, decrypt, data keys or grants.
const ADMINISTRATION: [&str; 15] = [
    "kms:CancelKeyDeletion",
    "kms:DeleteAlias",
    "kms:CreateAlias",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Get*",
    "kms:List*",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
];

/// What a workload's role may do with the key through a service.
const USE: [&str; 3] = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"];

/// The policy of the environment's key. With `administrators`, only they, the account's root user and `operator` (the operator's own
/// principal ARN) may administer it; without, whoever the account's IAM policies allow.
#[must_use]
pub fn key_policy(scope: &Scope, administrators: &[String], operator: &str) -> PolicyDocument {
    let account = || Principal::one("AWS", scope.root_arn());
    let mut administration = Statement::allow("Administration", &ADMINISTRATION, vec!["*".to_owned()]).for_principal(account());
    if !administrators.is_empty() {
        let mut principals = administrators.to_vec();
        principals.extend([scope.root_arn(), operator.to_owned()]);
        principals.sort_unstable();
        principals.dedup();
        administration = administration.when("ArnEquals", "aws:PrincipalArn", principals);
    }
    let usage = Statement::allow("UseThroughServices", &USE, vec!["*".to_owned()])
        .for_principal(account())
        .when("ArnLike", "aws:PrincipalArn", vec![scope.workload_role_pattern()])
        .when("StringEquals", "kms:ViaService", vec![scope.via_service("bedrock"), scope.via_service("s3")]);
    PolicyDocument::of(vec![administration, usage])
}
