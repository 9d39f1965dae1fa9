//! From actions to objects: one item for each object that a plan makes or changes, however many calls that takes.

mod changes;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::annotations::ROLE_ARN;
use crate::plan::action::{GroupReference, KeyReference, NewEndpoint, NewRole};
use crate::plan::{Action, Mode};
use crate::policy::PolicyDocument;

use super::{Preview, Subject};

/// An object in the account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// The declaration it is made for.
    pub subject: Subject,
    /// Service in IAM's prefixes, such as `iam`.
    pub service: String,
    /// Kind of the object, such as `Role`. A `Policy` is attached to the role of the workload in `subject`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What would be done: `Create`, `Change` or `Delete`.
    pub operation: String,
    /// Its policy document, if it is or has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<PolicyDocument>,
    /// The trust policy of a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<PolicyDocument>,
    /// What else is set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Whether the mode keeps it from being made.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

impl Item {
    fn of(subject: &Subject, operation: &str, [service, kind, name]: [&str; 3], properties: Value) -> Self {
        Self {
            subject: subject.clone(),
            service: service.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            operation: operation.to_owned(),
            document: None,
            trust: None,
            properties: into_map(properties),
            withheld: false,
        }
    }
}

/// Adds the objects that the actions make and change.
pub(super) fn add(preview: &mut Preview, subject: &Subject, actions: &[Action], mode: &Mode) {
    let withheld = *mode != Mode::Enforce;
    let takes_away = |action: &Action| matches!(mode, Mode::Hold(_) | Mode::Suspended(_)) && action.takes_power_away();
    let first = preview.aws.len();
    for action in actions {
        match action {
            Action::ApplyNetworkPolicy(policy) => {
                let manifest = serde_json::to_value(policy).unwrap_or_default();
                preview.kubernetes.push(marked(manifest, withheld));
            }
            Action::ApplyConfigMap { config_map, .. } => {
                let manifest = serde_json::to_value(config_map).unwrap_or_default();
                preview.kubernetes.push(marked(manifest, withheld && !takes_away(action)));
            }
            Action::DeleteConfigMap { namespace, name, .. } => {
                let manifest =
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": null});
                preview.kubernetes.push(marked(manifest, withheld && !takes_away(action)));
            }
            Action::AnnotateServiceAccount { namespace, name, role_arn, .. } => {
                let metadata = json!({"name": name, "namespace": namespace, "annotations": {ROLE_ARN: role_arn}});
                preview.kubernetes.push(marked(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}), withheld));
            }
            Action::ClearServiceAccount { namespace, name, .. } => {
                let metadata = json!({"name": name, "namespace": namespace, "annotations": {ROLE_ARN: null}});
                let withheld = withheld && !takes_away(action);
                preview.kubernetes.push(marked(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}), withheld));
            }
            _ => match object(subject, action, actions) {
                Some(item) => preview.aws.push(Item { withheld, ..item }),
                None if complete(&mut preview.aws[first..], action) => {}
                None => {
                    let change = changes::item(subject, action).map(|item| Item { withheld: withheld && !takes_away(action), ..item });
                    changes::enter(&mut preview.aws, first, change);
                }
            },
        }
    }
}

fn marked(mut manifest: Value, withheld: bool) -> Value {
    if withheld {
        manifest["withheld"] = Value::Bool(true);
    }
    manifest
}

