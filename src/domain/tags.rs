//! Ownership tags: who made a thing and for whom. Never a UID, which a re-creation or a restored backup changes.

use std::collections::BTreeMap;

use super::scope::Scope;

/// Tag with the cluster's ARN.
pub const CLUSTER: &str = "hipaa-operator.io/cluster";
/// Tag with the environment's name.
pub const ENVIRONMENT: &str = "hipaa-operator.io/environment";
/// Tag with the workload's namespace.
pub const NAMESPACE: &str = "hipaa-operator.io/namespace";
/// Tag with the workload's service account.
pub const SERVICE_ACCOUNT: &str = "hipaa-operator.io/service-account";
/// Tag on a key whose environment is gone; keys are always retained.
pub const ORPHANED: &str = "hipaa-operator.io/orphaned";

/// Tags of a resource by key.
pub type Tags = BTreeMap<String, String>;

/// Tags of what belongs to a whole environment.
#[must_use]
pub fn of_environment(scope: &Scope) -> Tags {
    Tags::from([(CLUSTER.to_owned(), scope.cluster_arn()), (ENVIRONMENT.to_owned(), scope.environment.clone())])
}

/// Tags of a workload's role and policy. IAM allows 256 characters in a value, which every name here fits.
#[must_use]
pub fn of_workload(scope: &Scope, namespace: &str, service_account: &str) -> Tags {
    let mut tags = of_environment(scope);
    tags.insert(NAMESPACE.to_owned(), namespace.to_owned());
    tags.insert(SERVICE_ACCOUNT.to_owned(), service_account.to_owned());
    tags
}

/// Whether `found` says that the thing belongs to exactly the owner that `wanted` names.
#[must_use]
pub fn owned(found: &Tags, wanted: &Tags) -> bool {
    wanted.iter().all(|(key, value)| found.get(key) == Some(value))
}
