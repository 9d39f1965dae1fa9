//! The list of controls that are not proven, their counts, and the posture verdict over them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::SignedDuration;

use crate::api::Verdict;
use crate::api::conditions::{ConditionType, Reason};
use crate::api::shared::{ControlCounts, ControlStatus, PlanStatus, PlannedAction};
use crate::plan::{Action, Finding};

use super::conditions::{Stamp, State, shortened, stamp};

/// After this time an `Unknown` makes `Compliant` False: what nobody could read for a day is not posture.
const UNKNOWN_AGES: SignedDuration = SignedDuration::from_hours(24);
/// Actions shown of a withheld plan.
const SHOWN_ACTIONS: usize = 20;

/// The controls that are not `Pass`, at most `limit`; what was already so keeps its time.
pub(super) fn list(findings: &[Finding], previous: &[ControlStatus], limit: usize, stamp: Stamp) -> Vec<ControlStatus> {
    let mut controls: Vec<ControlStatus> = findings
        .iter()
        .filter(|finding| !matches!(finding.verdict, Verdict::Pass | Verdict::NotApplicable))
        .map(|finding| {
            let id = finding.id();
            let before = previous.iter().find(|control| control.id == id && control.verdict == finding.verdict);
            ControlStatus {
                verdict: finding.verdict,
                reason: finding.reason.as_str().to_owned(),
                message: shortened(&finding.message),
                since: before.map_or(Time(stamp.now), |control| control.since.clone()),
                id,
            }
        })
        .collect();
    controls.sort_by(|a, b| (a.verdict, &a.id).cmp(&(b.verdict, &b.id)));
    controls.dedup_by(|a, b| a.id == b.id && a.reason == b.reason);
    controls.truncate(limit);
    controls
}

pub(super) fn count(findings: &[Finding]) -> ControlCounts {
    let of = |verdict| i32::try_from(findings.iter().filter(|finding| finding.verdict == verdict).count()).unwrap_or(i32::MAX);
    ControlCounts { pass: of(Verdict::Pass), fail: of(Verdict::Fail), unknown: of(Verdict::Unknown), held: of(Verdict::Held) }
}

/// The posture verdict: broken if anything is, unknown if anything is, and never proven by silence.
pub(super) fn compliant(findings: &[Finding], controls: &[ControlStatus], stamp: Stamp) -> State {
    let first = |verdict| findings.iter().find(move |finding| finding.verdict == verdict);
    if let Some(finding) = first(Verdict::Fail) {
        return State::broken(finding.reason, format!("{} ({}): {}", finding.id(), finding.control.citation(), finding.message));
    }
    if let Some(finding) = first(Verdict::Unknown) {
        let aged =
            controls.iter().any(|control| control.verdict == Verdict::Unknown && stamp.now.duration_since(control.since.0) > UNKNOWN_AGES);
        let message = format!("{} ({}): {}", finding.id(), finding.control.citation(), finding.message);
        return if aged { State::broken(finding.reason, message) } else { State::unknown(finding.reason, message) };
    }
    if findings.iter().any(|finding| finding.verdict == Verdict::Pass) {
        State::holds(Reason::Proven, "every control in scope that was judged holds")
    } else {
        State::unknown(Reason::NotRead, "nothing was judged yet")
    }
}

/// What a status tells of controls.
pub(super) struct Told {
    pub(super) conditions: Vec<Condition>,
    pub(super) controls: Vec<ControlStatus>,
    pub(super) counts: Option<ControlCounts>,
}

/// What was told before, of which nothing is claimed any more: `Compliant` is unknown, unless it was broken already, and ages.
pub(super) fn stale(finding: &Finding, previous: Told, limit: usize, at: Stamp) -> Told {
    let Told { mut conditions, controls, counts } = previous;
    let mut fresh = list(std::slice::from_ref(finding), &controls, limit, at);
    let known = controls.iter().any(|control| control.id == finding.id());
    fresh.extend(controls.into_iter().filter(|control| control.id != finding.id()));
    fresh.truncate(limit);
    if !fresh.iter().any(|control| control.verdict == Verdict::Fail) {
        let compliant = vec![(ConditionType::Compliant, compliant(std::slice::from_ref(finding), &fresh, at))];
        let compliant = stamp(compliant, &conditions, at);
        for condition in compliant {
            conditions.iter_mut().filter(|before| before.type_ == condition.type_).for_each(|before| *before = condition.clone());
        }
    }
    let counts = counts.map(|counts| ControlCounts { unknown: counts.unknown + i32::from(!known), ..counts });
    Told { conditions, controls: fresh, counts }
}

/// The withheld actions, if any.
pub(super) fn withheld(actions: &[Action]) -> Option<PlanStatus> {
    (!actions.is_empty()).then(|| PlanStatus {
        total: i32::try_from(actions.len()).unwrap_or(i32::MAX),
        actions: actions
            .iter()
            .take(SHOWN_ACTIONS)
            .map(|action| {
                let (service, operation, name) = action.describe();
                PlannedAction { service: service.to_owned(), operation: operation.to_owned(), name }
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::catalogue::Control;

    fn at(hours: i64) -> Stamp {
        let start: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        Stamp::new(Some(1), start + SignedDuration::from_hours(hours))
    }

    fn told(compliant: State, controls: Vec<ControlStatus>) -> Told {
        let states = vec![(ConditionType::Ready, State::holds(Reason::InPlace, "")), (ConditionType::Compliant, compliant)];
        Told { conditions: stamp(states, &[], at(0)), controls, counts: Some(ControlCounts::default()) }
    }

    fn statuses(told: &Told) -> Vec<&str> {
        told.conditions.iter().map(|condition| condition.status.as_str()).collect()
    }

    #[test]
    fn what_nobody_can_read_any_more_is_unknown_then_broken_and_still_ready() {
        let doubt =
            Finding::stale(ConditionType::IdentityReady, Reason::Throttled, "iam:GetAccountAuthorizationDetails failed: Throttling");
        let first = stale(&doubt, told(State::holds(Reason::Proven, ""), Vec::new()), 12, at(0));
        assert_eq!(statuses(&first), ["True", "Unknown"]);
        assert!(first.controls[0].message.contains("Throttling"), "{:?}", first.controls);
        assert_eq!(first.counts.map(|counts| counts.unknown), Some(1));
        let again = |told: &Told, hours| {
            let told = Told { conditions: told.conditions.clone(), controls: told.controls.clone(), counts: told.counts };
            stale(&doubt, told, 12, at(hours))
        };
        let same = again(&first, 1);
        assert_eq!((same.conditions, same.controls, same.counts), (first.conditions.clone(), first.controls.clone(), first.counts));
        assert_eq!(statuses(&again(&first, 25)), ["True", "False"]);
    }

    #[test]
    fn what_was_broken_stays_so() {
        let broken = Finding::fail(Control::ExactTrust, ConditionType::IdentityReady, Reason::TrustTooWide, "it admits others");
        let controls = list(&[broken], &[], 12, at(0));
        let doubt = Finding::stale(ConditionType::IdentityReady, Reason::PathBroken, "no path");
        let told = stale(&doubt, told(State::broken(Reason::TrustTooWide, ""), controls), 12, at(1));
        assert_eq!(statuses(&told), ["True", "False"]);
        assert_eq!(told.conditions[1].reason, "TrustTooWide");
        assert_eq!(told.controls.len(), 2);
    }
}
