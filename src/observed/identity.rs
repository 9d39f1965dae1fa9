//! Roles and policies, read in bulk (`iam:GetAccountAuthorizationDetails`) and kept only as far as they are ours.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// A role under our path or with our cluster's tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// Its name, unique in the account whatever the path.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its trust policy; `None` if it is not readable.
    pub trust: Option<PolicyDocument>,
    /// ARN of its permissions boundary.
    pub boundary_arn: Option<String>,
    /// ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
    /// Inline policies by name; `None` if one is not readable.
    pub inline: BTreeMap<String, Option<PolicyDocument>>,
    /// Its tags.
    pub tags: Tags,
}

/// A customer-managed policy under our path, or a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManagedPolicy {
    /// Its ARN.
    pub arn: String,
    /// Id of the default version, such as `v3`.
    pub default_version: String,
    /// Ids of the other versions, oldest first. IAM keeps five in all.
    pub other_versions: Vec<String>,
    /// The default version's document; `None` if it is not readable.
    pub document: Option<PolicyDocument>,
}

/// The part of an account's IAM that concerns us.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentitySnapshot {
    /// Our roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Our policies and all claims by ARN.
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// ARNs of the account's other policies that only deny.
    pub deny_only: BTreeSet<String>,
    /// ARN of the operator's own role, if it was met under the name asked for.
    pub operator_role_arn: Option<String>,
}

/// AWS-managed policies that only deny: what AWS or a responder attaches to cut a principal off.
const AWS_DENY_ONLY: [&str; 4] =
    ["AWSDenyAll", "AWSCompromisedKeyQuarantine", "AWSCompromisedKeyQuarantineV2", "AWSCompromisedKeyQuarantineV3"];

impl IdentitySnapshot {
    /// Whether the policy with this ARN takes power away only.
    #[must_use]
    pub fn only_denies(&self, policy_arn: &str) -> bool {
        let aws_managed = policy_arn.contains(":iam::aws:policy/");
        let name = policy_arn.rsplit('/').next().unwrap_or_default();
        (aws_managed && AWS_DENY_ONLY.contains(&name)) || self.deny_only.contains(policy_arn)
    }
}
