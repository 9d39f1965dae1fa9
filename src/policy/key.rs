//! The key policy of the environment's KMS key.
//!
//! The account administers the key and cannot use it; the environment's workload roles may use it through the named services only.
//! No role is named as principal: a deleted one would stay as an orphaned id and make every later change fail
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>).

use std::collections::BTreeSet;

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

/// Services that every environment's key is used through.
pub(crate) const SERVICES: [&str; 2] = ["bedrock", "s3"];

/// The policy of the environment's key. With `administrators`, only they, the account's root user and `operator` (the operator's own
/// principal ARN) may administer it; without, whoever the account's IAM policies allow. `services` are those of the stores that are
/// encrypted with it, beside the ones that every environment uses.
#[must_use]
pub fn key_policy(scope: &Scope, administrators: &[String], operator: &str, services: &BTreeSet<&str>) -> PolicyDocument {
    let account = || Principal::one("AWS", scope.root_arn());
    let mut administration = Statement::allow("Administration", &ADMINISTRATION, vec!["*".to_owned()]).for_principal(account());
    if !administrators.is_empty() {
        let mut principals = administrators.to_vec();
        principals.extend([scope.root_arn(), operator.to_owned()]);
        principals.sort_unstable();
        principals.dedup();
        administration = administration.when("ArnEquals", "aws:PrincipalArn", principals);
    }
    let through: BTreeSet<&str> = services.iter().copied().chain(SERVICES).collect();
    let usage = Statement::allow("UseThroughServices", &USE, vec!["*".to_owned()])
        .for_principal(account())
        .when("ArnLike", "aws:PrincipalArn", vec![scope.workload_role_pattern()])
        .when("StringEquals", "kms:ViaService", through.into_iter().map(|service| scope.via_service(service)).collect());
    PolicyDocument::of(vec![administration, usage])
}
