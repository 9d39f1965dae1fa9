//! What is applied: an environment, then namespaces, and in them service accounts with a workload and an access each.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{ApiResource, DynamicObject, PostParams, TypeMeta};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

/// Name of the environment.
pub const ENVIRONMENT: &str = "prod";
/// Workloads in a namespace.
const PER_NAMESPACE: usize = 10;
/// Objects that are applied at the same time.
const AT_A_TIME: usize = 16;
const MODEL: &str = "anthropic.claude-3-haiku-20240307-v1:0";

/// Creates the environment for the account that the test bed seeds.
pub async fn create_environment(client: &Client, account: &str, region: &str, cluster: &str) -> Result<(), String> {
    let spec = json!({
        "enforcement": "Enforce",
        "aws": { "accountId": account, "region": region, "clusterName": cluster },
        "namespaceSelector": { "matchLabels": { "hipaa-operator.io/phi": "allowed" } },
        "bedrock": { "models": [MODEL] },
    });
    create::<PhiEnvironment>(client, None, json!({ "metadata": { "name": ENVIRONMENT }, "spec": spec })).await
}

/// Applies `count` accesses with all that they need, namespaces first. As an application team would, each thing before what
/// names it.
pub async fn apply(client: &Client, count: usize) -> Result<(), String> {
    let namespaces = stream::iter(0..count.div_ceil(PER_NAMESPACE)).map(|number| create_namespace(client, number));
    namespaces.buffer_unordered(AT_A_TIME).try_collect::<Vec<()>>().await?;
    let accesses = stream::iter(0..count).map(|number| create_access(client, number));
    accesses.buffer_unordered(AT_A_TIME).try_collect::<Vec<()>>().await.map(drop)
}

async fn create_namespace(client: &Client, number: usize) -> Result<(), String> {
    let labels = json!({ "hipaa-operator.io/phi": "allowed" });
    create::<Namespace>(client, None, json!({ "metadata": { "name": namespace(number), "labels": labels } })).await
}

async fn create_access(client: &Client, number: usize) -> Result<(), String> {
    let (namespace, name) = (namespace(number / PER_NAMESPACE), format!("app-{number}"));
    let metadata = json!({ "name": name, "namespace": namespace });
    create::<ServiceAccount>(client, Some(&namespace), json!({ "metadata": metadata })).await?;
    let workload = json!({
        "environmentRef": { "name": ENVIRONMENT },
        "serviceAccountName": name,
        "podSelector": { "matchLabels": { "app": name } },
    });
    create::<PhiWorkload>(client, Some(&namespace), json!({ "metadata": metadata, "spec": workload })).await?;
    let access = json!({ "workloadRef": { "name": name }, "useCase": "Summarization", "models": [MODEL] });
    create::<BedrockAccess>(client, Some(&namespace), json!({ "metadata": metadata, "spec": access })).await
}

/// Creates an object as it is written here: without the empty fields that our types would send.
async fn create<K: Resource<DynamicType = ()>>(client: &Client, namespace: Option<&str>, object: Value) -> Result<(), String> {
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut wanted: DynamicObject = serde_json::from_value(object).expect("it is an object");
    wanted.types = Some(TypeMeta::resource::<K>());
    let created = api.create(&PostParams::default(), &wanted).await;
    created.map(drop).map_err(|error| format!("{} {}: {error}", K::kind(&()), wanted.metadata.name.unwrap_or_default()))
}

fn namespace(number: usize) -> String {
    format!("team-{number}")
}
