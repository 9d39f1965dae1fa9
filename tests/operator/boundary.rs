//! In the recommended mode the account does not let the operator change its boundary: it says what to apply, and only what needs the
//! wider boundary waits.

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};

use crate::account::{policy, set_policy};
use crate::scene::{ENVIRONMENT, HAIKU, SONNET, Scene, WORKLOAD, access};
use crate::support::denying_stub::DenyingStub;
use crate::support::seed::Shape;

const CLINIC: Option<&str> = Some("clinic");
const TITAN: &str = "amazon.titan-embed-text-v2:0";

#[tokio::test]
async fn what_needs_a_wider_boundary_waits_for_the_platform() {
    let bed = crate::support::bed::Bed::start(Shape::default()).await;
    let stub = DenyingStub::start(&bed.emulators.moto_url).await;
    let scene = Scene::on(bed, &[("AWS_ENDPOINT_URL", &stub.url)]).await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;

    scene.bed.apply(&ENVIRONMENT.replace("models: [", &format!("models: [{TITAN}, "))).await;
    scene.bed.apply(&access("vectors", TITAN)).await;
    let told = scene.because::<PhiEnvironment>(None, "prod", "BoundaryReady", "False", "BoundaryChangeNotPermitted").await;
    let arn = scene.environment().await.status.unwrap().boundary_arn.unwrap();
    for words in [arn.as_str(), "Apply it yourself", "default version"] {
        assert!(told.message.contains(words), "{} does not say {words}", told.message);
    }
    scene.because::<PhiEnvironment>(None, "prod", "Stalled", "True", "BoundaryChangeNotPermitted").await;
    scene.because::<BedrockAccess>(CLINIC, "vectors", "Ready", "False", "BoundaryTooNarrow").await;

    scene.bed.apply(&access("letters", SONNET)).await;
    scene.condition::<BedrockAccess>(CLINIC, "letters", "Ready", "True").await;
    scene.condition::<BedrockAccess>(CLINIC, "summaries", "Ready", "True").await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;
    let identity = scene.workload().await.status.unwrap().identity.unwrap();
    let given = policy(&scene, &identity.policy_arn).await.unwrap().to_json();
    assert!(given.contains(HAIKU) && given.contains(SONNET) && !given.contains(TITAN), "{given}");

    let wider = policy(&scene, &arn).await.unwrap().to_json();
    let haiku = format!("\"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}\"");
    assert!(wider.contains(&haiku), "{wider}");
    set_policy(&scene, &arn, &wider.replace(&haiku, &format!("{haiku},{}", haiku.replace(HAIKU, TITAN)))).await;
    scene.annotate::<PhiEnvironment>(None, "prod", "hipaa-operator.io/reconcile-at", Some("now")).await;
    for name in ["summaries", "letters", "vectors"] {
        scene.all_ready(name).await;
    }
}
