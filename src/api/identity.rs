//! Roles of the platform's making, which the operator attaches its policies to instead of making roles.

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
