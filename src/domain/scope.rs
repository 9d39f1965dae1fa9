//! The account, Region, cluster and environment that every name and ARN of ours is derived from.

use serde::{Deserialize, Serialize};

use crate::api::PhiEnvironmentSpec;

/// IAM path above everything of ours when the environment names none.
pub const DEFAULT_PATH: &str = "/hipaa-operator/";

/// IAM path of all claims: the same for every environment, whatever path its roles have.
pub const CLAIMS_PATH: &str = "/hipaa-operator/claims/";

/// Where an environment is. All ARNs of ours are built here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// AWS partition, such as `aws`.
    pub partition: String,
    /// The 12 digits of the account.
    pub account_id: String,
    /// The Region of the cluster.
    pub region: String,
    /// Name of the EKS cluster.
    pub cluster_name: String,
    /// Name of the `PhiEnvironment`.
    pub environment: String,
    /// IAM path of the environment's roles and policies, with slashes at both ends. Each environment has a path of its own, so
    /// that a pattern on it never reaches another environment's roles.
    pub path: String,
}

impl Scope {
    /// The scope of an environment. The partition is inferred from the Region's name when the caller's identity is not known.
    #[must_use]
    pub fn new(environment: &str, spec: &PhiEnvironmentSpec, partition: Option<&str>) -> Self {
        let aws = &spec.aws;
        let root = spec.identity.as_ref().and_then(|identity| identity.path.as_deref()).unwrap_or(DEFAULT_PATH);
        Self {
            partition: partition.map_or_else(|| partition_of(&aws.region).to_owned(), str::to_owned),
            account_id: aws.account_id.clone(),
            region: aws.region.clone(),
            cluster_name: aws.cluster_name.clone(),
            environment: environment.to_owned(),
            path: format!("{root}{}/{}/{environment}/", aws.region, aws.cluster_name),
        }
    }

    /// ARN of the EKS cluster.
    #[must_use]
    pub fn cluster_arn(&self) -> String {
        format!("arn:{}:eks:{}:{}:cluster/{}", self.partition, self.region, self.account_id, self.cluster_name)
    }

    /// ARN of one of our roles, which lie under the environment's path.
    #[must_use]
    pub fn role_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role{}{name}", self.partition, self.account_id, self.path)
    }

    /// ARN of one of our customer-managed policies.
    #[must_use]
    pub fn policy_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:policy{}{name}", self.partition, self.account_id, self.path)
    }

    /// ARN of a claim.
    #[must_use]
    pub fn claim_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:policy{CLAIMS_PATH}{name}", self.partition, self.account_id)
    }

    /// Pattern that matches the environment's workload roles and no other.
    #[must_use]
    pub fn workload_role_pattern(&self) -> String {
        self.role_arn("*")
    }

    /// Principal that stands for the account: what IAM policies of the account allow.
    #[must_use]
    pub fn root_arn(&self) -> String {
        format!("arn:{}:iam::{}:root", self.partition, self.account_id)
    }

    /// ARN of the IAM OIDC provider for `issuer` (without scheme).
    #[must_use]
    pub fn oidc_provider_arn(&self, issuer: &str) -> String {
        format!("arn:{}:iam::{}:oidc-provider/{issuer}", self.partition, self.account_id)
    }

    /// ARN of a foundation model in `region`; such ARNs carry no account
    /// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>).
    #[must_use]
    pub fn foundation_model_arn(&self, region: &str, model: &str) -> String {
        format!("arn:{}:bedrock:{region}::foundation-model/{model}", self.partition)
    }

    /// ARN of a system-defined inference profile, which carries the caller's account.
    #[must_use]
    pub fn inference_profile_arn(&self, profile: &str) -> String {
        format!("arn:{}:bedrock:{}:{}:inference-profile/{profile}", self.partition, self.region, self.account_id)
    }

    /// Full name of an endpoint service of the Region, such as `com.amazonaws.us-east-1.bedrock-runtime`.
    #[must_use]
    pub fn endpoint_service_name(&self, service: &str) -> String {
        let prefix = if self.partition == "aws-cn" && matches!(service, "sts" | "kms" | "ec2") { "cn.com" } else { "com" };
        format!("{prefix}.amazonaws.{}.{service}", self.region)
    }

    /// Host name of a service in the Region, as clients call it
    /// (<https://docs.aws.amazon.com/general/latest/gr/rande.html>; suffixes from the SDKs' `partitions.json`).
    #[must_use]
    pub fn host(&self, service: &str) -> String {
        let suffix = match self.partition.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            _ => "amazonaws.com",
        };
        format!("{service}.{}.{suffix}", self.region)
    }

    /// Host name of a service in the Region as `kms:ViaService` knows it.
    #[must_use]
    pub fn via_service(&self, service: &str) -> String {
        let suffix = if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("{service}.{}.{suffix}", self.region)
    }
}

/// The partition a Region belongs to (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
fn partition_of(region: &str) -> &'static str {
    if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("cn-") {
        "aws-cn"
    } else {
        "aws"
    }
}
