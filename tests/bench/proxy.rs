//! Counts what a process sends to an emulator, each attempt of a call by itself, and passes it on as it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::call::{Call, Shown};
use crate::support::http;

/// How often each call was sent.
pub type Calls = BTreeMap<Call, u64>;

/// A counter, to which several proxies may add.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Mutex<Calls>>);

impl Counter {
    /// Everything that was sent so far.
    pub fn calls(&self) -> Calls {
        self.0.lock().expect("no holder panics").clone()
    }

    fn count(&self, call: Call) {
        *self.0.lock().expect("no holder panics").entry(call).or_default() += 1;
    }
}

/// A proxy in front of one emulator. Ended on drop.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of the server at `url`.
    ///
    /// # Panics
    /// If loopback has no free port.
    pub async fn start(url: &str, counter: &Counter) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = Router::new().fallback(pass_on).with_state((url.to_owned(), counter.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("the proxy serves") });
        Self { url: format!("http://{address}"), task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(State((url, counter)): State<(String, Counter)>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    counter.count(call_of(&head, &body));
    let (status, kind, body) = match http::pass_on(&url, head, body).await {
        Ok(answer) => answer,
        Err(error) => {
            // The caller tries again, and each try counts.
            println!("    an emulator did not answer: {error}");
            (StatusCode::BAD_GATEWAY, "text/plain".to_owned(), error.into_bytes())
        }
    };
    Response::builder().status(status).header("content-type", kind).body(Body::from(body)).expect("it is a response")
}

fn call_of(head: &Parts, body: &[u8]) -> Call {
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    Call::of(&Shown {
        method: head.method.as_str(),
        path: head.uri.path(),
        authorization: header("authorization"),
        target: header("x-amz-target"),
        form: std::str::from_utf8(body).ok(),
    })
}
