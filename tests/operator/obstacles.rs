//! What only the operator can see is told as a condition with a name of its own, and nothing is given meanwhile.

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt as _};

use crate::account::{endpoints, keys, picture, roles};
use crate::scene::{ENVIRONMENT, HAIKU, SONNET, SOON, Scene, WORKLOAD, access};
use crate::support::seed::Shape;

const CLINIC: Option<&str> = Some("clinic");
const TITAN: &str = "amazon.titan-embed-text-v2:0";

async fn no_role(scene: &Scene, what: &str) {
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let gone = || async {
        let annotated = accounts.get("notes").await.map_err(|error| error.to_string())?.annotations().len();
        let left = roles(scene).await;
        if left.is_empty() && annotated == 0 { Ok(()) } else { Err(format!("{left:?}, {annotated} annotations")) }
    };
    scene.bed.eventually(what, SOON, gone).await;
}

#[tokio::test]
async fn an_application_team_is_told_what_is_missing() {
    let models = vec![HAIKU.to_owned(), TITAN.to_owned()];
    let scene = Scene::with(Shape { models, ..Shape::default() }).await;
    let refused = async |name: &str, reason: &str| scene.because::<BedrockAccess>(CLINIC, name, "Ready", "False", reason).await;
    let workload = async |name: &str, reason: &str| scene.because::<PhiWorkload>(CLINIC, name, "Ready", "False", reason).await;

    scene.bed.apply(&WORKLOAD.replace(", labels: { hipaa-operator.io/phi: allowed }", "")).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    workload("notes", "EnvironmentNotFound").await;
    refused("summaries", "EnvironmentNotFound").await;
    scene.bed.apply(ENVIRONMENT).await;
    let condition = workload("notes", "NamespaceNotAdmitted").await;
    assert!(condition.message.contains("label the namespace"), "{}", condition.message);
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    assert_eq!(roles(&scene).await, Vec::<String>::new());

    scene.bed.apply(WORKLOAD).await;
    scene.all_ready("summaries").await;
    scene.bed.apply(&access("lost", HAIKU).replace("{ name: notes }", "{ name: nobody }")).await;
    refused("lost", "WorkloadNotFound").await;
    scene.bed.apply(&access("foreign", TITAN)).await;
    let condition = refused("foreign", "ModelNotApproved").await;
    assert!(condition.message.contains(TITAN) && condition.message.contains(HAIKU), "{}", condition.message);
    scene.bed.apply(&access("unagreed", SONNET)).await;
    refused("unagreed", "ModelNotAvailable").await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;

    scene.bed.apply(&WORKLOAD.rsplit("---").next().unwrap().replace("podSelector", "networkPeers: [records]\n  podSelector")).await;
    let condition = workload("notes", "PeerNotFound").await;
    assert!(condition.message.contains("records"), "{}", condition.message);
    scene.bed.apply(WORKLOAD).await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;

    let unlabelled = WORKLOAD.split("---").next().unwrap().replace(", labels: { hipaa-operator.io/phi: allowed }", "");
    scene.bed.apply(&unlabelled).await;
    workload("notes", "NamespaceNotAdmitted").await;
    no_role(&scene, "a namespace that is no longer admitted loses role and annotation").await;
}

#[tokio::test]
async fn a_service_account_belongs_to_the_older_of_two() {
    let scene = Scene::start().await;
    scene.bed.apply(ENVIRONMENT).await;
    let (setting, workload) = WORKLOAD.rsplit_once("---").unwrap();
    scene.bed.apply(setting.split("---\n").next().unwrap()).await;
    scene.bed.apply(workload).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    let condition = scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "False", "ServiceAccountNotFound").await;
    assert!(condition.message.contains("clinic/notes"), "{}", condition.message);
    scene.bed.apply(WORKLOAD).await;
    scene.all_ready("summaries").await;

    // Kubernetes tells ages in whole seconds only.
    scene.sweeps(2).await;
    let younger = workload.replace("{ name: notes, namespace: clinic }", "{ name: younger, namespace: clinic }");
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    scene.bed.apply(&younger).await;
    let condition = scene.because::<PhiWorkload>(CLINIC, "younger", "Ready", "False", "ServiceAccountClaimed").await;
    assert!(condition.message.contains("PhiWorkload notes"), "{}", condition.message);
    scene.bed.apply(&access("letters", HAIKU).replace("{ name: notes }", "{ name: younger }")).await;
    scene.because::<BedrockAccess>(CLINIC, "letters", "Ready", "False", "WorkloadNotReady").await;
    scene.all_ready("summaries").await;
    assert_eq!(recorder.stop().await.iter().filter(|call| call.mutating).count(), 0, "the older one's identity is not touched");

    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    scene.condition::<PhiWorkload>(CLINIC, "younger", "Ready", "True").await;
    scene.condition::<BedrockAccess>(CLINIC, "letters", "Ready", "True").await;
}

