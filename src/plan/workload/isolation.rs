//! The network policy of a workload: deny everything but DNS, the endpoints, and the declared peers.

mod verify;

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::annotations::{MANAGED_BY, MANAGER, WORKLOAD_LABEL};
use crate::api::conditions::{ConditionType, Reason};
use crate::api::network::{Direction, NetworkPeer, Protocol};
use crate::catalogue::Control;
use crate::domain::names;
use crate::plan::facts::EnvironmentFacts;
use crate::plan::{Action, Finding, Plan};

use super::WorkloadInputs;

pub(super) use verify::is_fenced_by_others;

const FAMILY: ConditionType = ConditionType::NetworkIsolated;
/// Where node-local DNS listens (<https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/>).
const NODE_LOCAL_DNS: &str = "169.254.20.10/32";

pub(super) fn plan(inputs: &WorkloadInputs) -> Plan {
    if !inputs.facts.has_runtime {
        let finding = Finding::fail(
            Control::PodIsolation,
            FAMILY,
            Reason::EnvironmentNotReady,
            "the environment has no available endpoint for bedrock-runtime yet; the pods are fenced in once it is there",
        );
        return Plan { findings: vec![finding], ..Plan::default() };
    }
    if inputs.facts.verify_isolation {
        return match chosen_peers(inputs) {
            Ok(peers) => verify::judge(inputs, &peers),
            Err(finding) => Plan { findings: vec![*finding], ..Plan::default() },
        };
    }
    if inputs.network_policy.is_some() && !is_in_place(inputs) {
        let message = format!("NetworkPolicy {} is there and is not ours; rename or delete it", names::network_policy(inputs.name));
        let finding = Finding::fail(Control::PodIsolation, FAMILY, Reason::Conflict, message);
        return Plan { findings: vec![finding], ..Plan::default() };
    }
    let peers = match chosen_peers(inputs) {
        Ok(peers) => peers,
        Err(finding) => return Plan { findings: vec![*finding], ..Plan::default() },
    };
    let wanted = isolation_policy(inputs.namespace, inputs.name, &inputs.spec.pod_selector, inputs.facts, &peers);
    let mut plan = match inputs.network_policy.map(|found| compare(&wanted, found)) {
        Some(Comparison::Same) => passing(),
        Some(Comparison::Narrower) if inputs.may_hold => {
            Plan { findings: vec![Finding::held(Control::PodIsolation, FAMILY, "the NetworkPolicy")], ..Plan::default() }
        }
        other => {
            let message = if other.is_none() { "the NetworkPolicy does not exist" } else { "the NetworkPolicy is not the declared one" };
            let finding = Finding::fail(Control::PodIsolation, FAMILY, Reason::Drifted, message);
            Plan { actions: vec![Action::ApplyNetworkPolicy(Box::new(wanted))], findings: vec![finding], ..Plan::default() }
        }
    };
    plan.findings.extend(inputs.other_network_policies.iter().filter_map(|other| widening(inputs, other)));
    plan
}

/// The plan as long as the workload is not admitted: what is in place stays.
pub(super) fn waiting() -> Plan {
    Plan { findings: vec![Finding::waiting(Control::PodIsolation, FAMILY)], ..Plan::default() }
}

/// Whether the policy of our name is there and is ours: by its label, or recorded.
pub(super) fn is_in_place(inputs: &WorkloadInputs) -> bool {
    let recorded = inputs.previous.network_policy_name.as_deref() == Some(names::network_policy(inputs.name).as_str());
    inputs.network_policy.is_some_and(|policy| recorded || carries_our_label(policy))
}

/// Whether a network policy says that we manage it.
#[must_use]
pub fn carries_our_label(policy: &NetworkPolicy) -> bool {
    let labels = policy.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(MANAGED_BY)).is_some_and(|manager| manager == MANAGER)
}

fn passing() -> Plan {
    let message = "the NetworkPolicy is in place; whether the cluster's network plug-in enforces it is for its owner to show";
    Plan { findings: vec![Finding::pass(Control::PodIsolation, FAMILY, message)], ..Plan::default() }
}

