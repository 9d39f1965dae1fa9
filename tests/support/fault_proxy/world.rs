//! What AWS does and the emulators do not: client tokens, dry runs, reads that lag behind, endpoints that take their time, accounts
//! full of others' roles.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::http::request::Parts;
use tokio::sync::Mutex as AsyncMutex;

use super::foreign::{Foreign, PAGED};
use super::refusal;
use crate::support::call::Call;
use crate::support::http;

/// How the account behaves. Client tokens and dry runs are honoured whatever is set here.
#[derive(Clone, Copy, Debug, Default)]
pub struct World {
    /// A read of IAM, EC2 or KMS does not show what was changed less than this ago, as far as such a read was made before the change.
    pub stale: Duration,
    /// How long a new endpoint is `pending`.
    pub pending: Duration,
    /// The roles of others, which make the account's details many pages.
    pub foreign: Option<Foreign>,
}

/// An answer of an emulator.
pub type Answer = Response<Vec<u8>>;

/// A call on its way to an emulator.
pub struct Passing<'a> {
    /// What is called.
    pub call: &'a Call,
    /// Where the emulator listens.
    pub upstream: &'a str,
    /// The request but for its body.
    pub head: Parts,
    /// The request's body.
    pub body: Bytes,
}

/// What is remembered for it.
#[derive(Default)]
pub struct Memory {
    /// By client token: the other parameters, and what was answered.
    tokens: AsyncMutex<HashMap<String, (String, Answer)>>,
    /// When endpoints were made, by id.
    endpoints: Mutex<HashMap<String, Instant>>,
    /// By request: what was answered when.
    reads: Mutex<HashMap<String, Vec<(Instant, Answer)>>>,
    /// By service: when something was changed.
    changes: Mutex<HashMap<String, Vec<Instant>>>,
    /// The account's real details, for the pages that follow.
    details: Mutex<String>,
}

impl Memory {
    /// Answers a call as an account that behaves like this would.
    pub async fn answer(&self, world: &World, passing: Passing<'_>) -> Result<Response<Body>, String> {
        let form = String::from_utf8_lossy(&passing.body).into_owned();
        if passing.call.service == "ec2" && form.split('&').any(|field| field.eq_ignore_ascii_case("DryRun=true")) {
            return Ok(refusal::ec2(412, "DryRunOperation"));
        }
        if let Some(foreign) = world.foreign.filter(|_| passing.call.operation == PAGED) {
            return self.page(foreign, &form, passing).await;
        }
        let (call, began) = (passing.call.clone(), Instant::now());
        let answer = match token_of(&call, &form) {
            Some((token, others)) => match self.once(token, others, passing).await? {
                Some(answer) => answer,
                None => return Ok(refusal::ec2(400, "IdempotentParameterMismatch")),
            },
            None => forward(passing).await?,
        };
        let answer = match call.service.as_str() {
            "ec2" | "iam" | "kms" if !world.stale.is_zero() => self.lagging(&call, &form, began, world.stale, answer),
            _ => answer,
        };
        Ok(if call.operation.contains("VpcEndpoint") { self.pending(&call, world.pending, answer) } else { answer }.map(Body::from))
    }

    /// The same token gives the same endpoint; `None` if it came with other parameters before.
    async fn once(&self, token: String, others: String, passing: Passing<'_>) -> Result<Option<Answer>, String> {
        let mut tokens = self.tokens.lock().await;
        if let Some((before, answer)) = tokens.get(&token) {
            return Ok((*before == others).then(|| answer.clone()));
        }
        let answer = forward(passing).await?;
        if answer.status().is_success() {
            tokens.insert(token, (others, answer.clone()));
        }
        Ok(Some(answer))
    }

    /// What the same read showed before the changes of the last `lag`, if it was made since the change before them.
    fn lagging(&self, call: &Call, form: &str, now: Instant, lag: Duration, fresh: Answer) -> Answer {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = changes.entry(call.service.clone()).or_default();
        if call.mutating {
            changes.push(Instant::now());
            return fresh;
        }
        let shown = changes.iter().rfind(|change| **change + lag <= now);
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = reads.entry(format!("{} {} {form}", call.service, call.operation)).or_default();
        answers.push((now, fresh));
        answers.retain(|(at, _)| shown.is_none_or(|change| at > change));
        // What others change past the proxy is seen as late, and no later.
        let old = answers.iter().rposition(|(at, _)| *at + lag <= now).unwrap_or(0);
        answers.drain(..old);
        answers[0].1.clone()
    }

    /// Young endpoints are shown as pending.
    fn pending(&self, call: &Call, lasting: Duration, answer: Answer) -> Answer {
        const ID: &str = "<vpcEndpointId>";
        let mut made = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, body) = answer.into_parts();
        let text = String::from_utf8_lossy(&body).into_owned();
        let mut parts = text.split(ID);
        let mut shown = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let id = part.split('<').next().unwrap_or_default();
            if call.operation == "CreateVpcEndpoint" {
                made.entry(id.to_owned()).or_insert_with(Instant::now);
            }
            let young = made.get(id).is_some_and(|at| at.elapsed() < lasting);
            shown.push_str(ID);
            shown.push_str(&if young { part.replacen("<state>available<", "<state>pending<", 1) } else { part.to_owned() });
        }
        Response::from_parts(head, shown.into_bytes())
    }

    async fn page(&self, foreign: Foreign, form: &str, passing: Passing<'_>) -> Result<Response<Body>, String> {
        let field = |name: &str| form.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let number = field("Marker").and_then(|marker| marker.parse().ok()).unwrap_or(0);
        if number == 0 {
            let real = String::from_utf8_lossy(forward(passing).await?.body()).into_owned();
            *self.details.lock().unwrap_or_else(PoisonError::into_inner) = real;
        }
        let real = self.details.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(refusal::response(200, "text/xml", foreign.page(number, &real, form)))
    }
}

async fn forward(passing: Passing<'_>) -> Result<Answer, String> {
    http::forward(passing.upstream, passing.head, passing.body).await
}

/// The client token of a call that has one, and its other parameters.
fn token_of(call: &Call, form: &str) -> Option<(String, String)> {
    if call.operation != "CreateVpcEndpoint" {
        return None;
    }
    let (tokens, others): (Vec<_>, Vec<_>) = form.split('&').partition(|field| field.starts_with("ClientToken="));
    Some(((*tokens.first()?).to_owned(), others.join("&")))
}
