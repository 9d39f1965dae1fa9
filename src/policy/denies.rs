//! What every role and the boundary deny, whatever else they allow: ways around the declared access, changes of the settings that protect
//! it, Regions and profiles that nobody approved.
//!
//! Actions are those of <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>. Nothing here speaks
//! of an access, so that none of it can break another access of the same workload.

use std::collections::BTreeSet;

use crate::api::SideDoor;

use super::document::Statement;
use super::permissions::INFERENCE;
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
    }
    if !doors.is_empty() {
        statements.push(Statement::deny("SideDoors", &doors, any()));
    }
    if closed(&SideDoor::Async) {
        statements.push(Statement::deny("Async", &["bedrock:InvokeModel"], arn("async-invoke/*")));
    }
    if !terms.global_profiles {
        let profiles = arn(&format!("inference-profile/{GLOBAL}*"));
        statements.push(Statement::deny("GlobalProfiles", &INFERENCE, profiles.clone()));
        statements.push(Statement::deny("BehindGlobalProfiles", &INFERENCE, any()).when(
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
    let behind = |wanted: fn(SideDoor) -> bool| -> Vec<&'static str> {
        let mut actions: Vec<_> = doors.iter().copied().filter(|&door| wanted(door)).flat_map(actions_behind).copied().collect();
        actions.sort_unstable();
        actions
    };
    let of = |service: &str| format!("arn:{}:{service}:{}:{}:*", scope.partition, scope.region, scope.account_id);
    let mut resources = ["bedrock", "bedrock-agentcore", "bedrock-mantle", "bedrock-websearch"].map(of).to_vec();
    resources.push(scope.foundation_model_arn(&scope.region, "*"));
    let mut statements = Vec::new();
    let narrow = behind(|door| !knows_no_resource(door));
    if !narrow.is_empty() {
        statements.push(Statement::allow("OpenedSideDoors", &narrow, resources));
    }
    let wide = behind(knows_no_resource);
    if !wide.is_empty() {
        statements.push(Statement::allow("OpenedCalls", &wide, vec!["*".to_owned()]));
    }
    if doors.contains(&SideDoor::Async) {
        let invocations = format!("arn:{}:bedrock:{}:{}:async-invoke/*", scope.partition, scope.region, scope.account_id);
        statements.push(Statement::allow("OpenedAsync", &["bedrock:InvokeModel"], vec![invocations]));
    }
    statements
}

/// Whether the actions of a side door name no resource, by the service authorization reference.
fn knows_no_resource(door: SideDoor) -> bool {
    matches!(door, SideDoor::Async | SideDoor::BearerTokens)
}
