//! Network policies of the platform's: do they fence the pods in, both ways, and do they let through what is needed and no more?
//!
//! Nothing is written. A policy of ours from before is left, because policies add up: to take it away could open or cut a path. It
//! fences the pods until the platform's own do, and goes with the workload.

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::conditions::Reason;
use crate::api::network::NetworkPeer;
use crate::catalogue::Control;
use crate::domain::cidr::is_covered;
use crate::plan::{Finding, Plan};

use super::{FAMILY, WorkloadInputs, is_in_place, isolation_policy, selects_no_less};

const CONTROL: Control = Control::PodIsolation;

/// Judges the policies of the namespace that select all pods of the workload.
pub(super) fn judge(inputs: &WorkloadInputs, peers: &[&NetworkPeer]) -> Plan {
    let others = of_others(inputs);
    let ours = inputs.network_policy.filter(|_| is_in_place(inputs));
    let by_others = Fence::of(&others);
    let all: Vec<&NetworkPolicy> = others.iter().copied().chain(ours).collect();
    let fence = Fence::of(&all);
    let mut findings = vec![direction(inputs, fence.egress, "egress", "what goes out", Reason::EgressNotDenied)];
    findings.push(direction(inputs, fence.ingress, "ingress", "what comes in", Reason::IngressNotDenied));
    if let Some(ours) = ours.filter(|_| !by_others.both() && fence.both()) {
        let message = format!(
            "only NetworkPolicy {}, made before network.management became Verify, fences the pods in, and nobody keeps it; make a default-deny policy of your own, or set network.management to Provision",
            name_of(ours)
        );
        findings.push(Finding::fail(CONTROL, FAMILY, Reason::FencedByFormerPolicy, message).about("former").advisory());
    }
    let wanted = isolation_policy(inputs.namespace, inputs.name, &inputs.spec.pod_selector, inputs.facts, peers).spec.unwrap_or_default();
    if fence.egress {
        findings.extend(lacking(inputs, &all));
    }
    findings.extend(others.iter().filter_map(|policy| wider(policy, &wanted, inputs)));
    Plan { findings, ..Plan::default() }
}

/// Whether the platform's own policies fence the pods in, where it is for the platform to do so.
pub(in crate::plan::workload) fn is_fenced_by_others(inputs: &WorkloadInputs) -> bool {
    inputs.facts.verify_isolation && Fence::of(&of_others(inputs)).both()
}

/// The policies that are not ours and select all pods of the workload.
fn of_others<'a>(inputs: &WorkloadInputs<'a>) -> Vec<&'a NetworkPolicy> {
    let foreign = inputs.network_policy.filter(|_| !is_in_place(inputs));
    let selects = |policy: &&NetworkPolicy| selects_all(selector(policy), &inputs.spec.pod_selector);
    inputs.other_network_policies.iter().copied().chain(foreign).filter(selects).collect()
}

fn selector(policy: &NetworkPolicy) -> Option<&LabelSelector> {
    policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref())
}

/// Whether `theirs` selects every pod that `ours` does. An empty one selects all.
fn selects_all(theirs: Option<&LabelSelector>, ours: &LabelSelector) -> bool {
    theirs.is_none_or(|theirs| selects_no_less(theirs, ours))
}

/// Which directions are denied by default.
#[derive(Clone, Copy, Default)]
struct Fence {
    ingress: bool,
    egress: bool,
}

impl Fence {
    fn of(policies: &[&NetworkPolicy]) -> Self {
        let specs = || policies.iter().filter_map(|policy| policy.spec.as_ref());
        Self { ingress: specs().any(|spec| governs(spec, "Ingress")), egress: specs().any(|spec| governs(spec, "Egress")) }
    }

    fn both(self) -> bool {
        self.ingress && self.egress
    }
}

/// Without types, a policy governs what comes in, and what goes out if it has rules for that.
fn governs(spec: &NetworkPolicySpec, direction: &str) -> bool {
    match spec.policy_types.as_deref().filter(|types| !types.is_empty()) {
        Some(types) => types.iter().any(|one| one == direction),
        None => direction == "Ingress" || !spec.egress.as_deref().unwrap_or_default().is_empty(),
    }
}

