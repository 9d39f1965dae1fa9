//! `BedrockAccess`: which models, which operations, for which use case, for one workload. Written by application teams.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::{ControlCounts, ControlStatus, NameReference};

/// Access of one workload to Amazon Bedrock: the models, the operations and the use case.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "hipaa-operator.io",
    version = "v1alpha1",
    kind = "BedrockAccess",
    plural = "bedrockaccesses",
    namespaced,
    shortname = "bra",
    category = "hipaa",
    status = "BedrockAccessStatus",
    printcolumn = r#"{"name":"Environment","type":"string","jsonPath":".status.environment"}"#,
    printcolumn = r#"{"name":"Workload","type":"string","jsonPath":".spec.workloadRef.name"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Compliant","type":"string","jsonPath":".status.conditions[?(@.type==\"Compliant\")].status"}"#,
    printcolumn = r#"{"name":"Failing","type":"integer","jsonPath":".status.counts.fail"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = ("self.metadata.name.size() <= 63", "metadata.name may have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.workloadRef.name == oldSelf.workloadRef.name",
        "workloadRef cannot be changed: create another BedrockAccess for another workload"),
    validation = ("(has(self.models) && size(self.models) > 0) || (has(self.inferenceProfiles) && size(self.inferenceProfiles) > 0)",
        "name at least one foundation model in models or one profile in inferenceProfiles"),
    validation = ("!(self.useCase in ['DecisionSupport', 'RiskScoring', 'Research']) || has(self.overseer)",
        "this useCase needs a person who reviews what the model says: name them in overseer, such as \"chief-medical-informatics@clinic.example\""),
    validation = ("!(self.useCase in ['Treatment', 'Diagnosis', 'Dosing', 'ReplaceClinicalJudgement'])",
        "this useCase is prohibited: a model may not treat, diagnose, dose or replace clinical judgement; if a clinician decides and the model only informs, use DecisionSupport with an overseer")
)]
pub struct BedrockAccessSpec {
    /// The PhiWorkload, in the same namespace, whose pods get the access. Cannot be changed.
    pub workload_ref: NameReference,
    /// What the model is used for. The prohibited ones are listed so that refusing them can say why.
    pub use_case: UseCase,
    /// The person or team who reviews the model's output; needed for DecisionSupport, RiskScoring and Research. Never a patient.
    #[schemars(length(min = 3, max = 128))]
    pub overseer: Option<String>,
    /// Foundation model ids, among those the environment approves. No wildcards.
    #[schemars(length(max = 32), inner(length(max = 140), regex(pattern = r"^[a-z0-9][a-z0-9.:_-]*$")))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = ("self.all(m, !m.matches('^(us|us-gov|eu|apac|jp|au|ca|sa|global)[.]'))",
        "an id that begins with a geography, such as us. or eu., is an inference profile: list it under inferenceProfiles"))]
    pub models: Option<Vec<String>>,
    /// Inference profiles, among those the environment approves: ids of system-defined ones, such as
    /// us.anthropic.claude-3-haiku-20240307-v1:0, or the environment's names for application profiles.
    #[schemars(length(max = 32), inner(length(max = 140), regex(pattern = r"^[a-z0-9]([a-z0-9.:_-]*[a-z0-9])?$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub inference_profiles: Option<Vec<String>>,
    /// The guardrail, among the environment's, that every call has to name. Absent means the environment's default.
    pub guardrail_ref: Option<NameReference>,
    /// What may be done with them. Absent means Invoke and InvokeStream.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub operations: Option<Vec<Operation>>,
}

/// What a model is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UseCase {
    /// Summarising records, visits or messages.
    Summarization,
    /// Explaining a condition or a procedure to a patient.
    PatientEducation,
    /// Making and changing appointments.
    Scheduling,
    /// General information about symptoms, without a conclusion.
    SymptomInformation,
    /// General information about interactions of medicines, without advice.
    InteractionInformation,
    /// Turning speech into text.
    Transcription,
    /// Gray: informs a clinician who decides; needs an overseer.
    DecisionSupport,
    /// Gray: ranks or scores people; needs an overseer.
    RiskScoring,
    /// Gray: research on records; needs an overseer.
    Research,
    /// Prohibited.
    Treatment,
    /// Prohibited.
    Diagnosis,
    /// Prohibited.
    Dosing,
    /// Prohibited.
    ReplaceClinicalJudgement,
    /// A value of a newer version of this API; the access is refused.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

impl UseCase {
    /// Whether no environment may allow it.
    #[must_use]
    pub fn is_prohibited(self) -> bool {
        matches!(self, Self::Treatment | Self::Diagnosis | Self::Dosing | Self::ReplaceClinicalJudgement)
    }

    /// Whether it needs a named overseer.
    #[must_use]
    pub fn needs_overseer(self) -> bool {
        matches!(self, Self::DecisionSupport | Self::RiskScoring | Self::Research)
    }
}

/// An operation of Amazon Bedrock's runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Operation {
    /// `InvokeModel` and `Converse`.
    Invoke,
    /// `InvokeModelWithResponseStream` and `ConverseStream`.
    InvokeStream,
    /// `CountTokens`, which sends the prompt too.
    CountTokens,
    /// `ApplyGuardrail`, the guardrail of the access by itself, without a model.
    ApplyGuardrail,
    /// A value of a newer version of this API; the access is refused.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

impl BedrockAccessSpec {
    /// The operations asked for, sorted, with the default resolved.
    #[must_use]
    pub fn resolved_operations(&self) -> Vec<Operation> {
        let mut operations = self.operations.clone().unwrap_or_else(|| vec![Operation::Invoke, Operation::InvokeStream]);
        operations.sort_unstable();
        operations.dedup();
        operations
    }
}

/// What the operator last saw of an access.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BedrockAccessStatus {
    /// Generation of the spec this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions by type: Ready, Compliant, Stalled, ModelsResolved, PolicyApplied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The environment, through the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// ARN of the role that holds this access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The operations, with the default resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub operations: Vec<Operation>,
    /// Controls that are not Pass, in the access's own scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub controls: Vec<ControlStatus>,
    /// How many controls have which verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<ControlCounts>,
}
