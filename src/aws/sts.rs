//! Who the operator is.

use aws_config::SdkConfig;

use super::CallObserver;
use super::fault::incomplete;
use crate::observed::Read;
use crate::observed::account::Caller;

/// AWS Security Token Service.
#[derive(Clone, Debug)]
pub struct Sts {
    client: aws_sdk_sts::Client,
    calls: CallObserver,
}

impl Sts {
    pub(super) fn new(config: &SdkConfig, calls: CallObserver) -> Self {
        Self { client: aws_sdk_sts::Client::new(config), calls }
    }

    /// The operator's own identity. Needs no permission, so it proves that credentials work
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).
    ///
    /// # Errors
    /// `Credentials` with code `NoCredentials` if the process has none.
    pub async fn caller(&self) -> Read<Caller> {
        let answer = self.calls.watch("sts", "GetCallerIdentity", self.client.get_caller_identity().send()).await?;
        match (answer.account, answer.arn) {
            (Some(account_id), Some(arn)) => Ok(Caller { account_id, arn }),
            _ => Err(incomplete("sts", "GetCallerIdentity")),
        }
    }

    /// Asks for the identity although the credentials have failed before; says whether they work again.
    pub(super) async fn probe(&self) -> bool {
        self.calls.probe("sts", "GetCallerIdentity", self.client.get_caller_identity().send()).await
    }
}
