//! A stub in front of the emulator for Bedrock, with what no installed emulator has, in the published wire format: data retention by
//! Region, enforced guardrails, and guardrails whose contents are kept. Invocation logging goes to moto, because `MiniStack` answers it under another name than AWS.
//! Everything else is passed on as it is.

pub mod guardrails;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use guardrails::Guardrails;

use super::http;

/// The running stub. Ended on drop.
#[derive(Debug)]
pub struct BedrockStub {
    /// Where it listens.
    pub url: String,
    account: Arc<Account>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The account as it is.
#[derive(Debug)]
struct Account {
    ministack: String,
    moto: String,
    settings: Mutex<Settings>,
}

#[derive(Debug, Default)]
struct Settings {
    /// Modes that differ from `none`.
    modes: BTreeMap<String, String>,
    /// Regions that answer with this code.
    refusing: BTreeMap<String, &'static str>,
    enforced: Vec<Value>,
    guardrails: Guardrails,
    /// Changes of data retention: Region and mode.
    changes: Vec<(String, String)>,
    /// The Regions that were read.
    read: BTreeSet<String>,
}

impl BedrockStub {
    /// Starts it. Data retention is `none` everywhere, and one guardrail is enforced on all models, whatever callers tag.
    ///
    /// # Panics
    /// If loopback has no free port.
    pub fn start(ministack: &str, moto: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let settings = Mutex::new(Settings { enforced: vec![enforced_guardrail()], ..Settings::default() });
        let account = Arc::new(Account { ministack: ministack.to_owned(), moto: moto.to_owned(), settings });
        let router = Router::new().fallback(answer).with_state(account.clone());
        let (end, ended) = oneshot::channel::<()>();
        // A thread of its own: a test that waits for a program without a runtime is to be answered too.
        let thread = std::thread::spawn(move || serve(listener, router, ended));
        Self { url, account, end: Some(end), thread: Some(thread) }
    }

    /// Sets the mode of data retention in a Region, as someone else would.
    pub fn retain(&self, region: &str, mode: &str) {
        self.settings().modes.insert(region.to_owned(), mode.to_owned());
    }

    /// The mode in a Region.
    pub fn mode(&self, region: &str) -> String {
        self.settings().mode(region)
    }

    /// Lets a Region refuse every call on a setting of the account with this code; `None` lets it answer again.
    pub fn refuse(&self, region: &str, code: Option<&'static str>) {
        match code {
            Some(code) => drop(self.settings().refusing.insert(region.to_owned(), code)),
            None => drop(self.settings().refusing.remove(region)),
        }
    }

    /// Lets the account enforce these guardrails, each on a page of its own.
    pub fn enforce(&self, configurations: Vec<Value>) {
        self.settings().enforced = configurations;
    }

    /// The changes of data retention so far: Region and mode.
    pub fn changes(&self) -> Vec<(String, String)> {
        self.settings().changes.clone()
    }

    /// The Regions whose data retention was read.
    pub fn read(&self) -> BTreeSet<String> {
        self.settings().read.clone()
    }

