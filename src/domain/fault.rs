//! A call that failed: which one, how, and what class of trouble that is.

use std::fmt;

use crate::api::conditions::Reason;

/// What a failure means for what we do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultClass {
    /// Slow down.
    Throttled,
    /// The service did not answer, or failed by itself.
    Unavailable,
    /// We lack the permission.
    Denied,
    /// What we named does not exist.
    NotFound,
    /// It exists already, or is being changed by someone else.
    Conflict,
    /// A quota is used up.
    Quota,
    /// The request can never succeed as it is.
    Invalid,
    /// None of the above.
    Unexpected,
}

impl FaultClass {
    /// The reason a condition gives for it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Throttled => Reason::Throttled,
            Self::Unavailable => Reason::AwsUnavailable,
            Self::Denied => Reason::NotAuthorized,
            Self::NotFound | Self::Unexpected => Reason::Unexpected,
            Self::Conflict => Reason::Conflict,
            Self::Quota => Reason::QuotaExceeded,
            Self::Invalid => Reason::InvalidConfiguration,
        }
    }

    /// Name for metrics: a closed set of words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Invalid => "invalid",
            Self::Unexpected => "unexpected",
        }
    }
}

/// A failed call. Holds no body of any message, which could carry documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it means.
    pub class: FaultClass,
    /// Service as in IAM's prefixes, such as `iam`; `kubernetes` for the API server.
    pub service: &'static str,
    /// The call, such as `CreateRole`.
    pub operation: &'static str,
    /// The service's own code, such as `AccessDenied`; empty if it gave none.
    pub code: String,
}

impl Fault {
    /// The reason a condition gives for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match (self.service, self.class) {
            ("kubernetes", FaultClass::Unavailable) => Reason::KubernetesUnavailable,
            (_, class) => class.reason(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { "no answer" } else { &self.code };
        write!(formatter, "{}:{} failed: {code}", self.service, self.operation)?;
        match self.class {
            FaultClass::Denied => write!(formatter, "; allow the operator {}:{}", self.service, self.operation),
            FaultClass::Throttled | FaultClass::Unavailable => write!(formatter, "; it is tried again"),
            FaultClass::Quota => write!(formatter, "; raise the quota or remove what is not needed"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
