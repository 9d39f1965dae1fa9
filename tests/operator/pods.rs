//! Pods that are not as they should be cost a workload its posture and never its readiness; pods that come and go cost no write.

use std::collections::BTreeSet;

use hipaa_operator::api::{PhiWorkload, Verdict};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};

use crate::scene::{FLAGS, SOON, Scene};
use crate::support::operator;

/// A value that nobody may show.
const VALUE: &str = "SWORDFISH";
/// What the webhook of IRSA adds to a container; no such webhook runs here.
const INJECTED: &str = "[{ name: AWS_ROLE_ARN, value: x }, { name: AWS_WEB_IDENTITY_TOKEN_FILE, value: x }]";
/// Another workload that selects the deployment's pods by another of their labels. It has no environment, so that nothing else comes of it.
const OVERLAPPING: &str = "
apiVersion: hipaa-operator.io/v1alpha1
kind: PhiWorkload
metadata: { name: letters, namespace: clinic }
spec:
  environmentRef: { name: elsewhere }
  serviceAccountName: letters
  podSelector: { matchLabels: { tier: web } }
";

fn deployment(replicas: usize, env: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: notes, namespace: clinic }}
spec:
  replicas: {replicas}
  strategy: {{ type: Recreate }}
  selector: {{ matchLabels: {{ app: notes }} }}
  template:
    metadata: {{ labels: {{ app: notes, tier: web }} }}
    spec:
      serviceAccountName: notes
      containers: [{{ name: main, image: example.invalid/notes, env: {env} }}]
"
    )
}

fn pod(name: &str, app: &str, account: &str, host_network: bool, env: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{ name: {name}, namespace: clinic, labels: {{ app: {app} }} }}
spec:
  serviceAccountName: {account}
  hostNetwork: {host_network}
  containers: [{{ name: main, image: example.invalid/notes, env: {env} }}]
"
    )
}

/// Waits until exactly these controls fail, by their reasons.
async fn fails(scene: &Scene, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|reason| (*reason).to_owned()).collect();
    let ask = || async {
        let status = scene.workload().await.status.unwrap_or_default();
        let controls = status.controls.iter().filter(|control| control.verdict == Verdict::Fail);
        let found: BTreeSet<String> = controls.map(|control| control.reason.clone()).collect();
        if found == wanted { Ok(()) } else { Err(format!("{:?}", status.controls)) }
    };
    scene.bed.eventually(&format!("the workload fails for {wanted:?}"), SOON, ask).await;
}

/// Waits until the deployment has this many pods, and gives the names of all pods of the namespace.
async fn pods(scene: &Scene, wanted: usize) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(scene.bed.client(), "clinic");
    let ask = || async {
        let found = api.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let names: Vec<String> = found.iter().map(kube::ResourceExt::name_any).collect();
        if names.len() == wanted { Ok(names) } else { Err(format!("{names:?}")) }
    };
    scene.bed.eventually(&format!("there are {wanted} pods"), SOON, ask).await
}

async fn delete_pod(scene: &Scene, name: &str) {
    let api: Api<Pod> = Api::namespaced(scene.bed.client(), "clinic");
    api.delete(name, &DeleteParams::default().grace_period(0)).await.expect("a pod can be deleted");
}

async fn compliant(scene: &Scene, status: &str, reason: &str) {
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Compliant", status, reason).await;
}

#[tokio::test]
async fn pods_cost_the_posture_and_not_the_readiness() {
    let scene = Scene::ready().await;
    compliant(&scene, "True", "Proven").await;
    let ready = scene.condition::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;

    scene.bed.apply(&deployment(2, "[]")).await;
    compliant(&scene, "False", "CredentialsNotInjected").await;
    let keys = format!("[{{ name: AWS_ACCESS_KEY_ID, value: {VALUE} }}]");
    scene.bed.apply(&pod("debug", "debug", "notes", true, &keys)).await;
    scene.bed.apply(&pod("stray", "notes", "default", false, "[]")).await;
    let all = ["CredentialsNotInjected", "HostNetwork", "PodNotSelected", "PodServiceAccountDiffers", "StaticKeys"];
    fails(&scene, &all).await;
    let workload = scene.workload().await;
    assert!(!format!("{workload:?}").contains(VALUE), "values stay where they are");
    assert!(!std::fs::read_to_string(scene.operator.log()).unwrap().contains(VALUE), "values stay where they are");
    let still = scene.condition::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;
    assert_eq!(still, ready);

    delete_pod(&scene, "debug").await;
    delete_pod(&scene, "stray").await;
    scene.bed.apply(OVERLAPPING).await;
    fails(&scene, &["CredentialsNotInjected", "SelectorsOverlap"]).await;
    scene.delete::<PhiWorkload>(Some("clinic"), "letters").await;
    fails(&scene, &["CredentialsNotInjected"]).await;

    scene.bed.apply(&deployment(2, INJECTED)).await;
    compliant(&scene, "True", "Proven").await;
    assert_eq!(pods(&scene, 2).await.len(), 2);
    scene.bed.apply(&deployment(2, "[]")).await;
    compliant(&scene, "False", "CredentialsNotInjected").await;
    let deployments: Api<Deployment> = Api::namespaced(scene.bed.client(), "clinic");
    deployments.delete("notes", &DeleteParams::background()).await.unwrap();
    compliant(&scene, "True", "Proven").await;
    let still = scene.condition::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;
    assert_eq!(still, ready);
}

#[tokio::test]
async fn pods_that_come_and_go_cost_no_write_and_are_watched_only_beside_a_workload() {
    const WRITES: &str = "hipaa_operator_kubernetes_writes_total";
    let scene = Scene::ready().await;
    scene.bed.apply(&deployment(2, INJECTED)).await;
    let names = pods(&scene, 2).await;
    compliant(&scene, "True", "Proven").await;
    scene.sweeps(2).await;
    let (before, writes) = (scene.workload().await.resource_version(), scene.count(WRITES).await);
    assert!(writes > 0);

    let api: Api<Pod> = Api::namespaced(scene.bed.client(), "clinic");
    let label = serde_json::json!({ "metadata": { "labels": { "seen": "yes" } } });
    api.patch(&names[0], &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    delete_pod(&scene, &names[1]).await;
    scene.bed.apply(&deployment(5, INJECTED)).await;
    pods(&scene, 5).await;
    scene.sweeps(3).await;
    assert_eq!((scene.workload().await.resource_version(), scene.count(WRITES).await), (before.clone(), writes));

    let Scene { operator, bed } = scene;
    operator.stop();
    let mut operator = bed.operator(&operator::binary(), FLAGS);
    operator.wait_ready().await;
    let scene = Scene { operator, bed };
    scene.sweeps(3).await;
    assert_eq!(scene.workload().await.resource_version(), before, "a new process does not doubt what it has not read for a moment");

    scene.delete::<PhiWorkload>(Some("clinic"), "notes").await;
    let log = scene.operator.log();
    let ended = || async {
        let text = std::fs::read_to_string(log).map_err(|error| error.to_string())?;
        let times = |what| text.matches(what).count();
        let (begun, ended) = (times("pods are watched"), times("pods are no longer watched"));
        if (begun, ended) == (1, 1) { Ok(()) } else { Err(format!("{begun} began, {ended} ended")) }
    };
    scene.bed.eventually("the watch ends with the last workload", SOON, ended).await;
}
