//! What workloads can do.

use serde_json::{Value, json};

use super::names::*;
use super::{everything, request};
use crate::judge::Case;
use crate::judge::Verdict::{self, Allow, Deny};
use crate::plan::Documents;

/// Rows about workloads: the workload, action, resource, where from.
pub(super) type WorkloadRow = (Verdict, &'static str, &'static str, &'static str, From);

#[rustfmt::skip]
const WORKLOADS: &[WorkloadRow] = &[
    // What is declared, from the VPC.
    (Allow, "notes",  INVOKE, HAIKU, VPC),
    (Allow, "notes",  STREAM, LITE, VPC),
    (Allow, "notes",  COUNT,  LITE, VPC),
    (Allow, "notes",  INVOKE, US_SONNET, VPC),
    (Allow, "intake", INVOKE, PRO, VPC),
    (Allow, "intake", STREAM, PRO, VPC),
    // The models behind the declared profile, through it and only through it.
    (Allow, "notes",  INVOKE, SONNET, BY_SONNET),
    (Allow, "notes",  INVOKE, SONNET_EAST_2, BY_SONNET_EAST_2),
    (Allow, "notes",  INVOKE, SONNET_WEST, BY_SONNET_WEST),
    (Deny,  "notes",  INVOKE, SONNET_EU, BY_SONNET_EU),
    (Deny,  "notes",  INVOKE, SONNET, VPC),
    (Deny,  "notes",  INVOKE, SONNET_EAST_2, VPC),
    (Deny,  "notes",  INVOKE, SONNET, BY_OTHER_PROFILE),
    (Deny,  "notes",  INVOKE, SONNET, BY_PREMIER),
    (Deny,  "notes",  STREAM, SONNET, BY_SONNET),
    (Deny,  "notes",  STREAM, US_SONNET, VPC),
    (Deny,  "notes",  INVOKE, US_SONNET, OTHER_VPC),
    (Deny,  "notes",  INVOKE, US_SONNET, INTERNET),
    (Deny,  "notes",  INVOKE, US_SONNET_WEST, VPC_WEST),
    (Deny,  "notes",  INVOKE, HAIKU, BY_SONNET),
    // Not from elsewhere.
    (Deny,  "notes",  INVOKE, HAIKU, OTHER_VPC),
    (Deny,  "notes",  INVOKE, HAIKU, INTERNET),
    (Deny,  "notes",  INVOKE, HAIKU, VPC_WEST),
    (Deny,  "notes",  INVOKE, HAIKU_WEST, VPC_WEST),
    (Deny,  "notes",  INVOKE, HAIKU_WEST, VPC),
    (Deny,  "notes",  STREAM, LITE, INTERNET),
    (Deny,  "notes",  COUNT,  LITE, OTHER_VPC),
    // Two accesses of one workload do not widen each other.
    (Deny,  "notes",  STREAM, HAIKU, VPC),
    (Deny,  "notes",  COUNT,  HAIKU, VPC),
    (Deny,  "notes",  INVOKE, LITE, VPC),
    (Deny,  "notes",  COUNT,  SONNET, VPC),
    // Approved, but not declared by this workload.
    (Deny,  "notes",  INVOKE, PRO, VPC),
    (Deny,  "notes",  INVOKE, US_PREMIER, VPC),
    (Deny,  "notes",  INVOKE, PREMIER, BY_PREMIER),
    (Deny,  "intake", INVOKE, HAIKU, VPC),
    (Deny,  "intake", INVOKE, US_SONNET, VPC),
    (Deny,  "intake", INVOKE, SONNET, BY_SONNET),
    (Deny,  "intake", COUNT,  PRO, VPC),
    (Deny,  "intake", STREAM, LITE, VPC),
    // Not approved at all.
    (Deny,  "notes",  INVOKE, TITAN, VPC),
    (Deny,  "notes",  INVOKE, US_HAIKU, VPC),
    (Deny,  "notes",  INVOKE, GLOBAL, VPC),
    // Other things that a model is behind.
    (Deny,  "notes",  INVOKE, APP_PROFILE, VPC),
    (Deny,  "notes",  INVOKE, ROUTER, VPC),
    (Deny,  "notes",  INVOKE, PROVISIONED, VPC),
    (Deny,  "notes",  INVOKE, IMPORTED, VPC),
    (Deny,  "notes",  INVOKE, DEPLOYED, VPC),
    (Deny,  "notes",  INVOKE, ASYNC, VPC),
    (Deny,  "notes",  INVOKE, PROJECT, VPC),
    (Deny,  "notes",  INVOKE, TOOL, VPC),
    // Side doors.
    (Deny,  "notes",  "bedrock:CallWithBearerToken", "*", SHORT_TERM_KEY),
    (Deny,  "notes",  "bedrock:InvokeTool", TOOL, VPC),
    (Deny,  "notes",  "bedrock:CreateModelInvocationJob", HAIKU, VPC),
    (Deny,  "notes",  "bedrock:PutAccountDataRetention", "*", VPC),
    (Deny,  "notes",  "bedrock-mantle:CreateInference", MANTLE_PROJECT, VPC),
    (Deny,  "notes",  "bedrock-mantle:CallWithBearerToken", "*", VPC),
    (Deny,  "notes",  "bedrock-websearch:InvokeSearch", SEARCH, VPC),
    (Deny,  "notes",  "bedrock-websearch:ExternalWebAccess", "*", VPC),
    // Everything else.
    (Deny,  "notes",  "bedrock:ApplyGuardrail", GUARDRAIL, VPC),
    (Deny,  "notes",  "bedrock:ListFoundationModels", "*", VPC),
    (Deny,  "notes",  "bedrock:GetFoundationModel", HAIKU, VPC),
    (Deny,  "notes",  "bedrock:GetInferenceProfile", US_SONNET, VPC),
    (Deny,  "notes",  "bedrock:PutModelInvocationLoggingConfiguration", "*", VPC),
    (Deny,  "notes",  "bedrock:CreateGuardrail", "*", VPC),
    (Deny,  "notes",  "s3:GetObject", "arn:aws:s3:::records/visit.json", VPC),
    (Deny,  "notes",  "s3:PutObject", "arn:aws:s3:::records/visit.json", VPC),
    (Deny,  "notes",  "kms:Decrypt", KEY, VPC),
    (Deny,  "notes",  "iam:CreateRole", "arn:aws:iam::111122223333:role/new", VPC),
    (Deny,  "notes",  "sts:AssumeRole", CI, VPC),
    (Deny,  "notes",  "ec2:DescribeVpcs", "*", VPC),
    (Deny,  "notes",  "logs:PutLogEvents", "arn:aws:logs:us-east-1:111122223333:log-group:app:log-stream:a", VPC),
];

/// The rows about workloads: as it is, and by the workload's policy alone, which must be exact without the help of boundary and
/// endpoint.
pub fn workloads(documents: &Documents) -> Vec<Case> {
    WORKLOADS.iter().flat_map(|row| [workload_case(documents, row, &[]), alone(workload_case(documents, row, &[]))]).collect()
}

/// The same call without the help of boundary and endpoint.
pub fn alone(mut case: Case) -> Case {
    let simulation = case.simulation.as_object_mut().expect("a simulation");
    simulation.retain(|part, _| part != "permissionBoundaryPolicies" && part != "vpcEndpointPolicies");
    case.row.push_str(" by its policy alone");
    case
}

#[rustfmt::skip]
const WITHOUT_LETTERS: &[WorkloadRow] = &[
    (Allow, "notes",  INVOKE, HAIKU, VPC),
    (Allow, "notes",  INVOKE, US_SONNET, VPC),
    (Allow, "notes",  INVOKE, SONNET_WEST, BY_SONNET_WEST),
    (Allow, "intake", STREAM, PRO, VPC),
    (Deny,  "notes",  STREAM, LITE, VPC),
    (Deny,  "notes",  COUNT,  LITE, VPC),
    (Deny,  "notes",  INVOKE, LITE, VPC),
];

/// The rows once the access `letters` is taken away.
pub fn without_letters(documents: &Documents) -> Vec<Case> {
    WITHOUT_LETTERS.iter().map(|row| workload_case(documents, row, &[])).collect()
}

#[rustfmt::skip]
const FOREIGN_POLICY: &[WorkloadRow] = &[
    // The boundary has room for whatever is approved, and for nothing else.
    (Allow, "notes",  INVOKE, HAIKU, VPC),
    (Allow, "notes",  STREAM, HAIKU, VPC),
    (Allow, "notes",  INVOKE, PRO, VPC),
    (Allow, "notes",  INVOKE, US_PREMIER, VPC),
    (Deny,  "notes",  INVOKE, HAIKU, OTHER_VPC),
    (Deny,  "notes",  INVOKE, HAIKU, INTERNET),
    (Deny,  "notes",  INVOKE, HAIKU_WEST, VPC_WEST),
    (Deny,  "notes",  INVOKE, SONNET, VPC),
    (Deny,  "notes",  INVOKE, TITAN, VPC),
    (Deny,  "notes",  INVOKE, GLOBAL, VPC),
    (Deny,  "notes",  INVOKE, APP_PROFILE, VPC),
    (Deny,  "notes",  "bedrock:CallWithBearerToken", "*", VPC),
    (Deny,  "notes",  "bedrock-mantle:CreateInference", MANTLE_PROJECT, VPC),
    (Deny,  "notes",  "bedrock-websearch:InvokeFetch", "arn:aws:bedrock-websearch:us-east-1:aws:tool/fetch", VPC),
    (Deny,  "notes",  "bedrock:PutAccountDataRetention", "*", VPC),
    (Deny,  "notes",  "bedrock:ListFoundationModels", "*", VPC),
    (Deny,  "notes",  "s3:GetObject", "arn:aws:s3:::records/visit.json", VPC),
    (Deny,  "notes",  "kms:Decrypt", KEY, VPC),
    (Deny,  "notes",  "iam:CreateUser", "arn:aws:iam::111122223333:user/new", VPC),
    (Deny,  "notes",  "iam:DeleteRolePermissionsBoundary", CI, VPC),
    (Deny,  "notes",  "sts:AssumeRole", CI, VPC),
];

/// The rows with `AdministratorAccess` attached to the role.
pub fn foreign_policy(documents: &Documents) -> Vec<Case> {
    let administrator = json!({"name": "AdministratorAccess", "policy": everything()});
    FOREIGN_POLICY.iter().map(|row| workload_case(documents, row, std::slice::from_ref(&administrator))).collect()
}

/// The rows about workloads with a claim attached to the role, which nobody does: it gives nothing and takes nothing.
pub fn claim(documents: &Documents) -> Vec<Case> {
    let claim = json!({"name": "claim", "policy": documents.copy().claim()});
    WORKLOADS.iter().map(|row| workload_case(documents, row, std::slice::from_ref(&claim))).collect()
}

/// A call of a workload's role.
pub(super) fn workload_case(documents: &Documents, row: &WorkloadRow, attached: &[Value]) -> Case {
    let (expected, workload, action, resource, from) = *row;
    Call { workload, action, resource, from }.case(documents, format!("{row:?}"), expected, attached)
}

/// Actions of Bedrock's runtime, which go through its endpoint.
const RUNTIME: [&str; 5] = [INVOKE, STREAM, COUNT, "bedrock:ApplyGuardrail", "bedrock:InvokeTool"];

/// A call of a workload's role.
pub struct Call<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The action.
    pub action: &'a str,
    /// What it is for.
    pub resource: &'a str,
    /// Where it comes from, and with what.
    pub from: &'a [(&'a str, &'a str)],
}

