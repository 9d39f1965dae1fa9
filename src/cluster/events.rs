//! Events: transitions of conditions, and what was done to the account. A failure to publish is a warning, never an error.

use std::collections::BTreeSet;

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

use crate::plan::Action;
use crate::status::transitions::Transition;
use crate::telemetry::metrics::Metrics;

/// Longest note that the API takes, in bytes.
const NOTE_BYTES: usize = 1000;
/// Longest action that the API takes, in bytes.
const ACTION_BYTES: usize = 128;

/// What an event tells. Events that differ in nothing but the note are one to the API, with the note of the first: the action tells
/// them apart.
struct Told {
    warning: bool,
    reason: String,
    action: String,
    note: String,
}

fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// Publishes events.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    metrics: Metrics,
}

impl Events {
    /// A publisher.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { recorder: Recorder::new(client, Reporter { controller: "hipaa-operator".into(), instance: None }), metrics }
    }

    /// Tells the transitions of an object's conditions.
    pub async fn transitions<K: Resource<DynamicType = ()>>(&self, object: &K, transitions: Vec<Transition>) {
        for transition in transitions {
            let Transition { warning, reason, condition, note } = transition;
            self.publish(object, Told { warning, reason, action: condition, note }).await;
        }
    }

    /// Tells what was done: `Repaired` if nothing that we were told had changed, else `Applied`.
    pub async fn done<'a, K: Resource<DynamicType = ()>>(&self, object: &K, repair: bool, actions: impl Iterator<Item = &'a Action>) {
        let mut operations = BTreeSet::new();
        let done: Vec<String> = actions
            .map(|action| {
                let (service, operation, name) = action.describe();
                operations.insert(operation);
                format!("{service}:{operation} {name}")
            })
            .collect();
        if done.is_empty() {
            return;
        }
        let reason = if repair { "Repaired" } else { "Applied" }.to_owned();
        let action = operations.into_iter().collect::<Vec<_>>().join(",");
        self.publish(object, Told { warning: repair, reason, action, note: done.join("; ") }).await;
    }

    async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, told: Told) {
        let Told { warning, reason, action, note } = told;
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason,
            note: Some(cut(note, NOTE_BYTES)),
            action: cut(action, ACTION_BYTES),
            secondary: None,
        };
        let outcome = self.recorder.publish(&event, &object.object_ref(&())).await;
        self.metrics.wrote("event", outcome.is_ok());
        if let Err(error) = outcome {
            tracing::warn!(%error, reason = event.reason, "an event was not published");
        }
    }
}
