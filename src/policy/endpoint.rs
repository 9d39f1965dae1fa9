//! Policies of VPC endpoints: a perimeter around the account, or, if exclusive, the environment's own roles only.
//!
//! An endpoint policy gives nothing by itself; it limits what passes
//! (<https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>).

use crate::domain::Scope;

use super::document::{PolicyDocument, Principal, Statement};

/// Whom an endpoint admits beside the account (perimeter) or the workloads (exclusive).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission<'a> {
    /// The operator's own principal ARN: its calls must get through an exclusive endpoint too.
    pub operator: &'a str,
    /// Further principals, by ARN.
    pub others: &'a [String],
}

/// Calls of STS that carry no signature, and so no principal: only the role they ask for can be judged.
const UNSIGNED: [&str; 2] = ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"];

/// The policy of an endpoint for everything of the account: its principals, on its own resources and on AWS's models.
#[must_use]
pub fn perimeter(scope: &Scope, service: &str, admission: &Admission) -> PolicyDocument {
    let mut statements = if service == "sts" {
        let account_arns = ["iam", "sts"].map(|of| format!("arn:{}:{of}::{}:*", scope.partition, scope.account_id)).to_vec();
        vec![
            unsigned(vec![format!("arn:{}:iam::{}:role/*", scope.partition, scope.account_id)]),
            of_account(Statement::allow("AccountRoles", &["sts:*"], account_arns), scope),
            of_account(Statement::allow("AccountSession", &SESSION, any()), scope),
        ]
    } else {
        let mut statements = vec![of_account(Statement::allow("AccountResources", &["*"], any()), scope).when(
            "StringEquals",
            "aws:ResourceAccount",
            vec![scope.account_id.clone()],
        )];
        if is_bedrock(service) {
            // Foundation models belong to no account, and lists have no resource: neither carries the resource's account.
            let models = vec![format!("arn:{}:bedrock:*::foundation-model/*", scope.partition)];
            statements.push(of_account(Statement::allow("Models", &["bedrock:*"], models), scope));
            statements.push(of_account(Statement::allow("Lists", &["bedrock:List*"], any()), scope));
        }
        statements
    };
    statements.extend(others(admission.others));
    PolicyDocument::of(statements)
}

/// The policy of an endpoint for the environment's workload roles, the operator and `others` alone.
#[must_use]
pub fn exclusive(scope: &Scope, service: &str, admission: &Admission) -> PolicyDocument {
    let roles = scope.workload_role_pattern();
    let mut statements = Vec::new();
    match service {
        "sts" => {
            statements.push(unsigned(vec![roles.clone(), admission.operator.to_owned()]));
            statements.push(of_principals(Statement::allow("Session", &SESSION, any()), vec![roles, admission.operator.to_owned()]));
        }
        "bedrock" => {
            let reading = Statement::allow("Operator", &["bedrock:Get*", "bedrock:List*"], any());
            statements.push(of_principals(reading, vec![admission.operator.to_owned()]));
        }
        _ => {
            let actions: &[&str] = if service == "bedrock-runtime" { &RUNTIME } else { &["*"] };
            statements.push(of_principals(Statement::allow("Workloads", actions, any()), vec![roles]));
        }
    }
    statements.extend(others(admission.others));
    PolicyDocument::of(statements)
}

/// Calls of STS about the caller itself, which name no role.
const SESSION: [&str; 4] = ["sts:DecodeAuthorizationMessage", "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"];

/// What workloads do at the runtime; which model is for their own policy to say.
const RUNTIME: [&str; 4] =
    ["bedrock:ApplyGuardrail", "bedrock:CountTokens", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];

fn is_bedrock(service: &str) -> bool {
    service == "bedrock" || service.starts_with("bedrock-")
}

fn any() -> Vec<String> {
    vec!["*".to_owned()]
}

fn unsigned(roles: Vec<String>) -> Statement {
    Statement::allow("UnsignedFederation", &UNSIGNED, roles).for_principal(Principal::anyone())
}

fn of_account(statement: Statement, scope: &Scope) -> Statement {
    statement.for_principal(Principal::anyone()).when("StringEquals", "aws:PrincipalAccount", vec![scope.account_id.clone()])
}

fn of_principals(statement: Statement, principals: Vec<String>) -> Statement {
    statement.for_principal(Principal::anyone()).when("ArnLike", "aws:PrincipalArn", principals)
}

fn others(principals: &[String]) -> Option<Statement> {
    (!principals.is_empty()).then(|| of_principals(Statement::allow("OtherPrincipals", &["*"], any()), principals.to_vec()))
}
