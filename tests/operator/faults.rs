//! What AWS does to a caller in production, and what the operator makes of it: it slows down, says so, and goes on by itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tokio::net::TcpListener;

use crate::account::{picture, set_policy};
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::fault_proxy::FaultProxy;
use crate::support::fault_proxy::plan::{Fault, Plan, Which};
use crate::support::fault_proxy::refusal::Refusal;
use crate::support::seed::Shape;

const CLINIC: Option<&str> = Some("clinic");
const PASSES: &str = "hipaa_operator_reconciles_total{kind=\"environment\"";

/// A scene whose operator calls through the proxy; nothing is applied yet.
pub async fn behind_proxy() -> (Scene, FaultProxy) {
    let bed = Bed::start(Shape::default()).await;
    let proxy = FaultProxy::start(&bed.emulators).await;
    let environment = proxy.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    (Scene::on(bed, &environment).await, proxy)
}

/// The same, with everything applied and ready.
pub async fn ready_behind_proxy() -> (Scene, FaultProxy) {
    let (scene, proxy) = behind_proxy().await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    (scene, proxy)
}

/// Every call is refused like this for this long, from the next one on.
pub fn refuse_all(proxy: &FaultProxy, refusal: Refusal, lasting: Duration) {
    proxy.plan(Some(Plan { which: Which::Number(1), fault: Fault::Refused(refusal, lasting) }));
}

/// Requests by service that arrived between these times after the first refusal.
fn refused_between(proxy: &FaultProxy, from: u64, to: u64) -> BTreeMap<String, usize> {
    let seen = proxy.seen();
    let first = seen.iter().find(|seen| seen.met.is_some()).expect("something was refused").at;
    let between = |at: Instant| (Duration::from_secs(from)..Duration::from_secs(to)).contains(&(at - first));
    let mut counts = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.met.is_some() && between(seen.at)) {
        *counts.entry(seen.call.service.clone()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn throttling_slows_us_down_and_is_told_and_passes() {
    const LASTING: u64 = 25;
    let (scene, proxy) = ready_behind_proxy().await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Compliant", "True").await;
    let (before, counted) = (picture(&scene).await, scene.counters().await);
    refuse_all(&proxy, Refusal::Throttled, Duration::from_secs(LASTING));

    let condition = scene.because::<PhiEnvironment>(None, "prod", "Compliant", "Unknown", "Throttled").await;
    assert!(condition.message.contains("Throttling") || condition.message.contains("RequestLimitExceeded"), "{}", condition.message);
    let doubt = || async {
        let controls = scene.workload().await.status.unwrap_or_default().controls;
        let found = controls.iter().find(|control| control.id == "NET-18/account");
        found.filter(|found| found.reason == "Throttled").map(|_| ()).ok_or_else(|| format!("{controls:?}"))
    };
    scene.bed.eventually("nothing is claimed of the workload any more", SOON, doubt).await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;
    scene.condition::<BedrockAccess>(CLINIC, "summaries", "Compliant", "Unknown").await;

    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    scene.condition::<BedrockAccess>(CLINIC, "summaries", "Compliant", "True").await;
    scene.sweeps(2).await;
    assert_eq!(picture(&scene).await, before);
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    // The rate halves each second down to one a second: an unpaced client would make hundreds.
    let late = refused_between(&proxy, 10, LASTING);
    println!("requests while throttled: {:?}, then {late:?}", refused_between(&proxy, 0, 10));
    assert!(late.values().all(|count| *count <= 20), "{late:?}");
}

#[tokio::test]
async fn broken_credentials_cost_a_probe_now_and_then_and_everything_goes_on_when_they_work() {
    const ENVIRONMENTS: usize = 8;
    const LASTING: Duration = Duration::from_secs(20);
    let (scene, proxy) = ready_behind_proxy().await;
    for number in 0..ENVIRONMENTS {
        let name = format!("{{ name: other-{number} }}");
        scene.bed.apply(&ENVIRONMENT.replace("{ name: prod }", &name).replace("Enforce", "Audit")).await;
    }
    for number in 0..ENVIRONMENTS {
        scene.condition::<PhiEnvironment>(None, &format!("other-{number}"), "Ready", "True").await;
    }
    refuse_all(&proxy, Refusal::ExpiredCredentials, LASTING);
    let condition = scene.because::<PhiEnvironment>(None, "prod", "Compliant", "Unknown", "CredentialsUnavailable").await;
    assert!(condition.message.contains("Expired"), "{}", condition.message);
    scene.because::<PhiEnvironment>(None, "other-7", "Compliant", "Unknown", "CredentialsUnavailable").await;
    assert_eq!(scene.count("hipaa_operator_credentials_broken").await, 1);

    // What is new waits, without a call.
    scene.bed.apply(&access("letters", HAIKU)).await;
    let passes = scene.count(PASSES).await;
    let ended = || async { if scene.count("hipaa_operator_credentials_broken").await == 0 { Ok(()) } else { Err(String::new()) } };
    scene.bed.eventually("the credentials work again", SOON, ended).await;
    let passes = scene.count(PASSES).await - passes;
    let recovered = Instant::now();
    scene.all_ready("letters").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    println!("{passes} passes while broken; all went on within {:?}", recovered.elapsed());
    assert!(recovered.elapsed() < Duration::from_secs(20), "{:?}", recovered.elapsed());

    let (at_once, late) = (refused_between(&proxy, 0, 3), refused_between(&proxy, 3, LASTING.as_secs()));
    println!("requests: {at_once:?}, then {late:?}");
    assert!(at_once.values().sum::<usize>() <= 120, "{at_once:?}");
    assert!(late.keys().eq(["sts"]) && late["sts"] <= 5, "nothing but probes: {late:?}");
    assert!(passes <= 45 * (ENVIRONMENTS as u64 + 1), "{passes} passes");
}

/// What somebody makes of our policy.
const WIDE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bedrock:*","Resource":"*"}]}"#;

/// How soon a person's wish, or somebody's change, is followed: sooner than the next try would be.
const ASKED: Duration = Duration::from_secs(3);

/// Tries that the backoff of a conflict allows in this time after the fourth: after 4, 8, 16, ... seconds, each up to a tenth less, because
/// the fence that was made meanwhile may have begun it anew once; looked at a little late.
fn scheduled(elapsed: Duration) -> usize {
    let (mut at, mut wait, mut tries) = (0.0, 3.6, 0);
    while at + wait <= elapsed.as_secs_f64() + 0.5 {
        (at, wait, tries) = (at + wait, wait * 2.0, tries + 1);
    }
    tries
}

#[tokio::test]
async fn a_failing_workload_waits_for_its_backoff_and_for_nobody_when_asked() {
    let (scene, proxy) = behind_proxy().await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    // Someone has a role of this name.
    let scope = hipaa_operator::plan::environment::Rules::of("prod", &scene.environment().await.spec, Some("aws")).scope;
    let role = hipaa_operator::domain::names::role(&scope, "clinic", "notes");
    let iam = scene.bed.emulators.iam();
    iam.create_role().role_name(&role).assume_role_policy_document("{}").send().await.expect("CreateRole");
    let tries = || proxy.seen().iter().filter(|seen| seen.call.operation == "CreateRole").count();
    let tried = async |count: usize, within: Duration| {
        let ask = || async { if tries() >= count { Ok(()) } else { Err(format!("{} of {count} tries", tries())) } };
        scene.bed.eventually("it is tried", within, ask).await;
    };
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "False", "Conflict").await;
    tried(4, SOON).await;
    let (before, since) = (tries(), Instant::now());

    // The next try is seconds away. Pods that come, and statuses that are written, are no reason for one.
    let pods: Api<Pod> = Api::namespaced(scene.bed.client(), "clinic");
    for number in 0..10 {
        let pod = json!({ "metadata": { "name": format!("pod-{number}"), "labels": { "app": "notes" } },
            "spec": { "serviceAccountName": "notes", "containers": [{ "name": "main", "image": "none" }] } });
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.expect("a pod");
    }
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "False", "Conflict").await;
    scene.sweeps(3).await;
    let (made, elapsed) = (tries(), since.elapsed());
    assert!(made <= before + scheduled(elapsed), "{} tries in {elapsed:?}: nothing but a wish ends the wait", made - before);
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/reconcile-at", Some("now")).await;
    tried(made + 1, ASKED).await;

    // Whatever begins the waits anew, the one after the fourth try is longer than what is allowed here.
    tried(made + 4, SOON).await;
    let made = tries();
    set_policy(&scene, &scope.policy_arn(&role), WIDE).await;
    tried(made + 1, ASKED).await;

    tried(made + 4, SOON).await;
    let made = tries();
    iam.delete_role().role_name(&role).send().await.expect("DeleteRole");
    scene.bed.apply(&access("letters", HAIKU)).await;
    tried(made + 1, ASKED).await;
    scene.all_ready("letters").await;
}

