//! What every controller has in hand.

pub(super) mod named;
mod unread;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::reflector::ObjectRef;
use kube::{Client, ResourceExt};
use tokio::sync::Mutex as AsyncMutex;

use crate::api::conditions::Reason;
use crate::api::{PhiEnvironment, PhiWorkload};
use crate::aws::{Account, Alarm, CallObserver};
use crate::cluster::caches::Caches;
use crate::cluster::echoes::Echoes;
use crate::cluster::events::Events;
use crate::cluster::hand_over::HandOver;
use crate::cluster::kubernetes::KubernetesWriter;
use crate::cluster::objects::WithStatus;
use crate::cluster::status_writer::StatusWriter;
use crate::domain::{Fault, FaultClass};
use crate::observed::Read;
use crate::plan::Mode;
use crate::plan::facts::EnvironmentFacts;
use crate::status::conditions::State;
use crate::telemetry::metrics::Metrics;

use super::backoff::Backoff;
use super::identity::SharedIdentity;
use super::keys::Keys;
use super::queues::Queues;
use unread::Unread;

/// How the operator behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time between two sweeps of an environment.
    pub sweep_interval: Duration,
    /// Time within which a read of IAM may not show our last write, and KMS may not find a key that was just made.
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
    /// What writes to objects that are not ours alone.
    pub kubernetes: KubernetesWriter,
    /// Our own writes that did not come back yet.
    pub echoes: Echoes,
    /// Where events are told.
    pub events: Events,
    /// The lists of what had to be left undone.
    pub hand_over: HandOver,
    /// What is counted.
    pub metrics: Metrics,
    /// How often in a row each object failed.
    pub backoff: Arc<Backoff>,
    /// The keys that were just made.
    pub keys: Keys,
    /// How to behave.
    pub settings: Settings,
    accounts: AsyncMutex<HashMap<(String, bool), Account>>,
    alarm: Alarm,
    environments: Mutex<HashMap<String, Arc<Environment>>>,
    unread: Mutex<HashMap<String, Unread>>,
    iam_failed: Mutex<HashMap<String, Instant>>,
    identities: Mutex<HashMap<String, Arc<SharedIdentity>>>,
    claimed_elsewhere: Mutex<HashSet<String>>,
    /// Since when the account is to be asked for a model or profile, by environment and id.
    asked_since: Mutex<HashMap<(String, String), Instant>>,
}

/// Why nothing may be claimed from an environment: the reason, and what went wrong.
pub type Doubt = (Reason, String);

/// What the last good pass over an environment left for its workloads and accesses.
pub struct Environment {
    /// UID of the object: another one of the same name may speak of another account.
    pub uid: Option<String>,
    /// The facts they depend on.
    pub facts: EnvironmentFacts,
    /// Digest of everything that its dependents are judged by: the facts, and what the environment asks of them.
    pub digest: String,
    /// Digest of the facts alone, without what single models and profiles resolve to.
    pub digest_of_facts: String,
    /// The models and profiles of approved families that accesses named when the account was last asked.
    pub asked: BTreeSet<String>,
    /// The account.
    pub account: Account,
    /// The account's IAM.
    pub identity: Arc<SharedIdentity>,
    /// Whether the facts hold what Audit withheld, as if it were there: then nothing may be written from them.
    pub foreseen: bool,
    /// What the environment lacks, though it is the one meant: until it is there, power is only taken away.
    pub suspended: Option<String>,
}

