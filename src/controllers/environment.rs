//! A pass over an environment: read the account, plan, carry out, tell; and leave the facts for its workloads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::annotations::FINALIZER;
use crate::api::conditions::{ConditionType, Reason};
use crate::api::shared::Enforcement;
use crate::api::{PhiEnvironment, PhiEnvironmentStatus, Verdict};
use crate::aws::Account;
use crate::cluster::kubernetes::KubernetesWriter;
use crate::cluster::objects::{WithStatus, hold, reconcile_at};
use crate::cluster::status_writer::set_finalizer;
use crate::domain::{Fault, FaultClass, Scope, digest, names};
use crate::observed::environment::EnvironmentObservation;
use crate::plan::applied::Outcome;
use crate::plan::environment::{EnvironmentInputs, Rules, plan, scope_findings};
use crate::plan::facts::EnvironmentFacts;
use crate::plan::{Action, Applied, Mode, may_hold};
use crate::status::conditions::Stamp;
use crate::status::environment::{EnvironmentPass, project};
use crate::status::transitions::transitions;

use super::context::{Context, Environment};
use super::execute::Executor;
use super::identity::SharedIdentity;
use super::observe::{Observation, observe};
use super::{Next, removal, sweep};

/// How soon to look again after our own writes.
const CONFIRM: Duration = Duration::from_millis(300);

/// Everything that one pass works with.
pub(super) struct Pass<'a> {
    pub context: &'a Context,
    pub object: &'a PhiEnvironment,
    pub name: String,
    pub rules: Rules,
    pub mode: Mode,
    pub account: Account,
    pub identity: Arc<SharedIdentity>,
    pub previous: PhiEnvironmentStatus,
    pub at: Stamp,
}

/// One pass.
pub(super) async fn reconcile(context: &Context, object: &PhiEnvironment) -> Result<Next, Fault> {
    let fips = object.spec.fips.unwrap_or(false);
    let account = context.account(&object.spec.aws.region, fips).await;
    let caller = account.sts.caller().await;
    let name = object.name_any();
    let partition = caller.as_ref().ok().map(|caller| caller.partition().to_owned());
    let rules = Rules::of(&name, &object.spec, partition.as_deref());
    let known = context.environment(&name);
    let settling = context.settings.iam_settling;
    let pass = Pass {
        mode: Mode::of(object.spec.enforcement, &[hold(object)]),
        identity: known.map_or_else(|| Arc::new(SharedIdentity::new(settling)), |known| known.identity.clone()),
        previous: context.statuses.previous(object),
        at: Stamp::new(object.metadata.generation, Timestamp::now()),
        context,
        object,
        name,
        rules,
        account,
    };
    let began = Instant::now();
    let mut seen = observe(&context.client, &pass.account, &object.spec, &pass.rules, caller).await;
    let changed = pass.take_over(&mut seen, began);
    if object.metadata.deletion_timestamp.is_some() {
        return removal::environment(&pass, &seen.environment).await;
    }
    pass.evaluate(&seen, &changed).await
}

