//! Data stores: where workloads keep what they handle, declared by the environment and chosen by name. A tenant never writes an ARN.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A named data store, what may be done with it, and whose workloads may name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.type != 'S3' || self.arn.matches('^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]*$')",
        "the arn of type S3 is that of a bucket, such as arn:aws:s3:::clinic-records: name its folders in prefixes, without wildcards"),
    validation = ("self.type != 'DynamoDB' || self.arn.matches('^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$')",
        "the arn of type DynamoDB is that of a table, such as arn:aws:dynamodb:us-east-1:123456789012:table/visits, without index and wildcards"),
    validation = ("self.type != 'SecretsManager' || self.arn.matches('^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$')",
        "the arn of type SecretsManager is that of a secret with the six characters that AWS put behind its name, such as arn:aws:secretsmanager:us-east-1:123456789012:secret:records-db-AbCdEf, without wildcards"),
    validation = ("self.type != 'SQS' || self.arn.matches('^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+([.]fifo)?$')",
        "the arn of type SQS is that of a queue, such as arn:aws:sqs:us-east-1:123456789012:intake, without wildcards"),
    validation = ("self.type == 'S3' || !has(self.prefixes)",
        "prefixes are folders of a bucket: remove them, or set type to S3")
)]
pub struct DataStore {
    /// Name that workloads use.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// What the store is.
    #[serde(rename = "type")]
    pub kind: StoreType,
    /// ARN of the bucket, table, secret or queue, without wildcards.
    #[schemars(length(max = 600), regex(pattern = r"^arn:aws[a-z-]*:[!-~]+$"))]
    pub arn: String,
    /// Folders of the bucket that may be used, such as notes/. Absent means the whole bucket.
    #[schemars(length(min = 1, max = 16), inner(length(max = 256), regex(pattern = r"^[A-Za-z0-9_.=,:@+/*?${}-]+$")))]
    #[x_kube(merge_strategy = ListMerge::Set,
        validation = ("self.all(p, p.endsWith('/') && !p.startsWith('/') && !p.contains('//'))",
            "a prefix begins with a folder's name and ends with a slash, such as notes/: without it, notes would admit notes-of-others/ too"),
        validation = ("self.all(p, !p.contains('*') && !p.contains('?') && !p.contains('$'))",
            "a prefix is taken as it is written, and has no wildcards or variables: name each folder, such as notes/"))]
    pub prefixes: Option<Vec<String>>,
    /// The customer-managed key that the store is encrypted with. Absent means that workloads use no key of yours with it.
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"))]
    pub kms_key_arn: Option<String>,
    /// What may be done: read, write, or both. No verb deletes, but reading a queue takes the messages that were handled off it.
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub verbs: Vec<StoreVerb>,
    /// Namespaces whose workloads may name the store, by their labels, among those that the environment admits. An empty selector
    /// is refused.
    #[x_kube(validation = ("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "namespaceSelector is empty and would give the store to every namespace: name a label, such as matchLabels: {kubernetes.io/metadata.name: clinic}"))]
    pub namespace_selector: LabelSelector,
}

/// What a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StoreType {
    /// A bucket of Amazon S3, or folders in it.
    S3,
    /// A table of Amazon DynamoDB with its indexes.
    DynamoDB,
    /// A secret of AWS Secrets Manager.
    SecretsManager,
    /// A queue of Amazon SQS.
    SQS,
    /// A value of a newer version of this API; the store is given to nobody.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// What may be done with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreVerb {
    /// Get what is in it, and list it.
    Read,
    /// Put something into it, also over what is there.
    Write,
    /// A value of a newer version of this API; the store is given to nobody.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

impl StoreType {
    /// The service's name in PrivateLink, in `kms:ViaService` and before its actions: all three are the same for these. `None` for a
    /// value that this version does not know.
    #[must_use]
    pub fn service(self) -> Option<&'static str> {
        match self {
            Self::S3 => Some("s3"),
            Self::DynamoDB => Some("dynamodb"),
            Self::SecretsManager => Some("secretsmanager"),
            Self::SQS => Some("sqs"),
            Self::Unrecognized => None,
        }
    }
}

impl DataStore {
    /// Whether the store and its key are in this AWS partition, such as `aws`.
    #[must_use]
    pub fn is_in(&self, partition: &str) -> bool {
        let lies_in = |arn: &str| arn.split(':').nth(1) == Some(partition);
        lies_in(&self.arn) && self.kms_key_arn.as_deref().is_none_or(lies_in)
    }

    /// Whether it holds a value that this version does not know.
    #[must_use]
    pub fn is_unrecognized(&self) -> bool {
        self.kind == StoreType::Unrecognized || self.verbs.contains(&StoreVerb::Unrecognized)
    }
}
