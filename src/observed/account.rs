//! Who calls, and the environment's key.

use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// The operator's own identity, as STS tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The 12 digits of the account.
    pub account_id: String,
    /// ARN as STS gives it: of a user, or of an assumed role's session.
    pub arn: String,
}

impl Caller {
    /// The partition in the ARN.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }

    /// The role's name if the caller is a role session. The session's ARN does not carry the role's path.
    #[must_use]
    pub fn role_name(&self) -> Option<&str> {
        self.arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next())
    }
}

/// A KMS key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// ARN of the key.
    pub arn: String,
    /// `KeyState` in KMS's words, such as `Enabled`, `Disabled`, `PendingDeletion`.
    pub state: String,
    /// Whether the customer manages it (`KeyManager` is `CUSTOMER`).
    pub customer_managed: bool,
    /// `KeyUsage` in KMS's words, such as `ENCRYPT_DECRYPT`; `None` where the service does not say.
    pub usage: Option<String>,
    /// `KeySpec` in KMS's words, such as `SYMMETRIC_DEFAULT`; `None` where the service does not say.
    pub spec: Option<String>,
    /// Whether automatic rotation is on.
    pub rotation_enabled: bool,
    /// Days between rotations; `None` where the service does not say.
    pub rotation_period_in_days: Option<i32>,
    /// Its policy; `None` if it is not a readable policy document.
    pub policy: Option<PolicyDocument>,
    /// Its tags.
    pub tags: Tags,
}
