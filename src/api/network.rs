//! Network peers: what workloads may reach or be reached from, declared by the environment and chosen by name.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::Management;

/// What workloads may reach, by names that they choose from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRules {
    /// Provision makes a NetworkPolicy for each workload; Verify looks at those that you made. Absent means Provision.
    pub management: Option<Management>,
    /// Peers that a workload may name in its networkPeers.
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub peers: Option<Vec<NetworkPeer>>,
}

/// A named peer: an address range, or pods by their labels, in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.cidrs) ? 1 : 0) + (has(self.namespaceSelector) ? 1 : 0) == 1",
        "a peer is either cidrs, or a namespaceSelector with an optional podSelector"),
    validation = ("!has(self.podSelector) || has(self.namespaceSelector)", "podSelector needs a namespaceSelector beside it"),
    validation = ("!has(self.cidrs) || self.cidrs.all(c, !c.endsWith('/0'))",
        "a peer of every address would undo the isolation: name the ranges that are needed")
)]
pub struct NetworkPeer {
    /// Name that workloads use.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Whether the workload calls the peer (Egress) or is called by it (Ingress). Absent means Egress.
    pub direction: Option<Direction>,
    /// Address ranges.
    #[schemars(
        length(min = 1, max = 32),
        inner(length(max = 43), regex(pattern = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F:]+)/(0|[1-9][0-9]{0,2})$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub cidrs: Option<Vec<String>>,
    /// Namespaces of the peer's pods. An empty selector is refused.
    #[x_kube(validation = ("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "namespaceSelector is empty and would match every namespace: name a label, such as matchLabels: {kubernetes.io/metadata.name: databases}"))]
    pub namespace_selector: Option<LabelSelector>,
    /// Pods in those namespaces. Absent means all of them.
    pub pod_selector: Option<LabelSelector>,
    /// Ports of the connection's server side.
    #[schemars(length(min = 1, max = 16))]
    pub ports: Vec<PeerPort>,
}

/// A port of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerPort {
    /// Port number, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// TCP or UDP. Absent means TCP.
    pub protocol: Option<Protocol>,
}

/// Which side opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// The workload calls the peer.
    Egress,
    /// The peer calls the workload.
    Ingress,
    /// A value of a newer version of this API; the peer is refused.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// Transmission Control Protocol.
    TCP,
    /// User Datagram Protocol.
    UDP,
    /// A value of a newer version of this API; the peer is refused.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}
