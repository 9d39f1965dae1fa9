//! Plain HTTP to loopback: the emulators' own control paths, the operator's probes and metrics. Proxies are never used.

use std::time::Duration;

use ureq::Agent;

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Gets `url`. An error is a connection that failed; any status is an answer.
pub async fn get(url: &str) -> Result<Answer, String> {
    let url = url.to_owned();
    ask(move || agent().get(&url).call()).await
}

/// Posts `body` to `url` as a form. An error is a connection that failed; any status is an answer.
pub async fn post(url: &str, body: &str) -> Result<Answer, String> {
    let (url, body) = (url.to_owned(), body.to_owned());
    ask(move || agent().post(&url).content_type("application/x-www-form-urlencoded").send(&body)).await
}

/// Sends a request on to the server at `base` and gives status, content type and body of what it answers.
pub async fn pass_on(base: &str, head: axum::http::request::Parts, body: axum::body::Bytes) -> Result<Passed, String> {
    let (head, body) = forward(base, head, body).await?.into_parts();
    let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    Ok((head.status, kind, body))
}

/// The same, with all that is answered but what concerns the one connection.
pub async fn forward(
    base: &str,
    mut head: axum::http::request::Parts,
    body: axum::body::Bytes,
) -> Result<axum::http::Response<Vec<u8>>, String> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = format!("{base}{path}").parse().map_err(|error| format!("{error}"))?;
    head.headers.remove("host");
    head.headers.remove("content-length");
    let request = axum::http::Request::from_parts(head, body.to_vec());
    let answer = tokio::task::spawn_blocking(move || {
        let (mut head, mut body) = agent().run(request)?.into_parts();
        for name in ["connection", "content-length", "transfer-encoding"] {
            head.headers.remove(name);
        }
        let body = body.with_config().limit(u64::MAX).read_to_vec()?;
        Ok::<_, ureq::Error>(axum::http::Response::from_parts(head, body))
    });
    answer.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Status, content type and body.
type Passed = (axum::http::StatusCode, String, Vec<u8>);

/// The body of a 200, anything else as an error.
pub fn ok(answer: Answer) -> Result<String, String> {
    if answer.status == 200 { Ok(answer.body) } else { Err(format!("status {}: {}", answer.status, answer.body)) }
}

type Response = ureq::http::Response<ureq::Body>;

async fn ask(request: impl FnOnce() -> Result<Response, ureq::Error> + Send + 'static) -> Result<Answer, String> {
    let answer = tokio::task::spawn_blocking(move || {
        let mut response = request()?;
        Ok::<_, ureq::Error>(Answer {
            status: response.status().as_u16(),
            body: response.body_mut().with_config().limit(u64::MAX).read_to_string()?,
        })
    });
    answer.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn agent() -> Agent {
    Agent::config_builder().proxy(None).http_status_as_error(false).timeout_global(Some(Duration::from_secs(10))).build().new_agent()
}
