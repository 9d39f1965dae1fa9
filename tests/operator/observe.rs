//! Facts of a live account and cluster, and the plan from them: exactly what the operator then makes, and nothing once it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification, VpcEndpointType};
use aws_sdk_iam::types::Tag as IamTag;
use hipaa_operator::api::PhiEnvironment;
use hipaa_operator::policy::PolicyDocument;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Api, ResourceExt as _};
use serde_json::Value;

use crate::account::{endpoints, keys};
use crate::scene::{ENVIRONMENT, HAIKU, Scene, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::operator;
use crate::support::seed::Shape;

/// What nothing of may be in the facts.
const MARK: &str = "SOMEBODY-ELSES";
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// Runs the program on the bed's cluster and account.
pub fn run(bed: &Bed, arguments: &[&str], more: &[(&str, &str)]) -> Output {
    let mut command = Command::new(operator::binary());
    command.args(arguments).env_clear().envs(bed.environment()).envs(more.iter().copied());
    command.output().expect("the program can be started")
}

pub fn said(output: &Output) -> String {
    format!("{}{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn observe(bed: &Bed, file: &Path, more: &[(&str, &str)]) -> Output {
    let file = file.display().to_string();
    run(bed, &["observe", "--environment", "prod", "-o", &file, "--allow-endpoint-override"], more)
}

/// Observes and plans the manifests; gives the plan and the facts.
fn planned(bed: &Bed, manifests: &Path) -> (Value, String) {
    let facts = bed.folder.path().join("facts.yaml");
    let observed = observe(bed, &facts, &[]);
    assert!(observed.status.success(), "{}", said(&observed));
    let (manifests, file) = (manifests.display().to_string(), facts.display().to_string());
    let output = run(bed, &["plan", "-f", &manifests, "--observed", &file, "-o", "json"], &[]);
    assert!(output.status.success(), "{}", said(&output));
    (serde_json::from_slice(&output.stdout).expect("a plan is JSON"), fs::read_to_string(&facts).unwrap())
}

/// Documents of a plan as they are sent, by kind and name.
fn documents(plan: &Value) -> BTreeMap<String, String> {
    let mut documents = BTreeMap::new();
    for item in plan["aws"].as_array().unwrap() {
        for part in ["document", "trust"] {
            if item[part].is_object() {
                let document: PolicyDocument = serde_json::from_value(item[part].clone()).unwrap();
                let key = format!("{} {} {} {part}", item["operation"], item["kind"], item["name"]).replace('"', "");
                documents.insert(key, document.to_json());
            }
        }
    }
    documents
}

/// Documents of the account, as it was sent them, under the names that a plan gives them.
async fn sent(scene: &Scene) -> BTreeMap<String, String> {
    let emulators = &scene.bed.emulators;
    let mut documents = BTreeMap::new();
    for endpoint in endpoints(scene).await.into_iter().filter(|endpoint| !endpoint.policy_document().unwrap_or_default().contains(MARK)) {
        let name = format!("Create VpcEndpoint {} document", endpoint.service_name().unwrap());
        documents.insert(name, endpoint.policy_document.unwrap());
    }
    for key in keys(scene).await {
        let policy = emulators.kms().get_key_policy().key_id(&key).policy_name("default").send().await.unwrap();
        documents.insert("Create Key alias/hipaa-operator/prod/prod document".to_owned(), policy.policy.unwrap());
    }
    let ours = emulators.iam().list_policies().path_prefix("/hipaa-operator/").send().await.unwrap();
    for policy in ours.policies() {
        let version = emulators.iam().get_policy_version().policy_arn(policy.arn().unwrap()).version_id("v1").send().await.unwrap();
        let name = policy.policy_name().unwrap();
        let kind = match policy.path() {
            Some("/hipaa-operator/claims/") => "Claim",
            _ if name.starts_with("boundary.") => "PermissionsBoundary",
            _ => "Policy",
        };
        documents.insert(format!("Create {kind} {name} document"), decoded(version.policy_version.unwrap().document.unwrap()));
    }
    for role in emulators.iam().list_roles().path_prefix("/hipaa-operator/").send().await.unwrap().roles {
        documents.insert(format!("Create Role {} trust", role.role_name), decoded(role.assume_role_policy_document.unwrap()));
    }
    documents
}

/// IAM encodes what it was sent.
fn decoded(text: String) -> String {
    if text.starts_with('{') { text } else { percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned() }
}

/// An endpoint, a role and a policy of someone else's, under our path too.
async fn strangers(bed: &Bed) {
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"{MARK}","Effect":"Allow","Principal":"*","Action":"sts:*","Resource":"*"}}]}}"#
    );
    let tag = Tag::builder().key("owner").value(MARK).build();
    let tags = TagSpecification::builder().resource_type(ResourceType::VpcEndpoint).tags(tag).build();
    let new = bed.emulators.ec2().create_vpc_endpoint().vpc_id(&bed.seeded.vpc_id).vpc_endpoint_type(VpcEndpointType::Interface);
    let new = new.service_name("com.amazonaws.us-east-1.sts").private_dns_enabled(true).policy_document(&document);
    new.set_subnet_ids(Some(bed.seeded.subnet_ids.clone())).tag_specifications(tags).send().await.expect("CreateVpcEndpoint");
    let iam = bed.emulators.iam();
    let path = "/hipaa-operator/us-east-1/prod/prod/";
    let tag = || IamTag::builder().key("owner").value(MARK).build().unwrap();
    let trust = document.replace(r#","Resource":"*""#, "");
    iam.create_role().role_name("theirs").path(path).tags(tag()).assume_role_policy_document(&trust).send().await.expect("CreateRole");
    iam.put_role_policy().role_name("theirs").policy_name("inline").policy_document(&document).send().await.expect("PutRolePolicy");
    iam.create_policy().policy_name("theirs").path(path).tags(tag()).policy_document(&document).send().await.expect("CreatePolicy");
}

