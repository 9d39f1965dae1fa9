//! The conductor: watches, queues, and a pass over each object that needs one.

mod access;
mod backoff;
mod coalesce;
mod context;
mod environment;
mod execute;
mod identity;
mod observe;
mod queues;
mod removal;
mod sweep;
mod workload;

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::Store;
use kube::{Client, Resource, ResourceExt};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use crate::cluster::caches::Caches;
use crate::domain::{Fault, FaultClass};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::server::Readiness;

pub use context::Settings;
use context::{Context, Parts};
use queues::{Queues, Receiver};

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

/// A kind with a pass of its own.
trait Reconciled: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + Sized + 'static {
    /// Its name in metrics and logs.
    const KIND: &'static str;

    /// One pass.
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send;
}

impl Reconciled for PhiEnvironment {
    const KIND: &'static str = "environment";

    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        environment::reconcile(context, object)
    }
}

impl Reconciled for PhiWorkload {
    const KIND: &'static str = "workload";

    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        workload::reconcile(context, object)
    }
}

impl Reconciled for BedrockAccess {
    const KIND: &'static str = "access";

    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        access::reconcile(context, object)
    }
}

/// Runs the passes of one kind until the token is cancelled; those that run are then finished.
async fn conduct<K: Reconciled>((context, stop): (Arc<Context>, CancellationToken), store: Store<DeserializeGuard<K>>, keys: Receiver<K>) {
    let keys = Box::pin(coalesce::coalesced(keys).take_until(stop.cancelled_owned()));
    let configuration = Config::default().concurrency(context.settings.concurrency);
    let passes = applier(
        |object: Arc<DeserializeGuard<K>>, context: Arc<Context>| {
            Box::pin(async move { Ok::<_, Infallible>(pass(&context, &object).await) })
        },
        |_, never, _| match *never {},
        context,
        store,
        keys,
        configuration,
    );
    passes
        .for_each(|ended| async move {
            // The only failure is that an object went between waking and looking.
            if let Err(error) = ended {
                tracing::debug!(%error, "no pass");
            }
        })
        .await;
}

/// One pass over an object, bounded in time, and when to look again.
async fn pass<K: Reconciled>(context: &Context, object: &DeserializeGuard<K>) -> Action {
    let object = match &object.0 {
        Ok(object) => object,
        Err(error) => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), %error, "an object does not parse and is left alone");
            return match removal::unreadable::<K>(context, &error.metadata).await {
                Ok(()) => Action::await_change(),
                Err(fault) => Action::requeue(context.backoff.failed(&error.metadata.uid.clone().unwrap_or_default(), fault.class)),
            };
        }
    };
    let began = Instant::now();
    let key = format!("{} {}/{}", K::KIND, object.namespace().unwrap_or_default(), object.name_any());
    let next = match tokio::time::timeout(context.settings.pass_timeout, K::reconcile(context, object)).await {
        Ok(Ok(next)) => next,
        Ok(Err(fault)) => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), namespace = object.namespace(), %fault, "a pass failed");
            Next::Failed(fault.class)
        }
        Err(_) => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), namespace = object.namespace(), "a pass took too long");
            Next::Failed(FaultClass::Unavailable)
        }
    };
    context.metrics.reconciled(K::KIND, !matches!(next, Next::Failed(_)), began.elapsed());
    if let Next::Failed(class) = next {
        return Action::requeue(context.backoff.failed(&key, class));
    }
    if let Next::Soon(after) = next {
        // Writes that never come to rest slow down: something else undoes them, or AWS stores them in another form.
        let rounds = context.backoff.again(&key);
        return Action::requeue(after.saturating_mul(2_u32.saturating_pow(rounds.saturating_sub(3))).min(RESTLESS));
    }
    context.backoff.succeeded(&key);
    match next {
        Next::Settled(after) => Action::requeue(backoff::jittered(after)),
        Next::Done | Next::Soon(_) | Next::Failed(_) => Action::await_change(),
    }
}
