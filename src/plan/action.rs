//! The complete list of things this operator may ever do to an account or a cluster, beside its own status, events and finalizers.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::api::conditions::ConditionType;
use crate::domain::tags::Tags;
use crate::observed::network::SecurityGroupRule;
use crate::policy::PolicyDocument;

/// A security group: by id, or the one that an earlier action of the same plan makes for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// A workload's customer-managed policy.
    CreatePolicy {
        name: String,
        arn: String,
        document: PolicyDocument,
        tags: Tags,
    },
    /// A new default version. The oldest other one is pruned first if IAM's five are used up.
    ChangePolicy {
        arn: String,
        document: PolicyDocument,
        prune: Option<String>,
        /// Whether it only takes away what an access gave that is no longer given.
        takes_away: bool,
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
    /// An inline policy that someone added and that gives power.
    DeleteInlinePolicy {
        role: String,
        policy_name: String,
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

/// An endpoint to make.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEndpoint {
    /// Short service name, such as `sts`.
    pub service: String,
    /// Full service name.
    pub service_name: String,
    /// The VPC.
    pub vpc_id: String,
    /// One subnet for each zone.
    pub subnet_ids: BTreeSet<String>,
    /// Its security group.
    pub group: GroupReference,
    /// Its policy.
    pub policy: PolicyDocument,
    /// Makes a repeated create return the first endpoint.
    pub client_token: String,
    /// Ownership tags.
    pub tags: Tags,
}

/// What to change on an endpoint of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointChange {
    /// Short service name.
    pub service: String,
    /// The endpoint.
    pub id: String,
    /// A new policy.
    pub policy: Option<PolicyDocument>,
    /// Subnets in zones it lacks.
    pub add_subnet_ids: BTreeSet<String>,
    /// Our group, if it is not attached.
    pub add_group: Option<GroupReference>,
    /// Groups that are not ours.
    pub remove_group_ids: BTreeSet<String>,
    /// Turn private DNS on.
    pub enable_private_dns: bool,
}

impl EndpointChange {
    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { service: self.service.clone(), id: self.id.clone(), ..Self::default() }
    }
}

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

impl Action {
    /// Whether it only takes power away, which a hold does not stop.
    #[must_use]
    pub fn takes_power_away(&self) -> bool {
        matches!(
            self,
            Self::DeletePolicy { .. }
                | Self::DeleteRole { .. }
                | Self::ClearServiceAccount { .. }
                | Self::ChangePolicy { takes_away: true, .. }
        )
    }

    /// The family condition that its failure makes untrue.
    #[must_use]
    pub fn family(&self) -> ConditionType {
        match self {
            Self::CreateSecurityGroup { .. }
            | Self::AuthorizeSecurityGroupIngress { .. }
            | Self::RevokeSecurityGroupIngress { .. }
            | Self::RevokeSecurityGroupEgress { .. }
            | Self::CreateVpcEndpoint(_)
            | Self::ModifyVpcEndpoint(_)
            | Self::CreateTags { .. }
            | Self::DeleteVpcEndpoint { .. }
            | Self::DeleteSecurityGroup { .. } => ConditionType::EndpointsReady,
            Self::CreateKey { .. }
            | Self::CreateAlias { .. }
            | Self::EnableKeyRotation { .. }
            | Self::PutKeyPolicy { .. }
            | Self::TagKey { .. }
            | Self::UntagKey { .. } => ConditionType::KeyReady,
            Self::CreateBoundary { .. } | Self::ChangeBoundary { .. } | Self::DeleteBoundary { .. } => ConditionType::BoundaryReady,
            Self::ApplyNetworkPolicy(_) | Self::DeleteNetworkPolicy { .. } => ConditionType::NetworkIsolated,
            _ => ConditionType::IdentityReady,
        }
    }

