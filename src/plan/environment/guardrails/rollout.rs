//! Which version of each guardrail is in use. Applications name id and version in their calls, so a new version is rolled out: roles may
//! name the old and the new one until the overlap ends or a person confirms that everybody has moved.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::guardrails::GuardrailStatus;
use crate::api::shared::Management;
use crate::observed::Read;
use crate::observed::guardrails::{GuardrailVersion, ObservedGuardrail};
use crate::plan::environment::Rules;
use crate::policy::guardrails::PinnedGuardrail;

use super::content::{GuardrailRule, does_what_is_declared};

/// The guardrails in use, from what was read and what is recorded. `confirmed` is the annotation that ends an overlap: a guardrail's
/// name and version, such as `phi:4`. What could not be read, or does not yet do what is declared, goes on as recorded.
#[must_use]
pub fn in_use(
    rules: &Rules,
    observed: &BTreeMap<String, Read<ObservedGuardrail>>,
    recorded: &[GuardrailStatus],
    confirmed: Option<&str>,
    now: Timestamp,
) -> Vec<GuardrailStatus> {
    let one = |rule: &GuardrailRule| {
        let before = recorded.iter().find(|recorded| recorded.name == rule.name);
        match observed.get(&rule.name) {
            Some(Ok(found)) => match usable(rule, found) {
                Some(published) => Some(used(rule, published, before, confirmed, now)),
                None => before.cloned().or_else(|| made(rule, found)),
            },
            _ => before.cloned(),
        }
    };
    rules.guardrails.iter().filter_map(one).collect()
}

/// The published version, if it does what is declared.
fn usable<'a>(rule: &GuardrailRule, found: &'a ObservedGuardrail) -> Option<&'a GuardrailVersion> {
    let published = found.published.as_ref().filter(|published| published.status == "READY")?;
    let as_declared = rule.verified.is_some() || (found.ours && does_what_is_declared(rule, published));
    as_declared.then_some(published)
}

/// One of ours that is made and not published: it is recorded, so that it stays ours without its tags.
fn made(rule: &GuardrailRule, found: &ObservedGuardrail) -> Option<GuardrailStatus> {
    let draft = found.draft.as_ref().filter(|_| found.ours)?;
    Some(GuardrailStatus {
        name: rule.name.clone(),
        management: Some(Management::Provision),
        guardrail_id: draft.id.clone(),
        arn: draft.arn.clone(),
        ..GuardrailStatus::default()
    })
}

fn used(
    rule: &GuardrailRule,
    published: &GuardrailVersion,
    before: Option<&GuardrailStatus>,
    confirmed: Option<&str>,
    now: Timestamp,
) -> GuardrailStatus {
    let fresh = GuardrailStatus {
        name: rule.name.clone(),
        management: Some(if rule.verified.is_some() { Management::Verify } else { Management::Provision }),
        guardrail_id: published.id.clone(),
        arn: published.arn.clone(),
        version: Some(published.version.clone()),
        previous_identifier: None,
        kms_key_arn: published.content.kms_key_arn.clone(),
        previous_kms_key_arn: None,
        profile_arn: published.profile_arn.clone(),
        since: Some(Time(now)),
    };
    let Some(before) = before.filter(|before| before.version.is_some()) else { return fresh };
    if (&before.arn, &before.version) != (&fresh.arn, &fresh.version) {
        let previous_identifier = before.version.as_ref().map(|version| format!("{}:{version}", before.arn));
        return GuardrailStatus { previous_identifier, previous_kms_key_arn: before.kms_key_arn.clone(), ..fresh };
    }
    let ended = before.since.as_ref().is_none_or(|since| now.as_second() - since.0.as_second() >= rule.overlap_seconds);
    let confirmed = confirmed == Some(format!("{}:{}", rule.name, published.version).as_str());
    let overlaps = !ended && !confirmed;
    GuardrailStatus {
        previous_identifier: before.previous_identifier.clone().filter(|_| overlaps),
        previous_kms_key_arn: before.previous_kms_key_arn.clone().filter(|_| overlaps),
        since: before.since.clone(),
        ..fresh
    }
}

/// What policies pin of each declared guardrail; `None` for one of which no version is usable yet.
#[must_use]
pub fn pinned(rules: &Rules, in_use: &[GuardrailStatus]) -> BTreeMap<String, Option<PinnedGuardrail>> {
    let one = |rule: &GuardrailRule| {
        let used = in_use.iter().find(|used| used.name == rule.name)?;
        let version = used.version.clone()?;
        let identifiers = used.previous_identifier.iter().cloned().chain([format!("{}:{version}", used.arn)]);
        Some(PinnedGuardrail {
            name: rule.name.clone(),
            id: used.guardrail_id.clone(),
            version,
            identifiers: identifiers.collect(),
            kms_key_arns: used.kms_key_arn.iter().chain(&used.previous_kms_key_arn).cloned().collect(),
            profile_arn: used.profile_arn.clone(),
        })
    };
    rules.guardrails.iter().map(|rule| (rule.name.clone(), one(rule))).collect()
}
