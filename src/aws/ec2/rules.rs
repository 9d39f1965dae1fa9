//! Security group rules between EC2's grouping, many peers to a permission, and ours, one peer to a rule.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};

use crate::observed::network::{RulePeer, SecurityGroupRule};

/// Everything: protocol `-1`, with which ports mean nothing.
const ALL: &str = "-1";

/// Each peer of each permission as a rule of its own.
pub(super) fn rules_of(permissions: &[IpPermission]) -> BTreeSet<SecurityGroupRule> {
    permissions.iter().flat_map(|permission| peers_of(permission).map(|peer| rule_of(permission, peer))).collect()
}

fn rule_of(permission: &IpPermission, peer: RulePeer) -> SecurityGroupRule {
    let protocol = permission.ip_protocol().unwrap_or(ALL);
    let port = |port: Option<i32>| if protocol == ALL { -1 } else { port.unwrap_or(-1) };
    SecurityGroupRule {
        protocol: protocol.to_owned(),
        from_port: port(permission.from_port()),
        to_port: port(permission.to_port()),
        peer,
    }
}

fn peers_of(permission: &IpPermission) -> impl Iterator<Item = RulePeer> {
    let v4 = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip.clone()).map(RulePeer::Cidr);
    let v6 = permission.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6.clone()).map(RulePeer::Cidr);
    let groups = permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id.clone()).map(RulePeer::SecurityGroup);
    let lists = permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id.clone()).map(RulePeer::PrefixList);
    v4.chain(v6).chain(groups).chain(lists)
}

/// A permission for each rule.
pub(super) fn permissions_of(rules: &BTreeSet<SecurityGroupRule>) -> Vec<IpPermission> {
    rules.iter().map(permission_of).collect()
}

fn permission_of(rule: &SecurityGroupRule) -> IpPermission {
    let ports = rule.protocol != ALL;
    let permission = IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(ports.then_some(rule.from_port))
        .set_to_port(ports.then_some(rule.to_port));
    match &rule.peer {
        RulePeer::Cidr(range) if range.contains(':') => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(range).build()),
        RulePeer::Cidr(range) => permission.ip_ranges(IpRange::builder().cidr_ip(range).build()),
        RulePeer::SecurityGroup(id) => permission.user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build()),
        RulePeer::PrefixList(id) => permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).build()),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_as_they_went() {
        let peers = [
            RulePeer::Cidr("10.0.0.0/16".into()),
            RulePeer::Cidr("2001:db8::/56".into()),
            RulePeer::SecurityGroup("sg-1".into()),
            RulePeer::PrefixList("pl-1".into()),
        ];
        let mut rules: BTreeSet<SecurityGroupRule> = peers.into_iter().map(SecurityGroupRule::https_from).collect();
        let peer = RulePeer::Cidr("0.0.0.0/0".into());
        rules.insert(SecurityGroupRule { protocol: ALL.into(), from_port: -1, to_port: -1, peer });
        assert_eq!(rules_of(&permissions_of(&rules)), rules);
    }

    #[test]
    fn each_peer_is_a_rule_and_all_protocols_have_no_ports() {
        let range = |cidr: &str| IpRange::builder().cidr_ip(cidr).build();
        let permission = IpPermission::builder().ip_protocol(ALL).from_port(0).ip_ranges(range("10.0.0.0/16"));
        let rules = rules_of(&[permission.ip_ranges(range("10.1.0.0/16")).build()]);
        assert_eq!(rules.len(), 2);
        assert!(rules.iter().all(|rule| (rule.from_port, rule.to_port) == (-1, -1)));
    }
}
