//! A pass over an environment: read the account, plan, carry out, tell; and leave the facts for its workloads.

mod facts;
mod unmet;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::account_settings::AccountSettingsStatus;
use crate::api::annotations::{CONFIRM_GUARDRAIL, FINALIZER};
use crate::api::conditions::Reason;
use crate::api::guardrails::GuardrailStatus;
use crate::api::shared::Enforcement;
use crate::api::{PhiEnvironment, PhiEnvironmentStatus, PhiWorkload};
use crate::aws::Account;
use crate::cluster::objects::{WithStatus, hold, reconcile_at};
use crate::domain::{Fault, digest, names};
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::guardrails::in_use;
use crate::plan::environment::{EnvironmentInputs, Rules, plan};
use crate::plan::{Applied, Finding, Mode, may_hold};
use crate::status::conditions::Stamp;
use crate::status::environment::account_settings::remembering;
use crate::status::environment::{EnvironmentPass, asks_anew, project, recorded_key, wish};
use crate::status::transitions::transitions;

use super::context::Context;
use super::execute::Executor;
use super::identity::SharedIdentity;
use super::observe::{Known, Observation, observe};
use super::{Next, key_of, marks, removal, sweep};
use unmet::{is_afar, is_kept_from_us, judged, refused_boundary};

/// Sweeps are at most this much rarer while a service throttles us.
const STRETCH: f64 = 4.0;
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
    /// Whether this pass has read IAM in bulk.
    pub identity_read: bool,
    pub previous: PhiEnvironmentStatus,
    pub at: Stamp,
}

/// What ends the wait after a failed pass: what people write, and, of an environment that is to go, how much is still bound to it.
pub(super) fn inputs(context: &Context, object: &PhiEnvironment) -> String {
    let deleting = object.metadata.deletion_timestamp.is_some();
    let bound = deleting.then(|| context.caches.workloads_of(&object.name_any(), |_| ()).len());
    format!("{} {:?} {bound:?}", marks(object), object.metadata.annotations)
}

/// Time until the next sweep: longer while a service throttles us.
pub(super) fn sweep_interval(context: &Context, object: &PhiEnvironment) -> Duration {
    let slowness = context.slowness(&object.spec.aws.region, object.spec.fips.unwrap_or(false));
    context.settings.sweep_interval.mul_f64(slowness.clamp(1.0, STRETCH))
}

/// One pass.
pub(super) async fn reconcile(context: &Context, object: &PhiEnvironment) -> Result<Next, Fault> {
    let (pass, seen, changed) = Pass::read(context, object).await;
    if object.metadata.deletion_timestamp.is_some() {
        if pass.mode != Mode::Audit {
            // Until they go, the workloads are watched over as before.
            pass.leave_facts(&seen, &changed, &[]);
        }
        return removal::environment(&pass, &seen.environment).await;
    }
    pass.evaluate(&seen, &changed).await
}

impl<'a> Pass<'a> {
    /// Begins a pass: reads everything that it needs. Gives also the names of the roles that changed since the last one.
    pub(super) async fn read(context: &'a Context, object: &'a PhiEnvironment) -> (Self, Observation, BTreeSet<String>) {
        let fips = object.spec.fips.unwrap_or(false);
        let account = context.account(&object.spec.aws.region, fips).await;
        let caller = account.sts.caller().await;
        let name = object.name_any();
        let partition = caller.as_ref().ok().map(|caller| caller.partition().to_owned());
        let mut rules = Rules::of(&name, &object.spec, partition.as_deref());
        rules.named = context.named(&name, &object.spec.namespace_selector, &rules.terms);
        let mut pass = Self {
            identity_read: false,
            mode: Mode::of(object.spec.enforcement, &[hold(object)]),
            identity: context.identity(&name),
            previous: context.statuses.previous(object),
            at: Stamp::new(object.metadata.generation, Timestamp::now()),
            context,
            object,
            name,
            rules,
            account,
        };
        let began = Instant::now();
        let api_server = context.api_server();
        let start = Known {
            spec: &object.spec,
            rules: &pass.rules,
            recorded: &pass.previous,
            caller,
            api_server,
            identity: pass.identity.snapshot(),
        };
        let mut seen = observe(&context.client, &pass.account, start).await;
        pass.rules.add_enforced(&seen.environment.settings, pass.previous.account_settings.as_ref());
        let changed = pass.take_over(&mut seen, began);
        pass.identity_read = seen.identity.is_ok();
        (pass, seen, changed)
    }
}