fn kinds(plan: &Value) -> Vec<String> {
    let items = plan["aws"].as_array().unwrap().iter();
    items.map(|item| format!("{} {}", item["operation"].as_str().unwrap(), item["kind"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_plan_from_observed_facts_is_what_the_operator_makes() {
    let bed = Bed::start(Shape { subnets_per_zone: 2, ..Shape::default() }).await;
    strangers(&bed).await;
    let manifests = bed.folder.path().join("manifests.yaml");
    fs::write(&manifests, [ENVIRONMENT, WORKLOAD, &access("summaries", HAIKU)].join("---\n")).unwrap();
    bed.apply(ENVIRONMENT).await;

    let (empty, facts) = planned(&bed, &manifests);
    assert!(!facts.contains(MARK), "{facts}");
    let made = ["Create Claim", "Create SecurityGroup", "Create VpcEndpoint"].repeat(2);
    let more = ["Create Key", "Create Alias", "Create PermissionsBoundary", "Create Policy", "Create Role"];
    assert_eq!(kinds(&empty), [vec!["Create Claim"], made, more.to_vec()].concat(), "the endpoint of sts is there");
    let placeholders: BTreeSet<&str> = placeholders(&empty);
    assert_eq!(Vec::from_iter(placeholders), ["<bedrock-endpoint-addresses>", "<bedrock-runtime-endpoint-addresses>"]);

    let scene = Scene::on(bed, &[]).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    let (half, _) = planned(&scene.bed, &manifests);
    assert_eq!(kinds(&half), ["Create Policy", "Create Role"]);

    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    let sent = sent(&scene).await;
    let ours: BTreeMap<_, _> = sent.into_iter().filter(|(name, _)| !name.contains("theirs")).collect();
    assert_eq!(documents(&empty), ours, "to the last byte");
    assert_eq!(ours.len(), 9);
    same_in_the_cluster(&scene, &half).await;

    let (rest, facts) = planned(&scene.bed, &manifests);
    assert_eq!((&rest["aws"], &rest["kubernetes"], &rest["errors"]), (&Value::Array(vec![]), &Value::Array(vec![]), &Value::Array(vec![])));
    assert!(!facts.contains(MARK), "{facts}");
    assert_eq!(rest["findings"][0]["reason"], "FactsObserved");

    let narrower =
        fs::read_to_string(&manifests).unwrap().replace("useCase: Summarization", "useCase: Summarization\n  operations: [Invoke]");
    fs::write(&manifests, narrower).unwrap();
    let (change, _) = planned(&scene.bed, &manifests);
    assert_eq!(kinds(&change), ["Change Policy"]);
    refusals(&scene, &manifests);
}

/// The network policy and the annotation, which need addresses that only an endpoint has.
async fn same_in_the_cluster(scene: &Scene, plan: &Value) {
    let policies: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let fence = policies.get("hipaa-operator.notes").await.unwrap();
    let planned = plan["kubernetes"].as_array().unwrap();
    assert_eq!(planned.len(), 3);
    let mut spec = planned[0]["spec"].clone();
    // The API server drops a list that is empty.
    assert_eq!(spec.as_object_mut().unwrap().remove("ingress"), Some(Value::Array(vec![])));
    assert_eq!(spec, serde_json::to_value(&fence.spec).unwrap());
    assert_eq!(planned[0]["metadata"]["labels"], serde_json::to_value(fence.labels()).unwrap());
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let account = accounts.get("notes").await.unwrap();
    assert_eq!(
        planned[1]["metadata"]["annotations"][ROLE_ANNOTATION].as_str(),
        account.annotations().get(ROLE_ANNOTATION).map(String::as_str)
    );
    let told = Api::<ConfigMap>::namespaced(scene.bed.client(), "clinic").get("notes-bedrock").await.unwrap();
    assert_eq!(planned[2]["data"], serde_json::to_value(&told.data).unwrap());
    assert_eq!(planned[2]["metadata"]["annotations"], serde_json::to_value(told.annotations()).unwrap());
}

fn placeholders(plan: &Value) -> BTreeSet<&str> {
    fn texts<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::String(text) if text.starts_with('<') => drop(found.insert(text)),
            Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
            Value::Object(map) => map.values().for_each(|value| texts(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    texts(&plan["aws"], &mut found);
    texts(&plan["kubernetes"], &mut found);
    found
}

/// What cannot be read or is not meant leaves a file as it was.
fn refusals(scene: &Scene, manifests: &Path) {
    let bed = &scene.bed;
    let facts = bed.folder.path().join("facts.yaml");
    let before = fs::read_to_string(&facts).unwrap();
    let closed = [("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")];
    let output = observe(bed, &facts, &closed);
    assert!(output.status.code() == Some(1) && said(&output).contains("kms:DescribeKey"), "{}", said(&output));
    let file = facts.display().to_string();
    for (arguments, words) in [
        (["--environment", "test", "-o", &file, "--allow-endpoint-override"].as_slice(), "PhiEnvironment test: is not in the cluster"),
        (&["--environment", "prod", "-o", &file], "--allow-endpoint-override"),
    ] {
        let output = run(bed, &[&["observe"], arguments].concat(), &[]);
        assert!(output.status.code() == Some(1) && said(&output).contains(words), "{}", said(&output));
    }
    assert_eq!(fs::read_to_string(&facts).unwrap(), before);
    let leftover = fs::read_dir(bed.folder.path())
        .unwrap()
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().contains("partial"));
    assert!(!leftover);

    fs::write(&facts, before.replace("123456789012", "210987654321")).unwrap();
    let manifests = manifests.display().to_string();
    let output = run(bed, &["plan", "-f", &manifests, "--observed", &file], &[]);
    assert!(output.status.code() == Some(2) && said(&output).contains("write the same account in both"), "{}", said(&output));
}
