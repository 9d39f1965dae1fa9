//! The annotations, labels and finalizers that we read or write.

/// A person's wish for a pass now; any new value ends a `Held` and bypasses backoff.
pub const RECONCILE_AT: &str = "hipaa-operator.io/reconcile-at";
/// Stops all writes for the object, except those that only take power away because its declaration is gone. The value is the reason.
pub const HOLD: &str = "hipaa-operator.io/hold";
/// A person's leave to take the environment over from another API server. The value is the name of the claim to replace, so that it
/// works once.
pub const TAKE_OVER_CLAIM: &str = "hipaa-operator.io/take-over-claim";
/// On an environment: a person's word that every application names the new version of a guardrail, such as `phi:4`. Roles may then name
/// that version only, before the overlap ends.
pub const CONFIRM_GUARDRAIL: &str = "hipaa-operator.io/confirm-guardrail";
/// On our objects that have something to clean up before they go.
pub const FINALIZER: &str = "hipaa-operator.io/cleanup";
/// The annotation EKS reads to give a service account's pods a role
/// (<https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>).
pub const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The Kubernetes label that says which tool manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Our value of [`MANAGED_BY`].
pub const MANAGER: &str = "hipaa-operator";
/// On the `ConfigMap` that tells an application what to use: digest of what we wrote into it, so that a key which we no longer write
/// is noticed.
pub const SETTINGS_DIGEST: &str = "hipaa-operator.io/settings-digest";
/// On our Kubernetes objects: the workload they belong to.
pub const WORKLOAD_LABEL: &str = "hipaa-operator.io/workload";
