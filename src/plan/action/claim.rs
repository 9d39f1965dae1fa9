//! What may be claimed, and how.

use crate::domain::names;
use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimOn {
    /// The environment: whoever holds it may write.
    Environment,
    /// The endpoint of this service (short name): whoever holds it makes it.
    Endpoint(String),
    /// A setting of the account: whoever holds it sets it.
    Setting(Setting),
}

/// A setting that an account has once in each Region. Holds the Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// How long Bedrock keeps prompts and replies.
    DataRetention(String),
    /// What Bedrock logs of invocations.
    InvocationLogging(String),
}

impl Setting {
    /// Name of the claim on it, without its generation.
    #[must_use]
    pub fn claim(&self) -> String {
        match self {
            Self::DataRetention(region) => names::claim_on_setting(region, "data-retention"),
            Self::InvocationLogging(region) => names::claim_on_setting(region, "invocation-logging"),
        }
    }
}

/// A claim to take.
#[derive(Clone, Debug, PartialEq)]
pub struct NewClaim {
    /// What is claimed.
    pub on: ClaimOn,
    /// Name of the policy.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Says who holds it.
    pub document: PolicyDocument,
    /// Ownership tags.
    pub tags: Tags,
}
