//! Before the operator is uninstalled everything goes that nobody would take away afterwards, and nothing is in the way of its return.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use hipaa_operator::api::annotations::FINALIZER;
use hipaa_operator::api::{PhiEnvironment, PhiWorkload};
use hipaa_operator::cluster::objects::WithStatus;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};

use crate::account::{endpoints, groups, keys, looks_like, picture, roles};
use crate::observe::{run, said};
use crate::scene::{ENVIRONMENT, FLAGS, HAIKU, SONNET, SOON, Scene, WORKLOAD, access};
use crate::support::operator;

const CLINIC: Option<&str> = Some("clinic");

/// A second workload of the namespace, with an access.
fn letters() -> String {
    let workload = WORKLOAD.split_once("---").unwrap().1.replace("notes", "letters");
    format!("{workload}---{}", access("letters", SONNET).replace("{ name: notes }", "{ name: letters }"))
}

/// Two workloads, ready.
async fn two_ready(environment: &str) -> Scene {
    let scene = Scene::start().await;
    scene.bed.apply(environment).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.bed.apply(&letters()).await;
    scene.all_ready("summaries").await;
    scene.condition::<PhiWorkload>(CLINIC, "letters", "Ready", "True").await;
    assert_eq!(roles(&scene).await.len(), 2);
    scene
}

fn cleanup(scene: &Scene, more: &[&str]) -> Output {
    run(&scene.bed, &[&["cleanup", "--allow-endpoint-override", "--timeout", "60"], more].concat(), &[])
}

fn expect(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in\n{said}");
    }
}

/// Everything of the cluster's that is ours, one line each.
async fn in_the_cluster(scene: &Scene) -> Vec<String> {
    let client = scene.bed.client();
    let mut found = Vec::new();
    let everything = ListParams::default();
    let held = |finalizers: &[String]| finalizers.iter().any(|one| one == FINALIZER);
    for object in Api::<PhiEnvironment>::all(client.clone()).list(&everything).await.unwrap() {
        found.extend(held(object.finalizers()).then(|| format!("finalizer of {}", object.name_any())));
    }
    for object in Api::<PhiWorkload>::all(client.clone()).list(&everything).await.unwrap() {
        found.extend(held(object.finalizers()).then(|| format!("finalizer of {}", object.name_any())));
    }
    for policy in Api::<NetworkPolicy>::all(client.clone()).list(&everything).await.unwrap() {
        found.push(format!("network policy {}", policy.name_any()));
    }
    for told in Api::<ConfigMap>::namespaced(client.clone(), "clinic").list(&everything).await.unwrap() {
        found.extend(told.name_any().ends_with("-bedrock").then(|| format!("config map {}", told.name_any())));
    }
    for account in Api::<ServiceAccount>::namespaced(client.clone(), "clinic").list(&everything).await.unwrap() {
        found.extend(account.annotations().values().map(|value| format!("annotation {value}")));
    }
    let of_operator = Api::<ConfigMap>::namespaced(client.clone(), "hipaa-operator").list(&everything).await.unwrap();
    found.extend(of_operator.into_iter().map(|list| list.name_any()).filter(|name| name.starts_with("hipaa-operator")));
    let leases = Api::<Lease>::namespaced(client, "hipaa-operator").list(&everything).await.unwrap();
    found.extend(leases.into_iter().map(|lease| format!("lease {}", lease.name_any())));
    found
}

/// What of workloads the account holds: roles, and policies but the boundary.
async fn identities(scene: &Scene) -> Vec<String> {
    picture(scene).await.into_keys().filter(|name| name.starts_with("role ") || name.contains("/clinic.")).collect()
}

async fn orphaned(scene: &Scene) -> bool {
    let key = keys(scene).await.remove(0);
    let tags = scene.bed.emulators.kms().list_resource_tags().key_id(key).send().await.expect("ListResourceTags");
    tags.tags().iter().any(|tag| tag.tag_key() == "hipaa-operator.io/orphaned")
}

async fn reason<K>(scene: &Scene, namespace: Option<&str>, name: &str) -> (String, String)
where
    K: WithStatus + kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let object = K::api(&scene.bed.client(), namespace).get(name).await.unwrap();
    let ready = K::conditions(object.status().unwrap()).iter().find(|condition| condition.type_ == "Ready").unwrap().clone();
    (ready.status, ready.reason)
}

