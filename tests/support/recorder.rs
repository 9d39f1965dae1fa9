//! Which calls reached moto, told by moto's own recorder.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::call::Shown;
use super::http;

pub use super::call::Call;

/// moto's recorder.
#[derive(Clone, Debug)]
pub struct Recorder {
    url: String,
}

impl Recorder {
    /// The recorder of the moto that listens at `moto_url`.
    pub fn new(moto_url: &str) -> Self {
        Self { url: format!("{moto_url}/moto-api/recorder") }
    }

    /// Forgets what was recorded, and records from now on.
    pub async fn start(&self) {
        self.post("reset-recording").await;
        self.post("start-recording").await;
    }

    /// Stops, and gives what was recorded since the start.
    pub async fn stop(&self) -> Vec<Call> {
        self.post("stop-recording").await;
        calls_of(&self.recording().await).map(|call| call.expect("moto's recording is JSON")).collect()
    }

    /// What was recorded so far. moto may be writing a request down at this moment: one of which only the head is there
    /// is not counted yet.
    pub async fn calls(&self) -> Vec<Call> {
        let recording = self.recording().await;
        let whole = calls_of(&recording).take_while(|call| !call.as_ref().is_err_and(serde_json::Error::is_eof));
        whole.map(|call| call.expect("moto's recording is JSON")).collect()
    }

    async fn recording(&self) -> String {
        let answer = http::get(&format!("{}/download-recording", self.url)).await;
        answer.and_then(http::ok).expect("moto gives its recording")
    }

    async fn post(&self, command: &str) {
        let answer = http::post(&format!("{}/{command}", self.url), "").await;
        answer.and_then(http::ok).unwrap_or_else(|error| panic!("moto's {command}: {error}"));
    }
}

/// The calls of a recording: a stream, not lines, since two requests at once may share one.
fn calls_of(recording: &str) -> impl Iterator<Item = serde_json::Result<Call>> {
    let requests = serde_json::Deserializer::from_str(recording).into_iter::<Request>();
    requests.map(|request| request.map(|request| request.call()))
}

/// A request as moto writes it down.
#[derive(Deserialize)]
struct Request {
    headers: BTreeMap<String, String>,
    method: String,
    url: String,
    body: Option<String>,
    body_encoded: bool,
}

impl Request {
    fn call(&self) -> Call {
        let decoded = self.body.as_deref().and_then(|body| self.text(body));
        Call::of(&Shown {
            method: &self.method,
            path: self.path(),
            authorization: self.header("authorization"),
            target: self.header("x-amz-target"),
            form: decoded.as_deref(),
        })
    }

    fn text(&self, body: &str) -> Option<String> {
        if self.body_encoded { String::from_utf8(aws_smithy_types::base64::decode(body).ok()?).ok() } else { Some(body.to_owned()) }
    }

    fn path(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.find('/').map_or("/", |slash| &rest[slash..])
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
