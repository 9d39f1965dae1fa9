//! `/livez`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// Whether the process can do its work: its caches have synced. AWS being away does not make it unready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on the process is ready.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        if self.0.load(Ordering::Relaxed) { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "caches are syncing\n") }
    }
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(listen: SocketAddr, readiness: Readiness, metrics: Metrics, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().route("/livez", get(async || "ok\n")).route("/readyz", get(async move || readiness.answer())).route(
        "/metrics",
        get(async move || ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.text())),
    );
    let listener = TcpListener::bind(listen).await?;
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}
