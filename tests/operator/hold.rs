//! A hold stops repairs, but never keeps power that nobody declares any more.

use hipaa_operator::api::{BedrockAccess, PhiWorkload};

use crate::account::{picture, roles};
use crate::scene::{HAIKU, SONNET, SOON, Scene, access};

const HOLD: &str = "hipaa-operator.io/hold";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

#[tokio::test]
async fn a_held_workload_is_reported_and_still_loses_what_is_undeclared() {
    let scene = Scene::ready().await;
    scene.annotate::<PhiWorkload>(Some("clinic"), "notes", HOLD, Some("incident 7")).await;
    // Nothing is to be repaired yet, so the hold shows only in what is not done.
    scene.sweeps(2).await;
    let role = scene.role().await;
    let call = scene.bed.emulators.iam().attach_role_policy().role_name(&role).policy_arn(ADMINISTRATOR);
    call.send().await.expect("AttachRolePolicy");
    let drifted = picture(&scene).await;
    let condition = scene.because::<PhiWorkload>(Some("clinic"), "notes", "IdentityReady", "False", "OnHold").await;
    assert!(condition.message.contains("incident 7") && condition.message.contains("AdministratorAccess"), "{}", condition.message);

    scene.bed.apply(&access("letters", SONNET)).await;
    scene.because::<BedrockAccess>(Some("clinic"), "letters", "Ready", "False", "WorkloadNotReady").await;
    let counted = scene.counters().await;
    scene.sweeps(3).await;
    assert_eq!(picture(&scene).await, drifted);
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);

    scene.delete::<BedrockAccess>(Some("clinic"), "letters").await;
    scene.delete::<BedrockAccess>(Some("clinic"), "summaries").await;
    let gone = || async {
        let left = roles(&scene).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually("the last access takes the role along, held or not", SOON, gone).await;

    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.because::<BedrockAccess>(Some("clinic"), "summaries", "Ready", "False", "WorkloadNotReady").await;
    scene.annotate::<PhiWorkload>(Some("clinic"), "notes", HOLD, None).await;
    scene.all_ready("summaries").await;
}

#[tokio::test]
async fn one_of_two_accesses_of_a_held_workload_goes_too() {
    let scene = Scene::ready().await;
    scene.bed.apply(&access("letters", SONNET)).await;
    scene.all_ready("letters").await;
    scene.annotate::<PhiWorkload>(Some("clinic"), "notes", HOLD, Some("incident 7")).await;
    scene.sweeps(2).await;
    // What is new waits for the end of the hold, and does not keep what is gone.
    scene.bed.apply(&access("visits", HAIKU).replace("useCase", "operations: [CountTokens]\n  useCase")).await;
    scene.because::<PhiWorkload>(Some("clinic"), "notes", "Ready", "False", "OnHold").await;
    scene.delete::<BedrockAccess>(Some("clinic"), "letters").await;
    let arn = scene.workload().await.status.unwrap().identity.unwrap().policy_arn;
    let narrower = || async {
        let document = crate::account::policy(&scene, &arn).await.ok_or("no policy")?.to_json();
        let given = [SONNET, "CountTokens", HAIKU].map(|word| document.contains(word));
        if given == [false, false, true] { Ok(()) } else { Err(document) }
    };
    scene.bed.eventually("the deleted access is out of the policy, its sibling is not", SOON, narrower).await;
    scene.annotate::<PhiWorkload>(Some("clinic"), "notes", HOLD, None).await;
    scene.all_ready("visits").await;
}
