//! Events: transitions of conditions, and what was done to the account. A failure to publish is a warning, never an error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

use crate::plan::Action;
use crate::status::transitions::Transition;
use crate::telemetry::metrics::Metrics;

/// Longest note that the API takes, in bytes.
const NOTE_BYTES: usize = 1000;
/// For how long the same event is counted up instead of written anew: as long as a recorder does it.
const COUNTED: Duration = Duration::from_mins(6);

/// Publishes events.
#[derive(Clone)]
pub struct Events {
    client: Client,
    // A recorder counts an event up that differs from an earlier one in its note alone, and drops the later note: a second repair of
    // an object would not be told. So each note has a recorder of its own, for as long as it may be counted up.
    recorders: Arc<Mutex<HashMap<String, (Recorder, Instant)>>>,
    metrics: Metrics,
}

impl Events {
    /// A publisher.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, recorders: Arc::default(), metrics }
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
        let recorder = self.recorder(&note);
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason,
            note: Some(note),
            action: action.to_owned(),
            secondary: None,
        };
        let outcome = recorder.publish(&event, &object.object_ref(&())).await;
        self.metrics.wrote("event", outcome.is_ok());
        if let Err(error) = outcome {
            tracing::warn!(%error, reason = event.reason, "an event was not published");
        }
    }

    fn recorder(&self, note: &str) -> Recorder {
        let now = Instant::now();
        let mut recorders = self.recorders.lock().unwrap_or_else(PoisonError::into_inner);
        recorders.retain(|_, (_, used)| now.duration_since(*used) < COUNTED);
        let reporter = || Reporter { controller: "hipaa-operator".into(), instance: None };
        let (recorder, used) = recorders.entry(note.to_owned()).or_insert_with(|| (Recorder::new(self.client.clone(), reporter()), now));
        *used = now;
        recorder.clone()
    }
}
