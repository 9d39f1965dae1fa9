//! The permissions boundary of an environment: the most that any of its workload roles can ever do.
//!
//! It allows the approved models and profiles and the declared stores from the environment's VPC and denies the side doors, whatever a
//! role's own policies say (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>). It is made from what
//! changes slowly: families, Regions, keys; no version of a guardrail, no endpoint, no destination that AWS adds to a profile.

use std::collections::BTreeSet;

use crate::api::stores::DataStore;

use super::denies;
use super::document::{PolicyDocument, Statement};
use super::permissions::{INFERENCE, Profile, from_vpc};
use super::stores;
use super::terms::{GLOBAL, Setting, is_family};

/// The boundary for these terms and all of these stores. `resolved` tells the models behind application profiles, which their names do
/// not; `guardrails` says what of guardrails may be used.
#[must_use]
pub fn permissions_boundary(
    setting: &Setting,
    resolved: &BTreeSet<Profile>,
    guardrails: &GuardrailLimits,
    stores: &[&DataStore],
) -> PolicyDocument {
    let (scope, terms) = (setting.scope, setting.terms);
    let here = |statement: Statement| from_vpc(statement, &scope.region, setting.vpc_id);
    let models: Vec<String> = terms.models.iter().map(|model| scope.foundation_model_arn(&scope.region, model)).collect();
    let counted = terms.profiles.iter().filter_map(|profile| profile.split_once('.')).map(|(_, model)| model);
    let counted = counted.chain(resolved.iter().filter(|profile| is_application(setting, profile)).flat_map(Profile::model_ids));
    let counted: BTreeSet<String> = counted.map(|model| scope.foundation_model_arn(&scope.region, model)).chain(models.clone()).collect();
    let mut statements = Vec::new();
    if !models.is_empty() {
        statements.push(here(Statement::allow("Models", &INFERENCE, models)));
    }
    if !counted.is_empty() {
        statements.push(here(Statement::allow("CountTokens", &["bedrock:CountTokens"], counted.into_iter().collect())));
    }
    statements.extend(profiles(setting, resolved));
    statements.extend(guardrails.statements(setting));
    statements.extend(stores::allows(scope, setting.vpc_id, stores));
    statements.extend(denies::opened(setting));
    statements.extend(denies::denies(setting));
    PolicyDocument::of(statements)
}

/// What of guardrails the roles of an environment may ever use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardrailLimits {
    /// Whether the environment declares guardrails.
    pub declared: bool,
    /// Keys that guardrails are encrypted with.
    pub kms_key_arns: BTreeSet<String>,
}

impl GuardrailLimits {
    fn statements(&self, setting: &Setting) -> Vec<Statement> {
        let scope = setting.scope;
        let of = |what: &str, region: &str| format!("arn:{}:bedrock:{region}:{}:{what}/*", scope.partition, scope.account_id);
        let mut arns: Vec<String> = setting.terms.enforced_guardrails.iter().cloned().collect();
        if self.declared {
            arns.extend([of("guardrail", &scope.region), of("guardrail-profile", "*")]);
        }
        let mut statements = Vec::new();
        if !arns.is_empty() {
            statements.push(Statement::allow("Guardrails", &["bedrock:ApplyGuardrail"], arns));
        }
        if !self.kms_key_arns.is_empty() {
            let usage = Statement::allow("GuardrailKeys", &["kms:Decrypt"], self.kms_key_arns.iter().cloned().collect());
            statements.push(usage.when("StringEquals", "kms:ViaService", vec![scope.via_service("bedrock")]));
        }
        statements
    }
}

/// The profiles, and the models behind each only through it: in every approved Region, wherever AWS lets the profile lead to. A
/// destination that a preview does not know stays a placeholder.
fn profiles(setting: &Setting, resolved: &BTreeSet<Profile>) -> Vec<Statement> {
    let (scope, terms) = (setting.scope, setting.terms);
    let application = resolved.iter().filter(|profile| is_application(setting, profile));
    let named: BTreeSet<String> = terms.profiles.iter().map(|profile| setting.profile_arn(profile)).collect();
    let arns: BTreeSet<String> = named.into_iter().chain(application.clone().map(|profile| setting.profile_arn(&profile.id))).collect();
    if arns.is_empty() {
        return Vec::new();
    }
    let mut statements =
        vec![from_vpc(Statement::allow("Profiles", &INFERENCE, arns.into_iter().collect()), &scope.region, setting.vpc_id)];
    let behind = |number: usize, resources: Vec<String>| Statement::allow(&format!("Behind{number}"), &INFERENCE, resources);
    let mut number = 0;
    let mut add = |resources: Vec<String>, operator: &str, through: String| {
        statements.push(behind(number, resources).when(operator, "bedrock:InferenceProfileArn", vec![through]));
        number += 1;
    };
    for profile in &terms.profiles {
        let Some((geography, model)) = profile.split_once('.') else { continue };
        let regions: Vec<&str> = if GLOBAL.trim_end_matches('.') == geography {
            vec!["", &scope.region]
        } else {
            terms.regions.iter().map(String::as_str).collect()
        };
        let mut resources: Vec<String> = regions.into_iter().map(|region| scope.foundation_model_arn(region, model)).collect();
        let unknown = resolved.iter().filter(|found| found.id == *profile).flat_map(|found| &found.model_arns);
        resources.extend(unknown.filter(|arn| arn.contains('<')).cloned());
        add(resources, if is_family(profile) { "StringLike" } else { "StringEquals" }, setting.profile_arn(profile));
    }
    for profile in application {
        add(profile.model_arns.iter().cloned().collect(), "StringEquals", setting.profile_arn(&profile.id));
    }
    statements
}

fn is_application(setting: &Setting, profile: &Profile) -> bool {
    setting.terms.application_profiles.contains_key(&profile.id)
}
