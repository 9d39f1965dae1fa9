//! What a plan changes or deletes of what exists already: one item for each object, however many calls that takes.

use serde_json::{Value, json};

use crate::domain::names::last;
use crate::plan::Action;
use crate::plan::action::{EndpointChange, GroupReference, KeyReference};

use super::{Item, Subject};

/// Whom a setting of the account concerns.
const ALL_OF_THE_ACCOUNT: &str = "all of the account in this Region";

/// The change that an action makes; none for one that makes an object.
pub(super) fn item(subject: &Subject, action: &Action) -> Option<Item> {
    let change = |place: [&str; 3], properties: Value| Item::of(subject, "Change", place, properties);
    let group = |reference: &GroupReference, name: &str, what: &str, rules: Value| {
        let mut properties = json!({});
        properties[what] = rules;
        if let GroupReference::Id(id) = reference {
            properties["id"] = json!(id);
        }
        change(["ec2", "SecurityGroup", name], properties)
    };
    let key = |key: &KeyReference, properties: Value| {
        let KeyReference::Arn(arn) = key else { return None };
        Some(change(["kms", "Key", arn], properties))
    };
    let policy = |kind: &str, arn: &str| change(["iam", kind, last(arn)], json!({"arn": arn}));
    let role = |name: &str, properties: Value| change(["iam", "Role", name], properties);
    Some(match action {
        Action::AuthorizeSecurityGroupIngress { group: id, name, rules } => group(id, name, "addIngress", json!(rules)),
        Action::RevokeSecurityGroupIngress { group: id, name, rules } => group(id, name, "removeIngress", json!(rules)),
        Action::RevokeSecurityGroupEgress { group: id, name, rules } => group(id, name, "removeEgress", json!(rules)),
        Action::ModifyVpcEndpoint(new) => Item { document: new.policy.clone(), ..change(["ec2", "VpcEndpoint", &new.id], endpoint(new)) },
        Action::CreateTags { id, tags } => change(["ec2", kind_of(id), id], json!({"tags": tags})),
        Action::DeleteVpcEndpoint { id, .. } => Item::of(subject, "Delete", ["ec2", "VpcEndpoint", id], json!({})),
        Action::DeleteSecurityGroup { id, .. } => Item::of(subject, "Delete", ["ec2", "SecurityGroup", id], json!({})),
        Action::EnableKeyRotation { key: arn, days } => key(arn, json!({"rotationPeriodInDays": days}))?,
        Action::EnableKey { key: arn } => key(arn, json!({"enabled": true}))?,
        Action::PutKeyPolicy { key: arn, policy } => Item { document: Some(policy.clone()), ..key(arn, json!({}))? },
        Action::TagKey { key: arn, tags } => key(arn, json!({"tags": tags}))?,
        Action::UntagKey { key: arn, tags } => key(arn, json!({"removeTags": tags}))?,
        Action::ChangeBoundary { arn, document, .. } => Item { document: Some(document.clone()), ..policy("PermissionsBoundary", arn) },
        Action::ChangePolicy { arn, document, .. } => Item { document: Some(document.clone()), ..policy("Policy", arn) },
        Action::DeleteBoundary { arn, .. } => Item { operation: "Delete".to_owned(), ..policy("PermissionsBoundary", arn) },
        Action::DeletePolicy { arn, .. } => Item { operation: "Delete".to_owned(), ..policy("Policy", arn) },
        Action::UpdateTrust { role: name, trust } => Item { trust: Some(trust.clone()), ..role(name, json!({})) },
        Action::UpdateMaxSessionDuration { role: name, seconds } => role(name, json!({"maxSessionDuration": seconds})),
        Action::PutPermissionsBoundary { role: name, boundary_arn } => role(name, json!({"permissionsBoundary": boundary_arn})),
        Action::TagRole { role: name, tags } => role(name, json!({"tags": tags})),
        Action::AttachPolicy { role: name, policy_arn } => role(name, json!({"attachPolicies": [policy_arn]})),
        Action::DetachPolicy { role: name, policy_arn } | Action::DetachOwnPolicy { role: name, policy_arn } => {
            role(name, json!({"detachPolicies": [policy_arn]}))
        }
        Action::DeleteInlinePolicy { role: name, policy_name } => role(name, json!({"deleteInlinePolicies": [policy_name]})),
        Action::StripRole { role: name, attached, inline } => {
            role(name, json!({"detachPolicies": attached, "deleteInlinePolicies": inline}))
        }
        Action::DeleteRole { role: name, .. } => Item::of(subject, "Delete", ["iam", "Role", name], json!({})),
        Action::UpdateGuardrail { id, name, content } => change(["bedrock", "Guardrail", name], json!({"id": id, "content": content})),
        Action::CreateGuardrailVersion { id, name, .. } => change(["bedrock", "Guardrail", name], json!({"id": id, "publish": true})),
        Action::DeleteGuardrail { id, name } => Item::of(subject, "Delete", ["bedrock", "Guardrail", name], json!({"id": id})),
        Action::ReleaseClaim { arn, .. } => Item { operation: "Delete".to_owned(), ..policy("Claim", arn) },
        Action::PutAccountDataRetention { region, mode } => {
            change(["bedrock", "AccountDataRetention", region], json!({"mode": mode, "scope": ALL_OF_THE_ACCOUNT}))
        }
        Action::PutModelInvocationLogging { region, configuration } => {
            change(["bedrock", "ModelInvocationLogging", region], json!({"configuration": configuration, "scope": ALL_OF_THE_ACCOUNT}))
        }
        Action::DeleteModelInvocationLogging { region } => Item {
            operation: "Delete".to_owned(),
            ..change(["bedrock", "ModelInvocationLogging", region], json!({"scope": ALL_OF_THE_ACCOUNT}))
        },
        // They make an object, or one of the cluster's.
        Action::CreateSecurityGroup { .. }
        | Action::CreateVpcEndpoint(_)
        | Action::CreateKey { .. }
        | Action::CreateAlias { .. }
        | Action::CreateGuardrail(_)
        | Action::TakeClaim(_)
        | Action::CreateBoundary { .. }
        | Action::CreatePolicy { .. }
        | Action::CreateRole(_)
        | Action::ApplyNetworkPolicy(_)
        | Action::DeleteNetworkPolicy { .. }
        | Action::ApplyConfigMap { .. }
        | Action::DeleteConfigMap { .. }
        | Action::AnnotateServiceAccount { .. }
        | Action::ClearServiceAccount { .. } => return None,
    })
}

