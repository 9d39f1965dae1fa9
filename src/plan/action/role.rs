//! A role to make.

use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// A role to make.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Its ARN.
    pub arn: String,
    /// Its trust policy.
    pub trust: PolicyDocument,
    /// Its permissions boundary.
    pub boundary_arn: String,
    /// Longest session in seconds.
    pub max_session_duration: i32,
    /// Ownership tags.
    pub tags: Tags,
}
