//! Gauges over all living objects: what each of them adds is kept, so that it can be taken off when the object heals or goes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::api::Verdict;
use crate::catalogue::Control;
use crate::plan::Finding;

use super::labels::{Environment, Judged, Kind, Word};

/// An object by kind, namespace and name. Never a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    kind: &'static str,
    namespace: String,
    name: String,
}

impl ObjectKey {
    /// The object of this kind and name; `namespace` is empty for the cluster's.
    #[must_use]
    pub fn new(kind: &'static str, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// What one object adds to the gauges.
#[derive(Debug, Default)]
struct Share {
    verdicts: Vec<(Control, Verdict)>,
    failing: bool,
}

#[derive(Debug, Default)]
pub(super) struct Objects {
    shares: Mutex<HashMap<ObjectKey, Share>>,
    /// By environment: its last good sweep, or else the first that was tried.
    sweeps: Mutex<HashMap<String, Instant>>,
    findings: Family<Judged, Gauge>,
    in_backoff: Family<Kind, Gauge>,
    sweep_age: Family<Environment, Gauge<f64, std::sync::atomic::AtomicU64>>,
}

impl Objects {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "findings",
            "Judgements on living objects, as of their last pass, by kind, control and verdict",
            self.findings.clone(),
        );
        registry.register("objects_in_backoff", "Objects whose last pass failed, by kind", self.in_backoff.clone());
        registry.register(
            "sweep_age_seconds",
            "Time since the last sweep of an environment that read and did all it should, or since the first try if none did",
            self.sweep_age.clone(),
        );
    }

    /// Takes what a pass judged in place of what the one before did.
    pub(super) fn judged(&self, object: &ObjectKey, findings: &[Finding]) {
        let verdicts: Vec<_> = findings.iter().map(|finding| (finding.control, finding.verdict)).collect();
        let mut shares = lock(&self.shares);
        let share = shares.entry(object.clone()).or_default();
        if share.verdicts != verdicts {
            self.add(object.kind, &verdicts, 1);
            let before = std::mem::replace(&mut share.verdicts, verdicts);
            self.add(object.kind, &before, -1);
        }
    }

    pub(super) fn failing(&self, object: &ObjectKey, failing: bool) {
        let mut shares = lock(&self.shares);
        let share = match shares.entry(object.clone()) {
            Entry::Vacant(_) if !failing => return,
            entry => entry.or_default(),
        };
        let change = i64::from(failing) - i64::from(share.failing);
        share.failing = failing;
        self.in_backoff.get_or_create(&Kind { kind: Word(object.kind) }).inc_by(change);
    }

    pub(super) fn gone(&self, object: &ObjectKey) {
        self.failing(object, false);
        if let Some(share) = lock(&self.shares).remove(object) {
            self.add(object.kind, &share.verdicts, -1);
        }
        if object.namespace.is_empty() && lock(&self.sweeps).remove(&object.name).is_some() {
            self.sweep_age.remove(&Environment { environment: object.name.clone() });
        }
    }

    pub(super) fn swept(&self, environment: &str, good: bool, now: Instant) {
        let mut sweeps = lock(&self.sweeps);
        let last = sweeps.entry(environment.to_owned()).or_insert(now);
        if good {
            *last = now;
        }
    }

    /// Brings what is a matter of time up to date: to be called before the gauges are read.
    pub(super) fn refresh(&self, now: Instant) {
        for (environment, last) in &*lock(&self.sweeps) {
            let labels = Environment { environment: environment.clone() };
            self.sweep_age.get_or_create(&labels).set(now.saturating_duration_since(*last).as_secs_f64());
        }
    }

    fn add(&self, kind: &'static str, verdicts: &[(Control, Verdict)], change: i64) {
        for (control, verdict) in verdicts {
            let labels = Judged { kind: Word(kind), control: Word(control.id()), verdict: Word(verdict.as_str()) };
            self.findings.get_or_create(&labels).inc_by(change);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
