//! What is left undone or unread in a pass and keeps nothing else from going on.

use crate::api::conditions::{ConditionType, Reason};
use crate::api::{PhiEnvironmentStatus, Verdict};
use crate::domain::{Fault, FaultClass};
use crate::plan::applied::Outcome;
use crate::plan::{Action, Applied};

/// Whether the account refused the boundary, or a setting of its own, which no document of ours depends on.
pub(super) fn is_kept_from_us(action: &Action, outcome: &Outcome) -> bool {
    let boundary = matches!(action, Action::CreateBoundary { .. } | Action::ChangeBoundary { .. });
    match outcome {
        Outcome::Failed(fault) if action.setting().is_some() => !fault.class.passes(),
        Outcome::Failed(fault) => boundary && fault.class == FaultClass::Denied,
        _ => false,
    }
}

/// Whether a Region that no path leads to, or that the account has not enabled, was not read: the next sweep is soon enough.
pub(super) fn is_afar(read: &str, fault: &Fault) -> bool {
    read == "data-retention" && matches!(fault.class, FaultClass::NoPath | FaultClass::Credentials)
}

/// Whether the account refused us the boundary in the last pass.
pub(super) fn refused_boundary(previous: &PhiEnvironmentStatus) -> bool {
    let reason = Reason::BoundaryChangeNotPermitted.as_str();
    previous.conditions.iter().any(|condition| condition.type_ == ConditionType::BoundaryReady.as_str() && condition.reason == reason)
}

/// Whether nothing that matters to our own things was left unread or held: only then do the inputs count as settled.
pub(super) fn judged(applied: &Applied) -> bool {
    applied.findings.iter().all(|finding| !finding.blocks || !matches!(finding.verdict, Verdict::Unknown | Verdict::Held))
}