fn direction(inputs: &WorkloadInputs, denied: bool, about: &str, what: &str, reason: Reason) -> Finding {
    if denied {
        let message =
            format!("{what} is denied to the pods by default; whether the cluster's network plug-in enforces it is for its owner to show");
        return Finding::pass(CONTROL, FAMILY, message).about(about);
    }
    let kind = if reason == Reason::EgressNotDenied { "Egress" } else { "Ingress" };
    let message = format!(
        "no NetworkPolicy of namespace {} selects all pods of this workload and has {kind} among its policyTypes, so {what} is not denied; create one with podSelector {}",
        inputs.namespace,
        told(&inputs.spec.pod_selector)
    );
    Finding::fail(CONTROL, FAMILY, reason, message).about(about)
}

fn told(selector: &LabelSelector) -> String {
    let labels: Vec<String> = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if labels.is_empty() { "as in spec.podSelector".to_owned() } else { labels.join(",") }
}

/// Endpoints and DNS that no policy lets the pods reach.
fn lacking(inputs: &WorkloadInputs, policies: &[&NetworkPolicy]) -> Option<Finding> {
    let rules = || policies.iter().filter_map(|policy| policy.spec.as_ref()).flat_map(|spec| spec.egress.iter().flatten());
    let reached = |address: &str| rules().any(|rule| admits(rule, address) && has_port(rule.ports.as_ref(), 443, "TCP"));
    let mut missing: Vec<String> =
        inputs.facts.endpoint_addresses.iter().filter(|address| !reached(address)).map(|address| format!("{address} on TCP 443")).collect();
    if !rules().any(|rule| has_port(rule.ports.as_ref(), 53, "UDP")) {
        missing.push("DNS on UDP 53".to_owned());
    }
    (!missing.is_empty()).then(|| {
        let message = format!("no NetworkPolicy lets the pods reach {}, which they need; add an egress rule", missing.join(", "));
        Finding::fail(CONTROL, FAMILY, Reason::EgressTooNarrow, message).about("needed")
    })
}

fn admits(rule: &NetworkPolicyEgressRule, address: &str) -> bool {
    let within = |peer: &NetworkPolicyPeer| peer.ip_block.as_ref().is_some_and(|block| contains(block, address));
    rule.to.as_ref().is_none_or(|peers| peers.is_empty() || peers.iter().any(within))
}

fn contains(block: &IPBlock, range: &str) -> bool {
    let excepted = block.except.iter().flatten().any(|except| is_covered(range, [except.as_str()]) || is_covered(except, [range]));
    !excepted && (block.cidr == range || is_covered(range, [block.cidr.as_str()]))
}

fn has_port(ports: Option<&Vec<NetworkPolicyPort>>, port: i32, protocol: &str) -> bool {
    ports.is_none_or(|ports| {
        ports.is_empty()
            || ports.iter().any(|one| {
                let of_protocol = one.protocol.as_deref().unwrap_or("TCP") == protocol;
                let of_number = match (&one.port, one.end_port) {
                    (None, _) => true,
                    (Some(IntOrString::Int(first)), Some(last)) => (*first..=last).contains(&port),
                    (Some(IntOrString::Int(only)), None) => *only == port,
                    (Some(IntOrString::String(_)), _) => false,
                };
                of_protocol && of_number
            })
    })
}

