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
    /// What the operator changes in Bedrock, as actions: nothing unless the spec has it make guardrails or set the account's settings.
    pub changes: &'a [&'a str],
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
            of_account(Statement::allow("AccountSession", &["sts:DecodeAuthorizationMessage", "sts:Get*"], any()), scope),
        ]
    } else {
        let owned = of_account(Statement::allow("AccountResources", &["*"], any()), scope);
        vec![owned.when("StringEquals", "aws:ResourceAccount", vec![scope.account_id.clone()])]
    };
    statements.extend(of_aws(scope, service).into_iter().map(|statement| of_account(statement, scope)));
    statements.extend(others(admission.others));
    PolicyDocument::of(statements)
}

/// What AWS owns and the account needs through this endpoint: it carries no account, or AWS's own, so that the condition on the
/// resource's account would refuse it. Reading only, models aside.
fn of_aws(scope: &Scope, service: &str) -> Vec<Statement> {
    let arn = |of: &str, rest: &str| format!("arn:{}:{of}:{rest}", scope.partition);
    match service {
        _ if is_bedrock(service) => {
            // Profiles and guardrail profiles that AWS defines carry the account in the ARN, but AWS owns them.
            let models = vec![arn("bedrock", "*::foundation-model/*"), arn("bedrock", &format!("*:{}:*", scope.account_id))];
            vec![Statement::allow("Models", &["bedrock:*"], models), Statement::allow("Lists", &BEDROCK_READS, any())]
        }
        // Nodes start from AWS's images, and find them by AWS's public parameters.
        "ec2" => {
            let images = vec![arn("ec2", "*::image/*"), arn("ec2", "*::snapshot/*")];
            vec![Statement::allow("AwsImages", &["ec2:CreateFleet", "ec2:RunInstances"], images)]
        }
        "ssm" => {
            vec![Statement::allow("AwsParameters", &["ssm:GetParameter*"], vec![arn("ssm", "*::parameter/aws/*")])]
        }
        // EKS's own add-ons are pulled from AWS's repositories, which lie in other accounts.
        "ecr.api" | "ecr.dkr" => vec![Statement::allow("PullImages", &PULL, any())],
        _ => Vec::new(),
    }
}

/// The policy of an endpoint for the environment's workload roles, the operator and `others` alone.
#[must_use]
pub fn exclusive(scope: &Scope, service: &str, admission: &Admission) -> PolicyDocument {
    let roles = scope.workload_role_pattern();
    let mut statements = Vec::new();
    match service {
        "sts" => {
            // An unsigned call has no principal, so the others are admitted as the roles that are asked for.
            let mut asked = vec![roles.clone(), admission.operator.to_owned()];
            asked.extend(admission.others.iter().filter(|other| other.contains(":role/")).cloned());
            statements.push(unsigned(asked));
            statements.push(of_principals(Statement::allow("Session", &SESSION, any()), vec![roles, admission.operator.to_owned()]));
        }
        "bedrock" => {
            let actions = [&["bedrock:Get*", "bedrock:List*"], admission.changes].concat();
            let reading = Statement::allow("Operator", &actions, any());
            statements.push(of_principals(reading, vec![admission.operator.to_owned()]));
        }
        "bedrock-runtime" => statements.push(of_principals(Statement::allow("Workloads", &RUNTIME, any()), vec![roles])),
        // The operator calls some of these services too (ec2, eks, kms), and private DNS leads it here.
        _ => statements.push(of_principals(Statement::allow("Workloads", &["*"], any()), vec![roles, admission.operator.to_owned()])),
    }
    statements.extend(others(admission.others));
    PolicyDocument::of(statements)
}

/// Calls of STS about the caller itself, which name no role.
const SESSION: [&str; 4] = ["sts:DecodeAuthorizationMessage", "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"];

/// Reads of Bedrock that name no resource
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>); the operator needs some of them.
const BEDROCK_READS: [&str; 5] = [
    "bedrock:GetAccountDataRetention",
    "bedrock:GetFoundationModelAvailability",
    "bedrock:GetModelInvocationLoggingConfiguration",
    "bedrock:GetUseCaseForModelAccess",
    "bedrock:List*",
];

/// Pulling an image (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>).
const PULL: [&str; 4] = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer"];

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
