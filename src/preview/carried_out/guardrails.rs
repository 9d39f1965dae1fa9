//! Guardrails once a plan was carried out: what is made or changed is published by the passes that follow.

use crate::domain::names;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::guardrails::{GuardrailContent, GuardrailVersion, ObservedGuardrail};
use crate::plan::Action;
use crate::plan::environment::Rules;

/// Adds what an action makes, changes or publishes.
pub(super) fn carry_out(observed: &mut EnvironmentObservation, rules: &Rules, action: &Action) {
    let named = |name: &str| rules.guardrails.iter().find(|rule| names::guardrail(&rules.scope, &rule.name) == name);
    let (name, content) = match action {
        Action::CreateGuardrail(new) => (&new.name, Some(&new.content)),
        Action::UpdateGuardrail { name, content, .. } => (name, Some(&**content)),
        Action::CreateGuardrailVersion { name, .. } => (name, None),
        _ => return,
    };
    let Some(rule) = named(name) else { return };
    let Some(Ok(found)) = observed.guardrails.get_mut(&rule.name) else { return };
    publish(found, &rule.name, content, &rules.scope);
}

fn publish(found: &mut ObservedGuardrail, name: &str, content: Option<&GuardrailContent>, scope: &crate::domain::Scope) {
    let draft = found.draft.get_or_insert_with(|| {
        let id = format!("<guardrail-id-of-{name}>");
        let arn = format!("arn:{}:bedrock:{}:{}:guardrail/{id}", scope.partition, scope.region, scope.account_id);
        GuardrailVersion { id, arn, version: "DRAFT".to_owned(), status: "READY".to_owned(), ..GuardrailVersion::default() }
    });
    if let Some(content) = content {
        draft.content = content.clone();
        draft.has_other_policies = false;
    }
    found.ours = true;
    let same = found.published.as_ref().is_some_and(|published| published.content == draft.content);
    if !same {
        let before = found.published.as_ref().and_then(|published| published.version.parse::<u64>().ok()).unwrap_or_default();
        found.published = Some(GuardrailVersion { version: (before + 1).to_string(), ..draft.clone() });
    }
}
