//! How policies pin guardrails: the versions that a call may name, and which models take none.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html>

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A guardrail with the versions that calls may name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedGuardrail {
    /// Id that applications are told to name.
    pub id: String,
    /// Version that applications are told to name.
    pub version: String,
    /// The values of `bedrock:GuardrailIdentifier` that name it, ARN and version: one, or, while a new one is rolled out, two.
    pub identifiers: BTreeSet<String>,
    /// Key that its configuration is encrypted with: callers need to decrypt with it.
    pub kms_key_arn: Option<String>,
    /// ARN of the guardrail profile that takes it to other Regions, which callers apply too.
    pub profile_arn: Option<String>,
}

impl PinnedGuardrail {
    /// ARNs that callers apply, without versions.
    pub fn arns(&self) -> impl Iterator<Item = &str> {
        let named = self.identifiers.iter().filter_map(|identifier| identifier.rsplit_once(':')).map(|(arn, _)| arn);
        named.chain(self.profile_arn.as_deref())
    }
}

/// Whether a model's calls can carry a guardrail: embedding and rerank models take none
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported.html>).
#[must_use]
pub fn takes_guardrail(model: &str) -> bool {
    !["embed", "rerank"].iter().any(|word| model.contains(word))
}