    /// Works on the guardrails of the account, past the operator.
    pub fn guardrails<T>(&self, work: impl FnOnce(&mut Guardrails) -> T) -> T {
        work(&mut self.settings().guardrails)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.account.settings()
    }
}

impl Drop for BedrockStub {
    fn drop(&mut self) {
        drop(self.end.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn serve(listener: TcpListener, router: Router, ended: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket can be polled");
        let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime polls it");
        tokio::select! {
            served = async { axum::serve(listener, router).await } => served.expect("the stub serves"),
            _ = ended => {}
        }
    });
}

/// A configuration that guards everything on all models.
pub fn enforced_guardrail() -> Value {
    json!({
        "configId": "enforced-1",
        "guardrailArn": "arn:aws:bedrock:us-east-1:123456789012:guardrail/enforced1",
        "guardrailId": "enforced1",
        "guardrailVersion": "1",
        "owner": "ACCOUNT",
        "createdAt": "2026-11-01T00:00:00Z",
        "updatedAt": "2026-11-01T00:00:00Z",
        "selectiveContentGuarding": { "system": "COMPREHENSIVE", "messages": "COMPREHENSIVE" },
    })
}

impl Settings {
    fn mode(&self, region: &str) -> String {
        self.modes.get(region).cloned().unwrap_or_else(|| "none".to_owned())
    }
}

impl Account {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, head: &Parts, body: &Bytes) -> Option<Response<Body>> {
        let (path, region) = (head.uri.path(), region_of(head));
        if let Some(answer) = self.on_guardrails(head, body, &region) {
            return Some(answer);
        }
        if !["/data-retention", "/enforcedGuardrailsConfiguration", LOGGING].contains(&path) {
            return None;
        }
        let mut settings = self.settings();
        if let Some(code) = settings.refusing.get(&region) {
            return Some(refused(code));
        }
        match (&head.method, path) {
            (&Method::GET, "/data-retention") => {
                settings.read.insert(region.clone());
                Some(ok(&json!({ "mode": settings.mode(&region), "updatedAt": "2026-11-01T00:00:00Z" })))
            }
            (&Method::PUT, "/data-retention") => {
                let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
                let Some(mode) = wanted["mode"].as_str().filter(|mode| MODES.contains(mode)) else {
                    return Some(refused("ValidationException"));
                };
                settings.modes.insert(region.clone(), mode.to_owned());
                settings.changes.push((region, mode.to_owned()));
                Some(ok(&json!({ "mode": mode, "updatedAt": "2026-11-01T00:00:00Z" })))
            }
            (&Method::GET, "/enforcedGuardrailsConfiguration") => {
                let query = head.uri.query().unwrap_or_default();
                let page: usize = query.strip_prefix("nextToken=").and_then(|token| token.parse().ok()).unwrap_or(0);
                let shown: Vec<&Value> = settings.enforced.get(page).into_iter().collect();
                let mut answer = json!({ "guardrailsConfig": shown });
                if page + 1 < settings.enforced.len() {
                    answer["nextToken"] = json!((page + 1).to_string());
                }
                Some(ok(&answer))
            }
            _ => None,
        }
    }
}

impl Account {
    fn on_guardrails(&self, head: &Parts, body: &Bytes, region: &str) -> Option<Response<Body>> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let arn = format!("arn:aws:bedrock:{region}:123456789012:guardrail/");
        let (status, code, answer) = self.settings().guardrails.answer(&head.method, path, query, &body, &arn)?;
        Some(response(status, code, &answer))
    }
}

const LOGGING: &str = "/logging/modelinvocations";
const MODES: [&str; 5] = ["default", "none", "aws_review", "provider_data_share", "inherit"];

async fn answer(State(account): State<Arc<Account>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if let Some(answer) = account.answer(&head, &body) {
        return answer;
    }
    let emulator = if head.uri.path() == LOGGING { &account.moto } else { &account.ministack };
    match http::forward(emulator, head, body).await {
        Ok(answer) => answer.map(Body::from),
        Err(error) => Response::builder().status(StatusCode::BAD_GATEWAY).body(Body::from(error)).expect("it is a response"),
    }
}

/// `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/bedrock/aws4_request, …`.
fn region_of(head: &Parts) -> String {
    let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let scope = authorization.and_then(|value| value.split_once("Credential=")).map(|(_, scope)| scope);
    scope.and_then(|scope| scope.split('/').nth(2)).unwrap_or_default().to_owned()
}

fn ok(answer: &Value) -> Response<Body> {
    response(StatusCode::OK, None, answer)
}

fn refused(code: &str) -> Response<Body> {
    let status = match code {
        "ThrottlingException" => StatusCode::TOO_MANY_REQUESTS,
        "AccessDeniedException" | "UnrecognizedClientException" => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    response(status, Some(code), &json!({ "message": "refused by the stub" }))
}

fn response(status: StatusCode, code: Option<&str>, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    let response = code.into_iter().fold(response, |response, code| response.header("x-amzn-errortype", code));
    response.body(Body::from(body.to_string())).expect("it is a response")
}
