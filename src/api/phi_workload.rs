//! `PhiWorkload`: one service account and the pods that use it. The unit of identity. Written by application teams.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::identity::IdentityManagement;
use super::shared::{ControlCounts, ControlStatus, NameReference, PlanStatus};

/// One service account, and the pods that use it, that handle protected health information.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "hipaa-operator.io",
    version = "v1alpha1",
    kind = "PhiWorkload",
    plural = "phiworkloads",
    namespaced,
    shortname = "phiw",
    category = "hipaa",
    status = "PhiWorkloadStatus",
    printcolumn = r#"{"name":"Environment","type":"string","jsonPath":".spec.environmentRef.name"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Compliant","type":"string","jsonPath":".status.conditions[?(@.type==\"Compliant\")].status"}"#,
    printcolumn = r#"{"name":"Failing","type":"integer","jsonPath":".status.counts.fail"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = ("self.metadata.name.size() <= 63", "metadata.name may have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.environmentRef.name == oldSelf.environmentRef.name",
        "environmentRef cannot be changed: create another PhiWorkload for another environment"),
    validation = ("self.serviceAccountName == oldSelf.serviceAccountName",
        "serviceAccountName cannot be changed: create another PhiWorkload for another service account"),
    validation = ("self.serviceAccountName != 'default'",
        "the default service account is used by every pod that names none: create one for this workload, such as \"notes\"")
)]
pub struct PhiWorkloadSpec {
    /// The PhiEnvironment this workload binds to. Cannot be changed.
    pub environment_ref: NameReference,
    /// The service account whose pods handle PHI. It belongs to one PhiWorkload only. Cannot be changed.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub service_account_name: String,
    /// The pods that use the service account, by their labels. An empty selector is refused.
    #[x_kube(validation = ("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "podSelector is empty and would select every pod of the namespace: name a label of your pods, such as matchLabels: {app: notes}"))]
    pub pod_selector: LabelSelector,
    /// Network peers this workload needs, by the names the environment gives them.
    #[schemars(length(max = 32), inner(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub network_peers: Option<Vec<String>>,
    /// Data stores this workload needs, by the names the environment gives them.
    #[schemars(length(max = 32), inner(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub stores: Option<Vec<String>>,
    /// Managed policies for this workload's role beside the operator's, by the names the environment gives them.
    #[schemars(length(max = 8), inner(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub additional_policies: Option<Vec<String>>,
    /// Whom to ask about this workload: an e-mail address or a link to a team's page. Never a patient.
    #[schemars(length(min = 3, max = 128), regex(pattern = r"^([^@\s]+@[^@\s]+|https://[^\s]+)$"))]
    pub owner_contact: Option<String>,
}

/// What the operator last saw and did for a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhiWorkloadStatus {
    /// Generation of the spec this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions by type: Ready, Compliant, Stalled, Admitted, NetworkIsolated, IdentityReady, StoresResolved if stores are named,
    /// PoliciesResolved if additional policies are, and SettingsPublished if an access is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The identity made for this workload, as long as it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<WorkloadIdentityStatus>,
    /// Name of the NetworkPolicy made for this workload, as long as it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_policy_name: Option<String>,
    /// Digest of the inputs of the last settled pass; what someone narrowed since then is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_inputs: Option<String>,
    /// The `hipaa-operator.io/reconcile-at` value that was last honoured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reconcile_at: Option<String>,
    /// Controls that are not Pass, in the workload's own scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub controls: Vec<ControlStatus>,
    /// How many controls have which verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<ControlCounts>,
    /// What would be done but is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
}

/// The role of a workload and what its policy contains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityStatus {
    /// ARN of the role that the service account's pods assume.
    pub role_arn: String,
    /// ARN of the customer-managed policy with the union of all accesses and stores.
    pub policy_arn: String,
    /// Attach if the role is the platform's: then only our policy is proven. Absent means that the role is ours too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<IdentityManagement>,
    /// ARNs of roles of the platform's that our policy was attached to before, as long as it may still be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub former_role_arns: Vec<String>,
    /// Longest session of the role, in seconds, as last written. IAM's bulk read does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
    /// The accesses that the policy contains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub accesses: Vec<AppliedAccess>,
    /// The guardrails that the policy names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub guardrails: Vec<AppliedGuardrail>,
    /// The stores that the policy contains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub stores: Vec<AppliedStore>,
    /// ARNs of the additional policies that we attached, as long as they may still be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub additional_policies: Vec<String>,
}

/// An access as it went into the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedAccess {
    /// Name of the BedrockAccess.
    pub name: String,
    /// Generation of its spec.
    pub generation: i64,
    /// The environment's name for the guardrail that its calls have to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<String>,
}

impl AppliedAccess {
    /// Whether it is the access of this name in this generation.
    #[must_use]
    pub fn is(&self, name: &str, generation: i64) -> bool {
        self.name == name && self.generation == generation
    }
}

/// A guardrail as it went into the policy: it stays there until another one can take its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedGuardrail {
    /// The environment's name for it.
    pub name: String,
    /// Its id.
    pub guardrail_id: String,
    /// The version that applications are told to name.
    pub version: String,
    /// ARN and version of each that calls may name.
    #[schemars(length(max = 4))]
    pub identifiers: Vec<String>,
    /// Keys that its configuration is encrypted with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub kms_key_arns: Vec<String>,
    /// ARN of the guardrail profile that takes it to other Regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_arn: Option<String>,
}

/// A store as it went into the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedStore {
    /// Name of the store in the environment.
    pub name: String,
    /// Digest of what it gives.
    pub digest: String,
}