impl Call<'_> {
    /// The case in which all decide: the role's policy and what else is attached, its boundary, and the endpoint if it comes from our VPC.
    pub fn case(&self, documents: &Documents, row: String, expected: Verdict, attached: &[Value]) -> Case {
        let mut documents = documents.copy();
        let role = documents.role_arn(self.workload);
        let mut identity = vec![json!({"name": "policy", "policy": documents.policy(self.workload)})];
        identity.extend(attached.iter().cloned());
        let mut simulation = json!({
            "request": request(&role, ACCOUNT, self.action, self.resource, self.from),
            "identityPolicies": identity,
            "permissionBoundaryPolicies": [{"name": "boundary", "policy": documents.boundary()}],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        });
        if self.action.starts_with("kms:") {
            // The key's own policy leaves it to the account's IAM policies.
            let account =
                json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"});
            simulation["resourcePolicy"] = json!({"Version": "2012-10-17", "Statement": [account]});
        }
        // A call from the VPC in the Region goes through the endpoint; so does one for a profile, whose other half AWS makes.
        if VPC.iter().all(|key| self.from.contains(key)) && RUNTIME.contains(&self.action) {
            simulation["vpcEndpointPolicies"] = json!([{"name": "endpoint", "policy": documents.endpoint("bedrock-runtime")}]);
        }
        Case { row, expected, simulation }
    }
}
