//! The models and profiles of approved families that accesses name, which an environment's pass asks the account for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use crate::api::{BedrockAccess, BedrockAccessSpec, PhiWorkload};
use crate::controllers::workload::labels_of;
use crate::plan::environment::Named;
use crate::plan::workload::admits;
use crate::policy::terms::{Terms, is_family};

use super::{Context, Environment};

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
        let accesses: Vec<BedrockAccessSpec> =
            admitted.flat_map(|(namespace, workload)| self.caches.accesses_of(namespace, workload, lives)).collect();
        Named::of(terms, accesses.iter())
    }

    /// Whether an access of an admitted workload names something approved for which the account was not asked yet. The environment's
    /// pass is then called for, and wakes whoever waits for it; a doubtful environment is not waited for.
    pub(in crate::controllers) fn waits_for_answer<'a>(
        &self,
        environment: &Environment,
        accesses: impl Iterator<Item = &'a BedrockAccessSpec>,
    ) -> bool {
        let name = &environment.facts.scope.environment;
        let missing = environment.facts.not_asked(accesses).into_iter().any(|name| !environment.asked.contains(name));
        if missing {
            self.queues.environment(name);
        }
        missing && self.stale(name).is_none()
    }
}
