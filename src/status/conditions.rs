//! Conditions as the API conventions want them.
//!
//! All five fields always; the generation always stamped; the transition time changes only with the status; whole seconds, because
//! that is what is stored (<https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md>).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::api::conditions::{ConditionType, Reason};

/// Longest message in a status, in characters; the rest is cut.
const MESSAGE_LENGTH: usize = 768;

/// A condition's value before it is stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// `Some(true)`, `Some(false)`, or unknown.
    pub holds: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// For people.
    pub message: String,
}

impl State {
    /// It holds.
    #[must_use]
    pub fn holds(reason: Reason, message: impl Into<String>) -> Self {
        Self { holds: Some(true), reason, message: message.into() }
    }

    /// It does not hold.
    #[must_use]
    pub fn broken(reason: Reason, message: impl Into<String>) -> Self {
        Self { holds: Some(false), reason, message: message.into() }
    }

    /// It cannot be told.
    #[must_use]
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self { holds: None, reason, message: message.into() }
    }
}

/// When and for what a status is made.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// The time of the pass, in whole seconds.
    pub now: Timestamp,
}

impl Stamp {
    /// A stamp; `now` is cut to whole seconds.
    #[must_use]
    pub fn new(generation: Option<i64>, now: Timestamp) -> Self {
        Self { generation, now: Timestamp::from_second(now.as_second()).unwrap_or(now) }
    }
}

/// Stamps `states` into conditions, keeping the transition time of those whose status is that of `previous`. The order is that given.
#[must_use]
pub fn stamp(states: Vec<(ConditionType, State)>, previous: &[Condition], at: Stamp) -> Vec<Condition> {
    states
        .into_iter()
        .map(|(kind, state)| {
            let value = match state.holds {
                Some(true) => "True",
                Some(false) => "False",
                None => "Unknown",
            };
            let before = previous.iter().find(|condition| condition.type_ == kind.as_str() && condition.status == value);
            Condition {
                type_: kind.as_str().to_owned(),
                status: value.to_owned(),
                reason: state.reason.as_str().to_owned(),
                message: shortened(&state.message),
                observed_generation: at.generation,
                last_transition_time: before.map_or(Time(at.now), |condition| condition.last_transition_time.clone()),
            }
        })
        .collect()
}

/// Whether the condition `kind` is `True`.
#[must_use]
pub fn is_true(conditions: &[Condition], kind: ConditionType) -> bool {
    conditions.iter().any(|condition| condition.type_ == kind.as_str() && condition.status == "True")
}

/// A text cut to what a status may hold.
#[must_use]
pub fn shortened(text: &str) -> String {
    if text.chars().count() <= MESSAGE_LENGTH {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(MESSAGE_LENGTH - 1).collect();
    short.push('…');
    short
}

/// Whether the operator cannot go on by itself: it takes someone's change.
#[must_use]
pub fn stalled(ready: &State) -> State {
    let waits_for_someone = ready.holds == Some(false) && needs_someone(ready.reason);
    if waits_for_someone {
        State::holds(ready.reason, ready.message.clone())
    } else {
        State::broken(Reason::Progressing, "nothing keeps the operator from going on")
    }
}

fn needs_someone(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::AccountMismatch
            | Reason::ClaimedElsewhere
            | Reason::ClusterMismatch
            | Reason::ClusterNotFound
            | Reason::VpcNotFound
            | Reason::VpcDnsDisabled
            | Reason::OidcProviderNotFound
            | Reason::ServiceNotOffered
            | Reason::BoundaryChangeNotPermitted
            | Reason::NamespaceNotAdmitted
            | Reason::ServiceAccountClaimed
            | Reason::AnnotationConflict
            | Reason::PeerNotFound
            | Reason::StoreNotFound
            | Reason::StoreNotAdmitted
            | Reason::CredentialPathMissing
            | Reason::ModelNotApproved
            | Reason::ModelNotAvailable
            | Reason::ProfileNotFound
            | Reason::RegionNotApproved
            | Reason::UseCaseProhibited
            | Reason::OverseerMissing
            | Reason::UnrecognizedValue
            | Reason::Conflict
            | Reason::InvalidConfiguration
            | Reason::KeyPendingDeletion
            | Reason::KeyElsewhere
            | Reason::KeyNotSymmetric
            | Reason::KeyPolicyTooNarrow
            | Reason::EndpointServiceMismatch
            | Reason::EndpointNotInterface
            | Reason::EndpointVpcMismatch
            | Reason::SecurityGroupTooNarrow
            | Reason::RoleNotMapped
            | Reason::RoleNotFound
            | Reason::TrustTooNarrow
            | Reason::EgressNotDenied
            | Reason::IngressNotDenied
            | Reason::EgressTooNarrow
            | Reason::OnHold
            | Reason::Held
    )
}
