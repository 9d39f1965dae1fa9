//! What the controllers read of the cluster: watched once, shared by all, without managed fields.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedSender;

use crate::api::annotations::ROLE_ARN;
use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use crate::plan::workload::is_kept;

use super::guard::DeserializeGuard;
use super::index::{GroupOf, Index};
use super::pods::Pods;
use super::policies::PolicyText;
use super::resume::Resume;

/// How long to wait for pods at the start, so that no verdict becomes Unknown only because the process is new.
const PODS: Duration = Duration::from_secs(15);

/// Stores of everything that is watched.
#[derive(Clone)]
pub struct Caches {
    /// Environments, also those that do not parse.
    pub environments: Store<DeserializeGuard<PhiEnvironment>>,
    /// Workloads.
    pub workloads: Store<DeserializeGuard<PhiWorkload>>,
    /// Accesses.
    pub accesses: Store<DeserializeGuard<BedrockAccess>>,
    /// Namespaces, by their metadata.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    /// Service accounts, by their metadata.
    pub service_accounts: Store<PartialObjectMeta<ServiceAccount>>,
    /// Network policies.
    pub network_policies: Store<PolicyText>,
    /// What applications are told: config maps with our label, and of each the keys that we write.
    pub settings: Store<ConfigMap>,
    /// Pods, where there are workloads.
    pub pods: Pods,
    workloads_by_namespace: Index<DeserializeGuard<PhiWorkload>>,
    accesses_by_workload: Index<DeserializeGuard<BedrockAccess>>,
    network_policies_by_namespace: Index<PolicyText>,
}

/// A change in one of the caches.
#[derive(Clone, Debug)]
pub enum Change {
    /// An environment came, changed or went.
    Environment(Box<DeserializeGuard<PhiEnvironment>>),
    /// A workload did.
    Workload(Box<DeserializeGuard<PhiWorkload>>),
    /// An access did.
    Access(Box<DeserializeGuard<BedrockAccess>>),
    /// A namespace did: its name.
    Namespace(String),
    /// A service account did: namespace and name.
    ServiceAccount(String, String),
    /// A network policy did.
    NetworkPolicy(Box<PolicyText>),
    /// A config map with our label did: its namespace and name.
    ConfigMap(String, String),
    /// The pods of a namespace did, or are read now: its name.
    Pod(String),
}

/// An object of a cache that may be missing, or not parse. It is shared, because objects are large.
pub struct Guarded<K>(Option<Arc<DeserializeGuard<K>>>);

impl<K> Guarded<K> {
    /// The object, if it is there and parses.
    #[must_use]
    pub fn parsed(&self) -> Option<&K> {
        self.0.as_ref().and_then(|guarded| guarded.0.as_ref().ok())
    }
}

/// A watch, to be polled until the process ends.
pub type Watch = futures::future::BoxFuture<'static, ()>;

impl Caches {
    /// Caches that fill as the returned watches are polled; every change is told to `changes` after it is in the cache.
    #[must_use]
    pub fn new(client: &Client, changes: &UnboundedSender<Change>) -> (Self, Vec<Watch>) {
        let (environments, _, w1) = watch(Api::all(client.clone()), changes, nowhere, |object| Change::Environment(Box::new(object)));
        let (workloads, workloads_by_namespace, w2) =
            watch(Api::all(client.clone()), changes, parsed, |object| Change::Workload(Box::new(object)));
        let (accesses, accesses_by_workload, w3) =
            watch(Api::all(client.clone()), changes, workload_of, |object| Change::Access(Box::new(object)));
        let (namespaces, _, w4) =
            watch(Api::all(client.clone()), changes, nowhere, |object: PartialObjectMeta<Namespace>| Change::Namespace(object.name_any()));
        let (service_accounts, _, w5) = watch(Api::all(client.clone()), changes, nowhere, |object: PartialObjectMeta<ServiceAccount>| {
            Change::ServiceAccount(object.namespace().unwrap_or_default(), object.name_any())
        });
        let (network_policies, network_policies_by_namespace, w6) =
            watch(Api::all(client.clone()), changes, |_| Some(WHOLE), |object| Change::NetworkPolicy(Box::new(object)));
        let ours = watcher::Config::default().labels(OURS);
        let (settings, _, w7) = watch_some(Api::all(client.clone()), ours, keep_settings, changes, nowhere, |object: ConfigMap| {
            Change::ConfigMap(object.namespace().unwrap_or_default(), object.name_any())
        });
        let pods = Pods::new(workloads_by_namespace.clone());
        let w8 = Box::pin(pods.clone().follow(client.clone(), changes.clone()));
        let caches = Self {
            environments,
            workloads,
            accesses,
            namespaces,
            service_accounts,
            network_policies,
            settings,
            pods,
            workloads_by_namespace,
            accesses_by_workload,
            network_policies_by_namespace,
        };
        (caches, vec![w1, w2, w3, w4, w5, w6, w7, w8])
    }

