//! The order of a removal: identity first, isolation last. What could not be taken away keeps what comes after it.

use crate::domain::Fault;
use crate::domain::names::last;
use crate::plan::Action;

use super::{Executor, Results};

impl Executor<'_> {
    /// Takes all policies off a role.
    pub(super) async fn strip(&self, role: &str, attached: &[String], inline: &[String]) -> Result<(), Fault> {
        for policy_arn in attached {
            self.account.iam.detach(role, policy_arn).await?;
        }
        for policy_name in inline {
            self.account.iam.delete_inline(role, policy_name).await?;
        }
        Ok(())
    }
}

impl Results {
    /// Whether the action waits until a role has lost its power: its policy, which IAM keeps as long as it is attached, and the fences,
    /// because an action does not tell whose pods a fence is around.
    pub(super) fn too_early(&self, action: &Action) -> bool {
        match action {
            // It has the name of its workload's own role.
            Action::DeletePolicy { arn, .. } => self.powerful.contains(last(arn)),
            Action::DeleteNetworkPolicy { .. } => !self.powerful.is_empty(),
            _ => false,
        }
    }

    pub(super) fn note_failed_removal(&mut self, action: &Action) {
        match action {
            Action::DeleteRole { role, .. }
            | Action::StripRole { role, .. }
            | Action::DetachPolicy { role, .. }
            | Action::DeleteInlinePolicy { role, .. } => self.powerful.insert(role.clone()),
            Action::DetachOwnPolicy { policy_arn, .. } => self.powerful.insert(last(policy_arn).to_owned()),
            _ => false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delete_role(role: &str) -> Action {
        Action::DeleteRole { role: role.to_owned(), attached: Vec::new(), inline: Vec::new() }
    }

    fn delete_policy(name: &str) -> Action {
        Action::DeletePolicy { arn: format!("arn:aws:iam::1:policy/hipaa-operator/{name}"), other_versions: Vec::new() }
    }

    #[test]
    fn a_policy_waits_for_its_role_and_a_fence_for_all() {
        let fence = Action::DeleteNetworkPolicy { namespace: "clinic".into(), name: "fence".into() };
        let mut results = Results::default();
        assert!(!results.too_early(&delete_role("one")));
        results.note_failed_removal(&delete_role("one"));
        assert!(results.too_early(&delete_policy("one")));
        assert!(results.too_early(&fence));
        assert!(!results.too_early(&delete_role("two")));
        assert!(!results.too_early(&delete_policy("two")));
        assert!(results.too_early(&fence), "another role that went makes the first no weaker");
        assert!(results.too_early(&delete_policy("one")));

        let mut results = Results::default();
        let policy_arn = "arn:aws:iam::1:policy/hipaa-operator/one".to_owned();
        results.note_failed_removal(&Action::DetachOwnPolicy { role: "theirs".into(), policy_arn });
        assert!(results.too_early(&delete_policy("one")) && results.too_early(&fence), "a role of the platform's still has it");
    }
}
