//! The customer-managed policy of a workload: the union of what its accesses declare and of the stores it names, and nothing else.
//!
//! The allows are tied to the environment's VPC where the caller's own request is judged (the model in the Region, the profile); the
//! models behind a profile are judged in the destination Region, where calls carry no such key, and are tied to the profile
//! instead (<https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html>). Where a guardrail is
//! required, each allow of an inference names its versions, and what names none of the workload's is denied.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Operation;
use crate::api::stores::DataStore;

use super::denies;
use super::document::{PolicyDocument, Statement};
use super::guardrails::{PinnedGuardrail, takes_guardrail};
use super::stores;
use super::terms::Setting;

/// What one access gives, resolved against the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Foundation models of the Region.
    pub models: BTreeSet<String>,
    /// Inference profiles with what lies behind them.
    pub profiles: BTreeSet<Profile>,
    /// What may be done.
    pub operations: BTreeSet<Operation>,
    /// The guardrail that every inference has to name; `None` if none is required.
    pub guardrail: Option<PinnedGuardrail>,
}

/// An inference profile, as the account resolves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Profile id, such as `us.anthropic.claude-3-haiku-20240307-v1:0`, or the environment's name for an application profile.
    pub id: String,
    /// ARNs of the models in every destination Region; behind a global profile one of them names no Region.
    pub model_arns: BTreeSet<String>,
}

impl Profile {
    /// Ids of the models behind it, whatever the Region.
    pub fn model_ids(&self) -> impl Iterator<Item = &str> {
        self.model_arns.iter().filter_map(|arn| arn.rsplit_once("foundation-model/")).map(|(_, id)| id)
    }
}

/// Actions by which models are called (<https://docs.aws.amazon.com/bedrock/latest/userguide/inference-prereq.html>): Converse has no
/// action of its own. These are the ones that a guardrail can be demanded of.
pub const INFERENCE: [&str; 2] = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];

/// The same and their variants to come, for denies.
pub const EVERY_INFERENCE: [&str; 1] = ["bedrock:InvokeModel*"];

fn action(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Invoke => Some("bedrock:InvokeModel"),
        Operation::InvokeStream => Some("bedrock:InvokeModelWithResponseStream"),
        Operation::CountTokens => Some("bedrock:CountTokens"),
        // On the guardrail, not on a model.
        Operation::ApplyGuardrail | Operation::Unrecognized => None,
    }
}

/// The policy of a workload with these grants and stores. Equal for any order and any repetition of them.
#[must_use]
pub fn workload_policy(setting: &Setting, grants: &[Grant], stores: &[&DataStore]) -> PolicyDocument {
    let mut statements = allows(setting, grants, stores);
    statements.extend(without_guardrail(grants, setting));
    statements.extend(denies::denies(setting));
    PolicyDocument::of(statements)
}

/// The allow statements for these grants and stores.
fn allows(setting: &Setting, grants: &[Grant], stores: &[&DataStore]) -> Vec<Statement> {
    let scope = setting.scope;
    let mut statements = Vec::new();
    for (number, ((actions, pins), models)) in by_permission(models(grants)).into_iter().enumerate() {
        let resources = models.iter().map(|model| scope.foundation_model_arn(&scope.region, model)).collect();
        statements.push(in_vpc(pinned(Statement::allow(&format!("Models{number}"), &actions, resources), &pins), setting));
    }
    for (number, ((actions, pins), profiles)) in by_permission(profiles(grants)).into_iter().enumerate() {
        let resources = profiles.iter().map(|profile| setting.profile_arn(&profile.id)).collect();
        statements.push(in_vpc(pinned(Statement::allow(&format!("Profiles{number}"), &actions, resources), &pins), setting));
        for (behind, profile) in profiles.iter().enumerate() {
            let models = profile.model_arns.iter().cloned().collect();
            let through = vec![setting.profile_arn(&profile.id)];
            let allow = Statement::allow(&format!("Behind{number}Profile{behind}"), &actions, models);
            statements.push(pinned(allow, &pins).when("StringEquals", "bedrock:InferenceProfileArn", through));
        }
    }
    statements.extend(guardrails(setting, grants));
    statements.extend(stores::allows(setting.scope, setting.vpc_id, stores));
    statements
}

/// What callers of guardrails do with them. Bedrock applies them on the caller's behalf, where calls carry no VPC.
fn guardrails(setting: &Setting, grants: &[Grant]) -> Vec<Statement> {
    let pinned: BTreeSet<&PinnedGuardrail> = grants.iter().filter_map(|grant| grant.guardrail.as_ref()).collect();
    let mut arns: BTreeSet<String> = pinned.iter().flat_map(|one| one.arns(&setting.terms.regions)).collect();
    if !grants.is_empty() {
        arns.extend(setting.terms.enforced_guardrails.iter().cloned());
    }
    let keys: BTreeSet<&String> = pinned.iter().flat_map(|one| &one.kms_key_arns).collect();
    let mut statements = Vec::new();
    if !arns.is_empty() {
        statements.push(Statement::allow("Guardrails", &["bedrock:ApplyGuardrail"], arns.into_iter().collect()));
    }
    if !keys.is_empty() {
        let usage = Statement::allow("GuardrailKeys", &["kms:Decrypt"], keys.into_iter().cloned().collect());
        statements.push(usage.when("StringEquals", "kms:ViaService", vec![setting.scope.via_service("bedrock")]));
    }
    statements
}

