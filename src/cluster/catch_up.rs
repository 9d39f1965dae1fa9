//! Whether the caches know all that the leader before us wrote.
//!
//! A watch may lag. A new leader that starts from yesterday's cache would do again what was done: judge by a status that was replaced,
//! tell a transition twice, give power back that was taken away. So it reads every kind once from the API server itself, by metadata,
//! and waits until its caches hold each object at least as new, and none that is gone. The account needs no such care: the first pass
//! over an environment reads it, and no workload is passed over before.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::runtime::reflector::Store;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};

use super::caches::{Caches, OURS};

/// How long the caches may lag before the process had better be started anew.
const LONGEST: Duration = Duration::from_mins(1);
/// How often the caches are compared with one reading: what was deleted just after it never shows up.
const LOOKS: usize = 20;
/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(50);
/// Objects read at a time.
const PAGE: u32 = 500;

/// Resource versions by namespace and name.
type Versions = BTreeMap<(String, String), u64>;

/// Waits until no cache is older than this call. Pods are left out: nothing is written because of them.
///
/// # Errors
/// When a cache does not catch up in time.
pub async fn catch_up(client: &Client, caches: &Caches) -> Result<(), String> {
    let all = async {
        follow::<PhiEnvironment, _>(client, None, &caches.environments).await;
        follow::<PhiWorkload, _>(client, None, &caches.workloads).await;
        follow::<BedrockAccess, _>(client, None, &caches.accesses).await;
        follow::<Namespace, _>(client, None, &caches.namespaces).await;
        follow::<ServiceAccount, _>(client, None, &caches.service_accounts).await;
        follow::<NetworkPolicy, _>(client, None, &caches.network_policies).await;
        follow::<ConfigMap, _>(client, Some(OURS), &caches.settings).await;
    };
    tokio::time::timeout(LONGEST, all).await.map_err(|_| format!("the caches do not catch up with the API server within {LONGEST:?}"))
}

/// Reads one kind, all of it or what has these labels, and compares, until the cache has caught up.
async fn follow<K, S>(client: &Client, labels: Option<&str>, cache: &Store<S>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    S: Resource + Clone,
    S::DynamicType: Clone + Eq + Hash,
{
    let api = Api::<K>::all(client.clone());
    loop {
        match read(&api, labels).await {
            Ok((read, at)) => {
                for _ in 0..LOOKS {
                    let cached = cache.state().iter().map(|object| version(&**object)).collect();
                    if !lags(&cached, &read, at) {
                        return;
                    }
                    tokio::time::sleep(INTERVAL).await;
                }
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "cannot tell whether the cache is up to date; it is asked again");
                tokio::time::sleep(INTERVAL * 10).await;
            }
        }
    }
}

/// The versions of all objects of a kind, and the version of the reading itself.
async fn read<K>(api: &Api<K>, labels: Option<&str>) -> kube::Result<(Versions, u64)>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut versions = Versions::new();
    let mut page = ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() }.limit(PAGE);
    loop {
        let list = api.list_metadata(&page).await?;
        versions.extend(list.items.iter().map(version));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page.continue_token = Some(token),
            None => return Ok((versions, number(list.metadata.resource_version.as_ref()))),
        }
    }
}

/// Whether the cache misses a version that was read, or holds an object that was gone by then.
fn lags(cached: &Versions, read: &Versions, at: u64) -> bool {
    let missing = read.iter().any(|(name, version)| cached.get(name).is_none_or(|cached| cached < version));
    missing || cached.iter().any(|(name, version)| !read.contains_key(name) && *version <= at)
}

fn version(object: &impl Resource) -> ((String, String), u64) {
    ((object.namespace().unwrap_or_default(), object.name_any()), number(object.meta().resource_version.as_ref()))
}

/// Of one kind, a greater version is later
/// (<https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version>).
fn number(version: Option<&String>) -> u64 {
    version.and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(objects: &[(&str, u64)]) -> Versions {
        objects.iter().map(|(name, version)| (("clinic".to_owned(), (*name).to_owned()), *version)).collect()
    }

    #[test]
    fn a_cache_lags_if_it_is_older_than_the_reading_in_any_object() {
        let read = versions(&[("a", 5), ("b", 7)]);
        for (what, cached, wanted) in [
            ("the same", versions(&[("a", 5), ("b", 7)]), false),
            ("newer", versions(&[("a", 12), ("b", 7)]), false),
            ("with one made since", versions(&[("a", 5), ("b", 7), ("c", 11)]), false),
            ("an older version", versions(&[("a", 4), ("b", 7)]), true),
            ("one not seen yet", versions(&[("a", 5)]), true),
            ("one whose deletion was not seen yet", versions(&[("a", 5), ("b", 7), ("c", 9)]), true),
        ] {
            assert_eq!(lags(&cached, &read, 10), wanted, "{what}");
        }
    }
}