#[tokio::test]
async fn everything_goes_but_what_is_kept_and_all_of_it_comes_back() {
    let mut scene = two_ready(ENVIRONMENT).await;
    let (account, cluster) = (picture(&scene).await, in_the_cluster(&scene).await);
    assert_eq!(cluster.iter().filter(|line| line.starts_with("config map")).count(), 2);
    assert_eq!(cluster.iter().filter(|line| line.starts_with("finalizer") || line.starts_with("annotation")).count(), 5);

    let told = [
        "iam:DeleteRole clinic.notes-",
        "kubernetes:DeleteNetworkPolicy clinic/hipaa-operator.letters",
        "kubernetes:DeleteConfigMap clinic/letters-bedrock",
        "kms:TagResource",
        "Kept:",
    ];
    expect(&cleanup(&scene, &["--dry-run"]), 0, &told);
    expect(&cleanup(&scene, &[]), 1, &["Nothing was changed: pass --yes"]);
    expect(&cleanup(&scene, &["--yes"]), 2, &["the operator runs", "holds the Lease", "scale deployment"]);
    scene.operator.end();
    assert_eq!((picture(&scene).await, in_the_cluster(&scene).await), (account.clone(), cluster));

    expect(&cleanup(&scene, &["--yes"]), 0, &["Done"]);
    assert_eq!(identities(&scene).await, Vec::<String>::new());
    assert_eq!(in_the_cluster(&scene).await, Vec::<String>::new());
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len(), keys(&scene).await.len()), (3, 3, 1), "Retain");
    assert!(orphaned(&scene).await);
    let cleaned = ("Unknown".to_owned(), "CleanedUp".to_owned());
    assert_eq!(reason::<PhiEnvironment>(&scene, None, "prod").await, cleaned);
    assert_eq!(reason::<PhiWorkload>(&scene, CLINIC, "notes").await, cleaned);
    assert_eq!(reason::<hipaa_operator::api::BedrockAccess>(&scene, CLINIC, "summaries").await, cleaned);

    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    expect(&cleanup(&scene, &["--yes"]), 0, &["There is nothing to take away."]);
    assert_eq!(recorder.stop().await.into_iter().filter(|call| call.mutating).collect::<Vec<_>>(), []);

    scene.operator = scene.bed.operator(&operator::binary(), FLAGS);
    scene.operator.wait_ready().await;
    scene.all_ready("summaries").await;
    scene.condition::<PhiWorkload>(CLINIC, "letters", "Ready", "True").await;
    looks_like(&scene, &account, "everything is there as before").await;

    scene.operator.end();
    expect(&cleanup(&scene, &["--yes"]), 0, &[]);
    let namespaces: Api<Namespace> = Api::all(scene.bed.client());
    namespaces.delete("clinic", &DeleteParams::default()).await.unwrap();
    let gone = || async {
        let left = namespaces.get_opt("clinic").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |namespace| Err(format!("{:?}", namespace.status)))
    };
    scene.bed.eventually("the namespace is gone, though no operator runs", SOON, gone).await;
}

#[tokio::test]
async fn a_run_that_was_killed_is_finished_by_the_next_and_delete_leaves_the_key_alone() {
    let mut scene = two_ready(&format!("{ENVIRONMENT}  deletionPolicy: Delete\n")).await;
    scene.operator.end();
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    let mut killed = Command::new(operator::binary())
        .args(["cleanup", "--yes", "--allow-endpoint-override"])
        .env_clear()
        .envs(scene.bed.environment())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let begun = || async {
        let calls = recorder.calls().await;
        if calls.iter().any(|call| call.operation == "DeleteRole") { Ok(()) } else { Err(format!("{} calls", calls.len())) }
    };
    scene.bed.eventually("a role is deleted", SOON, begun).await;
    killed.kill().unwrap();
    killed.wait().unwrap();

    expect(&cleanup(&scene, &["--yes"]), 0, &[]);
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len()), (0, 0));
    let left: Vec<_> = picture(&scene).await.into_keys().filter(|name| !name.starts_with("key ")).collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(in_the_cluster(&scene).await, Vec::<String>::new());
    assert!(orphaned(&scene).await && keys(&scene).await.len() == 1);
    expect(&cleanup(&scene, &["--dry-run"]), 0, &["There is nothing to take away."]);
}

#[tokio::test]
async fn audit_lets_go_and_tells_what_it_leaves_and_no_account_takes_nothing() {
    let mut scene = Scene::ready().await;
    scene.bed.apply(&ENVIRONMENT.replace("Enforce", "Audit")).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "True", "AuditOnly").await;
    scene.operator.end();
    let account = picture(&scene).await;
    let closed = [("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")];
    let unread = run(&scene.bed, &["cleanup", "--yes", "--allow-endpoint-override", "--timeout", "1"], &closed);
    expect(&unread, 1, &["PhiEnvironment prod: what was made for it is not touched", "sts:GetCallerIdentity"]);
    assert_eq!(in_the_cluster(&scene).await.iter().filter(|line| line.starts_with("finalizer")).count(), 2);

    let words = ["Left:", "iam:DeleteRole clinic.notes-", "because the environment is in Audit"];
    expect(&cleanup(&scene, &["--yes"]), 1, &words);
    assert_eq!(picture(&scene).await, account);
    assert!(!in_the_cluster(&scene).await.iter().any(|line| line.starts_with("finalizer")));
    expect(&cleanup(&scene, &["--yes"]), 1, &words);

    scene.bed.apply(ENVIRONMENT).await;
    expect(&cleanup(&scene, &["--yes"]), 0, &[]);
    let gone = || async { if identities(&scene).await.is_empty() { Ok(()) } else { Err("a role is left".to_owned()) } };
    scene.bed.eventually("Enforce takes it away, finalizers or not", Duration::from_secs(1), gone).await;
    let refused = run(&scene.bed, &["cleanup", "--yes"], &[]);
    expect(&refused, 2, &["--allow-endpoint-override"]);
}
