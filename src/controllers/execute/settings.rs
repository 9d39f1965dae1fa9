//! Settings of the whole account. Each call sets all of one setting, so that it can be made again.

use crate::domain::Fault;
use crate::plan::Action;

use super::Executor;

impl Executor<'_> {
    pub(super) async fn setting(&self, action: &Action) -> Result<(), Fault> {
        let bedrock = |region: &str| self.account.bedrock.in_region(region);
        match action {
            Action::PutAccountDataRetention { region, mode } => bedrock(region).put_data_retention(mode).await,
            Action::PutModelInvocationLogging { region, configuration } => bedrock(region).put_invocation_logging(configuration).await,
            Action::DeleteModelInvocationLogging { region } => bedrock(region).delete_invocation_logging().await,
            _ => Ok(()),
        }
    }
}
