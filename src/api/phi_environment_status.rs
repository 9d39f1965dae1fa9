//! What the operator writes back onto a `PhiEnvironment`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::account_settings::AccountSettingsStatus;
use super::guardrails::GuardrailStatus;
use super::shared::{ControlCounts, ControlStatus, DeletionPolicy, Enforcement, Management, PlanStatus};

/// What the operator last saw and did for an environment, with every default resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhiEnvironmentStatus {
    /// Generation of the spec this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions by type: Ready, Compliant, Stalled, ScopeVerified, EndpointsReady, KeyReady, BoundaryReady, BedrockReachable,
    /// AccountSettingsVerified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The enforcement in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,
    /// When the environment was last evaluated, written at most every 30 minutes unless something else changed.
    /// Treat a time older than an hour as Unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_evaluated: Option<Time>,
    /// The account, network and cluster as found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeStatus>,
    /// The defaults that were resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<ResolvedRules>,
    /// Every endpoint service of the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    pub endpoints: Vec<EndpointStatus>,
    /// ARN of the environment's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
    /// ARN of the key that the operator had made before spec.key.management became Verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained_key_arn: Option<String>,
    /// Generation of the spec, and value of the annotation hipaa-operator.io/reconcile-at, for which the key was last seen enabled: a key
    /// that is disabled since then stays so until one of them changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_enabled_for: Option<String>,
    /// ARN of the permissions boundary in force, once it is there and ours, or the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary_arn: Option<String>,
    /// Guardrails in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub guardrails: Vec<GuardrailStatus>,
    /// Foundation models as the account can call them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub models: Vec<ModelStatus>,
    /// What Bedrock keeps once for the whole account, as it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_settings: Option<AccountSettingsStatus>,
    /// How many workloads are bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_workloads: Option<i32>,
    /// Digest of the inputs of the last settled pass; what someone narrowed since then is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_inputs: Option<String>,
    /// The `hipaa-operator.io/reconcile-at` value that was last honoured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reconcile_at: Option<String>,
    /// Controls that are not Pass, in the environment's own scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub controls: Vec<ControlStatus>,
    /// How many controls have which verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<ControlCounts>,
    /// What would be done but is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
}

/// The account, network and cluster as found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeStatus {
    /// AWS partition, such as aws or aws-us-gov.
    pub partition: String,
    /// ARN of the cluster.
    pub cluster_arn: String,
    /// OIDC issuer of the cluster, without the scheme.
    pub oidc_issuer: String,
    /// VPC of the endpoints.
    pub vpc_id: String,
    /// Availability Zones of the cluster's subnets.
    pub zones: Vec<String>,
}

/// Defaults as they were resolved for this environment; never written into the spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedRules {
    /// Regions in which inference may run.
    pub approved_regions: Vec<String>,
    /// IAM path of the environment's roles and policies.
    pub identity_path: String,
    /// Longest session in seconds.
    pub max_session_duration: i32,
    /// Days between rotations of the key.
    pub rotation_period_in_days: i32,
    /// What becomes of shared things at deletion.
    pub deletion_policy: DeletionPolicy,
    /// Who makes the key.
    pub key_management: Management,
    /// Whether the operator's own calls use FIPS endpoints.
    pub fips: bool,
}

/// One endpoint service of the environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// Service, such as bedrock-runtime.
    pub service: String,
    /// Who keeps it: Verify also where the VPC had one before.
    pub management: Management,
    /// The endpoint, once there is one; the last one of ours where someone deleted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_id: Option<String>,
    /// Its security group, if it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_id: Option<String>,
    /// Its state in EC2's words, such as available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Zones it has an address in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
}

/// A model or profile as the account can call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// Model or inference profile id.
    pub id: String,
    /// Available, or why not.
    pub availability: String,
}
