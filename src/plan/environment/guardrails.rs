//! Guardrails: made, kept as declared and published, or the platform's own, verified.
//!
//! What is published does not change any more; a change of the draft is of no effect before a version is published of it. So a draft that
//! someone made stricter is left, and one that is weaker is made as declared again, but a version is published only when none does what
//! is declared.

mod content;
mod rollout;

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::{digest, names, tags};
use crate::observed::guardrails::{GuardrailVersion, ObservedGuardrail};
use crate::plan::action::NewGuardrail;
use crate::plan::{Action, Finding, Plan};

pub use content::{GuardrailRule, rules};
use content::{differences, does_what_is_declared, is_stricter, posture};
pub use rollout::{in_use, pinned};

use super::EnvironmentInputs;

const FAMILY: ConditionType = ConditionType::GuardrailsReady;
const CONTROL: Control = Control::Guardrails;

pub(super) fn plan(inputs: &EnvironmentInputs) -> Plan {
    let mut plan = Plan::default();
    if inputs.rules.guardrails.is_empty() {
        let message = "spec.bedrock.guardrails declares none: calls to models carry no guardrail, and none is demanded; declare one, and make it the default";
        plan.findings.push(Finding::fail(CONTROL, FAMILY, Reason::NoGuardrail, message).advisory());
    }
    for rule in &inputs.rules.guardrails {
        plan.extend(match inputs.observed.guardrails.get(&rule.name) {
            None => one(Finding::waiting(CONTROL, FAMILY).about(&rule.name)),
            Some(Err(fault)) => one(Finding::unreadable(CONTROL, FAMILY, fault).about(&rule.name)),
            Some(Ok(_)) if rule.unrecognized => {
                let message = "it holds a value that this version of the operator does not know; the guardrail is left as it is";
                one(Finding::fail(CONTROL, FAMILY, Reason::UnrecognizedValue, message).about(&rule.name))
            }
            Some(Ok(found)) if rule.verified.is_some() => verify(rule, found),
            Some(Ok(found)) => provision(inputs, rule, found),
        });
    }
    plan
}

fn one(finding: Finding) -> Plan {
    Plan { findings: vec![finding], ..Plan::default() }
}

fn fail(rule: &GuardrailRule, reason: Reason, message: String) -> Finding {
    Finding::fail(CONTROL, FAMILY, reason, message).about(&rule.name)
}

/// What Bedrock is still at is not settled: nothing narrower is anybody's doing before it is.
fn under_way(rule: &GuardrailRule, message: String) -> Finding {
    let mut finding = Finding::unread(CONTROL, FAMILY, message).about(&rule.name);
    finding.reason = Reason::Progressing;
    finding
}

fn verify(rule: &GuardrailRule, found: &ObservedGuardrail) -> Plan {
    let (id, version) = rule.verified.as_ref().map_or(("", ""), |(id, version)| (id.as_str(), version.as_str()));
    let Some(published) = &found.published else {
        let message = format!("there is no guardrail {id} with version {version}; correct guardrailId and version, or publish it");
        return one(fail(rule, Reason::GuardrailNotFound, message));
    };
    if published.status != "READY" {
        let message = format!("guardrail {id}, version {version}, is {}, wanted READY; wait, or publish another version", published.status);
        return one(fail(rule, Reason::GuardrailNotReady, message));
    }
    let mut findings = vec![Finding::pass(CONTROL, FAMILY, format!("guardrail {id}, version {version}, is there")).about(&rule.name)];
    if rule.content.kms_key_arn.is_some() && published.content.kms_key_arn != rule.content.kms_key_arn {
        let found = published.content.kms_key_arn.as_deref().unwrap_or("AWS's own key");
        let message = format!(
            "guardrail {id} is encrypted with {found}, not with the kmsKeyArn of the spec: callers cannot decrypt it; correct kmsKeyArn"
        );
        findings.push(fail(rule, Reason::KeyElsewhere, message));
    }
    findings.extend(posture(rule, published));
    Plan { findings, ..Plan::default() }
}

