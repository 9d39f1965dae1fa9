//! What Bedrock keeps once for a whole account and Region: data retention and invocation logging. Everyone in the account has a part in
//! them, so they are verified, and changed only with an explicit leave.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::Management;

/// Data retention of Bedrock in the account. The mode has to be none in every approved Region and in every Region that an approved
/// inference profile leads to: nothing is written to durable storage or shared with a model's provider, and models that cannot do
/// without are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.management) || self.management != 'Provision' || (has(self.acceptAccountWideImpact) && self.acceptAccountWideImpact)",
        "data retention is one setting for all of the account in a Region: management Provision needs acceptAccountWideImpact: true"),
    validation = ("!has(self.adopt) || (has(self.management) && self.management == 'Provision')",
        "adopt lets the operator replace what someone else set: set management to Provision, or remove adopt")
)]
pub struct DataRetentionRules {
    /// Provision sets the mode to none; Verify only looks. Absent means Verify.
    pub management: Option<Management>,
    /// Says that everyone who uses Bedrock in the account and Region is affected, and that this is wanted.
    pub accept_account_wide_impact: Option<bool>,
    /// Replace a mode that someone else chose. Absent means false: a mode that is neither unset nor the operator's own is a conflict.
    pub adopt: Option<bool>,
}

/// Logging of model invocations in the account and the environment's Region. Scanners want it on, and guides to HIPAA want no prompts
/// logged: the shape says which of the two was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.management) || self.management != 'Provision' || (has(self.acceptAccountWideImpact) && self.acceptAccountWideImpact)",
        "invocation logging is one setting for all of the account in a Region: management Provision needs acceptAccountWideImpact: true"),
    validation = ("!has(self.adopt) || (has(self.management) && self.management == 'Provision')",
        "adopt lets the operator replace what someone else set: set management to Provision, or remove adopt"),
    validation = ("self.shape != 'Disabled' || (!has(self.logGroupName) && !has(self.bucketName))",
        "shape Disabled logs nowhere: remove logGroupName and bucketName, or choose another shape"),
    validation = ("self.shape != 'ProtectedStore' || has(self.logGroupName) || has(self.bucketName)",
        "shape ProtectedStore names where prompts and replies are logged: set logGroupName or bucketName"),
    validation = ("!has(self.management) || self.management != 'Provision' || self.shape == 'Disabled' || has(self.logGroupName) || has(self.bucketName)",
        "management Provision needs somewhere to log to: set logGroupName or bucketName, or choose shape Disabled"),
    validation = ("!has(self.management) || self.management != 'Provision' || !has(self.logGroupName) || has(self.roleArn)",
        "Bedrock writes to a log group with a role of yours: management Provision needs roleArn beside logGroupName"),
    validation = ("has(self.logGroupName) || (!has(self.roleArn) && !has(self.largeDataBucketName))",
        "roleArn and largeDataBucketName belong to a log group: set logGroupName too, or remove them"),
    validation = ("has(self.bucketName) || !has(self.keyPrefix)",
        "keyPrefix is a folder of the bucket: set bucketName too, or remove keyPrefix")
)]
pub struct InvocationLoggingRules {
    /// What is logged: nothing (Disabled), no prompts and replies (MetadataOnly), or all into a protected store of yours (ProtectedStore).
    pub shape: LoggingShape,
    /// Provision sets it; Verify only looks. Absent means Verify.
    pub management: Option<Management>,
    /// Says that everyone who uses Bedrock in the account and Region is affected, and that this is wanted.
    pub accept_account_wide_impact: Option<bool>,
    /// Replace what someone else set. Absent means false: what is neither unset nor the operator's own is a conflict.
    pub adopt: Option<bool>,
    /// Log group of CloudWatch Logs, in the account and Region of the environment.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[.\-_/#A-Za-z0-9]+$"))]
    pub log_group_name: Option<String>,
    /// Role with which Bedrock writes to the log group. With Provision the operator needs iam:PassRole on it.
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$"))]
    pub role_arn: Option<String>,
    /// Bucket for what is too large for the log group.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub large_data_bucket_name: Option<String>,
    /// Bucket of Amazon S3, in the account and Region of the environment.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub bucket_name: Option<String>,
    /// Folder of the bucket. Absent means its top.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z0-9_.=,:@+/-]+$"))]
    pub key_prefix: Option<String>,
}

/// What is logged of model invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LoggingShape {
    /// Nothing. Not called Off, which YAML takes for false.
    Disabled,
    /// Who called which model, when and how much, without prompts and replies.
    MetadataOnly,
    /// Prompts and replies too, into a log group or bucket that is protected as PHI: a customer-managed key, retention and a lock.
    ProtectedStore,
    /// A value of a newer version of this API: nothing is claimed or written.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// What the account's settings were found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountSettingsStatus {
    /// Data retention by Region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["region".into()]))]
    pub data_retention: Vec<DataRetentionStatus>,
    /// Invocation logging in the environment's Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation_logging: Option<InvocationLoggingStatus>,
    /// Guardrails that the account enforces in the environment's Region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub enforced_guardrails: Vec<EnforcedGuardrailStatus>,
}

/// Data retention in one Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataRetentionStatus {
    /// The Region.
    pub region: String,
    /// The mode in Bedrock's words, such as none; absent if it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The mode before the operator first set it. It is not restored when the environment goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_mode: Option<String>,
}

/// Invocation logging as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvocationLoggingStatus {
    /// Disabled, MetadataOnly or ContentLogged; absent if it could not be read or told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// What follows from it, for those who want it on and those who want it off.
    pub explanation: String,
    /// The configuration before the operator first set it. It is not restored when the environment goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<LoggingConfigurationStatus>,
}

/// A configuration of invocation logging, complete enough to set it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggingConfigurationStatus {
    /// Log group of CloudWatch Logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
    /// Role that writes to the log group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Bucket for what is too large for the log group, and the folder behind a slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_data_bucket: Option<String>,
    /// Bucket, and the folder behind a slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Kinds of data that were delivered: text, image, embedding, video, audio. None of a configuration that was off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub delivers: Vec<String>,
}

/// A guardrail that the account enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnforcedGuardrailStatus {
    /// ARN of the guardrail.
    pub arn: String,
    /// Its version.
    pub version: String,
}
