//! What the API server wrote down of one user.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::uses::Use;

/// What a user did, and what was refused for want of permission.
#[derive(Debug, Default)]
pub struct Record {
    /// Everything that was asked of the API.
    pub used: BTreeSet<Use>,
    /// The requests that the API server did not permit, in words.
    pub forbidden: BTreeSet<String>,
    /// How many requests there were.
    pub requests: usize,
}

/// Reads what `user` did. The log is complete once the user's process has ended.
pub fn read(log: &Path, user: &str) -> Record {
    let text = std::fs::read_to_string(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    let mut record = Record::default();
    for line in text.lines() {
        let event: Event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if event.user.username == user {
            record.take(event);
        }
    }
    record
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Option<ObjectReference>,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ObjectReference {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

impl Record {
    fn take(&mut self, event: Event) {
        self.requests += 1;
        let Event { request_uri, verb, object_ref, response_status: Status { code, message }, .. } = event;
        // A namespace that is being deleted takes nothing new, whoever asks.
        if code == 401 || code == 403 && !message.contains("because it is being terminated") {
            self.forbidden.insert(format!("{verb} {request_uri}: {message}"));
        }
        let object = object_ref.unwrap_or_else(|| {
            let path = request_uri.split('?').next().unwrap_or_default();
            ObjectReference { resource: path.to_owned(), ..ObjectReference::default() }
        });
        // An apply that makes the object is asked for the permission to create as well, which the log does not tell.
        if verb == "patch" && code == 201 {
            self.used.insert(of("create".to_owned(), &object));
        }
        self.used.insert(of(verb, &object));
    }
}

fn of(verb: String, object: &ObjectReference) -> Use {
    let ObjectReference { api_group, resource, subresource, namespace, name } = object;
    let slash = if subresource.is_empty() { "" } else { "/" };
    // The log names what a POST made; the permission does not know it yet.
    let name = if verb == "create" { "" } else { name };
    Use {
        verb,
        group: api_group.clone(),
        resource: format!("{resource}{slash}{subresource}"),
        namespace: namespace.clone(),
        name: name.to_owned(),
    }
}
