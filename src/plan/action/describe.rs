//! What an action is called, what it counts for, and whether a hold stops it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::conditions::ConditionType;

use super::{Action, ClaimOn, KeyReference, Setting};

impl Action {
    /// Whether it only takes power away, or what tells of power that is gone, which a hold does not stop.
    #[must_use]
    pub fn takes_power_away(&self) -> bool {
        matches!(
            self,
            Self::DeletePolicy { .. }
                | Self::DeleteRole { .. }
                | Self::StripRole { .. }
                | Self::DetachOwnPolicy { .. }
                | Self::ClearServiceAccount { .. }
                | Self::ChangePolicy { takes_away: true, .. }
                | Self::DeleteConfigMap { .. }
                | Self::ApplyConfigMap { takes_away: true, .. }
        )
    }

    /// The part of it that takes away power whose declaration is gone, if it does more than that.
    #[must_use]
    pub fn reduced(&self) -> Option<Self> {
        match self {
            Self::ChangePolicy { arn, prune, reduced: Some(document), .. } => Some(Self::ChangePolicy {
                arn: arn.clone(),
                document: document.clone(),
                prune: prune.clone(),
                takes_away: true,
                reduced: None,
            }),
            Self::ApplyConfigMap { uid, reduced: Some(config_map), .. } => {
                Some(Self::ApplyConfigMap { config_map: config_map.clone(), uid: uid.clone(), takes_away: true, reduced: None })
            }
            _ => None,
        }
    }

    /// Whether it may be done only by a pass that has read the claim to be ours: what was read before may have changed until then.
    #[must_use]
    pub fn needs_claim(&self, claim: &ClaimOn) -> bool {
        match (claim, self) {
            (ClaimOn::Environment, _) => true,
            (ClaimOn::Endpoint(claimed), Self::CreateSecurityGroup { service, .. }) => service == claimed,
            (ClaimOn::Endpoint(claimed), Self::CreateVpcEndpoint(new)) => new.service == *claimed,
            (ClaimOn::Endpoint(_), _) => false,
            (ClaimOn::Setting(claimed), action) => action.setting().as_ref() == Some(claimed),
        }
    }

    /// The setting of the account that it changes, if it changes one.
    #[must_use]
    pub fn setting(&self) -> Option<Setting> {
        match self {
            Self::PutAccountDataRetention { region, .. } => Some(Setting::DataRetention(region.clone())),
            Self::PutModelInvocationLogging { region, .. } | Self::DeleteModelInvocationLogging { region } => {
                Some(Setting::InvocationLogging(region.clone()))
            }
            _ => None,
        }
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
            | Self::EnableKey { .. }
            | Self::PutKeyPolicy { .. }
            | Self::TagKey { .. }
            | Self::UntagKey { .. } => ConditionType::KeyReady,
            Self::TakeClaim(claim) if matches!(claim.on, ClaimOn::Endpoint(_)) => ConditionType::EndpointsReady,
            Self::TakeClaim(claim) if matches!(claim.on, ClaimOn::Setting(_)) => ConditionType::AccountSettingsVerified,
            Self::PutAccountDataRetention { .. } | Self::PutModelInvocationLogging { .. } | Self::DeleteModelInvocationLogging { .. } => {
                ConditionType::AccountSettingsVerified
            }
            Self::TakeClaim(_) | Self::ReleaseClaim { .. } => ConditionType::ScopeVerified,
            Self::CreateGuardrail(_)
            | Self::UpdateGuardrail { .. }
            | Self::CreateGuardrailVersion { .. }
            | Self::DeleteGuardrail { .. } => ConditionType::GuardrailsReady,
            Self::CreateBoundary { .. } | Self::ChangeBoundary { .. } | Self::DeleteBoundary { .. } => ConditionType::BoundaryReady,
            Self::ApplyNetworkPolicy(_) | Self::DeleteNetworkPolicy { .. } => ConditionType::NetworkIsolated,
            Self::ApplyConfigMap { .. } | Self::DeleteConfigMap { .. } => ConditionType::SettingsPublished,
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
            Self::EnableKey { key } => ("kms", "EnableKey", key.name()),
            Self::TagKey { key, .. } => ("kms", "TagResource", key.name()),
            Self::UntagKey { key, .. } => ("kms", "UntagResource", key.name()),
            Self::CreateGuardrail(new) => ("bedrock", "CreateGuardrail", new.name.clone()),
            Self::UpdateGuardrail { name, .. } => ("bedrock", "UpdateGuardrail", name.clone()),
            Self::CreateGuardrailVersion { name, .. } => ("bedrock", "CreateGuardrailVersion", name.clone()),
            Self::DeleteGuardrail { name, .. } => ("bedrock", "DeleteGuardrail", name.clone()),
            Self::TakeClaim(claim) => ("iam", "CreatePolicy", claim.arn.clone()),
            Self::PutAccountDataRetention { region, mode } => ("bedrock", "PutAccountDataRetention", format!("{mode} in {region}")),
            Self::PutModelInvocationLogging { region, .. } => ("bedrock", "PutModelInvocationLoggingConfiguration", region.clone()),
            Self::DeleteModelInvocationLogging { region } => ("bedrock", "DeleteModelInvocationLoggingConfiguration", region.clone()),
            Self::CreateBoundary { arn, .. } | Self::CreatePolicy { arn, .. } => ("iam", "CreatePolicy", arn.clone()),
            Self::ChangeBoundary { arn, .. } | Self::ChangePolicy { arn, .. } => ("iam", "CreatePolicyVersion", arn.clone()),
            Self::DeleteBoundary { arn, .. } | Self::DeletePolicy { arn, .. } | Self::ReleaseClaim { arn, .. } => {
                ("iam", "DeletePolicy", arn.clone())
            }
            Self::CreateRole(role) => ("iam", "CreateRole", role.arn.clone()),
            Self::UpdateTrust { role, .. } => ("iam", "UpdateAssumeRolePolicy", role.clone()),
            Self::UpdateMaxSessionDuration { role, .. } => ("iam", "UpdateRole", role.clone()),
            Self::PutPermissionsBoundary { role, .. } => ("iam", "PutRolePermissionsBoundary", role.clone()),
            Self::TagRole { role, .. } => ("iam", "TagRole", role.clone()),
            Self::AttachPolicy { role, policy_arn } => ("iam", "AttachRolePolicy", format!("{policy_arn} to {role}")),
            Self::DetachPolicy { role, policy_arn } | Self::DetachOwnPolicy { role, policy_arn } => {
                ("iam", "DetachRolePolicy", format!("{policy_arn} from {role}"))
            }
            Self::DeleteInlinePolicy { role, policy_name } => ("iam", "DeleteRolePolicy", format!("{policy_name} of {role}")),
            Self::StripRole { role, .. } => ("iam", "DetachRolePolicy", format!("all that gives power from {role}")),
            Self::DeleteRole { role, .. } => ("iam", "DeleteRole", role.clone()),
            Self::ApplyNetworkPolicy(policy) => ("kubernetes", "ApplyNetworkPolicy", name_of(&policy.metadata)),
            Self::DeleteNetworkPolicy { namespace, name } => ("kubernetes", "DeleteNetworkPolicy", format!("{namespace}/{name}")),
            Self::ApplyConfigMap { config_map, .. } => ("kubernetes", "ApplyConfigMap", name_of(&config_map.metadata)),
            Self::DeleteConfigMap { namespace, name, .. } => ("kubernetes", "DeleteConfigMap", format!("{namespace}/{name}")),
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

fn name_of(metadata: &ObjectMeta) -> String {
    format!("{}/{}", metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}