/// The object that an action makes; none if it changes one that another action makes.
fn object(subject: &Subject, action: &Action, all: &[Action]) -> Option<Item> {
    let item = |service: &str, kind: &str, name: &str, properties: Value| Item::of(subject, "Create", [service, kind, name], properties);
    Some(match action {
        Action::CreateSecurityGroup { name, vpc_id, tags, .. } => {
            item("ec2", "SecurityGroup", name, json!({"vpcId": vpc_id, "ingress": [], "egress": [], "tags": tags}))
        }
        Action::CreateVpcEndpoint(new) => {
            Item { document: new.policy.clone(), ..item("ec2", "VpcEndpoint", &new.service_name, endpoint(new, all)) }
        }
        Action::CreateKey { alias, policy, tags } => {
            Item { document: Some(policy.clone()), ..item("kms", "Key", alias, json!({"alias": alias, "tags": tags})) }
        }
        Action::CreateGuardrail(new) => item("bedrock", "Guardrail", &new.name, json!({"content": new.content, "tags": new.tags})),
        Action::CreateAlias { alias, .. } => item("kms", "Alias", alias, json!({"target": "the key of the same name"})),
        Action::TakeClaim(claim) => Item {
            document: Some(claim.document.clone()),
            ..item("iam", "Claim", &claim.name, json!({"arn": claim.arn, "tags": claim.tags}))
        },
        Action::CreateBoundary { name, arn, document, tags } => {
            Item { document: Some(document.clone()), ..item("iam", "PermissionsBoundary", name, json!({"arn": arn, "tags": tags})) }
        }
        Action::CreatePolicy { name, arn, document, tags } => {
            Item { document: Some(document.clone()), ..item("iam", "Policy", name, json!({"arn": arn, "tags": tags})) }
        }
        Action::CreateRole(new) => Item { trust: Some(new.trust.clone()), ..item("iam", "Role", &new.name, role(new)) },
        // They change what another action makes, or what exists already. Named one by one, so that a new kind of object cannot be left
        // out unnoticed.
        Action::AuthorizeSecurityGroupIngress { .. }
        | Action::RevokeSecurityGroupIngress { .. }
        | Action::RevokeSecurityGroupEgress { .. }
        | Action::ModifyVpcEndpoint(_)
        | Action::CreateTags { .. }
        | Action::DeleteVpcEndpoint { .. }
        | Action::DeleteSecurityGroup { .. }
        | Action::EnableKeyRotation { .. }
        | Action::EnableKey { .. }
        | Action::PutKeyPolicy { .. }
        | Action::TagKey { .. }
        | Action::UntagKey { .. }
        | Action::UpdateGuardrail { .. }
        | Action::CreateGuardrailVersion { .. }
        | Action::DeleteGuardrail { .. }
        | Action::ReleaseClaim { .. }
        | Action::PutAccountDataRetention { .. }
        | Action::PutModelInvocationLogging { .. }
        | Action::DeleteModelInvocationLogging { .. }
        | Action::ChangeBoundary { .. }
        | Action::DeleteBoundary { .. }
        | Action::ChangePolicy { .. }
        | Action::DeletePolicy { .. }
        | Action::UpdateTrust { .. }
        | Action::UpdateMaxSessionDuration { .. }
        | Action::PutPermissionsBoundary { .. }
        | Action::TagRole { .. }
        | Action::AttachPolicy { .. }
        | Action::DetachPolicy { .. }
        | Action::DetachOwnPolicy { .. }
        | Action::DeleteInlinePolicy { .. }
        | Action::StripRole { .. }
        | Action::DeleteRole { .. }
        | Action::ApplyNetworkPolicy(_)
        | Action::DeleteNetworkPolicy { .. }
        | Action::ApplyConfigMap { .. }
        | Action::DeleteConfigMap { .. }
        | Action::AnnotateServiceAccount { .. }
        | Action::ClearServiceAccount { .. } => return None,
    })
}

fn endpoint(new: &NewEndpoint, all: &[Action]) -> Value {
    let groups = all.iter().filter_map(|action| match action {
        Action::CreateSecurityGroup { service, name, .. } if *service == new.service => Some(name),
        _ => None,
    });
    json!({
        "service": new.service,
        "type": "Interface",
        "vpcId": new.vpc_id,
        "subnetIds": new.subnet_ids,
        "securityGroups": groups.collect::<Vec<_>>(),
        "privateDns": true,
        "tags": new.tags,
    })
}

fn role(new: &NewRole) -> Value {
    json!({
        "arn": new.arn,
        "path": new.path,
        "permissionsBoundary": new.boundary_arn,
        "maxSessionDuration": new.max_session_duration,
        "attachedPolicies": [],
        "tags": new.tags,
    })
}

/// Enters a further call into the object that it completes; says whether it belongs to an object that the plan makes.
fn complete(made: &mut [Item], action: &Action) -> bool {
    if let Action::AttachPolicy { role, policy_arn } = action {
        let made = made.iter_mut().find(|item| item.operation == "Create" && item.kind == "Role" && item.name == *role);
        let attached = made.and_then(|item| item.properties.get_mut("attachedPolicies")).and_then(Value::as_array_mut);
        return attached.map(|attached| attached.push(json!(policy_arn))).is_some();
    }
    let (kind, name, property, value) = match action {
        Action::AuthorizeSecurityGroupIngress { name, rules, .. } => ("SecurityGroup", name, "ingress", json!(rules)),
        // Its item says already that nothing goes out.
        Action::RevokeSecurityGroupEgress { group: GroupReference::ForService(_), .. } => return true,
        Action::EnableKeyRotation { key: KeyReference::Created, days } => {
            for key in made.iter_mut().filter(|item| item.kind == "Key") {
                key.properties.insert("rotationPeriodInDays".to_owned(), json!(days));
            }
            return true;
        }
        _ => return false,
    };
    let found = made.iter_mut().find(|item| item.operation == "Create" && item.kind == kind && item.name == *name);
    found.map(|item| item.properties.insert(property.to_owned(), value)).is_some()
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
