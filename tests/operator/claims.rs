//! Several API servers on one account: each writes for what it has claimed, and for nothing else.

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use hipaa_operator::policy::claim::Holder;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::account::{Picture, endpoints, groups, keys, looks_like, picture, roles};
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::seed::Shape;

const CLINIC: Option<&str> = Some("clinic");
const CLAIMS: &str = ":policy/hipaa-operator/claims/";
const TAKE_OVER: &str = "hipaa-operator.io/take-over-claim";

/// Applies everything, for the scene's own cluster.
async fn apply(scene: &Scene) {
    scene.bed.apply(&environment(scene)).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
}

fn environment(scene: &Scene) -> String {
    ENVIRONMENT.replace("clusterName: prod", &format!("clusterName: {}", scene.bed.shape.cluster_name))
}

/// The names of all claims, as far as the digest.
async fn claims(scene: &Scene) -> Vec<String> {
    let names = picture(scene).await.into_keys().filter_map(|name| Some(name.split_once(CLAIMS)?.1.to_owned()));
    names
        .map(|name| name.split_once('-').filter(|_| name.starts_with("environment.")).map_or(name.clone(), |(thing, _)| thing.to_owned()))
        .collect()
}

/// UID of the namespace `kube-system`.
async fn api_server(scene: &Scene) -> String {
    let namespaces: Api<Namespace> = Api::all(scene.bed.client());
    namespaces.get("kube-system").await.expect("it is always there").uid().expect("a UID")
}

/// Nobody writes anything any more: neither to the account nor, as far as conditions tell, in turns.
async fn all_is_still(scenes: &[&Scene]) {
    let recorder = scenes[0].bed.emulators.recorder();
    let still = || async {
        recorder.start().await;
        for scene in scenes {
            scene.sweeps(4).await;
        }
        let mutating: Vec<_> = recorder.stop().await.into_iter().filter(|call| call.mutating).collect();
        if mutating.is_empty() { Ok(()) } else { Err(format!("{mutating:?}")) }
    };
    scenes[0].bed.eventually("nobody writes any more", SOON, still).await;
}

/// What is bound to the environment says too that it is another's.
async fn dependants_are_told(scene: &Scene) {
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "False", "ClaimedElsewhere").await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Stalled", "True", "ClaimedElsewhere").await;
    scene.because::<BedrockAccess>(CLINIC, "summaries", "Ready", "False", "ClaimedElsewhere").await;
}

async fn environment_gone(scene: &Scene) {
    let environments: Api<PhiEnvironment> = Api::all(scene.bed.client());
    let gone = || async {
        let left = environments.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        if left.is_empty() { Ok(()) } else { Err(format!("{:?}", left[0].status)) }
    };
    scene.bed.eventually("the environment is gone", SOON, gone).await;
}

