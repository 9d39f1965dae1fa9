//! What is deleted loses its power at once, leaves nothing that is its own, and keeps what others may use.

use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};

use crate::account::{endpoints, groups, keys, picture, roles};
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};

const CLINIC: Option<&str> = Some("clinic");

/// Everything of workloads in the account is gone: roles, and policies but the boundary.
async fn identity_gone(scene: &Scene, within: Duration) {
    let gone = || async {
        let left: Vec<_> = picture(scene).await.into_keys().filter(|name| name.starts_with("role ") || name.contains("clinic")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually("no role and no policy of a workload is left", within, gone).await;
}

/// Deletes the namespace. Kubernetes itself waits five seconds before it begins, and eight before it looks again.
async fn namespace_goes(scene: &Scene, meanwhile: impl Future<Output = ()>) {
    let namespaces: Api<Namespace> = Api::all(scene.bed.client());
    let workloads: Api<PhiWorkload> = Api::namespaced(scene.bed.client(), "clinic");
    namespaces.delete("clinic", &DeleteParams::default()).await.unwrap();
    meanwhile.await;
    let let_go = || async {
        let left = workloads.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        if left.is_empty() { Ok(()) } else { Err(format!("{:?}", left[0].metadata.deletion_timestamp)) }
    };
    scene.bed.eventually("the workload is let go", Duration::from_secs(10), let_go).await;
    let gone = || async {
        let left = namespaces.get_opt("clinic").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |namespace| Err(format!("{:?}", namespace.status)))
    };
    scene.bed.eventually("the namespace is gone", SOON, gone).await;
}

async fn environment_gone(scene: &Scene) {
    let environments: Api<PhiEnvironment> = Api::all(scene.bed.client());
    let gone = || async {
        let left = environments.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        if left.is_empty() { Ok(()) } else { Err(format!("{:?}", left[0].metadata)) }
    };
    scene.bed.eventually("the environment is gone", SOON, gone).await;
}

async fn orphaned(scene: &Scene) -> bool {
    let key = keys(scene).await.remove(0);
    let tags = scene.bed.emulators.kms().list_resource_tags().key_id(key).send().await.expect("ListResourceTags");
    tags.tags().iter().any(|tag| tag.tag_key() == "hipaa-operator.io/orphaned")
}

#[tokio::test]
async fn a_workload_takes_everything_of_its_own_along() {
    let scene = Scene::ready().await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    let blocked = scene.because::<PhiEnvironment>(None, "prod", "Ready", "False", "DeletionBlocked").await;
    assert!(blocked.message.contains("1 PhiWorkload"), "{}", blocked.message);
    assert_eq!((endpoints(&scene).await.len(), roles(&scene).await.len()), (3, 1));

    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    identity_gone(&scene, SOON).await;
    let client = scene.bed.client();
    let policies: Api<NetworkPolicy> = Api::namespaced(client.clone(), "clinic");
    let workloads: Api<PhiWorkload> = Api::namespaced(client.clone(), "clinic");
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "clinic");
    let gone = || async {
        let policies = policies.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items.len();
        let workloads = workloads.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items.len();
        let annotations = accounts.get("notes").await.map_err(|error| error.to_string())?.annotations().len();
        if policies + workloads + annotations == 0 { Ok(()) } else { Err(format!("{policies} {workloads} {annotations}")) }
    };
    scene.bed.eventually("nothing of the workload is left in the cluster", SOON, gone).await;

    environment_gone(&scene).await;
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len()), (3, 3), "Retain keeps what others may use");
    assert!(picture(&scene).await.keys().any(|name| name.contains("boundary.prod.prod")));
    assert!(orphaned(&scene).await);
    assert!(picture(&scene).await.values().any(|value| value == "Some(Enabled)"));

    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len(), keys(&scene).await.len()), (3, 3, 1), "all was found again");
    let adopted = || async { if orphaned(&scene).await { Err("it is tagged".to_owned()) } else { Ok(()) } };
    scene.bed.eventually("a key that is in use again is no orphan", SOON, adopted).await;
}

#[tokio::test]
async fn a_namespace_goes_within_seconds_and_delete_leaves_the_key_alone() {
    let scene = Scene::start().await;
    scene.bed.apply(&format!("{ENVIRONMENT}  deletionPolicy: Delete\n")).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;

    namespace_goes(&scene, identity_gone(&scene, Duration::from_secs(4))).await;
    identity_gone(&scene, Duration::from_secs(1)).await;

    scene.delete::<PhiEnvironment>(None, "prod").await;
    environment_gone(&scene).await;
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len()), (0, 0));
    let left: Vec<_> = picture(&scene).await.into_keys().filter(|name| !name.starts_with("key ")).collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(keys(&scene).await.len(), 1);
    assert!(orphaned(&scene).await);
}

#[tokio::test]
async fn audit_lets_go_of_what_enforce_made_and_cuts_it_off_later() {
    let scene = Scene::ready().await;
    scene.bed.apply(&ENVIRONMENT.replace("Enforce", "Audit")).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "True", "AuditOnly").await;
    let before = picture(&scene).await;
    let counted = scene.counters().await;
    namespace_goes(&scene, async {}).await;
    scene.sweeps(2).await;
    assert_eq!(picture(&scene).await, before);
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);

    scene.bed.apply(ENVIRONMENT).await;
    identity_gone(&scene, SOON).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
}

#[tokio::test]
async fn an_access_that_is_made_again_for_another_workload_leaves_the_first() {
    let mut scene = Scene::ready().await;
    let role = scene.role().await;
    scene.bed.apply(&WORKLOAD.replace("notes", "letters")).await;
    scene.condition::<PhiWorkload>(CLINIC, "letters", "Ready", "True").await;
    // Both are there before the operator hears of the first.
    scene.operator.pause();
    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    scene.bed.apply(&access("summaries", HAIKU).replace("{ name: notes }", "{ name: letters }")).await;
    scene.operator.resume();
    let left = || async {
        let roles = roles(&scene).await;
        if roles.contains(&role) { Err(format!("{roles:?}")) } else { Ok(()) }
    };
    scene.bed.eventually("the first workload has no access any more", SOON, left).await;
    scene.condition::<BedrockAccess>(CLINIC, "summaries", "Ready", "True").await;
    assert_eq!(roles(&scene).await.len(), 1);
}
