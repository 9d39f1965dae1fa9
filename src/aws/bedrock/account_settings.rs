//! What Bedrock keeps once for a whole account and Region.

use aws_sdk_bedrock::types::{
    AccountEnforcedGuardrailOutputConfiguration, CloudWatchConfig, DataRetentionMode, InputTags, LoggingConfig, S3Config,
    SelectiveGuardingMode,
};

use super::Bedrock;
use crate::domain::Fault;
use crate::domain::fault::FaultClass;
use crate::observed::Read;
use crate::observed::account_settings::{Bucket, DataKind, EnforcedGuardrail, InvocationLogging, LogGroup};

impl Bedrock {
    /// Mode of data retention in Bedrock's words, such as `inherit` where nobody has set one
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetAccountDataRetention.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn data_retention(&self) -> Read<String> {
        let call = self.client.get_account_data_retention().send();
        let answer = self.calls.watch("bedrock", "GetAccountDataRetention", call).await?;
        Ok(answer.mode.as_str().to_owned())
    }

    /// Sets the mode, for everyone in the account and Region.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put_data_retention(&self, mode: &str) -> Result<(), Fault> {
        let call = self.client.put_account_data_retention().mode(DataRetentionMode::from(mode)).send();
        self.calls.watch("bedrock", "PutAccountDataRetention", call).await.map(drop)
    }

    /// Invocation logging; one that names nowhere to log to is off
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelInvocationLoggingConfiguration.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn invocation_logging(&self) -> Read<InvocationLogging> {
        let call = self.client.get_model_invocation_logging_configuration().send();
        let answer = self.calls.watch("bedrock", "GetModelInvocationLoggingConfiguration", call).await?;
        Ok(answer.logging_config.map(read).unwrap_or_default())
    }

    /// Sets invocation logging, for everyone in the account and Region.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put_invocation_logging(&self, logging: &InvocationLogging) -> Result<(), Fault> {
        let call = self.client.put_model_invocation_logging_configuration().logging_config(written(logging)?).send();
        self.calls.watch("bedrock", "PutModelInvocationLoggingConfiguration", call).await.map(drop)
    }

    /// Turns invocation logging off, for everyone in the account and Region.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn delete_invocation_logging(&self) -> Result<(), Fault> {
        let call = self.client.delete_model_invocation_logging_configuration().send();
        self.calls.watch("bedrock", "DeleteModelInvocationLoggingConfiguration", call).await.map(drop)
    }

    /// The guardrails that the account enforces in the Region
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListEnforcedGuardrailsConfiguration.html>).
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn enforced_guardrails(&self) -> Read<Vec<EnforcedGuardrail>> {
        let mut pages = self.client.list_enforced_guardrails_configuration().into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = self.calls.page("bedrock", "ListEnforcedGuardrailsConfiguration", pages.next()).await? {
            found.extend(page.guardrails_config.into_iter().map(enforced));
        }
        Ok(found)
    }
}

fn read(found: LoggingConfig) -> InvocationLogging {
    let kinds = [
        (DataKind::Text, found.text_data_delivery_enabled),
        (DataKind::Image, found.image_data_delivery_enabled),
        (DataKind::Embedding, found.embedding_data_delivery_enabled),
        (DataKind::Video, found.video_data_delivery_enabled),
        (DataKind::Audio, found.audio_data_delivery_enabled),
    ];
    InvocationLogging {
        log_group: found.cloud_watch_config.map(|group| LogGroup {
            name: group.log_group_name,
            role_arn: group.role_arn,
            large_data: group.large_data_delivery_s3_config.map(bucket),
        }),
        bucket: found.s3_config.map(bucket),
        delivers: kinds.into_iter().filter_map(|(kind, delivered)| Some((kind, delivered?))).collect(),
    }
}

fn bucket(found: S3Config) -> Bucket {
    let prefix = found.key_prefix.map(|prefix| prefix.trim_end_matches('/').to_owned());
    Bucket { name: found.bucket_name, prefix: prefix.filter(|prefix| !prefix.is_empty()) }
}

fn written(logging: &InvocationLogging) -> Result<LoggingConfig, Fault> {
    // The names come from the spec, whose schema asks for them.
    let incomplete = || Fault {
        class: FaultClass::Invalid,
        service: "bedrock",
        operation: "PutModelInvocationLoggingConfiguration",
        code: "Incomplete".into(),
    };
    let s3 = |bucket: &Bucket| {
        S3Config::builder().bucket_name(&bucket.name).set_key_prefix(bucket.prefix.clone()).build().map_err(|_| incomplete())
    };
    let group = |group: &LogGroup| {
        let large = group.large_data.as_ref().map(s3).transpose()?;
        let group = CloudWatchConfig::builder().log_group_name(&group.name).role_arn(&group.role_arn);
        group.set_large_data_delivery_s3_config(large).build().map_err(|_| incomplete())
    };
    let delivers = |kind| logging.delivers.get(&kind).copied();
    Ok(LoggingConfig::builder()
        .set_cloud_watch_config(logging.log_group.as_ref().map(group).transpose()?)
        .set_s3_config(logging.bucket.as_ref().map(s3).transpose()?)
        .set_text_data_delivery_enabled(delivers(DataKind::Text))
        .set_image_data_delivery_enabled(delivers(DataKind::Image))
        .set_embedding_data_delivery_enabled(delivers(DataKind::Embedding))
        .set_video_data_delivery_enabled(delivers(DataKind::Video))
        .set_audio_data_delivery_enabled(delivers(DataKind::Audio))
        .build())
}

#[allow(deprecated, reason = "configurations from before April 2026 have inputTags instead of selectiveContentGuarding")]
fn enforced(found: AccountEnforcedGuardrailOutputConfiguration) -> EnforcedGuardrail {
    let by_tags = match found.input_tags {
        Some(InputTags::Ignore) => Some(true),
        Some(InputTags::Honor) => Some(false),
        _ => None,
    };
    let all = |mode: Option<&SelectiveGuardingMode>| match mode {
        Some(SelectiveGuardingMode::Comprehensive) => Some(true),
        Some(SelectiveGuardingMode::Selective) => Some(false),
        Some(_) => None,
        None => by_tags,
    };
    let guarding = found.selective_content_guarding.as_ref();
    let (included, excluded) = found.model_enforcement.map(|models| (models.included_models, models.excluded_models)).unzip();
    EnforcedGuardrail {
        guards_all_of_system: all(guarding.and_then(|guarding| guarding.system.as_ref())),
        guards_all_of_messages: all(guarding.and_then(|guarding| guarding.messages.as_ref())),
        arn: found.guardrail_arn.unwrap_or_default(),
        version: found.guardrail_version.unwrap_or_default(),
        included_models: included.map(|models| models.into_iter().collect()),
        excluded_models: excluded.unwrap_or_default().into_iter().collect(),
    }
}
