//! Carries out plans: an exhaustive match from action to call. Each create is replay-safe: by a derived name, by a client token, or by
//! looking for our tags first.

mod claims;
mod cluster;
mod guardrails;
mod removal;
mod requests;
mod settings;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::aws::Account;
use crate::cluster::kubernetes::KubernetesWriter;
use crate::domain::Fault;
use crate::plan::action::{ClaimOn, GroupReference, KeyReference};
use crate::plan::applied::Outcome;
use crate::plan::{Action, Applied, Mode, Plan};

use super::identity::SharedIdentity;
use super::keys::Keys;
use requests::iam_role;

/// Where actions go.
pub struct Executor<'a> {
    /// The account.
    pub account: &'a Account,
    /// The snapshot that our writes go through to.
    pub identity: &'a SharedIdentity,
    /// The keys that were just made.
    pub keys: &'a Keys,
    /// The cluster.
    pub kubernetes: KubernetesWriter,
    /// IAM path of the environment.
    pub path: &'a str,
}

/// What earlier actions of the same plan results.
#[derive(Default)]
struct Results {
    /// What this plan has tried to claim.
    claimed: Vec<ClaimOn>,
    groups: HashMap<String, String>,
    key: Option<String>,
    /// No credentials are given out: the fence, the policy or the role could not be made.
    identity_failed: bool,
    /// The role that could not be deleted or stripped.
    powerful: BTreeSet<String>,
    /// Groups that admit nothing: an endpoint behind one would cut the VPC off from its service.
    unusable_groups: HashSet<GroupReference>,
}

/// Why an action did not succeed.
enum Obstacle {
    /// Something it depends on was not results.
    Missing,
    Fault(Fault),
}

impl From<Fault> for Obstacle {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Executor<'_> {
    /// Carries out the plan's actions in order. A failure skips what depends on it, and nothing else.
    pub async fn carry_out(&self, plan: Plan, mode: Mode) -> Applied {
        let mut results = Results::default();
        let mut outcomes = Vec::with_capacity(plan.actions.len());
        for action in plan.actions {
            let outcome = match self.act(&action, &mut results).await {
                Ok(version) => {
                    self.identity.write_through(&action, version);
                    let (service, operation, name) = action.describe();
                    tracing::info!(service, operation, name, "done");
                    Outcome::Done
                }
                Err(Obstacle::Missing) => Outcome::Skipped,
                Err(Obstacle::Fault(fault)) => {
                    results.note_failure(&action);
                    tracing::warn!(class = fault.class.as_str(), %fault, "an action failed");
                    Outcome::Failed(fault)
                }
            };
            outcomes.push((action, outcome));
        }
        Applied { mode, findings: plan.findings, withheld: plan.withheld, outcomes }
    }