/// What of a picture belongs to a role or policy of the cluster, or to its keys.
fn identity_of(picture: &Picture, roles: &[String]) -> Picture {
    let of = |name: &str| roles.iter().any(|role| name.contains(role.as_str()));
    picture.iter().filter(|(name, _)| of(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[tokio::test]
async fn two_clusters_in_one_vpc_share_endpoints_and_nothing_else() {
    let first = Scene::start().await;
    let second = Scene::on(first.bed.beside("other").await, &[]).await;
    // At the same time, so that they meet.
    tokio::join!(apply(&first), apply(&second));
    first.all_ready("summaries").await;
    second.all_ready("summaries").await;

    assert_eq!((endpoints(&first).await.len(), groups(&first).await.len()), (3, 3), "one endpoint for each service");
    assert_eq!((roles(&first).await.len(), keys(&first).await.len()), (2, 2));
    assert_ne!(first.role().await, second.role().await);
    let mut claimed = claims(&first).await;
    claimed.sort();
    let vpc = &first.bed.seeded.vpc_id;
    let of_endpoint = |service: &str| format!("endpoint.us-east-1.{vpc}.{service}.1");
    let endpoints_claimed: Vec<_> = ["bedrock-runtime", "bedrock", "sts"].map(of_endpoint).into();
    assert_eq!(claimed, [endpoints_claimed, vec!["environment.other.prod".into(), "environment.prod.prod".into()]].concat());
    all_is_still(&[&first, &second]).await;

    // Whoever goes takes its own along, and the other makes what it then lacks.
    let before = identity_of(&picture(&second).await, &[second.role().await]);
    assert_eq!(before.len(), 6, "{before:?}");
    first.bed.apply(&format!("{}  deletionPolicy: Delete\n", environment(&first))).await;
    first.delete::<PhiWorkload>(CLINIC, "notes").await;
    first.delete::<PhiEnvironment>(None, "prod").await;
    environment_gone(&first).await;
    let made = || async {
        let (made, groups) = (endpoints(&second).await, groups(&second).await.len());
        if made.len() == 3 && groups == 3 { Ok(()) } else { Err(format!("{} endpoints, {groups} groups", made.len())) }
    };
    second.bed.eventually("the other cluster makes endpoints of its own", SOON, made).await;
    second.all_ready("summaries").await;
    all_is_still(&[&second]).await;
    assert_eq!(identity_of(&picture(&second).await, &[second.role().await]), before);
    assert_eq!(claims(&second).await.iter().filter(|name| name.contains("environment")).collect::<Vec<_>>(), ["environment.other.prod"]);
}

#[tokio::test]
async fn a_cloned_control_plane_writes_nothing_until_a_person_says_so() {
    let first = Scene::ready().await;
    let before = picture(&first).await;
    let clone = Scene::on(first.bed.beside("prod").await, &[]).await;
    let counted = clone.counters().await;
    // It has an environment of the same name, but none of the workloads: its sweep would cut the first one's off.
    clone.bed.apply(ENVIRONMENT).await;
    let told = clone.because::<PhiEnvironment>(None, "prod", "Ready", "False", "ClaimedElsewhere").await;
    clone.because::<PhiEnvironment>(None, "prod", "Stalled", "True", "ClaimedElsewhere").await;
    clone.because::<PhiEnvironment>(None, "prod", "ScopeVerified", "False", "ClaimedElsewhere").await;
    let holder = api_server(&first).await;
    let claim = before.keys().find_map(|name| name.split_once(CLAIMS).filter(|(_, name)| name.starts_with("environment."))).unwrap().1;
    for words in [holder.as_str(), "cluster/prod", claim, TAKE_OVER, "kubectl annotate phienv prod"] {
        assert!(told.message.contains(words), "{} does not say {words}", told.message);
    }
    clone.bed.apply(WORKLOAD).await;
    clone.bed.apply(&access("summaries", HAIKU)).await;
    dependants_are_told(&clone).await;
    clone.sweeps(4).await;
    assert_eq!(clone.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    assert!(clone.environment().await.finalizers().is_empty() && clone.workload().await.finalizers().is_empty());
    assert_eq!(picture(&first).await, before);

    // It goes without touching anything, and comes back.
    clone.delete::<PhiEnvironment>(None, "prod").await;
    environment_gone(&clone).await;
    assert_eq!(clone.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    clone.bed.apply(ENVIRONMENT).await;
    clone.because::<PhiEnvironment>(None, "prod", "Ready", "False", "ClaimedElsewhere").await;

    clone.annotate::<PhiEnvironment>(None, "prod", TAKE_OVER, Some("environment.prod.prod-0000000000000000.1")).await;
    clone.sweeps(3).await;
    assert_eq!(picture(&first).await, before, "another claim's name is no leave");
    clone.annotate::<PhiEnvironment>(None, "prod", TAKE_OVER, Some(claim)).await;
    clone.all_ready("summaries").await;
    let told = first.because::<PhiEnvironment>(None, "prod", "Ready", "False", "ClaimedElsewhere").await;
    dependants_are_told(&first).await;
    assert!(told.message.contains(&api_server(&clone).await), "{}", told.message);
    all_is_still(&[&first, &clone]).await;
    let after = picture(&clone).await;
    let things = |picture: &Picture| picture.keys().filter(|name| !name.contains(CLAIMS)).cloned().collect::<Vec<_>>();
    assert_eq!(things(&after), things(&before), "everything was taken over as it was");
    assert!(claims(&clone).await.iter().all(|name| name.ends_with(".2") || name == "environment.prod.prod"), "{:?}", claims(&clone).await);

    // What the first one deletes now is the clone's, and stays.
    first.delete::<PhiWorkload>(CLINIC, "notes").await;
    first.delete::<PhiEnvironment>(None, "prod").await;
    environment_gone(&first).await;
    clone.sweeps(3).await;
    assert_eq!(picture(&clone).await, after);
    clone.all_ready("summaries").await;
}

#[tokio::test]
async fn audit_tells_who_holds_the_claim_and_takes_none() {
    let first = Scene::start().await;
    let audit = ENVIRONMENT.replace("  enforcement: Enforce\n", "");
    first.bed.apply(&audit).await;
    first.because::<PhiEnvironment>(None, "prod", "Ready", "True", "AuditOnly").await;
    assert_eq!(claims(&first).await, Vec::<String>::new());
    let planned = first.environment().await.status.unwrap().plan.unwrap();
    assert!(planned.actions[0].name.contains(CLAIMS), "{planned:?}");

    let second = Scene::on(first.bed.beside("prod").await, &[]).await;
    second.bed.apply(ENVIRONMENT).await;
    second.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    first.because::<PhiEnvironment>(None, "prod", "ScopeVerified", "False", "ClaimedElsewhere").await;
    second.bed.apply(&audit).await;
    second.because::<PhiEnvironment>(None, "prod", "Ready", "True", "AuditOnly").await;
    all_is_still(&[&first, &second]).await;
    assert_eq!(claims(&second).await.len(), 4, "Audit does not release it either");
}

#[tokio::test]
async fn what_a_deleted_cluster_claimed_is_taken_over() {
    let bed = Bed::start(Shape::default()).await;
    let holder = |cluster_arn: &str, api_server: &str, issuer: &str| Holder {
        cluster_arn: cluster_arn.to_owned(),
        environment: "prod".to_owned(),
        api_server: api_server.to_owned(),
        issuer: issuer.to_owned(),
    };
    let claim = async |thing: &str, holder: Holder| {
        let policy = bed.emulators.iam().create_policy().policy_name(format!("{thing}.1")).path("/hipaa-operator/claims/");
        policy.policy_document(holder.document().to_json()).send().await.expect("CreatePolicy");
    };
    // One cluster of this name was deleted with all its claims left; another claims an endpoint, but no environment any more.
    let former = || holder(&bed.seeded.cluster_arn, "7a9e", "oidc.eks.us-east-1.amazonaws.com/id/FORMER");
    claim(&hipaa_operator::domain::names::claim_on_environment(&bed.seeded.cluster_arn, "prod"), former()).await;
    let endpoint = |service: &str| format!("endpoint.us-east-1.{}.{service}", bed.seeded.vpc_id);
    claim(&endpoint("sts"), former()).await;
    let gone = bed.seeded.cluster_arn.replace("/prod", "/gone");
    claim(&endpoint("bedrock"), holder(&gone, "1c3d", "oidc.eks.us-east-1.amazonaws.com/id/GONE")).await;
    // And a third is there, and on its way.
    let neighbour = bed.seeded.cluster_arn.replace("/prod", "/neighbour");
    let there = || holder(&neighbour, "5b6f", "oidc.eks.us-east-1.amazonaws.com/id/THERE");
    claim(&hipaa_operator::domain::names::claim_on_environment(&neighbour, "prod"), there()).await;
    claim(&endpoint("bedrock-runtime"), there()).await;

    let scene = Scene::on(bed, &[]).await;
    scene.bed.apply(ENVIRONMENT).await;
    let told = scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "EndpointClaimed").await;
    for words in ["bedrock-runtime", "cluster/neighbour", "claims/endpoint."] {
        assert!(told.message.contains(words), "{} does not say {words}", told.message);
    }
    scene.because::<PhiEnvironment>(None, "prod", "Stalled", "False", "Progressing").await;
    assert_eq!(endpoints(&scene).await.len(), 2);
    all_is_still(&[&scene]).await;

    // The neighbour makes it.
    let ec2 = scene.bed.emulators.ec2();
    let theirs = ec2.create_vpc_endpoint().vpc_id(&scene.bed.seeded.vpc_id).service_name("com.amazonaws.us-east-1.bedrock-runtime");
    let theirs = theirs.vpc_endpoint_type(aws_sdk_ec2::types::VpcEndpointType::Interface).private_dns_enabled(true);
    theirs.set_subnet_ids(Some(scene.bed.seeded.subnet_ids.clone())).send().await.expect("CreateVpcEndpoint");
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    assert_eq!(endpoints(&scene).await.len(), 3);
    let superseded: Vec<_> =
        picture(&scene).await.into_iter().filter(|(name, value)| name.contains(CLAIMS) && value.contains("FORMER")).collect();
    assert_eq!(superseded, [], "what was superseded is cleared away");
}

#[tokio::test]
async fn what_is_left_of_a_claim_is_put_right() {
    let scene = Scene::ready().await;
    let before = picture(&scene).await;
    let iam = scene.bed.emulators.iam();
    for name in before.keys().filter(|name| name.contains(CLAIMS)) {
        iam.delete_policy().policy_arn(name.strip_prefix("policy ").unwrap()).send().await.expect("DeletePolicy");
    }
    looks_like(&scene, &before, "lost claims are taken again, and nothing else changes").await;
    scene.all_ready("summaries").await;

    scene.delete::<BedrockAccess>(CLINIC, "summaries").await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    environment_gone(&scene).await;
    assert_eq!(claims(&scene).await, Vec::<String>::new());
    assert_eq!(endpoints(&scene).await.len(), 3, "Retain keeps what others may use");
}
