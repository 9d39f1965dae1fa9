//! Events: transitions of conditions, and what was done to the account. A failure to publish is a warning, never an error.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Client, Error, Resource};
use serde_json::json;

use crate::plan::Action;
use crate::status::transitions::Transition;
use crate::telemetry::metrics::Metrics;

use super::request;

/// Our name as the one who reports.
const REPORTER: &str = "hipaa-operator";
/// Where events on objects of the cluster are kept.
const CLUSTER: &str = "default";
/// Longest note that the API takes, in bytes.
const NOTE_BYTES: usize = 1000;
/// For how long the same event is counted up instead of written anew: as long as client-go does it.
const COUNTED: Duration = Duration::from_mins(6);
/// How often to forget what is no longer counted up.
const FORGET: Duration = Duration::from_mins(1);

/// Publishes events. kube's own recorder is not used: it takes two events for one that differ in their note alone, so that a second
/// repair of an object would not be told, and looks through all that it remembers each time.
#[derive(Clone)]
pub struct Events {
    client: Client,
    told: Arc<Mutex<Told>>,
    metrics: Metrics,
}

/// What was told and may be counted up.
#[derive(Default)]
struct Told {
    hasher: RandomState,
    /// By the hash of everything that makes two events the same.
    events: HashMap<u64, Counted>,
    forgot: Option<Instant>,
}

/// An event that was told.
#[derive(Clone)]
struct Counted {
    name: String,
    count: u32,
    last: Instant,
}

impl Told {
    /// The event of this hash, if it is told again soon enough to be counted up; counts it.
    fn again(&mut self, hash: u64, now: Instant) -> Option<Counted> {
        if self.forgot.is_none_or(|forgot| now.duration_since(forgot) >= FORGET) {
            self.events.retain(|_, counted| now.duration_since(counted.last) < COUNTED);
            self.forgot = Some(now);
        }
        let counted = self.events.get_mut(&hash).filter(|counted| now.duration_since(counted.last) < COUNTED)?;
        (counted.count, counted.last) = (counted.count.saturating_add(1), now);
        Some(counted.clone())
    }
}

impl Events {
    /// A publisher.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, told: Arc::default(), metrics }
    }

    /// Tells the transitions of an object's conditions.
    pub async fn transitions<K: Resource<DynamicType = ()>>(&self, object: &K, transitions: impl IntoIterator<Item = Transition>) {
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
        let regarding = object.object_ref(&());
        let now = Instant::now();
        let (hash, again) = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let hash =
                told.hasher.hash_one((&regarding.uid, &regarding.kind, &regarding.namespace, &regarding.name, &reason, action, &note));
            (hash, told.again(hash, now))
        };
        let outcome = match again {
            Some(counted) => self.count_up(&regarding, &counted).await,
            None => match self.create(&regarding, warning, &reason, action, note).await {
                Ok(name) => {
                    let counted = Counted { name, count: 1, last: now };
                    self.told.lock().unwrap_or_else(PoisonError::into_inner).events.insert(hash, counted);
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        self.metrics.wrote("event", outcome.is_ok());
        if let Err(error) = outcome {
            tracing::warn!(%error, reason, "an event was not published");
        }
    }

    /// Writes a new event; gives its name.
    async fn create(&self, regarding: &ObjectReference, warning: bool, reason: &str, action: &str, note: String) -> Result<String, Error> {
        let now = Timestamp::now();
        let name = format!("{}.{:x}", regarding.name.as_deref().unwrap_or(REPORTER), now.as_nanosecond());
        let event = Event {
            metadata: ObjectMeta { name: Some(name.clone()), namespace: Some(place(regarding).to_owned()), ..ObjectMeta::default() },
            action: Some(action.to_owned()),
            event_time: Some(MicroTime(now)),
            note: Some(note),
            reason: Some(reason.to_owned()),
            regarding: Some(regarding.clone()),
            reporting_controller: Some(REPORTER.to_owned()),
            reporting_instance: Some(REPORTER.to_owned()),
            type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        let body = serde_json::to_vec(&event).map_err(Error::SerdeError)?;
        let request = request::of::<Event>(Some(place(regarding))).create(&PostParams::default(), body);
        request::send(&self.client, request).await.map(|_| name)
    }

    async fn count_up(&self, regarding: &ObjectReference, counted: &Counted) -> Result<(), Error> {
        let patch = json!({ "series": { "count": counted.count, "lastObservedTime": MicroTime(Timestamp::now()) } });
        let requests = request::of::<Event>(Some(place(regarding)));
        let request = requests.patch(&counted.name, &PatchParams::default(), &Patch::Merge(&patch));
        request::send(&self.client, request).await.map(drop)
    }
}

/// The namespace of an event on this object.
fn place(regarding: &ObjectReference) -> &str {
    regarding.namespace.as_deref().unwrap_or(CLUSTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_counted_up_for_a_while_and_then_forgotten() {
        let mut told = Told::default();
        let began = Instant::now();
        assert!(told.again(1, began).is_none());
        told.events.insert(1, Counted { name: "a".into(), count: 1, last: began });
        assert_eq!(told.again(1, began + COUNTED / 2).map(|counted| counted.count), Some(2));
        assert_eq!(told.again(1, began + COUNTED).map(|counted| counted.count), Some(3), "each time counts from the last");
        assert!(told.again(2, began + COUNTED).is_none());
        assert!(told.again(1, began + COUNTED * 3).is_none());
        assert!(told.events.is_empty());
    }
}
