//! Guardrails of Amazon Bedrock: made by the operator, or the platform's own. Words are those of Bedrock's API
//! (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html>).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::Management;

/// A guardrail, and the name that accesses use for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.management == 'Provision' || (has(self.guardrailId) && has(self.version))",
        "management Verify needs guardrailId and version: the published guardrail to verify"),
    validation = ("self.management != 'Provision' || (!has(self.guardrailId) && !has(self.version))",
        "guardrailId and version name a guardrail of yours: set management to Verify, or remove them to have one made"),
    validation = ("self.management == 'Provision' || (!has(self.contentFilters) && !has(self.piiEntities) && !has(self.regexes) && !has(self.contextualGrounding) && !has(self.blockedMessage))",
        "what a guardrail does is declared for one that the operator makes: set management to Provision, or remove contentFilters, piiEntities, regexes, contextualGrounding and blockedMessage")
)]
pub struct Guardrail {
    /// Name that accesses use in guardrailRef.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Provision makes the guardrail, keeps its draft as declared and publishes a version of each change; Verify only looks.
    pub management: Management,
    /// Whether accesses that name no guardrail get this one. Absent means false.
    #[serde(rename = "default")]
    pub is_default: Option<bool>,
    /// Id of the guardrail to verify, in the environment's account and Region.
    #[schemars(regex(pattern = r"^[a-z0-9]{1,32}$"))]
    pub guardrail_id: Option<String>,
    /// Its published version that is to be used.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,7}$"))]
    pub version: Option<String>,
    /// The customer-managed key that its configuration is encrypted with; callers may decrypt with it. Absent means AWS's own key, which
    /// is a finding.
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"))]
    pub kms_key_arn: Option<String>,
    /// Filters of harmful content. Absent means all of them at HIGH.
    #[schemars(length(min = 1, max = 6))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub content_filters: Option<Vec<ContentFilter>>,
    /// Kinds of personal information that are blocked or masked. Absent means none, which is a finding. Bedrock has none for dates, US
    /// medical record numbers, health plan numbers and device ids: declare regexes for those.
    #[schemars(length(min = 1, max = 31))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub pii_entities: Option<Vec<PiiEntity>>,
    /// Patterns of further personal information, such as the medical record numbers of your systems.
    #[schemars(length(min = 1, max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub regexes: Option<Vec<SensitivePattern>>,
    /// How well answers have to be grounded in the source that the request gives. Absent means that this is not judged.
    pub contextual_grounding: Option<ContextualGrounding>,
    /// What is said in place of a blocked request or answer. Absent means a sentence that says that the guardrail blocked it.
    #[schemars(length(min = 1, max = 500))]
    pub blocked_message: Option<String>,
    /// How long roles may name the former version after a new one is published, such as 7d or 12h. Absent means 7d.
    #[schemars(regex(pattern = r"^[0-9]{1,4}[smhd]$"))]
    pub overlap: Option<String>,
}

/// A filter of harmful content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.type != 'PROMPT_ATTACK' || !has(self.outputStrength) || self.outputStrength == 'NONE'",
    "PROMPT_ATTACK judges requests only: its outputStrength is NONE"))]
pub struct ContentFilter {
    /// Kind of content.
    #[serde(rename = "type")]
    pub kind: ContentType,
    /// Strength on requests. Absent means HIGH.
    pub input_strength: Option<FilterStrength>,
    /// Strength on answers. Absent means HIGH; for PROMPT_ATTACK, NONE.
    pub output_strength: Option<FilterStrength>,
}

/// Kinds of harmful content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContentType {
    /// Hate.
    Hate,
    /// Insults.
    Insults,
    /// Crime and the like.
    Misconduct,
    /// Attempts to go around the application's instructions.
    PromptAttack,
    /// Sexual content.
    Sexual,
    /// Violence.
    Violence,
    /// A value of a newer version of this API; the guardrail is not made.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// Strength of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FilterStrength {
    /// Off.
    None,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// A value of a newer version of this API; taken as HIGH.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// A kind of personal information, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PiiEntity {
    /// Kind in Bedrock's words, such as NAME, ADDRESS, PHONE, EMAIL or US_SOCIAL_SECURITY_NUMBER.
    #[serde(rename = "type")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Z][A-Z_]*[A-Z]$"))]
    #[x_kube(validation = ("self in ['ADDRESS', 'AGE', 'AWS_ACCESS_KEY', 'AWS_SECRET_KEY', 'CA_HEALTH_NUMBER', 'CA_SOCIAL_INSURANCE_NUMBER', 'CREDIT_DEBIT_CARD_CVV', 'CREDIT_DEBIT_CARD_EXPIRY', 'CREDIT_DEBIT_CARD_NUMBER', 'DRIVER_ID', 'EMAIL', 'INTERNATIONAL_BANK_ACCOUNT_NUMBER', 'IP_ADDRESS', 'LICENSE_PLATE', 'MAC_ADDRESS', 'NAME', 'PASSWORD', 'PHONE', 'PIN', 'SWIFT_CODE', 'UK_NATIONAL_HEALTH_SERVICE_NUMBER', 'UK_NATIONAL_INSURANCE_NUMBER', 'UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER', 'URL', 'USERNAME', 'US_BANK_ACCOUNT_NUMBER', 'US_BANK_ROUTING_NUMBER', 'US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER', 'US_PASSPORT_NUMBER', 'US_SOCIAL_SECURITY_NUMBER', 'VEHICLE_IDENTIFICATION_NUMBER']",
        "not a kind of personal information that Bedrock knows: use one such as NAME, ADDRESS, PHONE, EMAIL, US_SOCIAL_SECURITY_NUMBER, or a pattern in regexes"))]
    pub kind: String,
    /// BLOCK refuses the request or answer, ANONYMIZE masks what was found.
    pub action: SensitiveAction,
}

/// What becomes of personal information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SensitiveAction {
    /// The request or answer is refused.
    Block,
    /// It is masked.
    Anonymize,
    /// A value of a newer version of this API; taken as BLOCK.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// A pattern of personal information.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SensitivePattern {
    /// Its name, which masked text shows.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9_ -]+$"))]
    pub name: String,
    /// Regular expression, such as MRN-[0-9]{8}. Write the form of the numbers, never a number of a patient.
    #[schemars(length(min = 1, max = 500))]
    pub pattern: String,
    /// BLOCK or ANONYMIZE.
    pub action: SensitiveAction,
}

/// Thresholds below which an answer is blocked, in hundredths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextualGrounding {
    /// Grounding in the source, 0 to 99 hundredths. Absent means that it is not judged.
    #[schemars(range(min = 0, max = 99))]
    pub grounding_percent: Option<i32>,
    /// Relevance to the question, 0 to 99 hundredths. Absent means that it is not judged.
    #[schemars(range(min = 0, max = 99))]
    pub relevance_percent: Option<i32>,
}

/// A guardrail as it is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailStatus {
    /// The environment's name for it.
    pub name: String,
    /// Who made it: what was only verified is never taken for ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<Management>,
    /// Its id.
    pub guardrail_id: String,
    /// Its ARN.
    pub arn: String,
    /// The published version that applications are told to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// ARN and version before, which roles may name until the overlap ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_identifier: Option<String>,
    /// The key of its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// The key of the version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_kms_key_arn: Option<String>,
    /// ARN of the guardrail profile that takes it to other Regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_arn: Option<String>,
    /// Since when version is the one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}
