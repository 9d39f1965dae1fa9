//! `PhiEnvironment`: the account, Region, VPC and cluster in which PHI may flow. Written by the platform team.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::bedrock_approval::BedrockApproval;
use super::identity::{AdditionalPolicy, IdentityManagement, RoleMapping};
use super::network::NetworkRules;
use super::phi_environment_status::PhiEnvironmentStatus;
use super::shared::{DeletionPolicy, Enforcement, Management};
use super::stores::DataStore;

/// The account, Region, VPC and cluster in which protected health information may be processed and sent to Amazon Bedrock.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "hipaa-operator.io",
    version = "v1alpha1",
    kind = "PhiEnvironment",
    plural = "phienvironments",
    shortname = "phienv",
    category = "hipaa",
    status = "PhiEnvironmentStatus",
    printcolumn = r#"{"name":"Enforcement","type":"string","jsonPath":".status.enforcement"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Compliant","type":"string","jsonPath":".status.conditions[?(@.type==\"Compliant\")].status"}"#,
    printcolumn = r#"{"name":"Failing","type":"integer","jsonPath":".status.counts.fail"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = ("self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
        "metadata.name becomes part of names in AWS: use at most 63 characters and no dots, such as \"prod\"")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.key) || !has(self.key.management) || self.key.management != 'Verify' || has(self.key.keyArn)",
        "spec.key.management Verify needs spec.key.keyArn: the ARN of the key to verify"),
    validation = ("!has(self.identity) || !has(self.identity.management) || self.identity.management != 'Attach' || !has(self.endpoints) || self.endpoints.all(e, !has(e.exclusive) || !e.exclusive || has(e.otherPrincipals))",
        "an exclusive endpoint admits the roles that the operator makes: with identity.management Attach, name your roles in its otherPrincipals"),
    validation = ("(has(self.identity) && has(self.identity.path) ? self.identity.path : '') == (has(oldSelf.identity) && has(oldSelf.identity.path) ? oldSelf.identity.path : '')",
        "spec.identity.path cannot be changed, because roles cannot be moved: create another PhiEnvironment"),
    validation = ("!has(self.key) || !has(self.key.keyArn) || (has(self.key.management) && self.key.management == 'Verify')",
        "spec.key.keyArn names a key of yours: set spec.key.management to Verify, or remove keyArn to have a key made"),
    validation = ("!has(self.stores) || self.stores.all(s, s.type == 'S3' || s.arn.contains(':' + self.aws.region + ':'))",
        "a store lies in the Region of the environment, where the VPC endpoint leads: name one in spec.aws.region, or create another PhiEnvironment"),
    validation = ("!has(self.stores) || self.stores.all(s, !has(s.kmsKeyArn) || s.kmsKeyArn.contains(':' + self.aws.region + ':'))",
        "a store's kmsKeyArn lies in the Region of the store: name the key in spec.aws.region")
)]
pub struct PhiEnvironmentSpec {
    /// Whether the operator may write to the account and the cluster. Absent means Audit: it only reports what it would do.
    pub enforcement: Option<Enforcement>,

    /// The account, Region and cluster. Cannot be changed: create another environment instead.
    #[x_kube(validation = ("self.accountId == oldSelf.accountId && self.region == oldSelf.region && self.clusterName == oldSelf.clusterName",
        "accountId, region and clusterName cannot be changed: create another PhiEnvironment for another account, Region or cluster"))]
    pub aws: AwsScope,

    /// Which namespaces may bind to this environment, by their labels. An empty selector would admit every namespace and is refused.
    #[x_kube(validation = ("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "namespaceSelector is empty and would admit every namespace: name a label, such as matchLabels: {hipaa-operator.io/phi: allowed}"))]
    pub namespace_selector: LabelSelector,

    /// What may be called in Amazon Bedrock.
    pub bedrock: BedrockApproval,

    /// VPC endpoints. Absent services keep their default: `bedrock-runtime`, `bedrock` and `sts` are provisioned where the VPC has none.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into()]))]
    pub endpoints: Option<Vec<EndpointRules>>,

    /// The environment's KMS key. Absent means a key of the operator's making, rotated every 365 days.
    pub key: Option<KeyRules>,

    /// What workloads may reach, by names that they choose from.
    pub network: Option<NetworkRules>,

    /// Data stores that workloads may name in their stores: a bucket, table, secret or queue each, with what may be done and by whom.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub stores: Option<Vec<DataStore>>,

    /// Rules for the roles of workloads.
    pub identity: Option<IdentityRules>,

    /// What becomes of endpoints, security groups and the boundary when this environment is deleted. Absent means Retain.
    pub deletion_policy: Option<DeletionPolicy>,

    /// Use the FIPS 140 endpoints of AWS: for the operator's own calls, and as what applications are told. Absent means false.
    pub fips: Option<bool>,
}

