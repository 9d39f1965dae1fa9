//! What the operator counts: true while things live, fail, heal and go, readable by machines, and with labels that stay few.

use std::collections::BTreeMap;
use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use regex::Regex;

use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene};
use crate::support::openmetrics::{Sample, parse};

const FOREIGN: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: notes, namespace: clinic, annotations: { eks.amazonaws.com/role-arn: 'arn:aws:iam::123456789012:role/another' } }
";

async fn samples(scene: &Scene) -> Vec<Sample> {
    let text = scene.operator.metrics().await;
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The sum of a family's values with these labels; `None` if it has none.
async fn sum(scene: &Scene, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = samples(scene).await;
    let meant = |sample: &&Sample| {
        sample.name == format!("hipaa_operator_{name}")
            && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
    };
    samples.iter().filter(meant).map(|sample| sample.value).reduce(|a, b| a + b)
}

async fn becomes(scene: &Scene, name: &str, labels: &[(&str, &str)], what: &str, wanted: impl Fn(Option<f64>) -> bool) {
    let ask = || async {
        let found = sum(scene, name, labels).await;
        if wanted(found) { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually(&format!("{name} {labels:?}: {what}"), SOON, ask).await;
}

#[tokio::test]
async fn gauges_follow_what_fails_heals_and_goes_and_each_transition_is_told_once() {
    let scene = Scene::ready().await;
    labels_are_few(&samples(&scene).await);
    assert_eq!(sum(&scene, "leader", &[]).await, Some(1.0));
    let verdict = |verdict| [("kind", "access"), ("control", "AG-5"), ("verdict", verdict)];
    assert_eq!(sum(&scene, "findings", &verdict("Pass")).await, Some(1.0));
    assert!(sum(&scene, "findings", &verdict("Fail")).await.is_none_or(|failing| failing < 0.5));

    // AWS does not answer: the last sweep grows old, and is young again after the next.
    let prod = [("environment", "prod")];
    becomes(&scene, "sweep_age_seconds", &prod, "is young", |age| age.is_some_and(|age| age < 3.0)).await;
    scene.bed.emulators.pause_moto();
    becomes(&scene, "sweep_age_seconds", &prod, "grows old", |age| age.is_some_and(|age| age > 4.0)).await;
    scene.bed.emulators.resume_moto();
    becomes(&scene, "sweep_age_seconds", &prod, "is young again", |age| age.is_some_and(|age| age < 3.0)).await;

    // Another manager takes the annotation, and the platform withdraws its approval of the model.
    let waiting = [("kind", "workload")];
    scene.bed.apply(FOREIGN).await;
    becomes(&scene, "objects_in_backoff", &waiting, "one waits", |found| found == Some(1.0)).await;
    scene.bed.apply(&ENVIRONMENT.replace(&format!("{HAIKU}, "), "")).await;
    becomes(&scene, "findings", &verdict("Fail"), "one fails", |found| found == Some(1.0)).await;
    becomes(&scene, "findings", &verdict("Pass"), "none passes", |found| found == Some(0.0)).await;

    scene.bed.apply(&FOREIGN.replace(", annotations: { eks.amazonaws.com/role-arn: 'arn:aws:iam::123456789012:role/another' }", "")).await;
    scene.bed.apply(ENVIRONMENT).await;
    becomes(&scene, "findings", &verdict("Fail"), "none fails", |found| found == Some(0.0)).await;
    becomes(&scene, "findings", &verdict("Pass"), "one passes", |found| found == Some(1.0)).await;
    becomes(&scene, "objects_in_backoff", &waiting, "none waits", |found| found == Some(0.0)).await;
    scene.all_ready("summaries").await;
    labels_are_few(&samples(&scene).await);
    each_transition_is_told_once(&scene).await;

    scene.delete::<BedrockAccess>(Some("clinic"), "summaries").await;
    becomes(&scene, "findings", &[("kind", "access")], "none is left", |found| found == Some(0.0)).await;
    scene.delete::<PhiWorkload>(Some("clinic"), "notes").await;
    becomes(&scene, "findings", &[("kind", "workload")], "none is left", |found| found == Some(0.0)).await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    becomes(&scene, "findings", &[], "none is left", |found| found == Some(0.0)).await;
    becomes(&scene, "sweep_age_seconds", &prod, "is not told any more", |age| age.is_none()).await;
    becomes(&scene, "objects_in_backoff", &[], "none waits", |found| found == Some(0.0)).await;
}

/// Counts of what an object's condition became: kind, condition, status.
type Counts = BTreeMap<(String, String, String), u64>;

/// Compares the events with the counted changes of conditions. Only what a condition is at first is not told, if it says nothing yet.
async fn each_transition_is_told_once(scene: &Scene) {
    let agree = || async {
        let (counted, told) = (counted(scene).await, told(scene).await);
        let mut differing = Vec::new();
        for key in counted.keys().chain(told.keys()) {
            let of = |counts: &Counts| counts.get(key).copied().unwrap_or_default();
            let (counted, told) = (of(&counted), of(&told));
            let silent = key.2 == "Unknown" || (key.1.as_str(), key.2.as_str()) == ("Stalled", "False");
            if counted != told && !(silent && counted == told + 1) {
                differing.push(format!("{key:?}: {counted} counted, {told} told"));
            }
        }
        if differing.is_empty() { Ok((counted, told)) } else { Err(differing.join("\n")) }
    };
    let (_, told) = scene.bed.eventually("every transition is told once", Duration::from_secs(10), agree).await;
    for (kind, status) in [("access", "False"), ("access", "True"), ("workload", "False"), ("environment", "True")] {
        let key = (kind.to_owned(), "Ready".to_owned(), status.to_owned());
        assert!(told.get(&key).is_some_and(|times| *times > 0), "{key:?} was told: {told:?}");
    }
}

async fn counted(scene: &Scene) -> Counts {
    let samples = samples(scene).await;
    let transitions = samples.iter().filter(|sample| sample.name == "hipaa_operator_condition_transitions_total");
    let mut counts = Counts::new();
    for sample in transitions {
        let label = |name: &str| sample.labels[name].clone();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of a few")]
        counts.insert((label("kind"), label("condition"), label("status")), sample.value as u64);
    }
    counts
}

async fn told(scene: &Scene) -> Counts {
    let note = Regex::new("(?:^|; )([A-Z][A-Za-z]+) is (True|False|Unknown)(?::|;|$)").expect("it is a pattern");
    let mut counts = Counts::new();
    for event in Api::<Event>::all(scene.bed.client()).list(&ListParams::default()).await.expect("events can be listed") {
        let kind = match event.regarding.and_then(|regarding| regarding.kind).as_deref() {
            Some("PhiEnvironment") => "environment",
            Some("PhiWorkload") => "workload",
            Some("BedrockAccess") => "access",
            _ => continue,
        };
        let times = event.series.map_or(1, |series| u64::try_from(series.count).expect("it is counted up"));
        // One after the other: the end of one match may be the beginning of the next.
        let (text, mut at) = (event.note.unwrap_or_default(), 0);
        while let Some(found) = note.captures_at(&text, at) {
            at = found.get(2).expect("it has a status").end();
            *counts.entry((kind.to_owned(), found[1].to_owned(), found[2].to_owned())).or_default() += times;
        }
    }
    counts
}

/// Panics at a label or a value that is none of the closed sets.
fn labels_are_few(samples: &[Sample]) {
    const KINDS: &str = "environment|workload|access|status|finalizer|event|network-policy|config-map|service-account|hand-over|lease";
    const CONDITIONS: &str = "Ready|Compliant|Stalled|ScopeVerified|EndpointsReady|KeyReady|BoundaryReady|GuardrailsReady|BedrockReachable|AccountSettingsVerified|Admitted|NetworkIsolated|IdentityReady|SettingsPublished|ModelsResolved|PolicyApplied";
    let sets = [
        ("kind", KINDS),
        ("outcome", "settled|unsettled|ok|failed"),
        ("service", "bedrock|ec2|eks|iam|kms|sts"),
        ("operation", "[A-Z][A-Za-z]{3,40}"),
        ("class", "ok|[a-z_]{3,20}"),
        ("control", "[A-Z]{2,3}-[0-9]{1,2}"),
        ("verdict", "Pass|Fail|Unknown|NotApplicable|Attested|Excepted|Held"),
        ("condition", CONDITIONS),
        ("status", "True|False|Unknown"),
        ("environment", "prod"),
        ("le", r"[0-9.]+|\+Inf"),
    ];
    let sets: BTreeMap<_, _> = sets.map(|(name, set)| (name, Regex::new(&format!("^({set})$")).expect("it is a pattern"))).into();
    for sample in samples {
        for (label, value) in &sample.labels {
            let set = sets.get(label.as_str()).unwrap_or_else(|| panic!("{label} is no label we know: {sample:?}"));
            assert!(set.is_match(value), "{label} may not be {value}: {sample:?}");
        }
    }
    for name in
        ["reconciles_total", "reconcile_seconds_bucket", "aws_calls_total", "kubernetes_writes_total", "condition_transitions_total"]
    {
        assert!(samples.iter().any(|sample| sample.name == format!("hipaa_operator_{name}")), "{name}");
    }
}