impl Environment {
    /// How far writes may go for an object of the environment `declared`, with these holds.
    #[must_use]
    pub fn mode(&self, declared: &PhiEnvironment, holds: &[Option<&str>]) -> Mode {
        match Mode::of(declared.spec.enforcement, holds) {
            _ if self.foreseen => Mode::Audit,
            Mode::Enforce => self.suspended.clone().map_or(Mode::Enforce, Mode::Suspended),
            mode => mode,
        }
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
        let echoes = Echoes::default();
        Self {
            statuses: StatusWriter::new(client.clone(), metrics.clone(), echoes.clone()),
            kubernetes: KubernetesWriter { client: client.clone(), metrics: metrics.clone(), echoes: echoes.clone() },
            echoes,
            events: Events::new(client.clone(), metrics.clone()),
            hand_over: HandOver::new(client.clone(), &namespace, metrics.clone()),
            backoff: Arc::default(),
            keys: Keys::new(settings.iam_settling),
            accounts: AsyncMutex::default(),
            alarm: Alarm::default(),
            environments: Mutex::default(),
            unread: Mutex::default(),
            iam_failed: Mutex::default(),
            identities: Mutex::default(),
            claimed_elsewhere: Mutex::default(),
            asked_since: Mutex::default(),
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
        let observer = CallObserver::new(move |service, operation, class| metrics.called(service, operation, class), &self.alarm);
        let account = Account::connect(&crate::aws::Settings { region: region.to_owned(), fips }, observer).await;
        let parts = (self.caches.clone(), self.queues.clone(), self.metrics.clone());
        tokio::spawn(wake_on_recovery(account.clone(), self.backoff.clone(), parts));
        accounts.insert(key, account.clone());
        account
    }

    /// By how much slower than in good times the slowest service of a Region is asked: 1 if nobody throttles us.
    #[must_use]
    pub fn slowness(&self, region: &str, fips: bool) -> f64 {
        // Busy only while a client is made, which says nothing yet.
        let accounts = self.accounts.try_lock();
        accounts.ok().and_then(|accounts| accounts.get(&(region.to_owned(), fips)).map(Account::slowness)).unwrap_or(1.0)
    }

    /// The account's IAM as the environment sees it, kept from pass to pass.
    #[must_use]
    pub fn identity(&self, environment: &str) -> Arc<SharedIdentity> {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let settling = self.settings.iam_settling;
        identities.entry(environment.to_owned()).or_insert_with(|| Arc::new(SharedIdentity::new(settling))).clone()
    }

    /// Identity of the API server: the UID of its namespace `kube-system`, which is as old as the cluster and cannot be deleted.
    ///
    /// # Errors
    /// When the namespace is not in the cache.
    pub fn api_server(&self) -> Read<String> {
        let found = self.caches.namespaces.get(&ObjectRef::new("kube-system"));
        let missing = Fault { class: FaultClass::NotFound, service: "kubernetes", operation: "GetNamespace", code: "NotFound".into() };
        found.and_then(|namespace| namespace.metadata.uid.clone()).ok_or(missing)
    }

    /// Notes whether another API server has claimed the environment; says whether that is new.
    pub fn note_claim(&self, environment: &str, elsewhere: bool) -> bool {
        let mut noted = self.claimed_elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if elsewhere { noted.insert(environment.to_owned()) } else { noted.remove(environment) }
    }

    /// The state of what is bound to an environment that another API server has claimed; `None` if none has.
    #[must_use]
    pub fn claimed_elsewhere(&self, environment: &str) -> Option<State> {
        let noted = self.claimed_elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let message = || {
            format!(
                "another API server has claimed PhiEnvironment {environment}: nothing is done here; the environment's condition ScopeVerified says who, and what to do"
            )
        };
        noted.contains(environment).then(|| State::broken(Reason::ClaimedElsewhere, message()))
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
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// Wakes everything that waits for the credentials of a client as soon as they work again.
async fn wake_on_recovery(account: Account, backoff: Arc<Backoff>, (caches, queues, metrics): (Caches, Queues, Metrics)) {
    loop {
        account.broken().await;
        metrics.credentials(false);
        account.recovered().await;
        metrics.credentials(true);
        let waiting = backoff.forgive(FaultClass::Credentials);
        for environment in caches.environments.state() {
            queues.environment(&environment.name_any());
        }
        for (_, name) in waiting.into_iter().filter(|(kind, _)| *kind == PhiWorkload::KIND) {
            queues.workload(&name.namespace.unwrap_or_default(), &name.name);
        }
    }
}
