//! What the controllers have in hand, for a command that works once: the caches are filled, and nothing is woken.

use std::time::{Duration, Instant};

use kube::Client;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use crate::cluster::caches::Caches;
use crate::telemetry::metrics::Metrics;

use super::Settings;
use super::cleanup::{Cleanup, Report};
use super::context::{Context, Parts};
use super::queues::Queues;

/// How long the caches may take to fill.
const FILLED: Duration = Duration::from_mins(1);

/// Filled caches with what works on them. The watches end when it is dropped.
pub struct Begun {
    /// What the controllers have in hand.
    context: Context,
    _watches: JoinSet<()>,
}

impl Begun {
    /// A cleanup, or what it would do. Waits at most `seconds` for what takes its time.
    pub async fn cleanup(&self, act: bool, seconds: u64) -> Report {
        let until = Instant::now() + Duration::from_secs(seconds);
        // A box, because a future with many calls in it is large.
        Box::pin(Cleanup { context: &self.context, act, until, report: Report::default() }.run()).await
    }
}

/// Fills the caches.
///
/// # Errors
/// When they are not filled within a minute.
pub async fn one_shot(client: Client, namespace: String) -> Result<Begun, String> {
    // Nobody listens: what changes meanwhile is seen in the caches.
    let (changes, _) = unbounded_channel();
    let (queues, _) = Queues::new();
    let (caches, watches) = Caches::new(&client, &changes);
    let mut running = JoinSet::new();
    for watch in watches {
        running.spawn(watch);
    }
    let filled = tokio::time::timeout(FILLED, caches.synced()).await;
    filled.map_err(|_| {
        "the cluster cannot be read: these credentials need list and watch on phienvironments, phiworkloads, bedrockaccesses, namespaces, serviceaccounts, networkpolicies and configmaps"
    })?;
    let settings = Settings {
        sweep_interval: Duration::from_mins(5),
        iam_settling: Duration::from_secs(15),
        pass_timeout: Duration::from_mins(2),
        concurrency: 1,
    };
    let context = Context::new(Parts { client, caches, queues, metrics: Metrics::default(), settings, namespace });
    Ok(Begun { context, _watches: running })
}
