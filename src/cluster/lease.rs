//! The leader's lease: taken, kept, given up. The rules are in [`crate::domain::lease`].
//!
//! Every write is guarded by the resource version, so that of two candidates one wins. A holder leads until its own monotonic deadline,
//! whether or not the API server can be reached; from then on nothing of its passes is run any more, and the process is to end.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{sleep, timeout, timeout_at};

use crate::domain::lease::{Decision, Terms, decide, held, holder, released};
use crate::telemetry::metrics::Metrics;

/// Name of the lease in the operator's namespace.
pub const LEASE: &str = "hipaa-operator";

/// Whether this process leads now. Clones share it.
#[derive(Clone, Debug)]
pub struct Leadership {
    began: Instant,
    /// Nanoseconds after `began`.
    until: Arc<AtomicU64>,
}

impl Leadership {
    fn until(deadline: Instant) -> Self {
        let leadership = Self { began: Instant::now(), until: Arc::default() };
        leadership.extend(deadline);
        leadership
    }

    /// Whether the lease is ours, by our own clock.
    #[must_use]
    pub fn holds(&self) -> bool {
        Instant::now() < self.deadline()
    }

    /// Runs `work` only for as long as the lease is ours: after that it is never polled again, and never ends. A process that was
    /// stopped and goes on after its time does not make the next call of a pass.
    ///
    /// What was handed to the network before cannot be called back. It has the time between renew deadline and lease duration to
    /// arrive before another leads.
    pub async fn guard<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| if self.holds() { work.as_mut().poll(context) } else { Poll::Pending }).await
    }

    fn deadline(&self) -> Instant {
        self.began + Duration::from_nanos(self.until.load(Ordering::Acquire))
    }

    fn extend(&self, deadline: Instant) {
        let nanoseconds = deadline.saturating_duration_since(self.began).as_nanos();
        self.until.store(u64::try_from(nanoseconds).unwrap_or(u64::MAX), Ordering::Release);
    }

    fn end(&self) {
        self.until.store(0, Ordering::Release);
    }
}

/// One that wants the lease.
pub struct Candidate {
    api: Api<Lease>,
    me: String,
    terms: Terms,
    metrics: Metrics,
}

/// The lease, held.
pub struct Held {
    candidate: Candidate,
    lease: Lease,
    leadership: Leadership,
}

/// The lease as a candidate saw it last.
struct Seen {
    version: String,
    holder: String,
    since: Instant,
}

impl Candidate {
    /// A candidate named `me` for the lease in `namespace`. No two processes may have the same name, not even one after the other.
    #[must_use]
    pub fn new(client: Client, namespace: &str, me: String, terms: Terms, metrics: Metrics) -> Self {
        Self { api: Api::namespaced(client, namespace), me, terms, metrics }
    }

    /// Waits until the lease is ours, however long that takes. A failure of the API server is one more reason to wait.
    pub async fn acquire(self) -> Held {
        let mut seen: Option<Seen> = None;
        loop {
            let began = Instant::now();
            let look = timeout(self.terms.renew_deadline(), self.look(&mut seen, began)).await;
            match look.map_err(|_| "no answer in time".to_owned()).and_then(|looked| looked.map_err(|error| error.to_string())) {
                Ok(Some(lease)) => {
                    tracing::info!(identity = self.me, "the lease is ours");
                    let leadership = Leadership::until(began + self.terms.renew_deadline());
                    return Held { candidate: self, lease, leadership };
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error, "the lease cannot be had now; it is tried again"),
            }
            sleep(self.terms.retry()).await;
        }
    }

    /// One look at the lease, and one try at it if it may be taken.
    async fn look(&self, seen: &mut Option<Seen>, now: Instant) -> kube::Result<Option<Lease>> {
        let Some(lease) = self.api.get_opt(LEASE).await? else {
            let metadata = ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() };
            return self.take(Lease { metadata, spec: None }).await;
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let version = lease.resource_version().unwrap_or_default();
        let since = match seen {
            Some(before) if before.version == version => before.since,
            before => {
                let holder = holder(&spec).unwrap_or_default().to_owned();
                if before.as_ref().is_none_or(|before| before.holder != holder) {
                    tracing::info!(holder, "another leads, or did; this process follows");
                }
                // The moment after the answer: the change may be as young as that.
                before.insert(Seen { version, holder, since: Instant::now() }).since
            }
        };
        match decide(&spec, &self.me, now.saturating_duration_since(since), &self.terms) {
            Decision::Acquire | Decision::Renew => self.take(lease).await,
            Decision::Wait(_) => Ok(None),
        }
    }

