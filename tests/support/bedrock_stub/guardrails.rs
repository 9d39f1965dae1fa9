//! Guardrails in the published wire format, as no emulator has them: contents are kept, versions are numbered and never change, names are
//! unique, tokens are honoured, a new draft is `CREATING` for one read. Lists come back in another order each time, with what the
//! service adds by itself.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

/// Id of a guardrail that the platform made, with a published version 1 that does what one for PHI should.
pub const PLATFORM: &str = "platform1";
/// The key of that one.
pub const PLATFORM_KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";

/// What a call gives: the status, an error's code, the body.
pub type Answer = (StatusCode, Option<&'static str>, Value);

/// The guardrails of an account.
#[derive(Debug)]
pub struct Guardrails {
    all: BTreeMap<String, One>,
    tokens: BTreeMap<String, Value>,
    made: usize,
    turn: usize,
    /// Calls that changed something, in order.
    pub changes: Vec<String>,
}

#[derive(Debug)]
struct One {
    tags: Value,
    /// `DRAFT` and numbers; the content as it was sent.
    versions: BTreeMap<String, Value>,
    published: usize,
    reads_until_ready: usize,
}

impl Default for Guardrails {
    fn default() -> Self {
        let content = json!({
            "name": "platform", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.", "kmsKeyId": PLATFORM_KEY,
            "contentPolicyConfig": { "filtersConfig": [{ "type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH" }] },
            "sensitiveInformationPolicyConfig": { "piiEntitiesConfig": [{ "type": "NAME", "action": "ANONYMIZE" }] },
        });
        let versions = BTreeMap::from([("DRAFT".to_owned(), content.clone()), ("1".to_owned(), content)]);
        let platform = One { tags: json!([]), versions, published: 1, reads_until_ready: 0 };
        Self { all: BTreeMap::from([(PLATFORM.to_owned(), platform)]), tokens: BTreeMap::new(), made: 0, turn: 0, changes: Vec::new() }
    }
}

impl Guardrails {
    /// Answers a call on guardrails; `None` for any other. `arn` is what stands before a guardrail's id.
    pub fn answer(&mut self, method: &Method, path: &str, query: &str, body: &Value, arn: &str) -> Option<Answer> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        Some(match (method, parts.as_slice()) {
            (&Method::POST, ["guardrails"]) => self.create(body, arn),
            (&Method::GET, ["guardrails"]) => self.list(query, arn),
            (&Method::GET, ["guardrails", id]) => {
                self.get(id, &parameter(query, "guardrailVersion").unwrap_or_else(|| "DRAFT".into()), arn)
            }
            (&Method::PUT, ["guardrails", id]) => self.update(id, body, arn),
            (&Method::POST, ["guardrails", id]) => self.publish(id, body),
            (&Method::DELETE, ["guardrails", id]) => self.delete(id),
            (&Method::POST, ["listTagsForResource"]) => {
                let id = body["resourceARN"].as_str().and_then(|arn| arn.split_once("guardrail/")).map(|(_, id)| id)?;
                let tags = self.all.get(id).map_or_else(|| json!([]), |one| one.tags.clone());
                (StatusCode::OK, None, json!({ "tags": tags }))
            }
            _ => return None,
        })
    }

    /// Changes what is sent of a draft, as someone else would.
    pub fn tamper(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        let one = self.all.get_mut(id).expect("the guardrail is there");
        change(one.versions.get_mut("DRAFT").expect("it has a draft"));
    }

    /// Takes a guardrail away with all its versions, as someone else would.
    pub fn lose(&mut self, id: &str) {
        self.all.remove(id).expect("the guardrail is there");
    }

    fn create(&mut self, body: &Value, arn: &str) -> Answer {
        let token = body["clientRequestToken"].as_str().unwrap_or_default().to_owned();
        if let Some(answer) = self.tokens.get(&token) {
            return (StatusCode::ACCEPTED, None, answer.clone());
        }
        if self.all.values().any(|one| one.versions["DRAFT"]["name"] == body["name"]) {
            return refused("ConflictException", "another guardrail has this name");
        }
        if body["contentPolicyConfig"].is_null() && body["sensitiveInformationPolicyConfig"].is_null() {
            return refused("ValidationException", "a guardrail needs a policy");
        }
        self.made += 1;
        let id = format!("gr{}", self.made);
        let one = One {
            tags: body["tags"].clone(),
            versions: BTreeMap::from([("DRAFT".to_owned(), body.clone())]),
            published: 0,
            reads_until_ready: 1,
        };
        self.all.insert(id.clone(), one);
        let answer = json!({ "guardrailId": id, "guardrailArn": format!("{arn}{id}"), "version": "DRAFT", "createdAt": AT });
        self.tokens.insert(token, answer.clone());
        self.changes.push("CreateGuardrail".to_owned());
        (StatusCode::ACCEPTED, None, answer)
    }

    fn update(&mut self, id: &str, body: &Value, arn: &str) -> Answer {
        let Some(one) = self.all.get_mut(id) else { return gone() };
        // Policies that are left out are taken away.
        one.versions.insert("DRAFT".to_owned(), body.clone());
        one.reads_until_ready = 1;
        self.changes.push("UpdateGuardrail".to_owned());
        (
            StatusCode::ACCEPTED,
            None,
            json!({ "guardrailId": id, "guardrailArn": format!("{arn}{id}"), "version": "DRAFT", "updatedAt": AT }),
        )
    }

    fn publish(&mut self, id: &str, body: &Value) -> Answer {
        let token = body["clientRequestToken"].as_str().unwrap_or_default().to_owned();
        if let Some(answer) = self.tokens.get(&token) {
            return (StatusCode::ACCEPTED, None, answer.clone());
        }
        let Some(one) = self.all.get_mut(id) else { return gone() };
        if one.reads_until_ready > 0 {
            return refused("ConflictException", "the guardrail is not READY");
        }
        one.published += 1;
        let (number, draft) = (one.published.to_string(), one.versions["DRAFT"].clone());
        one.versions.insert(number.clone(), draft);
        let answer = json!({ "guardrailId": id, "version": number });
        self.tokens.insert(token, answer.clone());
        self.changes.push("CreateGuardrailVersion".to_owned());
        (StatusCode::ACCEPTED, None, answer)
    }

    fn delete(&mut self, id: &str) -> Answer {
        self.changes.push("DeleteGuardrail".to_owned());
        self.all.remove(id).map_or_else(gone, |_| (StatusCode::ACCEPTED, None, json!({})))
    }

    /// One entry a page: drafts, or everything of one guardrail.
    fn list(&self, query: &str, arn: &str) -> Answer {
        let wanted = parameter(query, "guardrailIdentifier");
        if wanted.as_ref().is_some_and(|id| !self.all.contains_key(id)) {
            return gone();
        }
        let mut entries = Vec::new();
        for (id, one) in self.all.iter().filter(|(id, _)| wanted.as_ref().is_none_or(|wanted| wanted == *id)) {
            for version in one.versions.keys().filter(|version| wanted.is_some() || *version == "DRAFT") {
                entries.push(json!({
                    "id": id, "arn": format!("{arn}{id}"), "status": "READY", "name": one.versions["DRAFT"]["name"],
                    "version": version, "createdAt": AT, "updatedAt": AT,
                }));
            }
        }
        let page: usize = parameter(query, "nextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let mut answer = json!({ "guardrails": entries.get(page).into_iter().collect::<Vec<_>>() });
        if page + 1 < entries.len() {
            answer["nextToken"] = json!((page + 1).to_string());
        }
        (StatusCode::OK, None, answer)
    }

    fn get(&mut self, id: &str, version: &str, arn: &str) -> Answer {
        self.turn += 1;
        let turned = self.turn % 2 == 1;
        let Some(one) = self.all.get_mut(id) else { return gone() };
        let Some(sent) = one.versions.get(version) else { return gone() };
        let status = if version == "DRAFT" && one.reads_until_ready > 0 { "CREATING" } else { "READY" };
        one.reads_until_ready = one.reads_until_ready.saturating_sub(1);
        let list = |value: &Value, added: Value| {
            let mut list = value.as_array().cloned().unwrap_or_default();
            for entry in &mut list {
                let added = added.as_object().expect("an object").clone();
                entry.as_object_mut().expect("an entry").extend(added);
                let action = entry.get("action").cloned();
                if let Some(action) = action {
                    entry["inputAction"] = action.clone();
                    entry["outputAction"] = action;
                }
            }
            if turned {
                list.reverse();
            }
            list
        };
        let echoed = json!({ "inputEnabled": true, "outputEnabled": true });
        let mut answer = json!({
            "name": sent["name"], "guardrailId": id, "guardrailArn": format!("{arn}{id}"), "version": version, "status": status,
            "createdAt": AT, "updatedAt": AT,
            "blockedInputMessaging": sent["blockedInputMessaging"], "blockedOutputsMessaging": sent["blockedOutputsMessaging"],
        });
        if let Some(key) = sent["kmsKeyId"].as_str() {
            answer["kmsKeyArn"] = json!(key);
        }
        let filters = list(&sent["contentPolicyConfig"]["filtersConfig"], echoed.clone());
        if !filters.is_empty() {
            answer["contentPolicy"] = json!({ "filters": filters, "tier": { "tierName": "CLASSIC" } });
        }
        let sensitive = &sent["sensitiveInformationPolicyConfig"];
        let (entities, regexes) = (list(&sensitive["piiEntitiesConfig"], echoed.clone()), list(&sensitive["regexesConfig"], echoed));
        if !entities.is_empty() || !regexes.is_empty() {
            answer["sensitiveInformationPolicy"] = json!({ "piiEntities": entities, "regexes": regexes });
        }
        let thresholds = list(&sent["contextualGroundingPolicyConfig"]["filtersConfig"], json!({ "action": "BLOCK", "enabled": true }));
        if !thresholds.is_empty() {
            answer["contextualGroundingPolicy"] = json!({ "filters": thresholds });
        }
        (StatusCode::OK, None, answer)
    }
}

const AT: &str = "2026-11-01T00:00:00Z";

fn gone() -> Answer {
    (StatusCode::NOT_FOUND, Some("ResourceNotFoundException"), json!({ "message": "there is no such guardrail" }))
}

fn refused(code: &'static str, message: &str) -> Answer {
    (StatusCode::BAD_REQUEST, Some(code), json!({ "message": message }))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
}