#[tokio::test]
async fn a_path_that_does_not_carry_our_calls_is_told_apart_from_a_service_that_does_not_answer() {
    let bed = Bed::start(Shape::default()).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let silent = (format!("http://{}", silent.local_addr().unwrap()), silent);
    let broken = [("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"), ("AWS_ENDPOINT_URL_EKS", "http://nowhere.invalid")];
    let scene = Scene::on(bed, &broken).await;
    scene.bed.apply(ENVIRONMENT).await;
    let condition = scene.because::<PhiEnvironment>(None, "prod", "BedrockReachable", "False", "PathBroken").await;
    assert!(condition.message.contains("sts:GetCallerIdentity failed: ConnectionRefused"), "{}", condition.message);
    scene.because::<PhiEnvironment>(None, "prod", "ScopeVerified", "Unknown", "PathBroken").await;
    let controls = scene.environment().await.status.unwrap_or_default().controls;
    let cluster = controls.iter().find(|control| control.message.contains("eks:DescribeCluster")).expect("the cluster was not read");
    assert!(cluster.reason == "PathBroken" && cluster.message.contains("NoConnection"), "{}", cluster.message);

    let Scene { operator, bed } = scene;
    operator.stop();
    let scene = Scene::on(bed, &[("AWS_ENDPOINT_URL_KMS", &silent.0)]).await;
    let told = async |kind: &str, status: &str, reason: &str| {
        let ask = || async {
            let conditions = scene.environment().await.status.unwrap_or_default().conditions;
            let found = conditions.into_iter().find(|condition| condition.type_ == kind);
            found.filter(|found| found.status == status && found.reason == reason).ok_or_else(|| format!("{kind} is not {status}"))
        };
        // Each pass asks three times, and waits ten seconds for an answer.
        scene.bed.eventually("a silent service is told, and keeps nothing else", 6 * SOON, ask).await
    };
    let condition = told("KeyReady", "Unknown", "AwsUnavailable").await;
    assert!(condition.message.contains("kms:DescribeKey failed: no answer"), "{}", condition.message);
    told("EndpointsReady", "True", "InPlace").await;
}
