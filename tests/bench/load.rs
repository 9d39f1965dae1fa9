//! What is applied: an environment, then namespaces, and in them service accounts with a workload and an access each.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Name of the environment.
pub const ENVIRONMENT: &str = "prod";
/// Workloads in a namespace.
const PER_NAMESPACE: usize = 10;
/// Objects that are applied at the same time.
const AT_A_TIME: usize = 16;
const MODEL: &str = "anthropic.claude-3-haiku-20240307-v1:0";

/// The environment for the account that the test bed seeds.
pub fn environment(account: &str, region: &str, cluster: &str) -> PhiEnvironment {
    parsed(json!({
        "metadata": { "name": ENVIRONMENT },
        "spec": {
            "enforcement": "Enforce",
            "aws": { "accountId": account, "region": region, "clusterName": cluster },
            "namespaceSelector": { "matchLabels": { "hipaa-operator.io/phi": "allowed" } },
            "bedrock": { "models": [MODEL] },
        },
    }))
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
    let namespace: Namespace = parsed(json!({ "metadata": { "name": namespace(number), "labels": labels } }));
    let created = Api::all(client.clone()).create(&PostParams::default(), &namespace).await;
    created.map(drop).map_err(|error| format!("namespace {number}: {error}"))
}

async fn create_access(client: &Client, number: usize) -> Result<(), String> {
    let (namespace, name) = (namespace(number / PER_NAMESPACE), format!("app-{number}"));
    let metadata = json!({ "name": name, "namespace": namespace });
    create::<ServiceAccount>(client, &namespace, json!({ "metadata": metadata })).await?;
    let workload = json!({
        "environmentRef": { "name": ENVIRONMENT },
        "serviceAccountName": name,
        "podSelector": { "matchLabels": { "app": name } },
    });
    create::<PhiWorkload>(client, &namespace, json!({ "metadata": metadata, "spec": workload })).await?;
    let access = json!({ "workloadRef": { "name": name }, "useCase": "Summarization", "models": [MODEL] });
    create::<BedrockAccess>(client, &namespace, json!({ "metadata": metadata, "spec": access })).await
}

async fn create<K>(client: &Client, namespace: &str, object: Value) -> Result<(), String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let created = Api::<K>::namespaced(client.clone(), namespace).create(&PostParams::default(), &parsed(object.clone())).await;
    created.map(drop).map_err(|error| format!("{error}: {object}"))
}

fn namespace(number: usize) -> String {
    format!("team-{number}")
}

fn parsed<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("it is an object of this kind")
}
