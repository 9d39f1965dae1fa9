//! Guardrails, as Bedrock tells them: in a form that depends neither on the order of lists nor on what the service adds by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What of a guardrail's configuration is declared. Words are Bedrock's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailContent {
    /// Strength on requests and on answers, by kind of content.
    pub content_filters: BTreeMap<String, (String, String)>,
    /// What becomes of personal information, by its kind.
    pub pii_entities: BTreeMap<String, String>,
    /// Pattern and what becomes of what it finds, by its name.
    pub regexes: BTreeMap<String, (String, String)>,
    /// Thresholds in hundredths: `GROUNDING`, `RELEVANCE`.
    pub contextual_grounding: BTreeMap<String, i32>,
    /// What is said in place of a blocked request.
    pub blocked_input_messaging: String,
    /// What is said in place of a blocked answer.
    pub blocked_outputs_messaging: String,
    /// The customer-managed key of the configuration; `None` is AWS's own.
    pub kms_key_arn: Option<String>,
}

/// One version of a guardrail, or its draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailVersion {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// `DRAFT`, or a number.
    pub version: String,
    /// Status in Bedrock's words, such as `READY`, `CREATING`, `FAILED`.
    pub status: String,
    /// What it does.
    pub content: GuardrailContent,
    /// Whether it has policies beside those that are declared: topics, words, reasoning.
    pub has_other_policies: bool,
    /// ARN of the guardrail profile that takes it to other Regions.
    pub profile_arn: Option<String>,
}

/// What there is of a declared guardrail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedGuardrail {
    /// Of one that the operator makes, its draft.
    pub draft: Option<GuardrailVersion>,
    /// The published version that is declared; of one that the operator makes, the newest.
    pub published: Option<GuardrailVersion>,
    /// Whether one that the operator makes is recorded or carries our tags.
    pub ours: bool,
}
