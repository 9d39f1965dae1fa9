//! The application is told what to use by a config map beside its pods: made, kept true, and taken away with what it speaks of.

use std::collections::BTreeMap;

use hipaa_operator::api::{BedrockAccess, PhiWorkload};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::scene::{ENVIRONMENT, HAIKU, SONNET, SOON, Scene, WORKLOAD, access};
use crate::support::bedrock_stub::guardrails::PLATFORM;

const CLINIC: Option<&str> = Some("clinic");
const NAME: &str = "notes-bedrock";
const WRITES: &str = "hipaa_operator_kubernetes_writes_total{kind=\"config-map\"";

fn config_maps(scene: &Scene) -> Api<ConfigMap> {
    Api::namespaced(scene.bed.client(), "clinic")
}

/// Waits until the application is told exactly this; an empty list stands for nothing at all.
async fn told(scene: &Scene, wanted: &[(&str, &str)]) -> Option<ConfigMap> {
    let mut wanted: BTreeMap<String, String> = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    // Each access is under the default guardrail of the environment.
    let accesses: Vec<String> = wanted.keys().filter_map(|key| key.strip_suffix(".models")).map(str::to_owned).collect();
    for access in accesses {
        wanted.insert(format!("{access}.guardrailId"), PLATFORM.to_owned());
        wanted.insert(format!("{access}.guardrailVersion"), "1".to_owned());
    }
    let ask = || async {
        let found = config_maps(scene).get_opt(NAME).await.map_err(|error| error.to_string())?;
        let data = found.as_ref().and_then(|found| found.data.clone()).unwrap_or_default();
        if data == wanted && found.is_some() != wanted.is_empty() { Ok(found) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually(&format!("the application is told {wanted:?}"), SOON, ask).await
}

async fn patch(scene: &Scene, change: &Value) {
    config_maps(scene).patch(NAME, &PatchParams::default(), &Patch::Merge(change)).await.expect("it can be changed");
}

/// How often an event on the workload names the config map.
async fn events(scene: &Scene) -> i32 {
    let all = Api::<Event>::namespaced(scene.bed.client(), "clinic").list(&ListParams::default()).await.expect("events can be listed");
    let told = all.iter().filter(|event| {
        let of_workload = event.regarding.as_ref().is_some_and(|regarding| regarding.kind.as_deref() == Some("PhiWorkload"));
        of_workload && event.note.as_deref().is_some_and(|note| note.contains("kubernetes:ApplyConfigMap clinic/notes-bedrock"))
    });
    told.map(|event| event.series.as_ref().map_or(1, |series| series.count)).sum()
}

async fn told_again(scene: &Scene, before: i32) {
    let ask = || async {
        let now = events(scene).await;
        if now > before { Ok(()) } else { Err(format!("{now} events")) }
    };
    scene.bed.eventually("an event tells of the change", SOON, ask).await;
}

const PLACE: [(&str, &str); 2] = [("endpoint", "bedrock-runtime.us-east-1.amazonaws.com"), ("region", "us-east-1")];

fn with<'a>(models: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    models.iter().copied().chain(PLACE).collect()
}

#[tokio::test]
async fn the_application_is_told_what_its_accesses_give_and_nothing_when_there_are_none() {
    let scene = Scene::ready().await;
    let summaries = ("access.summaries.models", HAIKU);
    let found = told(&scene, &with(&[summaries])).await.unwrap();
    let owners = found.metadata.owner_references.unwrap();
    assert_eq!((owners.len(), &owners[0].uid), (1, scene.workload().await.metadata.uid.as_ref().unwrap()));
    let manager = found.metadata.managed_fields.unwrap().remove(0);
    assert_eq!((manager.manager.as_deref(), manager.operation.as_deref()), (Some("hipaa-operator"), Some("Apply")));
    scene.condition::<PhiWorkload>(CLINIC, "notes", "SettingsPublished", "True").await;
    assert_eq!((events(&scene).await, scene.count(WRITES).await), (1, 1));

    scene.bed.apply(&access("letters", SONNET)).await;
    let letters = ("access.letters.models", SONNET);
    told(&scene, &with(&[summaries, letters])).await;
    told_again(&scene, 1).await;

    // What someone changes is set right, what someone adds is theirs, and a lost label or object comes back.
    let before = events(&scene).await;
    patch(&scene, &json!({ "data": { "access.summaries.models": "another", "log-level": "debug" } })).await;
    let theirs = ("log-level", "debug");
    told(&scene, &with(&[summaries, letters, theirs])).await;
    told_again(&scene, before).await;
    patch(
        &scene,
        &json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null } }, "data": { "log-level": null, "region": "x" } }),
    )
    .await;
    told(&scene, &with(&[summaries, letters])).await;
    config_maps(&scene).delete(NAME, &DeleteParams::default()).await.unwrap();
    told(&scene, &with(&[summaries, letters])).await;
    scene.all_ready("letters").await;

    let written = scene.count(WRITES).await;
    scene.sweeps(3).await;
    assert_eq!(scene.count(WRITES).await, written, "nothing is written while nothing changes");

    // A hold keeps what someone changed, and not what is gone.
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/hold", Some("incident 7")).await;
    scene.sweeps(1).await;
    patch(&scene, &json!({ "data": { "region": "us-west-2" } })).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "SettingsPublished", "False", "OnHold").await;
    scene.delete::<BedrockAccess>(CLINIC, "letters").await;
    told(&scene, &[summaries, PLACE[0], ("region", "us-west-2")]).await;
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/hold", None).await;
    told(&scene, &with(&[summaries])).await;

    // Audit leaves it; Enforce takes it away with the admission, and it comes back with it.
    scene.bed.apply(&ENVIRONMENT.replace("Enforce", "Audit")).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "True", "AuditOnly").await;
    patch(&scene, &json!({ "data": { "region": "us-west-2" } })).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "SettingsPublished", "False", "WithheldByAudit").await;
    told(&scene, &[summaries, PLACE[0], ("region", "us-west-2")]).await;
    scene.bed.apply(ENVIRONMENT).await;
    told(&scene, &with(&[summaries])).await;
    let namespaces: Api<Namespace> = Api::all(scene.bed.client());
    let admit = async |label: Value| {
        let change = json!({ "metadata": { "labels": { "hipaa-operator.io/phi": label } } });
        namespaces.patch("clinic", &PatchParams::default(), &Patch::Merge(&change)).await.expect("it can be labelled");
    };
    admit(Value::Null).await;
    told(&scene, &[]).await;
    admit("allowed".into()).await;
    told(&scene, &with(&[summaries])).await;
    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    told(&scene, &[]).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    told(&scene, &with(&[summaries])).await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    told(&scene, &[]).await;
}

#[tokio::test]
async fn a_config_map_of_someone_else_is_left_alone_and_keeps_no_access_back() {
    let scene = Scene::start().await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    let theirs: ConfigMap =
        serde_json::from_value(json!({ "metadata": { "name": NAME }, "data": { "region": "theirs" } })).expect("it is a config map");
    config_maps(&scene).create(&PostParams::default(), &theirs).await.expect("it can be made");
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.condition::<BedrockAccess>(CLINIC, "summaries", "Ready", "True").await;
    let found = scene.because::<PhiWorkload>(CLINIC, "notes", "SettingsPublished", "False", "Conflict").await;
    assert!(found.message.contains("notes-bedrock is there and is not ours"), "{}", found.message);
    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "True", "NoAccessDeclared").await;
    let left = config_maps(&scene).get(NAME).await.expect("it is there");
    assert_eq!((left.data, left.metadata.labels, scene.count(WRITES).await), (theirs.data, None, 0));

    config_maps(&scene).delete(NAME, &DeleteParams::default()).await.expect("it can be deleted");
    scene.bed.apply(&access("summaries", HAIKU)).await;
    told(&scene, &with(&[("access.summaries.models", HAIKU)])).await;
}
