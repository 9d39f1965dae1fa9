//! What may be claimed, and how.

use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimOn {
    /// The environment: whoever holds it may write.
    Environment,
    /// The endpoint of this service (short name): whoever holds it makes it.
    Endpoint(String),
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