    /// Waits until every cache holds everything. Pods are not waited for if they cannot be read: they are then unknown.
    pub async fn synced(&self) {
        let _ = futures::join!(
            self.environments.wait_until_ready(),
            self.workloads.wait_until_ready(),
            self.accesses.wait_until_ready(),
            self.namespaces.wait_until_ready(),
            self.service_accounts.wait_until_ready(),
            self.network_policies.wait_until_ready(),
            self.settings.wait_until_ready(),
        );
        self.pods.read_within(PODS).await;
    }

    /// The environment of this name, if it is there and parses.
    #[must_use]
    pub fn environment(&self, name: &str) -> Guarded<PhiEnvironment> {
        Guarded(self.environments.get(&ObjectRef::new(name)))
    }

    /// The workload, if it is there and parses.
    #[must_use]
    pub fn workload(&self, namespace: &str, name: &str) -> Guarded<PhiWorkload> {
        Guarded(self.workloads.get(&ObjectRef::new(name).within(namespace)))
    }

    /// Name and UID of the service account in the namespace of an object, if it carries this role in its annotation.
    #[must_use]
    pub fn annotated(&self, beside: &ObjectMeta, account: &str, role_arn: &str) -> Option<(String, String)> {
        let found = self.service_accounts.get(&ObjectRef::new(account).within(beside.namespace.as_deref()?))?;
        let carries = found.annotations().get(ROLE_ARN).is_some_and(|value| value == role_arn);
        found.metadata.uid.clone().filter(|_| carries).map(|uid| (account.to_owned(), uid))
    }

    /// What `take` makes of each workload of a namespace that parses, by name.
    pub fn workloads_in<T>(&self, namespace: &str, take: impl Fn(&PhiWorkload) -> Option<T>) -> Vec<T> {
        let found = self.workloads_by_namespace.of(namespace, WHOLE);
        found.iter().filter_map(|guarded| guarded.0.as_ref().ok()).filter_map(take).collect()
    }

    /// Every workload that parses and for which `wanted` holds. Looks at every workload there is.
    pub fn workloads_where(&self, wanted: impl Fn(&PhiWorkload) -> bool) -> Vec<PhiWorkload> {
        self.workloads.state().iter().filter_map(|guarded| guarded.0.as_ref().ok()).filter(|workload| wanted(workload)).cloned().collect()
    }

    /// What `take` makes of each workload that parses and names this environment. Looks at every workload there is.
    pub fn workloads_of<T>(&self, environment: &str, take: impl Fn(&PhiWorkload) -> T) -> Vec<T> {
        let all = self.workloads.state();
        let parsed = all.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        parsed.filter(|workload| workload.spec.environment_ref.name == environment).map(take).collect()
    }

    /// What `take` makes of each access of a workload that parses, by name.
    pub fn accesses_of<T>(&self, namespace: &str, workload: &str, take: impl Fn(&BedrockAccess) -> Option<T>) -> Vec<T> {
        let found = self.accesses_by_workload.of(namespace, workload);
        found.iter().filter_map(|guarded| guarded.0.as_ref().ok()).filter_map(take).collect()
    }

    /// The names of the accesses of a workload.
    #[must_use]
    pub fn names_of_accesses(&self, namespace: &str, workload: &str) -> BTreeSet<String> {
        self.accesses_by_workload.names(namespace, workload)
    }

    /// The network policies of a namespace, by name.
    #[must_use]
    pub fn network_policies_in(&self, namespace: &str) -> Vec<Arc<PolicyText>> {
        self.network_policies_by_namespace.of(namespace, WHOLE)
    }
}

