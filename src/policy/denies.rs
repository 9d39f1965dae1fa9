//! What every role and the boundary deny, whatever else they allow: ways around the declared access, changes of the settings that protect
//! it, Regions and profiles that nobody approved.
//!
//! Actions are those of <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>. Nothing here speaks
//! of an access, so that none of it can break another access of the same workload.

use std::collections::BTreeSet;

use crate::api::SideDoor;
use crate::domain::Scope;

use super::document::Statement;
use super::permissions::EVERY_INFERENCE;
use super::terms::{GLOBAL, Setting, Terms};

/// What the operator, an administrator or nobody changes, but never a workload: guardrails, logging, retention, what models are
/// customised or subscribed to.
pub const SETTINGS: [&str; 10] = [
    "aws-marketplace:*",
    "bedrock:CreateCustomModel*",
    "bedrock:CreateFoundationModelAgreement",
    "bedrock:CreateGuardrail*",
    "bedrock:CreateModelCopyJob",
    "bedrock:CreateModelCustomizationJob",
    "bedrock:CreateModelImportJob",
    "bedrock:Delete*",
    "bedrock:Put*",
    "bedrock:Update*",
];

/// The actions of a side door.
#[must_use]
pub fn actions_behind(door: SideDoor) -> &'static [&'static str] {
    match door {
        SideDoor::Agents => {
            &["bedrock-agentcore:*", "bedrock:InvokeAgent", "bedrock:InvokeFlow", "bedrock:InvokeInlineAgent", "bedrock:Retrieve*"]
        }
        // Started as InvokeModel, on a resource of its own; it takes no guardrail.
        SideDoor::Async => &["bedrock:GetAsyncInvoke", "bedrock:ListAsyncInvokes"],
        SideDoor::Batch => &["bedrock:CreateModelInvocationJob"],
        SideDoor::BearerTokens => &["bedrock:CallWithBearerToken"],
        SideDoor::Mantle => &["bedrock-mantle:*"],
        SideDoor::Tools => &["bedrock:InvokeTool"],
        SideDoor::WebSearch => &["bedrock-websearch:*"],
        SideDoor::Unrecognized => &[],
    }
}

/// The deny statements of every role and of the boundary.
pub(super) fn denies(setting: &Setting) -> Vec<Statement> {
    let (scope, terms) = (setting.scope, setting.terms);
    let any = || vec!["*".to_owned()];
    let arn = |rest: &str| vec![format!("arn:{}:bedrock:*:*:{rest}", scope.partition)];
    let closed = |door: &SideDoor| !terms.side_doors.contains(door);
    let mut doors: Vec<&str> = SideDoor::ALL.into_iter().filter(closed).flat_map(actions_behind).copied().collect();
    let mut statements = vec![Statement::deny("Settings", &SETTINGS, any())];
    doors.sort_unstable();
    if terms.side_doors.contains(&SideDoor::Mantle) {
        // The same settings on the other inference plane.
        doors.extend(["bedrock-mantle:CreateFineTuningJob", "bedrock-mantle:Put*"]);
        if closed(&SideDoor::BearerTokens) {
            // Bedrock's API keys work on both planes (https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html).
            doors.push("bedrock-mantle:CallWithBearerToken");
        }
    }
    if !doors.is_empty() {
        statements.push(Statement::deny("SideDoors", &doors, any()));
    }
    if closed(&SideDoor::Async) {
        statements.push(Statement::deny("Async", &["bedrock:InvokeModel"], arn("async-invoke/*")));
    }
    if !terms.global_profiles {
        let profiles = arn(&format!("inference-profile/{GLOBAL}*"));
        statements.push(Statement::deny("GlobalProfiles", &EVERY_INFERENCE, profiles.clone()));
        statements.push(Statement::deny("BehindGlobalProfiles", &EVERY_INFERENCE, any()).when(
            "StringLike",
            "bedrock:InferenceProfileArn",
            profiles,
        ));
    }
    // Calls are made in the environment's own Region, whatever profiles lead to.
    let mut regions: Vec<String> = terms.regions.iter().chain([&scope.region]).collect::<BTreeSet<_>>().into_iter().cloned().collect();
    if terms.global_profiles {
        // What Bedrock says of the call that a global profile makes.
        regions.push("unspecified".to_owned());
    }
    statements.push(Statement::deny("OtherRegions", &["bedrock:*"], any()).when("StringNotEquals", "aws:RequestedRegion", regions));
    if terms.require_federation {
        let provider = vec![scope.oidc_provider_arn(setting.issuer)];
        statements.push(Statement::deny("OtherFederation", &["*"], any()).when("StringNotEquals", "aws:FederatedProvider", provider));
    }
    statements
}

