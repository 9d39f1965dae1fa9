//! Facts of the account and the cluster, told in a file, in place of placeholders: written by hand, or by the command `observe`.

mod found;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observed::account_settings::{EnforcedGuardrail, InvocationLogging};

pub use found::{
    AskedKey, Found, FoundClaim, FoundConfigMap, FoundEndpoint, FoundGroup, FoundHolder, FoundKey, FoundNamespace, FoundNetworkPolicy,
    FoundPolicy, FoundRole, FoundService, PlatformBoundary,
};

/// Facts by environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownFacts {
    /// Facts by the environment's name.
    pub environments: BTreeMap<String, KnownEnvironment>,
}

/// Facts of one environment. What is absent stays a placeholder, or is assumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownEnvironment {
    /// When it was observed, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
    /// AWS partition, such as `aws`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The 12 digits of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The EKS cluster's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// The VPC's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// The VPC's address ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_cidrs: Option<Vec<String>>,
    /// The cluster's OIDC issuer, with or without its scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc_issuer: Option<String>,
    /// UID of the namespace `kube-system`, by which claims tell API servers apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_server: Option<String>,
    /// The operator's own principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_arn: Option<String>,
    /// The cluster's subnets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnets: Option<Vec<KnownSubnet>>,
    /// Endpoints by short service name.
    #[serde(default)]
    pub endpoints: BTreeMap<String, KnownEndpoint>,
    /// Service addresses of the cluster's DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_service_addresses: Option<Vec<String>>,
    /// Whether compute is managed by EKS Auto Mode. Absent means not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_mode: Option<bool>,
    /// ARNs of the models behind each inference profile; null for one that the account does not see.
    #[serde(default)]
    pub profiles: BTreeMap<String, Option<Vec<String>>>,
    /// Models with what keeps the account from calling them; null if nothing does.
    #[serde(default)]
    pub models: BTreeMap<String, Option<String>>,
    /// What Bedrock keeps once for the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_settings: Option<KnownSettings>,
    /// What exists already. With it, what is not in it does not exist; without it, nothing of ours does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// What Bedrock keeps once for the whole account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownSettings {
    /// Mode of data retention by Region.
    #[serde(default)]
    pub data_retention: BTreeMap<String, String>,
    /// Invocation logging in the environment's Region; one without a log group and bucket is off.
    pub invocation_logging: InvocationLogging,
    /// Guardrails that the account enforces there.
    #[serde(default)]
    pub enforced_guardrails: Vec<EnforcedGuardrail>,
}

/// A subnet and its zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownSubnet {
    /// The subnet's id.
    pub id: String,
    /// Name of its Availability Zone.
    pub zone: String,
    /// Its VPC. Absent means the environment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
}

/// The endpoints of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownEndpoint {
    /// Their addresses, both families, without prefix length.
    pub addresses: Vec<String>,
}

impl KnownFacts {
    /// The facts of the environment `name`; none if it is not told of.
    #[must_use]
    pub fn of(&self, name: &str) -> KnownEnvironment {
        self.environments.get(name).cloned().unwrap_or_default()
    }
}
