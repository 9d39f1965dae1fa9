//! A life of the operator in which it asks the API for everything it ever asks for.

use std::fmt::Debug;

use hipaa_operator::api::annotations::FINALIZER;
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::helm::NAMESPACE;
use crate::scene::{ENVIRONMENT, FLAGS, HAIKU, SOON, Scene, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::operator::{Operator, binary};

const CLINIC: Option<&str> = Some("clinic");

/// Objects of another version, which this one cannot read but has to let go.
const UNREADABLE: &str = "
apiVersion: hipaa-operator.io/v1alpha1
kind: PhiEnvironment
metadata: { name: newer, finalizers: [hipaa-operator.io/cleanup] }
spec: { shape: new }
---
apiVersion: hipaa-operator.io/v1alpha1
kind: PhiWorkload
metadata: { name: newer, namespace: clinic, finalizers: [hipaa-operator.io/cleanup] }
spec: { environmentRef: { name: newer } }
---
apiVersion: hipaa-operator.io/v1alpha1
kind: BedrockAccess
metadata: { name: newer, namespace: clinic, finalizers: [hipaa-operator.io/cleanup] }
spec: { shape: new }
";

/// Plays it to its end with operators that have these variables in their environment.
pub async fn play(bed: Bed, variables: &[(String, String)]) -> Bed {
    let scene = Scene { operator: replica(&bed, variables).await, bed };
    provide(&scene).await;
    tamper_repeatedly(&scene).await;
    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    annotated(&scene, false).await;
    told(&scene, false).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    hand_over(&scene).await;

    // Another replica waits, then takes over.
    let Scene { operator, bed } = scene;
    let follower = replica(&bed, variables).await;
    operator.stop();
    let scene = Scene { operator: follower, bed };
    scene.bed.apply(ENVIRONMENT).await;
    handed_over(&scene, "prod", 0).await;
    provide(&scene).await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    none::<PhiWorkload>(&scene).await;
    none::<NetworkPolicy>(&scene).await;

    let_unreadable_objects_go(&scene).await;
    handed_over(&scene, "newer", 1).await;
    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    none::<PhiEnvironment>(&scene).await;
    let Scene { operator, bed } = scene;
    operator.stop();
    bed
}

async fn replica(bed: &Bed, variables: &[(String, String)]) -> Operator {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut operator = bed.operator_with(&binary(), FLAGS, &variables);
    operator.wait_ready().await;
    operator
}

async fn provide(scene: &Scene) {
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    annotated(scene, true).await;
    told(scene, true).await;
}

/// A later repair is told by counting the event of an earlier one up.
async fn tamper_repeatedly(scene: &Scene) {
    let policies: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let name = policies.list(&ListParams::default()).await.expect("policies can be listed").items.remove(0).name_any();
    for _ in 0..3 {
        let before = policies.get(&name).await.expect("the policy is there").spec;
        let open = json!({ "spec": { "egress": [{}] } });
        policies.patch(&name, &PatchParams::default(), &Patch::Merge(&open)).await.expect("a policy can be changed");
        let repaired = || async {
            let now = policies.get(&name).await.map_err(|error| error.to_string())?.spec;
            if now == before { Ok(()) } else { Err(format!("{now:?}")) }
        };
        scene.bed.eventually("the policy is as it was", SOON, repaired).await;
    }
    let events: Api<Event> = Api::namespaced(scene.bed.client(), "clinic");
    let counted = || async {
        let all = events.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let again = all.iter().any(|event| event.reason.as_deref() == Some("Repaired") && event.series.is_some());
        if again { Ok(()) } else { Err("no event was counted up".to_owned()) }
    };
    scene.bed.eventually("a repair is told again", SOON, counted).await;
}

/// Audit may not take the role away, so it is handed over, as it is when the account does not answer.
async fn hand_over(scene: &Scene) {
    scene.bed.apply(&ENVIRONMENT.replace("Enforce", "Audit")).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "True", "AuditOnly").await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    none::<PhiWorkload>(scene).await;
    handed_over(scene, "prod", 1).await;
}