/// Enters a change into the item of its object from `first` on, or behind all others.
pub(super) fn enter(items: &mut Vec<Item>, first: usize, change: Option<Item>) {
    let Some(change) = change else { return };
    let same = |item: &&mut Item| item.operation == change.operation && item.kind == change.kind && item.name == change.name;
    match items[first..].iter_mut().find(same) {
        None => items.push(change),
        Some(item) => {
            item.document = change.document.or(item.document.take());
            item.trust = change.trust.or(item.trust.take());
            for (property, value) in change.properties {
                match (item.properties.get_mut(&property), value) {
                    (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
                    (_, value) => drop(item.properties.insert(property, value)),
                }
            }
        }
    }
}

fn endpoint(change: &EndpointChange) -> Value {
    let mut properties = json!({"service": change.service});
    if !change.add_subnet_ids.is_empty() {
        properties["addSubnetIds"] = json!(change.add_subnet_ids);
    }
    match &change.add_group {
        Some(GroupReference::Id(id)) => properties["addSecurityGroup"] = json!(id),
        Some(GroupReference::ForService(service)) => properties["addSecurityGroup"] = json!(format!("the new one for {service}")),
        None => {}
    }
    if !change.remove_group_ids.is_empty() {
        properties["removeSecurityGroups"] = json!(change.remove_group_ids);
    }
    if change.enable_private_dns {
        properties["privateDns"] = json!(true);
    }
    properties
}

/// What EC2 calls the thing with this id.
fn kind_of(id: &str) -> &'static str {
    if id.starts_with("sg-") { "SecurityGroup" } else { "VpcEndpoint" }
}
