//! The account as its console would show it: everything of ours in one comparable picture, and what a person may do to it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{SecurityGroup, VpcEndpoint};
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use hipaa_operator::policy::PolicyDocument;

use crate::scene::{SOON, Scene};
use crate::support::comparable::{canonical, rules, sorted};

/// What everything of ours in the account looks like, by the name of the thing and of its part.
pub type Picture = BTreeMap<String, String>;

/// Everything of ours, the numbers of policy versions aside.
pub async fn picture(scene: &Scene) -> Picture {
    let mut picture = Picture::new();
    let details = scene.bed.emulators.iam().get_account_authorization_details();
    let details = details.filter(EntityType::Role).filter(EntityType::LocalManagedPolicy).send().await.expect("IAM answers");
    for role in details.role_detail_list().iter().filter(|role| role.path().is_some_and(|path| path.starts_with("/hipaa-operator/"))) {
        role_in(role, &mut picture);
    }
    // moto tells neither path nor name of a policy.
    for policy in details.policies().iter().filter(|policy| policy.arn().is_some_and(|arn| arn.contains(":policy/hipaa-operator/"))) {
        picture.insert(format!("policy {}", policy.arn().unwrap_or_default()), canonical(default_document(policy)));
    }
    for endpoint in endpoints(scene).await {
        let name = format!("endpoint {}", endpoint.service_name().unwrap_or_default());
        picture.insert(format!("{name} policy"), canonical(endpoint.policy_document().unwrap_or_default()));
        picture.insert(format!("{name} groups"), sorted(endpoint.groups().iter().map(|group| group.group_id())));
        picture.insert(format!("{name} subnets"), sorted(endpoint.subnet_ids().iter()));
    }
    for group in groups(scene).await {
        let name = format!("group {}", group.group_name().unwrap_or_default());
        picture.insert(format!("{name} ingress"), rules(group.ip_permissions()));
        picture.insert(format!("{name} egress"), rules(group.ip_permissions_egress()));
    }
    keys_in(scene, &mut picture).await;
    picture
}

/// Waits until the account looks like `wanted`.
pub async fn looks_like(scene: &Scene, wanted: &Picture, what: &str) {
    let compare = || async {
        let found = picture(scene).await;
        let keys = wanted.keys().chain(found.keys()).filter(|key| wanted.get(*key) != found.get(*key));
        let differing: Vec<_> = keys.map(|key| format!("{key}: {:?} instead of {:?}", found.get(key), wanted.get(key))).collect();
        if differing.is_empty() { Ok(()) } else { Err(differing.join("\n  ")) }
    };
    scene.bed.eventually(what, SOON, compare).await;
}

/// The default version of a policy.
pub async fn policy(scene: &Scene, arn: &str) -> Option<PolicyDocument> {
    let iam = scene.bed.emulators.iam();
    let version = iam.get_policy().policy_arn(arn).send().await.ok()?.policy?.default_version_id?;
    let version = iam.get_policy_version().policy_arn(arn).version_id(version).send().await.ok()?;
    PolicyDocument::parse(version.policy_version?.document()?).ok()
}

/// Makes `document` the default version of a policy.
pub async fn set_policy(scene: &Scene, arn: &str, document: &str) {
    let call = scene.bed.emulators.iam().create_policy_version().policy_arn(arn).policy_document(document).set_as_default(true);
    call.send().await.expect("CreatePolicyVersion");
}

/// The endpoints of the account that were not deleted.
pub async fn endpoints(scene: &Scene) -> Vec<VpcEndpoint> {
    let found = scene.bed.emulators.ec2().describe_vpc_endpoints().send().await.expect("DescribeVpcEndpoints");
    let lives = |endpoint: &VpcEndpoint| endpoint.state().is_none_or(|state| !state.as_str().eq_ignore_ascii_case("deleted"));
    found.vpc_endpoints.unwrap_or_default().into_iter().filter(lives).collect()
}

/// The endpoint of a service.
pub async fn endpoint(scene: &Scene, service: &str) -> VpcEndpoint {
    let ending = format!(".{service}");
    let all = endpoints(scene).await;
    all.into_iter().find(|one| one.service_name().is_some_and(|name| name.ends_with(&ending))).expect("the service has an endpoint")
}

/// The security groups with our tags.
pub async fn groups(scene: &Scene) -> Vec<SecurityGroup> {
    let found = scene.bed.emulators.ec2().describe_security_groups().send().await.expect("DescribeSecurityGroups");
    let tagged = |group: &SecurityGroup| group.tags().iter().any(|tag| tag.key() == Some("hipaa-operator.io/cluster"));
    found.security_groups.unwrap_or_default().into_iter().filter(tagged).collect()
}

/// Ids of the customer's keys.
pub async fn keys(scene: &Scene) -> Vec<String> {
    let listed = scene.bed.emulators.kms().list_keys().send().await.expect("ListKeys");
    listed.keys().iter().filter_map(|key| key.key_id().map(str::to_owned)).collect()
}

/// Names of the roles under our path.
pub async fn roles(scene: &Scene) -> Vec<String> {
    let listed = scene.bed.emulators.iam().list_roles().path_prefix("/hipaa-operator/").send().await.expect("ListRoles");
    listed.roles.into_iter().map(|role| role.role_name).collect()
}

fn role_in(role: &RoleDetail, picture: &mut Picture) {
    let name = format!("role {}", role.role_name().unwrap_or_default());
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    let inline = role.role_policy_list().iter();
    picture.insert(format!("{name} trust"), canonical(role.assume_role_policy_document().unwrap_or_default()));
    picture.insert(format!("{name} boundary"), boundary.unwrap_or("none").to_owned());
    picture.insert(format!("{name} attached"), sorted(role.attached_managed_policies().iter().map(|policy| policy.policy_arn())));
    picture.insert(format!("{name} inline"), sorted(inline.map(|policy| (policy.policy_name(), policy.policy_document().map(canonical)))));
    picture.insert(format!("{name} tags"), sorted(role.tags().iter().map(|tag| (tag.key(), tag.value()))));
}

fn default_document(policy: &ManagedPolicyDetail) -> &str {
    let version = policy.policy_version_list().iter().find(|version| version.is_default_version());
    version.and_then(|version| version.document()).unwrap_or_default()
}

async fn keys_in(scene: &Scene, picture: &mut Picture) {
    let kms = scene.bed.emulators.kms();
    for key in keys(scene).await {
        let state = kms.describe_key().key_id(&key).send().await.expect("DescribeKey").key_metadata.expect("a key");
        let rotation = kms.get_key_rotation_status().key_id(&key).send().await.map(|status| status.key_rotation_enabled());
        let policy = kms.get_key_policy().key_id(&key).policy_name("default").send().await.expect("GetKeyPolicy");
        picture.insert(format!("key {key} state"), format!("{:?}", state.key_state()));
        picture.insert(format!("key {key} rotation"), format!("{:?}", rotation.ok()));
        picture.insert(format!("key {key} policy"), canonical(policy.policy().unwrap_or_default()));
    }
}
