//! The pods of the namespaces that have a workload, reduced to what is judged.

mod facts;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, JoinSet};

use crate::api::PhiWorkload;
use crate::observed::pods::PodFacts;

use super::caches::Change;
use super::guard::DeserializeGuard;
use super::index::Index;
use super::resume::Resume;
use facts::Facts;

/// Pods that have not finished: of others the API server tells nothing, not even at the cost of a read.
const LIVING: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Namespaces whose pods are listed at the same time: whole pods are in memory only until they are reduced.
const LISTS: usize = 8;
/// When to compare watches and workloads though nothing was told.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// How often to ask whether all pods are read.
const ASK_AGAIN: Duration = Duration::from_millis(50);

type Shelf = Arc<Mutex<Facts>>;

/// Pods by namespace. Clones share what they hold.
#[derive(Clone)]
pub struct Pods {
    workloads: Index<DeserializeGuard<PhiWorkload>>,
    shelves: Arc<Mutex<HashMap<String, Shelf>>>,
    /// Namespaces whose pods were asked for before they were read.
    missed: Arc<Mutex<HashSet<String>>>,
    news: Arc<Notify>,
}

impl Pods {
    /// No pods yet; [`Self::follow`] fills it.
    #[must_use]
    pub fn new(workloads: Index<DeserializeGuard<PhiWorkload>>) -> Self {
        Self { workloads, shelves: Arc::default(), missed: Arc::default(), news: Arc::default() }
    }

    /// The pods of a namespace; `None` if they were not read: it has no workload, or only since a moment, or they may not be read. Then
    /// a change is told once they are.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<Arc<[PodFacts]>> {
        // Before looking: what is read in between is told.
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known(namespace);
        if known.is_none() {
            missed.insert(namespace.to_owned());
        }
        known
    }

    /// The same for someone who need not be told.
    #[must_use]
    pub fn known(&self, namespace: &str) -> Option<Arc<[PodFacts]>> {
        self.shelf(namespace)?.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// Whether the pods of a namespace were read, or may not be.
    fn is_told(&self, namespace: &str) -> bool {
        self.shelf(namespace).is_some_and(|shelf| shelf.lock().unwrap_or_else(PoisonError::into_inner).is_told())
    }

    fn shelf(&self, namespace: &str) -> Option<Shelf> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).get(namespace).cloned()
    }

    /// Waits until the pods of a namespace are read or refused, but no longer than this.
    pub async fn told_within(&self, namespace: &str, longest: Duration) {
        let told = async {
            while !self.is_told(namespace) {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        // What is not told by then is Unknown.
        let _ = tokio::time::timeout(longest, told).await;
    }

    /// Says that workloads came or went.
    pub fn look(&self) {
        self.news.notify_one();
    }

    /// Waits until the pods of every workload are read, but no longer than this. The workloads are to be known already.
    pub async fn read_within(&self, longest: Duration) {
        self.look();
        let all = async {
            while self.workloads.namespaces().iter().any(|namespace| !self.is_told(namespace)) {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        if tokio::time::timeout(longest, all).await.is_err() {
            tracing::warn!("the pods of some namespaces are not read yet; what is judged of them is Unknown until then");
        }
    }

    /// Watches the pods of the namespaces that have a workload, as workloads come and go, until the process ends. Ends by itself only if
    /// a watch does.
    pub async fn follow(self, client: Client, changes: UnboundedSender<Change>) {
        let lists = Arc::new(Semaphore::new(LISTS));
        // All watches end with the set.
        let mut watches = JoinSet::new();
        let mut running: HashMap<String, AbortHandle> = HashMap::new();
        loop {
            let moves = self.workloads.moves();
            let wanted = self.workloads.namespaces();
            running.retain(|namespace, watch| wanted.contains(namespace) || self.end(namespace, watch));
            for namespace in wanted {
                running.entry(namespace.clone()).or_insert_with(|| {
                    let watch = Watch {
                        missed: self.missed.clone(),
                        api: Api::namespaced(client.clone(), &namespace),
                        shelf: self.begin(&namespace),
                        lists: lists.clone(),
                        changes: changes.clone(),
                        namespace,
                    };
                    watches.spawn(watch.run())
                });
            }
            tokio::select! {
                () = self.moved_since(moves) => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                Some(ended) = watches.join_next() => if !ended.is_err_and(|error| error.is_cancelled()) {
                    return;
                },
            }
        }
    }

    /// Waits until a namespace got its first workload, or lost its last.
    async fn moved_since(&self, moves: u64) {
        while self.workloads.moves() == moves {
            self.news.notified().await;
        }
    }

    /// A shelf of its own for each watch: one that was ended cannot write into that of the next.
    fn begin(&self, namespace: &str) -> Shelf {
        let empty = Shelf::default();
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.to_owned(), empty.clone());
        empty
    }

    /// Ends a watch; says that it is not kept.
    fn end(&self, namespace: &str, watch: &AbortHandle) -> bool {
        watch.abort();
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
        tracing::debug!(namespace, "pods are no longer watched");
        false
    }
}

/// The watch of one namespace.
struct Watch {
    api: Api<Pod>,
    namespace: String,
    shelf: Shelf,
    missed: Arc<Mutex<HashSet<String>>>,
    lists: Arc<Semaphore>,
    changes: UnboundedSender<Change>,
}

impl Watch {
    async fn run(self) {
        tracing::debug!(namespace = self.namespace, "pods are watched");
        // Given back once the first list is read or has failed, so that one namespace does not keep another waiting.
        let mut permit = self.lists.acquire().await.ok();
        let mut events = pin!(watcher(self.api.clone(), watcher::Config::default().fields(LIVING)).backoff(Resume::default()));
        let mut interrupted = false;
        while let Some(event) = events.next().await {
            match &event {
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Ok(_) => (permit, interrupted) = (None, false),
                Err(error) => {
                    permit = None;
                    if !std::mem::replace(&mut interrupted, true) {
                        tracing::warn!(namespace = self.namespace, %error, "the watch of pods was interrupted; it is resumed");
                    }
                }
            }
            let (first, changed) = {
                let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
                (!shelf.is_known(), shelf.take_in(event))
            };
            let missed = changed && self.missed.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.namespace);
            // What is read for the first time is nothing to those who did not ask for it before.
            if changed && (missed || !first) {
                // The receiver ends with the process.
                let _ = self.changes.send(Change::Pod(self.namespace.clone()));
            }
        }
        drop(permit);
    }
}
