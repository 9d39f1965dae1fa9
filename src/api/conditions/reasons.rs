//! The reasons that appear in a status: one documented home for each word.

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident),+ $(,)?) => {
        /// Why a condition or a control is as it is: a stable word in PascalCase that tools may match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])+ $name),+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word as written into a status.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

reasons! {
    /// Everything is in place.
    InPlace,
    /// Proven to hold.
    Proven,
    /// Work is under way; look again soon.
    Progressing,
    /// The plan was computed and nothing was written, as Audit asks.
    AuditOnly,
    /// Something is missing that Audit does not let us make.
    WithheldByAudit,
    /// Writes are stopped by the hold annotation.
    OnHold,
    /// Someone made it narrower on purpose; it is left until the spec changes or a person asks for a pass.
    Held,
    /// A call to AWS was refused for want of permission.
    NotAuthorized,
    /// AWS asked us to slow down.
    Throttled,
    /// AWS did not answer, or answered with a fault of its own.
    AwsUnavailable,
    /// The operator has no credentials that AWS accepts; no call is made before it has.
    CredentialsUnavailable,
    /// AWS refused the request as invalid.
    InvalidConfiguration,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// A thing of the same name is there and is not ours.
    Conflict,
    /// An answer nobody foresaw.
    Unexpected,
    /// The Kubernetes API server refused or did not answer.
    KubernetesUnavailable,
    /// Something else has to be ready first.
    DependenciesNotReady,
    /// The caller's account is not the one in the spec.
    AccountMismatch,
    /// Another API server has claimed the environment in the account, so nothing is written for it here.
    ClaimedElsewhere,
    /// Another environment has claimed to make the endpoint, and has not yet.
    EndpointClaimed,
    /// The cluster named in the spec is not the one this API server belongs to.
    ClusterMismatch,
    /// The cluster does not exist in the account and Region.
    ClusterNotFound,
    /// The VPC does not exist, or it cannot be told which one is meant.
    VpcNotFound,
    /// DNS support or DNS host names are off in the VPC, so private DNS cannot work.
    VpcDnsDisabled,
    /// There is no IAM OIDC provider for the cluster's issuer, so no pod can assume a role.
    OidcProviderNotFound,
    /// The service has no endpoint in this Region or zone.
    ServiceNotOffered,
    /// No endpoint is there, and the environment only verifies it.
    EndpointNotFound,
    /// The endpoint's private DNS is off.
    PrivateDnsDisabled,
    /// The endpoint misses zones that the cluster uses.
    ZonesNotCovered,
    /// The endpoint is not available.
    EndpointNotAvailable,
    /// The endpoint named in the spec is one for another service.
    EndpointServiceMismatch,
    /// The endpoint is not of the type Interface, so it has no address that private DNS could give.
    EndpointNotInterface,
    /// The endpoint named in the spec lies in another VPC than the one declared.
    EndpointVpcMismatch,
    /// Declared in the spec and not readable: it is taken as it is, and nothing about it is proven.
    DeclaredOnly,
    /// The endpoint's policy admits more than it should.
    EndpointPolicyTooWide,
    /// The endpoint's policy denies what the environment needs.
    EndpointPolicyTooNarrow,
    /// The security group of the endpoint admits more than it should, or not what it must.
    SecurityGroupDrifted,
    /// The security groups of an endpoint that is only verified admit every address.
    SecurityGroupTooWide,
    /// The security groups of an endpoint that is only verified do not admit HTTPS from all of the VPC.
    SecurityGroupTooNarrow,
    /// The key does not exist.
    KeyNotFound,
    /// The key is disabled.
    KeyDisabled,
    /// The key is waiting to be deleted.
    KeyPendingDeletion,
    /// The key is not rotated; for a key of ours, or not as often as asked.
    RotationDisabled,
    /// The key is rotated, but not as often as asked.
    RotationTooRare,
    /// The key's policy admits more than it should.
    KeyPolicyTooWide,
    /// The key's policy lets neither the account's IAM policies nor the environment's roles through.
    KeyPolicyTooNarrow,
    /// The key belongs to another account or Region than the environment.
    KeyElsewhere,
    /// The key does not encrypt and decrypt symmetrically, which is what services ask of it.
    KeyNotSymmetric,
    /// The key is managed by AWS.
    KeyNotCustomerManaged,
    /// The boundary does not exist.
    BoundaryNotFound,
    /// The account refuses to let the operator change the boundary.
    BoundaryChangeNotPermitted,
    /// The boundary in force is narrower than the declared access; the access waits.
    BoundaryTooNarrow,
    /// The platform's boundary is no readable policy document.
    BoundaryUnreadable,
    /// The boundary, or the environment on purpose, lets something through that goes around the declared access.
    SideDoorsOpen,
    /// The platform's role has no permissions boundary.
    BoundaryMissing,
    /// The platform's role has another boundary than the environment's.
    BoundaryDiffers,
    /// Things are still bound to the environment, so it stays.
    DeletionBlocked,
    /// The command `cleanup` took everything away; the operator makes it anew when it runs.
    CleanedUp,
    /// The environment does not exist.
    EnvironmentNotFound,
    /// The environment is not ready.
    EnvironmentNotReady,
    /// The environment does not admit the namespace.
    NamespaceNotAdmitted,
    /// The service account does not exist.
    ServiceAccountNotFound,
    /// An older workload has the service account.
    ServiceAccountClaimed,
    /// Another manager owns the role annotation of the service account.
    AnnotationConflict,
    /// A peer is not among the environment's.
    PeerNotFound,
    /// A store is not among the environment's.
    StoreNotFound,
    /// The environment does not give the store to the workload's namespace.
    StoreNotAdmitted,
    /// An additional policy is not among the environment's, or not in the account.
    AdditionalPolicyNotFound,
    /// The environment does not give the additional policy to the workload's namespace.
    AdditionalPolicyNotAdmitted,
    /// The workload has no path to credentials: no endpoint for STS.
    CredentialPathMissing,
    /// No access is declared and no store named, so there is no role.
    NoAccessDeclared,
    /// The environment names no role for the service account, as Attach needs.
    RoleNotMapped,
    /// The platform's role does not exist.
    RoleNotFound,
    /// Another NetworkPolicy admits more than ours.
    WidenedByOtherPolicy,
    /// No NetworkPolicy denies the pods what goes out by default.
    EgressNotDenied,
    /// No NetworkPolicy denies the pods what comes in by default.
    IngressNotDenied,
    /// The platform's NetworkPolicies do not let the pods reach what they need.
    EgressTooNarrow,
    /// Only the policy that the operator had made before network.management became Verify fences the pods in.
    FencedByFormerPolicy,
    /// A pod uses the service account without the labels that the workload selects, so it has the role and no fence.
    PodNotSelected,
    /// A pod that the workload selects uses another service account.
    PodServiceAccountDiffers,
    /// A pod is in the network of its node, where network policies do not apply.
    HostNetwork,
    /// A pod sets long-lived AWS credentials.
    StaticKeys,
    /// A pod was admitted without the role's credentials, and has to be made anew.
    CredentialsNotInjected,
    /// Another workload of the namespace selects the same pods.
    SelectorsOverlap,
    /// The workload does not exist.
    WorkloadNotFound,
    /// The workload is not ready.
    WorkloadNotReady,
    /// A model or profile is not approved by the environment.
    ModelNotApproved,
    /// The account cannot call the model: no agreement, authorization or entitlement, or not in this Region.
    ModelNotAvailable,
    /// The profile does not exist in this account and Region.
    ProfileNotFound,
    /// A destination Region of the profile is not approved.
    RegionNotApproved,
    /// The environment lets profiles be approved that may process PHI in any commercial Region.
    GlobalProfilesAllowed,
    /// The environment declares no guardrail.
    NoGuardrail,
    /// The guardrail does not exist, or is not among the environment's.
    GuardrailNotFound,
    /// No published version of the guardrail is ready.
    GuardrailNotReady,
    /// The access names no guardrail and the environment has no default.
    GuardrailMissing,
    /// The guardrail filters no harmful content.
    GuardrailTooWeak,
    /// The guardrail neither blocks nor masks personal information.
    PersonalInformationPasses,
    /// The model takes no guardrail, so that its calls are exempt from naming one.
    ModelTakesNoGuardrail,
    /// The use case is prohibited.
    UseCaseProhibited,
    /// The use case needs a named overseer.
    OverseerMissing,
    /// The object uses a value that this version does not know.
    UnrecognizedValue,
    /// The role, policy or endpoint differs from what is declared.
    Drifted,
    /// A foreign policy gives the role more than declared.
    ForeignPolicy,
    /// The trust of the role admits more than the service account.
    TrustTooWide,
    /// Another role of the account lets the service account in too.
    TrustedElsewhere,
    /// The trust of the platform's role does not let the service account in.
    TrustTooNarrow,
    /// Bedrock may keep prompts and replies in a Region: its mode of data retention is not `none`.
    DataRetained,
    /// Prompts and replies may go to the provider of a model.
    DataSharedWithProvider,
    /// Prompts and replies are logged where the environment declares no protected store.
    PromptsLogged,
    /// Invocation logging has not the declared shape.
    LoggingDiffers,
    /// The account enforces no guardrail on an approved model, so using one is up to the caller.
    GuardrailNotEnforced,
    /// The account enforces a guardrail and lets callers choose by tags what it looks at.
    GuardrailSkippable,
    /// Another environment has claimed to keep a setting of the account.
    SettingClaimed,
    /// No connection: a path of the network does not carry the operator's own calls.
    PathBroken,
    /// Could not be read.
    NotRead,
}
