//! Which calls reached moto, told by moto's own recorder.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::http;

/// One call to AWS.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Call {
    /// The service as the signature names it, such as `ec2`.
    pub service: String,
    /// The operation, such as `CreateRole`; of a REST call we do not know by name, method and path.
    pub operation: String,
    /// Whether it may change something.
    pub mutating: bool,
}

impl Call {
    /// The call that a request makes.
    pub fn of(head: &axum::http::request::Parts, body: &[u8]) -> Self {
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let request = Request {
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            method: head.method.to_string(),
            url: head.uri.to_string(),
            body: Some(String::from_utf8_lossy(body).into_owned()),
            body_encoded: false,
        };
        request.call()
    }
}

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
        self.calls().await
    }

    /// What was recorded so far.
    pub async fn calls(&self) -> Vec<Call> {
        let answer = http::get(&format!("{}/download-recording", self.url)).await;
        let recording = answer.and_then(http::ok).expect("moto gives its recording");
        // A stream, not lines: two requests at once may share one.
        serde_json::Deserializer::from_str(&recording)
            .into_iter::<Request>()
            .map(|request| request.expect("moto's recording is JSON").call())
            .collect()
    }

    async fn post(&self, command: &str) {
        let answer = http::post(&format!("{}/{command}", self.url), "").await;
        answer.and_then(http::ok).unwrap_or_else(|error| panic!("moto's {command}: {error}"));
    }
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
        let service = self.service();
        let named = self.target().or_else(|| self.action()).or_else(|| self.eks_operation(&service));
        let mutating = named.as_deref().map_or_else(|| !matches!(self.method.as_str(), "GET" | "HEAD"), changes_something);
        let operation = named.unwrap_or_else(|| format!("{} {}", self.method, self.path()));
        Call { service, operation, mutating }
    }

    /// `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`. Of what AWS takes unsigned, only
    /// STS concerns us.
    fn service(&self) -> String {
        let scope = self.header("authorization").and_then(|value| value.split_once("Credential=")).map(|(_, scope)| scope);
        scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or("sts").to_owned()
    }

    /// `X-Amz-Target: TrentService.CreateKey`.
    fn target(&self) -> Option<String> {
        self.header("x-amz-target")?.rsplit('.').next().map(str::to_owned)
    }

    /// `Action=CreateRole&…`.
    fn action(&self) -> Option<String> {
        let body = self.body.as_deref()?;
        let body = if self.body_encoded { aws_smithy_types::base64::decode(body).ok()? } else { body.as_bytes().to_vec() };
        let form = String::from_utf8(body).ok()?;
        form.split('&').find_map(|field| field.strip_prefix("Action=")).map(str::to_owned)
    }

    fn eks_operation(&self, service: &str) -> Option<String> {
        let path: Vec<_> = self.path().trim_matches('/').split('/').collect();
        let operation = match (service, self.method.as_str(), path.as_slice()) {
            ("eks", "GET", ["clusters"]) => "ListClusters",
            ("eks", "GET", ["clusters", _]) => "DescribeCluster",
            ("eks", "POST", ["clusters"]) => "CreateCluster",
            ("eks", "DELETE", ["clusters", _]) => "DeleteCluster",
            _ => return None,
        };
        Some(operation.to_owned())
    }

    fn path(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |slash| &rest[slash..]);
        path.split('?').next().unwrap_or(path)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What is not known to read only may change something.
fn changes_something(operation: &str) -> bool {
    !["Get", "List", "Describe", "Head", "AssumeRole"].iter().any(|prefix| operation.starts_with(prefix))
}
