//! The operator's Lease: whether one holds it, and its end.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::DeleteParams;
use kube::{Api, Client};

use crate::cluster::fault::fault_of;

/// Its name.
pub(super) const NAME: &str = "hipaa-operator";

/// The Lease, if there is one.
pub(super) async fn read(client: &Client, namespace: &str) -> Result<Option<Lease>, String> {
    let found = Api::<Lease>::namespaced(client.clone(), namespace).get_opt(NAME).await;
    found.map_err(|error| format!("whether the operator runs cannot be told: {}", fault_of("GetLease", &error)))
}

/// Who holds it, unless it was given up or has expired. One without a time is taken for held.
pub(super) fn living(lease: &Lease) -> Option<&str> {
    living_at(lease, Timestamp::now())
}

fn living_at(lease: &Lease, now: Timestamp) -> Option<&str> {
    let spec = lease.spec.as_ref()?;
    let holder = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())?;
    let lasts = SignedDuration::from_secs(i64::from(spec.lease_duration_seconds.unwrap_or_default()));
    let expired = spec.renew_time.as_ref().is_some_and(|renewed| now.duration_since(renewed.0) > lasts);
    (!expired).then_some(holder)
}

/// Deletes it; one that is gone is deleted.
pub(super) async fn delete(client: &Client, namespace: &str) -> Result<(), String> {
    match Api::<Lease>::namespaced(client.clone(), namespace).delete(NAME, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(format!("Lease {namespace}/{NAME}: {}", fault_of("DeleteLease", &error))),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lease_lives_until_it_is_given_up_or_expires() {
        let now: Timestamp = "2026-11-24T12:00:30Z".parse().unwrap();
        for (spec, holder) in [
            (json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-11-24T12:00:20.000000Z"}), Some("a")),
            (json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-11-24T12:00:10.000000Z"}), None),
            (json!({"holderIdentity": "", "leaseDurationSeconds": 15, "renewTime": "2026-11-24T12:00:29.000000Z"}), None),
            (json!({"holderIdentity": "a"}), Some("a")),
            (json!({}), None),
        ] {
            let lease: Lease = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            assert_eq!(living_at(&lease, now), holder, "{spec}");
        }
    }
}
