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

/// The conditions whose status differs from `previous`. One that is first seen counts unless it says nothing yet: it is unknown, or
/// nothing is stalled.
#[must_use]
pub fn transitions(previous: &[Condition], current: &[Condition]) -> Vec<Transition> {
    current
        .iter()
        .filter_map(|condition| {
            let before = previous.iter().find(|before| before.type_ == condition.type_);
            let wished = if condition.type_ == ConditionType::Stalled.as_str() { "False" } else { "True" };
            let changed = match before {
                Some(before) => before.status != condition.status,
                None => condition.status == "True" || (condition.status == "False" && wished == "True"),
            };
            changed.then(|| Transition {
                warning: condition.status != wished,
                reason: condition.reason.clone(),
                note: format!("{} is {}: {}", condition.type_, condition.status, condition.message),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn condition(kind: ConditionType, status: &str, reason: &str) -> Condition {
        Condition {
            type_: kind.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: "why".to_owned(),
            observed_generation: Some(1),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn each_change_of_a_status_is_told_once_and_nothing_else() {
        use ConditionType::{Compliant, IdentityReady, Ready, Stalled};
        for kind in [Ready, Compliant, IdentityReady, Stalled] {
            let bad = if kind == Stalled { "True" } else { "False" };
            for before in [None, Some("True"), Some("False"), Some("Unknown")] {
                for now in ["True", "False", "Unknown"] {
                    let previous: Vec<_> = before.map(|status| condition(kind, status, "InPlace")).into_iter().collect();
                    let told = transitions(&previous, &[condition(kind, now, "Drifted")]);
                    let silent = before == Some(now) || (before.is_none() && (now == "Unknown" || (kind == Stalled && now == "False")));
                    let what = format!("{} from {before:?} to {now}", kind.as_str());
                    assert_eq!(told.len(), usize::from(!silent), "{what}");
                    for transition in told {
                        assert_eq!(transition.reason, "Drifted", "{what}");
                        assert_eq!(transition.warning, now == bad || now == "Unknown", "{what}");
                        assert_eq!(transition.note, format!("{} is {now}: why", kind.as_str()));
                    }
                }
            }
        }
    }

    #[test]
    fn another_reason_or_message_is_no_transition() {
        let (before, now) = (condition(ConditionType::Ready, "False", "Drifted"), condition(ConditionType::Ready, "False", "Held"));
        assert_eq!(transitions(&[before], &[now]), []);
    }
}
