//! One pass: plan, carry out, plan anew until nothing is left to do, tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use crate::api::annotations::FINALIZER;
use crate::api::conditions::ConditionType;
use crate::api::{PhiWorkload, PhiWorkloadStatus, Verdict};
use crate::cluster::objects::{WithStatus, reconcile_at};
use crate::cluster::policies::PolicyText;
use crate::controllers::context::{Context, Environment};
use crate::controllers::execute::Executor;
use crate::controllers::{Next, key_of};
use crate::domain::{Fault, FaultClass, names};
use crate::observed::identity::Role;
use crate::observed::pods::PodFacts;
use crate::plan::access::DeclaredAccess;
use crate::plan::workload::{ServiceAccountFacts, WorkloadInputs, WorkloadPlan, carries_our_label, plan, remove, selects_no_less};
use crate::plan::{Action, Applied, Finding, Mode, Plan, may_hold};
use crate::status::conditions::{Stamp, State};
use crate::status::transitions::transitions;
use crate::status::workload::{WorkloadPass, project, unjudged};

use super::find::{Found, makes_settings};
use super::{IDLE, hand_over, release, tell};

/// When to look again at a workload whose plan never comes to rest.
const RESTLESS: Duration = Duration::from_secs(10);
/// When to look again whether the name of the application's settings is still taken.
const TAKEN: Duration = Duration::from_mins(1);
/// Longest time that a workload which is being deleted waits for the account.
const GOING: Duration = Duration::from_secs(4);
/// A plan is carried out and made anew until it holds no action; more rounds than this would be a loop.
pub(super) const ROUNDS: usize = 3;

pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) object: &'a PhiWorkload,
    pub(super) environment: Arc<Environment>,
    pub(super) mode: Mode,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) admitted: bool,
    pub(super) admitted_stores: BTreeSet<String>,
    pub(super) admitted_policies: BTreeSet<String>,
    /// The namespace is being deleted, and with it the object, if not yet marked so.
    pub(super) leaving: bool,
    pub(super) older_claimant: Option<String>,
    pub(super) accesses: Vec<DeclaredAccess>,
    pub(super) pods: Option<Arc<[PodFacts]>>,
    pub(super) other_workloads: Vec<(String, LabelSelector)>,
    pub(super) previous: PhiWorkloadStatus,
    pub(super) at: Stamp,
    // What changes as the plan is carried out.
    /// The additional policies that the role is to have.
    pub(super) given_policies: BTreeSet<String>,
    pub(super) service_account: Option<ServiceAccountFacts>,
    pub(super) network_policy: Option<NetworkPolicy>,
    pub(super) settings: Option<ConfigMap>,
    /// What had to be read because the status does not record it.
    pub(super) found: Found,
}

