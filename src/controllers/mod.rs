//! The conductor: watches, queues, and a pass over each object that needs one.

mod access;
mod backoff;
mod context;
mod environment;
mod execute;
mod identity;
mod observe;
mod queues;
mod removal;
mod sweep;
mod turns;
mod workload;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::annotations::{HOLD, RECONCILE_AT};
use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use crate::aws::patience::within;
use crate::cluster::caches::Caches;
use crate::domain::{Fault, FaultClass};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::server::Readiness;

pub use context::Settings;
use context::{Context, Parts};
use queues::{Queues, Receiver};
use turns::{Name, Turns};

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The object is gone, or nothing of it is ours.
    Done,
    /// All is as it should be, or waits for someone: look again at the latest after this time.
    Settled(Duration),
    /// Our own writes are to be confirmed.
    Soon(Duration),
    /// A call failed.
    Failed(FaultClass),
}

/// What the controllers are given.
pub struct Start {
    /// The Kubernetes API.
    pub client: Client,
    /// Namespace of the operator's own objects.
    pub namespace: String,
    /// What is counted.
    pub metrics: Metrics,
    /// How to behave.
    pub settings: Settings,
    /// Set once the caches have synced.
    pub readiness: Readiness,
    /// Ends everything; running passes are finished first.
    pub stop: CancellationToken,
}

/// Runs all controllers until `stop` is cancelled.
///
/// # Errors
/// When a controller or watch ends by itself: the process is then to end too, and to be started anew.
pub async fn run(start: Start) -> Result<(), String> {
    let Start { client, namespace, metrics, settings, readiness, stop } = start;
    let (changes, news) = unbounded_channel();
    let (caches, watches) = Caches::new(&client, &changes);
    let (queues, receivers) = Queues::new();
    let parts = Parts { client, caches: caches.clone(), queues: queues.clone(), metrics, settings, namespace };
    let context = Arc::new(Context::new(parts));

    let mut background = JoinSet::new();
    for watch in watches {
        background.spawn(watch);
    }
    background.spawn(queues::wake(caches.clone(), queues, news));
    tokio::select! {
        () = caches.synced() => readiness.set(),
        () = stop.cancelled() => return Ok(()),
        _ = background.join_next() => return Err("a watch ended".to_owned()),
    }

    let mut controllers = JoinSet::new();
    let passes = (context.clone(), stop.clone());
    controllers.spawn(conduct::<PhiEnvironment>(passes.clone(), caches.environments, receivers.environments));
    controllers.spawn(conduct::<PhiWorkload>(passes.clone(), caches.workloads, receivers.workloads));
    controllers.spawn(conduct::<BedrockAccess>(passes, caches.accesses, receivers.accesses));
    loop {
        tokio::select! {
            _ = background.join_next() => return Err("a watch ended".to_owned()),
            ended = controllers.join_next() => match ended {
                None => return Ok(()),
                Some(Err(error)) => return Err(format!("a controller failed: {error}")),
                Some(Ok(())) if stop.is_cancelled() => {}
                Some(Ok(())) => return Err("a controller ended".to_owned()),
            },
        }
    }
}

/// Longest time between passes of an object whose writes never come to rest.
const RESTLESS: Duration = Duration::from_mins(5);

/// Longest wait of an object whose passes fail, but for what its kind says.
const PATIENT: Duration = Duration::from_hours(1);

/// A kind with a pass of its own.
trait Reconciled: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + Sized + 'static {
    /// Its name in metrics and logs.
    const KIND: &'static str;

    /// One pass.
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send;

    /// What a pass is made from, as far as the cluster tells: a change ends the wait after a failure.
    fn inputs(context: &Context, object: &Self) -> String;

    /// Longest wait after a failure.
    fn longest_wait(_context: &Context, _object: &Self) -> Duration {
        PATIENT
    }
}

impl Reconciled for PhiEnvironment {
    const KIND: &'static str = "environment";

    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        environment::reconcile(context, object)
    }

    fn inputs(context: &Context, object: &Self) -> String {
        environment::inputs(context, object)
    }

    /// What fails for the environment itself never slows the watch over its workloads.
    fn longest_wait(context: &Context, object: &Self) -> Duration {
        environment::sweep_interval(context, object)
    }
}

impl Reconciled for PhiWorkload {
    const KIND: &'static str = "workload";

    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        workload::reconcile(context, object)
    }

    fn inputs(context: &Context, object: &Self) -> String {
        workload::inputs(context, object)
    }
}

impl Reconciled for BedrockAccess {
    const KIND: &'static str = "access";

    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        access::reconcile(context, object)
    }

    fn inputs(_context: &Context, object: &Self) -> String {
        marks(object)
    }
}