fn chosen_peers<'a>(inputs: &'a WorkloadInputs) -> Result<Vec<&'a NetworkPeer>, Box<Finding>> {
    let names = inputs.spec.network_peers.as_deref().unwrap_or_default();
    names
        .iter()
        .map(|name| {
            inputs.facts.peers.iter().find(|peer| peer.name == *name).ok_or_else(|| {
                let known: Vec<&str> = inputs.facts.peers.iter().map(|peer| peer.name.as_str()).collect();
                let known = if known.is_empty() { "it declares none".to_owned() } else { format!("it declares {}", known.join(", ")) };
                Box::new(Finding::fail(
                    Control::PodIsolation,
                    FAMILY,
                    Reason::PeerNotFound,
                    format!(
                        "environment {} has no network peer {name} ({known}); correct spec.networkPeers",
                        inputs.facts.scope.environment
                    ),
                ))
            })
        })
        .collect()
}

/// The policy that fences in the pods of a workload.
#[must_use]
pub fn isolation_policy(
    namespace: &str,
    workload: &str,
    pods: &LabelSelector,
    facts: &EnvironmentFacts,
    peers: &[&NetworkPeer],
) -> NetworkPolicy {
    let of = |direction| peers.iter().filter(move |peer| peer.direction.unwrap_or(Direction::Egress) == direction);
    let mut egress = vec![dns(facts)];
    egress.extend(endpoints(facts));
    egress.extend(of(Direction::Egress).map(|peer| NetworkPolicyEgressRule { to: Some(sides(peer)), ports: Some(ports(peer)) }));
    let ingress = of(Direction::Ingress).map(|peer| NetworkPolicyIngressRule { from: Some(sides(peer)), ports: Some(ports(peer)) });
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(names::network_policy(workload)),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned()), (WORKLOAD_LABEL.to_owned(), workload.to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods.clone()),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress.collect()),
            egress: Some(egress),
        }),
    }
}

fn dns(facts: &EnvironmentFacts) -> NetworkPolicyEgressRule {
    let port = |protocol: &str| NetworkPolicyPort { protocol: Some(protocol.to_owned()), port: Some(IntOrString::Int(53)), end_port: None };
    let labels = |key: &str, value: &str| LabelSelector {
        match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..LabelSelector::default()
    };
    let pods = NetworkPolicyPeer {
        namespace_selector: Some(labels("kubernetes.io/metadata.name", "kube-system")),
        pod_selector: Some(labels("k8s-app", "kube-dns")),
        ip_block: None,
    };
    let mut to = vec![pods, block(NODE_LOCAL_DNS)];
    to.extend(facts.dns_addresses.iter().map(|address| block(address)));
    NetworkPolicyEgressRule { to: (!facts.dns_on_nodes).then_some(to), ports: Some(vec![port("UDP"), port("TCP")]) }
}

/// A rule without sides would admit every address, so there is none as long as no address is known.
fn endpoints(facts: &EnvironmentFacts) -> Option<NetworkPolicyEgressRule> {
    let to: Vec<_> = facts.endpoint_addresses.iter().map(|address| block(address)).collect();
    let https = NetworkPolicyPort { protocol: Some("TCP".to_owned()), port: Some(IntOrString::Int(443)), end_port: None };
    (!to.is_empty()).then(|| NetworkPolicyEgressRule { to: Some(to), ports: Some(vec![https]) })
}

fn block(cidr: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr: cidr.to_owned(), except: None }), ..NetworkPolicyPeer::default() }
}

fn sides(peer: &NetworkPeer) -> Vec<NetworkPolicyPeer> {
    match &peer.cidrs {
        Some(cidrs) => cidrs.iter().map(|cidr| block(cidr)).collect(),
        None => vec![NetworkPolicyPeer {
            namespace_selector: peer.namespace_selector.clone(),
            pod_selector: peer.pod_selector.clone(),
            ip_block: None,
        }],
    }
}

