//! Runs the passes of one kind: whose turn it is, how many at once, how long, and when again.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use tokio::task::JoinSet;

use crate::aws::patience::within;
use crate::cluster::guard::DeserializeGuard;
use crate::domain::FaultClass;
use crate::telemetry::metrics::ObjectKey;

use super::coalesce::{Reasons, coalesced};
use super::context::Context;
use super::queues::Receiver;
use super::turns::{Name, Turns};
use super::{Next, PATIENT, Passes, Reconciled, backoff, key_of, removal};

/// Longest time between passes of an object whose writes never come to rest.
const RESTLESS: Duration = Duration::from_mins(5);

/// How long running passes are waited for at the end: less than a pod's grace period.
const FINISHING: Duration = Duration::from_secs(8);
/// Passes over objects that are being deleted which run beside all others: they never wait for those that wait for the account.
const LEAVING: usize = 2;

/// Runs the passes of one kind until the token is cancelled; those that run are then finished. None goes on once the lease is lost.
/// Gives whether all could be finished: a pass that was broken off may have a request under way.
pub(super) async fn conduct<K: Reconciled>(passes: Passes, store: Store<DeserializeGuard<K>>, keys: Receiver<K>) -> bool {
    let mut keys = Box::pin(coalesced(keys));
    let Passes { context, leadership, stop } = passes;
    let at_once = usize::from(context.settings.concurrency);
    let mut turns = Turns::default();
    let mut passes = JoinSet::new();
    loop {
        while passes.len() < at_once + LEAVING
            && let Some(name) = turns.next(Instant::now(), passes.len() < at_once)
        {
            if let Some(object) = store.get(&key_named(&name)) {
                let (context, leadership) = (context.clone(), leadership.clone());
                passes.spawn(async move { (name, Box::pin(leadership.guard(pass(&context, &object))).await) });
            } else {
                // It is gone, and was told of a last time.
                turns.done(&name, None, false);
                K::lost(&context, &name.name);
                context.metrics.gone(&ObjectKey::new(K::KIND, name.namespace.clone().unwrap_or_default(), &name.name));
                context.backoff.succeeded(&(K::KIND, name));
            }
        }
        let due = turns.next_due().filter(|_| passes.len() < at_once + LEAVING);
        tokio::select! {
            () = stop.cancelled() => break,
            key = keys.next() => match key {
                Some((key, reasons)) => {
                    if is_echo(&context, store.get(&key).as_deref(), &reasons) {
                        continue;
                    }
                    let urgent = leaves(&store, &key);
                    let name = Name { namespace: key.namespace, name: key.name };
                    if urgent { turns.hurry(name) } else { turns.wake(name) }
                }
                None => break,
            },
            Some(ended) = passes.join_next() => match ended {
                Ok((name, again)) => {
                    let urgent = leaves(&store, &key_named(&name));
                    turns.done(&name, again.map(|after| Instant::now() + after), urgent);
                }
                Err(error) => {
                    tracing::error!(kind = K::KIND, %error, "a pass broke off; the process ends");
                    return false;
                }
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {}
        }
    }
    // What is dropped after that is as if the process had been killed, which every pass survives.
    let finished = async { while passes.join_next().await.is_some() {} };
    let all = tokio::time::timeout(FINISHING, finished).await.is_ok();
    if !all {
        tracing::warn!(kind = K::KIND, "passes that wait for an answer are broken off");
    }
    all
}

fn key_named<K: Reconciled>(name: &Name) -> ObjectRef<DeserializeGuard<K>> {
    let mut key = ObjectRef::new(&name.name);
    key.namespace.clone_from(&name.namespace);
    key
}

/// Whether the object is being deleted.
fn leaves<K: Reconciled>(store: &Store<DeserializeGuard<K>>, key: &ObjectRef<DeserializeGuard<K>>) -> bool {
    store.get(key).is_some_and(|object| object.meta().deletion_timestamp.is_some())
}

/// Whether an object is woken for nothing but what its own pass wrote.
fn is_echo<K: Reconciled>(context: &Context, object: Option<&DeserializeGuard<K>>, reasons: &Reasons) -> bool {
    // Asked for in any case: what came back is forgotten.
    let ours = context.echoes.are_ours(&reasons.versions);
    let echo = ours && !reasons.news;
    if echo && let Some(object) = object {
        context.statuses.caught_up(object);
    }
    echo
}

/// One pass over an object, bounded in time; gives when to look again if nothing wakes it before.
async fn pass<K: Reconciled>(context: &Context, object: &DeserializeGuard<K>) -> Option<Duration> {
    let key = (K::KIND, Name { namespace: object.namespace(), name: object.name_any() });
    let object = match &object.0 {
        Ok(object) => object,
        Err(error) => {
            tracing::warn!(kind = K::KIND, name = object.name_any(), %error, "an object does not parse and is left alone");
            K::lost(context, &key.1.name);
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
    let failed = matches!(next, Next::Failed(_));
    context.metrics.reconciled(K::KIND, !failed, began.elapsed());
    context.metrics.failing(&key_of(object), failed);
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
            context.metrics.gone(&key_of(object));
            context.backoff.succeeded(&key);
            None
        }
    }
}