    /// Carries out one action; gives the id of a policy version that it results.
    async fn act(&self, action: &Action, results: &mut Results) -> Result<Option<String>, Obstacle> {
        match action {
            _ if results.waits(action) || results.too_early(action) => Err(Obstacle::Missing),
            Action::TakeClaim(_) | Action::ReleaseClaim { .. } => Ok(self.claim(action, results).await.map(|()| None)?),
            Action::CreateSecurityGroup { .. }
            | Action::AuthorizeSecurityGroupIngress { .. }
            | Action::RevokeSecurityGroupIngress { .. }
            | Action::RevokeSecurityGroupEgress { .. }
            | Action::CreateVpcEndpoint(_)
            | Action::ModifyVpcEndpoint(_)
            | Action::CreateTags { .. }
            | Action::DeleteVpcEndpoint { .. }
            | Action::DeleteSecurityGroup { .. } => self.network(action, results).await.map(|()| None),
            Action::CreateKey { .. }
            | Action::CreateAlias { .. }
            | Action::EnableKey { .. }
            | Action::EnableKeyRotation { .. }
            | Action::PutKeyPolicy { .. }
            | Action::TagKey { .. }
            | Action::UntagKey { .. } => self.key(action, results).await.map(|()| None),
            Action::CreatePolicy { .. } | Action::AnnotateServiceAccount { .. } | Action::ApplyConfigMap { takes_away: false, .. }
                if results.identity_failed =>
            {
                Err(Obstacle::Missing)
            }
            Action::CreateGuardrail(_)
            | Action::UpdateGuardrail { .. }
            | Action::CreateGuardrailVersion { .. }
            | Action::DeleteGuardrail { .. } => Ok(self.guardrail(action).await.map(|()| None)?),
            Action::PutAccountDataRetention { .. }
            | Action::PutModelInvocationLogging { .. }
            | Action::DeleteModelInvocationLogging { .. } => Ok(self.setting(action).await.map(|()| None)?),
            Action::CreateBoundary { .. }
            | Action::ChangeBoundary { .. }
            | Action::DeleteBoundary { .. }
            | Action::CreatePolicy { .. }
            | Action::ChangePolicy { .. }
            | Action::DeletePolicy { .. } => Ok(self.policy(action).await?),
            Action::CreateRole(_)
            | Action::UpdateTrust { .. }
            | Action::UpdateMaxSessionDuration { .. }
            | Action::PutPermissionsBoundary { .. }
            | Action::TagRole { .. }
            | Action::AttachPolicy { .. }
            | Action::DetachPolicy { .. }
            | Action::DetachOwnPolicy { .. }
            | Action::DeleteInlinePolicy { .. }
            | Action::StripRole { .. }
            | Action::DeleteRole { .. } => self.role(action, results).await.map(|()| None),
            Action::ApplyNetworkPolicy(_)
            | Action::DeleteNetworkPolicy { .. }
            | Action::ApplyConfigMap { .. }
            | Action::DeleteConfigMap { .. }
            | Action::AnnotateServiceAccount { .. }
            | Action::ClearServiceAccount { .. } => Ok(self.cluster(action).await.map(|()| None)?),
        }
    }

    async fn network(&self, action: &Action, results: &mut Results) -> Result<(), Obstacle> {
        let ec2 = &self.account.ec2;
        match action {
            Action::CreateSecurityGroup { service, name, vpc_id, tags } => {
                let description = format!("HTTPS to the {service} endpoint of hipaa-operator");
                let id = ec2.create_security_group(name, &description, vpc_id, tags).await?;
                results.groups.insert(service.clone(), id);
            }
            Action::AuthorizeSecurityGroupIngress { group, rules, .. } => ec2.authorize_ingress(&results.group(group)?, rules).await?,
            Action::RevokeSecurityGroupIngress { group, rules, .. } => ec2.revoke_ingress(&results.group(group)?, rules).await?,
            Action::RevokeSecurityGroupEgress { group, rules, .. } => ec2.revoke_egress(&results.group(group)?, rules).await?,
            Action::CreateVpcEndpoint(new) => drop(ec2.create_endpoint(&results.endpoint(new)?).await?),
            Action::ModifyVpcEndpoint(change) => ec2.modify_endpoint(&change.id, &results.change(change)?).await?,
            Action::CreateTags { id, tags } => ec2.tag(id, tags).await?,
            Action::DeleteVpcEndpoint { id, .. } => ec2.delete_endpoint(id).await?,
            Action::DeleteSecurityGroup { id, .. } => ec2.delete_security_group(id).await?,
            _ => {}
        }
        Ok(())
    }

    async fn key(&self, action: &Action, results: &mut Results) -> Result<(), Obstacle> {
        let kms = &self.account.kms;
        match action {
            Action::CreateKey { alias, policy, tags } => results.key = Some(self.keys.make(kms, alias, policy, tags).await?),
            Action::CreateAlias { key, alias } => kms.create_alias(alias, &results.key(key)?).await?,
            Action::EnableKeyRotation { key, days } => kms.enable_rotation(&results.key(key)?, *days).await?,
            Action::EnableKey { key } => kms.enable(&results.key(key)?).await?,
            Action::PutKeyPolicy { key, policy } => kms.put_policy(&results.key(key)?, &policy.to_json()).await?,
            Action::TagKey { key, tags } => kms.tag(&results.key(key)?, tags).await?,
            Action::UntagKey { key, tags } => kms.untag(&results.key(key)?, tags).await?,
            _ => {}
        }
        Ok(())
    }

