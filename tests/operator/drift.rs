//! What someone widens or takes away comes back as it was, each by one call, in the account itself.

use aws_sdk_ec2::types::{IpPermission, IpRange, Tag};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};

use crate::account::{endpoint, groups, keys, looks_like, picture, set_policy};
use crate::scene::{SOON, Scene};

const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
const ALL_OF_BEDROCK: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bedrock:*","Resource":"*"}]}"#;
const ANYONE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// A rule that lets everything through.
fn everywhere() -> IpPermission {
    IpPermission::builder().ip_protocol("-1").ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build()
}

#[tokio::test]
async fn what_the_environment_stands_on_is_repaired() {
    let scene = Scene::ready().await;
    let (before, counted) = (picture(&scene).await, scene.counters().await);
    let (ec2, kms) = (scene.bed.emulators.ec2(), scene.bed.emulators.kms());

    let runtime = endpoint(&scene, "bedrock-runtime").await;
    let call = ec2.modify_vpc_endpoint().vpc_endpoint_id(runtime.vpc_endpoint_id().unwrap()).policy_document(EVERYTHING);
    call.send().await.expect("ModifyVpcEndpoint");
    let groups = groups(&scene).await;
    let call = ec2.authorize_security_group_ingress().group_id(groups[0].group_id().unwrap()).ip_permissions(everywhere());
    call.send().await.expect("AuthorizeSecurityGroupIngress");
    let call = ec2.authorize_security_group_egress().group_id(groups[1].group_id().unwrap()).ip_permissions(everywhere());
    call.send().await.expect("AuthorizeSecurityGroupEgress");
    let key = keys(&scene).await.remove(0);
    kms.disable_key_rotation().key_id(&key).send().await.expect("DisableKeyRotation");
    let widened = EVERYTHING.replace(r#""Action":"*""#, r#""Action":"kms:*""#);
    kms.put_key_policy().key_id(&key).policy_name("default").policy(widened).send().await.expect("PutKeyPolicy");
    let sts = endpoint(&scene, "sts").await;
    let tag = Tag::builder().key("hipaa-operator.io/environment").build();
    ec2.delete_tags().resources(sts.vpc_endpoint_id().unwrap()).tags(tag).send().await.expect("DeleteTags");
    let boundary = scene.environment().await.status.unwrap().boundary_arn.unwrap();
    set_policy(&scene, &boundary, ALL_OF_BEDROCK).await;

    looks_like(&scene, &before, "the environment is as it was").await;
    scene.all_ready("summaries").await;
    scene.sweeps(2).await;
    let changes: Vec<_> = scene.changes_since(&counted).await.into_iter().collect();
    let wanted = [
        "CreatePolicyVersion",
        "CreateTags",
        "EnableKeyRotation",
        "ModifyVpcEndpoint",
        "PutKeyPolicy",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
    ];
    assert_eq!(changes, wanted.map(|operation| (operation.to_owned(), 1)), "one call for each, and then none");
}

#[tokio::test]
async fn what_a_workload_stands_on_is_repaired() {
    let scene = Scene::ready().await;
    let before = picture(&scene).await;
    let iam = scene.bed.emulators.iam();
    let identity = scene.workload().await.status.unwrap().identity.unwrap();
    let role = scene.role().await;

    let counted = scene.counters().await;
    let call = iam.update_assume_role_policy().role_name(&role).policy_document(ANYONE);
    call.send().await.expect("UpdateAssumeRolePolicy");
    iam.attach_role_policy().role_name(&role).policy_arn(ADMINISTRATOR).send().await.expect("AttachRolePolicy");
    let call = iam.put_role_policy().role_name(&role).policy_name("more").policy_document(ALL_OF_BEDROCK);
    call.send().await.expect("PutRolePolicy");
    set_policy(&scene, &identity.policy_arn, ALL_OF_BEDROCK).await;
    iam.delete_role_permissions_boundary().role_name(&role).send().await.expect("DeleteRolePermissionsBoundary");
    iam.untag_role().role_name(&role).tag_keys("hipaa-operator.io/environment").send().await.expect("UntagRole");
    looks_like(&scene, &before, "the role is as it was").await;
    scene.all_ready("summaries").await;
    scene.sweeps(2).await;
    let changes: Vec<_> = scene.changes_since(&counted).await.into_iter().collect();
    let wanted =
        ["CreatePolicyVersion", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePermissionsBoundary", "TagRole", "UpdateAssumeRolePolicy"];
    assert_eq!(changes, wanted.map(|operation| (operation.to_owned(), 1)), "one call for each, and then none");

    let detach = || iam.detach_role_policy().role_name(&role).policy_arn(&identity.policy_arn).send();
    detach().await.expect("DetachRolePolicy");
    looks_like(&scene, &before, "the policy is attached again").await;
    detach().await.expect("DetachRolePolicy");
    iam.delete_role().role_name(&role).send().await.expect("DeleteRole");
    looks_like(&scene, &before, "the role is there again").await;
    scene.all_ready("summaries").await;

    let events: Api<Event> = Api::namespaced(scene.bed.client(), "clinic");
    let events = events.list(&ListParams::default()).await.unwrap();
    let repairs: Vec<_> = events.iter().filter(|event| event.reason.as_deref() == Some("Repaired")).collect();
    for operation in ["iam:DetachRolePolicy arn:aws:iam::aws:policy/AdministratorAccess", "iam:AttachRolePolicy", "iam:CreateRole"] {
        assert!(repairs.iter().any(|event| event.note.iter().any(|note| note.contains(operation))), "{operation} in {repairs:?}");
    }
}

#[tokio::test]
async fn what_a_workload_has_in_the_cluster_is_repaired() {
    let scene = Scene::ready().await;
    let policies: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let name = scene.workload().await.status.unwrap().network_policy_name.unwrap();
    let before = policies.get(&name).await.unwrap();
    let isolated = |what: &'static str| {
        let (scene, policies, before, name) = (&scene, &policies, &before, &name);
        async move {
            let compare = || async {
                let found = policies.get(name).await.map_err(|error| error.to_string())?;
                if found.spec == before.spec { Ok(()) } else { Err(format!("{:?}", found.spec)) }
            };
            scene.bed.eventually(what, SOON, compare).await;
        }
    };

    policies.delete(&name, &DeleteParams::default()).await.unwrap();
    isolated("a deleted NetworkPolicy is made again").await;

    let mut widened = policies.get(&name).await.unwrap();
    let everywhere = serde_json::json!({ "to": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }] });
    let egress = widened.spec.as_mut().and_then(|spec| spec.egress.as_mut()).unwrap();
    egress.push(serde_json::from_value(everywhere).unwrap());
    let written = policies.replace(&name, &PostParams::default(), &widened).await.unwrap();
    assert_eq!(written.spec.unwrap().egress.unwrap().len(), widened.spec.unwrap().egress.unwrap().len());
    isolated("a widened NetworkPolicy is narrowed again").await;

    let mut elsewhere = policies.get(&name).await.unwrap();
    elsewhere.spec.as_mut().unwrap().pod_selector = serde_json::from_value(serde_json::json!({ "matchLabels": { "app": "other" } })).ok();
    policies.replace(&name, &PostParams::default(), &elsewhere).await.unwrap();
    isolated("a NetworkPolicy for other pods is turned back").await;

    let cleared = serde_json::json!({ "metadata": { "annotations": { "eks.amazonaws.com/role-arn": null } } });
    accounts.patch("notes", &PatchParams::default(), &Patch::Merge(&cleared)).await.unwrap();
    let arn = scene.workload().await.status.unwrap().identity.unwrap().role_arn;
    let annotated = || async {
        let account = accounts.get("notes").await.map_err(|error| error.to_string())?;
        let found = account.metadata.annotations.unwrap_or_default().get("eks.amazonaws.com/role-arn").cloned();
        if found.as_ref() == Some(&arn) { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually("the annotation is back", SOON, annotated).await;
    scene.all_ready("summaries").await;
}
