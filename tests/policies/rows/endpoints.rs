//! What passes an endpoint.

use serde_json::json;

use super::names::*;
use super::{everything, request};
use crate::judge::Case;
use crate::judge::Verdict::{self, Allow, Deny};
use crate::plan::Documents;

/// Rows about endpoints: the endpoint's service, the principal (`notes` for the workload's role, empty for an unsigned call),
/// action, resource, and the resource's account (empty where AWS tells none). All other policies allow everything, so that the
/// endpoint's policy alone decides.
type EndpointRow = (Verdict, &'static str, &'static str, &'static str, &'static str, &'static str);

const RUNTIME: &str = "bedrock-runtime";
const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";
const FOREIGN_GUARDRAIL: &str = "arn:aws:bedrock:us-east-1:999988887777:guardrail/abcdef012345";
const FOREIGN_PROFILE: &str = "arn:aws:bedrock:us-east-1:999988887777:application-inference-profile/abcdef012345";
const AWS_IMAGE: &str = "arn:aws:ec2:us-east-1::image/ami-0a1b2c3d4e5f60718";
const AWS_REPOSITORY: &str = "arn:aws:ecr:us-east-1:602401143452:repository/amazon-k8s-cni";
const OUR_REPOSITORY: &str = "arn:aws:ecr:us-east-1:111122223333:repository/notes";

#[rustfmt::skip]
const PERIMETER: &[EndpointRow] = &[
    // The runtime: everyone of the account, on models and the account's own things.
    (Allow, RUNTIME, "notes", INVOKE, HAIKU, ""),
    (Allow, RUNTIME, "notes", INVOKE, US_SONNET, ""),
    (Allow, RUNTIME, "notes", STREAM, LITE, ""),
    (Allow, RUNTIME, CI, INVOKE, HAIKU, ""),
    (Allow, RUNTIME, CI, INVOKE, US_SONNET, ACCOUNT),
    (Allow, RUNTIME, CI, INVOKE, APP_PROFILE, ACCOUNT),
    (Allow, RUNTIME, CI, "bedrock:ApplyGuardrail", GUARDRAIL, ACCOUNT),
    (Deny,  RUNTIME, CI, "bedrock:ApplyGuardrail", FOREIGN_GUARDRAIL, FOREIGN),
    (Deny,  RUNTIME, CI, "bedrock:ApplyGuardrail", FOREIGN_GUARDRAIL, ""),
    (Deny,  RUNTIME, CI, INVOKE, FOREIGN_PROFILE, FOREIGN),
    (Deny,  RUNTIME, FOREIGN_ROLE, INVOKE, HAIKU, ""),
    (Deny,  RUNTIME, FOREIGN_ROLE, INVOKE, APP_PROFILE, ACCOUNT),
    (Deny,  RUNTIME, FOREIGN_ROLE, INVOKE, FOREIGN_PROFILE, FOREIGN),
    // The control plane, which the operator uses too.
    (Allow, "bedrock", OPERATOR, "bedrock:GetFoundationModelAvailability", "*", ""),
    (Allow, "bedrock", OPERATOR, "bedrock:ListInferenceProfiles", "*", ""),
    (Allow, "bedrock", OPERATOR, "bedrock:GetInferenceProfile", US_SONNET, ""),
    (Allow, "bedrock", CI, "bedrock:ListFoundationModels", "*", ""),
    (Allow, "bedrock", CI, "bedrock:GetFoundationModel", HAIKU, ""),
    (Allow, "bedrock", CI, "bedrock:CreateGuardrail", "*", ACCOUNT),
    (Deny,  "bedrock", CI, "bedrock:GetGuardrail", FOREIGN_GUARDRAIL, FOREIGN),
    (Deny,  "bedrock", FOREIGN_ROLE, "bedrock:ListFoundationModels", "*", ""),
    (Deny,  "bedrock", FOREIGN_ROLE, "bedrock:GetFoundationModelAvailability", "*", ""),
    // Credentials: unsigned for the account's roles; signed for the account's principals.
    (Allow, "sts", "", WEB_IDENTITY, "arn:aws:iam::111122223333:role/hipaa-operator/us-east-1/clinic/prod/clinic.notes-x", ACCOUNT),
    (Allow, "sts", "", WEB_IDENTITY, CI, ACCOUNT),
    (Allow, "sts", "", "sts:AssumeRoleWithSAML", CI, ACCOUNT),
    (Deny,  "sts", "", WEB_IDENTITY, FOREIGN_ROLE, FOREIGN),
    (Deny,  "sts", "", "sts:AssumeRoleWithSAML", FOREIGN_ROLE, FOREIGN),
    (Deny,  "sts", "", "sts:AssumeRole", CI, ACCOUNT),
    (Allow, "sts", CI, "sts:AssumeRole", BACKUP, ACCOUNT),
    (Allow, "sts", CI, "sts:TagSession", BACKUP, ACCOUNT),
    (Allow, "sts", CI, "sts:GetServiceBearerToken", "*", ""),
    (Allow, "sts", CI, "sts:GetSessionToken", "*", ""),
    (Deny,  "sts", CI, "sts:AssumeRole", FOREIGN_ROLE, FOREIGN),
    (Deny,  "sts", FOREIGN_ROLE, "sts:AssumeRole", "arn:aws:iam::999988887777:role/other", FOREIGN),
    (Deny,  "sts", FOREIGN_ROLE, "sts:AssumeRole", CI, ACCOUNT),
    (Deny,  "sts", FOREIGN_ROLE, "sts:GetSessionToken", "*", ""),
    // Other services: the account's own, and what AWS lends it.
    (Allow, "kms", CI, "kms:Decrypt", KEY, ACCOUNT),
    (Deny,  "kms", CI, "kms:Decrypt", FOREIGN_KEY, FOREIGN),
    (Deny,  "kms", FOREIGN_ROLE, "kms:Decrypt", KEY, ACCOUNT),
    (Allow, "ec2", CI, "ec2:RunInstances", AWS_IMAGE, ""),
    (Deny,  "ec2", FOREIGN_ROLE, "ec2:RunInstances", AWS_IMAGE, ""),
    (Allow, "ecr.api", CI, "ecr:BatchGetImage", AWS_REPOSITORY, "602401143452"),
    (Deny,  "ecr.api", CI, "ecr:PutImage", AWS_REPOSITORY, "602401143452"),
    (Allow, "ecr.api", CI, "ecr:PutImage", OUR_REPOSITORY, ACCOUNT),
    (Deny,  "ecr.api", FOREIGN_ROLE, "ecr:BatchGetImage", OUR_REPOSITORY, ACCOUNT),
    (Allow, "ssm", CI, "ssm:GetParameter", "arn:aws:ssm:us-east-1:111122223333:parameter/ours", ACCOUNT),
    (Deny,  "ssm", CI, "ssm:GetParameter", "arn:aws:ssm:us-east-1:999988887777:parameter/theirs", FOREIGN),
];

#[rustfmt::skip]
const EXCLUSIVE: &[EndpointRow] = &[
    (Allow, RUNTIME, "notes", INVOKE, HAIKU, ""),
    (Allow, RUNTIME, "notes", STREAM, US_SONNET, ""),
    (Allow, RUNTIME, "notes", COUNT, LITE, ""),
    (Allow, RUNTIME, "notes", "bedrock:ApplyGuardrail", GUARDRAIL, ACCOUNT),
    (Deny,  RUNTIME, "notes", "bedrock:InvokeTool", TOOL, ACCOUNT),
    (Deny,  RUNTIME, OPERATOR, INVOKE, HAIKU, ""),
    (Deny,  RUNTIME, CI, INVOKE, HAIKU, ""),
    (Deny,  RUNTIME, BACKUP, INVOKE, HAIKU, ""),
    (Deny,  RUNTIME, OTHER_ENVIRONMENT, INVOKE, HAIKU, ""),
    (Deny,  RUNTIME, FOREIGN_ROLE, INVOKE, HAIKU, ""),
    (Deny,  RUNTIME, "", INVOKE, HAIKU, ""),
    (Allow, "bedrock", OPERATOR, "bedrock:GetFoundationModelAvailability", "*", ""),
    (Allow, "bedrock", OPERATOR, "bedrock:GetInferenceProfile", US_SONNET, ""),
    (Allow, "bedrock", OPERATOR, "bedrock:ListInferenceProfiles", "*", ""),
    // The spec has it make no guardrails and change no settings.
    (Deny,  "bedrock", OPERATOR, "bedrock:CreateGuardrail", "*", ""),
    (Deny,  "bedrock", OPERATOR, "bedrock:UpdateGuardrail", GUARDRAIL, ACCOUNT),
    (Deny,  "bedrock", OPERATOR, "bedrock:PutAccountDataRetention", "*", ""),
    (Deny,  "bedrock", OPERATOR, "bedrock:PutEnforcedGuardrailConfiguration", "*", ""),
    (Deny,  "bedrock", OPERATOR, "bedrock:CreateModelCustomizationJob", HAIKU, ""),
    (Deny,  "bedrock", CI, "bedrock:CreateGuardrail", "*", ""),
    (Deny,  "bedrock", "notes", "bedrock:ListFoundationModels", "*", ""),
    (Deny,  "bedrock", CI, "bedrock:ListFoundationModels", "*", ""),
    (Allow, "sts", "", WEB_IDENTITY, "arn:aws:iam::111122223333:role/hipaa-operator/us-east-1/clinic/prod/clinic.notes-x", ACCOUNT),
    (Allow, "sts", "", WEB_IDENTITY, OPERATOR, ACCOUNT),
    (Allow, "sts", "", WEB_IDENTITY, BACKUP, ACCOUNT),
    (Deny,  "sts", "", WEB_IDENTITY, CI, ACCOUNT),
    (Deny,  "sts", "", WEB_IDENTITY, OTHER_ENVIRONMENT, ACCOUNT),
    (Deny,  "sts", "", WEB_IDENTITY, FOREIGN_ROLE, FOREIGN),
    (Allow, "sts", BACKUP, "sts:AssumeRole", CI, ACCOUNT),
    (Deny,  "sts", "notes", "sts:AssumeRole", CI, ACCOUNT),
    (Deny,  "sts", CI, "sts:AssumeRole", BACKUP, ACCOUNT),
    (Deny,  "sts", FOREIGN_ROLE, "sts:GetSessionToken", "*", ""),
    (Allow, "kms", "notes", "kms:Decrypt", KEY, ACCOUNT),
    (Allow, "kms", OPERATOR, "kms:PutKeyPolicy", KEY, ACCOUNT),
    (Deny,  "kms", CI, "kms:Decrypt", KEY, ACCOUNT),
];

/// The rows about endpoints that are a perimeter around the account.
pub fn perimeter(documents: &Documents) -> Vec<Case> {
    PERIMETER.iter().map(|row| endpoint_case(documents, row)).collect()
}

/// The rows about endpoints for the environment alone.
pub fn exclusive(documents: &Documents) -> Vec<Case> {
    EXCLUSIVE.iter().map(|row| endpoint_case(documents, row)).collect()
}

fn endpoint_case(documents: &Documents, row: &EndpointRow) -> Case {
    let (expected, service, who, action, resource, owner) = *row;
    let principal = if who == "notes" { documents.copy().role_arn("notes") } else { who.to_owned() };
    EndpointCall { service, principal: &principal, action, resource, owner }.case(documents, format!("{row:?}"), expected)
}

/// A call through an endpoint, when all other policies allow everything.
pub struct EndpointCall<'a> {
    /// The endpoint's service.
    pub service: &'a str,
    /// Its principal; empty for an unsigned call.
    pub principal: &'a str,
    /// Its action.
    pub action: &'a str,
    /// What it is for.
    pub resource: &'a str,
    /// The resource's account; empty where AWS tells none.
    pub owner: &'a str,
}

impl EndpointCall<'_> {
    /// The case in which the endpoint's policy alone decides.
    pub fn case(&self, documents: &Documents, row: String, expected: Verdict) -> Case {
        let Self { service, principal, action, resource, owner } = *self;
        let account = principal.split(':').nth(4).unwrap_or(ACCOUNT);
        let mut request = request(principal, account, action, resource, VPC);
        // A resource of nobody's is taken for the caller's own, so that its own policy would not matter.
        request["resource"]["accountId"] = json!(if owner.is_empty() { account } else { owner });
        if !owner.is_empty() {
            request["contextVariables"]["aws:ResourceAccount"] = json!(owner);
        }
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
        let identity = if principal.is_empty() { json!([]) } else { json!([{"name": "all", "policy": everything()}]) };
        let simulation = json!({
            "anonymous": principal.is_empty(),
            "request": request,
            "identityPolicies": identity,
            "resourcePolicy": {"Version": "2012-10-17", "Statement": [statement]},
            "vpcEndpointPolicies": [{"name": "endpoint", "policy": documents.copy().endpoint(service)}],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        });
        Case { row, expected, simulation }
    }
}