#[tokio::test]
async fn nothing_is_written_to_a_place_that_is_not_the_one_meant() {
    let token_issuer = Some("https://oidc.eks.us-east-1.amazonaws.com/id/ANOTHER".to_owned());
    let scene = Scene::with(Shape { token_issuer, ..Shape::default() }).await;
    let (before, counted) = (picture(&scene).await, scene.counters().await);
    let other = |name: &str, from: &str, to: &str| ENVIRONMENT.replace("{ name: prod }", &format!("{{ name: {name} }}")).replace(from, to);
    scene.bed.apply(&other("account", "123456789012", "210987654321")).await;
    scene.bed.apply(&other("missing", "clusterName: prod", "clusterName: none")).await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    for (name, reason) in [("account", "AccountMismatch"), ("missing", "ClusterNotFound"), ("prod", "ClusterMismatch")] {
        scene.because::<PhiEnvironment>(None, name, "Ready", "False", reason).await;
        scene.because::<PhiEnvironment>(None, name, "Stalled", "True", reason).await;
    }
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "Unknown", "EnvironmentNotReady").await;
    scene.sweeps(6).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    assert_eq!(picture(&scene).await, before);
    assert!(scene.environment().await.finalizers().is_empty() && scene.workload().await.finalizers().is_empty());
}

#[tokio::test]
async fn what_the_account_lacks_later_keeps_nothing_from_being_taken_away() {
    let scene = Scene::ready().await;
    let hostnames = async |on: bool| {
        let value = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(on).build();
        let call = scene.bed.emulators.ec2().modify_vpc_attribute().vpc_id(&scene.bed.seeded.vpc_id).enable_dns_hostnames(value);
        call.send().await.expect("ModifyVpcAttribute");
    };
    hostnames(false).await;
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "False", "VpcDnsDisabled").await;
    scene.sweeps(1).await;
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Ready", "True").await;

    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    no_role(&scene, "an access that is withdrawn loses its role").await;
    scene.bed.apply(&access("letters", SONNET)).await;
    let condition = scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "False", "EnvironmentNotReady").await;
    assert!(condition.message.contains("enable-dns-hostnames") || condition.message.contains("DNS host names"), "{}", condition.message);
    scene.sweeps(3).await;
    assert_eq!(roles(&scene).await, Vec::<String>::new(), "and nothing is given");

    hostnames(true).await;
    scene.all_ready("letters").await;
}

#[tokio::test]
async fn a_lacking_account_waits_and_an_endpoint_of_others_is_used() {
    let scene = Scene::with(Shape { dns_hostnames: false, oidc_provider: false, ..Shape::default() }).await;
    let ec2 = scene.bed.emulators.ec2();
    let vpc = &scene.bed.seeded.vpc_id;
    let theirs = ec2.create_vpc_endpoint().vpc_id(vpc).service_name("com.amazonaws.us-east-1.sts").private_dns_enabled(true);
    let theirs = theirs.vpc_endpoint_type(aws_sdk_ec2::types::VpcEndpointType::Interface);
    let theirs = theirs.set_subnet_ids(Some(scene.bed.seeded.subnet_ids.clone())).send().await.expect("CreateVpcEndpoint");
    let theirs = theirs.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();

    scene.bed.apply(ENVIRONMENT).await;
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "False", "VpcDnsDisabled").await;
    assert_eq!((endpoints(&scene).await.len(), keys(&scene).await.len()), (1, 0));

    let on = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
    ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(on).send().await.expect("ModifyVpcAttribute");
    scene.because::<PhiEnvironment>(None, "prod", "Ready", "False", "OidcProviderNotFound").await;
    assert_eq!((endpoints(&scene).await.len(), keys(&scene).await.len()), (1, 0));
    let provider = scene.bed.emulators.iam().create_open_id_connect_provider().url(&scene.bed.seeded.issuer);
    let provider = provider.client_id_list("sts.amazonaws.com").thumbprint_list("0".repeat(40));
    provider.send().await.expect("CreateOpenIDConnectProvider");
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    assert_eq!(endpoints(&scene).await.len(), 3, "theirs for sts, ours for bedrock and bedrock-runtime");
    let status = scene.environment().await.status.unwrap();
    let sts = status.endpoints.iter().find(|endpoint| endpoint.service == "sts").unwrap();
    assert_eq!(sts.vpc_endpoint_id.as_deref(), Some(theirs.as_str()));
    assert_eq!(sts.management, hipaa_operator::api::shared::Management::Verify);
    let wide = status.controls.iter().find(|control| control.reason == "EndpointPolicyTooWide");
    assert!(wide.is_some_and(|control| control.message.contains(&theirs)), "{:?}", status.controls);
}