impl Pass<'_> {
    /// Takes the bulk read over into the shared snapshot, and boundary and claims from there: our own last write counts.
    fn take_over(&self, seen: &mut Observation, began: Instant) -> BTreeSet<String> {
        let Ok(identity) = &mut seen.identity else {
            return BTreeSet::new();
        };
        let changed = self.identity.refresh(std::mem::take(identity), began);
        let arn = self.rules.scope.policy_arn(&names::boundary(&self.rules.scope));
        seen.environment.boundary = Ok(self.identity.policy(&arn));
        seen.environment.claims = Ok(self.identity.claims());
        changed
    }

    async fn evaluate(&self, seen: &Observation, changed: &BTreeSet<String>) -> Result<Next, Fault> {
        let observed = &seen.environment;
        let inputs = self.digest_of_inputs(seen);
        let wish = reconcile_at(self.object).cloned();
        let wished = wish != self.previous.last_reconcile_at;
        let plan = plan(&EnvironmentInputs {
            // What an unread profile changes in the digest is nobody's change of inputs.
            may_hold: may_hold(self.previous.settled_inputs.as_deref(), &inputs, wished)
                || (!wished && self.inputs(observed).application_profiles().any(Result::is_err)),
            // Without a record no wish is known to be new.
            asked: self.previous.key_enabled_for.as_ref().is_some_and(|before| asks_anew(&self.wish(), before)),
            recorded_key: recorded_key(&self.previous),
            boundary_refused: refused_boundary(&self.previous),
            recorded_endpoints: &self.previous.endpoints,
            uid: self.object.metadata.uid.as_deref().unwrap_or_default(),
            recorded_guardrails: &self.previous.guardrails,
            federated: &self.identity.federated(),
            service_accounts: &self.service_accounts(),
            ..self.inputs(observed)
        })
        .restricted_to(&self.mode);
        let anything = !plan.actions.is_empty();
        let mut previous = self.previous.clone();
        if self.mode == Mode::Enforce && self.scope_proven(observed) {
            // From here on things of ours may exist, if only the roles of workloads.
            let api = PhiEnvironment::api(&self.context.client, None);
            self.context.statuses.set_finalizer(&api, self.object, FINALIZER, true).await?;
        }
        if self.previous.settled_inputs.as_deref() == Some("") {
            self.context.keys.left_under_way(&names::key_alias(&self.rules.scope));
        }
        if anything {
            let replaced = remembering(previous.account_settings.as_ref(), &observed.settings, &plan.actions);
            self.mark_unsettled(&mut previous, &inputs, replaced).await?;
        }
        let repair = self.previous.settled_inputs.as_ref() == Some(&inputs);
        let applied = self.executor().carry_out(plan, self.mode.clone()).await;
        self.context.events.done(self.object, repair, applied.done()).await;
        self.leave_facts(seen, changed, &applied.withheld);
        let sweeps = self.may_sweep(observed);
        let swept = if sweeps { sweep::run(self).await.map(drop) } else { Ok(()) };
        self.context.metrics.judged(&key_of(self.object), &applied.findings);
        self.context.metrics.swept(&self.name, sweeps && seen.identity.is_ok() && swept.is_ok());
        // What the account keeps from us is no work left undone: else nothing in this environment could ever be held.
        let outstanding = applied.outcomes.iter().any(|(action, outcome)| !is_kept_from_us(action, outcome));
        let settled = !outstanding && self.mode == Mode::Enforce && judged(&applied);
        let status = project(
            &EnvironmentPass {
                rules: &self.rules,
                observed,
                applied: &applied,
                settled: settled.then_some(inputs),
                reconcile_at: if outstanding || !applied.withheld.is_empty() { self.previous.last_reconcile_at.clone() } else { wish },
                wish: self.wish(),
                guardrails: self.guardrails(observed),
                bound_workloads: self.bound_workloads(),
                deleting: None,
            },
            &previous,
            self.at,
        );
        self.write(&previous, &status).await?;
        Ok(self.next(seen, &applied, swept))
    }

    /// Records that writes are under way before the first of them, so that what they leave half done is never taken for someone's; and
    /// with it the settings of the account as they are before they are `replaced`.
    async fn mark_unsettled(
        &self,
        previous: &mut PhiEnvironmentStatus,
        inputs: &str,
        replaced: Option<AccountSettingsStatus>,
    ) -> Result<(), Fault> {
        let marked = previous.settled_inputs.as_deref().is_some_and(|settled| settled.is_empty() || settled == inputs);
        if marked && replaced.is_none() {
            return Ok(());
        }
        let settled_inputs = if marked { previous.settled_inputs.clone() } else { Some(String::new()) };
        let account_settings = replaced.or_else(|| previous.account_settings.clone());
        let marked = PhiEnvironmentStatus { account_settings, settled_inputs, ..previous.clone() };
        self.context.statuses.write(self.object, previous, &marked).await?;
        *previous = marked;
        Ok(())
    }

    pub(super) fn executor(&self) -> Executor<'_> {
        Executor {
            account: &self.account,
            identity: &self.identity,
            keys: &self.context.keys,
            kubernetes: self.context.kubernetes.clone(),
            path: &self.rules.scope.path,
        }
    }

    /// What people ask for.
    pub(super) fn wish(&self) -> String {
        wish(self.object.metadata.generation, reconcile_at(self.object).map(String::as_str))
    }

    /// Service accounts of the bound workloads.
    fn service_accounts(&self) -> Vec<(String, String)> {
        let account = |workload: &PhiWorkload| (workload.namespace().unwrap_or_default(), workload.spec.service_account_name.clone());
        self.context.caches.workloads_of(&self.name, account)
    }

    /// The guardrails in use.
    pub(super) fn guardrails(&self, observed: &EnvironmentObservation) -> Vec<GuardrailStatus> {
        let confirmed = self.object.metadata.annotations.as_ref().and_then(|all| all.get(CONFIRM_GUARDRAIL)).map(String::as_str);
        in_use(&self.rules, &observed.guardrails, &self.previous.guardrails, confirmed, self.at.now)
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
        let named = &self.rules.terms.application_profiles;
        let profiles = observed.profiles.iter().filter(|(name, _)| named.contains_key(*name));
        let profiles: Vec<_> = profiles.filter_map(|(_, read)| read.as_ref().ok()).collect();
        digest::of_value(&(&self.object.spec, &self.rules.scope, vpc, subnets, profiles, observed.operator_arn.as_ref().ok()))
    }

    fn next(&self, seen: &Observation, applied: &Applied, swept: Result<(), Fault>) -> Next {
        let interval = sweep_interval(self.context, self.object);
        let fault = applied.failures().map(|(_, fault)| fault).next().cloned().or(swept.err());
        if let Some(fault) = fault {
            // What the account refuses is tried again with each sweep: the refusal of one thing never slows the watch over all others.
            if !fault.class.passes() && applied.done().next().is_some() {
                return Next::Soon(CONFIRM);
            }
            return if fault.class.passes() { Next::Failed(fault.class) } else { Next::Settled(interval) };
        }
        if applied.done().next().is_some() {
            return Next::Soon(CONFIRM);
        }
        // A read that failed in passing is tried again before the next sweep, so that one bad answer is not the verdict until then.
        if let Some((_, fault)) = seen.environment.faults().into_iter().find(|(read, fault)| fault.class.passes() && !is_afar(read, fault))
        {
            return Next::Failed(fault.class);
        }
        let waits = |finding: &Finding| matches!(finding.reason, Reason::Progressing | Reason::EndpointClaimed);
        let pending = applied.findings.iter().any(waits);
        Next::Settled(if pending { interval.min(Duration::from_secs(10)) } else { interval })
    }

    pub(super) fn enforces(&self) -> bool {
        self.object.spec.enforcement == Some(Enforcement::Enforce)
    }
}
