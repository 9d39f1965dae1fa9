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