fn provision(inputs: &EnvironmentInputs, rule: &GuardrailRule, found: &ObservedGuardrail) -> Plan {
    let scope = &inputs.rules.scope;
    let name = names::guardrail(scope, &rule.name);
    let digest = digest::of_value(&rule.content);
    let recorded = inputs.recorded_guardrails.iter().find(|recorded| recorded.name == rule.name);
    let Some(draft) = &found.draft else {
        // One that was deleted is another one's predecessor, and an environment made again is another one: the same token would give
        // what was deleted again.
        let before = recorded.map(|recorded| recorded.guardrail_id.as_str()).unwrap_or_default();
        let client_token = names::client_token(&[&scope.cluster_arn(), &scope.environment, inputs.uid, &rule.name, &digest, before]);
        let (content, tags) = (rule.content.clone(), tags::of_environment(scope));
        let action = Action::CreateGuardrail(Box::new(NewGuardrail { name, content, client_token, tags }));
        let missing = fail(rule, Reason::GuardrailNotFound, "the guardrail does not exist yet".to_owned());
        return Plan { actions: vec![action], findings: vec![missing], ..Plan::default() };
    };
    if !found.ours {
        let message = format!(
            "{} is there under the name {name}, does not carry our tags and is not recorded; it is left as it is: rename or delete it, or name it in guardrailId with management Verify",
            draft.arn
        );
        return one(fail(rule, Reason::Conflict, message));
    }
    if !matches!(draft.status.as_str(), "READY" | "FAILED") {
        return one(under_way(rule, format!("guardrail {} is {}", draft.id, draft.status)));
    }
    let mut plan = draft_as_declared(inputs, rule, draft, &name);
    let written = !plan.actions.is_empty();
    match &found.published {
        Some(published) if does_what_is_declared(rule, published) => {
            let message = format!("guardrail {} does what is declared in version {}", published.id, published.version);
            plan.findings.push(if published.status == "READY" {
                Finding::pass(CONTROL, FAMILY, message).about(&rule.name)
            } else {
                under_way(rule, format!("version {} of guardrail {} is {}", published.version, published.id, published.status))
            });
            plan.findings.extend(posture(rule, published));
        }
        published => {
            let number = published.as_ref().map(|published| published.version.clone()).unwrap_or_default();
            if !written && draft.status == "READY" && does_what_is_declared(rule, draft) {
                // One that was deleted is recorded still: the same token would give the deleted one again.
                let used = recorded.and_then(|recorded| recorded.version.as_deref()).unwrap_or_default();
                let client_token = names::client_token(&[&draft.arn, &digest, &number, used]);
                plan.actions.push(Action::CreateGuardrailVersion { id: draft.id.clone(), name, client_token });
            }
            let message = "no published version does what is declared yet; roles go on with the last one".to_owned();
            plan.findings.push(fail(rule, Reason::GuardrailNotReady, message));
        }
    }
    plan
}

/// The draft: a failed or weaker one is written again.
fn draft_as_declared(inputs: &EnvironmentInputs, rule: &GuardrailRule, draft: &GuardrailVersion, name: &str) -> Plan {
    let differing = differences(&rule.content, &draft.content);
    if differing.is_empty() && !draft.has_other_policies && draft.profile_arn.is_none() {
        return if draft.status == "FAILED" {
            one(fail(
                rule,
                Reason::GuardrailNotReady,
                format!("guardrail {} is FAILED; see its statusReasons in Bedrock, and correct the spec", draft.id),
            ))
        } else {
            Plan::default()
        };
    }
    if inputs.may_hold && draft.profile_arn.is_none() && is_stricter(&draft.content, &rule.content) {
        return one(Finding::held(CONTROL, FAMILY, &format!("the draft of guardrail {}", draft.id)).about(&rule.name).advisory());
    }
    let more = draft.has_other_policies.then(|| "further policies: found some, wanted none".to_owned());
    let elsewhere = draft.profile_arn.as_ref().map(|arn| format!("crossRegionConfig: found {arn}, wanted none"));
    let differing = differing.into_iter().chain(more).chain(elsewhere).collect::<Vec<_>>().join("; ");
    let message = format!("the draft of guardrail {} is not the declared one: {differing}", draft.id);
    Plan {
        actions: vec![Action::UpdateGuardrail { id: draft.id.clone(), name: name.to_owned(), content: Box::new(rule.content.clone()) }],
        findings: vec![fail(rule, Reason::Drifted, message).advisory()],
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests;
