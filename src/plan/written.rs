//! What a carried-out action makes of the account's IAM, as far as it is known.

use std::sync::Arc;

use crate::observed::identity::{DocumentText, IdentitySnapshot, ManagedPolicy, Role};
use crate::policy::PolicyDocument;

use super::Action;

/// A document as IAM keeps it after we wrote it.
fn kept(document: &PolicyDocument) -> DocumentText {
    DocumentText::of(&document.to_json())
}

/// Changes the snapshot as the action changed the account; gives the role's name or the policy's ARN.
pub fn written(snapshot: &mut IdentitySnapshot, action: &Action, version: Option<String>) -> Option<String> {
    match action {
        Action::CreatePolicy { arn, document, .. } | Action::CreateBoundary { arn, document, .. } => {
            let policy = ManagedPolicy {
                arn: arn.clone(),
                default_version: "v1".to_owned(),
                other_versions: Vec::new(),
                document: Some(kept(document)),
            };
            snapshot.policies.insert(arn.clone(), policy.into());
            Some(arn.clone())
        }
        Action::ChangePolicy { arn, document, prune, .. } | Action::ChangeBoundary { arn, document, prune } => {
            let policy = Arc::make_mut(snapshot.policies.get_mut(arn)?);
            policy.other_versions.retain(|version| Some(version) != prune.as_ref());
            let former = std::mem::replace(&mut policy.default_version, version?);
            policy.other_versions.push(former);
            policy.document = Some(kept(document));
            Some(arn.clone())
        }
        Action::TakeClaim(claim) => {
            let (arn, document) = (claim.arn.clone(), Some(kept(&claim.document)));
            let policy = ManagedPolicy { arn: arn.clone(), default_version: "v1".to_owned(), document, ..ManagedPolicy::default() };
            snapshot.policies.insert(arn.clone(), policy.into());
            Some(arn)
        }
        Action::DeletePolicy { arn, .. } | Action::DeleteBoundary { arn, .. } | Action::ReleaseClaim { arn, .. } => {
            snapshot.policies.remove(arn);
            Some(arn.clone())
        }
        Action::CreateRole(new) => {
            let role = Role {
                name: new.name.clone(),
                arn: new.arn.clone(),
                trust: Some(kept(&new.trust)),
                boundary_arn: Some(new.boundary_arn.clone()),
                tags: new.tags.clone(),
                ..Role::default()
            };
            snapshot.roles.insert(new.name.clone(), role.into());
            Some(new.name.clone())
        }
        Action::DeleteRole { role, .. } => {
            snapshot.roles.remove(role);
            Some(role.clone())
        }
        _ => written_to_role(snapshot, action),
    }
}

fn written_to_role(snapshot: &mut IdentitySnapshot, action: &Action) -> Option<String> {
    let (Action::UpdateTrust { role: name, .. }
    | Action::PutPermissionsBoundary { role: name, .. }
    | Action::TagRole { role: name, .. }
    | Action::AttachPolicy { role: name, .. }
    | Action::DetachPolicy { role: name, .. }
    | Action::DetachOwnPolicy { role: name, .. }
    | Action::StripRole { role: name, .. }
    | Action::DeleteInlinePolicy { role: name, .. }) = action
    else {
        return None;
    };
    let role = Arc::make_mut(snapshot.roles.get_mut(name)?);
    match action {
        Action::UpdateTrust { trust, .. } => role.trust = Some(kept(trust)),
        Action::PutPermissionsBoundary { boundary_arn, .. } => role.boundary_arn = Some(boundary_arn.clone()),
        Action::TagRole { tags, .. } => role.tags.extend(tags.clone()),
        Action::AttachPolicy { policy_arn, .. } => drop(role.attached.insert(policy_arn.clone())),
        Action::DetachPolicy { policy_arn, .. } | Action::DetachOwnPolicy { policy_arn, .. } => drop(role.attached.remove(policy_arn)),
        Action::DeleteInlinePolicy { policy_name, .. } => drop(role.inline.remove(policy_name)),
        Action::StripRole { attached, inline, .. } => {
            role.attached.retain(|arn| !attached.contains(arn));
            role.inline.retain(|name, _| !inline.contains(name));
        }
        _ => {}
    }
    Some(name.clone())
}
