//! What a workload's role may do with data stores follows the environment, the workload and the namespace's labels.

use aws_sdk_ec2::types::VpcEndpointType;
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::account::{policy, roles};
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};

const CLINIC: Option<&str> = Some("clinic");
const RECORDS: &str = "{ name: records, type: S3, arn: 'arn:aws:s3:::clinic-records', prefixes: [notes/], verbs: [read, write], \
                       namespaceSelector: { matchLabels: { team: clinic } } }";
const TASKS: &str = "{ name: tasks, type: SQS, arn: 'arn:aws:sqs:us-east-1:123456789012:tasks', verbs: [read], \
                     namespaceSelector: { matchLabels: { team: clinic } } }";

fn environment(stores: &[&str]) -> String {
    format!("{ENVIRONMENT}  stores: [{}]\n", stores.join(", "))
}

fn workload(stores: &str) -> String {
    let labelled = WORKLOAD.replace("hipaa-operator.io/phi: allowed }", "hipaa-operator.io/phi: allowed, team: clinic }");
    format!("{labelled}  stores: {stores}\n")
}

/// A scene in whose VPC an endpoint of the platform's leads to S3.
async fn with_gateway() -> Scene {
    let scene = Scene::start().await;
    let call = scene.bed.emulators.ec2().create_vpc_endpoint().vpc_id(&scene.bed.seeded.vpc_id);
    let call = call.service_name("com.amazonaws.us-east-1.s3").vpc_endpoint_type(VpcEndpointType::Gateway);
    call.set_route_table_ids(Some(scene.bed.seeded.route_table_ids.clone())).send().await.expect("CreateVpcEndpoint");
    scene
}

/// Waits until the workload's policy names exactly these of bucket, queue and model.
async fn policy_names(scene: &Scene, wanted: &[&str]) {
    let ask = || async {
        let identity = scene.workload().await.status.and_then(|status| status.identity).ok_or("no identity")?;
        let text = policy(scene, &identity.policy_arn).await.map(|document| document.to_json()).unwrap_or_default();
        let found: Vec<&str> = ["clinic-records/notes/*", ":tasks", HAIKU].into_iter().filter(|name| text.contains(name)).collect();
        if found == wanted { Ok(()) } else { Err(format!("{found:?} in {text}")) }
    };
    scene.bed.eventually(&format!("the policy names {wanted:?}"), SOON, ask).await;
}

async fn label(scene: &Scene, team: &str) {
    let patch = json!({ "metadata": { "labels": { "team": team } } });
    let api: Api<Namespace> = Api::all(scene.bed.client());
    api.patch("clinic", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("it can be labelled");
}

#[tokio::test]
async fn a_store_comes_with_its_declaration_and_goes_with_it() {
    let scene = with_gateway().await;
    scene.bed.apply(&environment(&[RECORDS])).await;
    scene.bed.apply(&workload("[records]")).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    policy_names(&scene, &["clinic-records/notes/*", HAIKU]).await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "StoresResolved", "True").await;
    let given = scene.workload().await.status.unwrap().identity.unwrap().stores;
    assert_eq!(given.iter().map(|store| store.name.as_str()).collect::<Vec<_>>(), ["records"]);
    let boundary = scene.environment().await.status.unwrap().boundary_arn.unwrap();
    assert!(policy(&scene, &boundary).await.unwrap().to_json().contains("clinic-records/notes/*"));
    let ready = scene.condition::<BedrockAccess>(CLINIC, "summaries", "Ready", "True").await;

    // A hold keeps nothing that the environment no longer declares.
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/hold", Some("incident 7")).await;
    scene.bed.apply(&environment(&[])).await;
    policy_names(&scene, &[HAIKU]).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "StoresResolved", "False", "StoreNotFound").await;
    assert!(told.message.contains("has no store records") && told.message.contains("correct spec.stores"), "{}", told.message);
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/hold", None).await;
    let narrower = || async {
        let text = policy(&scene, &boundary).await.ok_or("no boundary")?.to_json();
        if text.contains("clinic-records") { Err(text) } else { Ok(()) }
    };
    scene.bed.eventually("the boundary has no room for it any more", SOON, narrower).await;

    scene.bed.apply(&environment(&[RECORDS])).await;
    policy_names(&scene, &["clinic-records/notes/*", HAIKU]).await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;
    label(&scene, "billing").await;
    policy_names(&scene, &[HAIKU]).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "StoresResolved", "False", "StoreNotAdmitted").await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Stalled", "True", "StoreNotAdmitted").await;
    let still = scene.condition::<BedrockAccess>(CLINIC, "summaries", "Ready", "True").await;
    assert_eq!(still.last_transition_time, ready.last_transition_time, "the access was ready all the time");
    // What the policy lacks now is nobody's narrowing.
    label(&scene, "clinic").await;
    policy_names(&scene, &["clinic-records/notes/*", HAIKU]).await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;
}

#[tokio::test]
async fn an_unknown_store_is_refused_and_the_others_make_a_role() {
    let scene = with_gateway().await;
    scene.bed.apply(&environment(&[RECORDS, TASKS])).await;
    scene.bed.apply(&workload("[records, recrods, tasks]")).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "StoresResolved", "False", "StoreNotFound").await;
    assert!(told.message.contains("no store recrods (namespace clinic may have: records, tasks)"), "{}", told.message);
    policy_names(&scene, &["clinic-records/notes/*", ":tasks"]).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "True", "InPlace").await;

    scene.bed.apply(&workload("[records, tasks]")).await;
    // The VPC has no endpoint for the queue, which keeps nobody from anything else.
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "StoresResolved", "False", "EndpointNotFound").await;
    assert!(told.message.contains("{service: sqs, management: Provision}"), "{}", told.message);
    scene.because::<PhiEnvironment>(None, "prod", "Compliant", "False", "EndpointNotFound").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;

    scene.bed.apply(&workload("[]")).await;
    let gone = || async {
        let left = roles(&scene).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually("the last store takes the role along", SOON, gone).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "True", "NoAccessDeclared").await;
}
