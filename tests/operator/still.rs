//! A world that does not change is left alone, at a price that does not grow with it.

use std::collections::BTreeMap;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::scene::{HAIKU, SOON, Scene};

const WRITES: &str = "hipaa_operator_kubernetes_writes_total";
const SWEEPS: &str = "hipaa_operator_reconciles_total{kind=\"environment\"";
const BULK: &str = "GetAccountAuthorizationDetails";
const NAMESPACES: usize = 4;
const WORKLOADS: usize = 5;
const ACCESSES: usize = 10;

#[tokio::test]
async fn nothing_is_written_and_a_sweep_costs_the_same_for_many() {
    let scene = Scene::ready().await;
    let alone = calls_of_a_sweep(&scene).await;

    for namespace in 0..NAMESPACES {
        scene.bed.apply(&tenant(namespace)).await;
    }
    let wanted = NAMESPACES * WORKLOADS * ACCESSES + 1;
    let accesses: Api<BedrockAccess> = Api::all(scene.bed.client());
    let ready = || async {
        let all = accesses.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let ready = all.iter().filter(|access| is_ready(access)).count();
        if ready == wanted { Ok(()) } else { Err(format!("{ready} of {wanted}")) }
    };
    scene.bed.eventually("every access is ready", 2 * SOON, ready).await;
    scene.sweeps(2).await;

    let (writes, versions, counted) = (scene.count(WRITES).await, versions(&scene).await, scene.counters().await);
    let many = calls_of_a_sweep(&scene).await;
    assert_eq!(many, alone, "calls of one sweep with {wanted} accesses, and with one");
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    assert_eq!(scene.count(WRITES).await, writes, "writes to Kubernetes");
    assert_eq!(self::versions(&scene).await, versions);
}

/// The calls to AWS that one sweep makes, over five sweeps, rounded: the first and the last may be under way as they are counted. The
/// bulk read has as many pages as the account needs.
async fn calls_of_a_sweep(scene: &Scene) -> BTreeMap<String, u64> {
    const CALLS: &str = "hipaa_operator_aws_calls_total";
    let recorder = scene.bed.emulators.recorder();
    let before = scene.counters().await;
    recorder.start().await;
    scene.sweeps(5).await;
    assert_eq!(recorder.stop().await.into_iter().filter(|call| call.mutating).collect::<Vec<_>>(), []);
    let after = scene.counters().await;
    let since = |name: &str| after[name] - before.get(name).copied().unwrap_or_default();
    let sweeps: u64 = after.keys().filter(|name| name.starts_with(SWEEPS)).map(|name| since(name)).sum();
    let calls = after.keys().filter(|name| name.starts_with(CALLS) && !name.contains(BULK));
    calls.map(|name| (name.clone(), (since(name) + sweeps / 2) / sweeps)).filter(|(_, calls)| *calls > 0).collect()
}

/// An admitted namespace with its workloads and their accesses.
#[allow(clippy::format_push_string, reason = "the text is built once, and reads as it is applied")]
fn tenant(number: usize) -> String {
    let namespace = format!("tenant-{number}");
    let mut yaml =
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {namespace}, labels: {{ hipaa-operator.io/phi: allowed }} }}\n");
    for workload in 0..WORKLOADS {
        let name = format!("app-{workload}");
        yaml += &format!(
            "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
             ---\napiVersion: hipaa-operator.io/v1alpha1\nkind: PhiWorkload\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
             spec: {{ environmentRef: {{ name: prod }}, serviceAccountName: {name}, podSelector: {{ matchLabels: {{ app: {name} }} }} }}\n"
        );
        for access in 0..ACCESSES {
            yaml += &format!(
                "---\napiVersion: hipaa-operator.io/v1alpha1\nkind: BedrockAccess\n\
                 metadata: {{ name: {name}-{access}, namespace: {namespace} }}\n\
                 spec: {{ workloadRef: {{ name: {name} }}, useCase: Summarization, models: [{HAIKU}] }}\n"
            );
        }
    }
    yaml
}

pub fn is_ready(access: &BedrockAccess) -> bool {
    let conditions = access.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The version of every object that the operator may write to.
pub async fn versions(scene: &Scene) -> BTreeMap<String, String> {
    let client = scene.bed.client();
    let mut versions = BTreeMap::new();
    versions_of::<PhiEnvironment>(&client, &mut versions).await;
    versions_of::<PhiWorkload>(&client, &mut versions).await;
    versions_of::<BedrockAccess>(&client, &mut versions).await;
    versions_of::<NetworkPolicy>(&client, &mut versions).await;
    versions_of::<ServiceAccount>(&client, &mut versions).await;
    versions_of::<ConfigMap>(&client, &mut versions).await;
    versions
}

async fn versions_of<K>(client: &Client, versions: &mut BTreeMap<String, String>)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    for object in Api::<K>::all(client.clone()).list(&ListParams::default()).await.expect("it can be listed") {
        let name = format!("{} {}/{}", K::kind(&()), object.namespace().unwrap_or_default(), object.name_any());
        versions.insert(name, object.resource_version().unwrap_or_default());
    }
}
