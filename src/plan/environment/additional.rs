//! Additional policies as the account has them. What they would give is judged where they are given.

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::additional::missing;

use super::EnvironmentInputs;

const FAMILY: ConditionType = ConditionType::BoundaryReady;

/// What keeps additional policies from being attached. Whoever names one is told: it does not block the environment.
pub(super) fn judge(inputs: &EnvironmentInputs) -> Vec<Finding> {
    let (control, observed) = (Control::LeastPrivilege, inputs.observed);
    let unread = observed.additional_policies.values().map(|read| read.as_ref().err()).chain([observed.attachment_quota.as_ref().err()]);
    let unread = unread.flatten().take(1).map(|fault| Finding::unreadable(control, FAMILY, fault).about("additional-policies").advisory());
    let gone =
        inputs.rules.additional_policies.iter().filter(|policy| matches!(observed.additional_policies.get(&policy.arn), Some(Ok(None))));
    let gone =
        gone.map(|policy| Finding::fail(control, FAMILY, Reason::AdditionalPolicyNotFound, missing(policy)).about(&policy.name).advisory());
    unread.chain(gone).collect()
}
