//! The charts on a real API server: what it says to each object, and what an install and an uninstall leave.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::{self, Scope};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::helm::{DEFINITIONS, NAMESPACE, OPERATOR, chart, full_values, helm, objects, only, render};
use crate::support::control_plane::ControlPlane;
use crate::support::wait;

const SOON: Duration = Duration::from_secs(30);
/// A namespace that takes only pods as Pod Security's strictest level wants them.
const RESTRICTED: &str = "pod-security.kubernetes.io/enforce";

/// Applies an object as a rehearsal; unknown fields are an error.
async fn rehearse(client: &Client, object: &Value) -> Result<(), String> {
    let object: DynamicObject = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let kind = GroupVersionKind::try_from(object.types.as_ref().ok_or("no kind")?).map_err(|error| error.to_string())?;
    let (resource, capabilities) = discovery::pinned_kind(client, &kind).await.map_err(|error| error.to_string())?;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), &object.namespace().ok_or("no namespace")?, &resource),
    };
    let parameters = PatchParams { dry_run: true, ..PatchParams::apply("rehearsal").force().validation_strict() };
    api.patch(&object.name_any(), &parameters, &Patch::Apply(&object)).await.map(drop).map_err(|error| error.to_string())
}

async fn accepted(client: &Client, what: &str, objects: &[Value]) {
    for object in objects {
        let said = rehearse(client, object).await;
        assert!(said.is_ok(), "{what}: {} {}: {}", object["kind"], object["metadata"]["name"], said.unwrap_err());
    }
}

async fn definitions(client: &Client) -> Vec<String> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = api.list(&ListParams::default()).await.expect("definitions can be listed");
    found.iter().map(kube::ResourceExt::name_any).collect()
}

/// The pod that the Deployment would make.
fn pod(rendered: &[Value]) -> Pod {
    let template = &only(rendered, "Deployment")["spec"]["template"];
    let pod = json!({ "metadata": { "name": "rehearsal", "labels": template["metadata"]["labels"] }, "spec": template["spec"] });
    serde_json::from_value(pod).expect("a pod template gives a pod")
}

async fn pod_accepted(client: &Client, pod: &Pod) -> Result<Pod, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    pods.create(&PostParams { dry_run: true, ..PostParams::default() }, pod).await
}

#[tokio::test]
async fn a_real_api_server_takes_every_object_and_the_definitions_outlive_their_release() {
    let folder = tempfile::tempdir().unwrap();
    let control_plane = ControlPlane::start(folder.path(), "https://issuer.example.com").await;
    let client = control_plane.client();
    let run =
        |arguments: &[&str]| helm(arguments, Some(control_plane.kubeconfig())).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));

    accepted(&client, DEFINITIONS, &objects(&render(DEFINITIONS, &[]).unwrap())).await;
    let into = ["--namespace", NAMESPACE, "--create-namespace"];
    run(&[&["install", DEFINITIONS, &chart(DEFINITIONS)][..], &into].concat());
    assert_eq!(definitions(&client).await.len(), 3);
    run(&["uninstall", DEFINITIONS, "--namespace", NAMESPACE]);
    assert_eq!(definitions(&client).await.len(), 3, "what was declared outlives the chart");
    run(&[&["install", DEFINITIONS, &chart(DEFINITIONS)][..], &into].concat());

    let by_default = objects(&render(OPERATOR, &[]).unwrap());
    let full = objects(&render(OPERATOR, &["--values", &full_values()]).unwrap());
    accepted(&client, "default values", &by_default).await;
    accepted(&client, "full values", &full).await;
    let mut misspelt = only(&by_default, "Deployment").clone();
    misspelt["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = json!({});
    assert!(rehearse(&client, &misspelt).await.is_err(), "a rehearsal that finds nothing");

    let notes = run(&["install", OPERATOR, &chart(OPERATOR), "--namespace", NAMESPACE]);
    assert!(notes.contains("has no role yet") && notes.contains("system:serviceaccount:phi-system:hipaa-operator"), "{notes}");
    restricted_pods_run(&client, &by_default, &full).await;
    let values = full_values();
    let notes = run(&["upgrade", OPERATOR, &chart(OPERATOR), "--namespace", NAMESPACE, "--values", &values]);
    assert!(notes.contains("takes the role arn:aws:iam::123456789012:role/the-operator"), "{notes}");
    another_release_is_refused(control_plane.kubeconfig());
    run(&["uninstall", OPERATOR, "--namespace", NAMESPACE]);
}

async fn restricted_pods_run(client: &Client, by_default: &[Value], full: &[Value]) {
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let label = json!({ "metadata": { "labels": { RESTRICTED: "restricted" } } });
    namespaces.patch(NAMESPACE, &PatchParams::default(), &Patch::Merge(&label)).await.expect("a namespace can be labelled");
    // The admission plug-in learns of the label by a watch.
    let mut weak = pod(by_default);
    weak.spec.as_mut().unwrap().containers[0].security_context = None;
    let refused = || async {
        match pod_accepted(client, &weak).await {
            Err(kube::Error::Api(status)) if status.is_forbidden() && status.message.contains("restricted") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    wait::until(SOON, refused).await.expect("a pod with less is refused");
    for rendered in [by_default, full] {
        pod_accepted(client, &pod(rendered)).await.expect("the pod is as restricted as can be");
    }
}

/// Two operators in a cluster would do the same work twice.
fn another_release_is_refused(kubeconfig: &Path) {
    let said = helm(&["install", "second", &chart(OPERATOR), "--namespace", "elsewhere", "--create-namespace"], Some(kubeconfig));
    let said = said.expect_err("a second operator");
    assert!(said.contains("hipaa-operator") && said.contains("invalid ownership metadata"), "{said}");
}
