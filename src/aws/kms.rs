//! The environment's key. There is no call here that disables or deletes one.

use aws_config::SdkConfig;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata, KeyState, Tag};

use super::CallObserver;
use super::calls::present;
use super::fault::{incomplete, unbuildable};
use crate::domain::Fault;
use crate::domain::fault::FaultClass;
use crate::domain::names::last;
use crate::domain::tags::{Tags, owned};
use crate::observed::Read;
use crate::observed::account::Key;
use crate::policy::PolicyDocument;

/// AWS Key Management Service.
#[derive(Clone, Debug)]
pub struct Kms {
    client: aws_sdk_kms::Client,
    calls: CallObserver,
}

impl Kms {
    pub(super) fn new(config: &SdkConfig, calls: CallObserver) -> Self {
        Self { client: aws_sdk_kms::Client::new(config), calls }
    }

    /// The key with this id, ARN or alias name (`alias/...`); `None` if there is none.
    /// Up to four calls (<https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>).
    ///
    /// # Errors
    /// When any of the calls fails.
    pub async fn key(&self, id: &str) -> Read<Option<Key>> {
        let Some(metadata) = self.metadata(id).await? else { return Ok(None) };
        let arn = metadata.arn.clone().ok_or_else(|| incomplete("kms", "DescribeKey"))?;
        let (rotation_enabled, rotation_period_in_days) = self.rotation(&arn).await?;
        let Some(policy) = self.policy(&arn).await? else { return Ok(None) };
        let Some(tags) = self.tags(&arn).await? else { return Ok(None) };
        Ok(Some(Key {
            state: metadata.key_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            customer_managed: metadata.key_manager == Some(KeyManagerType::Customer),
            usage: metadata.key_usage.map(|usage| usage.as_str().to_owned()),
            spec: metadata.key_spec.map(|spec| spec.as_str().to_owned()),
            rotation_enabled,
            rotation_period_in_days,
            policy: PolicyDocument::parse(&policy).ok(),
            tags,
            arn,
        }))
    }

    /// ARN of a key that carries all of `tags` and is not about to be deleted. KMS cannot search by tag, so this is one call per key
    /// of the Region: only for when the alias is missing, so that a crash between creation and alias makes no second key. Keys whose
    /// tags we may not read belong to others and are passed over.
    ///
    /// # Errors
    /// When a call fails, but for the denial of one key's tags.
    pub async fn find_by_tags(&self, tags: &Tags) -> Read<Option<String>> {
        let mut pages = self.client.list_keys().into_paginator().page_size(1000).send();
        while let Some(page) = self.calls.page("kms", "ListKeys", pages.next()).await? {
            for arn in page.keys.unwrap_or_default().into_iter().filter_map(|key| key.key_arn) {
                if self.is_kept_with(&arn, tags).await? {
                    return Ok(Some(arn));
                }
            }
        }
        Ok(None)
    }

    /// Creates a symmetric encryption key with its policy and tags in one call, and gives its ARN. KMS has no client token: look with
    /// [`find_by_tags`](Self::find_by_tags) first; and tried once only, because an answer that was lost may have made one
    /// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>).
    ///
    /// # Errors
    /// `Invalid` if the policy would lock out its own caller; `Quota`; or when the call fails.
    pub async fn create_key(&self, policy_json: &str, description: &str, tags: &Tags) -> Result<String, Fault> {
        let request = self.client.create_key().policy(policy_json).description(description);
        let once = aws_sdk_kms::Config::builder().retry_config(RetryConfig::disabled());
        let call = request.set_tags(Some(tag_list("CreateKey", tags)?)).customize().config_override(once).send();
        let answer = self.calls.watch("kms", "CreateKey", call).await?;
        answer.key_metadata.and_then(|metadata| metadata.arn).ok_or_else(|| incomplete("kms", "CreateKey"))
    }

    /// Points the new alias (`alias/...`) at a key.
    ///
    /// # Errors
    /// `Conflict` if the alias exists.
    pub async fn create_alias(&self, alias: &str, key_arn: &str) -> Result<(), Fault> {
        let call = self.client.create_alias().alias_name(alias).target_key_id(key_arn).send();
        self.calls.watch("kms", "CreateAlias", call).await.map(drop)
    }

