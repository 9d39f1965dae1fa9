//! What a deleted environment leaves behind: shared things as its deletion policy says, the key always.

use crate::api::shared::DeletionPolicy;
use crate::domain::{names, tags};
use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::plan::Action;
use crate::plan::action::KeyReference;

use super::Rules;

/// The actions that remove what the deletion policy does not retain. Only things with our tags are touched. Endpoints go before
/// their groups, which EC2 refuses to delete while they are in use.
#[must_use]
pub fn remove(rules: &Rules, observed: &EnvironmentObservation) -> Vec<Action> {
    if rules.resolved.deletion_policy != DeletionPolicy::Delete {
        return Vec::new();
    }
    let wanted = tags::of_environment(&rules.scope);
    let mut actions = Vec::new();
    for endpoint in observed.endpoints.iter().flatten().filter(|endpoint| tags::owned(&endpoint.tags, &wanted)) {
        let service = endpoint.service_name.rsplit('.').next().unwrap_or_default().to_owned();
        actions.push(Action::DeleteVpcEndpoint { service, id: endpoint.id.clone() });
    }
    for group in observed.security_groups.iter().flatten().filter(|group| tags::owned(&group.tags, &wanted)) {
        actions.push(Action::DeleteSecurityGroup { service: group.name.clone(), id: group.id.clone() });
    }
    for guardrail in observed.guardrails.values().flatten().filter(|guardrail| guardrail.ours) {
        actions.extend(guardrail.draft.iter().map(|draft| Action::DeleteGuardrail { id: draft.id.clone(), name: draft.arn.clone() }));
    }
    if let Ok(Some(boundary)) = &observed.boundary {
        actions.push(Action::DeleteBoundary { arn: boundary.arn.clone(), other_versions: boundary.other_versions.clone() });
    }
    actions
}

/// Marks a key of ours whose environment goes as orphaned. Keys are always retained.
#[must_use]
pub fn orphan_key(rules: &Rules, key: &Key) -> Option<Action> {
    let ours = tags::owned(&key.tags, &tags::of_environment(&rules.scope));
    let marked = key.tags.contains_key(tags::ORPHANED);
    (ours && !marked).then(|| Action::TagKey {
        key: KeyReference::Arn(key.arn.clone()),
        tags: tags::Tags::from([(tags::ORPHANED.to_owned(), names::key_alias(&rules.scope))]),
    })
}
