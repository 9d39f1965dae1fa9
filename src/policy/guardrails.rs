//! How policies pin guardrails: the versions that a call may name, and which models take none.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html>

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A guardrail with the versions that calls may name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedGuardrail {
    /// The environment's name for it.
    pub name: String,
    /// Id that applications are told to name.
    pub id: String,
    /// Version that applications are told to name.
    pub version: String,
    /// The values of `bedrock:GuardrailIdentifier` that name it, ARN and version: one, or, while a new one is rolled out, two.
    pub identifiers: BTreeSet<String>,
    /// Keys that its configuration is encrypted with, that of each version: callers need to decrypt with them.
    pub kms_key_arns: BTreeSet<String>,
    /// ARN of the guardrail profile that takes it to other Regions, which callers apply too, in each of them.
    pub profile_arn: Option<String>,
}

impl PinnedGuardrail {
    /// ARNs that callers apply, without versions: the guardrails, and the profile in each of these Regions
    /// (<https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-profiles-permissions.html>).
    #[must_use]
    pub fn arns(&self, regions: &BTreeSet<String>) -> BTreeSet<String> {
        let named = self.identifiers.iter().filter_map(|identifier| identifier.rsplit_once(':')).map(|(arn, _)| arn.to_owned());
        let profile = self.profile_arn.as_deref().map(|arn| arn.split(':').collect::<Vec<_>>()).filter(|parts| parts.len() == 6);
        let elsewhere = profile.into_iter().flat_map(|parts| {
            regions.iter().map(move |region| [parts[0], parts[1], parts[2], region.as_str(), parts[4], parts[5]].join(":"))
        });
        named.chain(elsewhere).chain(self.profile_arn.clone()).collect()
    }
}

/// Whether a model's calls can carry a guardrail: embedding and rerank models take none
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported.html>).
#[must_use]
pub fn takes_guardrail(model: &str) -> bool {
    !["embed", "rerank"].iter().any(|word| model.contains(word))
}
