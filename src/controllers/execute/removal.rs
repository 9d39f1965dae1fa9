//! The order of a removal: identity first, isolation last. What could not be taken away keeps what comes after it.

use crate::plan::Action;

use super::Results;

impl Results {
    /// Whether the action waits until a role has lost its power: its policy, which IAM keeps as long as it is attached, and the fence
    /// around its pods.
    pub(super) fn too_early(&mut self, action: &Action) -> bool {
        match action {
            Action::DeleteRole { .. } | Action::StripRole { .. } => self.powerful = None,
            Action::DeletePolicy { arn, .. } if self.powerful.as_deref() != arn.rsplit('/').next() => self.powerful = None,
            Action::DeletePolicy { .. } | Action::DeleteNetworkPolicy { .. } => return self.powerful.is_some(),
            _ => {}
        }
        false
    }

    pub(super) fn note_failed_removal(&mut self, action: &Action) {
        if let Action::DeleteRole { role, .. } | Action::StripRole { role, .. } = action {
            self.powerful = Some(role.clone());
        }
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
    fn the_policy_and_the_fence_wait_for_their_role_and_for_no_other() {
        let fence = Action::DeleteNetworkPolicy { namespace: "clinic".into(), name: "fence".into() };
        let mut results = Results::default();
        assert!(!results.too_early(&delete_role("one")));
        results.note_failed_removal(&delete_role("one"));
        assert!(results.too_early(&delete_policy("one")));
        assert!(results.too_early(&fence));
        assert!(!results.too_early(&delete_role("two")));
        assert!(!results.too_early(&delete_policy("two")));
        assert!(!results.too_early(&fence));

        results.note_failed_removal(&delete_role("two"));
        assert!(!results.too_early(&delete_policy("three")), "its role is gone already");
        assert!(!results.too_early(&fence));
    }
}
