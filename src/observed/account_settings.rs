//! What Bedrock keeps once for a whole account and Region.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Read;

/// The mode of data retention that stores and shares nothing.
pub const NONE: &str = "none";
/// The mode of a Region in which nobody has set one: each model's own default applies.
pub const INHERIT: &str = "inherit";

/// What was read of the account's settings.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// Mode of data retention by Region, in Bedrock's words
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetAccountDataRetention.html>).
    pub data_retention: BTreeMap<String, Read<String>>,
    /// Invocation logging in the environment's Region, where its calls are made.
    pub invocation_logging: Read<InvocationLogging>,
    /// Guardrails that the account enforces in that Region.
    pub enforced_guardrails: Read<Vec<EnforcedGuardrail>>,
}

/// A configuration of invocation logging; off if it names nowhere to log to
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_LoggingConfig.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvocationLogging {
    /// The log group and its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group: Option<LogGroup>,
    /// The bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// Which kinds of data are delivered; of one that is not in it the Region did not say.
    pub delivers: BTreeMap<DataKind, bool>,
}

/// A log group of `CloudWatch` Logs, as Bedrock writes to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// ARN of the role that writes to it.
    pub role_arn: String,
    /// Bucket for what is too large for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_data: Option<Bucket>,
}

/// A bucket of Amazon S3 and a folder in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The folder; `None` for the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A kind of data in prompts and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words say it")]
pub enum DataKind {
    Text,
    Image,
    Embedding,
    Video,
    Audio,
}

/// A guardrail that the account enforces on calls of everyone
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_AccountEnforcedGuardrailOutputConfiguration.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnforcedGuardrail {
    /// Its ARN, which may be one of another account.
    pub arn: String,
    /// Its version, a number.
    pub version: String,
    /// Models that it is enforced on; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_models: Option<BTreeSet<String>>,
    /// Models that it is not enforced on.
    #[serde(default)]
    pub excluded_models: BTreeSet<String>,
    /// Whether it looks at system prompts whatever tags the caller sets; `None` if the service does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guards_all_of_system: Option<bool>,
    /// The same of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guards_all_of_messages: Option<bool>,
}

impl DataKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Text, Self::Image, Self::Embedding, Self::Video, Self::Audio];

    /// The word in a status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Embedding => "embedding",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

/// What a configuration of invocation logging amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// Nothing is logged.
    Nothing,
    /// Neither prompts nor replies are.
    Metadata,
    /// Prompts or replies are.
    Content,
    /// No kind of data is known to be delivered, and of some the Region does not say.
    NotTold,
}

impl InvocationLogging {
    /// What it amounts to.
    #[must_use]
    pub fn logged(&self) -> Logged {
        if self.log_group.is_none() && self.bucket.is_none() {
            Logged::Nothing
        } else if self.delivers.values().any(|delivered| *delivered) {
            Logged::Content
        } else if DataKind::ALL.iter().all(|kind| self.delivers.contains_key(kind)) {
            Logged::Metadata
        } else {
            Logged::NotTold
        }
    }

    /// Kinds of data of which the Region did not say whether they are delivered.
    #[must_use]
    pub fn not_told(&self) -> Vec<&'static str> {
        DataKind::ALL.iter().filter(|kind| !self.delivers.contains_key(kind)).map(|kind| kind.as_str()).collect()
    }

    /// The same configuration but for kinds of data that one of them does not tell of.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let agree = |kind: &DataKind| match (self.delivers.get(kind), other.delivers.get(kind)) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        self.log_group == other.log_group && self.bucket == other.bucket && DataKind::ALL.iter().all(agree)
    }
}

impl EnforcedGuardrail {
    /// Whether it is enforced on calls of the model with this id.
    #[must_use]
    pub fn covers(&self, model: &str) -> bool {
        let included = self.included_models.as_ref().is_none_or(|included| included.iter().any(|one| one == "ALL" || one == model));
        included && !self.excluded_models.contains(model)
    }

    /// Whether it is known to look at everything, whatever tags the caller sets.
    #[must_use]
    pub fn guards_all(&self) -> bool {
        self.guards_all_of_system == Some(true) && self.guards_all_of_messages == Some(true)
    }
}