    /// Service (IAM's prefix, or `kubernetes`), call, and the name of what it acts on.
    #[must_use]
    pub fn describe(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::CreateSecurityGroup { name, .. } => ("ec2", "CreateSecurityGroup", name.clone()),
            Self::AuthorizeSecurityGroupIngress { name, .. } => ("ec2", "AuthorizeSecurityGroupIngress", name.clone()),
            Self::RevokeSecurityGroupIngress { name, .. } => ("ec2", "RevokeSecurityGroupIngress", name.clone()),
            Self::RevokeSecurityGroupEgress { name, .. } => ("ec2", "RevokeSecurityGroupEgress", name.clone()),
            Self::CreateVpcEndpoint(endpoint) => ("ec2", "CreateVpcEndpoint", endpoint.service_name.clone()),
            Self::ModifyVpcEndpoint(change) => ("ec2", "ModifyVpcEndpoint", format!("{} {}", change.service, change.id)),
            Self::CreateTags { id, .. } => ("ec2", "CreateTags", id.clone()),
            Self::DeleteVpcEndpoint { service, id } => ("ec2", "DeleteVpcEndpoints", format!("{service} {id}")),
            Self::DeleteSecurityGroup { service, id } => ("ec2", "DeleteSecurityGroup", format!("{service} {id}")),
            Self::CreateKey { alias, .. } => ("kms", "CreateKey", alias.clone()),
            Self::CreateAlias { alias, .. } => ("kms", "CreateAlias", alias.clone()),
            Self::EnableKeyRotation { key, .. } => ("kms", "EnableKeyRotation", key.name()),
            Self::PutKeyPolicy { key, .. } => ("kms", "PutKeyPolicy", key.name()),
            Self::TagKey { key, .. } => ("kms", "TagResource", key.name()),
            Self::UntagKey { key, .. } => ("kms", "UntagResource", key.name()),
            Self::CreateBoundary { arn, .. } | Self::CreatePolicy { arn, .. } => ("iam", "CreatePolicy", arn.clone()),
            Self::ChangeBoundary { arn, .. } | Self::ChangePolicy { arn, .. } => ("iam", "CreatePolicyVersion", arn.clone()),
            Self::DeleteBoundary { arn, .. } | Self::DeletePolicy { arn, .. } => ("iam", "DeletePolicy", arn.clone()),
            Self::CreateRole(role) => ("iam", "CreateRole", role.arn.clone()),
            Self::UpdateTrust { role, .. } => ("iam", "UpdateAssumeRolePolicy", role.clone()),
            Self::UpdateMaxSessionDuration { role, .. } => ("iam", "UpdateRole", role.clone()),
            Self::PutPermissionsBoundary { role, .. } => ("iam", "PutRolePermissionsBoundary", role.clone()),
            Self::TagRole { role, .. } => ("iam", "TagRole", role.clone()),
            Self::AttachPolicy { role, policy_arn } => ("iam", "AttachRolePolicy", format!("{policy_arn} to {role}")),
            Self::DetachPolicy { role, policy_arn } => ("iam", "DetachRolePolicy", format!("{policy_arn} from {role}")),
            Self::DeleteInlinePolicy { role, policy_name } => ("iam", "DeleteRolePolicy", format!("{policy_name} of {role}")),
            Self::DeleteRole { role, .. } => ("iam", "DeleteRole", role.clone()),
            Self::ApplyNetworkPolicy(policy) => ("kubernetes", "ApplyNetworkPolicy", name_of(policy)),
            Self::DeleteNetworkPolicy { namespace, name } => ("kubernetes", "DeleteNetworkPolicy", format!("{namespace}/{name}")),
            Self::AnnotateServiceAccount { namespace, name, .. } => ("kubernetes", "AnnotateServiceAccount", format!("{namespace}/{name}")),
            Self::ClearServiceAccount { namespace, name, .. } => ("kubernetes", "ClearServiceAccount", format!("{namespace}/{name}")),
        }
    }
}

impl KeyReference {
    fn name(&self) -> String {
        match self {
            Self::Arn(arn) => arn.clone(),
            Self::Created => "the environment's key".to_owned(),
        }
    }
}

fn name_of(policy: &NetworkPolicy) -> String {
    let metadata = &policy.metadata;
    format!("{}/{}", metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}
