//! The complete list of things this operator may ever do to an account or a cluster, beside its own status, events and finalizers.

use std::collections::BTreeSet;

mod claim;
mod describe;
mod endpoint;
mod role;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::domain::tags::Tags;
use crate::observed::account_settings::InvocationLogging;
use crate::observed::guardrails::GuardrailContent;
use crate::observed::network::SecurityGroupRule;
use crate::policy::PolicyDocument;

pub use claim::{ClaimOn, NewClaim, Setting};
pub use endpoint::{EndpointChange, NewEndpoint};
pub use role::NewRole;

/// A security group: by id, or the one that an earlier action of the same plan makes for a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupReference {
    /// It exists.
    Id(String),
    /// It is made by [`Action::CreateSecurityGroup`] for this service.
    ForService(String),
}

/// A key: by ARN, or the one that an earlier action of the same plan makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// It exists.
    Arn(String),
    /// It is made by [`Action::CreateKey`].
    Created,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of the AWS call that the variant is named after")]
pub enum Action {
    /// A security group for the endpoint of a service.
    CreateSecurityGroup {
        service: String,
        name: String,
        vpc_id: String,
        tags: Tags,
    },
    /// Rules that the group lacks.
    AuthorizeSecurityGroupIngress {
        group: GroupReference,
        name: String,
        rules: BTreeSet<SecurityGroupRule>,
    },
    /// Rules that the group has too many.
    RevokeSecurityGroupIngress {
        group: GroupReference,
        name: String,
        rules: BTreeSet<SecurityGroupRule>,
    },
    /// An endpoint opens no connection, so its group needs no rule for outgoing ones.
    RevokeSecurityGroupEgress {
        group: GroupReference,
        name: String,
        rules: BTreeSet<SecurityGroupRule>,
    },
    /// An interface endpoint with private DNS.
    CreateVpcEndpoint(Box<NewEndpoint>),
    /// What differs from the desired endpoint.
    ModifyVpcEndpoint(Box<EndpointChange>),
    /// Ownership tags on an endpoint or a group.
    CreateTags {
        id: String,
        tags: Tags,
    },
    DeleteVpcEndpoint {
        service: String,
        id: String,
    },
    DeleteSecurityGroup {
        service: String,
        id: String,
    },

    /// The environment's key. If a key with these tags is there already, it is taken.
    CreateKey {
        alias: String,
        policy: PolicyDocument,
        tags: Tags,
    },
    CreateAlias {
        key: KeyReference,
        alias: String,
    },
    EnableKeyRotation {
        key: KeyReference,
        days: i32,
    },
    /// A key that somebody disabled, once a person asked for it.
    EnableKey {
        key: KeyReference,
    },
    PutKeyPolicy {
        key: KeyReference,
        policy: PolicyDocument,
    },
    TagKey {
        key: KeyReference,
        tags: Tags,
    },
    /// Tags that no longer hold.
    UntagKey {
        key: KeyReference,
        tags: Vec<String>,
    },

    /// A guardrail's draft.
    CreateGuardrail(Box<NewGuardrail>),
    /// The draft as declared; nothing uses it before it is published.
    UpdateGuardrail {
        id: String,
        name: String,
        content: Box<GuardrailContent>,
    },
    /// Publishes the draft.
    CreateGuardrailVersion {
        id: String,
        name: String,
        client_token: String,
    },
    DeleteGuardrail {
        id: String,
        name: String,
    },

    /// A claim. What depends on it waits for a pass that has read it.
    TakeClaim(Box<NewClaim>),
    /// A claim of ours that is no longer needed, or was superseded.
    ReleaseClaim {
        arn: String,
        other_versions: Vec<String>,
    },

    /// The environment's permissions boundary.
    CreateBoundary {
        name: String,
        arn: String,
        document: PolicyDocument,
        tags: Tags,
    },
    /// A new default version of the boundary; the account may refuse it.
    ChangeBoundary {
        arn: String,
        document: PolicyDocument,
        prune: Option<String>,
    },
    DeleteBoundary {
        arn: String,
        other_versions: Vec<String>,
    },

    /// Data retention of the whole account in a Region.
    PutAccountDataRetention {
        region: String,
        mode: String,
    },
    /// Invocation logging of the whole account in a Region.
    PutModelInvocationLogging {
        region: String,
        configuration: InvocationLogging,
    },
    /// Turns invocation logging off.
    DeleteModelInvocationLogging {
        region: String,
    },

    /// A workload's customer-managed policy.
    CreatePolicy {
        name: String,
        arn: String,
        document: PolicyDocument,
        tags: Tags,
    },
    /// A new default version. The oldest other one is pruned first if IAM's five are used up.
    /// `takes_away` says that it only takes away what an access gave that is no longer given.
    ChangePolicy {
        arn: String,
        document: PolicyDocument,
        prune: Option<String>,
        takes_away: bool,
        /// What may be written where power may only be taken away: what the policy and the wanted one have in common.
        reduced: Option<PolicyDocument>,
    },
    DeletePolicy {
        arn: String,
        other_versions: Vec<String>,
    },
    CreateRole(Box<NewRole>),
    UpdateTrust {
        role: String,
        trust: PolicyDocument,
    },
    UpdateMaxSessionDuration {
        role: String,
        seconds: i32,
    },
    PutPermissionsBoundary {
        role: String,
        boundary_arn: String,
    },
    TagRole {
        role: String,
        tags: Tags,
    },
    AttachPolicy {
        role: String,
        policy_arn: String,
    },
    /// A policy that someone attached and that gives power.
    DetachPolicy {
        role: String,
        policy_arn: String,
    },
    /// Our policy, from a role of the platform's, which stays.
    DetachOwnPolicy {
        role: String,
        policy_arn: String,
    },
    /// An inline policy that someone added and that gives power.
    DeleteInlinePolicy {
        role: String,
        policy_name: String,
    },
    /// Takes all power off a role that is kept, because someone cut it off.
    StripRole {
        role: String,
        attached: Vec<String>,
        inline: Vec<String>,
    },
    /// Detaches what is left on the role and deletes it.
    DeleteRole {
        role: String,
        attached: Vec<String>,
        inline: Vec<String>,
    },

    ApplyNetworkPolicy(Box<NetworkPolicy>),
    DeleteNetworkPolicy {
        namespace: String,
        name: String,
    },
    /// What a workload's application is told. `uid` is that of the one that is there.
    /// `takes_away` says that it only takes away what an access was told that is no longer given.
    ApplyConfigMap {
        config_map: Box<ConfigMap>,
        uid: Option<String>,
        takes_away: bool,
        /// What may be written where only that may be taken away: of what is there the keys that are still wanted.
        reduced: Option<Box<ConfigMap>>,
    },
    DeleteConfigMap {
        namespace: String,
        name: String,
        uid: Option<String>,
    },
    /// Gives the service account's pods the role.
    AnnotateServiceAccount {
        namespace: String,
        name: String,
        uid: Option<String>,
        role_arn: String,
    },
    /// Takes our annotation away.
    ClearServiceAccount {
        namespace: String,
        name: String,
        uid: Option<String>,
    },
}

/// A guardrail to make.
#[derive(Clone, Debug, PartialEq)]
pub struct NewGuardrail {
    /// Its name in Bedrock.
    pub name: String,
    /// What it does.
    pub content: GuardrailContent,
    /// Idempotency token.
    pub client_token: String,
    /// Ownership tags.
    pub tags: Tags,
}
