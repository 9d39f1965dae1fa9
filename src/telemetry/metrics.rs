//! Prometheus metrics. Labels are closed sets of words, and the names of environments: no names of other objects, no ARNs, no account
//! ids.

mod labels;
mod objects;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::domain::FaultClass;
use crate::plan::Finding;

use labels::{Became, Call, Kind, Pass, Service, Word};
pub use objects::ObjectKey;
use objects::Objects;

fn pass_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 9))
}

/// All metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<Pass, Counter>,
    seconds: Family<Kind, Histogram>,
    aws_calls: Family<Call, Counter>,
    aws_throttles: Family<Service, Counter>,
    kubernetes_writes: Family<Pass, Counter>,
    credentials_broken: Gauge,
    transitions: Family<Became, Counter>,
    leader: Gauge,
    objects: Arc<Objects>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Arc::default(),
            reconciles: Family::default(),
            seconds: Family::new_with_constructor(pass_seconds as fn() -> Histogram),
            aws_calls: Family::default(),
            aws_throttles: Family::default(),
            kubernetes_writes: Family::default(),
            transitions: Family::default(),
            credentials_broken: Gauge::default(),
            leader: Gauge::default(),
            objects: Arc::default(),
        };
        metrics.registry = Arc::new(metrics.registered());
        metrics
    }
}

impl Metrics {
    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("hipaa_operator");
        registry.register("reconciles", "Passes by kind and outcome", self.reconciles.clone());
        registry.register("reconcile_seconds", "Duration of passes by kind", self.seconds.clone());
        registry.register("aws_calls", "Calls to AWS by service, operation and class of failure (ok if none)", self.aws_calls.clone());
        registry.register("aws_throttles", "Calls to AWS that were refused for their rate, by service", self.aws_throttles.clone());
        registry.register(
            "kubernetes_writes",
            "Writes to the Kubernetes API by what is written and outcome",
            self.kubernetes_writes.clone(),
        );
        registry.register(
            "condition_transitions",
            "Changes of a condition's status, by kind, condition and status",
            self.transitions.clone(),
        );
        registry.register(
            "credentials_broken",
            "Clients, one for each Region, that make no call because their credentials do not work",
            self.credentials_broken.clone(),
        );
        registry.register("leader", "Whether this process holds the lease and makes the passes", self.leader.clone());
        self.objects.register(&mut registry);
        registry
    }

    /// Counts a pass over an object of `kind`.
    pub fn reconciled(&self, kind: &'static str, settled: bool, took: Duration) {
        let outcome = Word(if settled { "settled" } else { "unsettled" });
        self.reconciles.get_or_create(&Pass { kind: Word(kind), outcome }).inc();
        self.seconds.get_or_create(&Kind { kind: Word(kind) }).observe(took.as_secs_f64());
    }

    /// Counts a call to AWS.
    pub fn called(&self, service: &'static str, operation: &'static str, class: Option<FaultClass>) {
        if class == Some(FaultClass::Throttled) {
            self.aws_throttles.get_or_create(&Service { service: Word(service) }).inc();
        }
        let class = Word(class.map_or("ok", FaultClass::as_str));
        self.aws_calls.get_or_create(&Call { service: Word(service), operation: Word(operation), class }).inc();
    }

    /// Counts a write to the Kubernetes API.
    pub fn wrote(&self, what: &'static str, succeeded: bool) {
        let outcome = Word(if succeeded { "ok" } else { "failed" });
        self.kubernetes_writes.get_or_create(&Pass { kind: Word(what), outcome }).inc();
    }

    /// Notes that the credentials of a client have failed, or work again.
    pub fn credentials(&self, working: bool) {
        if working {
            self.credentials_broken.dec()
        } else {
            self.credentials_broken.inc()
        };
    }

    /// Counts the conditions of an object of `kind` whose status is not that of `previous`, or that were not there.
    pub fn transitioned(&self, kind: &'static str, previous: &[Condition], current: &[Condition]) {
        for condition in current {
            let before = previous.iter().find(|before| before.type_ == condition.type_);
            if before.is_some_and(|before| before.status == condition.status) {
                continue;
            }
            let status = match condition.status.as_str() {
                "True" => "True",
                "False" => "False",
                _ => "Unknown",
            };
            let labels = Became { kind: Word(kind), condition: condition.type_.clone(), status: Word(status) };
            self.transitions.get_or_create(&labels).inc();
        }
    }

    /// Says whether this process leads.
    pub fn leading(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Takes what a pass judged of an object.
    pub fn judged(&self, object: &ObjectKey, findings: &[Finding]) {
        self.objects.judged(object, findings);
    }

    /// Says whether the last pass over an object failed, so that it waits.
    pub fn failing(&self, object: &ObjectKey, failing: bool) {
        self.objects.failing(object, failing);
    }

    /// Takes what an object added off the gauges, because it is gone.
    pub fn gone(&self, object: &ObjectKey) {
        self.objects.gone(object);
    }

    /// Says that an environment was swept, and whether all was read and done.
    pub fn swept(&self, environment: &str, good: bool) {
        self.objects.swept(environment, good, Instant::now());
    }

    /// The metrics in Prometheus' text form.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_at(Instant::now())
    }

    fn text_at(&self, now: Instant) -> String {
        self.objects.refresh(now);
        let mut text = String::new();
        // Writing to a String fails only if an encoder of a label does, and ours cannot.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests;
