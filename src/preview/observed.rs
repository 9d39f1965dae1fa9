//! Facts of the account and the cluster, told in a file, in place of placeholders.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Facts by environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownFacts {
    /// Facts by the environment's name.
    pub environments: BTreeMap<String, KnownEnvironment>,
}

/// Facts of one environment. What is absent stays a placeholder, or is assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownEnvironment {
    /// AWS partition, such as `aws`.
    pub partition: Option<String>,
    /// The VPC's id.
    pub vpc_id: Option<String>,
    /// The VPC's address ranges.
    pub vpc_cidrs: Option<Vec<String>>,
    /// The cluster's OIDC issuer, with or without its scheme.
    pub oidc_issuer: Option<String>,
    /// UID of the namespace `kube-system`, by which claims tell API servers apart.
    pub api_server: Option<String>,
    /// The operator's own principal.
    pub operator_arn: Option<String>,
    /// The cluster's subnets.
    pub subnets: Option<Vec<KnownSubnet>>,
    /// Endpoints by short service name.
    #[serde(default)]
    pub endpoints: BTreeMap<String, KnownEndpoint>,
    /// Service addresses of the cluster's DNS.
    pub dns_service_addresses: Option<Vec<String>>,
    /// Whether compute is managed by EKS Auto Mode. Absent means not.
    pub auto_mode: Option<bool>,
    /// ARNs of the models behind each inference profile.
    #[serde(default)]
    pub profiles: BTreeMap<String, Vec<String>>,
    /// Models with what keeps the account from calling them; null if nothing does.
    #[serde(default)]
    pub models: BTreeMap<String, Option<String>>,
}

/// A subnet and its zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownSubnet {
    /// The subnet's id.
    pub id: String,
    /// Name of its Availability Zone.
    pub zone: String,
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownEndpoint {
    /// Its addresses, both families, without prefix length.
    pub addresses: Vec<String>,
}

impl KnownFacts {
    /// The facts of the environment `name`; none if it is not told of.
    #[must_use]
    pub fn of(&self, name: &str) -> KnownEnvironment {
        self.environments.get(name).cloned().unwrap_or_default()
    }
}
