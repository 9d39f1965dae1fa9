use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};

use crate::api::Verdict;
use crate::api::conditions::Reason;
use crate::plan::Finding;
use crate::plan::workload::tests::{HAIKU, World, access, settled};
use crate::plan::workload::{WorkloadInputs, remove};

fn policy(name: &str, spec: &Value) -> &'static NetworkPolicy {
    let policy = json!({ "metadata": { "name": name, "namespace": "clinic" }, "spec": spec });
    Box::leak(Box::new(serde_json::from_value(policy).unwrap()))
}

fn deny(selector: &Value, types: &[&str]) -> &'static NetworkPolicy {
    policy("deny", &json!({ "podSelector": selector, "policyTypes": types }))
}

/// What the platform lets the pods reach: the endpoint, and DNS.
fn needed() -> &'static NetworkPolicy {
    policy(
        "needed",
        &json!({ "podSelector": { "matchLabels": { "app": "notes" } }, "policyTypes": ["Egress"], "egress": [
        { "to": [{ "ipBlock": { "cidr": "10.0.0.9/32" } }], "ports": [{ "protocol": "TCP", "port": 443 }] },
        { "to": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
                   "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } } }],
          "ports": [{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }] },
    ] }),
    )
}

fn verifying(policies: Vec<&'static NetworkPolicy>) -> World {
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    world.facts.verify_isolation = true;
    world.other_policies = policies;
    world
}

fn of_isolation(world: &World) -> Vec<Finding> {
    let findings = world.plan().plan.findings;
    findings.into_iter().filter(|finding| finding.control.id() == "NET-10" && finding.verdict != Verdict::Pass).collect()
}

fn reasons(world: &World) -> Vec<(Reason, bool)> {
    of_isolation(world).iter().map(|finding| (finding.reason, finding.blocks)).collect()
}

#[test]
fn a_fence_of_the_platforms_is_verified_and_gives_way_to_the_role() {
    let world = verifying(vec![deny(&json!({}), &["Ingress", "Egress"]), needed()]);
    assert_eq!(reasons(&world), []);
    assert_eq!(
        world.calls(),
        ["CreatePolicy", "CreateRole", "AttachRolePolicy", "AnnotateServiceAccount", "ApplyConfigMap"],
        "no policy is written"
    );
}

/// A name, the policies of the namespace, the reasons they give and whether each blocks, and words of the sentence.
type Case = (&'static str, Vec<&'static NetworkPolicy>, Vec<(Reason, bool)>, &'static str);

#[test]
fn each_flaw_of_a_fence_has_its_own_reason() {
    let both = ["Ingress", "Egress"];
    let app = json!({ "matchLabels": { "app": "notes" } });
    let to = |cidr: &str| {
        policy("wide", &json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{ "to": [{ "ipBlock": { "cidr": cidr } }] }] }))
    };
    let cases: Vec<Case> = vec![
        ("nothing", vec![], vec![(Reason::EgressNotDenied, true), (Reason::IngressNotDenied, true)], "podSelector app=notes"),
        (
            "other pods",
            vec![deny(&json!({ "matchLabels": { "app": "x" } }), &both), needed()],
            vec![(Reason::IngressNotDenied, true)],
            "Ingress among its policyTypes",
        ),
        ("one way out", vec![deny(&app, &["Ingress"])], vec![(Reason::EgressNotDenied, true)], "what goes out is not denied"),
        ("no way to the endpoint", vec![deny(&app, &both)], vec![(Reason::EgressTooNarrow, true)], "10.0.0.9/32 on TCP 443, DNS on UDP 53"),
        (
            "all is let out",
            vec![deny(&app, &both), needed(), to("0.0.0.0/0")],
            vec![(Reason::WidenedByOtherPolicy, false)],
            "wide admits egress to 0.0.0.0/0",
        ),
        (
            "every port of the endpoint",
            vec![deny(&app, &both), needed(), to("10.0.0.9/32")],
            vec![(Reason::WidenedByOtherPolicy, false)],
            "egress to 10.0.0.9/32",
        ),
        (
            "all is let in",
            vec![deny(&app, &both), needed(), policy("open", &json!({ "podSelector": {}, "ingress": [{}] }))],
            vec![(Reason::WidenedByOtherPolicy, false)],
            "open admits ingress from every address",
        ),
        (
            "a selector that follows",
            vec![deny(&json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["notes", "x"] }] }), &both), needed()],
            vec![],
            "",
        ),
    ];
    for (name, policies, expected, words) in cases {
        let world = verifying(policies);
        assert_eq!(reasons(&world), expected, "{name}");
        let found = of_isolation(&world);
        assert!(words.is_empty() || found.iter().any(|finding| finding.message.contains(words)), "{name}: {found:?}");
        let fenced = !expected.iter().any(|(reason, _)| matches!(reason, Reason::EgressNotDenied | Reason::IngressNotDenied));
        assert_eq!(!world.calls().is_empty(), fenced, "{name}: no role before the fence");
    }
}

#[test]
fn our_fence_stays_until_the_platforms_is_there_and_goes_with_the_workload() {
    let mut world = settled();
    world.facts.verify_isolation = true;
    assert_eq!(reasons(&world), [(Reason::FencedByFormerPolicy, false)]);
    assert_eq!(world.calls(), [""; 0], "ours is left, and the role with it");
    world.network_policy.as_mut().unwrap().spec.as_mut().unwrap().egress.as_mut().unwrap().pop();
    assert_eq!(reasons(&world), [(Reason::FencedByFormerPolicy, false), (Reason::EgressTooNarrow, true)]);
    assert_eq!(world.calls(), [""; 0], "it is not kept any more");
    world.other_policies = vec![deny(&json!({}), &["Ingress", "Egress"]), needed()];
    assert_eq!(reasons(&world), []);
    assert_eq!(last_call(&world.inputs()), "DeleteNetworkPolicy");

    world.facts.verify_isolation = false;
    world.may_hold = false;
    assert_eq!(world.calls(), ["ApplyNetworkPolicy"], "a switch back takes it into care again");
}

fn last_call(inputs: &WorkloadInputs) -> &'static str {
    remove(inputs).actions.last().unwrap().describe().1
}
