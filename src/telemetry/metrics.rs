//! Prometheus metrics. Labels are closed sets of words: no names of objects, no ARNs, no account ids.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::domain::FaultClass;

/// A label value of a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Word(&'static str);

impl prometheus_client::encoding::EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pass {
    kind: Word,
    outcome: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    service: Word,
    operation: Word,
    class: Word,
}

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
    kubernetes_writes: Family<Pass, Counter>,
    credentials_broken: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hipaa_operator");
        let reconciles = Family::default();
        let seconds = Family::new_with_constructor(pass_seconds as fn() -> Histogram);
        let aws_calls = Family::default();
        let kubernetes_writes = Family::default();
        let credentials_broken = Gauge::default();
        registry.register(
            "credentials_broken",
            "Clients, one for each Region, that make no call because their credentials do not work",
            credentials_broken.clone(),
        );
        registry.register("reconciles", "Passes by kind and outcome", Family::clone(&reconciles));
        registry.register("reconcile_seconds", "Duration of passes by kind", Family::clone(&seconds));
        registry.register("aws_calls", "Calls to AWS by service, operation and class of failure (ok if none)", Family::clone(&aws_calls));
        registry.register(
            "kubernetes_writes",
            "Writes to the Kubernetes API by what is written and outcome",
            Family::clone(&kubernetes_writes),
        );
        Self { registry: Arc::new(registry), reconciles, seconds, aws_calls, kubernetes_writes, credentials_broken }
    }
}

impl Metrics {
    /// Counts a pass over an object of `kind`.
    pub fn reconciled(&self, kind: &'static str, settled: bool, took: Duration) {
        let outcome = Word(if settled { "settled" } else { "unsettled" });
        self.reconciles.get_or_create(&Pass { kind: Word(kind), outcome }).inc();
        self.seconds.get_or_create(&Kind { kind: Word(kind) }).observe(took.as_secs_f64());
    }

    /// Counts a call to AWS.
    pub fn called(&self, service: &'static str, operation: &'static str, class: Option<FaultClass>) {
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

    /// The metrics in Prometheus' text form.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String fails only if an encoder of a label does, and ours cannot.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