    /// Enables a key that is disabled; one that is enabled stays so.
    ///
    /// # Errors
    /// `Conflict` if the key is pending deletion.
    pub async fn enable(&self, arn: &str) -> Result<(), Fault> {
        // KMS takes both, moto 5 the id alone.
        let call = self.client.enable_key().key_id(last(arn)).send();
        self.calls.watch("kms", "EnableKey", call).await.map(drop)
    }

    /// Turns automatic rotation on, every `days` (90 to 2560).
    ///
    /// # Errors
    /// `Conflict` if the key is disabled or pending deletion.
    pub async fn enable_rotation(&self, arn: &str, days: i32) -> Result<(), Fault> {
        let call = self.client.enable_key_rotation().key_id(arn).rotation_period_in_days(days).send();
        self.calls.watch("kms", "EnableKeyRotation", call).await.map(drop)
    }

    /// Replaces the key's policy; KMS refuses one that would lock its caller out.
    ///
    /// # Errors
    /// `Invalid` if KMS refuses the document.
    pub async fn put_policy(&self, arn: &str, policy_json: &str) -> Result<(), Fault> {
        let call = self.client.put_key_policy().key_id(arn).policy_name("default").policy(policy_json).send();
        self.calls.watch("kms", "PutKeyPolicy", call).await.map(drop)
    }

    /// Adds or replaces tags.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.client.tag_resource().key_id(arn).set_tags(Some(tag_list("TagResource", tags)?)).send();
        self.calls.watch("kms", "TagResource", call).await.map(drop)
    }

    /// Removes tags, by their keys.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Fault> {
        let call = self.client.untag_resource().key_id(arn).set_tag_keys(Some(keys.to_vec())).send();
        self.calls.watch("kms", "UntagResource", call).await.map(drop)
    }

    async fn metadata(&self, id: &str) -> Read<Option<KeyMetadata>> {
        let call = self.client.describe_key().key_id(id).send();
        let answer = present(self.calls.watch("kms", "DescribeKey", call).await)?;
        Ok(answer.and_then(|answer| answer.key_metadata))
    }

    /// Whether the key rotates, and how often. A key that is not in use, or of a kind that cannot rotate, does not.
    async fn rotation(&self, arn: &str) -> Read<(bool, Option<i32>)> {
        let call = self.client.get_key_rotation_status().key_id(arn).send();
        match self.calls.watch("kms", "GetKeyRotationStatus", call).await {
            Ok(answer) => Ok((answer.key_rotation_enabled, answer.rotation_period_in_days)),
            Err(fault) if matches!(fault.class, FaultClass::Conflict | FaultClass::Invalid) => Ok((false, None)),
            Err(fault) => Err(fault),
        }
    }

    async fn policy(&self, arn: &str) -> Read<Option<String>> {
        let call = self.client.get_key_policy().key_id(arn).policy_name("default").send();
        let answer = present(self.calls.watch("kms", "GetKeyPolicy", call).await)?;
        Ok(answer.map(|answer| answer.policy.unwrap_or_default()))
    }

    async fn tags(&self, arn: &str) -> Read<Option<Tags>> {
        let mut found = Tags::new();
        let mut pages = self.client.list_resource_tags().key_id(arn).into_paginator().send();
        loop {
            match present(self.calls.page("kms", "ListResourceTags", pages.next()).await)? {
                Some(Some(page)) => found.extend(page.tags.unwrap_or_default().into_iter().map(|tag| (tag.tag_key, tag.tag_value))),
                Some(None) => return Ok(Some(found)),
                None => return Ok(None),
            }
        }
    }

    async fn is_kept_with(&self, arn: &str, wanted: &Tags) -> Read<bool> {
        let found = match self.tags(arn).await {
            Ok(found) => found.unwrap_or_default(),
            Err(fault) if fault.class == FaultClass::Denied => return Ok(false),
            Err(fault) => return Err(fault),
        };
        if !owned(&found, wanted) {
            return Ok(false);
        }
        let state = self.metadata(arn).await?.and_then(|metadata| metadata.key_state);
        Ok(state.is_some_and(|state| !matches!(state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)))
    }
}

fn tag_list(operation: &'static str, tags: &Tags) -> Result<Vec<Tag>, Fault> {
    tags.iter()
        .map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|_| unbuildable("kms", operation))
}
