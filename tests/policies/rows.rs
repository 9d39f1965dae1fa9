//! The rows: who asks for what from where, and what must come out. One row, one line.

use serde_json::{Map, Value, json};

use crate::judge::Case;
use crate::judge::Verdict::{self, Allow, Deny};
use crate::plan::Documents;

const ACCOUNT: &str = "111122223333";
const FOREIGN: &str = "999988887777";
/// The judge knows the condition keys of a few issuers only, and this is the one of them whose keys are named as EKS's are.
const ISSUER: &str = "accounts.google.com";

const HAIKU: &str = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";
const HAIKU_WEST: &str = "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";
const LITE: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
const PRO: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0";
const TITAN: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1";
const SONNET: &str = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
const SONNET_EAST_2: &str = "arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
const SONNET_WEST: &str = "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
const SONNET_EU: &str = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
const PREMIER: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-premier-v1:0";
const US_SONNET: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0";
const US_SONNET_WEST: &str = "arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0";
const US_PREMIER: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-premier-v1:0";
const US_HAIKU: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0";
const GLOBAL: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/global.anthropic.claude-3-5-sonnet-20241022-v2:0";
const APP_PROFILE: &str = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abcdef012345";
const ROUTER: &str = "arn:aws:bedrock:us-east-1:111122223333:prompt-router/abcdef012345";
const PROVISIONED: &str = "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abcdef012345";
const IMPORTED: &str = "arn:aws:bedrock:us-east-1:111122223333:imported-model/abcdef012345";
const DEPLOYED: &str = "arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/abcdef012345";
const ASYNC: &str = "arn:aws:bedrock:us-east-1:111122223333:async-invoke/abcdef012345";
const PROJECT: &str = "arn:aws:bedrock:us-east-1:111122223333:project/abcdef012345";
const TOOL: &str = "arn:aws:bedrock::111122223333:system-tool/amazon.nova_grounding";
const GUARDRAIL: &str = "arn:aws:bedrock:us-east-1:111122223333:guardrail/abcdef012345";
const MANTLE_PROJECT: &str = "arn:aws:bedrock-mantle:us-east-1:111122223333:project/default";
const SEARCH: &str = "arn:aws:bedrock-websearch:us-east-1:aws:tool/search";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555";
const FOREIGN_KEY: &str = "arn:aws:kms:us-east-1:999988887777:key/11111111-2222-3333-4444-555555555555";
const OPERATOR: &str = "arn:aws:iam::111122223333:role/platform/hipaa-operator";
const KEY_ADMIN: &str = "arn:aws:iam::111122223333:role/security/key-admin";
const CI: &str = "arn:aws:iam::111122223333:role/ci";
const BACKUP: &str = "arn:aws:iam::111122223333:role/backup";
const FOREIGN_ROLE: &str = "arn:aws:iam::999988887777:role/somebody";
const OTHER_ENVIRONMENT: &str = "arn:aws:iam::111122223333:role/hipaa-operator/us-east-1/clinic/staging/clinic.notes-0000000000000000";

const INVOKE: &str = "bedrock:InvokeModel";
const STREAM: &str = "bedrock:InvokeModelWithResponseStream";
const COUNT: &str = "bedrock:CountTokens";

/// Where a call comes from, and with what.
type From = &'static [(&'static str, &'static str)];
const VPC: From = &[("aws:SourceVpc", "vpc-0a1b2c3d4e5f60718"), ("aws:RequestedRegion", "us-east-1")];
const VPC_WEST: From = &[("aws:SourceVpc", "vpc-0a1b2c3d4e5f60718"), ("aws:RequestedRegion", "us-west-2")];
const OTHER_VPC: From = &[("aws:SourceVpc", "vpc-09999999999999999"), ("aws:RequestedRegion", "us-east-1")];
const INTERNET: From = &[("aws:RequestedRegion", "us-east-1")];
/// The second half of a call through a profile: AWS calls the model in the destination Region, with no VPC.
const BY_SONNET: From = &[("aws:RequestedRegion", "us-east-1"), ("bedrock:InferenceProfileArn", US_SONNET)];
const BY_SONNET_EAST_2: From = &[("aws:RequestedRegion", "us-east-2"), ("bedrock:InferenceProfileArn", US_SONNET)];
const BY_SONNET_WEST: From = &[("aws:RequestedRegion", "us-west-2"), ("bedrock:InferenceProfileArn", US_SONNET)];
const BY_SONNET_EU: From = &[("aws:RequestedRegion", "eu-west-1"), ("bedrock:InferenceProfileArn", US_SONNET)];
const BY_OTHER_PROFILE: From = &[("aws:RequestedRegion", "us-east-1"), ("bedrock:InferenceProfileArn", APP_PROFILE)];
const BY_PREMIER: From = &[("aws:RequestedRegion", "us-east-1"), ("bedrock:InferenceProfileArn", US_PREMIER)];
const SHORT_TERM_KEY: From =
    &[("aws:SourceVpc", "vpc-0a1b2c3d4e5f60718"), ("aws:RequestedRegion", "us-east-1"), ("bedrock:BearerTokenType", "SHORT_TERM")];

