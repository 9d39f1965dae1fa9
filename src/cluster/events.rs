//! Events: transitions of conditions, and what was done to the account. A failure to publish is a warning, never an error.

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

use crate::plan::Action;
use crate::status::transitions::Transition;
use crate::telemetry::metrics::Metrics;

/// Longest note that the API takes, in bytes.
const NOTE_BYTES: usize = 1000;

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
            self.publish(object, transition.warning, transition.reason, "Evaluate", transition.note).await;
        }
    }

    /// Tells what was done: `Repaired` if nothing that we were told had changed, else `Applied`.
    pub async fn done<'a, K: Resource<DynamicType = ()>>(&self, object: &K, repair: bool, actions: impl Iterator<Item = &'a Action>) {
        let done: Vec<String> = actions
            .map(|action| {
                let (service, operation, name) = action.describe();
                format!("{service}:{operation} {name}")
            })
            .collect();
        if done.is_empty() {
            return;
        }
        let reason = if repair { "Repaired" } else { "Applied" };
        self.publish(object, repair, reason.to_owned(), reason, done.join("; ")).await;
    }

    async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, warning: bool, reason: String, action: &str, mut note: String) {
        if note.len() > NOTE_BYTES {
            let end = (0..=NOTE_BYTES).rev().find(|&at| note.is_char_boundary(at)).unwrap_or(0);
            note.truncate(end);
        }
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason,
            note: Some(note),
            action: action.to_owned(),
            secondary: None,
        };
        let outcome = self.recorder.publish(&event, &object.object_ref(&())).await;
        self.metrics.wrote("event", outcome.is_ok());
        if let Err(error) = outcome {
            tracing::warn!(%error, reason = event.reason, "an event was not published");
        }
    }
}
