//! Which models and inference profiles the account can call, and its guardrails.

mod guardrails;

use aws_config::SdkConfig;

use super::CallObserver;
use crate::domain::Fault;
use crate::domain::fault::FaultClass;
use crate::observed::Read;
use crate::observed::bedrock::ModelAvailability;
use crate::policy::permissions::Profile;

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