/// Rows about workloads: the workload, action, resource, where from.
type WorkloadRow = (Verdict, &'static str, &'static str, &'static str, From);

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
    let alone = |row| {
        let mut case = workload_case(documents, row, &[]);
        let simulation = case.simulation.as_object_mut().expect("a simulation");
        simulation.retain(|part, _| part != "permissionBoundaryPolicies" && part != "vpcEndpointPolicies");
        case.row.push_str(" by its policy alone");
        case
    };
    WORKLOADS.iter().flat_map(|row| [workload_case(documents, row, &[]), alone(row)]).collect()
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

/// The rows with AdministratorAccess attached to the role.
pub fn foreign_policy(documents: &Documents) -> Vec<Case> {
    let administrator = json!({"name": "AdministratorAccess", "policy": everything()});
    FOREIGN_POLICY.iter().map(|row| workload_case(documents, row, std::slice::from_ref(&administrator))).collect()
}

/// A call of a workload's role: its policy and what else is attached, its boundary, and the endpoint if it comes from our VPC.
fn workload_case(documents: &Documents, row: &WorkloadRow, attached: &[Value]) -> Case {
    let (expected, workload, action, resource, from) = *row;
    let mut documents = documents.copy();
    let role = documents.role_arn(workload);
    let mut identity = vec![json!({"name": "policy", "policy": documents.policy(workload)})];
    identity.extend(attached.iter().cloned());
    let mut simulation = json!({
        "request": request(&role, ACCOUNT, action, resource, from),
        "identityPolicies": identity,
        "permissionBoundaryPolicies": [{"name": "boundary", "policy": documents.boundary()}],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    });
    // A call from the VPC in the Region goes through the endpoint; so does one for a profile, whose other half AWS makes.
    if from == VPC && action.starts_with("bedrock:") {
        simulation["vpcEndpointPolicies"] = json!([{"name": "endpoint", "policy": documents.endpoint("bedrock-runtime")}]);
    }
    Case { row: format!("{row:?}"), expected, simulation }
}

/// Rows about trust: the issuer of the token, its audience, its subject.
type TrustRow = (Verdict, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const TRUST: &[TrustRow] = &[
    (Allow, ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic:notes"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic:notes2"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic:default"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:front-desk:notes"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic2:notes"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:*:*"),
    (Deny,  ISSUER, "sts.amazonaws.com", "SYSTEM:SERVICEACCOUNT:CLINIC:NOTES"),
    (Deny,  ISSUER, "kubernetes.default.svc", "system:serviceaccount:clinic:notes"),
    (Deny,  "cognito-identity.amazonaws.com", "sts.amazonaws.com", "system:serviceaccount:clinic:notes"),
];

/// The rows about trust, and that nobody assumes the role in other ways.
pub fn trust(documents: &Documents) -> Vec<Case> {
    let mut documents = documents.copy();
    let (role, trust) = (documents.role_arn("notes"), documents.trust("notes").clone());
    let tokens = TRUST.iter().map(|row| {
        let (expected, issuer, audience, subject) = *row;
        let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
        let mut request = request(&provider, ACCOUNT, "sts:AssumeRoleWithWebIdentity", &role, &[]);
        request["contextVariables"] = json!({format!("{issuer}:aud"): audience, format!("{issuer}:sub"): subject});
        trust_case(format!("{row:?}"), expected, &request, &trust)
    });
    let signed = [("sts:AssumeRole", CI), ("sts:AssumeRole", OPERATOR), ("sts:AssumeRole", FOREIGN_ROLE), ("sts:TagSession", CI)];
    let signed = signed.into_iter().map(|(action, principal)| {
        let account = if principal == FOREIGN_ROLE { FOREIGN } else { ACCOUNT };
        let request = request(principal, account, action, &role, VPC);
        trust_case(format!("(Deny, {principal}, {action})"), Deny, &request, &trust)
    });
    tokens.chain(signed).collect()
}

fn trust_case(row: String, expected: Verdict, request: &Value, trust: &Value) -> Case {
    let principal = request["principal"].as_str().unwrap_or_default();
    let identity = if principal.contains(":role/") { json!([{"name": "all", "policy": everything()}]) } else { json!([]) };
    let simulation = json!({
        "request": request,
        "identityPolicies": identity,
        "resourcePolicy": trust,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    });
    Case { row, expected, simulation }
}

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
    (Deny,  "bedrock", OPERATOR, "bedrock:CreateGuardrail", "*", ""),
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
    let mut documents = documents.copy();
    let principal = if who == "notes" { documents.role_arn("notes") } else { who.to_owned() };
    let account = principal.split(':').nth(4).unwrap_or(ACCOUNT);
    let mut request = request(&principal, account, action, resource, VPC);
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
        "vpcEndpointPolicies": [{"name": "endpoint", "policy": documents.endpoint(service)}],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    });
    Case { row: format!("{row:?}"), expected, simulation }
}

fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

/// A request with the keys that AWS fills in for a signed one.
fn request(principal: &str, account: &str, action: &str, resource: &str, from: From) -> Value {
    let mut context: Map<String, Value> = from.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if !principal.is_empty() && !principal.contains(":oidc-provider/") {
        let account = principal.split(':').nth(4).unwrap_or(account);
        context.insert("aws:PrincipalArn".to_owned(), json!(principal));
        context.insert("aws:PrincipalAccount".to_owned(), json!(account));
    }
    json!({
        "principal": principal,
        "action": action,
        "resource": {"resource": resource, "accountId": ACCOUNT},
        "contextVariables": context,
    })
}
