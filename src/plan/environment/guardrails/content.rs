//! What a guardrail does: as declared with its defaults, compared with what is found, and judged.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::conditions::Reason;
use crate::api::guardrails::{ContentType, FilterStrength, Guardrail, SensitiveAction};
use crate::api::shared::Management;
use crate::catalogue::Control;
use crate::observed::guardrails::{GuardrailContent, GuardrailVersion};
use crate::plan::Finding;

use super::FAMILY;

/// How long roles may name the former version, in seconds, unless the spec says otherwise.
const OVERLAP: i64 = 7 * 24 * 3600;
const BLOCKED: &str = "This was blocked by the guardrail of this environment.";

/// A declared guardrail with every default resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardrailRule {
    /// The environment's name for it.
    pub name: String,
    /// Id and version of the platform's guardrail; `None` if the operator makes it.
    pub verified: Option<(String, String)>,
    /// Whether accesses that name none get it.
    pub is_default: bool,
    /// What it is to do; of a verified one the key alone.
    pub content: GuardrailContent,
    /// How long roles may name the former version, in seconds.
    pub overlap_seconds: i64,
    /// Whether it holds a value that this version does not know.
    pub unrecognized: bool,
}

/// The declared guardrails, by name.
#[must_use]
pub fn rules(declared: &[Guardrail]) -> Vec<GuardrailRule> {
    let mut rules: Vec<GuardrailRule> = declared.iter().map(rule).collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    rules
}

fn rule(declared: &Guardrail) -> GuardrailRule {
    let filters = declared.content_filters.iter().flatten();
    let unknown_filter = filters.clone().any(|filter| filter.kind == ContentType::Unrecognized);
    let verified = (declared.management != Management::Provision)
        .then(|| (declared.guardrail_id.clone().unwrap_or_default(), declared.version.clone().unwrap_or_default()));
    GuardrailRule {
        name: declared.name.clone(),
        is_default: declared.is_default.unwrap_or(false),
        content: if verified.is_some() {
            GuardrailContent { kms_key_arn: declared.kms_key_arn.clone(), ..GuardrailContent::default() }
        } else {
            content(declared)
        },
        verified,
        overlap_seconds: declared.overlap.as_deref().and_then(seconds).unwrap_or(OVERLAP),
        unrecognized: unknown_filter || declared.management == Management::Unrecognized,
    }
}

fn content(declared: &Guardrail) -> GuardrailContent {
    let message = declared.blocked_message.clone().unwrap_or_else(|| BLOCKED.to_owned());
    let thresholds = declared.contextual_grounding.iter().flat_map(|grounding| {
        let percents = [("GROUNDING", grounding.grounding_percent), ("RELEVANCE", grounding.relevance_percent)];
        percents.into_iter().filter_map(|(kind, percent)| Some((kind.to_owned(), percent?)))
    });
    GuardrailContent {
        content_filters: filters(declared),
        pii_entities: declared
            .pii_entities
            .iter()
            .flatten()
            .map(|entity| (entity.kind.clone(), action(entity.action).to_owned()))
            .collect(),
        regexes: declared
            .regexes
            .iter()
            .flatten()
            .map(|regex| (regex.name.clone(), (regex.pattern.clone(), action(regex.action).to_owned())))
            .collect(),
        contextual_grounding: thresholds.collect(),
        blocked_input_messaging: message.clone(),
        blocked_outputs_messaging: message,
        kms_key_arn: declared.kms_key_arn.clone(),
    }
}

fn filters(declared: &Guardrail) -> BTreeMap<String, (String, String)> {
    const ALL: [ContentType; 6] = [
        ContentType::Hate,
        ContentType::Insults,
        ContentType::Misconduct,
        ContentType::PromptAttack,
        ContentType::Sexual,
        ContentType::Violence,
    ];
    let of = |kind: ContentType, input: Option<FilterStrength>, output: Option<FilterStrength>| {
        let output = if kind == ContentType::PromptAttack { "NONE" } else { strength(output) };
        (word(kind).to_owned(), (strength(input).to_owned(), output.to_owned()))
    };
    match &declared.content_filters {
        None => ALL.into_iter().map(|kind| of(kind, None, None)).collect(),
        Some(filters) => filters.iter().map(|filter| of(filter.kind, filter.input_strength, filter.output_strength)).collect(),
    }
}

fn word(kind: ContentType) -> &'static str {
    match kind {
        ContentType::Hate => "HATE",
        ContentType::Insults => "INSULTS",
        ContentType::Misconduct => "MISCONDUCT",
        ContentType::PromptAttack => "PROMPT_ATTACK",
        ContentType::Sexual => "SEXUAL",
        ContentType::Violence => "VIOLENCE",
        ContentType::Unrecognized => "UNRECOGNIZED",
    }
}

fn strength(strength: Option<FilterStrength>) -> &'static str {
    match strength {
        Some(FilterStrength::None) => "NONE",
        Some(FilterStrength::Low) => "LOW",
        Some(FilterStrength::Medium) => "MEDIUM",
        None | Some(FilterStrength::High | FilterStrength::Unrecognized) => "HIGH",
    }
}

fn action(action: SensitiveAction) -> &'static str {
    match action {
        SensitiveAction::Anonymize => "ANONYMIZE",
        SensitiveAction::Block | SensitiveAction::Unrecognized => "BLOCK",
    }
}

/// Seconds of a duration such as `7d`.
fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    Some(number.parse::<i64>().ok()? * unit)
}

/// Whether a version of ours does what is declared, and in this Region only.
pub(super) fn does_what_is_declared(rule: &GuardrailRule, version: &GuardrailVersion) -> bool {
    version.profile_arn.is_none() && differences(&rule.content, &version.content).is_empty()
}

