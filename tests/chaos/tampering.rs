//! What is done behind the operator's back before a repair. Nothing of it is narrower than declared: that would be held, not repaired.

use aws_sdk_ec2::types::{IpPermission, IpRange, SecurityGroup, Tag, VpcEndpoint};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};

use crate::account::told;
use crate::cluster::NAMESPACE;
use crate::lane::Lane;

const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
const ALL_OF_BEDROCK: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bedrock:*","Resource":"*"}]}"#;
const ALL_OF_KMS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}"#;
const OUR_TAG: &str = "hipaa-operator.io/environment";

/// Does all of it.
pub async fn all(lane: &Lane) -> Result<(), String> {
    identity(lane).await?;
    network(lane).await?;
    key(lane).await?;
    cluster(lane).await
}

/// The role goes; its policy and the boundary are widened, the policy until no version is left.
async fn identity(lane: &Lane) -> Result<(), String> {
    let iam = lane.bed.emulators.iam();
    let roles = iam.list_roles().path_prefix("/hipaa-operator/").send().await.map_err(told)?;
    for role in roles.roles() {
        let attached = iam.list_attached_role_policies().role_name(role.role_name()).send().await.map_err(told)?;
        for policy in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
            iam.detach_role_policy().role_name(role.role_name()).policy_arn(policy).send().await.map_err(told)?;
            for _ in 0..4 {
                widen(lane, policy).await?;
            }
        }
        if let Some(boundary) = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()) {
            widen(lane, boundary).await?;
        }
        iam.delete_role().role_name(role.role_name()).send().await.map_err(told)?;
    }
    Ok(())
}

async fn widen(lane: &Lane, policy: &str) -> Result<(), String> {
    let call = lane.bed.emulators.iam().create_policy_version().policy_arn(policy).policy_document(ALL_OF_BEDROCK).set_as_default(true);
    call.send().await.map(drop).map_err(told)
}

/// One endpoint goes, one is opened to everyone, one loses its tag; one group lets everything in, one everything out.
async fn network(lane: &Lane) -> Result<(), String> {
    let ec2 = lane.bed.emulators.ec2();
    let endpoints = ec2.describe_vpc_endpoints().send().await.map_err(told)?.vpc_endpoints.unwrap_or_default();
    let endpoint = |service: &str| id_of_endpoint(&endpoints, service);
    let sts = endpoint("sts")?;
    ec2.delete_vpc_endpoints().vpc_endpoint_ids(sts).send().await.map_err(told)?;
    let call = ec2.modify_vpc_endpoint().vpc_endpoint_id(endpoint("bedrock-runtime")?).policy_document(EVERYTHING);
    call.send().await.map_err(told)?;
    let tag = Tag::builder().key(OUR_TAG).build();
    ec2.delete_tags().resources(endpoint("bedrock")?).tags(tag).send().await.map_err(told)?;

    let groups = ec2.describe_security_groups().send().await.map_err(told)?.security_groups.unwrap_or_default();
    let group = |service: &str| id_of_group(&groups, service);
    let call = ec2.authorize_security_group_ingress().group_id(group("bedrock-runtime")?).ip_permissions(everywhere());
    call.send().await.map_err(told)?;
    let call = ec2.authorize_security_group_egress().group_id(group("bedrock")?).ip_permissions(everywhere());
    call.send().await.map(drop).map_err(told)
}

fn id_of_endpoint<'a>(endpoints: &'a [VpcEndpoint], service: &str) -> Result<&'a str, String> {
    let name = format!("com.amazonaws.us-east-1.{service}");
    let lives = |endpoint: &&VpcEndpoint| endpoint.state().is_none_or(|state| !state.as_str().eq_ignore_ascii_case("deleted"));
    let found = endpoints.iter().filter(lives).find(|endpoint| endpoint.service_name() == Some(&name));
    found.and_then(|endpoint| endpoint.vpc_endpoint_id()).ok_or_else(|| format!("{service} has no endpoint"))
}

fn id_of_group<'a>(groups: &'a [SecurityGroup], service: &str) -> Result<&'a str, String> {
    let ours = groups.iter().filter(|group| group.tags().iter().any(|tag| tag.key() == Some(OUR_TAG)));
    let description = format!("HTTPS to the {service} endpoint of hipaa-operator");
    let found = ours.into_iter().find(|group| group.description() == Some(&description));
    found.and_then(|group| group.group_id()).ok_or_else(|| format!("{service} has no group"))
}

fn everywhere() -> IpPermission {
    IpPermission::builder().ip_protocol("-1").ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build()
}

/// The key is no longer rotated, lacks a tag, and is anyone's.
async fn key(lane: &Lane) -> Result<(), String> {
    let kms = lane.bed.emulators.kms();
    let keys = kms.list_keys().send().await.map_err(told)?;
    let key = keys.keys().first().and_then(|key| key.key_id()).ok_or("there is no key")?;
    kms.disable_key_rotation().key_id(key).send().await.map_err(told)?;
    kms.untag_resource().key_id(key).tag_keys(OUR_TAG).send().await.map_err(told)?;
    kms.put_key_policy().key_id(key).policy_name("default").policy(ALL_OF_KMS).send().await.map(drop).map_err(told)
}

/// The pods are fenced in no more, and get no role.
async fn cluster(lane: &Lane) -> Result<(), String> {
    let policies = Api::<NetworkPolicy>::namespaced(lane.bed.client(), NAMESPACE);
    let now = DeleteParams::default();
    policies.delete_collection(&now, &ListParams::default()).await.map_err(|error| error.to_string())?;
    let accounts = Api::<ServiceAccount>::namespaced(lane.bed.client(), NAMESPACE);
    let cleared = serde_json::json!({ "metadata": { "annotations": { "eks.amazonaws.com/role-arn": null } } });
    let patched = accounts.patch("notes", &PatchParams::default(), &Patch::Merge(&cleared)).await;
    patched.map(drop).map_err(|error| error.to_string())
}
