//! The controls that are judged, with their HIPAA citations (45 CFR part 164).

/// A control. Its id is stable; reports and exceptions refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Control {
    /// Only approved Regions.
    ApprovedRegions,
    /// Only approved models.
    ApprovedModels,
    /// No prohibited use case; gray ones have an overseer.
    UseCases,
    /// An interface endpoint in every zone in use.
    PrivateEndpoints,
    /// Private DNS, and a VPC that supports it.
    PrivateDns,
    /// Endpoint policies narrow which principals, actions and resources pass.
    EndpointPolicies,
    /// The endpoint's security group admits HTTPS from the declared sources only.
    EndpointSecurityGroups,
    /// Default-deny network policies with what is needed.
    PodIsolation,
    /// Separate tenants: namespaces bind by the platform's leave, service accounts are not shared.
    Segmentation,
    /// The operator's own path to AWS.
    OperatorPath,
    /// A customer-managed key.
    CustomerManagedKey,
    /// Automatic rotation of the key.
    KeyRotation,
    /// A tight key policy with administrators apart from users.
    KeyPolicy,
    /// The key is never lost.
    KeyRetention,
    /// Least privilege: a role with exactly the declared access.
    LeastPrivilege,
    /// A permissions boundary on every role.
    PermissionsBoundary,
    /// Exact trust: issuer, audience and subject.
    ExactTrust,
    /// Ownership tags.
    OwnershipTags,
    /// Temporary credentials by web identity.
    WebIdentity,
    /// No way around the declared access: other inference planes, batch, agents, tools.
    SideDoors,
    /// A guardrail that filters content and blocks or masks personal information.
    Guardrails,
    /// No call to a model without a guardrail.
    GuardrailEnforcement,
    /// Invocation logging holds no PHI, or is a protected store.
    InvocationLogging,
    /// Bedrock keeps prompts and replies no longer than needed.
    DataRetention,
    /// Nothing is shared with the providers of models.
    ProviderSharing,
}

impl Control {
    /// The control's id in the catalogue.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.entry().0
    }

    /// The paragraphs of 45 CFR part 164 it serves.
    #[must_use]
    pub fn citation(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::ApprovedRegions => ("AG-4", "164.308(a)(4)(ii)(B)"),
            Self::ApprovedModels => ("AG-5", "164.308(a)(4)(ii)(B), 164.314(a)"),
            Self::UseCases => ("AG-8", "164.308(a)(1)(ii)(A)-(B)"),
            Self::PrivateEndpoints => ("NET-3", "164.312(e)(1), 164.312(e)(2)(ii)"),
            Self::PrivateDns => ("NET-5", "164.312(e)(1)"),
            Self::EndpointPolicies => ("NET-6", "164.312(a)(1), 164.308(a)(4)"),
            Self::EndpointSecurityGroups => ("NET-7", "164.312(a)(1), 164.312(e)(1)"),
            Self::PodIsolation => ("NET-10", "164.312(a)(1), 164.312(e)(1)"),
            Self::Segmentation => ("NET-11", "164.308(a)(4), 164.312(a)(1)"),
            Self::OperatorPath => ("NET-18", "164.312(e)(1)"),
            Self::CustomerManagedKey => ("KEY-2", "164.312(a)(2)(iv)"),
            Self::KeyRotation => ("KEY-3", "164.312(a)(2)(iv), 164.308(a)(1)(ii)(B)"),
            Self::KeyPolicy => ("KEY-6", "164.312(a)(1), 164.308(a)(3)(i)"),
            Self::KeyRetention => ("KEY-8", "164.308(a)(7)(ii)(A)-(B), 164.312(c)(1)"),
            Self::LeastPrivilege => ("IAM-1", "164.308(a)(4)(ii)(B)-(C), 164.312(a)(1)"),
            Self::PermissionsBoundary => ("IAM-8", "164.308(a)(4), 164.312(a)(1)"),
            Self::ExactTrust => ("IAM-14", "164.312(d)"),
            Self::OwnershipTags => ("IAM-7", "164.308(a)(4)"),
            Self::WebIdentity => ("IAM-4", "164.312(a)(2)(i), 164.312(d)"),
            Self::Guardrails => ("BR-1", "164.312(e)(1); Privacy 164.502(b), 164.514(d)"),
            Self::GuardrailEnforcement => ("BR-2", "164.312(a)(1)"),
            Self::InvocationLogging => ("BR-3", "164.312(b), 164.312(a)(2)(iv), 164.502(b)"),
            Self::DataRetention => ("BR-4", "164.310(d)(2)(i), 164.502(b)"),
            Self::ProviderSharing => ("BR-5", "164.502(e), 164.314(a)"),
            Self::SideDoors => ("BR-6", "164.312(a)(1), 164.312(e)(1)"),
        }
    }
}
