//! The customer-managed policy of a workload: the union of what its accesses declare and of the stores it names, and nothing else.
//!
//! The allows are tied to the environment's VPC where the caller's own request is judged (the model in the Region, the profile); the
//! models behind a profile are judged in the destination Region, where calls carry no such key, and are tied to the profile
//! instead (<https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html>). The denies speak of
//! side doors only, never of an access, so that none of them can break another access of the same workload.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Operation;
use crate::api::stores::DataStore;
use crate::domain::Scope;

use super::document::{PolicyDocument, Statement};
use super::stores;

/// What one access gives, resolved against the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Foundation models of the Region.
    pub models: BTreeSet<String>,
    /// Inference profiles with what lies behind them.
    pub profiles: BTreeSet<Profile>,
    /// What may be done.
    pub operations: BTreeSet<Operation>,
}

/// A system-defined inference profile, as the account resolves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Profile id, such as `us.anthropic.claude-3-haiku-20240307-v1:0`.
    pub id: String,
    /// ARNs of the models in every destination Region.
    pub model_arns: BTreeSet<String>,
}

/// IAM actions of an operation (<https://docs.aws.amazon.com/bedrock/latest/userguide/inference-prereq.html>): Converse has no action
/// of its own.
fn action(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Invoke => Some("bedrock:InvokeModel"),
        Operation::InvokeStream => Some("bedrock:InvokeModelWithResponseStream"),
        Operation::CountTokens => Some("bedrock:CountTokens"),
        Operation::Unrecognized => None,
    }
}

/// The policy of a workload with these grants and stores. Equal for any order and any repetition of them.
#[must_use]
pub fn workload_policy(scope: &Scope, vpc_id: &str, grants: &[Grant], stores: &[&DataStore]) -> PolicyDocument {
    let mut statements = allows(scope, vpc_id, grants, stores);
    statements.push(side_doors());
    PolicyDocument::of(statements)
}

/// The allow statements for these grants and stores, also used for the boundary.
pub(super) fn allows(scope: &Scope, vpc_id: &str, grants: &[Grant], stores: &[&DataStore]) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (number, (actions, models)) in grouped(models_by_action(grants)).into_iter().enumerate() {
        let resources = models.iter().map(|model| scope.foundation_model_arn(&scope.region, model)).collect();
        statements.push(in_vpc(Statement::allow(&format!("Models{number}"), &actions, resources), scope, vpc_id));
    }
    for (number, (actions, profiles)) in grouped(profiles_by_action(grants)).into_iter().enumerate() {
        let resources = profiles.iter().map(|profile| scope.inference_profile_arn(&profile.id)).collect();
        statements.push(in_vpc(Statement::allow(&format!("Profiles{number}"), &actions, resources), scope, vpc_id));
        for (behind, profile) in profiles.iter().enumerate() {
            let models = profile.model_arns.iter().cloned().collect();
            statements.push(Statement::allow(&format!("Behind{number}Profile{behind}"), &actions, models).when(
                "StringEquals",
                "bedrock:InferenceProfileArn",
                vec![scope.inference_profile_arn(&profile.id)],
            ));
        }
    }
    statements.extend(stores::allows(scope, vpc_id, stores));
    statements
}

/// Ways around what is declared: the other inference planes and web search, bearer tokens, tools, batch jobs, and the retention of
/// prompts.
pub const SIDE_DOORS: [&str; 6] = [
    "bedrock-mantle:*",
    "bedrock-websearch:*",
    "bedrock:CallWithBearerToken",
    "bedrock:CreateModelInvocationJob",
    "bedrock:InvokeTool",
    "bedrock:PutAccountDataRetention",
];

/// Denied in every role and in the boundary.
pub(super) fn side_doors() -> Statement {
    Statement::deny("SideDoors", &SIDE_DOORS, vec!["*".to_owned()])
}

/// VPC ids repeat across Regions, so the pair of keys is needed
/// (<https://github.com/aws-samples/data-perimeter-policy-examples>).
pub(super) fn in_vpc(statement: Statement, scope: &Scope, vpc_id: &str) -> Statement {
    statement.when("StringEquals", "aws:SourceVpc", vec![vpc_id.to_owned()]).when(
        "StringEquals",
        "aws:RequestedRegion",
        vec![scope.region.clone()],
    )
}

fn models_by_action(grants: &[Grant]) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut by_model: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for grant in grants {
        for model in &grant.models {
            by_model.entry(model.clone()).or_default().extend(grant.operations.iter().copied().filter_map(action));
        }
        // CountTokens knows no profiles: it is asked of the model itself, in the Region.
        if grant.operations.contains(&Operation::CountTokens) {
            for model in grant.profiles.iter().filter_map(|profile| profile.id.split_once('.')).map(|(_, model)| model) {
                by_model.entry(model.to_owned()).or_default().extend(action(Operation::CountTokens));
            }
        }
    }
    by_model
}

fn profiles_by_action(grants: &[Grant]) -> BTreeMap<Profile, BTreeSet<&'static str>> {
    let mut by_profile: BTreeMap<Profile, BTreeSet<&'static str>> = BTreeMap::new();
    for grant in grants {
        let actions = grant.operations.iter().filter(|&&operation| operation != Operation::CountTokens).copied();
        let actions: BTreeSet<_> = actions.filter_map(action).collect();
        for profile in grant.profiles.iter().filter(|_| !actions.is_empty()) {
            by_profile.entry(profile.clone()).or_default().extend(&actions);
        }
    }
    by_profile
}

/// Turns thing → actions into actions → things, so that things with equal actions share a statement.
pub(super) fn grouped<T: Ord>(by_thing: BTreeMap<T, BTreeSet<&'static str>>) -> Vec<(Vec<&'static str>, Vec<T>)> {
    let mut groups: BTreeMap<Vec<&'static str>, Vec<T>> = BTreeMap::new();
    for (thing, actions) in by_thing.into_iter().filter(|(_, actions)| !actions.is_empty()) {
        groups.entry(actions.into_iter().collect()).or_default().push(thing);
    }
    groups.into_iter().collect()
}
