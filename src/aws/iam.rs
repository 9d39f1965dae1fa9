//! Roles and policies: the bulk read (`snapshot`), single policies (`policies`), roles (`roles`).

mod policies;
mod roles;
mod snapshot;

use aws_config::SdkConfig;
use aws_sdk_iam::types::Tag;

use super::CallObserver;
use super::calls::present;
use super::fault::unbuildable;
use crate::domain::Fault;
use crate::domain::tags::Tags;
use crate::observed::Read;
use crate::observed::cluster::OidcProvider;

pub use roles::NewRole;
pub use snapshot::Ours;

/// AWS Identity and Access Management. It is one for all Regions of a partition, and eventually consistent: a read may miss what was just
/// written (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
#[derive(Clone, Debug)]
pub struct Iam {
    client: aws_sdk_iam::Client,
    calls: CallObserver,
}

impl Iam {
    pub(super) fn new(config: &SdkConfig, calls: CallObserver) -> Self {
        Self { client: aws_sdk_iam::Client::new(config), calls }
    }

    /// The OIDC provider with this ARN; `None` if there is none
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn oidc_provider(&self, arn: &str) -> Read<Option<OidcProvider>> {
        let call = self.client.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
        let answer = present(self.calls.watch("iam", "GetOpenIDConnectProvider", call).await)?;
        Ok(answer.map(|answer| OidcProvider { client_ids: answer.client_id_list.unwrap_or_default() }))
    }
}

fn tag_list(operation: &'static str, tags: &Tags) -> Result<Vec<Tag>, Fault> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|_| unbuildable("iam", operation))
}

fn tags_of(tags: Option<Vec<Tag>>) -> Tags {
    tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
}
