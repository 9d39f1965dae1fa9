//! Roles and policies, read in bulk (`iam:GetAccountAuthorizationDetails`) and kept only as far as they are ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::names::last;
use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// A policy document as IAM keeps it: read only when it is looked at, which most of thousands are not until they change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentText(Arc<str>);

impl DocumentText {
    /// Keeps a document as an API gives it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(PolicyDocument::json_in(text).as_ref().into())
    }

    /// The document; `None` if the text is none.
    #[must_use]
    pub fn read(&self) -> Option<PolicyDocument> {
        PolicyDocument::parse(&self.0).ok()
    }

    /// Whether these words stand in it, wherever.
    #[must_use]
    pub fn holds(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    /// Whether it is a document that gives nothing.
    #[must_use]
    pub fn only_denies(&self) -> bool {
        self.read().is_some_and(|document| document.only_denies())
    }
}

/// A role under our path or with our cluster's tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role<D = PolicyDocument> {
    /// Its name, unique in the account whatever the path.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its trust policy; `None` if it is not readable.
    pub trust: Option<D>,
    /// ARN of its permissions boundary.
    pub boundary_arn: Option<String>,
    /// ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
    /// Inline policies by name; `None` if one is not readable.
    pub inline: BTreeMap<String, Option<D>>,
    /// Its tags.
    pub tags: Tags,
}

/// A customer-managed policy under our path, or a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManagedPolicy<D = PolicyDocument> {
    /// Its ARN.
    pub arn: String,
    /// Id of the default version, such as `v3`.
    pub default_version: String,
    /// Ids of the other versions, oldest first. IAM keeps five in all.
    pub other_versions: Vec<String>,
    /// The default version's document; `None` if it is not readable.
    pub document: Option<D>,
}

impl Role {
    /// The role as IAM keeps it.
    #[must_use]
    pub fn kept(&self) -> Role<DocumentText> {
        let text = |document: &PolicyDocument| DocumentText::of(&document.to_json());
        Role {
            name: self.name.clone(),
            arn: self.arn.clone(),
            trust: self.trust.as_ref().map(text),
            boundary_arn: self.boundary_arn.clone(),
            attached: self.attached.clone(),
            inline: self.inline.iter().map(|(name, document)| (name.clone(), document.as_ref().map(text))).collect(),
            tags: self.tags.clone(),
        }
    }
}

impl ManagedPolicy {
    /// The policy as IAM keeps it.
    #[must_use]
    pub fn kept(&self) -> ManagedPolicy<DocumentText> {
        ManagedPolicy {
            arn: self.arn.clone(),
            default_version: self.default_version.clone(),
            other_versions: self.other_versions.clone(),
            document: self.document.as_ref().map(|document| DocumentText::of(&document.to_json())),
        }
    }
}

impl Role<DocumentText> {
    /// The role with its documents.
    #[must_use]
    pub fn read(&self) -> Role {
        let document = |text: &Option<DocumentText>| text.as_ref().and_then(DocumentText::read);
        Role {
            name: self.name.clone(),
            arn: self.arn.clone(),
            trust: document(&self.trust),
            boundary_arn: self.boundary_arn.clone(),
            attached: self.attached.clone(),
            inline: self.inline.iter().map(|(name, text)| (name.clone(), document(text))).collect(),
            tags: self.tags.clone(),
        }
    }
}

impl ManagedPolicy<DocumentText> {
    /// The policy with its document.
    #[must_use]
    pub fn read(&self) -> ManagedPolicy {
        ManagedPolicy {
            arn: self.arn.clone(),
            default_version: self.default_version.clone(),
            other_versions: self.other_versions.clone(),
            document: self.document.as_ref().and_then(DocumentText::read),
        }
    }
}

/// The part of an account's IAM that concerns us. What did not change from one read to the next is kept once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentitySnapshot {
    /// Our roles by name.
    pub roles: BTreeMap<String, Arc<Role<DocumentText>>>,
    /// Our policies and all claims by ARN.
    pub policies: BTreeMap<String, Arc<ManagedPolicy<DocumentText>>>,
    /// ARNs of the account's other policies that only deny.
    pub deny_only: BTreeSet<String>,
    /// Trust policies of the account's other roles that web identities may assume, by ARN: they may let a workload in.
    pub federated: BTreeMap<String, DocumentText>,
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
        let name = last(policy_arn);
        (aws_managed && AWS_DENY_ONLY.contains(&name)) || self.deny_only.contains(policy_arn)
    }
}
