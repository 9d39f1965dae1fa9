//! Which conditions changed their status: what events tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::conditions::ConditionType;

/// Something worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whether it calls for attention.
    pub warning: bool,
    /// The reason, as in the condition.
    pub reason: String,
    /// What happened.
    pub note: String,
}

/// What to tell of the conditions whose status differs from `previous`: one event for them all, or none. A condition that is first seen
/// counts only if it is not as one would wish, or true. What is as one would wish is named, and only `Ready` and `Compliant` say why.
#[must_use]
pub fn transitions(previous: &[Condition], current: &[Condition]) -> Option<Transition> {
    let changed = |condition: &&Condition| match previous.iter().find(|before| before.type_ == condition.type_) {
        Some(before) => before.status != condition.status,
        None => condition.status == "True" || (condition.status == "False" && wished(condition) == "True"),
    };
    let changed: Vec<&Condition> = current.iter().filter(changed).collect();
    let is = |condition: &Condition, kind: ConditionType| condition.type_ == kind.as_str();
    let calls_for_attention = |condition: &Condition| condition.status != wished(condition);
    let first = changed.iter().find(|condition| calls_for_attention(condition)).or(changed.first())?;
    let note = |condition: &&Condition| {
        let why = is(condition, ConditionType::Ready) || is(condition, ConditionType::Compliant) || calls_for_attention(condition);
        let why = if why { format!(": {}", condition.message) } else { String::new() };
        format!("{} is {}{why}", condition.type_, condition.status)
    };
    let notes: Vec<_> = changed.iter().map(note).collect();
    Some(Transition { warning: first.status != wished(first), reason: first.reason.clone(), note: notes.join("; ") })
}

/// The status that one would wish a condition to have.
fn wished(condition: &Condition) -> &'static str {
    if condition.type_ == ConditionType::Stalled.as_str() { "False" } else { "True" }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::api::conditions::Reason;
    use crate::status::conditions::{Stamp, State, stamp};

    fn conditions(states: [(ConditionType, Option<bool>); 4]) -> Vec<Condition> {
        let state =
            |holds| State { holds, reason: if holds == Some(true) { Reason::InPlace } else { Reason::Drifted }, message: "m".into() };
        let states = states.into_iter().map(|(kind, holds)| (kind, state(holds))).collect();
        stamp(states, &[], Stamp::new(Some(1), Timestamp::UNIX_EPOCH))
    }

    fn of(ready: bool, compliant: Option<bool>, isolated: bool) -> Vec<Condition> {
        conditions([
            (ConditionType::Ready, Some(ready)),
            (ConditionType::Compliant, compliant),
            (ConditionType::Stalled, Some(false)),
            (ConditionType::NetworkIsolated, Some(isolated)),
        ])
    }

    #[test]
    fn one_event_tells_all_that_changed_and_nothing_that_did_not() {
        let (right, wrong) = (of(true, Some(true), true), of(false, Some(false), false));
        let note =
            |previous: &[Condition], current: &[Condition]| transitions(previous, current).map(|one| (one.warning, one.reason, one.note));
        let told = |warning, reason: Reason, note: &str| Some((warning, reason.as_str().to_owned(), note.to_owned()));
        assert_eq!(note(&right, &right), None);
        let all = "Ready is True: m; Compliant is True: m; NetworkIsolated is True";
        assert_eq!(note(&[], &right), told(false, Reason::InPlace, all));
        let some = "Ready is True: m; NetworkIsolated is True";
        assert_eq!(note(&[], &of(true, None, true)), told(false, Reason::InPlace, some), "not known at first");
        assert_eq!(note(&right, &of(true, Some(false), true)), told(true, Reason::Drifted, "Compliant is False: m"));
        let all = "Ready is False: m; Compliant is False: m; NetworkIsolated is False: m";
        assert_eq!(note(&right, &wrong), told(true, Reason::Drifted, all));
        assert_eq!(note(&wrong, &of(false, Some(false), true)), told(false, Reason::InPlace, "NetworkIsolated is True"));
        let mixed = note(&of(false, Some(true), true), &of(true, Some(false), true));
        assert_eq!(
            mixed,
            told(true, Reason::Drifted, "Ready is True: m; Compliant is False: m"),
            "what calls for attention gives the reason"
        );
    }
}
