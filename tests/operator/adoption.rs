//! After a lost status or a restored backup everything is found again; a foreign thing of the same name is told and left alone.

use aws_sdk_ec2::types::Tag;
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use hipaa_operator::cluster::objects::WithStatus;
use hipaa_operator::domain::{Scope, names};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::account::{Picture, endpoint, endpoints, groups, keys, looks_like, picture, roles};
use crate::scene::{ENVIRONMENT, FLAGS, HAIKU, SOON, Scene, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::operator;

const CLINIC: Option<&str> = Some("clinic");
const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// The same scene, with the operator away while `meanwhile` runs.
async fn with_operator_away(scene: Scene, meanwhile: impl AsyncFnOnce(&Bed)) -> Scene {
    let Scene { operator, bed } = scene;
    operator.stop();
    meanwhile(&bed).await;
    let mut operator = bed.operator(&operator::binary(), FLAGS);
    operator.wait_ready().await;
    Scene { operator, bed }
}

async fn empty_status<K>(bed: &Bed, namespace: Option<&str>, name: &str)
where
    K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let patch = Patch::Merge(json!({ "status": null }));
    K::api(&bed.client(), namespace).patch_subresource("status", name, &PatchParams::default(), &patch).await.expect("the status goes");
}

/// Everything is ready again, and not one call has changed anything.
async fn found_again(scene: &Scene, before: &Picture) {
    scene.all_ready("summaries").await;
    scene.sweeps(2).await;
    assert_eq!(picture(scene).await, *before);
    let written: Vec<_> = scene.bed.emulators.recorder().stop().await.into_iter().filter(|call| call.mutating).collect();
    assert_eq!(written, [], "what is equal is not written");
    assert_eq!((endpoints(scene).await.len(), groups(scene).await.len(), keys(scene).await.len(), roles(scene).await.len()), (3, 3, 1, 1));
}

#[tokio::test]
async fn a_lost_status_is_rebuilt_without_a_write() {
    let scene = Scene::ready().await;
    let (before, recorded) = (picture(&scene).await, scene.workload().await.status.unwrap());
    let settled = scene.environment().await.status.unwrap();
    let scene = with_operator_away(scene, async |bed| {
        empty_status::<PhiEnvironment>(bed, None, "prod").await;
        empty_status::<PhiWorkload>(bed, CLINIC, "notes").await;
        empty_status::<BedrockAccess>(bed, CLINIC, "summaries").await;
        bed.emulators.recorder().start().await;
    })
    .await;
    found_again(&scene, &before).await;
    let (environment, workload) = (scene.environment().await.status.unwrap(), scene.workload().await.status.unwrap());
    assert_eq!(workload.identity, recorded.identity);
    assert_eq!(workload.network_policy_name, recorded.network_policy_name);
    assert_eq!(
        (environment.endpoints, environment.key_arn, environment.boundary_arn),
        (settled.endpoints, settled.key_arn, settled.boundary_arn)
    );
}

#[tokio::test]
async fn a_restored_backup_finds_everything_again() {
    let scene = Scene::ready().await;
    let before = picture(&scene).await;
    let uid = scene.environment().await.metadata.uid;
    let scene = with_operator_away(scene, async |bed| {
        drop_object::<BedrockAccess>(bed, CLINIC, "summaries").await;
        drop_object::<PhiWorkload>(bed, CLINIC, "notes").await;
        drop_object::<PhiEnvironment>(bed, None, "prod").await;
        bed.emulators.recorder().start().await;
        bed.apply(ENVIRONMENT).await;
        bed.apply(WORKLOAD).await;
        bed.apply(&access("summaries", HAIKU)).await;
    })
    .await;
    found_again(&scene, &before).await;
    assert_ne!(scene.environment().await.metadata.uid, uid);
}

/// Deletes an object without its finalizers having a say, as a restore of etcd does.
async fn drop_object<K>(bed: &Bed, namespace: Option<&str>, name: &str)
where
    K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api = K::api(&bed.client(), namespace);
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    api.patch(name, &PatchParams::default(), &patch).await.expect("finalizers go");
    api.delete(name, &DeleteParams::default()).await.expect("it can be deleted");
    let gone = || async {
        let left = api.get_opt(name).await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |left| Err(format!("{:?}", left.meta())))
    };
    bed.eventually("the object is gone", SOON, gone).await;
}