/// Denies every inference that names none of the workload's guardrails, aside from models that take none and from what an access may
/// still call without one. The allows say which guardrail.
fn without_guardrail(grants: &[Grant], setting: &Setting) -> Option<Statement> {
    let pins: BTreeSet<String> =
        grants.iter().filter_map(|grant| grant.guardrail.as_ref()).flat_map(|pinned| pinned.identifiers.clone()).collect();
    if pins.is_empty() {
        return None;
    }
    let scope = setting.scope;
    let mut exempt = BTreeSet::new();
    for grant in grants {
        let free = grant.guardrail.is_none();
        let of_models = grant.models.iter().filter(|model| free || !takes_guardrail(model));
        exempt.extend(of_models.map(|model| scope.foundation_model_arn(&scope.region, model)));
        for profile in grant.profiles.iter().filter(|profile| free || exempts(profile)) {
            exempt.insert(setting.profile_arn(&profile.id));
            exempt.extend(profile.model_arns.iter().cloned());
        }
    }
    let mut statement = Statement::deny("WithoutGuardrail", &EVERY_INFERENCE, vec!["*".to_owned()]);
    if !exempt.is_empty() {
        statement.resource.clear();
        statement.not_resource = exempt.into_iter().collect();
    }
    Some(statement.when("StringNotEquals", GUARDRAIL_IDENTIFIER, pins.into_iter().collect()))
}

const GUARDRAIL_IDENTIFIER: &str = "bedrock:GuardrailIdentifier";

/// Whether no model behind a profile takes a guardrail.
#[must_use]
pub fn exempts(profile: &Profile) -> bool {
    let mut ids = profile.model_ids().peekable();
    ids.peek().is_some() && ids.all(|id| !takes_guardrail(id))
}

fn pinned(statement: Statement, pins: &BTreeSet<String>) -> Statement {
    if pins.is_empty() { statement } else { statement.when("StringEquals", GUARDRAIL_IDENTIFIER, pins.iter().cloned().collect()) }
}

/// VPC ids repeat across Regions, so the pair of keys is needed
/// (<https://github.com/aws-samples/data-perimeter-policy-examples>).
fn in_vpc(statement: Statement, setting: &Setting) -> Statement {
    from_vpc(statement, &setting.scope.region, setting.vpc_id)
}

/// The statement for calls that come from a VPC of a Region.
pub(super) fn from_vpc(statement: Statement, region: &str, vpc_id: &str) -> Statement {
    let statement = statement.when("StringEquals", "aws:SourceVpc", vec![vpc_id.to_owned()]);
    statement.when("StringEquals", "aws:RequestedRegion", vec![region.to_owned()])
}

/// For each thing and action the guardrails that a call has to name one of; `None` if it need not.
type Pins<T> = BTreeMap<T, BTreeMap<&'static str, Option<BTreeSet<String>>>>;

fn models(grants: &[Grant]) -> Pins<String> {
    let mut all = Pins::new();
    for grant in grants {
        for model in &grant.models {
            for action in grant.operations.iter().copied().filter_map(action) {
                add(&mut all, model.clone(), action, grant, takes_guardrail(model));
            }
        }
        // CountTokens knows no profiles: it is asked of the model itself, in the Region.
        for model in grant.profiles.iter().flat_map(Profile::model_ids).filter(|_| grant.operations.contains(&Operation::CountTokens)) {
            add(&mut all, model.to_owned(), "bedrock:CountTokens", grant, false);
        }
    }
    all
}

fn profiles(grants: &[Grant]) -> Pins<Profile> {
    let mut all = Pins::new();
    for grant in grants {
        for profile in &grant.profiles {
            for action in grant.operations.iter().copied().filter_map(action).filter(|action| INFERENCE.contains(action)) {
                add(&mut all, profile.clone(), action, grant, !exempts(profile));
            }
        }
    }
    all
}

fn add<T: Ord>(all: &mut Pins<T>, thing: T, action: &'static str, grant: &Grant, takes: bool) {
    let pins = all.entry(thing).or_default().entry(action).or_insert_with(|| Some(BTreeSet::new()));
    match (&grant.guardrail, pins.as_mut()) {
        (Some(pinned), Some(pins)) if takes && INFERENCE.contains(&action) => pins.extend(pinned.identifiers.iter().cloned()),
        (Some(_), None) if takes && INFERENCE.contains(&action) => {}
        _ => *pins = None,
    }
}

/// Turns thing → action → guardrails into (actions, guardrails) → things, so that things with equal permissions share a statement.
fn by_permission<T: Ord + Clone>(all: Pins<T>) -> BTreeMap<(Vec<&'static str>, BTreeSet<String>), Vec<T>> {
    let mut groups: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for (thing, actions) in all {
        let mut alike: BTreeMap<BTreeSet<String>, Vec<&'static str>> = BTreeMap::new();
        for (action, pins) in actions {
            alike.entry(pins.unwrap_or_default()).or_default().push(action);
        }
        for (pins, actions) in alike {
            groups.entry((actions, pins)).or_default().push(thing.clone());
        }
    }
    groups
}

/// Turns thing → actions into actions → things, so that things with equal actions share a statement.
pub(super) fn grouped<T: Ord>(by_thing: BTreeMap<T, BTreeSet<&'static str>>) -> Vec<(Vec<&'static str>, Vec<T>)> {
    let mut groups: BTreeMap<Vec<&'static str>, Vec<T>> = BTreeMap::new();
    for (thing, actions) in by_thing.into_iter().filter(|(_, actions)| !actions.is_empty()) {
        groups.entry(actions.into_iter().collect()).or_default().push(thing);
    }
    groups.into_iter().collect()
}

#[cfg(test)]
mod tests;
