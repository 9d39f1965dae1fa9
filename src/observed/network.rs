//! VPC, subnets, endpoints and security groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: String,
    /// All its IPv4 and IPv6 address ranges that are associated.
    pub cidrs: BTreeSet<String>,
    /// Attribute `enableDnsSupport`.
    pub dns_support: bool,
    /// Attribute `enableDnsHostnames`.
    pub dns_hostnames: bool,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its Availability Zone's name.
    pub zone: String,
    /// Its VPC.
    pub vpc_id: String,
}

/// An endpoint service that the Region offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferedService {
    /// Full name, such as `com.amazonaws.us-east-1.sts`.
    pub name: String,
    /// Zones it is offered in.
    pub zones: BTreeSet<String>,
    /// Whether endpoint policies are supported.
    pub policy_supported: bool,
}

/// A VPC endpoint that is not deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Full service name.
    pub service_name: String,
    /// State in lower case, such as `available`, `pending`.
    pub state: String,
    /// Type in EC2's words, such as `Interface`, `Gateway`.
    pub endpoint_type: String,
    /// Whether private DNS is on.
    pub private_dns: bool,
    /// Its policy; `None` if it has none or it is not readable.
    pub policy: Option<PolicyDocument>,
    /// Its subnets.
    pub subnet_ids: BTreeSet<String>,
    /// Its security groups.
    pub security_group_ids: BTreeSet<String>,
    /// Addresses of its network interfaces, both families, without prefix length.
    pub addresses: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Rules for incoming traffic.
    pub ingress: BTreeSet<SecurityGroupRule>,
    /// Rules for outgoing traffic.
    pub egress: BTreeSet<SecurityGroupRule>,
    /// Its tags.
    pub tags: Tags,
}

/// One rule: a protocol, a range of ports, a peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupRule {
    /// `tcp`, `udp`, a number, or `-1` for everything.
    pub protocol: String,
    /// First port; -1 with protocols that have none.
    pub from_port: i32,
    /// Last port.
    pub to_port: i32,
    /// The other side.
    pub peer: RulePeer,
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RulePeer {
    /// An IPv4 or IPv6 range.
    Cidr(String),
    /// Members of a security group.
    SecurityGroup(String),
    /// A managed prefix list.
    PrefixList(String),
}

impl SecurityGroupRule {
    /// Whether the rule lets HTTPS through.
    #[must_use]
    pub fn admits_https(&self) -> bool {
        self.protocol == "-1" || (matches!(self.protocol.as_str(), "tcp" | "6") && self.from_port <= 443 && self.to_port >= 443)
    }

    /// HTTPS from `peer`: the one thing an endpoint needs.
    #[must_use]
    pub fn https_from(peer: RulePeer) -> Self {
        Self { protocol: "tcp".into(), from_port: 443, to_port: 443, peer }
    }
}

/// Subnets by zone, sorted, so that the first of each is the same on every pass.
#[must_use]
pub fn by_zone<'a>(subnets: impl IntoIterator<Item = &'a Subnet>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for subnet in subnets {
        zones.entry(&subnet.zone).or_default().push(&subnet.id);
    }
    for ids in zones.values_mut() {
        ids.sort_unstable();
    }
    zones
}
