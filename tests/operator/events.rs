//! What was done is told, each time.

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, DeleteParams, ListParams};

use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};

async fn told(scene: &Scene, operation: &str) {
    let events: Api<Event> = Api::namespaced(scene.bed.client(), "clinic");
    let ask = || async {
        let all = events.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        let notes = all.into_iter().filter(|event| event.reason.as_deref() == Some("Repaired")).filter_map(|event| event.note);
        let notes: Vec<_> = notes.collect();
        if notes.iter().any(|note| note.contains(operation)) { Ok(()) } else { Err(format!("{notes:?}")) }
    };
    scene.bed.eventually(&format!("an event tells of {operation}"), SOON, ask).await;
}

#[tokio::test]
async fn a_second_repair_of_an_object_is_told_as_the_first() {
    let scene = Scene::start().await;
    for manifest in [ENVIRONMENT, WORKLOAD, &access("summaries", HAIKU)] {
        scene.bed.apply(manifest).await;
    }
    scene.all_ready("summaries").await;

    let role = scene.role().await;
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    scene.bed.emulators.iam().attach_role_policy().role_name(role).policy_arn(administrator).send().await.unwrap();
    told(&scene, "iam:DetachRolePolicy").await;

    let policies: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    policies.delete("hipaa-operator.notes", &DeleteParams::default()).await.unwrap();
    told(&scene, "kubernetes:ApplyNetworkPolicy").await;
}
