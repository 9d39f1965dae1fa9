//! Apply, be ready, count the calls, hold still, go away again.

use hipaa_operator::api::BedrockAccess;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use crate::scene::{ENVIRONMENT, HAIKU, SONNET, SOON, Scene, WORKLOAD, access};
use crate::support::recorder::Call;

const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

fn mutating(calls: &[Call]) -> Vec<String> {
    calls.iter().filter(|call| call.mutating).map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

#[tokio::test]
async fn three_manifests_become_ready_with_the_fewest_calls() {
    let scene = Scene::start().await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.condition::<hipaa_operator::api::PhiEnvironment>(None, "prod", "Ready", "True").await;
    scene.bed.apply(WORKLOAD).await;
    scene.condition::<hipaa_operator::api::PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;

    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    assert_eq!(mutating(&recorder.calls().await), ["iam:CreatePolicy", "iam:CreateRole", "iam:AttachRolePolicy"]);

    recorder.start().await;
    scene.bed.apply(&access("letters", SONNET)).await;
    scene.all_ready("letters").await;
    assert_eq!(mutating(&recorder.calls().await), ["iam:CreatePolicyVersion"], "a second access of the workload");

    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let account = accounts.get("notes").await.unwrap();
    let role_arn = scene.workload().await.status.unwrap().identity.unwrap().role_arn;
    assert_eq!(account.metadata.annotations.unwrap_or_default().get(ROLE_ANNOTATION), Some(&role_arn));

    scene.delete::<BedrockAccess>(Some("clinic"), "summaries").await;
    scene.delete::<BedrockAccess>(Some("clinic"), "letters").await;
    let iam = scene.bed.emulators.iam();
    let gone = || async {
        let roles = iam.list_roles().path_prefix("/hipaa-operator/").send().await.map_err(|error| error.to_string())?;
        let account = accounts.get("notes").await.map_err(|error| error.to_string())?;
        let annotated = account.metadata.annotations.unwrap_or_default().contains_key(ROLE_ANNOTATION);
        if roles.roles().is_empty() && !annotated { Ok(()) } else { Err(format!("{} roles, annotated {annotated}", roles.roles().len())) }
    };
    scene.bed.eventually("the last access takes role and annotation with it", SOON, gone).await;
    let keys = scene.bed.emulators.kms().list_keys().send().await.unwrap();
    assert_eq!(keys.keys().len(), 1, "the key is kept");
}