    /// Makes `lease` ours, unless another was quicker.
    async fn take(&self, lease: Lease) -> kube::Result<Option<Lease>> {
        match self.write(lease, |spec| held(spec, &self.me, Timestamp::now(), &self.terms)).await {
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Writes the changed lease if it still has the version that we know.
    async fn write(&self, mut lease: Lease, change: impl FnOnce(&LeaseSpec) -> LeaseSpec) -> kube::Result<Lease> {
        lease.spec = Some(change(&lease.spec.unwrap_or_default()));
        let parameters = PostParams::default();
        let outcome = match lease.resource_version() {
            None => self.api.create(&parameters, &lease).await,
            Some(_) => self.api.replace(LEASE, &parameters, &lease).await,
        };
        self.metrics.wrote("lease", outcome.is_ok());
        outcome
    }
}

impl Held {
    /// Whether it is still ours, for whoever has to know.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Renews the lease until that fails, and says why it is lost.
    pub async fn keep(&mut self) -> String {
        loop {
            let deadline = self.leadership.deadline().into();
            let lost = match timeout_at(deadline, self.renewed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(lost)) => lost,
                Err(_) => format!("it could not be renewed within {:?}", self.candidate.terms.renew_deadline()),
            };
            self.leadership.end();
            return format!("the lease {LEASE} is lost: {lost}");
        }
    }

    /// Waits for the time of the next renewal, then tries until one succeeds or another holds the lease.
    async fn renewed(&mut self) -> Result<(), String> {
        let terms = self.candidate.terms;
        loop {
            sleep(terms.retry()).await;
            if !self.leadership.holds() {
                return Err(format!("it was not renewed within {:?}", terms.renew_deadline()));
            }
            // What was sent counts from before it was sent: nobody can have seen it earlier.
            let began = Instant::now();
            // Half, so that one connection that hangs leaves time for another.
            match timeout(terms.renew_deadline() / 2, self.renew()).await {
                Ok(Ok(())) => {
                    self.leadership.extend(began + terms.renew_deadline());
                    return Ok(());
                }
                Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_not_found() => self.look().await?,
                Ok(Err(error)) => warn(&error),
                Err(_) => warn(&"no answer in time"),
            }
        }
    }

    async fn renew(&mut self) -> kube::Result<()> {
        let Candidate { me, terms, .. } = &self.candidate;
        self.lease = self.candidate.write(self.lease.clone(), |spec| held(spec, me, Timestamp::now(), terms)).await?;
        Ok(())
    }

    /// Reads the lease after a refused write: it may be our own, whose answer was lost. A lease that someone deleted is lost.
    async fn look(&mut self) -> Result<(), String> {
        match self.candidate.api.get_opt(LEASE).await {
            Ok(Some(found)) => {
                let spec = found.spec.clone().unwrap_or_default();
                if holder(&spec) != Some(&self.candidate.me) {
                    return Err(format!("{} holds it", holder(&spec).unwrap_or("nobody")));
                }
                self.lease = found;
                Ok(())
            }
            Ok(None) => Err("it was deleted".to_owned()),
            Err(error) => {
                warn(&error);
                Ok(())
            }
        }
    }

    /// Gives the lease up, so that another need not wait for it to run out. All work has to be done before. That it fails is a pity only.
    pub async fn release(mut self) {
        self.leadership.end();
        let longest = self.candidate.terms.renew_deadline();
        let giving_up = async {
            self.look().await?;
            let written = self.candidate.write(self.lease.clone(), |spec| released(spec, Timestamp::now())).await;
            written.map(drop).map_err(|error| error.to_string())
        };
        match timeout(longest, giving_up).await {
            Ok(Ok(())) => tracing::info!("the lease is released"),
            Ok(Err(error)) => tracing::warn!(error, "the lease was not released; another waits until it runs out"),
            Err(_) => tracing::warn!("the lease was not released in time; another waits until it runs out"),
        }
    }
}

fn warn(error: &dyn Display) {
    tracing::warn!(%error, "the lease was not renewed; it is tried again");
}
