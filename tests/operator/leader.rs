//! Two replicas, one leader: who acts, who takes over, and what a leader does that has lost its lease.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hipaa_operator::api::BedrockAccess;
use hipaa_operator::cluster::lease::LEASE;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use regex::Regex;

use crate::account::{Picture, picture};
use crate::scene::{ENVIRONMENT, FLAGS, HAIKU, SOON, Scene, WORKLOAD, access, count, counters};
use crate::still::{is_ready, versions};
use crate::support::bed::Bed;
use crate::support::operator::{Operator, binary};
use crate::support::recorder::Call;
use crate::support::seed::Shape;

/// Short terms: a leader that is gone is followed in four seconds.
const SHORT: &[&str] = &["--lease-duration", "4", "--lease-renew-deadline", "3", "--lease-retry", "0.2"];
/// Terms under which nobody can lead in time but by the holder's leave.
const LONG: &[&str] = &["--lease-duration", "300", "--lease-renew-deadline", "200", "--lease-retry", "0.2"];
/// Lease duration and retry of [`SHORT`], and what a busy machine adds.
const TAKEOVER: Duration = Duration::from_millis(4_200 + 4_000);
const CALLS: &str = "hipaa_operator_aws_calls_total";
const PASSES: &str = "hipaa_operator_reconciles_total";
const WRITES: &str = "hipaa_operator_kubernetes_writes_total";
const WORKLOADS: usize = 6;

fn replica(bed: &Bed, name: &str, terms: &[&str]) -> Operator {
    bed.operator_with(&binary(), &[FLAGS, terms].concat(), &[("HIPAA_OPERATOR_POD_NAME", name)])
}

/// A scene whose operator leads, and a second replica that follows.
async fn pair(terms: &[&str]) -> (Scene, Operator) {
    let bed = Bed::start(Shape::default()).await;
    bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: hipaa-operator } }").await;
    // At once, so that they contend.
    let (mut first, mut second) = (replica(&bed, "replica-1", terms), replica(&bed, "replica-2", terms));
    first.wait_ready().await;
    second.wait_ready().await;
    let elected = || async {
        match (leads(&first).await, leads(&second).await) {
            (true, false) => Ok(true),
            (false, true) => Ok(false),
            both => Err(format!("{both:?}")),
        }
    };
    let (leader, follower) = if bed.eventually("exactly one leads", SOON, elected).await { (first, second) } else { (second, first) };
    (Scene { operator: leader, bed }, follower)
}

async fn leads(operator: &Operator) -> bool {
    counters(operator).await["hipaa_operator_leader"] == 1
}

async fn led_by(scene: &Scene, operator: &Operator, within: Duration) {
    let ask = || async { if leads(operator).await { Ok(()) } else { Err("it follows".to_owned()) } };
    scene.bed.eventually("the follower leads", within, ask).await;
}

async fn lease(scene: &Scene) -> LeaseSpec {
    let leases: Api<Lease> = Api::namespaced(scene.bed.client(), "hipaa-operator");
    leases.get(LEASE).await.expect("there is a lease").spec.unwrap_or_default()
}

async fn apply_all(bed: &Bed) {
    bed.apply(ENVIRONMENT).await;
    for number in 0..WORKLOADS {
        bed.apply(&WORKLOAD.replace("notes", &format!("notes-{number}"))).await;
        bed.apply(&access(&format!("summaries-{number}"), HAIKU).replace("name: notes", &format!("name: notes-{number}"))).await;
    }
}

async fn all_ready(scene: &Scene) {
    let accesses: Api<BedrockAccess> = Api::all(scene.bed.client());
    let ready = || async {
        let all = accesses.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let ready = all.iter().filter(|access| is_ready(access)).count();
        if ready == WORKLOADS { Ok(()) } else { Err(format!("{ready} of {WORKLOADS}")) }
    };
    scene.bed.eventually("every access is ready", 2 * SOON, ready).await;
}

/// How often each call was made that may change something.
fn mutating(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls.iter().filter(|call| call.mutating) {
        *counts.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
    }
    counts
}

/// Waits until this many calls were made that may change something, without a pause between two looks: the moment is what matters.
async fn until_calls(scene: &Scene, wanted: usize) {
    let (recorder, end) = (scene.bed.emulators.recorder(), Instant::now() + SOON);
    while mutating(&recorder.calls().await).values().sum::<usize>() < wanted {
        assert!(Instant::now() < end, "not within {SOON:?}: {wanted} mutating calls");
    }
}

