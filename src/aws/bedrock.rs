//! Which models and inference profiles the account can call, its guardrails, and what Bedrock keeps for the account.

mod account_settings;
mod guardrails;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};

use super::CallObserver;
use crate::domain::Fault;
use crate::domain::fault::FaultClass;
use crate::observed::Read;
use crate::observed::bedrock::ModelAvailability;
use crate::policy::permissions::Profile;

/// Requests that a call in another Region makes at the most: one that no path leads to is not to hold up a pass.
const ATTEMPTS_ELSEWHERE: u32 = 2;

/// Amazon Bedrock's control plane.
#[derive(Clone, Debug)]
pub struct Bedrock {
    client: aws_sdk_bedrock::Client,
    calls: CallObserver,
}

impl Bedrock {
    pub(super) fn new(config: &SdkConfig, calls: CallObserver) -> Self {
        Self { client: aws_sdk_bedrock::Client::new(config), calls }
    }

    /// The same in the Region named, with the same credentials. What fails there says nothing of the credentials: a Region that the
    /// account has not enabled knows none, and the endpoints of the VPC lead to its own Region alone.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.client.config();
        if config.region().is_some_and(|own| own.as_ref() == region) {
            return self.clone();
        }
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS_ELSEWHERE);
        let config = config.to_builder().region(Region::new(region.to_owned())).retry_config(retry).build();
        Self { client: aws_sdk_bedrock::Client::from_conf(config), calls: self.calls.elsewhere() }
    }

    /// Whether the account can call the foundation model with this id; `None` if Bedrock knows no such model
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetFoundationModelAvailability.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn availability(&self, model: &str) -> Read<Option<ModelAvailability>> {
        let call = self.client.get_foundation_model_availability().model_id(model).send();
        let answer = known(self.calls.watch("bedrock", "GetFoundationModelAvailability", call).await)?;
        Ok(answer.map(|answer| ModelAvailability {
            agreement: answer.agreement_availability.map(|agreement| agreement.status.as_str().to_owned()).unwrap_or_default(),
            authorization: answer.authorization_status.as_str().to_owned(),
            entitlement: answer.entitlement_availability.as_str().to_owned(),
            region: answer.region_availability.as_str().to_owned(),
        }))
    }

    /// The inference profile that `identifier` (an id or ARN) names, as `name`, and the models it leads to; `None` if the Region has none
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetInferenceProfile.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn profile(&self, name: &str, identifier: &str) -> Read<Option<Profile>> {
        let call = self.client.get_inference_profile().inference_profile_identifier(identifier).send();
        let answer = known(self.calls.watch("bedrock", "GetInferenceProfile", call).await)?;
        Ok(answer.map(|answer| Profile {
            id: name.to_owned(),
            model_arns: answer.models.into_iter().filter_map(|model| model.model_arn).collect(),
        }))
    }
}

/// Bedrock says `ValidationException` of an identifier it cannot place. The identifier is all that these reads send, so it is
/// the identifier that is unknown.
fn known<T>(outcome: Result<T, Fault>) -> Read<Option<T>> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if matches!(fault.class, FaultClass::NotFound | FaultClass::Invalid) => Ok(None),
        Err(fault) => Err(fault),
    }
}
