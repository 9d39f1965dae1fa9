//! Customer-managed policies, one at a time.

use aws_sdk_iam::types::SummaryKeyType;

use super::snapshot::policy_of;
use super::{Iam, tag_list, tags_of};
use crate::aws::calls::{gone, present};
use crate::aws::fault::{incomplete, unreadable};
use crate::domain::Fault;
use crate::domain::tags::Tags;
use crate::observed::Read;
use crate::observed::identity::ManagedPolicy;
use crate::policy::PolicyDocument;

impl Iam {
    /// The policy with this ARN, its versions and its default document; `None` if there is none. Two calls
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyVersions.html>).
    ///
    /// # Errors
    /// When any of the calls fails.
    pub async fn policy(&self, arn: &str) -> Read<Option<ManagedPolicy>> {
        let mut versions = Vec::new();
        let mut pages = self.client.list_policy_versions().policy_arn(arn).into_paginator().send();
        loop {
            match present(self.calls.page("iam", "ListPolicyVersions", pages.next()).await)? {
                Some(Some(page)) => versions.extend(page.versions.unwrap_or_default()),
                Some(None) => break,
                None => return Ok(None),
            }
        }
        let mut policy = policy_of(arn.to_owned(), versions).read();
        // The list leaves the documents out.
        let Some(text) = self.version_text(arn, &policy.default_version).await? else { return Ok(None) };
        policy.document = PolicyDocument::parse(&text).ok();
        Ok(Some(policy))
    }

    /// The default document of a policy that need not be ours, such as the platform's boundary; `None` if there is none. Two calls.
    ///
    /// # Errors
    /// `Unexpected` with code `UnreadableDocument` if it is there and is no policy document; or when any of the calls fails.
    pub async fn policy_document(&self, arn: &str) -> Read<Option<PolicyDocument>> {
        let call = self.client.get_policy().policy_arn(arn).send();
        let Some(answer) = present(self.calls.watch("iam", "GetPolicy", call).await)? else { return Ok(None) };
        let version = answer.policy.and_then(|policy| policy.default_version_id).ok_or_else(|| incomplete("iam", "GetPolicy"))?;
        let Some(text) = self.version_text(arn, &version).await? else { return Ok(None) };
        PolicyDocument::parse(&text).map(Some).map_err(|_| unreadable("iam", "GetPolicyVersion"))
    }

    /// How many managed policies a role may have in this account
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>).
    ///
    /// # Errors
    /// When the call fails, or its answer does not tell.
    pub async fn attachment_quota(&self) -> Read<usize> {
        let answer = self.calls.watch("iam", "GetAccountSummary", self.client.get_account_summary().send()).await?;
        let quota = answer.summary_map().and_then(|summary| summary.get(&SummaryKeyType::AttachedPoliciesPerRoleQuota)).copied();
        quota.and_then(|quota| usize::try_from(quota).ok()).ok_or_else(|| incomplete("iam", "GetAccountSummary"))
    }

    /// Tags of a policy, which the snapshot does not carry; `None` if there is no such policy.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn policy_tags(&self, arn: &str) -> Read<Option<Tags>> {
        let mut found = Tags::new();
        let mut pages = self.client.list_policy_tags().policy_arn(arn).into_paginator().send();
        loop {
            match present(self.calls.page("iam", "ListPolicyTags", pages.next()).await)? {
                Some(Some(page)) => found.extend(tags_of(Some(page.tags))),
                Some(None) => return Ok(Some(found)),
                None => return Ok(None),
            }
        }
    }

    /// Creates a policy with its tags and gives its ARN
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>).
    ///
    /// # Errors
    /// `Conflict` if one of this name exists, whatever its path; `Invalid` if IAM refuses the document; `Quota`.
    pub async fn create_policy(
        &self,
        name: &str,
        path: &str,
        description: &str,
        document_json: &str,
        tags: &Tags,
    ) -> Result<String, Fault> {
        let request = self.client.create_policy().policy_name(name).path(path).description(description);
        let call = request.policy_document(document_json).set_tags(Some(tag_list("CreatePolicy", tags)?)).send();
        let answer = self.calls.watch("iam", "CreatePolicy", call).await?;
        answer.policy.and_then(|policy| policy.arn).ok_or_else(|| incomplete("iam", "CreatePolicy"))
    }

    /// Adds a version, makes it the default and gives its id
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>).
    ///
    /// # Errors
    /// `Quota` if there are five: delete one first; `Invalid` if IAM refuses the document.
    pub async fn create_policy_version(&self, arn: &str, document_json: &str) -> Result<String, Fault> {
        let request = self.client.create_policy_version().policy_arn(arn).policy_document(document_json);
        let answer = self.calls.watch("iam", "CreatePolicyVersion", request.set_as_default(true).send()).await?;
        let id = answer.policy_version.and_then(|version| version.version_id);
        id.ok_or_else(|| incomplete("iam", "CreatePolicyVersion"))
    }

    /// Deletes a version that is not the default.
    ///
    /// # Errors
    /// `Conflict` if it is the default.
    pub async fn delete_policy_version(&self, arn: &str, version_id: &str) -> Result<(), Fault> {
        let call = self.client.delete_policy_version().policy_arn(arn).version_id(version_id).send();
        gone(self.calls.watch("iam", "DeletePolicyVersion", call).await)
    }

    /// Deletes a policy, after its `other_versions`, which IAM wants gone first
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html>).
    ///
    /// # Errors
    /// `Conflict` while it is attached, or has versions not named.
    pub async fn delete_policy(&self, arn: &str, other_versions: &[String]) -> Result<(), Fault> {
        for version in other_versions {
            self.delete_policy_version(arn, version).await?;
        }
        let call = self.client.delete_policy().policy_arn(arn).send();
        gone(self.calls.watch("iam", "DeletePolicy", call).await)
    }

    async fn version_text(&self, arn: &str, version_id: &str) -> Read<Option<String>> {
        let call = self.client.get_policy_version().policy_arn(arn).version_id(version_id).send();
        let answer = present(self.calls.watch("iam", "GetPolicyVersion", call).await)?;
        let Some(answer) = answer else { return Ok(None) };
        let text = answer.policy_version.and_then(|version| version.document);
        text.map(Some).ok_or_else(|| incomplete("iam", "GetPolicyVersion"))
    }
}