/// What a boundary of the platform's should deny, or not allow, on these terms.
#[must_use]
pub fn should_be_denied(terms: &Terms) -> Vec<&'static str> {
    let closed = SideDoor::ALL.into_iter().filter(|door| !terms.side_doors.contains(door));
    SETTINGS.into_iter().chain(closed.flat_map(actions_behind).copied()).collect()
}

/// The boundary's allows for the side doors that are opened. What of them a workload gets is for a policy of the platform's to say.
pub(super) fn opened(setting: &Setting) -> Vec<Statement> {
    let (scope, doors) = (setting.scope, &setting.terms.side_doors);
    let here = |statement: Statement| statement.when("StringEquals", "aws:RequestedRegion", vec![scope.region.clone()]);
    let mut statements = Vec::new();
    let narrow: BTreeSet<&str> = doors.iter().flat_map(|&door| actions_behind(door)).copied().collect();
    let resources: BTreeSet<String> = doors.iter().flat_map(|&door| resources_behind(door, scope)).collect();
    if !resources.is_empty() {
        statements.push(here(Statement::allow("OpenedSideDoors", &Vec::from_iter(narrow), resources.into_iter().collect())));
    }
    let wide: BTreeSet<&str> = doors.iter().flat_map(|&door| calls_without_resource(door)).copied().collect();
    if !wide.is_empty() {
        statements.push(here(Statement::allow("OpenedCalls", &Vec::from_iter(wide), vec!["*".to_owned()])));
    }
    if doors.contains(&SideDoor::Async) {
        let invocations = format!("arn:{}:bedrock:{}:{}:async-invoke/*", scope.partition, scope.region, scope.account_id);
        statements.push(Statement::allow("OpenedAsync", &["bedrock:InvokeModel"], vec![invocations]));
    }
    statements
}

/// What the actions of a side door are for, in the Region: the account's own things, and those that AWS lends to everyone.
fn resources_behind(door: SideDoor, scope: &Scope) -> Vec<String> {
    let arn = |service: &str, region: &str, owner: &str, rest: &str| format!("arn:{}:{service}:{region}:{owner}:{rest}", scope.partition);
    let (region, account) = (scope.region.as_str(), scope.account_id.as_str());
    match door {
        SideDoor::Agents => vec![
            arn("bedrock", region, account, "*"),
            arn("bedrock-agentcore", region, account, "*"),
            // AWS's own browsers and code interpreters.
            arn("bedrock-agentcore", region, "aws", "*"),
        ],
        SideDoor::Async => vec![arn("bedrock", region, account, "async-invoke/*")],
        SideDoor::Batch => vec![arn("bedrock", region, account, "*"), scope.foundation_model_arn(region, "*")],
        SideDoor::Mantle => vec![arn("bedrock-mantle", region, account, "*")],
        // Their ARNs name no Region.
        SideDoor::Tools => vec![arn("bedrock", "", account, "system-tool/*")],
        SideDoor::WebSearch => vec![arn("bedrock-websearch", region, "aws", "*")],
        SideDoor::BearerTokens | SideDoor::Unrecognized => Vec::new(),
    }
}

/// The actions of a side door that name no resource, by the service authorization reference of each service.
fn calls_without_resource(door: SideDoor) -> &'static [&'static str] {
    match door {
        SideDoor::Agents => &["bedrock-agentcore:ConnectBrowser*", "bedrock:InvokeInlineAgent", "bedrock:RetrieveAndGenerate"],
        SideDoor::Async => &["bedrock:ListAsyncInvokes"],
        SideDoor::BearerTokens => &["bedrock:CallWithBearerToken"],
        SideDoor::Mantle => &["bedrock-mantle:CallWithBearerToken"],
        SideDoor::WebSearch => &["bedrock-websearch:ExternalWebAccess"],
        SideDoor::Batch | SideDoor::Tools | SideDoor::Unrecognized => &[],
    }
}