async fn annotated(scene: &Scene, wanted: bool) {
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let ask = || async {
        let found = accounts.get("notes").await.map_err(|error| error.to_string())?;
        if found.annotations().is_empty() == wanted { Err(format!("{:?}", found.annotations())) } else { Ok(()) }
    };
    scene.bed.eventually(&format!("the service account is annotated: {wanted}"), SOON, ask).await;
}

async fn told(scene: &Scene, wanted: bool) {
    let config_maps: Api<ConfigMap> = Api::namespaced(scene.bed.client(), "clinic");
    let ask = || async {
        let found = config_maps.get_opt("notes-bedrock").await.map_err(|error| error.to_string())?;
        if found.is_some() == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually(&format!("the application is told what to use: {wanted}"), SOON, ask).await;
}

/// Waits until the hand-over list of an environment is there with this many roles.
async fn handed_over(scene: &Scene, environment: &str, wanted: usize) {
    let lists: Api<ConfigMap> = Api::namespaced(scene.bed.client(), NAMESPACE);
    let name = format!("hipaa-operator-hand-over.{environment}");
    let ask = || async {
        let roles = lists.get(&name).await.map_err(|error| error.to_string())?.data.unwrap_or_default();
        if roles.len() == wanted { Ok(()) } else { Err(format!("{roles:?}")) }
    };
    scene.bed.eventually(&format!("{wanted} roles of {environment} are handed over"), SOON, ask).await;
}

async fn let_unreadable_objects_go(scene: &Scene) {
    loosen_definitions(&scene.bed.client()).await;
    let taken = || async { scene.bed.try_apply(UNREADABLE).await.map(drop).map_err(|error| error.to_string()) };
    scene.bed.eventually("objects of another shape are taken", SOON, taken).await;
    let arn = |kind: &str| format!("arn:aws:iam::123456789012:{kind}/hipaa-operator/us-east-1/prod/newer/role");
    let status = json!({ "status": { "identity": { "roleArn": arn("role"), "policyArn": arn("policy") } } });
    let workloads = api::<PhiWorkload>(&scene.bed.client(), CLINIC);
    workloads.patch_status("newer", &PatchParams::default(), &Patch::Merge(&status)).await.expect("its status can be written");
    gone_when_deleted::<PhiWorkload>(scene, CLINIC).await;
    gone_when_deleted::<BedrockAccess>(scene, CLINIC).await;
    gone_when_deleted::<PhiEnvironment>(scene, None).await;
}

/// From now on the API server takes any object of our kinds.
async fn loosen_definitions(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for mut definition in definitions.list(&ListParams::default()).await.expect("definitions can be listed") {
        for version in &mut definition.spec.versions {
            let anything = JSONSchemaProps {
                type_: Some("object".to_owned()),
                x_kubernetes_preserve_unknown_fields: Some(true),
                ..JSONSchemaProps::default()
            };
            version.schema.as_mut().expect("a version has a schema").open_api_v3_schema = Some(anything);
        }
        let name = definition.name_any();
        definitions.replace(&name, &PostParams::default(), &definition).await.expect("a definition can be changed");
    }
}

/// The API of a kind, whatever shape its objects have.
fn api<K: Resource<DynamicType = ()>>(client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<K>(&());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

async fn gone_when_deleted<K: Resource<DynamicType = ()>>(scene: &Scene, namespace: Option<&str>) {
    let api = api::<K>(&scene.bed.client(), namespace);
    let held = api.get("newer").await.expect("the object is there");
    assert_eq!(held.finalizers(), [FINALIZER]);
    api.delete("newer", &DeleteParams::default()).await.expect("it can be deleted");
    let gone = || async {
        let left = api.get_opt("newer").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |left| Err(format!("{:?}", left.finalizers())))
    };
    scene.bed.eventually(&format!("an unreadable {} goes", K::kind(&())), SOON, gone).await;
}

async fn none<K>(scene: &Scene)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let all: Api<K> = Api::all(scene.bed.client());
    let gone = || async {
        let left = all.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        left.first().map_or(Ok(()), |left| Err(format!("{:?}", left.meta())))
    };
    scene.bed.eventually(&format!("no {} is left", K::kind(&())), SOON, gone).await;
}