/// The part of an object that is told by people: its spec, their wishes, its deletion.
fn marks(object: &impl Resource<DynamicType = ()>) -> String {
    let meta = object.meta();
    let annotation = |name| meta.annotations.as_ref().and_then(|all| all.get(name));
    format!("{:?} {:?} {:?} {:?} {:?}", meta.uid, meta.generation, meta.deletion_timestamp, annotation(RECONCILE_AT), annotation(HOLD))
}

/// How long running passes are waited for at the end: less than a pod's grace period.
const FINISHING: Duration = Duration::from_secs(8);
/// Passes over objects that are being deleted which run beside all others: they never wait for those that wait for the account.
const LEAVING: usize = 2;

/// Runs the passes of one kind until the token is cancelled; those that run are then finished.
async fn conduct<K: Reconciled>(
    (context, stop): (Arc<Context>, CancellationToken),
    store: Store<DeserializeGuard<K>>,
    mut keys: Receiver<K>,
) {
    let at_once = usize::from(context.settings.concurrency);
    let mut turns = Turns::default();
    let mut passes = JoinSet::new();
    loop {
        while passes.len() < at_once + LEAVING
            && let Some(name) = turns.next(Instant::now(), passes.len() < at_once)
        {
            let mut key = ObjectRef::new(&name.name);
            key.namespace.clone_from(&name.namespace);
            match store.get(&key) {
                Some(object) => {
                    let context = context.clone();
                    passes.spawn(async move { (name, Box::pin(pass(&context, &object)).await) });
                }
                // It went between waking and looking.
                None => turns.done(&name, None),
            }
        }
        let due = turns.next_due().filter(|_| passes.len() < at_once);
        tokio::select! {
            () = stop.cancelled() => break,
            key = keys.recv() => match key {
                Some(key) => {
                    let leaves = store.get(&key).is_some_and(|object| object.meta().deletion_timestamp.is_some());
                    let name = Name { namespace: key.namespace, name: key.name };
                    if leaves { turns.hurry(name) } else { turns.wake(name) }
                }
                None => break,
            },
            Some(ended) = passes.join_next() => match ended {
                Ok((name, again)) => turns.done(&name, again.map(|after| Instant::now() + after)),
                Err(error) => {
                    tracing::error!(kind = K::KIND, %error, "a pass broke off; the process ends");
                    return;
                }
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {}
        }
    }
    // What is dropped after that is as if the process had been killed, which every pass survives.
    let finished = async { while passes.join_next().await.is_some() {} };
    if tokio::time::timeout(FINISHING, finished).await.is_err() {
        tracing::warn!(kind = K::KIND, "passes that wait for an answer are broken off");
    }
}

/// One pass over an object, bounded in time; gives when to look again if nothing wakes it before.
async fn pass<K: Reconciled>(context: &Context, object: &DeserializeGuard<K>) -> Option<Duration> {
    let key = (K::KIND, Name { namespace: object.namespace(), name: object.name_any() });
    let object = match &object.0 {
        Ok(object) => object,
        Err(error) => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), %error, "an object does not parse and is left alone");
            let outcome = removal::unreadable::<K>(context, &error.metadata).await;
            let version = error.metadata.resource_version.clone().unwrap_or_default();
            return outcome.err().map(|fault| context.backoff.failed(&key, fault.class, &version, PATIENT));
        }
    };
    if let Some(left) = context.backoff.remaining(&key, || K::inputs(context, object)) {
        return Some(left);
    }
    let inputs = K::inputs(context, object);
    let began = Instant::now();
    let next = match within(context.settings.pass_timeout, K::reconcile(context, object)).await {
        Some(Ok(next)) => next,
        Some(Err(fault)) => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), namespace = object.namespace(), %fault, "a pass failed");
            Next::Failed(fault.class)
        }
        None => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), namespace = object.namespace(), "a pass took too long");
            Next::Failed(FaultClass::Unreachable)
        }
    };
    context.metrics.reconciled(K::KIND, !matches!(next, Next::Failed(_)), began.elapsed());
    match next {
        Next::Failed(class) => Some(context.backoff.failed(&key, class, &inputs, K::longest_wait(context, object))),
        Next::Soon(after) => {
            // Writes that never come to rest slow down: something else undoes them, or AWS stores them in another form.
            let rounds = context.backoff.again(&key);
            Some(after.saturating_mul(2_u32.saturating_pow(rounds.saturating_sub(3))).min(RESTLESS))
        }
        Next::Settled(after) => {
            context.backoff.succeeded(&key);
            Some(backoff::jittered(after))
        }
        Next::Done => {
            context.backoff.succeeded(&key);
            None
        }
    }
}
