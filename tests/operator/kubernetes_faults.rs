//! What happens to the cluster around the operator: an API server that goes, watches that lose something, objects nobody can read,
//! namespaces that go while AWS is away.

use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::account::{picture, roles};
use crate::faults::{ready_behind_proxy, refuse_all};
use crate::scene::{ENVIRONMENT, FLAGS, HAIKU, SOON, Scene, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::fault_proxy::refusal::Refusal;
use crate::support::operator;
use crate::support::seed::Shape;

const CLINIC: Option<&str> = Some("clinic");
const LIST: &str = "hipaa-operator-hand-over.prod";

async fn no_role(scene: &Scene, what: &str) {
    let gone = || async {
        let left = roles(scene).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually(what, SOON, gone).await;
}

/// Deletes the namespace and waits until it is gone: nothing may keep it for longer than a few seconds.
async fn namespace_goes(scene: &Scene) {
    let namespaces: Api<Namespace> = Api::all(scene.bed.client());
    let workloads: Api<PhiWorkload> = Api::namespaced(scene.bed.client(), "clinic");
    namespaces.delete("clinic", &DeleteParams::default()).await.unwrap();
    // Kubernetes itself waits five seconds before it begins.
    let let_go = || async {
        let left = workloads.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        if left.is_empty() { Ok(()) } else { Err(format!("{:?}", left[0].metadata)) }
    };
    scene.bed.eventually("the workload is let go", Duration::from_secs(10), let_go).await;
    let gone = || async {
        let left = namespaces.get_opt("clinic").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |namespace| Err(format!("{:?}", namespace.status)))
    };
    scene.bed.eventually("the namespace is gone", SOON, gone).await;
}

/// Everything ready, with a lease that outlasts an API server which is away: a shorter one ends the process, which is another case.
async fn patient() -> Scene {
    let lease = [("HIPAA_OPERATOR_LEASE_DURATION", "300"), ("HIPAA_OPERATOR_LEASE_RENEW_DEADLINE", "240")];
    let scene = Scene::on(Bed::start(Shape::default()).await, &lease).await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    scene
}

#[tokio::test]
async fn an_api_server_that_was_away_finds_everything_as_it_was() {
    let mut scene = patient().await;
    let before = picture(&scene).await;
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    scene.bed.control_plane.stop_api_server();
    // The account is looked at meanwhile, and nothing of it is changed.
    let looked = || async {
        let calls = recorder.calls().await;
        if calls.len() > 400 { Ok(()) } else { Err(format!("{} calls", calls.len())) }
    };
    scene.bed.eventually("sweeps go on", 2 * SOON, looked).await;
    scene.bed.control_plane.start_api_server().await;
    scene.all_ready("summaries").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    scene.bed.apply(&access("letters", HAIKU)).await;
    scene.condition::<BedrockAccess>(CLINIC, "letters", "Ready", "True").await;
    scene.sweeps(2).await;
    assert_eq!(picture(&scene).await, before, "the second access asks for nothing that the first has not");
    assert_eq!(scene.operator.exited(), None, "it was there all the time");
    let writes: Vec<_> = recorder.stop().await.into_iter().filter(|call| call.mutating).collect();
    assert_eq!(writes, []);
}

#[tokio::test]
async fn what_went_while_nobody_watched_is_seen_all_the_same() {
    let mut scene = patient().await;
    let fence: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let name = scene.workload().await.status.unwrap().network_policy_name.unwrap();
    let made = fence.get(&name).await.unwrap().uid();
    scene.operator.pause();
    // The watches end with the server, and what it knew of the past: they begin anew with a list.
    scene.bed.control_plane.stop_api_server();
    scene.bed.control_plane.start_api_server().await;
    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    fence.delete(&name, &DeleteParams::default()).await.unwrap();
    scene.operator.resume();
    no_role(&scene, "the access is gone, and the role with it").await;
    let again = || async {
        let found = fence.get_opt(&name).await.map_err(|error| error.to_string())?;
        found.filter(|found| found.uid() != made).map(|_| ()).ok_or_else(|| "no fence".to_owned())
    };
    scene.bed.eventually("the fence is there again", SOON, again).await;
}

/// Lets the API server store workloads whose selector is anything, as a newer version's may be.
async fn relax_workloads(scene: &Scene) {
    let definitions: Api<CustomResourceDefinition> = Api::all(scene.bed.client());
    let mut definition = serde_json::to_value(definitions.get("phiworkloads.hipaa-operator.io").await.unwrap()).unwrap();
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    schema["properties"]["spec"].as_object_mut().unwrap().remove("x-kubernetes-validations");
    schema["properties"]["spec"]["properties"]["podSelector"] = json!({ "x-kubernetes-preserve-unknown-fields": true });
    schema.as_object_mut().unwrap().remove("x-kubernetes-validations");
    let patch = json!({ "spec": { "versions": definition["spec"]["versions"] } });
    definitions.patch("phiworkloads.hipaa-operator.io", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("the schema");
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("hipaa-operator.io", "v1alpha1", "PhiWorkload"));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.bed.client(), "clinic", &resource);
    let unreadable = json!({ "spec": { "podSelector": "everything" } });
    let stored = || async {
        let patched = api.patch("notes", &PatchParams::default(), &Patch::Merge(&unreadable)).await.map_err(|error| error.to_string())?;
        let selector = patched.data.pointer("/spec/podSelector").cloned().unwrap_or(Value::Null);
        if selector == "everything" { Ok(()) } else { Err(selector.to_string()) }
    };
    scene.bed.eventually("an object that does not parse is stored", SOON, stored).await;
}