/// A picture without what differs from account to account: the ids that AWS gives.
fn without_ids(picture: &Picture) -> Vec<String> {
    let ids =
        Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|(sg|subnet|vpc|vpce)-[0-9a-f]+|id/[0-9A-Za-z]{10}").expect("it is a pattern");
    let mut lines: Vec<_> = picture.iter().map(|(name, value)| ids.replace_all(&format!("{name}: {value}"), "ID").into_owned()).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn one_of_two_acts_and_gives_the_lease_up_when_it_is_asked_to_end() {
    let (mut scene, follower) = pair(LONG).await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    scene.sweeps(2).await;

    let held = lease(&scene).await;
    let holder = held.holder_identity.expect("someone holds it");
    assert!(holder.starts_with("replica-") && holder.len() > "replica-1_".len(), "{holder}");
    assert_eq!((held.lease_transitions, held.lease_duration_seconds), (Some(0), Some(300)));
    for what in [CALLS, PASSES, WRITES] {
        assert_eq!(count(&follower, what).await, 0, "a follower does nothing: {what}");
        assert!(scene.count(what).await > 0, "{what}");
    }
    for replica in [&scene.operator, &follower] {
        for path in ["/livez", "/readyz"] {
            assert_eq!(replica.get(path).await.unwrap().status, 200, "{path}");
        }
    }

    let (before, recorder) = (versions(&scene).await, scene.bed.emulators.recorder());
    recorder.start().await;
    let leader = std::mem::replace(&mut scene.operator, follower);
    leader.stop();
    led_by(&scene, &scene.operator, Duration::from_secs(10)).await;
    let now = lease(&scene).await;
    assert_ne!(now.holder_identity.as_deref(), Some(&*holder));
    assert_eq!(now.lease_transitions, Some(1));
    scene.sweeps(3).await;
    assert_eq!(mutating(&recorder.stop().await), BTreeMap::new(), "nothing is done again");
    assert_eq!(scene.count(WRITES).await, 0);
    assert_eq!(versions(&scene).await, before);

    // AWS away makes nobody unready: neither the one that leads nor one that starts.
    scene.bed.emulators.pause_moto();
    let mut third = replica(&scene.bed, "replica-3", LONG);
    third.wait_ready().await;
    assert_eq!(scene.operator.get("/readyz").await.unwrap().status, 200);
    scene.bed.emulators.resume_moto();
    third.stop();

    // Whoever takes the lease by force ends the one that held it.
    let leases: Api<Lease> = Api::namespaced(scene.bed.client(), "hipaa-operator");
    let stolen = serde_json::json!({ "spec": { "holderIdentity": "someone" } });
    leases.patch(LEASE, &PatchParams::default(), &Patch::Merge(&stolen)).await.unwrap();
    let status = scene.operator.wait_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(1), "it ends itself, and not well");
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_without_a_call_made_twice() {
    let undisturbed = Scene::start().await;
    let recorder = undisturbed.bed.emulators.recorder();
    recorder.start().await;
    apply_all(&undisturbed.bed).await;
    all_ready(&undisturbed).await;
    undisturbed.sweeps(3).await;
    let wanted = (mutating(&recorder.stop().await), without_ids(&picture(&undisturbed).await));
    drop(undisturbed);

    let (mut scene, follower) = pair(SHORT).await;
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    apply_all(&scene.bed).await;
    until_calls(&scene, wanted.0.values().sum::<usize>() / 2).await;
    // What is under way is carried out all the same, with nobody left to hear of it.
    scene.bed.emulators.pause_moto();
    let leader = std::mem::replace(&mut scene.operator, follower);
    leader.kill();
    let killed = Instant::now();
    scene.bed.emulators.resume_moto();
    let made: usize = mutating(&recorder.calls().await).values().sum();
    led_by(&scene, &scene.operator, TAKEOVER).await;
    println!("killed after {made} mutating calls; followed after {:?}", killed.elapsed());
    all_ready(&scene).await;
    scene.sweeps(3).await;
    assert!(made < wanted.0.values().sum(), "it was killed in the middle");
    let mut calls = mutating(&recorder.stop().await);
    // IAM's bulk read does not tell the longest session: of a role whose creator died before it wrote the status it is set again.
    assert!(calls.remove("iam:UpdateRole").is_none_or(|again| again <= WORKLOADS));
    assert_eq!(calls, wanted.0, "mutating calls of both leaders, and of one that was not killed");
    let found = without_ids(&picture(&scene).await);
    let differing: Vec<_> = found.iter().filter(|line| !wanted.1.contains(line)).collect();
    assert!(differing.is_empty() && found.len() == wanted.1.len(), "{differing:#?}");
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_time_makes_no_call_more() {
    let (mut scene, follower) = pair(SHORT).await;
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    apply_all(&scene.bed).await;
    until_calls(&scene, 3).await;
    // Its passes wait for answers as it is stopped, and find them when it goes on.
    scene.bed.emulators.pause_moto();
    scene.operator.pause();
    scene.bed.emulators.resume_moto();
    let mut leader = std::mem::replace(&mut scene.operator, follower);
    led_by(&scene, &scene.operator, TAKEOVER).await;
    all_ready(&scene).await;
    scene.sweeps(3).await;

    let before = versions(&scene).await;
    recorder.start().await;
    leader.resume();
    let status = leader.wait_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(1), "it ends itself, and not well");
    let log = std::fs::read_to_string(leader.log()).unwrap();
    assert!(log.contains("the lease hipaa-operator is lost"), "{log}");
    scene.sweeps(3).await;
    assert_eq!(mutating(&recorder.stop().await), BTreeMap::new());
    assert_eq!(versions(&scene).await, before);
}

#[tokio::test]
async fn a_leader_that_cannot_reach_the_api_server_ends_at_its_deadline_and_the_other_follows() {
    let (mut scene, follower) = pair(SHORT).await;
    scene.bed.control_plane.pause_api_server();
    let paused = Instant::now();
    let status = scene.operator.wait_exit(TAKEOVER).await;
    println!("ended after {:?}", paused.elapsed());
    assert_eq!(status.code(), Some(1), "it ends itself, and not well");
    assert!(paused.elapsed() > Duration::from_secs(2), "one refused renewal is no reason to end");
    assert_eq!(follower.get("/readyz").await.unwrap().status, 200, "a follower needs no API server to wait");
    scene.bed.control_plane.resume_api_server();
    scene.operator = follower;
    led_by(&scene, &scene.operator, SOON).await;
    apply_all(&scene.bed).await;
    all_ready(&scene).await;
}
