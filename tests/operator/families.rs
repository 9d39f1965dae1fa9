//! Families of models: the environment approves how ids begin, an access names one, and the account is asked only then.

use hipaa_operator::api::{BedrockAccess, PhiEnvironment};

use crate::account::policy;
use crate::scene::{ENVIRONMENT, HAIKU, SONNET, SOON, Scene, WORKLOAD, access};
use crate::support::recorder::Call;

const CLINIC: Option<&str> = Some("clinic");
/// Of the family by its name, and unknown to Bedrock.
const UNKNOWN: &str = "anthropic.claude-3-nothing-v1:0";

fn environment() -> String {
    ENVIRONMENT.replace(&format!("[{HAIKU}, {SONNET}]"), "[\"anthropic.claude-3*\"]")
}

fn mutating(calls: &[Call]) -> Vec<String> {
    calls.iter().filter(|call| call.mutating).map(|call| call.operation.clone()).collect()
}

async fn the_policy_names(scene: &Scene, wanted: &[&str]) {
    let ask = || async {
        let identity = scene.workload().await.status.and_then(|status| status.identity).ok_or("no identity")?;
        let text = policy(scene, &identity.policy_arn).await.map(|document| document.to_json()).unwrap_or_default();
        let found: Vec<&str> = [HAIKU, SONNET, UNKNOWN].into_iter().filter(|name| text.contains(name)).collect();
        if found == wanted { Ok(()) } else { Err(format!("{found:?} in {text}")) }
    };
    scene.bed.eventually(&format!("the policy names {wanted:?}"), SOON, ask).await;
}

#[tokio::test]
async fn a_model_of_a_family_is_asked_for_when_an_access_names_it() {
    let scene = Scene::start().await;
    scene.bed.apply(&environment()).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    the_policy_names(&scene, &[HAIKU]).await;
    let boundary = scene.environment().await.status.unwrap().boundary_arn.unwrap();
    let before = policy(&scene, &boundary).await.unwrap().to_json();
    assert!(before.contains("foundation-model/anthropic.claude-3*") && !before.contains(HAIKU), "{before}");

    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    scene.bed.apply(&access("summaries", &format!("{HAIKU}, {SONNET}"))).await;
    the_policy_names(&scene, &[HAIKU, SONNET]).await;
    scene.all_ready("summaries").await;
    assert_eq!(mutating(&recorder.calls().await), ["CreatePolicyVersion"], "what was there stayed meanwhile");
    assert_eq!(policy(&scene, &boundary).await.unwrap().to_json(), before, "the boundary speaks of the family");

    // A name of the family that the account cannot call concerns this access alone.
    scene.bed.apply(&access("letters", UNKNOWN)).await;
    let told = scene.because::<BedrockAccess>(CLINIC, "letters", "ModelsResolved", "False", "ModelNotAvailable").await;
    assert!(told.message.contains(UNKNOWN), "{}", told.message);
    the_policy_names(&scene, &[HAIKU, SONNET]).await;
    let told = scene.condition::<PhiEnvironment>(None, "prod", "BedrockReachable", "True").await;
    assert!(!told.message.contains(UNKNOWN), "{}", told.message);

    // The family loses its approval, and the power goes with it.
    scene.bed.apply(&environment().replace("anthropic.claude-3*", "amazon.titan*")).await;
    let told = scene.because::<BedrockAccess>(CLINIC, "summaries", "ModelsResolved", "False", "ModelNotApproved").await;
    assert!(told.message.contains("use one of amazon.titan*"), "{}", told.message);
    let gone = || async {
        let roles = crate::account::roles(&scene).await;
        if roles.is_empty() { Ok(()) } else { Err(format!("{roles:?}")) }
    };
    scene.bed.eventually("the role is gone", SOON, gone).await;
}