fn ports(peer: &NetworkPeer) -> Vec<NetworkPolicyPort> {
    let port = |port: &crate::api::network::PeerPort| NetworkPolicyPort {
        protocol: Some(if port.protocol == Some(Protocol::UDP) { "UDP" } else { "TCP" }.to_owned()),
        port: Some(IntOrString::Int(port.port)),
        end_port: None,
    };
    peer.ports.iter().map(port).collect()
}

enum Comparison {
    Same,
    Narrower,
    Wider,
}

/// Whether a network policy that was found is the one that is wanted.
#[must_use]
pub fn is_as_wanted(wanted: &NetworkPolicy, found: &NetworkPolicy) -> bool {
    matches!(compare(wanted, found), Comparison::Same)
}

/// Compares by meaning. Narrower: the same pods, and no rule that is not among the wanted.
fn compare(wanted: &NetworkPolicy, found: &NetworkPolicy) -> Comparison {
    let (Some(wanted), Some(found)) = (&wanted.spec, &found.spec) else {
        return Comparison::Wider;
    };
    let (ingress, egress) = (found.ingress.as_deref().unwrap_or_default(), found.egress.as_deref().unwrap_or_default());
    let (wanted_ingress, wanted_egress) = (wanted.ingress.as_deref().unwrap_or_default(), wanted.egress.as_deref().unwrap_or_default());
    let fenced = normal(wanted.pod_selector.as_ref()) == normal(found.pod_selector.as_ref()) && wanted.policy_types == found.policy_types;
    if fenced && ingress == wanted_ingress && egress == wanted_egress {
        Comparison::Same
    } else if fenced && ingress.iter().all(|rule| wanted_ingress.contains(rule)) && egress.iter().all(|rule| wanted_egress.contains(rule)) {
        Comparison::Narrower
    } else {
        Comparison::Wider
    }
}

/// The API server drops empty parts of a selector.
fn normal(selector: Option<&LabelSelector>) -> LabelSelector {
    let selector = selector.cloned().unwrap_or_default();
    LabelSelector {
        match_labels: selector.match_labels.filter(|labels| !labels.is_empty()),
        match_expressions: selector.match_expressions.filter(|expressions| !expressions.is_empty()),
    }
}

/// Whether a network policy that selects `theirs` selects every pod that a workload which selects `ours` does: each of its requirements
/// follows from ours.
#[must_use]
pub fn selects_no_less(theirs: &LabelSelector, ours: &LabelSelector) -> bool {
    let label = |key: &str| ours.match_labels.as_ref().and_then(|labels| labels.get(key));
    let by_labels = theirs.match_labels.iter().flatten().all(|(key, value)| label(key) == Some(value));
    by_labels
        && theirs.match_expressions.iter().flatten().all(|wanted| {
            let values = wanted.values.as_deref().unwrap_or_default();
            let follows = match (wanted.operator.as_str(), label(&wanted.key)) {
                ("In", Some(value)) => values.contains(value),
                ("NotIn", Some(value)) => !values.contains(value),
                ("Exists", Some(_)) => true,
                _ => false,
            };
            follows || ours.match_expressions.iter().flatten().any(|own| own == wanted)
        })
}

/// Network policies add up: another one that selects the same pods and admits something widens ours.
fn widening(inputs: &WorkloadInputs, other: &NetworkPolicy) -> Option<Finding> {
    let spec = other.spec.as_ref()?;
    let admits = !spec.ingress.as_deref().unwrap_or_default().is_empty() || !spec.egress.as_deref().unwrap_or_default().is_empty();
    let empty = LabelSelector::default();
    let selects = selects_no_less(spec.pod_selector.as_ref().unwrap_or(&empty), &inputs.spec.pod_selector);
    let name = other.metadata.name.as_deref().unwrap_or_default();
    (admits && selects).then(|| {
        let message = format!("NetworkPolicy {name} selects the same pods and admits more; narrow its podSelector, or move what it admits to the environment's network peers");
        Finding::fail(Control::PodIsolation, FAMILY, Reason::WidenedByOtherPolicy, message).about(name).advisory()
    })
}

#[cfg(test)]
mod tests;
