//! The models and profiles of approved families that accesses name, which an environment's pass asks the account for.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use crate::api::{BedrockAccess, BedrockAccessSpec, PhiWorkload};
use crate::controllers::workload::labels_of;
use crate::plan::environment::Named;
use crate::plan::workload::admits;
use crate::policy::terms::{Terms, is_family};

use super::{Context, Environment};

/// How long a workload's pass waits until the account was asked for what its accesses name.
pub(in crate::controllers) const PATIENCE: Duration = Duration::from_secs(20);

impl Context {
    /// What the accesses of admitted workloads name of the environment's families. Without families nobody is asked.
    pub(in crate::controllers) fn named(&self, environment: &str, selector: &LabelSelector, terms: &Terms) -> Named {
        if !terms.models.iter().chain(&terms.profiles).any(|approved| is_family(approved)) {
            return Named::default();
        }
        let place = |workload: &PhiWorkload| (workload.namespace().unwrap_or_default(), workload.name_any());
        let workloads = self.caches.workloads_of(environment, place);
        let admitted = workloads.iter().filter(|(namespace, _)| admits(selector, &labels_of(self, namespace)));
        let lives = |access: &BedrockAccess| access.metadata.deletion_timestamp.is_none().then(|| access.spec.clone());
        let accesses: Vec<(&String, Vec<BedrockAccessSpec>)> =
            admitted.map(|(namespace, workload)| (namespace, self.caches.accesses_of(namespace, workload, lives))).collect();
        let each = accesses.iter().flat_map(|(namespace, specs)| specs.iter().map(|spec| (namespace.as_str(), spec)));
        Named::of(terms, each)
    }

    /// Whether an access of an admitted workload names something approved for which the account was not asked yet. The environment's
    /// pass is then called for, and wakes whoever waits for it. Nothing is waited for for long: what else a pass has to do is done then.
    pub(in crate::controllers) fn waits_for_answer<'a>(
        &self,
        environment: &Environment,
        accesses: impl Iterator<Item = &'a BedrockAccessSpec>,
    ) -> bool {
        let name = &environment.facts.scope.environment;
        let mut asked_since = self.asked_since.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waits = false;
        for id in environment.facts.not_asked(accesses) {
            let key = (name.clone(), id.to_owned());
            if environment.asked.contains(id) {
                asked_since.remove(&key);
            } else {
                waits |= asked_since.entry(key).or_insert_with(Instant::now).elapsed() < PATIENCE;
            }
        }
        drop(asked_since);
        if waits {
            self.queues.environment(name);
        }
        waits
    }
}