impl Pass<'_> {
    /// Takes the bulk read over into the shared snapshot, and the boundary from there: our own last write counts.
    fn take_over(&self, seen: &mut Observation, began: Instant) -> BTreeSet<String> {
        let Ok(identity) = &mut seen.identity else {
            return BTreeSet::new();
        };
        let changed = self.identity.refresh(std::mem::take(identity), began);
        let arn = self.rules.scope.policy_arn(&names::boundary(&self.rules.scope));
        seen.environment.boundary = Ok(self.identity.policy(&arn));
        changed
    }

    async fn evaluate(&self, seen: &Observation, changed: &BTreeSet<String>) -> Result<Next, Fault> {
        let observed = &seen.environment;
        let inputs = self.digest_of_inputs(seen);
        let wish = reconcile_at(self.object).cloned();
        let wished = wish != self.previous.last_reconcile_at;
        let plan = plan(&EnvironmentInputs {
            rules: &self.rules,
            observed,
            // What an unread profile changes in the digest is nobody's change of inputs.
            may_hold: may_hold(self.previous.settled_inputs.as_deref(), &inputs, wished)
                || (!wished && observed.profiles.values().any(Result::is_err)),
            recorded_key: self.previous.key_arn.as_deref(),
            boundary_refused: refused_boundary(&self.previous),
            recorded_endpoints: &self.previous.endpoints,
        })
        .restricted_to(&self.mode);
        let anything = !plan.actions.is_empty();
        let mut previous = self.previous.clone();
        if self.mode == Mode::Enforce && self.scope_proven(observed) {
            // From here on things of ours may exist, if only the roles of workloads.
            let api = PhiEnvironment::api(&self.context.client, None);
            set_finalizer(&api, self.object, FINALIZER, true, &self.context.metrics).await?;
        }
        if anything {
            self.mark_unsettled(&mut previous, &inputs).await?;
        }
        let repair = self.previous.settled_inputs.as_ref() == Some(&inputs);
        let applied = self.executor().carry_out(plan, self.mode.clone()).await;
        self.context.events.done(self.object, repair, applied.done()).await;
        self.leave_facts(seen, changed, &applied.withheld);
        let swept = if self.scope_proven(observed) { sweep::run(self).await } else { Ok(()) };
        // A boundary that the account keeps from us is no work left undone: else nothing in this environment could ever be held.
        let outstanding = applied.outcomes.iter().any(|(action, outcome)| !is_refused_boundary(action, outcome));
        let settled = !outstanding && self.mode == Mode::Enforce && judged(&applied);
        let status = project(
            &EnvironmentPass {
                rules: &self.rules,
                observed,
                applied: &applied,
                settled: settled.then_some(inputs),
                reconcile_at: if outstanding || !applied.withheld.is_empty() { self.previous.last_reconcile_at.clone() } else { wish },
                bound_workloads: self.bound_workloads(),
                deleting: None,
            },
            &previous,
            self.at,
        );
        self.write(&previous, &status).await?;
        Ok(self.next(&applied, swept))
    }

    /// Records that writes are under way before the first of them, so that what they leave half done is never taken for someone's.
    async fn mark_unsettled(&self, previous: &mut PhiEnvironmentStatus, inputs: &str) -> Result<(), Fault> {
        if previous.settled_inputs.as_deref().is_some_and(|settled| settled.is_empty() || settled == inputs) {
            return Ok(());
        }
        let marked = PhiEnvironmentStatus { settled_inputs: Some(String::new()), ..previous.clone() };
        self.context.statuses.write(self.object, previous, &marked).await?;
        *previous = marked;
        Ok(())
    }

    pub(super) fn executor(&self) -> Executor<'_> {
        Executor {
            account: &self.account,
            identity: &self.identity,
            kubernetes: KubernetesWriter { client: self.context.client.clone(), metrics: self.context.metrics.clone() },
            path: &self.rules.scope.path,
        }
    }

    pub(super) fn bound_workloads(&self) -> usize {
        self.context.caches.workloads_of(&self.name, |_| ()).len()
    }

    pub(super) async fn write(&self, previous: &PhiEnvironmentStatus, status: &PhiEnvironmentStatus) -> Result<(), Fault> {
        if self.context.statuses.write(self.object, previous, status).await? {
            self.context.events.transitions(self.object, transitions(&self.previous.conditions, &status.conditions)).await;
        }
        Ok(())
    }

    /// What a `Held` is judged against: everything that the desired documents are made from.
    fn digest_of_inputs(&self, seen: &Observation) -> String {
        let observed = &seen.environment;
        let vpc = observed.vpc.as_ref().ok().and_then(Option::as_ref).map(|vpc| (&vpc.id, &vpc.cidrs));
        let subnets: Vec<_> = observed.subnets.iter().flatten().map(|subnet| (&subnet.id, &subnet.zone)).collect();
        let profiles: Vec<_> = observed.profiles.values().filter_map(|read| read.as_ref().ok()).collect();
        digest::of_value(&(&self.object.spec, &self.rules.scope, vpc, subnets, profiles, observed.operator_arn.as_ref().ok()))
    }

    /// Leaves the facts for workloads and accesses, and wakes those that they concern. A read that failed leaves the last good facts.
    fn leave_facts(&self, seen: &Observation, changed: &BTreeSet<String>, withheld: &[Action]) {
        let verdicts = self.scope_verdicts(&seen.environment);
        if verdicts.contains(&Verdict::Fail) {
            // These are not the account and cluster that the facts speak of: nothing may be written from them any more.
            self.context.forget_environment(&self.name);
        }
        let proven = verdicts.iter().all(|verdict| *verdict == Verdict::Pass);
        let known = self.context.environment(&self.name);
        let known = known.as_ref().filter(|known| known.uid == self.object.metadata.uid).map(|known| &known.facts);
        let facts = || EnvironmentFacts::of(&self.rules, &self.object.spec, &seen.environment, known);
        let Some(mut facts) = facts().filter(|_| proven) else {
            return;
        };
        let foreseen = self.mode == Mode::Audit;
        if foreseen {
            facts.foresee(withheld);
        }
        // The mode is no fact of the account, but its change concerns every workload too.
        let digest = digest::of_value(&(&facts, format!("{:?}", self.mode), &self.object.spec.namespace_selector));
        let (account, identity) = (self.account.clone(), self.identity.clone());
        let uid = self.object.metadata.uid.clone();
        let digest_of_facts = digest::of_value(&facts);
        let environment = Environment { uid, digest: digest.clone(), digest_of_facts, account, identity, facts, foreseen };
        let scope = environment.facts.scope.clone();
        let before = self.context.set_environment(&self.name, Arc::new(environment));
        self.wake_dependents(&scope, before.is_none_or(|before| before.digest != digest), changed);
    }

    /// Wakes all workloads and accesses, or the workloads whose role changed.
    fn wake_dependents(&self, scope: &Scope, all: bool, changed: &BTreeSet<String>) {
        if !all && changed.is_empty() {
            return;
        }
        let (caches, queues) = (&self.context.caches, &self.context.queues);
        caches.workloads_of(&self.name, |workload| {
            let (namespace, name) = (workload.namespace().unwrap_or_default(), workload.name_any());
            if all || changed.contains(&names::role(scope, &namespace, &workload.spec.service_account_name)) {
                queues.workload(&namespace, &name);
            }
            if all {
                caches.names_of_accesses(&namespace, &name).iter().for_each(|access| queues.access(&namespace, access));
            }
        });
    }

    /// Whether account, cluster and network are the ones meant. Before that nothing is written, and nothing is swept.
    pub(super) fn scope_proven(&self, observed: &EnvironmentObservation) -> bool {
        self.scope_verdicts(observed).iter().all(|verdict| *verdict == Verdict::Pass)
    }

    /// The verdicts on account, cluster, network and OIDC provider.
    pub(super) fn scope_verdicts(&self, observed: &EnvironmentObservation) -> Vec<Verdict> {
        let inputs = EnvironmentInputs {
            rules: &self.rules,
            observed,
            may_hold: true,
            recorded_key: None,
            boundary_refused: false,
            recorded_endpoints: &[],
        };
        scope_findings(&inputs).into_iter().map(|finding| finding.verdict).collect()
    }

    fn next(&self, applied: &Applied, swept: Result<(), Fault>) -> Next {
        let fault = applied.failures().map(|(_, fault)| fault).next().cloned().or(swept.err());
        if let Some(fault) = fault {
            // What the account refuses is tried again with each sweep: the refusal of one thing never slows the watch over all others.
            let refused = !matches!(fault.class, FaultClass::Throttled | FaultClass::Unavailable | FaultClass::Conflict);
            if refused && applied.done().next().is_some() {
                return Next::Soon(CONFIRM);
            }
            return if refused { Next::Settled(self.context.settings.sweep_interval) } else { Next::Failed(fault.class) };
        }
        if applied.done().next().is_some() {
            return Next::Soon(CONFIRM);
        }
        let pending = applied.findings.iter().any(|finding| finding.reason == Reason::Progressing);
        let interval = self.context.settings.sweep_interval;
        Next::Settled(if pending { interval.min(Duration::from_secs(10)) } else { interval })
    }

    pub(super) fn enforces(&self) -> bool {
        self.object.spec.enforcement == Some(Enforcement::Enforce)
    }
}

/// Whether the account refused us the boundary in the last pass.
fn refused_boundary(previous: &PhiEnvironmentStatus) -> bool {
    let reason = Reason::BoundaryChangeNotPermitted.as_str();
    previous.conditions.iter().any(|condition| condition.type_ == ConditionType::BoundaryReady.as_str() && condition.reason == reason)
}

fn is_refused_boundary(action: &Action, outcome: &Outcome) -> bool {
    let boundary = matches!(action, Action::CreateBoundary { .. } | Action::ChangeBoundary { .. });
    boundary && matches!(outcome, Outcome::Failed(fault) if fault.class == FaultClass::Denied)
}

/// Whether nothing was left unread or held: only then do the inputs count as settled.
fn judged(applied: &Applied) -> bool {
    applied.findings.iter().all(|finding| !matches!(finding.verdict, Verdict::Unknown | Verdict::Held))
}
