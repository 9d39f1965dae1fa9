//! A call that failed: which one, how, and what class of trouble that is.

use std::fmt;

use crate::api::conditions::Reason;

/// What a failure means for what we do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultClass {
    /// Slow down.
    Throttled,
    /// The service failed by itself, or gave no answer in time once a connection was there.
    Unreachable,
    /// No connection at all: name resolution, an endpoint, its security group, a proxy or TLS does not carry the call.
    NoPath,
    /// We have no credentials, or the service does not know them: nothing else can be told before they work.
    Credentials,
    /// We are known, and lack the permission.
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
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Throttled,
        Self::Unreachable,
        Self::NoPath,
        Self::Credentials,
        Self::Denied,
        Self::NotFound,
        Self::Conflict,
        Self::Quota,
        Self::Invalid,
        Self::Unexpected,
    ];

    /// The reason a condition gives for it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Throttled => Reason::Throttled,
            Self::Unreachable => Reason::AwsUnavailable,
            Self::NoPath => Reason::PathBroken,
            Self::Credentials => Reason::CredentialsUnavailable,
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
            Self::Unreachable => "unreachable",
            Self::NoPath => "no_path",
            Self::Credentials => "credentials",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Invalid => "invalid",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether it is likely to go by itself, without anybody's change.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable | Self::NoPath | Self::Credentials | Self::Conflict)
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
            ("kubernetes", FaultClass::Unreachable | FaultClass::NoPath) => Reason::KubernetesUnavailable,
            (_, class) => class.reason(),
        }
    }

    /// What a person can do about it, if that can be said.
    fn advice(&self) -> String {
        let Self { service, operation, .. } = self;
        match self.class {
            FaultClass::Denied => format!("allow the operator {service}:{operation}"),
            FaultClass::Throttled | FaultClass::Unreachable => "it is tried again".to_owned(),
            FaultClass::NoPath => format!(
                "there is no connection: see whether the name of {service} resolves in the operator's pod, and whether the endpoint's security group, network policies and the proxy let it through"
            ),
            FaultClass::Credentials => "the operator has no working credentials: see the role of its service account (IRSA or Pod Identity), that role's trust, and the clock; all calls wait until they work".to_owned(),
            FaultClass::Quota => "raise the quota or remove what is not needed".to_owned(),
            FaultClass::NotFound | FaultClass::Conflict | FaultClass::Invalid | FaultClass::Unexpected => String::new(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { "no answer" } else { &self.code };
        write!(formatter, "{}:{} failed: {code}", self.service, self.operation)?;
        match self.advice() {
            advice if advice.is_empty() => Ok(()),
            advice => write!(formatter, "; {advice}"),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_word_of_its_own_and_its_code_is_told() {
        let mut words: Vec<&str> = FaultClass::ALL.iter().map(|class| class.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), FaultClass::ALL.len());
        for class in FaultClass::ALL {
            let fault = Fault { class, service: "iam", operation: "CreateRole", code: "SomeCode".into() };
            assert!(fault.to_string().starts_with("iam:CreateRole failed: SomeCode"), "{fault}");
        }
    }
}