#[tokio::test]
async fn an_object_that_does_not_parse_stalls_nobody_and_goes_with_all_it_had() {
    let scene = Scene::ready().await;
    let role = scene.role().await;
    relax_workloads(&scene).await;
    scene.bed.apply(&WORKLOAD.replace("notes", "letters")).await;
    scene.bed.apply(&access("letters", HAIKU).replace("{ name: notes }", "{ name: letters }")).await;
    scene.condition::<BedrockAccess>(CLINIC, "letters", "Ready", "True").await;
    scene.sweeps(2).await;
    assert!(roles(&scene).await.contains(&role), "what nobody can read is not taken away");

    scene.delete::<PhiEnvironment>(None, "prod").await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("hipaa-operator.io", "v1alpha1", "PhiWorkload"));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.bed.client(), "clinic", &resource);
    let blocked = scene.because::<PhiEnvironment>(None, "prod", "Ready", "False", "DeletionBlocked").await;
    assert!(blocked.message.contains("2 PhiWorkloads"), "{}", blocked.message);

    api.delete("notes", &DeleteParams::default()).await.unwrap();
    let swept = || async {
        let left = roles(&scene).await;
        if left.contains(&role) { Err(format!("{left:?}")) } else { Ok(left) }
    };
    let left = scene.bed.eventually("its role goes while the environment waits for the other", SOON, swept).await;
    assert_eq!(left.len(), 1, "{left:?}");
    scene.delete::<PhiWorkload>(CLINIC, "letters").await;
    no_role(&scene, "both are gone, and their roles").await;
    let fences: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let environments: Api<PhiEnvironment> = Api::all(scene.bed.client());
    let clean = || async {
        let fences = fences.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items.len();
        let annotations = accounts.get("notes").await.map_err(|error| error.to_string())?.annotations().len();
        let environments = environments.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items.len();
        if fences + annotations + environments == 0 { Ok(()) } else { Err(format!("{fences} {annotations} {environments}")) }
    };
    scene.bed.eventually("fence, annotation and environment are gone too", SOON, clean).await;
}

#[tokio::test]
async fn a_namespace_goes_while_aws_is_away_and_a_restart_forgets_nothing() {
    let (mut scene, proxy) = ready_behind_proxy().await;
    // As long as the case lasts: the plan is taken back below.
    refuse_all(&proxy, Refusal::ServerError, Duration::from_mins(10));
    namespace_goes(&scene).await;
    assert_eq!(roles(&scene).await.len(), 1, "AWS is away");
    let lists: Api<ConfigMap> = Api::namespaced(scene.bed.client(), "hipaa-operator");
    let entries = lists.get(LIST).await.expect("there is a list").data.unwrap_or_default();
    assert_eq!(entries.len(), 1, "{entries:?}");

    // An operator that is new knows of it from the list alone, and touches nothing before it has read IAM.
    let environment = proxy.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut next = scene.bed.operator_with(&operator::binary(), FLAGS, &environment);
    std::mem::replace(&mut scene.operator, {
        next.wait_ready().await;
        next
    })
    .stop();
    scene.sweeps(2).await;
    assert_eq!(lists.get(LIST).await.unwrap().data.unwrap_or_default(), entries);
    scene.bed.apply(&ENVIRONMENT.replace("Enforce", "Audit")).await;
    proxy.plan(None);
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "True", "AuditOnly").await;
    scene.sweeps(2).await;
    assert_eq!((roles(&scene).await.len(), lists.get(LIST).await.unwrap().data.unwrap_or_default()), (1, entries), "Audit keeps it");
    scene.bed.apply(ENVIRONMENT).await;
    no_role(&scene, "the sweep finishes what was handed over").await;
    let empty = || async {
        let left = lists.get(LIST).await.map_err(|error| error.to_string())?.data.unwrap_or_default();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually("the list is empty", SOON, empty).await;
}

#[tokio::test]
async fn a_workload_that_goes_while_aws_is_away_leaves_its_fence_until_the_role_is_gone() {
    let (scene, proxy) = ready_behind_proxy().await;
    refuse_all(&proxy, Refusal::ServerError, Duration::from_mins(10));
    scene.because::<PhiEnvironment>(None, "prod", "Compliant", "Unknown", "AwsUnavailable").await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    let workloads: Api<PhiWorkload> = Api::namespaced(scene.bed.client(), "clinic");
    let gone = || async {
        let left = workloads.get_opt("notes").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |left| Err(format!("{:?}", left.metadata)))
    };
    scene.bed.eventually("it goes within seconds", Duration::from_secs(8), gone).await;
    let fences: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    assert_eq!(fences.list(&ListParams::default()).await.unwrap().items.len(), 1);
    proxy.plan(None);
    no_role(&scene, "the sweep takes the role").await;
    let clean = || async {
        let fences = fences.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items.len();
        let annotations = accounts.get("notes").await.map_err(|error| error.to_string())?.annotations().len();
        if fences + annotations == 0 { Ok(()) } else { Err(format!("{fences} {annotations}")) }
    };
    scene.bed.eventually("then the annotation, and the fence last", SOON, clean).await;
}

#[tokio::test]
async fn writers_of_the_same_object_do_not_stop_each_other() {
    let scene = Scene::start().await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    scene.bed.apply(WORKLOAD).await;
    let workloads: Api<PhiWorkload> = Api::namespaced(scene.bed.client(), "clinic");
    let someone = tokio::spawn(async move {
        for number in 0_u32.. {
            let patch = json!({ "metadata": { "annotations": { "example.com/beat": number.to_string() } } });
            // That it is deleted at the end is no failure.
            if workloads.patch("notes", &PatchParams::default(), &Patch::Merge(&patch)).await.is_err() {
                return;
            }
        }
    });
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    no_role(&scene, "the workload goes although someone writes to it all the time").await;
    tokio::time::timeout(SOON, someone).await.expect("the workload is gone").expect("the writer did not panic");
}
