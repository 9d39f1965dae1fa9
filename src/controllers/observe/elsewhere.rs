//! What is read by id, because no read of the VPC or by our tags brings it. Mostly there is none of it, and no call.

use std::collections::BTreeSet;

use crate::api::phi_environment_status::EndpointStatus;
use crate::aws::Account;
use crate::observed::Read;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::network::{Endpoint, SecurityGroup, Subnet};
use crate::plan::environment::{Rules, chosen};

/// The endpoints that the spec names and the VPC does not have. Those with declared addresses lie in another account, and are not
/// asked for.
pub(super) async fn endpoints(account: &Account, rules: &Rules, of_vpc: &Read<Vec<Endpoint>>) -> Read<Vec<Endpoint>> {
    let known: BTreeSet<&String> = of_vpc.iter().flatten().map(|endpoint| &endpoint.id).collect();
    let named = rules.endpoints.iter().filter(|rule| rule.address_ranges.is_empty()).filter_map(|rule| rule.vpc_endpoint_id.as_ref());
    account.ec2.endpoints_by_id(&named.filter(|id| !known.contains(id)).cloned().collect()).await
}

/// The subnets that the spec or an endpoint of a wanted service names beside the cluster's.
pub(super) async fn subnets(
    account: &Account,
    rules: &Rules,
    of_cluster: &Read<Vec<Subnet>>,
    endpoints: [&Read<Vec<Endpoint>>; 2],
) -> Read<Vec<Subnet>> {
    let known: BTreeSet<&String> = of_cluster.iter().flatten().map(|subnet| &subnet.id).collect();
    let services = rules.service_names();
    let serving = endpoints.into_iter().flat_map(|read| read.iter().flatten());
    let serving = serving.filter(|endpoint| services.contains(&endpoint.service_name));
    let of_endpoints = serving.flat_map(|endpoint| &endpoint.subnet_ids);
    let named = rules.endpoints.iter().flat_map(|rule| &rule.subnet_ids);
    let others: BTreeSet<String> = named.chain(of_endpoints).filter(|id| !known.contains(id)).cloned().collect();
    account.ec2.subnets(&others.into_iter().collect::<Vec<_>>()).await
}

/// The security groups of endpoints that are only verified, and recorded ones of ours that the read by tags did not find.
pub(super) async fn security_groups(
    account: &Account,
    rules: &Rules,
    observed: &EnvironmentObservation,
    recorded: &[EndpointStatus],
) -> Read<Vec<SecurityGroup>> {
    let known: BTreeSet<&String> = observed.security_groups.iter().flatten().map(|group| &group.id).collect();
    let verified = rules.endpoints.iter().filter_map(|rule| {
        let (endpoint, ours) = chosen(rules, rule, observed, recorded)?;
        (!(rule.provision && ours)).then_some(&endpoint.security_group_ids)
    });
    let lost = recorded.iter().filter_map(|endpoint| endpoint.security_group_id.as_ref());
    let ids: BTreeSet<String> = verified.flatten().chain(lost).filter(|id| !known.contains(id)).cloned().collect();
    account.ec2.security_groups_by_id(&ids).await
}
