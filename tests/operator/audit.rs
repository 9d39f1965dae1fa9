//! In Audit the plan is shown and nothing is written, to the account or to the cluster.

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Api, ResourceExt as _};

use crate::account::{endpoints, looks_like, picture, roles};
use crate::scene::{ENVIRONMENT, HAIKU, Scene, WORKLOAD, access};

const ANYONE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

fn audit() -> String {
    ENVIRONMENT.replace("  enforcement: Enforce\n", "")
}

#[tokio::test]
async fn audit_shows_the_plan_and_writes_nothing() {
    let scene = Scene::start().await;
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    let nothing = picture(&scene).await;
    scene.bed.apply(&audit()).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    let ready = scene.because::<PhiEnvironment>(None, "prod", "Ready", "True", "AuditOnly").await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True", "AuditOnly").await;
    scene.sweeps(3).await;

    let environment = scene.environment().await;
    assert!(environment.finalizers().is_empty(), "{:?}", environment.finalizers());
    let plan = environment.status.unwrap().plan.expect("the plan is shown");
    assert!(ready.message.contains(&format!("{} actions", plan.total)), "{} {}", ready.message, plan.total);
    let operations: Vec<_> = plan.actions.iter().map(|action| action.operation.as_str()).collect();
    for wanted in ["CreateSecurityGroup", "CreateVpcEndpoint", "CreateKey", "EnableKeyRotation", "CreatePolicy"] {
        assert!(operations.contains(&wanted), "{wanted} is not in {operations:?}");
    }
    let plan = scene.workload().await.status.unwrap().plan.expect("the workload's plan is shown");
    let operations: Vec<_> = plan.actions.iter().map(|action| action.operation.as_str()).collect();
    assert_eq!(
        operations,
        ["ApplyNetworkPolicy", "CreatePolicy", "CreateRole", "AttachRolePolicy", "AnnotateServiceAccount", "ApplyConfigMap"]
    );
    for family in ["NetworkIsolated", "IdentityReady"] {
        scene.because::<PhiWorkload>(Some("clinic"), "notes", family, "False", "WithheldByAudit").await;
    }
    scene.because::<BedrockAccess>(Some("clinic"), "summaries", "Ready", "True", "AuditOnly").await;
    for family in ["EndpointsReady", "KeyReady", "BoundaryReady"] {
        scene.because::<PhiEnvironment>(None, "prod", family, "False", "WithheldByAudit").await;
    }
    let calls = recorder.calls().await;
    assert!(!calls.is_empty());
    let mutating: Vec<_> = calls.into_iter().filter(|call| call.mutating).collect();
    assert_eq!(mutating, []);
    assert_eq!(picture(&scene).await, nothing);
    untouched_cluster(&scene).await;

    scene.delete::<BedrockAccess>(Some("clinic"), "summaries").await;
    scene.delete::<PhiWorkload>(Some("clinic"), "notes").await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    let left: Api<PhiEnvironment> = Api::all(scene.bed.client());
    assert!(left.list(&kube::api::ListParams::default()).await.unwrap().items.is_empty(), "nothing of ours keeps it");
}

async fn untouched_cluster(scene: &Scene) {
    let policies: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    assert!(policies.list(&kube::api::ListParams::default()).await.unwrap().items.is_empty());
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    assert!(accounts.get("notes").await.unwrap().annotations().is_empty());
    assert!(scene.workload().await.finalizers().is_empty());
    let accesses: Api<BedrockAccess> = Api::namespaced(scene.bed.client(), "clinic");
    assert!(accesses.get("summaries").await.unwrap().finalizers().is_empty());
}

#[tokio::test]
async fn a_switch_takes_effect_both_ways() {
    let scene = Scene::start().await;
    scene.bed.apply(&audit()).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "True", "AuditOnly").await;
    scene.because::<BedrockAccess>(Some("clinic"), "summaries", "PolicyApplied", "False", "WithheldByAudit").await;
    assert!(endpoints(&scene).await.is_empty() && roles(&scene).await.is_empty());

    scene.bed.apply(ENVIRONMENT).await;
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "True", "InPlace").await;
    scene.because::<BedrockAccess>(Some("clinic"), "summaries", "Ready", "True", "InPlace").await;
    let enforced = picture(&scene).await;

    scene.bed.apply(&audit()).await;
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "True", "AuditOnly").await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True", "AuditOnly").await;
    let iam = scene.bed.emulators.iam();
    let call = iam.update_assume_role_policy().role_name(scene.role().await).policy_document(ANYONE);
    call.send().await.expect("UpdateAssumeRolePolicy");
    let drifted = picture(&scene).await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "IdentityReady", "False", "WithheldByAudit").await;
    let counted = scene.counters().await;
    scene.sweeps(3).await;
    assert_eq!(picture(&scene).await, drifted);
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    let plan = scene.workload().await.status.unwrap().plan.expect("the repair is planned");
    assert_eq!((plan.total, plan.actions[0].operation.as_str()), (1, "UpdateAssumeRolePolicy"));

    scene.bed.apply(ENVIRONMENT).await;
    looks_like(&scene, &enforced, "Enforce repairs what Audit left").await;
    scene.all_ready("summaries").await;
}

#[tokio::test]
async fn an_environment_that_is_made_again_is_heard_of() {
    let scene = Scene::start().await;
    scene.bed.apply(&audit()).await;
    scene.bed.apply(WORKLOAD).await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True", "AuditOnly").await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Ready", "False", "EnvironmentNotFound").await;
    scene.bed.apply(&audit()).await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True", "AuditOnly").await;
}