    async fn policy(&self, action: &Action) -> Result<Option<String>, Fault> {
        let iam = &self.account.iam;
        match action {
            Action::CreateBoundary { name, document, tags, .. } => {
                let description = "Permissions boundary of hipaa-operator's workload roles";
                iam.create_policy(name, self.path, description, &document.to_json(), tags).await.map(|_| None)
            }
            Action::CreatePolicy { name, document, tags, .. } => {
                let description = "Declared Bedrock access of one workload, by hipaa-operator";
                iam.create_policy(name, self.path, description, &document.to_json(), tags).await.map(|_| None)
            }
            Action::ChangeBoundary { arn, document, prune } | Action::ChangePolicy { arn, document, prune, .. } => {
                if let Some(version) = prune {
                    iam.delete_policy_version(arn, version).await?;
                }
                iam.create_policy_version(arn, &document.to_json()).await.map(Some)
            }
            Action::DeleteBoundary { arn, other_versions } | Action::DeletePolicy { arn, other_versions } => {
                iam.delete_policy(arn, other_versions).await.map(|()| None)
            }
            _ => Ok(None),
        }
    }

    async fn role(&self, action: &Action, results: &Results) -> Result<(), Obstacle> {
        let iam = &self.account.iam;
        match action {
            Action::CreateRole(_) | Action::AttachPolicy { .. } if results.identity_failed => return Err(Obstacle::Missing),
            Action::CreateRole(new) => drop(iam.create_role(&iam_role(new)).await?),
            Action::UpdateTrust { role, trust } => iam.update_trust(role, &trust.to_json()).await?,
            Action::UpdateMaxSessionDuration { role, seconds } => iam.update_max_session(role, *seconds).await?,
            Action::PutPermissionsBoundary { role, boundary_arn } => iam.put_boundary(role, boundary_arn).await?,
            Action::TagRole { role, tags } => iam.tag_role(role, tags).await?,
            Action::AttachPolicy { role, policy_arn } => iam.attach(role, policy_arn).await?,
            Action::DetachPolicy { role, policy_arn } | Action::DetachOwnPolicy { role, policy_arn } => {
                iam.detach(role, policy_arn).await?;
            }
            Action::DeleteInlinePolicy { role, policy_name } => iam.delete_inline(role, policy_name).await?,
            Action::StripRole { role, attached, inline } => self.strip(role, attached, inline).await?,
            Action::DeleteRole { role, attached, inline } => {
                self.strip(role, attached, inline).await?;
                iam.delete_role(role).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Results {
    fn note_failure(&mut self, action: &Action) {
        match action {
            Action::CreatePolicy { .. } | Action::CreateRole(_) | Action::ApplyNetworkPolicy(_) => self.identity_failed = true,
            Action::AuthorizeSecurityGroupIngress { group, .. } => {
                self.unusable_groups.insert(group.clone());
            }
            _ => self.note_failed_removal(action),
        }
    }

    fn group(&self, reference: &GroupReference) -> Result<String, Obstacle> {
        if self.unusable_groups.contains(reference) {
            return Err(Obstacle::Missing);
        }
        match reference {
            GroupReference::Id(id) => Ok(id.clone()),
            GroupReference::ForService(service) => self.groups.get(service).cloned().ok_or(Obstacle::Missing),
        }
    }

    fn key(&self, reference: &KeyReference) -> Result<String, Obstacle> {
        match reference {
            KeyReference::Arn(arn) => Ok(arn.clone()),
            KeyReference::Created => self.key.clone().ok_or(Obstacle::Missing),
        }
    }
}
