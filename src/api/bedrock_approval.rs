//! What an environment approves in Amazon Bedrock: models, inference profiles, Regions, and what it opens on purpose.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::account_settings::{DataRetentionRules, InvocationLoggingRules};
use super::guardrails::Guardrail;

/// What may be called in Amazon Bedrock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.models) && size(self.models) > 0) || (has(self.inferenceProfiles) && size(self.inferenceProfiles) > 0) || (has(self.applicationInferenceProfiles) && size(self.applicationInferenceProfiles) > 0)",
        "approve at least one foundation model in models or one profile in inferenceProfiles"),
    validation = ("!has(self.inferenceProfiles) || (has(self.allowGlobalProfiles) && self.allowGlobalProfiles) || self.inferenceProfiles.all(p, !p.startsWith('global.'))",
        "a global. profile may process PHI in any commercial Region and cannot be approved: name a geographic profile, such as us. or eu., or set allowGlobalProfiles to true")
)]
pub struct BedrockApproval {
    /// Foundation models that accesses may name: ids, such as anthropic.claude-3-haiku-20240307-v1:0, or families that end in one
    /// asterisk, such as anthropic.claude-3*. An access always names an exact id.
    #[schemars(length(max = 64), inner(length(max = 140), regex(pattern = r"^[a-z0-9][a-z0-9.:_-]*[*]?$")))]
    #[x_kube(merge_strategy = ListMerge::Set,
        validation = ("self.all(m, !m.matches('^(us|us-gov|eu|apac|jp|au|ca|sa|global)[.]'))",
            "an id that begins with a geography, such as us. or eu., is an inference profile: list it under inferenceProfiles"),
        validation = ("self.all(m, !m.endsWith('*') || m.matches('^[a-z0-9-]+[.][a-z0-9][a-z0-9.:_-]*[*]$'))",
            "a family names its provider and how its models begin, such as anthropic.claude-3*"))]
    pub models: Option<Vec<String>>,
    /// System-defined inference profiles that accesses may name: ids, such as us.anthropic.claude-3-haiku-20240307-v1:0, or families
    /// that end in one asterisk, such as us.anthropic.claude-3*.
    #[schemars(length(max = 64), inner(length(max = 140), regex(pattern = r"^[a-z][a-z-]*\.[a-z0-9][a-z0-9.:_-]*[*]?$")))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = ("self.all(p, !p.endsWith('*') || p.matches('^[a-z-]+[.][a-z0-9-]+[.][a-z0-9][a-z0-9.:_-]*[*]$'))",
        "a family of profiles names its geography, its provider and how its models begin, such as us.anthropic.claude-3*"))]
    pub inference_profiles: Option<Vec<String>>,
    /// Application inference profiles of the account that accesses may name in inferenceProfiles, by the name given here.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub application_inference_profiles: Option<Vec<ApplicationProfile>>,
    /// AWS Regions in which inference may run. Absent means the environment's own Region only.
    /// Every destination Region of an approved inference profile must be listed.
    #[schemars(length(min = 1, max = 32), inner(regex(pattern = r"^[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub approved_regions: Option<Vec<String>>,
    /// Whether global. profiles, which may process PHI in any commercial Region, can be approved. Absent means no: they are denied.
    pub allow_global_profiles: Option<bool>,
    /// Guardrails that accesses have to name. Absent means that none is made or required, which is a finding.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]),
        validation = ("self.filter(g, has(g.default) && g.default).size() <= 1",
            "more than one guardrail is the default: leave default: true on one of them"))]
    pub guardrails: Option<Vec<Guardrail>>,
    /// Data retention in the account. Absent means that it is verified to be none.
    pub data_retention: Option<DataRetentionRules>,
    /// Logging of model invocations in the account. Absent means that it is verified to hold no prompts and replies.
    pub invocation_logging: Option<InvocationLoggingRules>,
    /// ARNs of guardrails that an organisation enforces here, in whatever account: roles get leave to apply them, without which every
    /// call is refused. Those that the account itself enforces are found.
    #[schemars(
        length(max = 8),
        inner(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/[a-z0-9]+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub enforced_guardrails: Option<Vec<String>>,
    /// Ways around the declared access that are not denied. Absent means that all are. Each is a finding.
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub side_doors: Option<Vec<SideDoor>>,
}

/// An application inference profile, and the name that accesses use for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationProfile {
    /// Name that accesses use, without dots.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// ARN of the profile, in the environment's account and Region.
    #[schemars(
        length(max = 256),
        regex(pattern = r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:application-inference-profile/[a-z0-9]+$")
    )]
    pub arn: String,
}

/// A way to or around a model that is not the declared invocation of it: no guardrail can be demanded of it, or no log sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SideDoor {
    /// Agents, flows, knowledge bases and `AgentCore`.
    Agents,
    /// Asynchronous invocations, which take no guardrail.
    Async,
    /// Batch jobs, which take no guardrail.
    Batch,
    /// Bedrock API keys.
    BearerTokens,
    /// The second inference plane, `bedrock-mantle`.
    Mantle,
    /// Tools that AWS runs.
    Tools,
    /// Web search by the model.
    WebSearch,
    /// A value of a newer version of this API; nothing is opened.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

impl SideDoor {
    /// Every side door, in the order of their names.
    pub const ALL: [Self; 7] = [Self::Agents, Self::Async, Self::Batch, Self::BearerTokens, Self::Mantle, Self::Tools, Self::WebSearch];
}
