//! A stub between the operator and moto: an account that does not let the operator change a permissions boundary. Everything else
//! is passed on as it is.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::http;

/// The running stub. Ended on drop.
#[derive(Debug)]
pub struct DenyingStub {
    /// Where it listens.
    pub url: String,
    task: JoinHandle<()>,
}

impl DenyingStub {
    /// Starts it in front of `moto_url`.
    ///
    /// # Panics
    /// If loopback has no free port.
    pub async fn start(moto_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let router = Router::new().fallback(answer).with_state(moto_url.to_owned());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("the stub serves") });
        Self { url, task }
    }
}

impl Drop for DenyingStub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(moto_url): State<String>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if changes_a_boundary(&body) {
        return response(StatusCode::FORBIDDEN, "text/xml", DENIED.as_bytes().to_vec());
    }
    match http::pass_on(&moto_url, head, body).await {
        Ok((status, kind, body)) => response(status, &kind, body),
        Err(error) => response(StatusCode::BAD_GATEWAY, "text/plain", error.into_bytes()),
    }
}

fn changes_a_boundary(body: &Bytes) -> bool {
    let form = String::from_utf8_lossy(body);
    form.contains("Action=CreatePolicyVersion") && form.contains("%2Fboundary.")
}

const DENIED: &str = r#"<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>User is not authorized to perform: iam:CreatePolicyVersion</Message></Error><RequestId>stub</RequestId></ErrorResponse>"#;

fn response(status: StatusCode, kind: &str, body: Vec<u8>) -> Response<Body> {
    Response::builder().status(status).header("content-type", kind).body(Body::from(body)).expect("it is a response")
}
