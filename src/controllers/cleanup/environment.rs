//! One environment with its workloads.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use kube::ResourceExt;

use crate::api::annotations::FINALIZER;
use crate::api::conditions::Reason;
use crate::api::shared::DeletionPolicy;
use crate::api::{PhiEnvironment, PhiWorkload, PhiWorkloadStatus, Verdict};
use crate::cluster::objects::WithStatus;
use crate::controllers::context::Environment;
use crate::controllers::environment::Pass;
use crate::controllers::observe::Observation;
use crate::controllers::removal::{AGAIN, Halt, removable, take_away, tell};
use crate::controllers::workload::cleaned_up;
use crate::controllers::{sweep, workload};
use crate::domain::{Fault, FaultClass, tags};
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::{DocumentText, Role};
use crate::plan::environment::{claims, scope_findings};
use crate::plan::facts::EnvironmentFacts;
use crate::plan::{Action, Finding, Mode, Plan};

use super::{Cleanup, of_workload};

impl Cleanup<'_> {
    pub(super) async fn of_environment(&mut self, subject: &str, object: &PhiEnvironment) -> Result<(), Fault> {
        let (mut pass, mut seen, _) = Pass::read(self.context, object).await;
        if let Some(finding) = unproven(&pass, &seen.environment) {
            self.not_meant(object, subject, &finding).await;
            return Ok(());
        }
        if self.act && pass.enforces() && !pass.is_ours(&seen.environment) && self.finds_anything(&pass, &seen.environment).await? {
            // What is written without the claim could be another API server's by now.
            let plan = claims::take(&pass.inputs(&seen.environment)).restricted_to(&pass.mode);
            let applied = pass.executor().carry_out(plan, pass.mode.clone()).await;
            if let Some((_, fault)) = applied.failures().next() {
                return Err(fault.clone());
            }
            (pass, seen, _) = Pass::read(self.context, object).await;
            if !pass.is_ours(&seen.environment) {
                let message = "the claim on the environment could not be taken, so nothing is touched: a hold, or another API server";
                self.report.left.push(format!("{subject}: {message}"));
                return Ok(());
            }
        }
        let before = self.report.left.len();
        let Some(known) = known(&pass, &seen) else {
            let message = "not everything that it needs to know could be read; see that Bedrock and IAM answer, and run it again";
            self.report.left.push(format!("{subject}: {message}"));
            return Ok(());
        };
        let all_well = self.workloads(&pass, &known).await;
        self.report.kept.extend(kept(&pass, &seen.environment).into_iter().map(|what| format!("{subject}: {what}")));
        if !self.act {
            self.foretell(subject, &pass, &seen.environment).await?;
        }
        if all_well && (!self.act || self.shared(subject, object).await?) {
            self.let_go(subject, object, before).await;
        }
        Ok(())
    }

    /// Takes away what was made for the environment's workloads; says whether all went well.
    async fn workloads(&mut self, pass: &Pass<'_>, known: &Arc<Environment>) -> bool {
        let mut all_well = true;
        for object in self.bound(&pass.name) {
            let subject = of_workload(&object);
            match workload::undo(self.context, &object, pass.object, known.clone(), self.act).await {
                Ok(undone) => {
                    self.doing(&subject, &undone.done);
                    self.withheld(&subject, &undone.mode, &undone.kept);
                    self.finalizer(&subject, &object);
                }
                Err(fault) => {
                    all_well = false;
                    self.report.left.push(format!("{subject}: {fault}"));
                }
            }
        }
        all_well
    }

    /// Whether there is anything to take away, for which the claim has to be ours.
    async fn finds_anything(&self, pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<bool, Fault> {
        let wanted = tags::of_environment(&pass.rules.scope);
        let role = |role: &Arc<Role<DocumentText>>| tags::owned(&role.tags, &wanted);
        let recorded = |workload: &PhiWorkload| self.context.statuses.previous(workload) != PhiWorkloadStatus::default();
        Ok(pass.identity.snapshot().roles.values().any(role)
            || self.bound(&pass.name).iter().any(|workload| recorded(workload) && workload.finalizers().iter().any(|one| one == FINALIZER))
            || !removable(pass, observed).await?.is_empty()
            || !sweep::planned(pass).await?.0.actions.is_empty())
    }

    /// Tells what would become of the environment's own things.
    async fn foretell(&mut self, subject: &str, pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<(), Fault> {
        let actions = own(pass, observed).await?;
        if pass.enforces() {
            let (swept, _) = sweep::planned(pass).await?;
            self.doing(subject, &swept.actions);
            self.braked(subject, swept.braked);
        }
        let plan = Plan { actions, ..Plan::default() }.restricted_to(&pass.mode);
        self.doing(subject, &plan.actions);
        self.withheld(subject, &pass.mode, &plan.withheld);
        Ok(())
    }

    /// Takes the environment's own things away, and waits for what takes its time. Says whether all went well.
    async fn shared(&mut self, subject: &str, object: &PhiEnvironment) -> Result<bool, Fault> {
        loop {
            let (pass, seen, _) = Pass::read(self.context, object).await;
            if !pass.enforces() {
                self.withheld(subject, &pass.mode, &own(&pass, &seen.environment).await?);
                return Ok(true);
            }
            // What could not be read is not gone.
            if let Some(finding) = unproven(&pass, &seen.environment).filter(|finding| finding.verdict == Verdict::Unknown) {
                if Instant::now() > self.until {
                    self.report.left.push(format!("{subject}: {}", finding.message));
                    return Ok(false);
                }
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            if !pass.is_ours(&seen.environment) {
                // Nothing was found to take away.
                return Ok(true);
            }
            let (what, fault) = match take_away(&pass, &seen.environment).await {
                Ok(ControlFlow::Continue(withheld)) => {
                    self.withheld(subject, &pass.mode, &withheld);
                    return Ok(true);
                }
                Ok(ControlFlow::Break(Halt::Braked(roles))) => {
                    self.braked(subject, roles);
                    return Ok(false);
                }
                Ok(ControlFlow::Break(Halt::Going)) => ("something is still being deleted; run it again".to_owned(), None),
                Ok(ControlFlow::Break(Halt::Stuck(what, fault))) => (format!("{what}: {fault}"), Some(fault)),
                Err(fault) => (fault.to_string(), Some(fault)),
            };
            let passing = fault.is_none_or(|fault| !matches!(fault.class, FaultClass::Denied | FaultClass::Invalid));
            if !passing || Instant::now() > self.until {
                self.report.left.push(format!("{subject}: {what}"));
                return Ok(false);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Nothing is in the way of the environment any more.
    async fn let_go(&mut self, subject: &str, object: &PhiEnvironment, before: usize) {
        let ours = object.finalizers().iter().any(|one| one == FINALIZER);
        self.finalizer(subject, object);
        if !self.act || !ours {
            return;
        }
        let (pass, seen, _) = Pass::read(self.context, object).await;
        if pass.enforces() && self.report.left.len() == before {
            let told = tell(&pass, &seen.environment, pass.bound_workloads(), cleaned_up()).await;
            self.report.left.extend(told.err().map(|fault| format!("{subject}: {fault}")));
        }
        self.released(subject, PhiEnvironment::api(&self.context.client, None), object).await;
    }

    /// An environment that is not proven to be the one meant: nothing of it is touched. If it describes another account or cluster,
    /// nothing of it is here, and its objects are let go.
    async fn not_meant(&mut self, object: &PhiEnvironment, subject: &str, finding: &Finding) {
        let another = [Reason::AccountMismatch, Reason::ClusterMismatch, Reason::ClusterNotFound].contains(&finding.reason);
        self.report.left.push(format!("{subject}: what was made for it is not touched: {}: {}", finding.reason.as_str(), finding.message));
        if !another {
            return;
        }
        for workload in self.bound(&object.name_any()) {
            let subject = of_workload(&workload);
            self.finalizer(&subject, &workload);
            self.released(&subject, PhiWorkload::api(&self.context.client, workload.namespace().as_deref()), &workload).await;
        }
        self.finalizer(subject, object);
        self.released(subject, PhiEnvironment::api(&self.context.client, None), object).await;
    }
}

/// What the workloads need to know of the environment.
fn known(pass: &Pass<'_>, seen: &Observation) -> Option<Arc<Environment>> {
    Some(Arc::new(Environment {
        uid: pass.object.metadata.uid.clone(),
        facts: EnvironmentFacts::of(&pass.rules, &pass.object.spec, &seen.environment, &pass.previous.guardrails, None)?,
        digest: String::new(),
        digest_of_facts: String::new(),
        asked: BTreeSet::new(),
        account: pass.account.clone(),
        identity: pass.identity.clone(),
        foreseen: pass.mode == Mode::Audit,
        suspended: None,
    }))
}

/// What is to be done about the environment's own things: its claims go last.
async fn own(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<Vec<Action>, Fault> {
    let mut actions = removable(pass, observed).await?;
    if pass.is_ours(observed) {
        actions.extend(claims::release(&pass.inputs(observed)));
    }
    Ok(actions)
}

/// What keeps the scope from being proven, a failure before what could not be read.
fn unproven(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Option<Finding> {
    let mut findings = scope_findings(&pass.inputs(observed));
    findings.retain(|finding| finding.verdict != Verdict::Pass);
    findings.sort_by_key(|finding| finding.verdict != Verdict::Fail);
    findings.into_iter().next()
}

/// What stays, and why.
fn kept(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Vec<String> {
    let wanted = tags::of_environment(&pass.rules.scope);
    let mut kept = Vec::new();
    if pass.rules.resolved.deletion_policy != DeletionPolicy::Delete {
        let endpoints = observed.endpoints.iter().flatten().filter(|endpoint| tags::owned(&endpoint.tags, &wanted));
        kept.extend(endpoints.map(|endpoint| format!("endpoint {} for {}", endpoint.id, endpoint.service_name)));
        let groups = observed.security_groups.iter().flatten().filter(|group| tags::owned(&group.tags, &wanted));
        kept.extend(groups.map(|group| format!("security group {} {}", group.id, group.name)));
        let boundary = observed.boundary.iter().flatten().filter(|_| pass.rules.platform_boundary_arn.is_none());
        kept.extend(boundary.map(|boundary| format!("permissions boundary {}", boundary.arn)));
    }
    let key = observed.key.iter().flatten().filter(|key| tags::owned(&key.tags, &wanted));
    kept.extend(key.map(|key| format!("key {}, tagged as orphaned: keys are always kept", key.arn)));
    kept
}