/// What differs, each with what was found and what is wanted. Nothing if both do the same.
pub(super) fn differences(wanted: &GuardrailContent, found: &GuardrailContent) -> Vec<String> {
    let pair = |(one, other): &(String, String)| format!("{one} {other}");
    let mut differing = Vec::new();
    differing.extend(differing_entries("contentFilters", &wanted.content_filters, &found.content_filters, pair));
    differing.extend(differing_entries("piiEntities", &wanted.pii_entities, &found.pii_entities, String::clone));
    differing.extend(differing_entries("regexes", &wanted.regexes, &found.regexes, pair));
    differing.extend(differing_entries("contextualGrounding", &wanted.contextual_grounding, &found.contextual_grounding, i32::to_string));
    let texts = |of: &GuardrailContent| (of.blocked_input_messaging.clone(), of.blocked_outputs_messaging.clone());
    if texts(wanted) != texts(found) {
        differing.push("another blockedMessage".to_owned());
    }
    if wanted.kms_key_arn != found.kms_key_arn {
        let named = |key: &Option<String>| key.clone().unwrap_or_else(|| "AWS's own key".to_owned());
        differing.push(format!("kmsKeyArn: found {}, wanted {}", named(&found.kms_key_arn), named(&wanted.kms_key_arn)));
    }
    differing
}

fn differing_entries<T: PartialEq>(
    what: &str,
    wanted: &BTreeMap<String, T>,
    found: &BTreeMap<String, T>,
    text: impl Fn(&T) -> String,
) -> Vec<String> {
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let told = |entry: Option<&T>| entry.map_or_else(|| "nothing".to_owned(), &text);
    let differing = names.into_iter().filter(|name| wanted.get(*name) != found.get(*name));
    differing.map(|name| format!("{what} {name}: found {}, wanted {}", told(found.get(name)), told(wanted.get(name)))).collect()
}

/// Whether one content stops at least everything that the other stops, with the same words and under the same key.
pub(super) fn is_stricter(one: &GuardrailContent, other: &GuardrailContent) -> bool {
    const STRENGTHS: [&str; 4] = ["NONE", "LOW", "MEDIUM", "HIGH"];
    const ACTIONS: [&str; 3] = ["NONE", "ANONYMIZE", "BLOCK"];
    let rank = |scale: &[&str], word: &str| scale.iter().position(|step| *step == word);
    let at_least =
        |scale: &[&str], one: &str, other: &str| matches!((rank(scale, one), rank(scale, other)), (Some(one), Some(other)) if one >= other);
    let filters = other.content_filters.iter().all(|(kind, (input, output))| {
        one.content_filters
            .get(kind)
            .is_some_and(|(ours_in, ours_out)| at_least(&STRENGTHS, ours_in, input) && at_least(&STRENGTHS, ours_out, output))
    });
    let entities =
        other.pii_entities.iter().all(|(kind, action)| one.pii_entities.get(kind).is_some_and(|ours| at_least(&ACTIONS, ours, action)));
    let regexes = other.regexes.iter().all(|(name, (pattern, action))| {
        one.regexes.get(name).is_some_and(|(ours, what)| ours == pattern && at_least(&ACTIONS, what, action))
    });
    let grounding =
        other.contextual_grounding.iter().all(|(kind, threshold)| one.contextual_grounding.get(kind).is_some_and(|ours| ours >= threshold));
    let texts = |of: &GuardrailContent| (of.blocked_input_messaging.clone(), of.blocked_outputs_messaging.clone(), of.kms_key_arn.clone());
    filters && entities && regexes && grounding && texts(one) == texts(other)
}

/// What a guardrail for PHI should do, whoever made it: filter content, do something about personal information in both directions, and
/// keep its configuration under a customer-managed key.
pub(super) fn posture(rule: &GuardrailRule, published: &GuardrailVersion) -> Vec<Finding> {
    let content = &published.content;
    let off = |word: &String| word == "NONE";
    let mut findings = Vec::new();
    let mut fail = |reason, message: String| {
        findings.push(Finding::fail(Control::Guardrails, FAMILY, reason, message).about(&format!("{}/{reason:?}", rule.name)).advisory());
    };
    if content.content_filters.values().all(|(input, output)| off(input) && off(output)) {
        fail(Reason::GuardrailTooWeak, format!("guardrail {} filters no content: declare contentFilters", published.id));
    }
    if let Some(profile) = &published.profile_arn {
        let message = format!(
            "guardrail {} takes text to the Regions of {profile}, which are not read here: see that all of them are approved",
            published.id
        );
        findings.push(Finding::unread(Control::ApprovedRegions, FAMILY, message).about(&rule.name).advisory());
    }
    let mut fail = |reason, message: String| {
        findings.push(Finding::fail(Control::Guardrails, FAMILY, reason, message).about(&format!("{}/{reason:?}", rule.name)).advisory());
    };
    let acts = content.pii_entities.values().chain(content.regexes.values().map(|(_, action)| action)).any(|action| !off(action));
    if !acts {
        let message = format!(
            "guardrail {} neither blocks nor masks personal information: declare piiEntities and regexes with BLOCK or ANONYMIZE",
            published.id
        );
        fail(Reason::PersonalInformationPasses, message);
    }
    if content.kms_key_arn.is_none() {
        let message = format!("guardrail {} is encrypted with AWS's own key: name a customer-managed one in kmsKeyArn", published.id);
        fail(Reason::KeyNotCustomerManaged, message);
    }
    findings
}
