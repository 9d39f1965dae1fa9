//! The conductor: watches, queues, and a pass over each object that needs one.

mod access;
mod backoff;
pub(crate) mod cleanup;
mod coalesce;
mod conduct;
mod context;
mod environment;
mod execute;
mod identity;
mod keys;
pub(crate) mod observe;
mod one_shot;
mod queues;
mod removal;
mod scope;
mod selected;
mod sweep;
mod told;
mod turns;
mod workload;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Resource, ResourceExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::annotations::{HOLD, RECONCILE_AT};
use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use crate::cluster::caches::{Caches, Change};
use crate::cluster::catch_up::catch_up;
use crate::cluster::lease::{Candidate, Leadership};
use crate::cluster::objects::WithStatus;
use crate::domain::lease::Terms;
use crate::domain::{Fault, FaultClass};
use crate::telemetry::metrics::{Metrics, ObjectKey};
use crate::telemetry::server::Readiness;

use conduct::conduct;
pub use context::Settings;
use context::{Context, Parts};
pub(crate) use one_shot::one_shot;
use queues::Queues;

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
    // A request of a pass that was broken off may still arrive: then the lease runs out by itself.
    if ended == Ok(true) {
        lease.release().await;
    }
    ended.map(drop)
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
    /// Runs the controllers until all have ended; gives whether all passes were finished. Dropped, it runs none of them any more.
    async fn lead(self, mut background: JoinSet<()>, news: UnboundedReceiver<Change>) -> Result<bool, String> {
        let Self { client, namespace, metrics, settings, caches, leadership, stop } = self;
        tokio::select! {
            // Before the first pass: what the leader before us wrote has to be in the caches.
            caught_up = catch_up(&client, &caches) => caught_up?,
            () = stop.cancelled() => return Ok(true),
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
        let mut finished = true;
        loop {
            tokio::select! {
                _ = background.join_next() => return Err("a watch ended".to_owned()),
                ended = controllers.join_next() => match ended {
                    None => return Ok(finished),
                    Some(Err(error)) => return Err(format!("a controller failed: {error}")),
                    Some(Ok(all)) if stop.is_cancelled() => finished &= all,
                    Some(Ok(_)) => return Err("a controller ended".to_owned()),
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

/// Longest wait of an object whose passes fail, but for what its kind says.
const PATIENT: Duration = Duration::from_hours(1);

/// A kind with a pass of its own.
trait Reconciled: WithStatus + Resource<DynamicType = ()> + Clone + Debug + Send + Sync + Sized + 'static {
    /// One pass.
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send;

    /// What a pass is made from, as far as the cluster tells: a change ends the wait after a failure.
    fn inputs(context: &Context, object: &Self) -> String;

    /// An object of this name is gone, or cannot be read any more.
    fn lost(_context: &Context, _name: &str) {}

    /// Longest wait after a failure.
    fn longest_wait(_context: &Context, _object: &Self) -> Duration {
        PATIENT
    }
}

impl Reconciled for PhiEnvironment {
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        environment::reconcile(context, object)
    }

    fn inputs(context: &Context, object: &Self) -> String {
        environment::inputs(context, object)
    }

    /// Of what comes next under its name its workloads are to hear, whatever they heard before.
    fn lost(context: &Context, name: &str) {
        context.forget_environment(name);
    }

    /// What fails for the environment itself never slows the watch over its workloads.
    fn longest_wait(context: &Context, object: &Self) -> Duration {
        environment::sweep_interval(context, object)
    }
}

impl Reconciled for PhiWorkload {
    fn reconcile(context: &Context, object: &Self) -> impl Future<Output = Result<Next, Fault>> + Send {
        workload::reconcile(context, object)
    }

    fn inputs(context: &Context, object: &Self) -> String {
        workload::inputs(context, object)
    }
}

impl Reconciled for BedrockAccess {
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

/// What an object is known by in the gauges.
fn key_of<K: Reconciled>(object: &K) -> ObjectKey {
    ObjectKey::new(K::KIND, object.namespace().unwrap_or_default(), object.name_any())
}