/// What a policy of someone else's admits beyond the wanted.
fn wider(policy: &NetworkPolicy, wanted: &NetworkPolicySpec, inputs: &WorkloadInputs) -> Option<Finding> {
    let spec = policy.spec.as_ref()?;
    let out = wanted.egress.iter().flatten().map(|rule| Side { peers: rule.to.as_ref(), ports: rule.ports.as_ref() }).collect::<Vec<_>>();
    let into =
        wanted.ingress.iter().flatten().map(|rule| Side { peers: rule.from.as_ref(), ports: rule.ports.as_ref() }).collect::<Vec<_>>();
    let egress = spec.egress.iter().flatten().filter(|_| governs(spec, "Egress"));
    let egress = egress.map(|rule: &NetworkPolicyEgressRule| Side { peers: rule.to.as_ref(), ports: rule.ports.as_ref() });
    let ingress = spec.ingress.iter().flatten().filter(|_| governs(spec, "Ingress"));
    let ingress = ingress.map(|rule: &NetworkPolicyIngressRule| Side { peers: rule.from.as_ref(), ports: rule.ports.as_ref() });
    let egress = egress.flat_map(|side| side.beyond(&out)).map(|what| format!("egress to {what}"));
    let ingress = ingress.flat_map(|side| side.beyond(&into)).map(|what| format!("ingress from {what}"));
    let more: Vec<String> = egress.chain(ingress).collect();
    let name = name_of(policy);
    (!more.is_empty()).then(|| {
        let message = format!(
            "NetworkPolicy {name} admits {}, wanted only DNS, the endpoints and the peers named in spec.networkPeers; narrow it, or declare the peer in environment {}",
            more.join(", "),
            inputs.facts.scope.environment
        );
        Finding::fail(CONTROL, FAMILY, Reason::WidenedByOtherPolicy, message).about(name).advisory()
    })
}

fn name_of(policy: &NetworkPolicy) -> &str {
    policy.metadata.name.as_deref().unwrap_or_default()
}

/// One rule, whichever its direction.
struct Side<'a> {
    peers: Option<&'a Vec<NetworkPolicyPeer>>,
    ports: Option<&'a Vec<NetworkPolicyPort>>,
}

impl Side<'_> {
    /// The peers of the rule that none of the `wanted` rules admits on all of its ports, in words.
    fn beyond(&self, wanted: &[Side]) -> Vec<String> {
        let ports: Vec<Option<&NetworkPolicyPort>> = match self.ports.filter(|ports| !ports.is_empty()) {
            Some(ports) => ports.iter().map(Some).collect(),
            None => vec![None],
        };
        let peers: Vec<Option<&NetworkPolicyPeer>> = match self.peers.filter(|peers| !peers.is_empty()) {
            Some(peers) => peers.iter().map(Some).collect(),
            None => vec![None],
        };
        let within = |peer: Option<&NetworkPolicyPeer>, port: Option<&NetworkPolicyPort>| {
            wanted.iter().any(|side| side.admits_peer(peer) && side.admits_port(port))
        };
        let beyond = |peer: Option<&NetworkPolicyPeer>| ports.iter().any(|port| !within(peer, *port));
        peers.into_iter().filter(|peer| beyond(*peer)).map(|peer| peer.map_or_else(|| "every address".to_owned(), words)).collect()
    }

    fn admits_peer(&self, peer: Option<&NetworkPolicyPeer>) -> bool {
        let Some(peers) = self.peers.filter(|peers| !peers.is_empty()) else { return true };
        let Some(peer) = peer else { return false };
        match &peer.ip_block {
            None => peers.contains(peer),
            Some(block) => {
                peers.contains(peer)
                    || is_covered(&block.cidr, peers.iter().filter_map(|one| one.ip_block.as_ref()).map(|one| one.cidr.as_str()))
            }
        }
    }

    fn admits_port(&self, port: Option<&NetworkPolicyPort>) -> bool {
        let Some(ports) = self.ports.filter(|ports| !ports.is_empty()) else { return true };
        port.is_some_and(|port| ports.iter().any(|one| normal(one) == normal(port)))
    }
}

fn normal(port: &NetworkPolicyPort) -> (&str, Option<&IntOrString>, Option<i32>) {
    (port.protocol.as_deref().unwrap_or("TCP"), port.port.as_ref(), port.end_port)
}

fn words(peer: &NetworkPolicyPeer) -> String {
    if let Some(block) = &peer.ip_block {
        return block.cidr.clone();
    }
    let labels = |selector: Option<&LabelSelector>| {
        let labels = selector.and_then(|selector| selector.match_labels.as_ref());
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    };
    format!("pods ({}) in namespaces ({})", labels(peer.pod_selector.as_ref()), labels(peer.namespace_selector.as_ref()))
}
