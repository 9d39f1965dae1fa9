//! What exists already, as far as plans depend on it: of what is ours its documents, of everything else neither documents nor tags.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::NetworkPolicySpec;
use serde::{Deserialize, Serialize};

use crate::api::guardrails::GuardrailStatus;
use crate::observed::guardrails::ObservedGuardrail;
use crate::observed::network::SecurityGroupRule;
use crate::policy::PolicyDocument;

use super::KnownSubnet;

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// The VPC's attribute `enableDnsSupport`.
    pub vpc_dns_support: bool,
    /// The VPC's attribute `enableDnsHostnames`.
    pub vpc_dns_hostnames: bool,
    /// Audiences of the IAM OIDC provider of the cluster's issuer; null if there is no provider.
    pub oidc_audiences: Option<Vec<String>>,
    /// The endpoint services that were asked for, by short name; null for one that the Region does not offer.
    pub services: BTreeMap<String, Option<FoundService>>,
    /// Subnets beside the cluster's.
    pub other_subnets: Vec<KnownSubnet>,
    /// The VPC's endpoints of AWS services.
    pub endpoints: Vec<FoundEndpoint>,
    /// Our security groups.
    pub security_groups: Vec<FoundGroup>,
    /// The key.
    pub key: AskedKey,
    /// The platform's own boundary, if the environment names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_boundary: Option<PlatformBoundary>,
    /// Guardrails that the environment declares, by its name for each.
    #[serde(default)]
    pub guardrails: BTreeMap<String, ObservedGuardrail>,
    /// Guardrails that the status records.
    #[serde(default)]
    pub recorded_guardrails: Vec<GuardrailStatus>,
    /// Policies under the environment's path, by ARN: our boundary is one of them.
    pub policies: BTreeMap<String, FoundPolicy>,
    /// Roles under the environment's path or with our cluster's tag, by name.
    pub roles: BTreeMap<String, FoundRole>,
    /// Claims on the environment, on endpoints of its VPC, and on the environments of those that hold them.
    pub claims: Vec<FoundClaim>,
    /// Namespaces that the environment admits or that hold a workload of it, by name.
    pub namespaces: BTreeMap<String, FoundNamespace>,
}

/// An endpoint service of the Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundService {
    /// Zones it is offered in.
    pub zones: BTreeSet<String>,
    /// Whether endpoint policies are supported.
    pub policy_supported: bool,
}

/// An endpoint. Its addresses are among those of its service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundEndpoint {
    /// Its id.
    pub id: String,
    /// Short name of its service.
    pub service: String,
    /// State in lower case, such as `available`.
    pub state: String,
    /// Type in EC2's words, such as `Interface`.
    #[serde(rename = "type")]
    pub endpoint_type: String,
    /// Whether private DNS is on.
    pub private_dns: bool,
    /// Whether it carries our tags.
    pub tagged: bool,
    /// Whether the environment's status records it as ours.
    pub recorded: bool,
    /// Its subnets.
    pub subnet_ids: BTreeSet<String>,
    /// Its security groups.
    pub security_group_ids: BTreeSet<String>,
    /// Its policy if it is ours; null if it is not readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
    /// Whether its policy admits every principal and resource, if it is not ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admits_everyone: Option<bool>,
}

/// A security group of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Rules for incoming traffic.
    pub ingress: BTreeSet<SecurityGroupRule>,
    /// Rules for outgoing traffic.
    pub egress: BTreeSet<SecurityGroupRule>,
}

/// The key that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskedKey {
    /// The ARN of the spec, or our alias.
    pub asked: String,
    /// The key; null if there is none.
    pub found: Option<FoundKey>,
}

/// A key.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundKey {
    /// Its ARN.
    pub arn: String,
    /// `KeyState` in KMS's words.
    pub state: String,
    /// Whether the customer manages it.
    pub customer_managed: bool,
    /// Whether automatic rotation is on.
    pub rotation_enabled: bool,
    /// Days between rotations; null where the service does not say.
    pub rotation_period_in_days: Option<i32>,
    /// Whether it carries our tags.
    pub tagged: bool,
    /// Whether it is tagged as orphaned.
    pub orphaned: bool,
    /// Whether the environment's status records it.
    pub recorded: bool,
    /// Its policy, if the key is ours and it is readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
}

/// The platform's own boundary. Its document is not ours to save.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformBoundary {
    /// Its ARN.
    pub arn: String,
    /// Whether it exists.
    pub exists: bool,
}

/// A customer-managed policy under the environment's path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundPolicy {
    /// Whether it is ours: recorded, or with our tags.
    pub ours: bool,
    /// Id of the default version.
    pub default_version: String,
    /// Ids of the other versions, oldest first.
    pub other_versions: Vec<String>,
    /// The default version's document, if the policy is ours and it is readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<PolicyDocument>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundRole {
    /// Its ARN.
    pub arn: String,
    /// Whether it carries our tags for the service account that its name is derived from.
    pub tagged: bool,
    /// Whether a workload's status records it.
    pub recorded: bool,
    /// Longest session in seconds that the workload's status records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
    /// Its trust policy, if the role is ours and it is readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<PolicyDocument>,
    /// ARN of its permissions boundary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary_arn: Option<String>,
    /// ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
    /// ARNs among them that a workload's status records as additional policies attached by us.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub additional: BTreeSet<String>,
    /// ARNs among them and of the boundary that only deny.
    pub deny_only: BTreeSet<String>,
    /// Its inline policies, and whether each only denies.
    pub inline: BTreeMap<String, bool>,
}

/// A claim of an operator of ours, in this cluster or another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundClaim {
    /// Its name: the thing claimed, a dot, and the generation.
    pub name: String,
    /// Ids of versions that are not the default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_versions: Vec<String>,
    /// Who holds it; null if it names nobody.
    pub holder: Option<FoundHolder>,
}

/// Who holds a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundHolder {
    /// ARN of the cluster.
    pub cluster_arn: String,
    /// Name of the environment.
    pub environment: String,
    /// UID of the API server's namespace `kube-system`.
    pub api_server: String,
    /// OIDC issuer of the cluster as the claim was taken, without the scheme.
    pub issuer: String,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundNamespace {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its service accounts, with the role that each is annotated with.
    pub service_accounts: BTreeMap<String, Option<String>>,
    /// Its network policies that are ours or have a name of ours.
    pub network_policies: BTreeMap<String, FoundNetworkPolicy>,
    /// Its config maps that tell an application what to use, or have the name of such a one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config_maps: BTreeMap<String, FoundConfigMap>,
}

/// A config map with the name of an application's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundConfigMap {
    /// Whether it is ours: by its labels, or because it belongs to its workload.
    pub ours: bool,
    /// Digest of what we wrote into it, if it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What of it we write, if it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, String>>,
}

/// A network policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FoundNetworkPolicy {
    /// Whether it is ours: by its label, or recorded.
    pub ours: bool,
    /// What it says, if it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<NetworkPolicySpec>,
}