impl Pass<'_> {
    pub(super) async fn run(mut self) -> Result<Next, Fault> {
        let deleting = self.leaving || self.object.metadata.deletion_timestamp.is_some();
        let inputs = self.digest_of_inputs();
        let repair = self.previous.settled_inputs.as_ref() == Some(&inputs);
        let wish = reconcile_at(self.object).cloned();
        let holds = may_hold(self.previous.settled_inputs.as_deref(), &inputs, wish != self.previous.last_reconcile_at);
        if self.object.metadata.deletion_timestamp.is_some() && self.context.iam_away(&self.object.spec.environment_ref.name) {
            return hand_over(self.context, self.object).await;
        }
        let mut planned = match self.plan(holds, deleting).await {
            Ok(planned) => planned,
            Err(fault) => return self.unplanned(fault, deleting).await,
        };
        let mut applied = Applied::untouched(Plan::default(), self.mode.clone());
        let mut restless = false;
        for round in 0..ROUNDS {
            let plan = std::mem::take(&mut planned.plan).restricted_to(&self.mode);
            if plan.actions.is_empty() || round + 1 == ROUNDS {
                restless = !plan.actions.is_empty();
                applied = Applied::untouched(plan, self.mode.clone());
                break;
            }
            if !deleting {
                self.before_writing(&inputs).await?;
            }
            let executor = self.executor();
            let carried_out = executor.carry_out(plan, self.mode.clone());
            // What goes does not wait for an account that does not answer: the sweep finishes it.
            let longest = if deleting { GOING } else { Duration::MAX };
            let Ok(carried_out) = tokio::time::timeout(longest, Box::pin(carried_out)).await else {
                self.context.iam_failed(&self.object.spec.environment_ref.name);
                let leaves = self.object.metadata.deletion_timestamp.is_some();
                return if leaves { hand_over(self.context, self.object).await } else { Ok(Next::Failed(FaultClass::Unreachable)) };
            };
            applied = carried_out;
            self.context.events.done(self.object, repair, applied.done()).await;
            self.take_over(&applied);
            if applied.failures().next().is_some() {
                break;
            }
            planned = self.plan(holds, deleting).await?;
        }
        if deleting {
            return self.finish(&applied).await;
        }
        let inputs = (!restless).then_some(inputs);
        self.tell(&planned, &applied, inputs, wish).await
    }

    /// Whose the policy in the account is could not be read. A workload that goes does not wait for it; its role, which carries our tags,
    /// is found by the sweep.
    async fn unplanned(&self, fault: Fault, deleting: bool) -> Result<Next, Fault> {
        if self.object.metadata.deletion_timestamp.is_some() {
            return hand_over(self.context, self.object).await;
        }
        if !deleting {
            let status = unjudged(&State::unknown(fault.reason(), fault.to_string()), &self.previous, self.at);
            tell(self.context, self.object, &self.previous, &status).await?;
        }
        Err(fault)
    }

    /// Before the first write: the finalizer, and the mark that says that writes are under way.
    async fn before_writing(&mut self, inputs: &str) -> Result<(), Fault> {
        let api = PhiWorkload::api(&self.context.client, Some(&self.namespace));
        self.context.statuses.set_finalizer(&api, self.object, FINALIZER, true).await?;
        if self.previous.settled_inputs.as_deref().is_some_and(|settled| settled.is_empty() || settled == inputs) {
            return Ok(());
        }
        let marked = PhiWorkloadStatus { settled_inputs: Some(String::new()), ..self.previous.clone() };
        self.context.statuses.write(self.object, &self.previous, &marked).await?;
        self.previous = marked;
        Ok(())
    }

    pub(super) async fn plan(&mut self, may_hold: bool, deleting: bool) -> Result<WorkloadPlan, Fault> {
        let planned = self.plan_once(may_hold, deleting).await?;
        if self.found.settings_taken.is_none() && planned.plan.actions.iter().any(makes_settings) {
            self.look_for_settings().await?;
            return self.plan_once(may_hold, deleting).await;
        }
        Ok(planned)
    }

    async fn plan_once(&mut self, may_hold: bool, deleting: bool) -> Result<WorkloadPlan, Fault> {
        let role = self.role_name();
        let policy_arn = self.environment.facts.scope.policy_arn(&role);
        let view = self.environment.identity.view(&role, &policy_arn);
        self.find(&view, &policy_arn).await?;
        let platform_role = self.platform_role();
        let facts = &self.environment.facts;
        let caches = &self.context.caches;
        let policies = caches.network_policies_in(&self.namespace);
        // No other one says anything about these pods.
        let speaks =
            |policy: &&Arc<PolicyText>| self.is_another(policy) && selects_no_less(&policy.selector(), &self.object.spec.pod_selector);
        let others: Vec<NetworkPolicy> = policies.iter().filter(speaks).map(|policy| policy.read()).collect();
        let others: Vec<&NetworkPolicy> = others.iter().collect();
        let other_workloads: Vec<_> = self.other_workloads.iter().map(|(name, selector)| (name.as_str(), selector)).collect();
        let inputs = WorkloadInputs {
            namespace: &self.namespace,
            name: &self.name,
            uid: self.object.metadata.uid.as_deref().unwrap_or_default(),
            spec: &self.object.spec,
            previous: &self.previous,
            facts,
            admitted: self.admitted,
            older_claimant: self.older_claimant.as_deref(),
            service_account: self.service_account.as_ref(),
            accesses: &self.accesses,
            admitted_stores: &self.admitted_stores,
            admitted_policies: &self.admitted_policies,
            role: view.role.as_ref(),
            policy: view.policy.as_ref(),
            platform_role: platform_role.as_ref(),
            known_session: self.found.session,
            policy_is_ours: self.found.policy_is_ours.unwrap_or(true),
            identity: &view.rest,
            network_policy: self.network_policy.as_ref(),
            settings: self.settings.as_ref(),
            settings_taken: self.found.settings_taken == Some(true),
            other_network_policies: &others,
            pods: self.pods.as_deref(),
            other_workloads: &other_workloads,
            may_hold,
        };
        if deleting {
            return Ok(WorkloadPlan { plan: remove(&inputs), ..WorkloadPlan::default() });
        }
        let mut planned = plan(&inputs);
        self.given_policies.clone_from(&planned.given_policies);
        let doubt = self.context.stale(&self.object.spec.environment_ref.name);
        planned.plan.findings.extend(doubt.map(|(reason, why)| Finding::stale(ConditionType::IdentityReady, reason, &why)));
        Ok(planned)
    }

    fn is_ours(&self, policy: &NetworkPolicy) -> bool {
        carries_our_label(policy) || self.previous.network_policy_name.as_ref() == policy.metadata.name.as_ref()
    }

    fn is_another(&self, policy: &PolicyText) -> bool {
        policy.name_any() != names::network_policy(&self.name)
    }

    /// The platform's role for the service account, if the environment names one and it exists.
    pub(super) fn platform_role(&self) -> Option<Role> {
        let name = self.environment.facts.platform_role(&self.namespace, &self.object.spec.service_account_name)?;
        self.environment.identity.role(name)
    }

    pub(super) fn role_name(&self) -> String {
        names::role(&self.environment.facts.scope, &self.namespace, &self.object.spec.service_account_name)
    }

    pub(super) fn executor(&self) -> Executor<'_> {
        Executor {
            account: &self.environment.account,
            identity: &self.environment.identity,
            keys: &self.context.keys,
            kubernetes: self.context.kubernetes.clone(),
            path: &self.environment.facts.scope.path,
        }
    }

    async fn finish(&self, applied: &Applied) -> Result<Next, Fault> {
        if applied.failures().any(|(_, fault)| fault.service == "iam" && fault.class.passes()) {
            self.context.iam_failed(&self.object.spec.environment_ref.name);
        }
        if self.object.metadata.deletion_timestamp.is_none() {
            // Its own deletion follows, within seconds.
            return Ok(applied.failures().next().map_or(Next::Settled(IDLE), |(_, fault)| Next::Failed(fault.class)));
        }
        if applied.failures().next().is_some() || !applied.withheld.is_empty() {
            return hand_over(self.context, self.object).await;
        }
        release(self.context, self.object).await
    }

    async fn tell(&self, planned: &WorkloadPlan, applied: &Applied, inputs: Option<String>, wish: Option<String>) -> Result<Next, Fault> {
        self.context.metrics.judged(&key_of(self.object), &applied.findings);
        let mut identity = self.identity_now(applied);
        // What an application is told is no part of what it is given.
        let mut undone = applied.withheld.iter().chain(applied.outcomes.iter().map(|(action, _)| action));
        let clean = undone.all(|action| action.family() == ConditionType::SettingsPublished) && self.mode == Mode::Enforce;
        let unsettled = |finding: &Finding| finding.blocks && matches!(finding.verdict, Verdict::Unknown | Verdict::Held);
        let judged = !applied.findings.iter().any(unsettled);
        let unwritten = applied.withheld.iter().chain(applied.outcomes.iter().map(|(action, _)| action));
        let policy_waits = unwritten.into_iter().any(|action| matches!(action, Action::ChangePolicy { .. } | Action::CreatePolicy { .. }));
        match &mut identity {
            Some(identity) if clean => {
                identity.accesses.clone_from(&planned.given);
                identity.guardrails.clone_from(&planned.guardrails);
                identity.stores.clone_from(&planned.given_stores);
            }
            // What else is withheld or failed gives no access back that the policy no longer contains.
            Some(identity) if !policy_waits => {
                identity.accesses.retain(|access| planned.given.iter().any(|given| given.is(&access.name, access.generation)));
                identity.stores.retain(|store| planned.given_stores.contains(store));
            }
            _ => {}
        }
        let status = project(
            &WorkloadPass {
                applied,
                wants_identity: !planned.given.is_empty() || !planned.given_stores.is_empty(),
                network_policy_name: self.network_policy.as_ref().filter(|policy| self.is_ours(policy)).map(ResourceExt::name_any),
                identity,
                settled: inputs.clone().filter(|_| clean && judged),
                reconcile_at: if applied.failures().next().is_some() || !applied.withheld.is_empty() {
                    self.previous.last_reconcile_at.clone()
                } else {
                    wish
                },
            },
            &self.previous,
            self.at,
        );
        if self.context.statuses.write(self.object, &self.previous, &status).await? {
            self.context.events.transitions(self.object, transitions(&self.previous.conditions, &status.conditions)).await;
        }
        Ok(match applied.failures().next() {
            Some((_, fault)) => Next::Failed(fault.class),
            None if inputs.is_none() => Next::Soon(RESTLESS),
            // Nobody tells when it goes.
            None if self.found.settings_taken == Some(true) => Next::Settled(TAKEN),
            None => Next::Settled(IDLE),
        })
    }
}