/// The label selector of what we made for workloads.
pub(super) const OURS: &str = "app.kubernetes.io/managed-by=hipaa-operator";

/// The one group of a kind that is looked up by its namespace alone.
pub(super) const WHOLE: &str = "";

/// The group of a kind that is not looked up by anything.
fn nowhere<K>(_: &K) -> Option<&str> {
    None
}

/// Whether an object is not the one that there is now under its name, if there is one.
#[must_use]
pub fn is_gone<K: Resource>(living: Option<&K>, object: &impl Resource) -> bool {
    living.is_none_or(|living| living.meta().uid != object.meta().uid)
}

fn parsed<K>(guarded: &DeserializeGuard<K>) -> Option<&str> {
    guarded.0.is_ok().then_some(WHOLE)
}

fn workload_of(guarded: &DeserializeGuard<BedrockAccess>) -> Option<&str> {
    guarded.0.as_ref().ok().map(|access| access.spec.workload_ref.name.as_str())
}

/// Keeps of a config map only the keys that we write.
fn keep_settings(object: &mut ConfigMap) {
    object.binary_data = None;
    object.data.iter_mut().for_each(|data| data.retain(|key, _| is_kept(key)));
}

fn watch<K>(
    api: Api<K>,
    changes: &UnboundedSender<Change>,
    group_of: GroupOf<K>,
    change: impl Fn(K) -> Change + Send + 'static,
) -> (Store<K>, Index<K>, Watch)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Clone + Debug + Default + Eq + Hash + Unpin + Send + Sync,
{
    watch_some(api, watcher::Config::default(), |_| (), changes, group_of, change)
}

/// The same for the objects that `config` selects; of each only what `trim` leaves is kept.
fn watch_some<K>(
    api: Api<K>,
    config: watcher::Config,
    trim: fn(&mut K),
    changes: &UnboundedSender<Change>,
    group_of: GroupOf<K>,
    change: impl Fn(K) -> Change + Send + 'static,
) -> (Store<K>, Index<K>, Watch)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Clone + Debug + Default + Eq + Hash + Unpin + Send + Sync,
{
    let (reader, writer) = store();
    let index = Index::new(reader.clone(), group_of);
    let (kept, changes, known) = (index.clone(), changes.clone(), reader.clone());
    // Without the list itself: cleared, it would keep its memory.
    let trimmed = move |object: &mut K| {
        object.meta_mut().managed_fields = None;
        trim(object);
    };
    let stream = watcher(api, config).backoff(Resume::default()).modify(trimmed).reflect(writer);
    let watch = async move {
        let mut stream = std::pin::pin!(stream.into_stream());
        // What a list brings is told once the store holds it: before, looking would find nothing.
        let mut listed = Vec::new();
        // A watch that was interrupted for long is begun anew with a list, and of what went meanwhile nothing is told.
        let mut before = Vec::new();
        while let Some(event) = stream.next().await {
            if let Ok(event) = &event {
                kept.take_in(event);
            }
            match event {
                Ok(watcher::Event::Init) => {
                    listed.clear();
                    before = known.state();
                }
                Ok(watcher::Event::InitApply(object)) => listed.push(object),
                // The receiver ends with the process.
                Ok(watcher::Event::InitDone) => {
                    for object in std::mem::take(&mut listed) {
                        drop(changes.send(change(object)));
                    }
                    let gone = std::mem::take(&mut before).into_iter();
                    let gone = gone.filter(|object| is_gone(known.get(&ObjectRef::from_obj(&**object)).as_deref(), &**object));
                    gone.for_each(|object| drop(changes.send(change((*object).clone()))));
                }
                Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => drop(changes.send(change(object))),
                Err(error) => tracing::warn!(%error, "a watch was interrupted; it is resumed"),
            }
        }
    };
    (reader, index, Box::pin(watch) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_under_the_name_of_an_object_is_not_the_object() {
        let object = |uid: &str| ServiceAccount {
            metadata: ObjectMeta { name: Some("notes".to_owned()), uid: Some(uid.to_owned()), ..ObjectMeta::default() },
            ..ServiceAccount::default()
        };
        assert!(is_gone::<ServiceAccount>(None, &object("1")));
        assert!(is_gone(Some(&object("2")), &object("1")));
        assert!(!is_gone(Some(&object("1")), &object("1")));
    }
}
