use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use super::*;
use crate::api::Verdict;
use crate::observed::identity::Role;
use crate::plan::workload::tests::World;

/// A pod as it should be.
fn pod(name: &str) -> PodFacts {
    PodFacts {
        name: name.into(),
        labels: labels(&[("app", "notes")]),
        service_account: "notes".into(),
        identity_injected: true,
        ..PodFacts::default()
    }
}

fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn selector(wanted: &[(&str, &str)], further: &[(&str, &str)]) -> LabelSelector {
    let require = |(key, value): &(&str, &str)| LabelSelectorRequirement {
        key: (*key).to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![(*value).to_owned()]),
    };
    LabelSelector { match_labels: Some(labels(wanted)), match_expressions: Some(further.iter().map(require).collect()) }
}

/// What is not `Pass` with these pods and these other workloads, in a world with a role.
fn findings(pods: Option<&[PodFacts]>, others: &[(&str, &LabelSelector)]) -> Vec<Finding> {
    let mut world = World::empty(Vec::new());
    world.role = Some(Role::default());
    let findings = judge(&WorkloadInputs { pods, other_workloads: others, ..world.inputs() });
    assert!(findings.iter().all(|finding| !finding.blocks), "no pod keeps a workload from being ready");
    let mut ids: Vec<String> = findings.iter().map(Finding::id).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "each finding has an id of its own");
    findings.into_iter().filter(|finding| finding.verdict != Verdict::Pass).collect()
}

#[test]
fn each_pod_that_is_not_as_it_should_be_is_reported() {
    type Change = fn(&mut PodFacts);
    let cases: [(&str, Change, &[Reason]); 14] = [
        ("nothing", |_| {}, &[]),
        ("more labels", |pod| drop(pod.labels.insert("tier".into(), "web".into())), &[]),
        ("other labels", |pod| pod.labels = labels(&[("app", "debug")]), &[Reason::PodNotSelected]),
        ("another account", |pod| pod.service_account = "default".into(), &[Reason::PodServiceAccountDiffers]),
        ("the node's network", |pod| pod.host_network = true, &[Reason::HostNetwork]),
        ("static keys", |pod| pod.static_keys = true, &[Reason::StaticKeys]),
        ("no credentials", |pod| pod.identity_injected = false, &[Reason::CredentialsNotInjected]),
        ("no credentials, on its way out", |pod| (pod.identity_injected, pod.terminating) = (false, true), &[]),
        ("static keys, on its way out", |pod| (pod.static_keys, pod.terminating) = (true, true), &[Reason::StaticKeys]),
        (
            "another account, no credentials",
            |pod| (pod.service_account, pod.identity_injected) = ("default".into(), false),
            &[Reason::PodServiceAccountDiffers],
        ),
        (
            "another account, the node's network",
            |pod| (pod.service_account, pod.host_network) = ("default".into(), true),
            &[Reason::PodServiceAccountDiffers, Reason::HostNetwork],
        ),
        (
            "other labels, the node's network, static keys",
            |pod| (pod.labels, pod.host_network, pod.static_keys) = (BTreeMap::new(), true, true),
            &[Reason::PodNotSelected, Reason::HostNetwork, Reason::StaticKeys],
        ),
        (
            "everything, but neither selected nor with the account",
            |pod| *pod = PodFacts { name: "x".into(), host_network: true, static_keys: true, ..PodFacts::default() },
            &[],
        ),
        ("a name alone", |pod| pod.name = "z".into(), &[]),
    ];
    for (name, change, wanted) in cases {
        let mut changed = pod("b");
        change(&mut changed);
        let found = findings(Some(&[pod("a"), changed]), &[]);
        let reasons: Vec<Reason> = found.iter().map(|finding| finding.reason).collect();
        assert_eq!(reasons, wanted, "{name}");
        assert!(found.iter().all(|finding| finding.verdict == Verdict::Fail && finding.message.contains("1 (b)")), "{name}: {found:?}");
    }
}

