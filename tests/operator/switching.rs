//! Who keeps a thing may change at any time: what is there stays, nothing is doubled, and access is never left behind.
//! (Between Audit and Enforce: `audit.rs` and `deletion.rs`.)

use hipaa_operator::api::{PhiEnvironment, PhiWorkload};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, DeleteParams};

use crate::account::{Picture, endpoint, endpoints, groups, keys, looks_like, picture, policy, roles};
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};
use crate::verify::{CLINIC, addresses, annotated, attached, attaching, fence, platform_role};

const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// Without the platform's key, which is no part of what we made.
async fn ours(scene: &Scene, platform_key: &str) -> Picture {
    picture(scene).await.into_iter().filter(|(name, _)| !name.contains(platform_key)).collect()
}

#[tokio::test]
async fn endpoints_and_key_change_hands_and_come_back() {
    let scene = Scene::ready().await;
    let (ec2, kms) = (scene.bed.emulators.ec2(), scene.bed.emulators.kms());
    let our_key = scene.environment().await.status.unwrap().key_arn.unwrap();
    let platform = kms.create_key().send().await.expect("CreateKey").key_metadata.unwrap();
    let (id, arn) = (platform.key_id, platform.arn.unwrap());
    let before = ours(&scene, &id).await;

    let verify = format!(
        "{ENVIRONMENT}  endpoints: [{{ service: sts, management: Verify }}, {{ service: bedrock, management: Verify }}, {{ service: bedrock-runtime, management: Verify }}]\n  key: {{ management: Verify, keyArn: '{arn}' }}\n"
    );
    scene.bed.apply(&verify).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    let status = scene.environment().await.status.unwrap();
    assert_eq!((status.key_arn.as_ref(), status.retained_key_arn.as_ref()), (Some(&arn), Some(&our_key)));
    assert!(
        status
            .endpoints
            .iter()
            .all(|one| one.management == hipaa_operator::api::shared::Management::Verify && one.vpc_endpoint_id.is_some())
    );
    let counted = scene.counters().await;
    let sts = endpoint(&scene, "sts").await;
    let call = ec2.modify_vpc_endpoint().vpc_endpoint_id(sts.vpc_endpoint_id().unwrap()).policy_document(EVERYTHING);
    call.send().await.expect("ModifyVpcEndpoint");
    let told = || async {
        let controls = scene.environment().await.status.unwrap().controls;
        let found = controls.iter().any(|control| control.id == "NET-6/sts" && control.reason == "EndpointPolicyTooWide");
        if found { Ok(()) } else { Err(format!("{controls:?}")) }
    };
    scene.bed.eventually("what we no longer keep is judged", SOON, told).await;
    scene.sweeps(2).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), [], "and not mended");
    scene.all_ready("summaries").await;

    // The platform takes our marks off the key meanwhile: it is ours by its record.
    let tags = ["hipaa-operator.io/cluster", "hipaa-operator.io/environment"].map(str::to_owned);
    kms.untag_resource().key_id(&our_key).set_tag_keys(Some(tags.to_vec())).send().await.expect("UntagResource");
    scene.bed.apply(ENVIRONMENT).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    let back = || async {
        let found = ours(&scene, &id).await;
        if found == before { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually("all is as it was", SOON, back).await;
    let status = scene.environment().await.status.unwrap();
    assert_eq!((status.key_arn, status.retained_key_arn), (Some(our_key), None));
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len(), keys(&scene).await.len()), (3, 3, 2));
}

#[tokio::test]
async fn a_key_from_before_verify_is_marked_when_its_environment_goes() {
    let scene = Scene::start().await;
    let kms = scene.bed.emulators.kms();
    scene.bed.apply(ENVIRONMENT).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    let our_key = scene.environment().await.status.unwrap().key_arn.unwrap();
    let arn = kms.create_key().send().await.expect("CreateKey").key_metadata.unwrap().arn.unwrap();
    scene.bed.apply(&format!("{ENVIRONMENT}  key: {{ management: Verify, keyArn: '{arn}' }}\n")).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    scene.delete::<PhiEnvironment>(None, "prod").await;
    let orphaned = async |key: &str| {
        let tags = kms.list_resource_tags().key_id(key).send().await.expect("ListResourceTags");
        tags.tags().iter().any(|tag| tag.tag_key() == "hipaa-operator.io/orphaned")
    };
    let marked = || async { if orphaned(&our_key).await { Ok(()) } else { Err("not yet".to_owned()) } };
    scene.bed.eventually("our key is marked", SOON, marked).await;
    assert!(!orphaned(&arn).await, "theirs is not");
}