/// The account, Region and cluster of an environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsScope {
    /// The 12 digits of the AWS account, in quotes.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account_id: String,
    /// AWS Region of the cluster, such as us-east-1.
    #[schemars(length(max = 32), regex(pattern = r"^[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}$"))]
    pub region: String,
    /// Name of the EKS cluster.
    #[schemars(regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$"))]
    pub cluster_name: String,
    /// VPC of the endpoints. Absent means the VPC of the cluster's subnets.
    #[schemars(regex(pattern = r"^vpc-[0-9a-f]{8,17}$"))]
    pub vpc_id: Option<String>,
}

/// How one VPC endpoint service is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.vpcEndpointId) || self.management == 'Verify'",
        "vpcEndpointId names an endpoint of yours: set management to Verify, or remove vpcEndpointId to have one made"),
    validation = ("self.management != 'Provision' || !(self.service in ['bedrock-mantle', 'bedrock-websearch', 's3', 'dynamodb'])",
        "this service is not provisioned: bedrock-mantle and bedrock-websearch bypass guardrails, s3 and dynamodb belong to route tables; use management Verify"),
    validation = ("!has(self.vpcId) || has(self.vpcEndpointId)",
        "vpcId says in which VPC the endpoint of vpcEndpointId lies: set vpcEndpointId too, or remove vpcId"),
    validation = ("!has(self.addressRanges) || has(self.vpcEndpointId)",
        "addressRanges are those of an endpoint in another account: name it in vpcEndpointId, or remove addressRanges"),
    validation = ("!has(self.addressRanges) || !has(self.vpcId)",
        "an endpoint is either in another VPC of this account (vpcId), which is read, or in another account (addressRanges): remove one of them"),
    validation = ("!has(self.exclusive) || !self.exclusive || self.management == 'Provision'",
        "exclusive narrows an endpoint that the operator provisions: set management to Provision, or remove exclusive")
)]
pub struct EndpointRules {
    /// Service as in its PrivateLink name after com.amazonaws.REGION., such as bedrock-runtime.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9][a-z0-9.-]*$"))]
    pub service: String,
    /// Provision makes and repairs the endpoint where the VPC has none; Verify only looks.
    pub management: Management,
    /// The endpoint to verify. Absent means the one the VPC has for this service.
    #[schemars(regex(pattern = r"^vpce-[0-9a-f]{8,17}$"))]
    pub vpc_endpoint_id: Option<String>,
    /// VPC of the endpoint to verify, if it is not the environment's: a hub VPC of this account.
    #[schemars(regex(pattern = r"^vpc-[0-9a-f]{8,17}$"))]
    pub vpc_id: Option<String>,
    /// Addresses of the endpoint to verify, if it lies in another account and cannot be read. Workloads may open port 443 to them;
    /// nothing about the endpoint is proven.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(max = 43), regex(pattern = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F:]+)/(0|[1-9][0-9]{0,2})$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set, validation = ("self.all(c, !c.endsWith('/0'))",
        "an endpoint does not have every address: name the ranges of its network interfaces, such as 10.0.5.7/32"))]
    pub address_ranges: Option<Vec<String>>,
    /// Admit only the environment's workload roles, the operator and otherPrincipals, from the declared sources.
    /// Absent means false: everything of the account in this VPC may use it.
    pub exclusive: Option<bool>,
    /// Subnets to place the endpoint in, one for each zone. Absent means one of the cluster's subnets in every zone.
    #[schemars(length(min = 1, max = 16), inner(regex(pattern = r"^subnet-[0-9a-f]{8,17}$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subnet_ids: Option<Vec<String>>,
    /// Who may open a connection on port 443. Absent means the address ranges of the VPC.
    #[schemars(length(min = 1, max = 32))]
    pub sources: Option<Vec<EndpointSource>>,
    /// Further principals the endpoint policy admits: IAM role or user ARNs, without wildcards.
    #[schemars(
        length(max = 32),
        inner(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub other_principals: Option<Vec<String>>,
}

