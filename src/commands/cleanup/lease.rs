//! The operator's lease: who holds it is the only one to write, so a cleanup takes it as another replica would.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::DeleteParams;
use kube::{Api, Client};

use crate::cluster::fault::fault_of;
use crate::cluster::lease::{Candidate, Held, LEASE};
use crate::domain::lease::{Terms, holder};
use crate::telemetry::metrics::Metrics;

const DURATION: Duration = Duration::from_secs(15);
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);
/// How long a holder may be silent before it is taken for gone, and then some.
const PATIENCE: Duration = Duration::from_secs(25);

/// The lease, if there is one.
pub(super) async fn read(client: &Client, namespace: &str) -> Result<Option<Lease>, String> {
    let found = Api::<Lease>::namespaced(client.clone(), namespace).get_opt(LEASE).await;
    found.map_err(|error| format!("whether the operator runs cannot be told: {}", fault_of("GetLease", &error)))
}

/// Takes the lease, or says who holds it.
pub(super) async fn take(client: &Client, namespace: &str) -> Result<Held, String> {
    let found = Api::<Namespace>::all(client.clone()).get_metadata_opt(namespace).await;
    if found.map_err(|error| fault_of("GetNamespace", &error).to_string())?.is_none() {
        return Err(format!("there is no namespace {namespace}; pass --namespace, the operator's own, and create it if it was deleted"));
    }
    let terms = Terms::new(DURATION, RENEW_DEADLINE, RETRY)?;
    let me = format!("cleanup_{}_{}", std::process::id(), Timestamp::now().as_nanosecond());
    let candidate = Candidate::new(client.clone(), namespace, me, terms, Metrics::default());
    if let Ok(held) = tokio::time::timeout(PATIENCE, candidate.acquire()).await {
        return Ok(held);
    }
    let lease = read(client, namespace).await?;
    let spec = lease.and_then(|lease| lease.spec).unwrap_or_default();
    let who = holder(&spec).map_or_else(|| "the Lease cannot be taken".to_owned(), |holder| format!("{holder} holds the Lease"));
    Err(format!(
        "the operator runs: {who} {namespace}/{LEASE}; stop it first: kubectl -n {namespace} scale deployment hipaa-operator --replicas=0"
    ))
}

/// Deletes it; one that is gone is deleted.
pub(super) async fn delete(client: &Client, namespace: &str) -> Result<(), String> {
    match Api::<Lease>::namespaced(client.clone(), namespace).delete(LEASE, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(format!("Lease {namespace}/{LEASE}: {}", fault_of("DeleteLease", &error))),
        Ok(_) => Ok(()),
    }
}
