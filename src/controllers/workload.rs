//! A pass over a workload: one pass per service account owns role, policy, annotation and isolation, for all its accesses together.
//!
//! It reads no AWS of its own: what it needs lies in the environment's facts and in the shared snapshot of the account's IAM.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::api::annotations::{FINALIZER, ROLE_ARN};
use crate::api::conditions::Reason;
use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::api::{PhiEnvironment, PhiWorkload, PhiWorkloadStatus, Verdict};
use crate::cluster::kubernetes::KubernetesWriter;
use crate::cluster::objects::{WithStatus, hold, reconcile_at};
use crate::cluster::status_writer::set_finalizer;
use crate::domain::{Fault, digest, names, tags};
use crate::plan::access::DeclaredAccess;
use crate::plan::workload::{ServiceAccountFacts, WorkloadInputs, WorkloadPlan, plan, remove};
use crate::plan::{Action, Applied, Mode, Plan, may_hold};
use crate::status::conditions::{Stamp, State};
use crate::status::transitions::transitions;
use crate::status::workload::{WorkloadPass, project, unjudged};

use super::Next;
use super::context::{Context, Environment};
use super::execute::Executor;
use super::identity::View;
use super::queues::selects;

/// A plan is carried out and made anew until it holds no action; more rounds than this would be a loop.
const ROUNDS: usize = 3;
/// When to look again at a workload that nothing else wakes.
const IDLE: Duration = Duration::from_secs(3600);

/// One pass.
pub(super) async fn reconcile(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let environment_name = &object.spec.environment_ref.name;
    let declared = context.caches.environment(environment_name);
    let known = context.environment(environment_name);
    match (declared, known) {
        (Some(declared), Some(known)) => Pass::new(context, object, &declared, known).run().await,
        _ if object.metadata.deletion_timestamp.is_some() => hand_over(context, object).await,
        (declared, _) => wait(context, object, declared.is_some()).await,
    }
}

/// The environment is missing, or was not evaluated yet. A status that speaks of this generation stays: a passing fault of the
/// environment never flips its dependents.
async fn wait(context: &Context, object: &PhiWorkload, declared: bool) -> Result<Next, Fault> {
    let previous = context.statuses.previous(object);
    let name = &object.spec.environment_ref.name;
    let state = if declared {
        if previous.observed_generation == object.metadata.generation && !previous.conditions.is_empty() {
            return Ok(Next::Settled(IDLE));
        }
        State::unknown(Reason::EnvironmentNotReady, format!("PhiEnvironment {name} was not evaluated yet"))
    } else {
        State::broken(Reason::EnvironmentNotFound, format!("there is no PhiEnvironment {name}; ask the platform team which one to use"))
    };
    let status = unjudged(&state, &previous, Stamp::new(object.metadata.generation, context.now()));
    if context.statuses.write(object, &previous, &status).await? {
        context.events.transitions(object, transitions(&previous.conditions, &status.conditions)).await;
    }
    Ok(Next::Settled(IDLE))
}

/// Lets a workload go whose role cannot be taken away now: the role goes to the hand-over list, and the sweep finishes it.
async fn hand_over(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    if !object.finalizers().iter().any(|one| one == FINALIZER) {
        return Ok(Next::Done);
    }
    let previous = context.statuses.previous(object);
    if let Some(identity) = &previous.identity {
        let role = identity.role_arn.rsplit('/').next().unwrap_or_default();
        context.hand_over.add(&object.spec.environment_ref.name, role, &identity.policy_arn).await?;
    }
    let namespace = object.namespace().unwrap_or_default();
    kubernetes(context).delete_network_policy(&namespace, &names::network_policy(&object.name_any())).await?;
    release(context, object).await
}

async fn release(context: &Context, object: &PhiWorkload) -> Result<Next, Fault> {
    let api = PhiWorkload::api(&context.client, object.namespace().as_deref());
    set_finalizer(&api, object, FINALIZER, false, &context.metrics).await?;
    context.statuses.forget(object.metadata.uid.as_ref());
    Ok(Next::Done)
}

