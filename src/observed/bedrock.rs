//! Models and profiles, as the account can call them.

/// Answer of `GetFoundationModelAvailability` in Bedrock's words
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetFoundationModelAvailability.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelAvailability {
    /// `AVAILABLE` once the model's agreement is made, or not needed.
    pub agreement: String,
    /// `AUTHORIZED` or `NOT_AUTHORIZED`.
    pub authorization: String,
    /// `AVAILABLE` or `NOT_AVAILABLE`.
    pub entitlement: String,
    /// `AVAILABLE` or `NOT_AVAILABLE` in the Region asked.
    pub region: String,
}

impl ModelAvailability {
    /// What keeps the account from calling the model, and what to do; `None` if nothing does.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.region != "AVAILABLE" {
            Some("the Region does not offer it; approve another model or use an inference profile")
        } else if self.agreement != "AVAILABLE" {
            Some("its agreement is not made; accept it in the Bedrock console or with CreateFoundationModelAgreement")
        } else if self.authorization != "AUTHORIZED" {
            Some("the account is not authorized; request access to it in the Bedrock console")
        } else if self.entitlement != "AVAILABLE" {
            Some("the account is not entitled to it; request access to it in the Bedrock console")
        } else {
            None
        }
    }
}
