//! A family condition: the summary of all findings and outcomes that count for it.

use crate::api::Verdict;
use crate::api::conditions::{ConditionType, Reason};
use crate::domain::{Fault, FaultClass};
use crate::plan::applied::Outcome;
use crate::plan::{Action, Applied, Finding, Mode};

use super::conditions::State;

/// Summarises one family. A failed write comes before a broken control, that before one that could not be read, that before one
/// that is held.
pub(super) fn summarise(family: ConditionType, applied: &Applied, in_place: &str) -> State {
    if let Some((action, fault)) = applied.failures().find(|(action, _)| action.family() == family) {
        return failed(action, fault);
    }
    // A family that `Ready` does not depend on is a summary of what counts for `Compliant`.
    let counts = |finding: &Finding| finding.family == family && (finding.blocks || family == ConditionType::AccountSettingsVerified);
    let of = |verdict| applied.findings.iter().find(move |finding| counts(finding) && finding.verdict == verdict);
    if let Some(finding) = of(Verdict::Fail) {
        return broken(family, applied, finding);
    }
    if let Some(finding) = of(Verdict::Unknown) {
        return State::unknown(finding.reason, located(finding));
    }
    if let Some(finding) = of(Verdict::Held) {
        return State::broken(Reason::Held, located(finding));
    }
    if let Some(finding) = applied.findings.iter().find(|finding| finding.family == family && finding.verdict == Verdict::Pass) {
        let message = if in_place.is_empty() { &finding.message } else { in_place };
        return State::holds(Reason::InPlace, message);
    }
    let declared = |finding: &&Finding| finding.family == family && finding.reason == Reason::DeclaredOnly;
    if let Some(finding) = applied.findings.iter().find(declared) {
        return State::holds(Reason::DeclaredOnly, located(finding));
    }
    State::unknown(Reason::NotRead, "nothing was judged yet")
}

fn failed(action: &Action, fault: &Fault) -> State {
    let boundary = matches!(action, Action::ChangeBoundary { .. } | Action::CreateBoundary { .. });
    if boundary && fault.class == FaultClass::Denied {
        let (_, _, arn) = action.describe();
        return State::broken(
            Reason::BoundaryChangeNotPermitted,
            format!(
                "the account does not let the operator write the permissions boundary {arn} ({fault}); what needs the wider boundary waits. Apply it yourself: `hipaa-operator plan -f <manifests> -o json` prints its document under kind PermissionsBoundary; create the policy, or set it as the policy's default version"
            ),
        );
    }
    let (_, _, name) = action.describe();
    if matches!(action, Action::TakeClaim(_)) && fault.class == FaultClass::Conflict {
        return State::broken(Reason::Progressing, format!("another took {name} at the same moment; who it was is read next"));
    }
    if matches!(action, Action::AnnotateServiceAccount { .. }) && fault.class == FaultClass::Conflict {
        let message = format!(
            "another manager owns the annotation eks.amazonaws.com/role-arn of service account {name}, or the account was made anew; remove the annotation there"
        );
        return State::broken(Reason::AnnotationConflict, message);
    }
    if fault.class == FaultClass::Conflict && makes_something(action) {
        let message = format!(
            "{name}: something of this name is there, does not carry our tags and is not recorded; it is left as it is: rename or delete it ({fault})"
        );
        return State::broken(Reason::Conflict, message);
    }
    State::broken(fault.reason(), format!("{name}: {fault}"))
}

/// Whether the action makes a thing under a name that another may have.
fn makes_something(action: &Action) -> bool {
    matches!(
        action,
        Action::CreateSecurityGroup { .. }
            | Action::CreateAlias { .. }
            | Action::CreateBoundary { .. }
            | Action::CreateGuardrail(_)
            | Action::CreatePolicy { .. }
            | Action::CreateRole(_)
    )
}

fn broken(family: ConditionType, applied: &Applied, finding: &Finding) -> State {
    let message = located(finding);
    let withheld = applied.withheld.iter().any(|action| action.family() == family);
    match &applied.mode {
        Mode::Audit if withheld => State::broken(Reason::WithheldByAudit, format!("{message}; Audit withholds what would mend it")),
        Mode::Hold(reason) | Mode::Frozen(reason) if withheld => State::broken(Reason::OnHold, format!("{message}; held: {reason}")),
        Mode::Suspended(why) if withheld => State::broken(Reason::EnvironmentNotReady, format!("{message}; it waits for {why}")),
        _ if applied.done().any(|action| action.family() == family) => {
            State::broken(Reason::Progressing, format!("{message}; it was written and is being confirmed"))
        }
        _ if applied.outcomes.iter().any(|(action, outcome)| *outcome == Outcome::Skipped && action.family() == family) => {
            State::broken(Reason::Progressing, format!("{message}; it is made once what it depends on is in place"))
        }
        _ => State::broken(finding.reason, message),
    }
}

fn located(finding: &Finding) -> String {
    if finding.about.is_empty() { finding.message.clone() } else { format!("{}: {}", finding.about, finding.message) }
}

/// `Ready` over its families, given in the order of their weight.
pub(super) fn ready(families: &[(ConditionType, State)], applied: &Applied, in_place: &str) -> State {
    if applied.mode == Mode::Audit {
        let withheld = applied.withheld.len();
        return State::holds(Reason::AuditOnly, format!("Audit: {withheld} actions are withheld; see status.plan"));
    }
    let first = |holds| families.iter().find(move |(_, state)| state.holds == holds);
    if let Some((family, state)) = first(Some(false)).or_else(|| first(None)) {
        return State { message: format!("{}: {}", family.as_str(), state.message), ..state.clone() };
    }
    State::holds(Reason::InPlace, in_place)
}
