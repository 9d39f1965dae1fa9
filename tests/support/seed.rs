//! An account as the operator finds it: a VPC, an EKS cluster with its issuer, and models the account has agreed to.
//! Nothing the operator makes is here.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Tag, TagSpecification};
use aws_sdk_eks::types::VpcConfigRequest;

use super::emulators::Emulators;

/// Trust of the role the seeded cluster runs under.
const CLUSTER_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// What the account is to hold. Change a field to seed an account with a fault.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The account number.
    pub account: String,
    /// The Region of everything.
    pub region: String,
    /// The EKS cluster.
    pub cluster_name: String,
    /// The VPC's addresses, a /16; subnets are its first /24s.
    pub vpc_cidr: String,
    /// The VPC attribute `enableDnsSupport`.
    pub dns_support: bool,
    /// The VPC attribute `enableDnsHostnames`.
    pub dns_hostnames: bool,
    /// The availability zones with private subnets.
    pub zones: Vec<String>,
    /// How many subnets, each with a route table of its own, there are in a zone.
    pub subnets_per_zone: usize,
    /// Whether IAM knows the cluster's issuer.
    pub oidc_provider: bool,
    /// The issuer of this API server's tokens, if it is not the cluster's.
    pub token_issuer: Option<String>,
    /// The models whose agreement is accepted, if they have one. The ids must be ones `MiniStack` has.
    pub models: Vec<String>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            cluster_name: "prod".to_owned(),
            vpc_cidr: "10.20.0.0/16".to_owned(),
            dns_support: true,
            dns_hostnames: true,
            zones: ["us-east-1a", "us-east-1b", "us-east-1c"].map(str::to_owned).to_vec(),
            subnets_per_zone: 1,
            oidc_provider: true,
            token_issuer: None,
            models: ["anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-sonnet-20240229-v1:0", "amazon.titan-embed-text-v2:0"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

/// What the account came to hold.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The issuer of the cluster's service account tokens, `https://oidc.eks.…`.
    pub issuer: String,
    /// The cluster.
    pub cluster_arn: String,
    /// The role the cluster runs under.
    pub cluster_role_arn: String,
    /// IAM's provider for the issuer.
    pub oidc_provider_arn: Option<String>,
    /// The VPC.
    pub vpc_id: String,
    /// Its private subnets, zone by zone.
    pub subnet_ids: Vec<String>,
    /// The route table of each subnet, in the same order.
    pub route_table_ids: Vec<String>,
    /// The security group of the nodes.
    pub node_security_group: String,
}

/// Fills the account.
///
/// # Panics
/// If an emulator refuses a call.
pub async fn seed(emulators: &Emulators, shape: &Shape) -> Seeded {
    agree_to_models(emulators, &shape.models).await;
    let network = network(emulators, shape).await;

    let role = emulators.iam().create_role().role_name("eks-cluster").assume_role_policy_document(CLUSTER_TRUST);
    let role = role.send().await.expect("CreateRole").role.expect("a role");
    let (cluster_arn, issuer) = cluster(emulators, &shape.cluster_name, &role.arn, &network).await;

    let mut oidc_provider_arn = None;
    if shape.oidc_provider {
        let provider = emulators.iam().create_open_id_connect_provider().url(&issuer).client_id_list("sts.amazonaws.com");
        // moto wants the thumbprint that AWS no longer asks for.
        let provider = provider.thumbprint_list("0".repeat(40)).send().await.expect("CreateOpenIDConnectProvider");
        oidc_provider_arn = provider.open_id_connect_provider_arn;
    }
    Seeded {
        issuer,
        cluster_arn,
        cluster_role_arn: role.arn,
        oidc_provider_arn,
        vpc_id: network.vpc_id,
        subnet_ids: network.subnet_ids,
        route_table_ids: network.route_table_ids,
        node_security_group: network.node_security_group,
    }
}

/// Another cluster in the same network. The emulator gives it the issuer of the first.
///
/// # Panics
/// If an emulator refuses a call.
pub async fn another_cluster(emulators: &Emulators, beside: &Seeded, name: &str) -> Seeded {
    let network = Network {
        vpc_id: beside.vpc_id.clone(),
        subnet_ids: beside.subnet_ids.clone(),
        route_table_ids: beside.route_table_ids.clone(),
        node_security_group: beside.node_security_group.clone(),
    };
    let (cluster_arn, issuer) = cluster(emulators, name, &beside.cluster_role_arn, &network).await;
    Seeded { issuer, cluster_arn, ..beside.clone() }
}

