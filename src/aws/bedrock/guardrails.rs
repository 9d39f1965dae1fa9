//! Guardrails: read with their contents, made, changed, published.

use std::collections::BTreeMap;

use aws_sdk_bedrock::operation::get_guardrail::GetGuardrailOutput;
use aws_sdk_bedrock::types::{
    GuardrailContentFilter, GuardrailContentFilterAction, GuardrailContentFilterConfig, GuardrailContentPolicy,
    GuardrailContentPolicyConfig, GuardrailContextualGroundingAction, GuardrailContextualGroundingFilterConfig,
    GuardrailContextualGroundingPolicy, GuardrailContextualGroundingPolicyConfig, GuardrailFilterStrength, GuardrailPiiEntity,
    GuardrailPiiEntityConfig, GuardrailRegex, GuardrailRegexConfig, GuardrailSensitiveInformationAction,
    GuardrailSensitiveInformationPolicy, GuardrailSensitiveInformationPolicyConfig, GuardrailSummary, Tag,
};

use super::Bedrock;
use crate::aws::calls::{gone, present};
use crate::aws::fault::unbuildable;
use crate::domain::Fault;
use crate::domain::tags::Tags;
use crate::observed::Read;
use crate::observed::guardrails::{GuardrailContent, GuardrailVersion};

/// Bedrock's name for what is not published.
const DRAFT: &str = "DRAFT";

impl Bedrock {
    /// One version of a guardrail, by its number or `DRAFT`; `None` if it is not there
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetGuardrail.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn guardrail(&self, id: &str, version: &str) -> Read<Option<GuardrailVersion>> {
        let call = self.client.get_guardrail().guardrail_identifier(id).guardrail_version(version).send();
        let answer = present(self.calls.watch("bedrock", "GetGuardrail", call).await)?;
        Ok(answer.filter(|answer| answer.status.as_str() != "DELETING").map(read))
    }

    /// The draft of a guardrail that the operator makes.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn guardrail_draft(&self, id: &str) -> Read<Option<GuardrailVersion>> {
        self.guardrail(id, DRAFT).await
    }

    /// Id and ARN of the guardrail with this name in the Region; `None` if there is none. Names are unique.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn guardrail_named(&self, name: &str) -> Read<Option<(String, String)>> {
        let mut found = self.guardrails(None).await?.into_iter().filter(|guardrail| guardrail.name == name);
        Ok(found.next().map(|guardrail| (guardrail.id, guardrail.arn)))
    }

    /// The highest number among the published versions of a guardrail; `None` if none is
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListGuardrails.html>).
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn newest_guardrail_version(&self, id: &str) -> Read<Option<String>> {
        let versions = present(self.guardrails(Some(id)).await)?.unwrap_or_default();
        let numbers = versions.into_iter().filter_map(|guardrail| guardrail.version.parse::<u64>().ok());
        Ok(numbers.max().map(|number| number.to_string()))
    }

    async fn guardrails(&self, id: Option<&str>) -> Read<Vec<GuardrailSummary>> {
        let request = self.client.list_guardrails().set_guardrail_identifier(id.map(str::to_owned)).max_results(1000);
        let mut pages = request.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = self.calls.page("bedrock", "ListGuardrails", pages.next()).await? {
            all.extend(page.guardrails);
        }
        Ok(all)
    }

    /// Tags of a guardrail.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn guardrail_tags(&self, arn: &str) -> Read<Tags> {
        let call = self.client.list_tags_for_resource().resource_arn(arn).send();
        let answer = present(self.calls.watch("bedrock", "ListTagsForResource", call).await)?;
        let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Makes a guardrail. The `token` makes a second try with the same content one and the same guardrail
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn create_guardrail(&self, name: &str, content: &GuardrailContent, token: &str, tags: &Tags) -> Result<(), Fault> {
        const OPERATION: &str = "CreateGuardrail";
        let policies = Policies::of(content).map_err(|_| unbuildable("bedrock", OPERATION))?;
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect::<Result<Vec<_>, _>>();
        let call = self
            .client
            .create_guardrail()
            .name(name)
            .description(DESCRIPTION)
            .set_content_policy_config(policies.content)
            .set_sensitive_information_policy_config(policies.sensitive)
            .set_contextual_grounding_policy_config(policies.grounding)
            .blocked_input_messaging(&content.blocked_input_messaging)
            .blocked_outputs_messaging(&content.blocked_outputs_messaging)
            .set_kms_key_id(content.kms_key_arn.clone())
            .set_tags(Some(tags.map_err(|_| unbuildable("bedrock", OPERATION))?))
            .client_request_token(token);
        self.calls.watch("bedrock", OPERATION, call.send()).await.map(drop)
    }

    /// Makes the draft what `content` says: policies that it does not name are taken away
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_UpdateGuardrail.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn update_guardrail(&self, id: &str, name: &str, content: &GuardrailContent) -> Result<(), Fault> {
        const OPERATION: &str = "UpdateGuardrail";
        let policies = Policies::of(content).map_err(|_| unbuildable("bedrock", OPERATION))?;
        let call = self
            .client
            .update_guardrail()
            .guardrail_identifier(id)
            .name(name)
            .description(DESCRIPTION)
            .set_content_policy_config(policies.content)
            .set_sensitive_information_policy_config(policies.sensitive)
            .set_contextual_grounding_policy_config(policies.grounding)
            .blocked_input_messaging(&content.blocked_input_messaging)
            .blocked_outputs_messaging(&content.blocked_outputs_messaging)
            .set_kms_key_id(content.kms_key_arn.clone());
        self.calls.watch("bedrock", OPERATION, call.send()).await.map(drop)
    }

    /// Publishes the draft under the next number; the `token` makes a second try the same version
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrailVersion.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn publish_guardrail(&self, id: &str, token: &str) -> Result<(), Fault> {
        let call = self.client.create_guardrail_version().guardrail_identifier(id).client_request_token(token).send();
        self.calls.watch("bedrock", "CreateGuardrailVersion", call).await.map(drop)
    }

    /// Deletes a guardrail with all its versions; one that is gone is no error.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn delete_guardrail(&self, id: &str) -> Result<(), Fault> {
        gone(self.calls.watch("bedrock", "DeleteGuardrail", self.client.delete_guardrail().guardrail_identifier(id).send()).await)
    }
}

