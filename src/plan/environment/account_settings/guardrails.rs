//! Guardrails that the account enforces. A guardrail that IAM makes callers name is not enforced: by tags they choose what it looks at.

use std::collections::BTreeSet;

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::observed::account_settings::EnforcedGuardrail;
use crate::plan::Finding;
use crate::plan::environment::EnvironmentInputs;
use crate::plan::facts::callable_profiles;
use crate::policy::guardrails::takes_guardrail;

use super::FAMILY;

const CONTROL: Control = Control::GuardrailEnforcement;

/// Judges whether every approved model that takes a guardrail is under an enforced one, whatever the caller sends.
pub(super) fn judge(inputs: &EnvironmentInputs) -> Finding {
    let finding = match &inputs.observed.settings.enforced_guardrails {
        Err(fault) => Finding::unreadable(CONTROL, FAMILY, fault),
        Ok(enforced) => coverage(&models(inputs), enforced, &inputs.rules.scope.region),
    };
    finding.about("account")
}

fn coverage(models: &BTreeSet<String>, enforced: &[EnforcedGuardrail], region: &str) -> Finding {
    if models.is_empty() {
        return Finding::not_applicable(CONTROL, FAMILY, "no model that takes a guardrail is approved by its id, or named by an access");
    }
    let without = |covers: &dyn Fn(&EnforcedGuardrail) -> bool| {
        let open = models.iter().filter(|model| !enforced.iter().any(|guardrail| guardrail.covers(model) && covers(guardrail)));
        open.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let uncovered = without(&|_| true);
    if !uncovered.is_empty() {
        let message = format!(
            "the account enforces no guardrail in {region} on {uncovered}, so that it is up to each caller; enforcement by a policy of AWS Organizations is not seen here. Enforce one (aws bedrock put-enforced-guardrail-configuration --region {region}, with selectiveContentGuarding COMPREHENSIVE) once every caller in the account may bedrock:ApplyGuardrail on it: the operator never does"
        );
        return Finding::fail(CONTROL, FAMILY, Reason::GuardrailNotEnforced, message);
    }
    let unguarded =
        |guardrail: &EnforcedGuardrail| [guardrail.guards_all_of_system, guardrail.guards_all_of_messages].contains(&Some(false));
    let skippable = without(&|guardrail| !unguarded(guardrail));
    if !skippable.is_empty() {
        let message = format!(
            "the guardrail that the account enforces in {region} on {skippable} looks only at what the caller tags (selectiveContentGuarding SELECTIVE, or inputTags HONOR): set it to COMPREHENSIVE for system and messages"
        );
        return Finding::fail(CONTROL, FAMILY, Reason::GuardrailSkippable, message);
    }
    let not_told = without(&EnforcedGuardrail::guards_all);
    if !not_told.is_empty() {
        let message = format!(
            "the account enforces a guardrail in {region} on {not_told}, and does not say whether callers can leave text out by tags: set selectiveContentGuarding to COMPREHENSIVE for system and messages"
        );
        return Finding::unread(CONTROL, FAMILY, message);
    }
    let names: Vec<String> = enforced.iter().map(|guardrail| format!("{}:{}", guardrail.arn, guardrail.version)).collect();
    Finding::pass(
        CONTROL,
        FAMILY,
        format!("the account enforces {} on every approved model that takes a guardrail, whatever the caller tags", names.join(", ")),
    )
}

/// The approved models that take guardrails, by id: those of the spec, and those behind its profiles.
fn models(inputs: &EnvironmentInputs) -> BTreeSet<String> {
    let profiles = callable_profiles(&inputs.observed.profiles, &inputs.rules.terms);
    let behind = profiles.iter().flat_map(|profile| &profile.model_arns).filter_map(|arn| arn.split_once("foundation-model/"));
    let behind = behind.map(|(_, model)| model.to_owned());
    inputs.rules.models().into_iter().chain(behind).filter(|model| takes_guardrail(model)).collect()
}