/// Makes a cluster; gives its ARN and its issuer.
async fn cluster(emulators: &Emulators, name: &str, role_arn: &str, network: &Network) -> (String, String) {
    let vpc = VpcConfigRequest::builder()
        .set_subnet_ids(Some(network.subnet_ids.clone()))
        .security_group_ids(&network.node_security_group)
        .build();
    let cluster = emulators.eks().create_cluster().name(name).role_arn(role_arn).resources_vpc_config(vpc);
    let cluster = cluster.send().await.expect("CreateCluster").cluster.expect("a cluster");
    let issuer = cluster.identity.and_then(|identity| identity.oidc).and_then(|oidc| oidc.issuer).expect("an issuer");
    (cluster.arn.expect("a cluster has an ARN"), issuer)
}

struct Network {
    vpc_id: String,
    subnet_ids: Vec<String>,
    route_table_ids: Vec<String>,
    node_security_group: String,
}

async fn network(emulators: &Emulators, shape: &Shape) -> Network {
    let ec2 = emulators.ec2();
    let vpc = ec2.create_vpc().cidr_block(&shape.vpc_cidr).tag_specifications(named(ResourceType::Vpc, &shape.cluster_name));
    let vpc_id = vpc.send().await.expect("CreateVpc").vpc.and_then(|vpc| vpc.vpc_id).expect("a VPC");
    // AWS takes one attribute a call.
    let value = |value| AttributeBooleanValue::builder().value(value).build();
    let change = ec2.modify_vpc_attribute().vpc_id(&vpc_id).enable_dns_support(value(shape.dns_support));
    change.send().await.expect("ModifyVpcAttribute");
    let change = ec2.modify_vpc_attribute().vpc_id(&vpc_id).enable_dns_hostnames(value(shape.dns_hostnames));
    change.send().await.expect("ModifyVpcAttribute");

    let prefix = shape.vpc_cidr.strip_suffix(".0.0/16").expect("the VPC is a /16");
    let zones = shape.zones.iter().flat_map(|zone| std::iter::repeat_n(zone, shape.subnets_per_zone));
    let (mut subnet_ids, mut route_table_ids) = (Vec::new(), Vec::new());
    for (number, zone) in zones.enumerate() {
        let name = format!("{}-private-{number}", shape.cluster_name);
        let subnet = ec2.create_subnet().vpc_id(&vpc_id).availability_zone(zone).cidr_block(format!("{prefix}.{number}.0/24"));
        let subnet = subnet.tag_specifications(named(ResourceType::Subnet, &name)).send().await.expect("CreateSubnet");
        let subnet_id = subnet.subnet.and_then(|subnet| subnet.subnet_id).expect("a subnet");
        let table = ec2.create_route_table().vpc_id(&vpc_id).tag_specifications(named(ResourceType::RouteTable, &name));
        let table = table.send().await.expect("CreateRouteTable").route_table;
        let table_id = table.and_then(|table| table.route_table_id).expect("a route table");
        let association = ec2.associate_route_table().route_table_id(&table_id).subnet_id(&subnet_id);
        association.send().await.expect("AssociateRouteTable");
        subnet_ids.push(subnet_id);
        route_table_ids.push(table_id);
    }

    let group = ec2.create_security_group().group_name(format!("{}-nodes", shape.cluster_name)).description("Nodes");
    let group = group.vpc_id(&vpc_id).send().await.expect("CreateSecurityGroup");
    let node_security_group = group.group_id.expect("a security group");
    Network { vpc_id, subnet_ids, route_table_ids, node_security_group }
}

fn named(kind: ResourceType, name: &str) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).tags(Tag::builder().key("Name").value(name).build()).build()
}

async fn agree_to_models(emulators: &Emulators, models: &[String]) {
    let bedrock = emulators.bedrock();
    for model in models {
        let offers = bedrock.list_foundation_model_agreement_offers().model_id(model).send().await;
        // Amazon's own models have no offers and need no agreement.
        if let Some(offer) = offers.expect("ListFoundationModelAgreementOffers").offers.first() {
            let agreement = bedrock.create_foundation_model_agreement().model_id(model).offer_token(&offer.offer_token);
            agreement.send().await.expect("CreateFoundationModelAgreement");
        }
    }
}
