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

/// The conditions whose status differs from `previous`. One that is first seen counts only if it is not as one would wish.
#[must_use]
pub fn transitions(previous: &[Condition], current: &[Condition]) -> Vec<Transition> {
    current
        .iter()
        .filter_map(|condition| {
            let before = previous.iter().find(|before| before.type_ == condition.type_);
            let wished = if condition.type_ == ConditionType::Stalled.as_str() { "False" } else { "True" };
            let changed = match before {
                Some(before) => before.status != condition.status,
                None => condition.status == "False" && wished == "True" || condition.status == "True",
            };
            changed.then(|| Transition {
                warning: condition.status != wished,
                reason: condition.reason.clone(),
                note: format!("{} is {}: {}", condition.type_, condition.status, condition.message),
            })
        })
        .collect()
}