#[tokio::test]
async fn a_role_changes_hands_and_comes_back() {
    const THEIRS: &str = "arn:aws:iam::123456789012:role/team/notes-phi";
    let scene = Scene::ready().await;
    let before = picture(&scene).await;
    let own = scene.workload().await.status.unwrap().identity.unwrap();
    platform_role(&scene, "notes-phi").await;

    scene.bed.apply(&attaching("notes-phi")).await;
    annotated(&scene, Some(THEIRS)).await;
    scene.all_ready("summaries").await;
    assert_eq!(attached(&scene, "notes-phi").await, std::slice::from_ref(&own.policy_arn));
    assert_eq!(picture(&scene).await, before, "our role stays as it was");
    let identity = scene.workload().await.status.unwrap().identity.unwrap();
    assert_eq!((identity.role_arn.as_str(), identity.accesses.len()), (THEIRS, 1));

    scene.bed.apply(ENVIRONMENT).await;
    annotated(&scene, Some(&own.role_arn)).await;
    scene.all_ready("summaries").await;
    let left = || async {
        let found = attached(&scene, "notes-phi").await;
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually("theirs has our policy no more", SOON, left).await;
    looks_like(&scene, &before, "and ours is as it was").await;
    assert_eq!(scene.workload().await.status.unwrap().identity.map(|identity| identity.role_arn), Some(own.role_arn));

    scene.bed.apply(&attaching("notes-phi")).await;
    annotated(&scene, Some(THEIRS)).await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    annotated(&scene, None).await;
    assert_eq!((attached(&scene, "notes-phi").await, roles(&scene).await), (vec![], vec![]), "both lose the access");
}

#[tokio::test]
async fn a_fence_changes_hands_and_comes_back() {
    let scene = Scene::ready().await;
    let fences: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let version = async || fences.get("hipaa-operator.notes").await.map(|found| found.metadata.resource_version).unwrap();
    let before = version().await;
    scene.bed.apply(&format!("{ENVIRONMENT}  network: {{ management: Verify }}\n")).await;
    let told = async |reason: &str, wanted: bool| {
        let ask = || async {
            let controls = scene.workload().await.status.unwrap().controls;
            let found = controls.iter().any(|control| control.reason == reason);
            if found == wanted { Ok(()) } else { Err(format!("{controls:?}")) }
        };
        scene.bed.eventually(&format!("{reason}: {wanted}"), SOON, ask).await;
    };
    told("FencedByFormerPolicy", true).await;
    scene.all_ready("summaries").await;
    scene.bed.apply(&fence(&addresses(&scene).await)).await;
    told("FencedByFormerPolicy", false).await;
    scene.all_ready("summaries").await;
    assert_eq!(version().await, before, "ours is neither changed nor taken away");
    fences.delete("hipaa-operator.notes", &DeleteParams::default()).await.unwrap();
    scene.sweeps(2).await;
    scene.all_ready("summaries").await;
    assert!(fences.get_opt("hipaa-operator.notes").await.unwrap().is_none(), "nor made again");

    scene.bed.apply(ENVIRONMENT).await;
    let back = || async { fences.get("hipaa-operator.notes").await.map(drop).map_err(|error| error.to_string()) };
    scene.bed.eventually("a switch back fences the pods in again", SOON, back).await;
    scene.all_ready("summaries").await;
}

#[tokio::test]
async fn a_role_of_the_platforms_is_cut_off_once_enforce_returns() {
    let scene = Scene::start().await;
    platform_role(&scene, "notes-phi").await;
    scene.bed.apply(&attaching("notes-phi")).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    let policy_arn = scene.workload().await.status.unwrap().identity.unwrap().policy_arn;

    scene.bed.apply(&attaching("notes-phi").replace("Enforce", "Audit")).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "Ready", "True", "AuditOnly").await;
    let counted = scene.counters().await;
    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    let workloads: Api<PhiWorkload> = Api::namespaced(scene.bed.client(), "clinic");
    let gone = || async {
        let left = workloads.get_opt("notes").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |left| Err(format!("{:?}", left.metadata)))
    };
    scene.bed.eventually("Audit lets the workload go", SOON, gone).await;
    scene.sweeps(2).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    assert_eq!(attached(&scene, "notes-phi").await, std::slice::from_ref(&policy_arn));

    // The mapping may be gone by then too: the hand-over list knows the role.
    scene.bed.apply(ENVIRONMENT).await;
    let cut_off = || async {
        let (left, policy) = (attached(&scene, "notes-phi").await, policy(&scene, &policy_arn).await);
        if left.is_empty() && policy.is_none() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually("the role has our policy no more", SOON, cut_off).await;
}
