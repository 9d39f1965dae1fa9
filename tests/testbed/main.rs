//! The test bed itself: what the other tests stand on must be shown to hold.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_sdk_bedrock::types::AgreementStatus;
use aws_sdk_ec2::types::Filter;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, DeleteParams};
use serde_json::Value;

use support::bed::Bed;
use support::process::{Process, group_is_alive};
use support::recorder::Call;
use support::seed::Shape;
use support::wait;

const SOON: Duration = Duration::from_secs(30);

/// One bed for all its claims: starting it is most of the time.
#[tokio::test]
async fn the_bed_is_real_seeded_and_leaves_nothing() {
    let bed = Bed::start(Shape::default()).await;
    the_cluster_is_the_pinned_version(&bed).await;
    the_controller_manager_works(&bed).await;
    tokens_carry_the_seeded_issuer(&bed).await;
    the_vpc_is_seeded_without_endpoints(&bed).await;
    the_models_are_agreed_to(&bed).await;
    the_recorder_tells_reads_from_writes(&bed).await;

    let groups = bed.groups();
    let folder = bed.folder.path().to_owned();
    assert!(groups.len() == 5 && groups.iter().all(|group| group_is_alive(*group)), "{groups:?}");
    drop(bed);
    let left: Vec<_> = groups.into_iter().filter(|group| group_is_alive(*group)).collect();
    assert!(left.is_empty(), "process groups are left: {left:?}");
    assert!(!folder.exists(), "the bed's folder is left");
}

async fn the_cluster_is_the_pinned_version(bed: &Bed) {
    let version = bed.client().apiserver_version().await.unwrap();
    if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        let module = include_str!("../controlplane/go.mod");
        assert!(module.contains(&format!("k8s.io/kubernetes {}\n", version.git_version)), "{version:?}");
    }
}

async fn the_controller_manager_works(bed: &Bed) {
    bed.apply("{apiVersion: v1, kind: Namespace, metadata: {name: bed}}").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client(), "bed");
    bed.eventually("a namespace gets its service account", SOON, || async {
        accounts.get("default").await.map_err(|error| error.to_string())
    })
    .await;

    let namespaces: Api<Namespace> = Api::all(bed.client());
    namespaces.delete("bed", &DeleteParams::default()).await.unwrap();
    bed.eventually("a deleted namespace goes away", SOON, || async {
        match namespaces.get_opt("bed").await {
            Ok(None) => Ok(()),
            Ok(Some(namespace)) => Err(format!("{:?}", namespace.status)),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
}

async fn tokens_carry_the_seeded_issuer(bed: &Bed) {
    let document = bed.control_plane.get("/.well-known/openid-configuration").await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert!(bed.seeded.issuer.starts_with("https://oidc.eks.us-east-1.amazonaws.com/id/"), "{}", bed.seeded.issuer);
    assert_eq!(document["issuer"], bed.seeded.issuer);

    let provider = bed.seeded.oidc_provider_arn.as_deref().unwrap();
    let provider = bed.emulators.iam().get_open_id_connect_provider().open_id_connect_provider_arn(provider).send().await.unwrap();
    assert_eq!(provider.client_id_list.unwrap(), ["sts.amazonaws.com"]);
    assert_eq!(provider.url.unwrap(), bed.seeded.issuer.trim_start_matches("https://"));
}

async fn the_vpc_is_seeded_without_endpoints(bed: &Bed) {
    let (ec2, vpc) = (bed.emulators.ec2(), &bed.seeded.vpc_id);
    let vpcs = ec2.describe_vpcs().vpc_ids(vpc).send().await.unwrap().vpcs.unwrap();
    assert_eq!(vpcs[0].cidr_block.as_deref(), Some("10.20.0.0/16"));
    let filter = Filter::builder().name("vpc-id").values(vpc).build();
    let subnets = ec2.describe_subnets().filters(filter).send().await.unwrap().subnets.unwrap();
    let mut zones: Vec<_> = subnets.iter().filter_map(|subnet| subnet.availability_zone.as_deref()).collect();
    zones.sort_unstable();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let endpoints = ec2.describe_vpc_endpoints().send().await.unwrap().vpc_endpoints.unwrap_or_default();
    assert!(endpoints.is_empty(), "{endpoints:?}");

    let cluster = bed.emulators.eks().describe_cluster().name("prod").send().await.unwrap().cluster.unwrap();
    let network = cluster.resources_vpc_config.unwrap();
    assert_eq!(network.subnet_ids.unwrap(), bed.seeded.subnet_ids);
    assert_eq!(network.security_group_ids.unwrap(), std::slice::from_ref(&bed.seeded.node_security_group));
}

async fn the_models_are_agreed_to(bed: &Bed) {
    let bedrock = bed.emulators.bedrock();
    let agreement = async |model: &str| {
        let availability = bedrock.get_foundation_model_availability().model_id(model).send().await.unwrap();
        availability.agreement_availability.unwrap().status
    };
    for model in &bed.shape.models {
        assert_eq!(agreement(model).await, AgreementStatus::Available, "{model}");
    }
    let other = agreement("anthropic.claude-3-opus-20240229-v1:0").await;
    assert_eq!(other, AgreementStatus::NotAvailable, "a model nobody agreed to");
}

async fn the_recorder_tells_reads_from_writes(bed: &Bed) {
    let (recorder, iam) = (bed.emulators.recorder(), bed.emulators.iam());
    recorder.start().await;
    iam.create_role().role_name("recorded").assume_role_policy_document("{}").send().await.unwrap();
    iam.get_role().role_name("recorded").send().await.unwrap();
    bed.emulators.eks().describe_cluster().name("prod").send().await.unwrap();
    bed.emulators.kms().list_keys().send().await.unwrap();
    let call = |service: &str, operation: &str, mutating| Call { service: service.to_owned(), operation: operation.to_owned(), mutating };
    let expected = [
        call("iam", "CreateRole", true),
        call("iam", "GetRole", false),
        call("eks", "DescribeCluster", false),
        call("kms", "ListKeys", false),
    ];
    assert_eq!(recorder.stop().await, expected);
    recorder.start().await;
    assert_eq!(recorder.stop().await, [], "a start forgets what was before");
}

/// What the next test does when it runs as the process to be killed: it starts a process, says which, and stays.
fn hold(folder: &Path) {
    let process = Process::start("sleep", Path::new("/bin/sleep"), ["600"], &[], folder);
    std::fs::write(folder.join("group.new"), process.group().to_string()).unwrap();
    std::fs::rename(folder.join("group.new"), folder.join("group")).unwrap();
    std::thread::park();
}

#[tokio::test]
async fn processes_end_when_the_test_is_killed() {
    if let Some(folder) = std::env::var_os("HOLDER_FOLDER") {
        return hold(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes_end_when_the_test_is_killed"])
        .env("HOLDER_FOLDER", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = wait::until(SOON, || async {
        let group = std::fs::read_to_string(folder.path().join("group")).map_err(|error| error.to_string())?;
        group.parse::<i32>().map_err(|error| error.to_string())
    });
    let started = started.await;
    holder.kill().unwrap();
    holder.wait().unwrap();
    let group = started.unwrap();
    let ended = wait::until(SOON, || async { if group_is_alive(group) { Err("it is still alive".to_owned()) } else { Ok(()) } });
    ended.await.unwrap();
}
