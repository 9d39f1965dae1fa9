//! Claims: taken and released here; what depends on one waits for a pass that has read it.

use crate::domain::Fault;
use crate::domain::scope::CLAIMS_PATH;
use crate::plan::Action;
use crate::policy::claim::DESCRIPTION;

use super::{Executor, Results};

impl Executor<'_> {
    pub(super) async fn claim(&self, action: &Action, results: &mut Results) -> Result<(), Fault> {
        let iam = &self.account.iam;
        match action {
            Action::TakeClaim(claim) => {
                // Also if it fails: then someone else holds it.
                results.claimed.push(claim.on.clone());
                drop(iam.create_policy(&claim.name, CLAIMS_PATH, DESCRIPTION, &claim.document.to_json(), &claim.tags).await?);
            }
            Action::ReleaseClaim { arn, other_versions } => iam.delete_policy(arn, other_versions).await?,
            _ => {}
        }
        Ok(())
    }
}

impl Results {
    /// Whether the action waits for a pass that has read a claim which was taken in this one.
    pub(super) fn waits(&self, action: &Action) -> bool {
        self.claimed.iter().any(|claim| action.needs_claim(claim))
    }
}
