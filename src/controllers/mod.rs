//! The conductor: watches, queues, and a pass over each object that needs one.

mod access;
mod backoff;
pub(crate) mod cleanup;
mod context;
mod environment;
mod execute;
mod identity;
pub(crate) mod observe;
mod one_shot;
mod queues;
mod removal;
mod scope;
mod sweep;
mod workload;

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::ready;
use futures::stream::unfold;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Error, applier};
use kube::runtime::reflector::Store;
use kube::{Client, Resource, ResourceExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use crate::cluster::caches::{Caches, Change};
use crate::cluster::catch_up::catch_up;
use crate::cluster::lease::{Candidate, Leadership};
use crate::cluster::objects::WithStatus;
use crate::domain::lease::Terms;
use crate::domain::{Fault, FaultClass};
use crate::telemetry::metrics::{Metrics, ObjectKey};
use crate::telemetry::server::Readiness;

pub use context::Settings;
use context::{Context, Parts};
pub(crate) use one_shot::one_shot;
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
    /// Name of this process as a candidate for the lease; no other process, before or after it, may have it.
    pub identity: String,
    /// How long the lease lasts.
    pub terms: Terms,
    /// Set once the caches have synced.
    pub readiness: Readiness,
    /// Ends everything; running passes are finished first.
    pub stop: CancellationToken,
}

/// Follows until the lease is ours, then runs all controllers until `stop` is cancelled, and gives the lease up.
///
/// A follower only fills its caches: it makes no pass, so it calls no AWS and writes nothing. It is ready all the same.
///
/// # Errors
/// When a controller or watch ends by itself, or the lease is lost: the process is then to end too, at once, and to be started anew.
pub async fn run(start: Start) -> Result<(), String> {
    let Start { client, namespace, metrics, settings, identity, terms, readiness, stop } = start;
    let (changes, mut news) = unbounded_channel();
    let (caches, watches) = Caches::new(&client, &changes);
    let mut background = JoinSet::new();
    for watch in watches {
        background.spawn(watch);
    }
    let candidate = Candidate::new(client.clone(), &namespace, identity, terms, metrics.clone());
    let elected = async {
        caches.synced().await;
        readiness.set();
        candidate.acquire().await
    };
    let mut lease = tokio::select! {
        lease = elected => lease,
        () = stop.cancelled() => return Ok(()),
        () = queues::follow(&caches, &mut news) => return Err("the watches ended".to_owned()),
        _ = background.join_next() => return Err("a watch ended".to_owned()),
    };
    metrics.leading(true);
    let leadership = lease.leadership();
    let term = Term { client, namespace, metrics: metrics.clone(), settings, caches, leadership, stop };
    let ended = tokio::select! {
        lost = lease.keep() => Err(lost),
        ended = term.lead(background, news) => ended,
    };
    metrics.leading(false);
    if ended.is_ok() {
        lease.release().await;
    }
    ended
}

/// The time in which this process leads.
struct Term {
    client: Client,
    namespace: String,
    metrics: Metrics,
    settings: Settings,
    caches: Caches,
    leadership: Leadership,
    stop: CancellationToken,
}

impl Term {
    /// Runs the controllers until all have ended. Dropped, it runs none of them any more.
    async fn lead(self, mut background: JoinSet<()>, news: UnboundedReceiver<Change>) -> Result<(), String> {
        let Self { client, namespace, metrics, settings, caches, leadership, stop } = self;
        tokio::select! {
            // Before the first pass: what the leader before us wrote has to be in the caches.
            caught_up = catch_up(&client, &caches) => caught_up?,
            () = stop.cancelled() => return Ok(()),
            _ = background.join_next() => return Err("a watch ended".to_owned()),
        }
        let (queues, receivers) = Queues::new();
        let parts = Parts { client, caches: caches.clone(), queues: queues.clone(), metrics, settings, namespace };
        let context = Arc::new(Context::new(parts));
        background.spawn(queues::wake(caches.clone(), queues, news));

        let mut controllers = JoinSet::new();
        let passes = Passes { context, leadership, stop: stop.clone() };
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
}

/// What the passes of every kind run with.
#[derive(Clone)]
struct Passes {
    context: Arc<Context>,
    leadership: Leadership,
    stop: CancellationToken,
}

/// Longest time between passes of an object whose writes never come to rest.
const RESTLESS: Duration = Duration::from_mins(5);

/// A kind with a pass of its own.
trait Reconciled: WithStatus + Resource<DynamicType = ()> + Clone + Debug + Send + Sync + Sized + 'static {
    /// One pass.
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send;
}

impl Reconciled for PhiEnvironment {
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        environment::reconcile(context, object)
    }
}

impl Reconciled for PhiWorkload {
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        workload::reconcile(context, object)
    }
}

impl Reconciled for BedrockAccess {
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        access::reconcile(context, object)
    }
}

/// Runs the passes of one kind until the token is cancelled; those that run are then finished. None goes on once the lease is lost.
async fn conduct<K: Reconciled>(passes: Passes, store: Store<DeserializeGuard<K>>, keys: Receiver<K>) {
    let Passes { context, leadership, stop } = passes;
    let keys = unfold(keys, async |mut keys| keys.recv().await.map(|key| (Ok::<_, Infallible>(key), keys)));
    let keys = Box::pin(keys.take_until(stop.cancelled_owned()));
    let configuration = Config::default().concurrency(context.settings.concurrency);
    let passes = applier(
        move |object: Arc<DeserializeGuard<K>>, context: Arc<Context>| {
            let leadership = leadership.clone();
            Box::pin(async move { Ok::<_, Infallible>(leadership.guard(pass(&context, &object)).await) })
        },
        |_, never, _| match *never {},
        context.clone(),
        store,
        keys,
        configuration,
    );
    passes
        .for_each(|ended| {
            // The only failure is that an object went between waking and looking.
            if let Err(Error::ObjectNotFound(object)) = ended {
                let key = ObjectKey::new(K::KIND, object.namespace.unwrap_or_default(), object.name);
                context.backoff.succeeded(&key.to_string());
                context.metrics.gone(&key);
            }
            ready(())
        })
        .await;
}

/// What an object is known by in the backoff and in the gauges.
fn key_of<K: Reconciled>(object: &K) -> ObjectKey {
    ObjectKey::new(K::KIND, object.namespace().unwrap_or_default(), object.name_any())
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
    let object_key = key_of(object);
    let key = object_key.to_string();
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
    context.metrics.failing(&object_key, matches!(next, Next::Failed(_)));
    if next == Next::Done {
        context.metrics.gone(&object_key);
    }
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
