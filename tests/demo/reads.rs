//! Single facts of the account, read from the account itself.

use aws_sdk_iam::error::DisplayErrorContext;
use aws_sdk_iam::types::PolicyScopeType;
use hipaa_operator::api::PhiWorkload;
use hipaa_operator::api::phi_workload::WorkloadIdentityStatus;
use kube::{Api, Client};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// IAM path of everything that the operator makes.
pub const PATH: &str = "/hipaa-operator/";

/// The environment's key.
pub struct Key {
    pub id: String,
    pub alias: String,
    pub state: String,
    pub rotated: bool,
}

/// An error of the SDK with its causes: by itself it says only that the service refused.
pub fn told(error: impl std::error::Error) -> String {
    DisplayErrorContext(error).to_string()
}

/// Role and policy as the workload's status names them.
pub async fn identity(client: &Client) -> Result<WorkloadIdentityStatus, String> {
    let workloads: Api<PhiWorkload> = Api::namespaced(client.clone(), "clinic");
    let workload = workloads.get("notes").await.map_err(|error| error.to_string())?;
    workload.status.and_then(|status| status.identity).ok_or_else(|| "the workload's status names no role".to_owned())
}

/// The roles under our path.
pub async fn role_names(iam: &aws_sdk_iam::Client) -> Result<Vec<String>, String> {
    let answer = iam.list_roles().path_prefix(PATH).send().await.map_err(told)?;
    Ok(answer.roles.into_iter().map(|role| role.role_name).collect())
}

/// The policies under our path.
pub async fn policy_arns(iam: &aws_sdk_iam::Client) -> Result<Vec<String>, String> {
    let answer = iam.list_policies().scope(PolicyScopeType::Local).path_prefix(PATH).send().await.map_err(told)?;
    Ok(answer.policies.unwrap_or_default().into_iter().filter_map(|policy| policy.arn).collect())
}

/// ARNs of the managed policies on a role.
pub async fn attached(iam: &aws_sdk_iam::Client, role: &str) -> Result<Vec<String>, String> {
    let answer = iam.list_attached_role_policies().role_name(role).send().await.map_err(told)?;
    Ok(answer.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn).collect())
}

/// The trust policy of a role.
pub async fn trust(iam: &aws_sdk_iam::Client, role: &str) -> Result<Value, String> {
    let role = iam.get_role().role_name(role).send().await.map_err(told)?.role;
    document(role.and_then(|role| role.assume_role_policy_document))
}

/// ARN of the permissions boundary of a role.
pub async fn boundary(iam: &aws_sdk_iam::Client, role: &str) -> Result<Option<String>, String> {
    let role = iam.get_role().role_name(role).send().await.map_err(told)?.role;
    Ok(role.and_then(|role| role.permissions_boundary).and_then(|boundary| boundary.permissions_boundary_arn))
}

/// A policy's document in force.
pub async fn policy(iam: &aws_sdk_iam::Client, arn: &str) -> Result<Value, String> {
    let policy = iam.get_policy().policy_arn(arn).send().await.map_err(told)?.policy;
    let version = policy.and_then(|policy| policy.default_version_id).ok_or("a policy has a default version")?;
    let version = iam.get_policy_version().policy_arn(arn).version_id(version).send().await.map_err(told)?.policy_version;
    document(version.and_then(|version| version.document))
}

/// The policy of an endpoint.
pub async fn endpoint_policy(ec2: &aws_sdk_ec2::Client, id: &str) -> Result<Value, String> {
    let answer = ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.map_err(told)?;
    let endpoint = answer.vpc_endpoints.unwrap_or_default().into_iter().next().ok_or_else(|| format!("there is no {id}"))?;
    document(endpoint.policy_document)
}

/// The key behind the environment's alias.
pub async fn environment_key(kms: &aws_sdk_kms::Client) -> Result<Key, String> {
    let aliases = kms.list_aliases().send().await.map_err(told)?.aliases.unwrap_or_default();
    let alias = aliases.into_iter().find(|alias| alias.alias_name().is_some_and(|name| name.starts_with("alias/hipaa-operator/")));
    let alias = alias.ok_or("there is no key with an alias of ours")?;
    let id = alias.target_key_id.ok_or("the alias names no key")?;
    let metadata = kms.describe_key().key_id(&id).send().await.map_err(told)?.key_metadata.ok_or("the key cannot be described")?;
    let rotation = kms.get_key_rotation_status().key_id(&id).send().await.map_err(told)?;
    Ok(Key {
        id,
        alias: alias.alias_name.unwrap_or_default(),
        state: metadata.key_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        rotated: rotation.key_rotation_enabled,
    })
}

/// IAM gives documents percent-encoded, EC2 as they are: JSON has no percent sign that could be mistaken here.
fn document(text: Option<String>) -> Result<Value, String> {
    let text = text.ok_or("there is no document")?;
    serde_json::from_str(&percent_decode_str(&text).decode_utf8_lossy()).map_err(|error| error.to_string())
}