/// Where connections to an endpoint may come from: an address range or a security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.cidr) != has(self.securityGroupId)", "a source is either a cidr or a securityGroupId"),
    validation = ("!has(self.cidr) || !self.cidr.endsWith('/0')", "a source of every address protects nothing: name the ranges of your nodes or pods")
)]
pub struct EndpointSource {
    /// IPv4 or IPv6 address range, such as 10.20.0.0/16.
    #[schemars(length(max = 43), regex(pattern = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F:]+)/(0|[1-9][0-9]{0,2})$"))]
    pub cidr: Option<String>,
    /// Security group of the clients.
    #[schemars(regex(pattern = r"^sg-[0-9a-f]{8,17}$"))]
    pub security_group_id: Option<String>,
}

/// The environment's KMS key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRules {
    /// Provision makes a key; Verify looks at the one named by keyArn. Absent means Provision.
    pub management: Option<Management>,
    /// The key to verify.
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"))]
    pub key_arn: Option<String>,
    /// Days between automatic rotations, 90 to 2560. Absent means 365.
    #[schemars(range(min = 90, max = 2560))]
    pub rotation_period_in_days: Option<i32>,
    /// IAM roles or users that may administer the key, beside the account's root and the operator.
    /// Absent means whoever the account's IAM policies allow.
    #[schemars(
        length(max = 16),
        inner(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub administrators: Option<Vec<String>>,
}

/// Rules for the roles of workloads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.roles) || (has(self.management) && self.management == 'Attach')",
        "roles names roles of yours: set management to Attach, or remove roles to have them made"),
    validation = ("!has(self.management) || self.management != 'Attach' || has(self.roles)",
        "management Attach needs roles: which role is whose service account's"),
    validation = ("!has(self.roles) || self.roles.all(r, self.roles.exists_one(o, o.roleName.lowerAscii() == r.roleName.lowerAscii()))",
        "a roleName is there twice: two service accounts never share a role")
)]
pub struct IdentityRules {
    /// Provision makes a role for each service account; Attach attaches the operator's policy to the role that you made.
    /// Absent means Provision.
    pub management: Option<IdentityManagement>,
    /// The roles of yours, with Attach: one for each service account.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["namespace".into(), "serviceAccountName".into()]))]
    pub roles: Option<Vec<RoleMapping>>,
    /// IAM path above the environment's roles and policies. The Region, cluster and environment are appended. Absent means /hipaa-operator/.
    #[schemars(length(max = 256), regex(pattern = r"^/([A-Za-z0-9+=,.@_-]+/)+$"))]
    pub path: Option<String>,
    /// Longest session in seconds, 3600 to 43200. Absent means 3600.
    #[schemars(range(min = 3600, max = 43200))]
    pub max_session_duration: Option<i32>,
    /// Managed policies that workloads may name in their additionalPolicies, to be attached to their role beside the operator's.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub additional_policies: Option<Vec<AdditionalPolicy>>,
    /// A permissions boundary of the platform's own, used instead of the operator's. It is attached and verified, never changed.
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$"))]
    pub boundary_arn: Option<String>,
    /// Whether roles and boundary deny everything to a session that the cluster's OIDC provider did not federate. Absent means no.
    pub require_federation: Option<bool>,
}