#[test]
fn pods_that_were_not_read_are_unknown_and_no_pods_are_fine() {
    let unread = findings(None, &[]);
    assert_eq!(unread.iter().map(|finding| (finding.verdict, finding.reason)).collect::<Vec<_>>(), [(Verdict::Unknown, Reason::NotRead)]);
    assert_eq!(findings(Some(&[]), &[]), []);

    let mut world = World::empty(Vec::new());
    world.spec.pod_selector = selector(&[], &[]);
    world.spec.pod_selector.match_expressions =
        Some(vec![LabelSelectorRequirement { key: "app".into(), operator: "Resembles".into(), values: None }]);
    let unread = judge(&world.inputs());
    assert_eq!(unread.iter().map(|finding| (finding.verdict, finding.blocks)).collect::<Vec<_>>(), [(Verdict::Unknown, false)]);
}

#[test]
fn without_a_role_no_pod_needs_credentials() {
    let world = World::empty(Vec::new());
    let pods = [PodFacts { identity_injected: false, ..pod("a") }];
    let found = judge(&WorkloadInputs { pods: Some(&pods), ..world.inputs() });
    assert!(found.iter().all(|finding| finding.verdict == Verdict::Pass), "{found:?}");
}

#[test]
fn a_workload_that_is_not_admitted_claims_nothing_of_its_pods() {
    let mut world = World::empty(Vec::new());
    world.admitted = false;
    let plan = crate::plan::workload::plan(&world.inputs()).plan;
    let of_pods: Vec<_> = plan.findings.iter().filter(|finding| finding.about == "pods").collect();
    assert_eq!(of_pods.iter().map(|finding| (finding.verdict, finding.blocks)).collect::<Vec<_>>(), [(Verdict::Unknown, false)]);
}

#[test]
fn the_message_does_not_depend_on_the_order_and_names_three() {
    let broken = |name: &str| PodFacts { host_network: true, ..pod(name) };
    let message = |names: &[&str]| {
        let pods: Vec<PodFacts> = names.iter().map(|name| broken(name)).collect();
        findings(Some(&pods), &[]).remove(0).message
    };
    assert_eq!(message(&["e", "b", "d", "a", "c"]), message(&["a", "b", "c", "d", "e"]));
    assert!(message(&["e", "b", "d", "a", "c"]).contains("5 (a, b, c, …)"));
    assert!(message(&["c", "b", "a"]).contains("3 (a, b, c);"));
}

#[test]
fn overlapping_selectors_are_told_by_the_labels_and_by_the_pods() {
    let app = [("app", "notes")];
    let web = [("tier", "web")];
    let cases = [
        ("the same labels", selector(&app, &[]), true),
        ("the same labels, narrowed by one", selector(&app, &web), true),
        ("other labels", selector(&[("app", "letters")], &[]), false),
        ("more labels, which no pod has", selector(&[("app", "notes"), ("tier", "db")], &[]), false),
        ("more labels, which a pod has", selector(&[("app", "notes"), ("tier", "web")], &[]), true),
        ("another label, which a pod has", selector(&web, &[]), true),
        ("another label, which only a pod has that we do not select", selector(&[("app", "debug")], &[]), false),
    ];
    let mut with_tier = pod("a");
    with_tier.labels.extend(labels(&web));
    let debug = PodFacts { labels: labels(&[("app", "debug")]), service_account: "other".into(), ..pod("b") };
    for (name, theirs, wanted) in cases {
        let found = findings(Some(&[with_tier.clone(), debug.clone()]), &[("letters", &theirs)]);
        let reasons: Vec<Reason> = found.iter().map(|finding| finding.reason).collect();
        assert_eq!(reasons, if wanted { vec![Reason::SelectorsOverlap] } else { vec![] }, "{name}");
        assert!(found.iter().all(|finding| finding.message.contains("1 (letters)")), "{name}: {found:?}");
    }
    assert!(!one_holds_the_other(&selector(&app, &web), &selector(&app, &[("tier", "db")])), "both narrow, and differently");
    assert!(one_holds_the_other(&selector(&app, &web), &selector(&app, &web)));
}
