//! What the network is.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, NetworkInterface, ServiceDetail, VpcAttributeName, VpcCidrBlockState, VpcCidrBlockStateCode, VpcEndpoint,
};

use super::rules::rules_of;
use super::{Ec2, filter, tags_of};
use crate::aws::calls::present;
use crate::domain::tags;
use crate::observed::Read;
use crate::observed::network::{Endpoint, OfferedService, SecurityGroup, Subnet, Vpc};
use crate::policy::PolicyDocument;

/// The most values that EC2 takes for one filter.
const FILTER_VALUES: usize = 200;

impl Ec2 {
    /// The VPC with this id and its DNS attributes; `None` if there is none. Three calls
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html>).
    ///
    /// # Errors
    /// When any of the calls fails.
    pub async fn vpc(&self, id: &str) -> Read<Option<Vpc>> {
        let call = self.client.describe_vpcs().vpc_ids(id).send();
        let answer = present(self.calls.watch("ec2", "DescribeVpcs", call).await)?;
        let Some(found) = answer.and_then(|answer| answer.vpcs).and_then(|vpcs| vpcs.into_iter().next()) else { return Ok(None) };
        let (Some(dns_support), Some(dns_hostnames)) =
            (self.dns(id, VpcAttributeName::EnableDnsSupport).await?, self.dns(id, VpcAttributeName::EnableDnsHostnames).await?)
        else {
            return Ok(None);
        };
        Ok(Some(Vpc { id: id.to_owned(), cidrs: associated_ranges(&found), dns_support, dns_hostnames }))
    }

    /// Those of the subnets with these ids that exist. No call for no ids.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn subnets(&self, ids: &[String]) -> Read<Vec<Subnet>> {
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let mut pages = self.client.describe_subnets().filters(filter("subnet-id", ids)).into_paginator().send();
            while let Some(page) = self.calls.page("ec2", "DescribeSubnets", pages.next()).await? {
                found.extend(page.subnets.unwrap_or_default().into_iter().map(|subnet| Subnet {
                    id: subnet.subnet_id.unwrap_or_default(),
                    zone: subnet.availability_zone.unwrap_or_default(),
                    vpc_id: subnet.vpc_id.unwrap_or_default(),
                }));
            }
        }
        Ok(found)
    }

    /// Those of the endpoint services with these full names that the Region offers as interface endpoints, by name. No call for no names.
    /// Reads the whole list and picks: to ask for a name that the Region does not have is an error
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServices.html>).
    ///
    /// # Errors
    /// When a call fails.
    pub async fn offered_services(&self, names: &[String]) -> Read<Vec<OfferedService>> {
        let mut found: BTreeMap<String, OfferedService> = BTreeMap::new();
        let mut token = None;
        while !names.is_empty() {
            let request = self.client.describe_vpc_endpoint_services().set_next_token(token);
            let call = request.filters(filter("service-type", &["Interface"])).send();
            let answer = self.calls.watch("ec2", "DescribeVpcEndpointServices", call).await?;
            let services = answer.service_details.unwrap_or_default().into_iter().map(offered);
            found.extend(services.filter(|service| names.contains(&service.name)).map(|service| (service.name.clone(), service)));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(found.into_values().collect())
    }

    /// All endpoints of the VPC, whosever they are, but those deleted or being deleted; with the addresses of their network interfaces
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html>).
    ///
    /// # Errors
    /// When any of the calls fails.
    pub async fn endpoints(&self, vpc_id: &str) -> Read<Vec<Endpoint>> {
        let mut found = Vec::new();
        let mut pages = self.client.describe_vpc_endpoints().filters(filter("vpc-id", &[vpc_id])).into_paginator().send();
        while let Some(page) = self.calls.page("ec2", "DescribeVpcEndpoints", pages.next()).await? {
            found.extend(page.vpc_endpoints.unwrap_or_default().into_iter().filter(is_kept));
        }
        self.with_addresses(found).await
    }

    /// Those of the endpoints with these ids that exist, whatever their VPC, but those deleted or being deleted. No call for no ids; one
    /// call for each id if one of them does not exist, because EC2 then answers with an error instead of the others.
    ///
    /// # Errors
    /// When any of the calls fails.
    pub async fn endpoints_by_id(&self, ids: &BTreeSet<String>) -> Read<Vec<Endpoint>> {
        let all: Vec<String> = ids.iter().cloned().collect();
        let mut found = Vec::new();
        match self.named_endpoints(&all).await? {
            Some(endpoints) => found = endpoints,
            None if all.len() > 1 => {
                for id in all {
                    found.extend(self.named_endpoints(&[id]).await?.unwrap_or_default());
                }
            }
            None => {}
        }
        found.retain(is_kept);
        self.with_addresses(found).await
    }

    /// All of the endpoints with these ids; `None` if one of them does not exist.
    async fn named_endpoints(&self, ids: &[String]) -> Read<Option<Vec<VpcEndpoint>>> {
        if ids.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let call = self.client.describe_vpc_endpoints().set_vpc_endpoint_ids(Some(ids.to_vec())).send();
        let answer = present(self.calls.watch("ec2", "DescribeVpcEndpoints", call).await)?;
        Ok(answer.map(|answer| answer.vpc_endpoints.unwrap_or_default()))
    }

    async fn with_addresses(&self, found: Vec<VpcEndpoint>) -> Read<Vec<Endpoint>> {
        let interfaces: Vec<String> = found.iter().flat_map(|endpoint| endpoint.network_interface_ids().to_vec()).collect();
        let addresses = self.addresses(&interfaces).await?;
        Ok(found.into_iter().map(|endpoint| endpoint_of(endpoint, &addresses)).collect())
    }

    /// Security groups of the VPC that carry our tag with this cluster's ARN.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn security_groups(&self, vpc_id: &str, cluster_arn: &str) -> Read<Vec<SecurityGroup>> {
        let ours = filter(format!("tag:{}", tags::CLUSTER), &[cluster_arn]);
        self.groups(vec![filter("vpc-id", &[vpc_id]), ours]).await
    }

    /// Those of the security groups with these ids that exist. No call for no ids.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn security_groups_by_id(&self, ids: &BTreeSet<String>) -> Read<Vec<SecurityGroup>> {
        let ids: Vec<&String> = ids.iter().collect();
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            found.extend(self.groups(vec![filter("group-id", ids)]).await?);
        }
        Ok(found)
    }

    async fn groups(&self, filters: Vec<Filter>) -> Read<Vec<SecurityGroup>> {
        let mut found = Vec::new();
        let mut pages = self.client.describe_security_groups().set_filters(Some(filters)).into_paginator().send();
        while let Some(page) = self.calls.page("ec2", "DescribeSecurityGroups", pages.next()).await? {
            found.extend(page.security_groups.unwrap_or_default().into_iter().map(|group| SecurityGroup {
                ingress: rules_of(group.ip_permissions()),
                egress: rules_of(group.ip_permissions_egress()),
                id: group.group_id.unwrap_or_default(),
                name: group.group_name.unwrap_or_default(),
                tags: tags_of(group.tags),
            }));
        }
        Ok(found)
    }

    /// One attribute of a VPC; `None` if the VPC is gone.
    async fn dns(&self, vpc_id: &str, attribute: VpcAttributeName) -> Read<Option<bool>> {
        let support = attribute == VpcAttributeName::EnableDnsSupport;
        let call = self.client.describe_vpc_attribute().vpc_id(vpc_id).attribute(attribute).send();
        let answer = present(self.calls.watch("ec2", "DescribeVpcAttribute", call).await)?;
        Ok(answer.map(|answer| {
            let value = if support { answer.enable_dns_support } else { answer.enable_dns_hostnames };
            value.and_then(|value| value.value).unwrap_or(false)
        }))
    }

    /// Addresses by network interface. Asked for by filter, so that an interface that has just gone is missing and not an error.
    async fn addresses(&self, interface_ids: &[String]) -> Read<BTreeMap<String, BTreeSet<String>>> {
        let mut found = BTreeMap::new();
        for ids in interface_ids.chunks(FILTER_VALUES) {
            let request = self.client.describe_network_interfaces().filters(filter("network-interface-id", ids));
            let mut pages = request.into_paginator().send();
            while let Some(page) = self.calls.page("ec2", "DescribeNetworkInterfaces", pages.next()).await? {
                for interface in page.network_interfaces.unwrap_or_default() {
                    found.insert(interface.network_interface_id.clone().unwrap_or_default(), addresses_of(&interface));
                }
            }
        }
        Ok(found)
    }
}

