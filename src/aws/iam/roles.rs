//! Roles: made with their boundary, changed piece by piece, removed.

use super::{Iam, tag_list};
use crate::aws::calls::{gone, present};
use crate::aws::fault::incomplete;
use crate::domain::Fault;
use crate::domain::tags::Tags;
use crate::observed::Read;

/// A role to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Its trust policy.
    pub trust_json: String,
    /// ARN of its permissions boundary: no role is made without.
    pub boundary_arn: String,
    /// The longest session in seconds, 3600 to 43200.
    pub max_session_duration: i32,
    /// What people read in the console.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

impl Iam {
    /// Creates a role with boundary and tags in one call and gives its ARN
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>).
    ///
    /// # Errors
    /// `Conflict` if one of this name exists, whatever its path; `NotFound` if the boundary does not; `Quota`.
    pub async fn create_role(&self, new: &NewRole) -> Result<String, Fault> {
        let call = self
            .client
            .create_role()
            .role_name(&new.name)
            .path(&new.path)
            .assume_role_policy_document(&new.trust_json)
            .permissions_boundary(&new.boundary_arn)
            .max_session_duration(new.max_session_duration)
            .description(&new.description)
            .set_tags(Some(tag_list("CreateRole", &new.tags)?))
            .send();
        let answer = self.calls.watch("iam", "CreateRole", call).await?;
        answer.role.map(|role| role.arn).ok_or_else(|| incomplete("iam", "CreateRole"))
    }

    /// Replaces the trust policy.
    ///
    /// # Errors
    /// `Invalid` if IAM refuses the document; `NotFound` without the role.
    pub async fn update_trust(&self, name: &str, trust_json: &str) -> Result<(), Fault> {
        let call = self.client.update_assume_role_policy().role_name(name).policy_document(trust_json).send();
        self.calls.watch("iam", "UpdateAssumeRolePolicy", call).await.map(drop)
    }

    /// Replaces the permissions boundary.
    ///
    /// # Errors
    /// `NotFound` without the role or the policy.
    pub async fn put_boundary(&self, name: &str, boundary_arn: &str) -> Result<(), Fault> {
        let call = self.client.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary_arn).send();
        self.calls.watch("iam", "PutRolePermissionsBoundary", call).await.map(drop)
    }

    /// Sets the longest session in seconds.
    ///
    /// # Errors
    /// `NotFound` without the role.
    pub async fn update_max_session(&self, name: &str, seconds: i32) -> Result<(), Fault> {
        let call = self.client.update_role().role_name(name).max_session_duration(seconds).send();
        self.calls.watch("iam", "UpdateRole", call).await.map(drop)
    }

    /// The longest session of a role in seconds, which the snapshot does not carry; `None` if there is no such role
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn max_session(&self, name: &str) -> Read<Option<i32>> {
        let call = self.client.get_role().role_name(name).send();
        let answer = present(self.calls.watch("iam", "GetRole", call).await)?;
        Ok(answer.and_then(|answer| answer.role).and_then(|role| role.max_session_duration))
    }

    /// Adds or replaces tags.
    ///
    /// # Errors
    /// `NotFound` without the role.
    pub async fn tag_role(&self, name: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.client.tag_role().role_name(name).set_tags(Some(tag_list("TagRole", tags)?)).send();
        self.calls.watch("iam", "TagRole", call).await.map(drop)
    }

    /// Attaches a managed policy; attaching it again changes nothing.
    ///
    /// # Errors
    /// `NotFound` without the role or the policy; `Quota`.
    pub async fn attach(&self, name: &str, policy_arn: &str) -> Result<(), Fault> {
        let call = self.client.attach_role_policy().role_name(name).policy_arn(policy_arn).send();
        self.calls.watch("iam", "AttachRolePolicy", call).await.map(drop)
    }

    /// Detaches a managed policy.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn detach(&self, name: &str, policy_arn: &str) -> Result<(), Fault> {
        let call = self.client.detach_role_policy().role_name(name).policy_arn(policy_arn).send();
        gone(self.calls.watch("iam", "DetachRolePolicy", call).await)
    }

    /// Deletes an inline policy.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn delete_inline(&self, name: &str, policy_name: &str) -> Result<(), Fault> {
        let call = self.client.delete_role_policy().role_name(name).policy_name(policy_name).send();
        gone(self.calls.watch("iam", "DeleteRolePolicy", call).await)
    }

    /// Deletes a role (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>).
    ///
    /// # Errors
    /// `Conflict` while it has policies, inline or attached, or is in an instance profile.
    pub async fn delete_role(&self, name: &str) -> Result<(), Fault> {
        let call = self.client.delete_role().role_name(name).send();
        gone(self.calls.watch("iam", "DeleteRole", call).await)
    }
}
