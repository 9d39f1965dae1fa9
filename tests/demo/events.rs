//! What the operator itself tells of its repairs.

use std::time::SystemTime;

use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, ListParams};

/// The event of a repair since `since` that names `operation`, such as `iam:DetachRolePolicy`.
pub async fn repair(client: &Client, operation: &str, since: SystemTime) -> Result<String, String> {
    let events: Api<Event> = Api::all(client.clone());
    let all = events.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
    let found = all.items.into_iter().find(|event| {
        event.reason.as_deref() == Some("Repaired")
            && event.note.as_deref().is_some_and(|note| note.contains(operation))
            && last(event).is_some_and(|at| at >= since)
    });
    let event = found.ok_or_else(|| format!("no event Repaired tells of {operation}"))?;
    let about = event.regarding.unwrap_or_default();
    let name = [about.namespace, about.name].into_iter().flatten().collect::<Vec<_>>().join("/");
    Ok(format!("Event Repaired of {} {name}: {}", about.kind.unwrap_or_default(), event.note.unwrap_or_default()))
}

/// When it last happened: an event that happens again is counted, not written anew.
fn last(event: &Event) -> Option<SystemTime> {
    let again = event.series.as_ref().map(|series| &series.last_observed_time);
    again.or(event.event_time.as_ref()).map(|time| time.0.into())
}
