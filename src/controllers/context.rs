//! What every controller has in hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::sync::Mutex as AsyncMutex;

use crate::api::PhiEnvironment;
use crate::aws::{Account, CallObserver};
use crate::cluster::caches::Caches;
use crate::cluster::events::Events;
use crate::cluster::hand_over::HandOver;
use crate::cluster::status_writer::StatusWriter;
use crate::plan::Mode;
use crate::plan::facts::EnvironmentFacts;
use crate::telemetry::metrics::Metrics;

use super::backoff::Backoff;
use super::identity::SharedIdentity;
use super::queues::Queues;

/// How the operator behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time between two sweeps of an environment.
    pub sweep_interval: Duration,
    /// Time within which a read of IAM may not show our last write.
    pub iam_settling: Duration,
    /// Longest duration of one pass.
    pub pass_timeout: Duration,
    /// Passes that run at the same time, for each kind.
    pub concurrency: u16,
}

/// What every controller has in hand.
pub struct Context {
    /// The Kubernetes API.
    pub client: Client,
    /// What is watched.
    pub caches: Caches,
    /// What is to be looked at.
    pub queues: Queues,
    /// Where statuses are written.
    pub statuses: StatusWriter,
    /// Where events are told.
    pub events: Events,
    /// The lists of what had to be left undone.
    pub hand_over: HandOver,
    /// What is counted.
    pub metrics: Metrics,
    /// How often in a row each object failed.
    pub backoff: Backoff,
    /// How to behave.
    pub settings: Settings,
    accounts: AsyncMutex<HashMap<(String, bool), Account>>,
    environments: Mutex<HashMap<String, Arc<Environment>>>,
}

/// What the last good pass over an environment left for its workloads and accesses.
pub struct Environment {
    /// UID of the object: another one of the same name may speak of another account.
    pub uid: Option<String>,
    /// The facts they depend on.
    pub facts: EnvironmentFacts,
    /// Digest of everything that its dependents are judged by: the facts, and what the environment asks of them.
    pub digest: String,
    /// Digest of the facts alone.
    pub digest_of_facts: String,
    /// The account.
    pub account: Account,
    /// The account's IAM.
    pub identity: Arc<SharedIdentity>,
    /// Whether the facts hold what Audit withheld, as if it were there: then nothing may be written from them.
    pub foreseen: bool,
}

impl Environment {
    /// How far writes may go for an object of the environment `declared`, with these holds.
    #[must_use]
    pub fn mode(&self, declared: &PhiEnvironment, holds: &[Option<&str>]) -> Mode {
        if self.foreseen { Mode::Audit } else { Mode::of(declared.spec.enforcement, holds) }
    }
}

/// The parts of a [`Context`] that the process makes.
pub struct Parts {
    /// The Kubernetes API.
    pub client: Client,
    /// What is watched.
    pub caches: Caches,
    /// What is to be looked at.
    pub queues: Queues,
    /// What is counted.
    pub metrics: Metrics,
    /// How to behave.
    pub settings: Settings,
    /// Namespace of the operator's own objects.
    pub namespace: String,
}

impl Context {
    /// A context of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { client, caches, queues, metrics, settings, namespace } = parts;
        Self {
            statuses: StatusWriter::new(client.clone(), metrics.clone()),
            events: Events::new(client.clone(), metrics.clone()),
            hand_over: HandOver::new(client.clone(), &namespace, metrics.clone()),
            backoff: Backoff::default(),
            accounts: AsyncMutex::default(),
            environments: Mutex::default(),
            client,
            caches,
            queues,
            metrics,
            settings,
        }
    }

    /// Clients for a Region, made once.
    pub async fn account(&self, region: &str, fips: bool) -> Account {
        let mut accounts = self.accounts.lock().await;
        let key = (region.to_owned(), fips);
        if let Some(account) = accounts.get(&key) {
            return account.clone();
        }
        let metrics = self.metrics.clone();
        let observer = CallObserver::new(move |service, operation, class| metrics.called(service, operation, class));
        let account = Account::connect(&crate::aws::Settings { region: region.to_owned(), fips }, observer).await;
        accounts.insert(key, account.clone());
        account
    }

    /// What the last good pass over an environment left.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<Arc<Environment>> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Leaves what a good pass found; gives what was there before.
    pub fn set_environment(&self, name: &str, environment: Arc<Environment>) -> Option<Arc<Environment>> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), environment)
    }

    /// Forgets an environment that is gone.
    pub fn forget_environment(&self, name: &str) {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
