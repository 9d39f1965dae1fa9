//! What of a workload's identity is of the platform's making: roles, which the operator attaches its policies to instead of making its
//! own, and policies that workloads may have beside the operator's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who makes the roles of workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IdentityManagement {
    /// The operator makes a role for each service account.
    Provision,
    /// The platform makes them; the operator attaches its policy and looks at the rest.
    Attach,
    /// A value of a newer version of this API; no role is made and none is given a policy.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// The platform's role for one service account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleMapping {
    /// Namespace of the service account.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub namespace: String,
    /// The service account.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub service_account_name: String,
    /// Name of the IAM role in the environment's account, without its path: letters, digits, dots, hyphens and underscores.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub role_name: String,
}

/// A managed policy of the platform's or of AWS's that workloads may have attached to their role, by its name here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalPolicy {
    /// Name that workloads use.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// ARN of the managed policy. It gives nothing that the permissions boundary does not let through.
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$"))]
    pub arn: String,
    /// Namespaces whose workloads may name the policy, by their labels, among those that the environment admits. Absent means all of them;
    /// an empty selector is refused.
    #[x_kube(validation = ("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "namespaceSelector is empty: name a label, such as matchLabels: {kubernetes.io/metadata.name: clinic}, or remove it to admit every namespace of the environment"))]
    pub namespace_selector: Option<LabelSelector>,
}