fn associated_ranges(vpc: &aws_sdk_ec2::types::Vpc) -> BTreeSet<String> {
    let associated = |state: Option<&VpcCidrBlockState>| {
        state.and_then(VpcCidrBlockState::state).is_some_and(|state| *state == VpcCidrBlockStateCode::Associated)
    };
    let v4 = vpc.cidr_block_association_set().iter();
    let v4 = v4.filter(|range| associated(range.cidr_block_state())).filter_map(|range| range.cidr_block());
    let v6 = vpc.ipv6_cidr_block_association_set().iter();
    let v6 = v6.filter(|range| associated(range.ipv6_cidr_block_state())).filter_map(|range| range.ipv6_cidr_block());
    v4.chain(v6).map(str::to_owned).collect()
}

fn offered(service: ServiceDetail) -> OfferedService {
    OfferedService {
        name: service.service_name.unwrap_or_default(),
        zones: service.availability_zones.unwrap_or_default().into_iter().collect(),
        policy_supported: service.vpc_endpoint_policy_supported.unwrap_or(false),
    }
}

/// EC2 writes states in lower case, the SDK's constants are not: so texts are compared.
fn state_of(endpoint: &VpcEndpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default()
}

fn is_kept(endpoint: &VpcEndpoint) -> bool {
    !matches!(state_of(endpoint).as_str(), "deleted" | "deleting")
}

fn endpoint_of(endpoint: VpcEndpoint, addresses: &BTreeMap<String, BTreeSet<String>>) -> Endpoint {
    let interfaces = endpoint.network_interface_ids().iter();
    let addresses = interfaces.filter_map(|id| addresses.get(id)).flatten().cloned().collect();
    Endpoint {
        state: state_of(&endpoint),
        addresses,
        id: endpoint.vpc_endpoint_id.unwrap_or_default(),
        vpc_id: endpoint.vpc_id.unwrap_or_default(),
        service_name: endpoint.service_name.unwrap_or_default(),
        endpoint_type: endpoint.vpc_endpoint_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        private_dns: endpoint.private_dns_enabled.unwrap_or(false),
        policy: endpoint.policy_document.and_then(|text| PolicyDocument::parse(&text).ok()),
        subnet_ids: endpoint.subnet_ids.unwrap_or_default().into_iter().collect(),
        security_group_ids: endpoint.groups.unwrap_or_default().into_iter().filter_map(|group| group.group_id).collect(),
        tags: tags_of(endpoint.tags),
    }
}

fn addresses_of(interface: &NetworkInterface) -> BTreeSet<String> {
    let v4 = interface.private_ip_addresses().iter().filter_map(|address| address.private_ip_address());
    let v6 = interface.ipv6_addresses().iter().filter_map(|address| address.ipv6_address());
    v4.chain(v6).map(str::to_owned).collect()
}