const DESCRIPTION: &str = "Guardrail of hipaa-operator";

/// Content as Bedrock takes it.
struct Policies {
    content: Option<GuardrailContentPolicyConfig>,
    sensitive: Option<GuardrailSensitiveInformationPolicyConfig>,
    grounding: Option<GuardrailContextualGroundingPolicyConfig>,
}

impl Policies {
    fn of(content: &GuardrailContent) -> Result<Self, aws_smithy_types::error::operation::BuildError> {
        let filters = content.content_filters.iter().map(|(kind, (input, output))| {
            let filter = GuardrailContentFilterConfig::builder().r#type(kind.as_str().into());
            filter.input_strength(input.as_str().into()).output_strength(output.as_str().into()).build()
        });
        let filters = filters.collect::<Result<Vec<_>, _>>()?;
        let entities = content
            .pii_entities
            .iter()
            .map(|(kind, action)| GuardrailPiiEntityConfig::builder().r#type(kind.as_str().into()).action(action.as_str().into()).build());
        let entities = entities.collect::<Result<Vec<_>, _>>()?;
        let regexes = content.regexes.iter().map(|(name, (pattern, action))| {
            GuardrailRegexConfig::builder().name(name).pattern(pattern).action(action.as_str().into()).build()
        });
        let regexes = regexes.collect::<Result<Vec<_>, _>>()?;
        let thresholds = content.contextual_grounding.iter().map(|(kind, hundredths)| {
            let filter = GuardrailContextualGroundingFilterConfig::builder().r#type(kind.as_str().into());
            filter.threshold(f64::from(*hundredths) / 100.0).build()
        });
        let thresholds = thresholds.collect::<Result<Vec<_>, _>>()?;
        let some = |list: bool| list.then_some(());
        let sensitive = GuardrailSensitiveInformationPolicyConfig::builder()
            .set_pii_entities_config(some(!entities.is_empty()).map(|()| entities.clone()))
            .set_regexes_config(some(!regexes.is_empty()).map(|()| regexes.clone()))
            .build();
        let content = GuardrailContentPolicyConfig::builder().set_filters_config(Some(filters.clone())).build()?;
        let grounding = GuardrailContextualGroundingPolicyConfig::builder().set_filters_config(Some(thresholds.clone())).build()?;
        Ok(Self {
            content: some(!filters.is_empty()).map(|()| content),
            sensitive: some(!entities.is_empty() || !regexes.is_empty()).map(|()| sensitive),
            grounding: some(!thresholds.is_empty()).map(|()| grounding),
        })
    }
}

/// Only what is declared is compared: Bedrock adds actions, modalities and tiers by itself.
fn read(answer: GetGuardrailOutput) -> GuardrailVersion {
    GuardrailVersion {
        has_other_policies: has_other_policies(&answer),
        content: GuardrailContent {
            content_filters: content_filters(&answer),
            pii_entities: pii_entities(&answer),
            regexes: regexes(&answer),
            contextual_grounding: contextual_grounding(&answer),
            blocked_input_messaging: answer.blocked_input_messaging,
            blocked_outputs_messaging: answer.blocked_outputs_messaging,
            kms_key_arn: answer.kms_key_arn,
        },
        profile_arn: answer.cross_region_details.and_then(|details| details.guardrail_profile_arn),
        id: answer.guardrail_id,
        arn: answer.guardrail_arn,
        version: answer.version,
        status: answer.status.as_str().to_owned(),
    }
}

fn has_other_policies(answer: &GetGuardrailOutput) -> bool {
    let topics = answer.topic_policy.as_ref().is_some_and(|policy| !policy.topics().is_empty());
    let words = answer.word_policy.as_ref().is_some_and(|policy| !policy.words().is_empty() || !policy.managed_word_lists().is_empty());
    let reasoning = answer.automated_reasoning_policy.as_ref().is_some_and(|policy| !policy.policies().is_empty());
    topics || words || reasoning
}

fn content_filters(answer: &GetGuardrailOutput) -> BTreeMap<String, (String, String)> {
    let strength = |of: &GuardrailFilterStrength, action: Option<&GuardrailContentFilterAction>, enabled: Option<bool>| {
        // One that only reports stops nothing.
        let off = enabled == Some(false) || action.is_some_and(|action| *action == GuardrailContentFilterAction::None);
        if off { "NONE" } else { of.as_str() }.to_owned()
    };
    let filters = answer.content_policy.as_ref().map(GuardrailContentPolicy::filters).unwrap_or_default();
    let one = |filter: &GuardrailContentFilter| {
        let input = strength(&filter.input_strength, filter.input_action.as_ref(), filter.input_enabled);
        let output = strength(&filter.output_strength, filter.output_action.as_ref(), filter.output_enabled);
        (filter.r#type.as_str().to_owned(), (input, output))
    };
    filters.iter().map(one).collect()
}

fn pii_entities(answer: &GetGuardrailOutput) -> BTreeMap<String, String> {
    let entities = answer.sensitive_information_policy.as_ref().map(GuardrailSensitiveInformationPolicy::pii_entities);
    let one = |entity: &GuardrailPiiEntity| {
        let input = (entity.input_action.as_ref(), entity.input_enabled);
        (entity.r#type.as_str().to_owned(), effect(&entity.action, input, (entity.output_action.as_ref(), entity.output_enabled)))
    };
    entities.unwrap_or_default().iter().map(one).collect()
}

fn regexes(answer: &GetGuardrailOutput) -> BTreeMap<String, (String, String)> {
    let regexes = answer.sensitive_information_policy.as_ref().map(GuardrailSensitiveInformationPolicy::regexes);
    let one = |regex: &GuardrailRegex| {
        let input = (regex.input_action.as_ref(), regex.input_enabled);
        let effect = effect(&regex.action, input, (regex.output_action.as_ref(), regex.output_enabled));
        (regex.name.clone(), (regex.pattern.clone(), effect))
    };
    regexes.unwrap_or_default().iter().map(one).collect()
}

fn contextual_grounding(answer: &GetGuardrailOutput) -> BTreeMap<String, i32> {
    let filters = answer.contextual_grounding_policy.as_ref().map(GuardrailContextualGroundingPolicy::filters).unwrap_or_default();
    let only_reports = |action: &GuardrailContextualGroundingAction| *action == GuardrailContextualGroundingAction::None;
    let on = filters.iter().filter(|filter| filter.enabled != Some(false) && !filter.action.as_ref().is_some_and(only_reports));
    on.map(|filter| (filter.r#type.as_str().to_owned(), hundredths(filter.threshold))).collect()
}

/// What of an action takes effect: where one direction is off, or does something else, that is told.
fn effect(
    action: &GuardrailSensitiveInformationAction,
    input: (Option<&GuardrailSensitiveInformationAction>, Option<bool>),
    output: (Option<&GuardrailSensitiveInformationAction>, Option<bool>),
) -> String {
    let differs = |(of, enabled): (Option<&GuardrailSensitiveInformationAction>, Option<bool>)| {
        let other = of.filter(|of| *of != action).map(|of| of.as_str().to_owned());
        if enabled == Some(false) { Some("NONE".to_owned()) } else { other }
    };
    differs(input).or_else(|| differs(output)).unwrap_or_else(|| action.as_str().to_owned())
}

#[allow(clippy::cast_possible_truncation, reason = "a threshold lies between 0 and 1")]
fn hundredths(threshold: f64) -> i32 {
    (threshold * 100.0).round() as i32
}