#[tokio::test]
async fn a_group_that_lost_its_tags_gets_them_back() {
    let scene = Scene::ready().await;
    let (before, counted) = (picture(&scene).await, scene.counters().await);
    let runtime = endpoint(&scene, "bedrock-runtime").await;
    let group = runtime.groups()[0].group_id().unwrap().to_owned();
    let tags = ["hipaa-operator.io/cluster", "hipaa-operator.io/environment"].map(|key| Tag::builder().key(key).build());
    let call = scene.bed.emulators.ec2().delete_tags().resources(&group).set_tags(Some(tags.to_vec()));
    call.send().await.expect("DeleteTags");
    looks_like(&scene, &before, "the group is ours again").await;
    scene.all_ready("summaries").await;
    scene.sweeps(2).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), [("CreateTags".to_owned(), 1)]);
}

fn scope() -> Scope {
    let environment: PhiEnvironment = serde_saphyr::from_str(ENVIRONMENT).expect("the manifest is an environment");
    Scope::new("prod", &environment.spec, Some("aws"))
}

#[tokio::test]
async fn foreign_things_of_our_names_are_told_and_left() {
    let scene = Scene::start().await;
    let (scope, emulators) = (scope(), &scene.bed.emulators);
    let group = names::security_group(&scope, "sts");
    let call = emulators.ec2().create_security_group().group_name(&group).description("Theirs").vpc_id(&scene.bed.seeded.vpc_id);
    let group = call.send().await.expect("CreateSecurityGroup").group_id.unwrap();
    let key = emulators.kms().create_key().send().await.expect("CreateKey").key_metadata.unwrap().key_id;
    emulators.kms().create_alias().alias_name(names::key_alias(&scope)).target_key_id(&key).send().await.expect("CreateAlias");
    let boundary = names::boundary(&scope);
    let call = emulators.iam().create_policy().path(&scope.path).policy_name(&boundary).policy_document(ALLOW_ALL);
    let boundary = call.send().await.expect("CreatePolicy").policy.unwrap().arn.unwrap();
    let before = picture(&scene).await;

    scene.bed.apply(ENVIRONMENT).await;
    scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "Conflict").await;
    scene.because::<PhiEnvironment>(None, "prod", "KeyReady", "False", "Conflict").await;
    let told = scene.because::<PhiEnvironment>(None, "prod", "BoundaryReady", "False", "Conflict").await;
    assert!(told.message.contains(&boundary) && told.message.contains("rename or delete it"), "{}", told.message);
    scene.sweeps(2).await;
    let now = picture(&scene).await;
    let changed: Vec<_> = before.iter().filter(|(name, value)| now.get(*name) != Some(*value)).collect();
    assert_eq!(changed, [], "nothing of theirs was touched");
    assert_eq!(scene.environment().await.status.unwrap().boundary_arn, None);

    emulators.iam().delete_policy().policy_arn(&boundary).send().await.expect("DeletePolicy");
    emulators.kms().delete_alias().alias_name(names::key_alias(&scope)).send().await.expect("DeleteAlias");
    emulators.ec2().delete_security_group().group_id(&group).send().await.expect("DeleteSecurityGroup");
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
}

#[tokio::test]
async fn a_foreign_role_or_fence_of_our_names_is_told_and_left() {
    let scene = Scene::start().await;
    let (scope, iam) = (scope(), scene.bed.emulators.iam());
    let name = names::role(&scope, "clinic", "notes");
    iam.create_role().path(&scope.path).role_name(&name).assume_role_policy_document(TRUST).send().await.expect("CreateRole");
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD.split("---").next().unwrap()).await;
    let fences: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let fence = json!({ "metadata": { "name": names::network_policy("notes") }, "spec": { "podSelector": {} } });
    let fence = fences.create(&PostParams::default(), &serde_json::from_value(fence).unwrap()).await.unwrap();
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;

    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "NetworkIsolated", "False", "Conflict").await;
    assert!(told.message.contains("rename or delete it"), "{}", told.message);
    scene.sweeps(2).await;
    assert_eq!(fences.get("hipaa-operator.notes").await.unwrap().metadata.resource_version, fence.metadata.resource_version);
    fences.delete("hipaa-operator.notes", &DeleteParams::default()).await.unwrap();
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "False", "Conflict").await;
    assert!(told.message.contains(&name), "{}", told.message);
    let theirs = iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
    assert!(theirs.permissions_boundary.is_none() && theirs.tags().is_empty(), "it is not touched");
    iam.delete_role().role_name(&name).send().await.expect("DeleteRole");

    scene.all_ready("summaries").await;
}
