//! What a pass over an environment leaves for its workloads and accesses, and whom it wakes.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;

use crate::api::conditions::Reason;
use crate::api::{BedrockAccess, PhiWorkload, Verdict};
use crate::controllers::context::{Doubt, Environment};
use crate::controllers::observe::Observation;
use crate::domain::{digest, names};
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::scope_findings;
use crate::plan::facts::{EnvironmentFacts, unread};
use crate::plan::{Action, Mode};

use super::Pass;

impl Pass<'_> {
    /// Leaves the facts for workloads and accesses, and wakes those that they concern. A read that failed leaves the last good facts.
    pub(super) fn leave_facts(&self, seen: &Observation, changed: &BTreeSet<String>, withheld: &[Action]) {
        if self.describes_another(&seen.environment) {
            // These are not the account and cluster that the facts speak of: nothing may be written from them any more.
            self.context.forget_environment(&self.name);
        }
        if self.context.note_claim(&self.name, self.is_elsewhere(&seen.environment)) {
            self.wake(|_| true, |_| true);
        }
        let proven = if self.mode == Mode::Audit { self.scope_proven(&seen.environment) } else { self.is_ours(&seen.environment) };
        if self.context.note_read(&self.name, self.readable(seen), self.identity_read) {
            self.wake(|_| true, |_| true);
        }
        let known = self.context.environment(&self.name);
        let known = known.as_ref().filter(|known| known.uid == self.object.metadata.uid);
        let suspended = self.suspended(&seen.environment, known.is_some_and(|known| !known.foreseen));
        let known = known.map(|known| &known.facts);
        let facts = EnvironmentFacts::of(&self.rules, &self.object.spec, &seen.environment, &self.guardrails(&seen.environment), known);
        // Where something is not found or not read, what was known tells what there is to take away.
        let facts = facts.or_else(|| known.map(|known| known.under(&self.rules)));
        // Before the first read of IAM it would look as if nothing were there.
        let read_once = self.identity_read || known.is_some();
        let Some(mut facts) = facts.filter(|_| (proven || suspended.is_some()) && read_once) else {
            return;
        };
        let foreseen = self.mode == Mode::Audit;
        if foreseen {
            facts.foresee(withheld);
        }
        // The mode is no fact of the account, but its change concerns every workload too.
        let mode = (format!("{:?}", self.mode), &self.object.spec.namespace_selector);
        let uid = self.object.metadata.uid.clone();
        let digest_of_facts = facts.digest_without_resolutions();
        let digest = digest::of_value(&(&digest_of_facts, mode, &suspended, &uid));
        let (account, identity) = (self.account.clone(), self.identity.clone());
        let named = &self.rules.named;
        let asked = named.models.iter().chain(&named.profiles).chain(&named.too_many).cloned().collect();
        let environment =
            Environment { uid, digest: digest.clone(), digest_of_facts, account, identity, facts, foreseen, suspended, asked };
        let environment = Arc::new(environment);
        let before = self.context.set_environment(&self.name, environment.clone());
        let all = before.as_ref().is_none_or(|before| before.digest != digest);
        let resolved_anew = before.filter(|before| !before.facts.resolves_alike(&environment.facts));
        let scope = &environment.facts.scope;
        let concerned = |workload: &PhiWorkload| {
            let (namespace, account) = (workload.namespace().unwrap_or_default(), &workload.spec.service_account_name);
            let theirs = environment.facts.platform_role(&namespace, account);
            changed.contains(&names::role(scope, &namespace, account)) || theirs.is_some_and(|theirs| changed.contains(theirs))
        };
        let deep =
            |workload: &PhiWorkload| all || resolved_anew.as_ref().is_some_and(|before| self.depends(workload, before, &environment));
        if all || resolved_anew.is_some() || !changed.is_empty() {
            self.wake(|workload| deep(workload) || concerned(workload), deep);
            self.identity.told(changed);
        }
    }

    /// Whether an access of a workload depends on what the account now says otherwise.
    fn depends(&self, workload: &PhiWorkload, before: &Environment, now: &Environment) -> bool {
        let (namespace, name) = (workload.namespace().unwrap_or_default(), workload.name_any());
        let differs = |access: &BedrockAccess| before.facts.differs_for(&now.facts, &access.spec).then_some(());
        !self.context.caches.accesses_of(&namespace, &name, differs).is_empty()
    }

    /// Why power is only taken away for now, though the environment is the one meant. `wrote` says that until now it was not so.
    fn suspended(&self, observed: &EnvironmentObservation, wrote: bool) -> Option<String> {
        // What somebody released may be claimed by another before we take it again.
        let released = || wrote && self.scope_proven(observed) && !self.is_ours(observed);
        let claim = || released().then(|| "the environment's claim, which somebody released and which is to be taken again".to_owned());
        self.lacks(observed).or_else(claim).filter(|_| self.mode != Mode::Audit)
    }

    /// Wakes the bound workloads that are `wanted`, and the accesses of those that are wanted `deep`.
    fn wake(&self, wanted: impl Fn(&PhiWorkload) -> bool, deep: impl Fn(&PhiWorkload) -> bool) {
        let (caches, queues) = (&self.context.caches, &self.context.queues);
        caches.workloads_of(&self.name, |workload| {
            let (namespace, name) = (workload.namespace().unwrap_or_default(), workload.name_any());
            if wanted(workload) {
                queues.workload(&namespace, &name);
            }
            if deep(workload) {
                caches.names_of_accesses(&namespace, &name).iter().for_each(|access| queues.access(&namespace, access));
            }
        });
    }

    /// Why nothing may be claimed of workloads from this pass, if so: a read that they need failed, or the scope is not the one meant.
    fn readable(&self, seen: &Observation) -> Result<(), Doubt> {
        let broken = scope_findings(&self.inputs(&seen.environment)).into_iter().find(|finding| finding.verdict == Verdict::Fail);
        if let Some(finding) = broken {
            return Err((Reason::EnvironmentNotReady, format!("PhiEnvironment {}: {}", self.name, finding.message)));
        }
        let fault = unread(&seen.environment).or(seen.identity.as_ref().err());
        fault.map_or(Ok(()), |fault| Err((fault.reason(), fault.to_string())))
    }
}
