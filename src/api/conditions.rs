//! The condition types that appear in a status, each word documented where it is declared.

mod reasons;

pub use reasons::Reason;

/// A condition type. All are of positive polarity but [`ConditionType::Stalled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The operator has finished, and everything it manages is in place.
    Ready,
    /// The posture verdict over the subject's own controls.
    Compliant,
    /// True when the operator cannot go on without a change by someone.
    Stalled,
    /// Environment: account, cluster, VPC, subnets and OIDC provider are what the spec says.
    ScopeVerified,
    /// Environment: every endpoint service is there, private and narrow.
    EndpointsReady,
    /// Environment: the KMS key is there, rotated and tightly held.
    KeyReady,
    /// Environment: the permissions boundary is there and as wide as the approved models and the stores need.
    BoundaryReady,
    /// Environment: every declared guardrail is published and does what is declared. There only if any is declared.
    GuardrailsReady,
    /// Environment: the operator's own STS and Bedrock calls get through.
    BedrockReachable,
    /// Environment: what Bedrock keeps once for the whole account (data retention, invocation logging, enforced guardrails) suits PHI.
    /// It counts for `Compliant`, not for `Ready`: it is mostly for others to set.
    AccountSettingsVerified,
    /// Workload: the namespace and the service account may use the environment.
    Admitted,
    /// Workload: the network policy is in place.
    NetworkIsolated,
    /// Workload: role, policy, boundary, trust and annotation are in place.
    IdentityReady,
    /// Workload: every store that it names is declared, admitted and given. There only if it names any.
    StoresResolved,
    /// Workload: every additional policy that it names is declared, admitted and attached. There only if it names any.
    PoliciesResolved,
    /// Workload: the ConfigMap that tells its application what to use is in place. There only if an access is
    /// given and has a role.
    SettingsPublished,
    /// Access: every model and profile is approved and can be called.
    ModelsResolved,
    /// Access: the workload's policy in the account contains this access.
    PolicyApplied,
}

impl ConditionType {
    /// The name as written into a status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Compliant => "Compliant",
            Self::Stalled => "Stalled",
            Self::ScopeVerified => "ScopeVerified",
            Self::EndpointsReady => "EndpointsReady",
            Self::KeyReady => "KeyReady",
            Self::BoundaryReady => "BoundaryReady",
            Self::GuardrailsReady => "GuardrailsReady",
            Self::BedrockReachable => "BedrockReachable",
            Self::AccountSettingsVerified => "AccountSettingsVerified",
            Self::Admitted => "Admitted",
            Self::NetworkIsolated => "NetworkIsolated",
            Self::IdentityReady => "IdentityReady",
            Self::StoresResolved => "StoresResolved",
            Self::PoliciesResolved => "PoliciesResolved",
            Self::SettingsPublished => "SettingsPublished",
            Self::ModelsResolved => "ModelsResolved",
            Self::PolicyApplied => "PolicyApplied",
        }
    }
}
