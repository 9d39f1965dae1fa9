//! Commands that work once on a live cluster and account, beside the operator itself.

pub mod cleanup;
pub mod explain;
pub mod observe;

use kube::{Client, Config};

use crate::aws::endpoint_overrides;

/// Refuses AWS endpoints that are overridden in the environment, unless that is `allowed`.
///
/// # Errors
/// What is overridden and how to allow it.
pub fn refuse_overrides(allowed: bool) -> Result<(), String> {
    let overrides = endpoint_overrides();
    if overrides.is_empty() || allowed {
        return Ok(());
    }
    Err(format!(
        "{} would send calls somewhere else than to AWS; unset it, or pass --allow-endpoint-override if that is meant",
        overrides.join(", ")
    ))
}

/// A client for the cluster of the kubeconfig, or of the pod that this runs in.
///
/// # Errors
/// When there is no cluster to be found.
pub async fn cluster() -> Result<Client, String> {
    let mut config = Config::infer().await.map_err(|error| format!("no cluster: {error}"))?;
    // A proxy in the environment is for the way to AWS; the API server is reached directly.
    config.proxy_url = None;
    // What fails is told, or repeated with a backoff of its own; retries inside of it would only hide what is wrong.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| format!("no cluster: {error}"))
}