fn kubernetes(context: &Context) -> KubernetesWriter {
    KubernetesWriter { client: context.client.clone(), metrics: context.metrics.clone() }
}

struct Pass<'a> {
    context: &'a Context,
    object: &'a PhiWorkload,
    environment: Arc<Environment>,
    mode: Mode,
    namespace: String,
    name: String,
    admitted: bool,
    /// The namespace is being deleted, and with it the object, if not yet marked so.
    leaving: bool,
    older_claimant: Option<String>,
    accesses: Vec<DeclaredAccess>,
    previous: PhiWorkloadStatus,
    at: Stamp,
    // What changes as the plan is carried out.
    service_account: Option<ServiceAccountFacts>,
    network_policy: Option<NetworkPolicy>,
}

impl<'a> Pass<'a> {
    fn new(context: &'a Context, object: &'a PhiWorkload, declared: &PhiEnvironment, environment: Arc<Environment>) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        let name = object.name_any();
        let around = context.caches.namespaces.get(&ObjectRef::new(&namespace));
        let labels = around.as_ref().map(|found| found.labels().clone()).unwrap_or_default();
        let account = ObjectRef::new(&object.spec.service_account_name).within(&namespace);
        let service_account = context.caches.service_accounts.get(&account);
        let policy = ObjectRef::new(&names::network_policy(&name)).within(&namespace);
        Self {
            mode: environment.mode(declared, &[hold(object), hold(declared)]),
            leaving: around.is_some_and(|found| found.metadata.deletion_timestamp.is_some()),
            admitted: selects(&declared.spec.namespace_selector, &labels),
            older_claimant: older_claimant(context, object),
            accesses: declared_accesses(context, &namespace, &name),
            previous: context.statuses.previous(object),
            at: Stamp::new(object.metadata.generation, context.now()),
            service_account: service_account.map(|account| ServiceAccountFacts {
                uid: account.metadata.uid.clone(),
                role_arn: account.annotations().get(ROLE_ARN).cloned(),
            }),
            network_policy: context.caches.network_policies.get(&policy).map(|policy| (*policy).clone()),
            context,
            object,
            environment,
            namespace,
            name,
        }
    }

    async fn run(mut self) -> Result<Next, Fault> {
        let deleting = self.leaving || self.object.metadata.deletion_timestamp.is_some();
        let inputs = self.digest_of_inputs();
        let repair = self.previous.settled_inputs.as_ref() == Some(&inputs);
        let wish = reconcile_at(self.object).cloned();
        let holds = may_hold(self.previous.settled_inputs.as_deref(), &inputs, wish != self.previous.last_reconcile_at);
        let mut planned = self.plan(holds, deleting).await?;
        let mut applied = Applied::untouched(Plan::default(), self.mode.clone());
        for round in 0..ROUNDS {
            let plan = std::mem::take(&mut planned.plan).restricted_to(&self.mode);
            if plan.actions.is_empty() || round + 1 == ROUNDS {
                applied = Applied::untouched(plan, self.mode.clone());
                break;
            }
            if !deleting {
                self.before_writing(&inputs).await?;
            }
            applied = self.executor().carry_out(plan, self.mode.clone()).await;
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
        self.tell(&planned, &applied, inputs, wish).await
    }

    /// Before the first write: the finalizer, and the mark that says that writes are under way.
    async fn before_writing(&mut self, inputs: &str) -> Result<(), Fault> {
        let api = PhiWorkload::api(&self.context.client, Some(&self.namespace));
        set_finalizer(&api, self.object, FINALIZER, true, &self.context.metrics).await?;
        if self.previous.settled_inputs.as_deref().is_some_and(|settled| settled.is_empty() || settled == inputs) {
            return Ok(());
        }
        let marked = PhiWorkloadStatus { settled_inputs: Some(String::new()), ..self.previous.clone() };
        self.context.statuses.write(self.object, &self.previous, &marked).await?;
        self.previous = marked;
        Ok(())
    }

    async fn plan(&self, may_hold: bool, deleting: bool) -> Result<WorkloadPlan, Fault> {
        let facts = &self.environment.facts;
        let role = self.role_name();
        let policy_arn = facts.scope.policy_arn(&role);
        let view = self.environment.identity.view(&role, &policy_arn);
        let caches = &self.context.caches;
        let policies: Vec<_> = caches.network_policies.state();
        let others: Vec<&NetworkPolicy> = policies.iter().map(AsRef::as_ref).filter(|policy| self.is_another(policy)).collect();
        let inputs = WorkloadInputs {
            namespace: &self.namespace,
            name: &self.name,
            spec: &self.object.spec,
            previous: &self.previous,
            facts,
            admitted: self.admitted,
            older_claimant: self.older_claimant.as_deref(),
            service_account: self.service_account.as_ref(),
            accesses: &self.accesses,
            role: view.role.as_ref(),
            policy: view.policy.as_ref(),
            policy_is_ours: self.policy_is_ours(&view, &policy_arn).await?,
            identity: &view.rest,
            network_policy: self.network_policy.as_ref(),
            other_network_policies: &others,
            may_hold,
        };
        Ok(if deleting { WorkloadPlan { plan: remove(&inputs), given: Vec::new() } } else { plan(&inputs) })
    }

    fn is_another(&self, policy: &NetworkPolicy) -> bool {
        policy.metadata.namespace.as_ref() == Some(&self.namespace) && policy.name_any() != names::network_policy(&self.name)
    }

    /// The bulk read does not carry the tags of policies. They are asked for only when nothing else says whose the policy is.
    async fn policy_is_ours(&self, view: &View, policy_arn: &str) -> Result<bool, Fault> {
        if view.policy.is_none() || self.previous.identity.is_some() {
            return Ok(true);
        }
        let scope = &self.environment.facts.scope;
        let wanted = tags::of_workload(scope, &self.namespace, &self.object.spec.service_account_name);
        let found = self.environment.account.iam.policy_tags(policy_arn).await?;
        Ok(found.is_some_and(|found| tags::owned(&found, &wanted)))
    }

    fn role_name(&self) -> String {
        names::role(&self.environment.facts.scope, &self.namespace, &self.object.spec.service_account_name)
    }

    fn executor(&self) -> Executor<'_> {
        Executor {
            account: &self.environment.account,
            identity: &self.environment.identity,
            kubernetes: kubernetes(self.context),
            path: &self.environment.facts.scope.path,
        }
    }

    /// Takes our own writes over into what the next round sees, without waiting for the caches.
    fn take_over(&mut self, applied: &Applied) {
        for action in applied.done() {
            match action {
                Action::ApplyNetworkPolicy(policy) => self.network_policy = Some((**policy).clone()),
                Action::DeleteNetworkPolicy { .. } => self.network_policy = None,
                Action::AnnotateServiceAccount { role_arn, .. } => {
                    if let Some(account) = &mut self.service_account {
                        account.role_arn = Some(role_arn.clone());
                    }
                }
                Action::ClearServiceAccount { .. } => {
                    if let Some(account) = &mut self.service_account {
                        account.role_arn = None;
                    }
                }
                _ => {}
            }
        }
        self.previous.identity = self.identity_now(applied);
    }

    /// The identity as it is now, for the status; the accesses in it are filled in when all is settled.
    fn identity_now(&self, applied: &Applied) -> Option<WorkloadIdentityStatus> {
        let facts = &self.environment.facts;
        let name = self.role_name();
        let policy_arn = facts.scope.policy_arn(&name);
        let view = self.environment.identity.view(&name, &policy_arn);
        let recorded = self.previous.identity.clone();
        let touched = applied.done().any(|action| matches!(action, Action::CreateRole(_) | Action::CreatePolicy { .. }));
        if (view.role.is_none() && view.policy.is_none()) || (recorded.is_none() && !touched && !self.owns(&view)) {
            return None;
        }
        let session = applied.done().find_map(|action| match action {
            Action::CreateRole(role) => Some(role.max_session_duration),
            Action::UpdateMaxSessionDuration { seconds, .. } => Some(*seconds),
            _ => None,
        });
        let recorded = recorded.unwrap_or_default();
        Some(WorkloadIdentityStatus {
            role_arn: facts.scope.role_arn(&name),
            policy_arn,
            max_session_duration: session.or(recorded.max_session_duration),
            accesses: recorded.accesses,
        })
    }

    fn owns(&self, view: &View) -> bool {
        let scope = &self.environment.facts.scope;
        let wanted = tags::of_workload(scope, &self.namespace, &self.object.spec.service_account_name);
        view.role.as_ref().is_some_and(|role| tags::owned(&role.tags, &wanted))
    }

    async fn finish(&self, applied: &Applied) -> Result<Next, Fault> {
        if self.object.metadata.deletion_timestamp.is_none() {
            // Its own deletion follows, within seconds.
            return Ok(applied.failures().next().map_or(Next::Settled(IDLE), |(_, fault)| Next::Failed(fault.class)));
        }
        if applied.failures().next().is_some() || !applied.withheld.is_empty() {
            return hand_over(self.context, self.object).await;
        }
        release(self.context, self.object).await
    }

    async fn tell(&self, planned: &WorkloadPlan, applied: &Applied, inputs: String, wish: Option<String>) -> Result<Next, Fault> {
        let mut identity = self.identity_now(applied);
        let clean = applied.outcomes.is_empty() && applied.withheld.is_empty() && self.mode == Mode::Enforce;
        let judged = applied.findings.iter().all(|finding| !matches!(finding.verdict, Verdict::Unknown | Verdict::Held));
        let policy_waits = applied.withheld.iter().chain(applied.outcomes.iter().map(|(action, _)| action));
        let policy_waits =
            policy_waits.into_iter().any(|action| matches!(action, Action::ChangePolicy { .. } | Action::CreatePolicy { .. }));
        match &mut identity {
            Some(identity) if clean => identity.accesses.clone_from(&planned.given),
            // What else is withheld or failed gives no access back that the policy no longer contains.
            Some(identity) if !policy_waits => identity.accesses.retain(|access| planned.given.contains(access)),
            _ => {}
        }
        let status = project(
            &WorkloadPass {
                applied,
                wants_identity: !planned.given.is_empty(),
                network_policy_name: self.network_policy.as_ref().map(ResourceExt::name_any),
                identity,
                settled: (clean && judged).then_some(inputs),
                reconcile_at: wish,
            },
            &self.previous,
            self.at,
        );
        if self.context.statuses.write(self.object, &self.previous, &status).await? {
            self.context.events.transitions(self.object, transitions(&self.previous.conditions, &status.conditions)).await;
        }
        Ok(match applied.failures().next() {
            Some((_, fault)) => Next::Failed(fault.class),
            None => Next::Settled(IDLE),
        })
    }

    /// What a `Held` is judged against: everything that the desired documents are made from.
    fn digest_of_inputs(&self) -> String {
        let accesses: BTreeSet<String> = self.accesses.iter().map(|access| digest::of_value(&(&access.name, &access.spec))).collect();
        digest::of_value(&(&self.object.spec, &self.environment.facts, accesses, self.admitted, &self.older_claimant))
    }
}

/// An older workload of the namespace with the same service account: it keeps it.
fn older_claimant(context: &Context, object: &PhiWorkload) -> Option<String> {
    let age = |workload: &PhiWorkload| (workload.creation_timestamp().map(|time| time.0), workload.name_any());
    let mut others = context.caches.workloads_where(|other| {
        other.namespace() == object.namespace()
            && other.spec.service_account_name == object.spec.service_account_name
            && other.metadata.uid != object.metadata.uid
            && age(other) < age(object)
    });
    others.sort_by_key(age);
    others.first().map(ResourceExt::name_any)
}

/// The accesses of a workload that are not being deleted.
pub(super) fn declared_accesses(context: &Context, namespace: &str, workload: &str) -> Vec<DeclaredAccess> {
    let living = context.caches.accesses_of(namespace, workload).into_iter().filter(|access| access.metadata.deletion_timestamp.is_none());
    living
        .map(|access| DeclaredAccess {
            name: access.name_any(),
            generation: access.metadata.generation.unwrap_or_default(),
            created: access.creation_timestamp().map(|time| time.0.to_string()).unwrap_or_default(),
            spec: access.spec,
        })
        .collect()
}
