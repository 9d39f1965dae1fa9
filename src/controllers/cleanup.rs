//! Everything that was made goes while the declarations stay: what a platform engineer asks for before the operator is uninstalled.
//!
//! The plans are those of deletions, and so is the order: identities first, isolation after them, shared things last. Each step can
//! be repeated, so that a run that was ended half-way is finished by the next.

use std::time::Instant;

use kube::ResourceExt;

use crate::api::annotations::FINALIZER;
use crate::api::conditions::Reason;
use crate::api::shared::DeletionPolicy;
use crate::api::{PhiEnvironment, PhiWorkload, Verdict};
use crate::cluster::objects::WithStatus;
use crate::cluster::status_writer::set_finalizer;
use crate::domain::{Fault, FaultClass, tags};
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::{EnvironmentInputs, scope_findings};
use crate::plan::{Action, Finding, Mode};

use super::context::Context;
use super::environment::Pass;
use super::removal::{AGAIN, TakenAway, removable, take_away, tell};
use super::workload::cleaned_up;
use super::{sweep, workload};

/// What a cleanup does, keeps and leaves: one line each.
#[derive(Debug, Default)]
pub struct Report {
    /// What is taken away.
    pub doing: Vec<String>,
    /// What is kept as declared.
    pub kept: Vec<String>,
    /// What is left although it should not be, and what to do.
    pub left: Vec<String>,
}

/// A cleanup under way.
pub struct Cleanup<'a> {
    /// What the controllers have in hand.
    pub context: &'a Context,
    /// Whether to write; else it only tells.
    pub act: bool,
    /// When to stop waiting for what is still going.
    pub until: Instant,
    /// What came of it.
    pub report: Report,
}

impl Cleanup<'_> {
    /// Cleans up after all environments and workloads, and deletes what the operator keeps for itself.
    pub async fn run(mut self) -> Report {
        let guarded = self.context.caches.environments.state();
        let mut environments: Vec<PhiEnvironment> = guarded.iter().filter_map(|guarded| guarded.0.clone().ok()).collect();
        environments.sort_by_key(ResourceExt::name_any);
        for environment in &environments {
            self.environment(environment).await;
        }
        self.without_environment().await;
        self.unreadable();
        self.hand_over_lists(&environments).await;
        self.report
    }

    async fn environment(&mut self, object: &PhiEnvironment) {
        let subject = format!("PhiEnvironment {}", object.name_any());
        let (pass, seen, changed) = Pass::read(self.context, object).await;
        let observed = &seen.environment;
        if let Some(finding) = unproven(&pass, observed) {
            return self.not_meant(object, &subject, &finding).await;
        }
        pass.leave_facts(&seen, &changed, &[]);
        let Some(known) = self.context.environment(&pass.name) else {
            let message = "not everything that it needs to know could be read; see that Bedrock and IAM answer, and run it again";
            return self.report.left.push(format!("{subject}: {message}"));
        };
        let before = self.report.left.len();
        let mut failed = false;
        for object in self.bound(&pass.name) {
            let subject = of_workload(&object);
            match workload::undo(self.context, &object, pass.object, known.clone(), self.act).await {
                Ok(undone) => {
                    self.doing(&subject, &undone.done);
                    self.withheld(&subject, &undone.mode, &undone.kept);
                    self.finalizer(&subject, &object);
                }
                Err(fault) => {
                    failed = true;
                    self.report.left.push(format!("{subject}: {fault}"));
                }
            }
        }
        self.report.kept.extend(kept(&pass, observed).into_iter().map(|what| format!("{subject}: {what}")));
        let outcome = match (self.act, failed) {
            (_, true) => Ok(false),
            (false, _) => self.foretell(&subject, &pass, observed).await.map(|()| true),
            (true, _) => self.shared(&subject, object).await,
        };
        match outcome {
            Ok(true) => self.let_go(&subject, object, before).await,
            Ok(false) => {}
            Err(fault) => self.report.left.push(format!("{subject}: {fault}")),
        }
    }

    /// Tells what would become of the environment's own things.
    async fn foretell(&mut self, subject: &str, pass: &Pass<'_>, observed: &EnvironmentObservation) -> Result<(), Fault> {
        let actions = removable(pass, observed).await?;
        if !pass.enforces() {
            self.withheld(subject, &pass.mode, &actions);
            return Ok(());
        }
        let swept = sweep::planned(pass).await?;
        self.doing(subject, &swept.actions);
        self.braked(subject, swept.braked);
        let (done, kept): (Vec<_>, Vec<_>) = actions.into_iter().partition(|action| match &pass.mode {
            Mode::Enforce => true,
            _ => action.takes_power_away(),
        });
        self.doing(subject, &done);
        self.withheld(subject, &pass.mode, &kept);
        Ok(())
    }

    /// Takes the environment's own things away, and waits for what takes its time. Says whether all went well.
    async fn shared(&mut self, subject: &str, object: &PhiEnvironment) -> Result<bool, Fault> {
        loop {
            let (pass, seen, _) = Pass::read(self.context, object).await;
            if !pass.enforces() {
                let actions = removable(&pass, &seen.environment).await?;
                self.withheld(subject, &pass.mode, &actions);
                return Ok(true);
            }
            let (what, fault) = match take_away(&pass, &seen.environment).await {
                Ok(TakenAway::All(withheld)) => {
                    self.withheld(subject, &pass.mode, &withheld);
                    self.braked(subject, sweep::planned(&pass).await?.braked);
                    return Ok(true);
                }
                Ok(TakenAway::Going) => ("something is still being deleted; run it again".to_owned(), None),
                Ok(TakenAway::Stuck(what, fault)) => (format!("{what}: {fault}"), Some(fault)),
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

    async fn released<K>(&mut self, subject: &str, api: kube::Api<K>, object: &K)
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + serde::Serialize,
    {
        if !self.act {
            return;
        }
        if let Err(fault) = set_finalizer(&api, object, FINALIZER, false, &self.context.metrics).await {
            self.report.left.push(format!("{subject}: {fault}"));
        }
    }

    /// Workloads whose environment is gone: their roles can be reached by nobody.
    async fn without_environment(&mut self) {
        let declared: Vec<String> = self.context.caches.environments.state().iter().map(|guarded| guarded.name_any()).collect();
        for object in self.context.caches.workloads_where(|workload| !declared.contains(&workload.spec.environment_ref.name)) {
            let subject = of_workload(&object);
            if let Some(identity) = self.context.statuses.previous(&object).identity {
                let environment = &object.spec.environment_ref.name;
                let message = format!("its PhiEnvironment {environment} is gone; delete it yourself, with its policy");
                self.report.left.push(format!("{subject}: role {}: {message}", identity.role_arn));
            }
            self.finalizer(&subject, &object);
            self.released(&subject, PhiWorkload::api(&self.context.client, object.namespace().as_deref()), &object).await;
        }
    }

    /// Objects that this version cannot read.
    fn unreadable(&mut self) {
        let caches = &self.context.caches;
        let environments = caches.environments.state().into_iter().filter(|guarded| guarded.0.is_err()).map(|guarded| guarded.name_any());
        let workloads = caches.workloads.state().into_iter().filter(|guarded| guarded.0.is_err());
        let workloads = workloads.map(|guarded| format!("{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any()));
        let subjects = environments.map(|name| format!("PhiEnvironment {name}")).chain(workloads.map(|name| format!("PhiWorkload {name}")));
        let message = "this version cannot read it; use the version of hipaa-operator that wrote it";
        self.report.left.extend(subjects.map(|subject| format!("{subject}: {message}")));
    }

    /// The lists of what had to be left undone: those that are done with are deleted.
    async fn hand_over_lists(&mut self, environments: &[PhiEnvironment]) {
        let lists = match self.context.hand_over.all().await {
            Ok(lists) => lists,
            Err(fault) => return self.report.left.push(format!("hand-over lists: {fault}")),
        };
        for (environment, roles) in lists {
            let finishes = |object: &PhiEnvironment| object.name_any() == environment && !self.act;
            if !roles.is_empty() && !environments.iter().any(finishes) {
                let names = roles.into_keys().collect::<Vec<_>>().join(", ");
                self.report.left.push(format!("PhiEnvironment {environment}: roles of deleted workloads: {names}"));
                continue;
            }
            self.report.doing.push(format!("PhiEnvironment {environment}: delete its hand-over list"));
            if self.act
                && let Err(fault) = self.context.hand_over.delete(&environment).await
            {
                self.report.left.push(format!("PhiEnvironment {environment}: {fault}"));
            }
        }
    }

    fn bound(&self, environment: &str) -> Vec<PhiWorkload> {
        let mut bound = self.context.caches.workloads_where(|workload| workload.spec.environment_ref.name == environment);
        bound.sort_by_key(|workload| (workload.namespace(), workload.name_any()));
        bound
    }

    fn doing(&mut self, subject: &str, actions: &[Action]) {
        self.report.doing.extend(actions.iter().map(|action| format!("{subject}: {}", line(action))));
    }

    fn withheld(&mut self, subject: &str, mode: &Mode, actions: &[Action]) {
        let why = match mode {
            Mode::Enforce => return,
            Mode::Audit => "the environment is in Audit",
            Mode::Hold(reason) | Mode::Frozen(reason) => reason,
        };
        let told = actions.iter().map(|action| format!("{subject}: {}: not done, because {why}", line(action)));
        let told: Vec<String> = told.filter(|line| !self.report.left.contains(line)).collect();
        self.report.left.extend(told);
    }

    fn braked(&mut self, subject: &str, roles: usize) {
        if roles > 0 {
            let message = format!(
                "{roles} roles are claimed by no PhiWorkload, too many to cut off without being asked; if that is right, annotate the environment with hipaa-operator.io/confirm-sweep: \"{roles}\""
            );
            self.report.left.push(format!("{subject}: {message}"));
        }
    }

    fn finalizer(&mut self, subject: &str, object: &impl ResourceExt) {
        if object.finalizers().iter().any(|one| one == FINALIZER) {
            self.report.doing.push(format!("{subject}: remove the finalizer"));
        }
    }
}

fn of_workload(object: &PhiWorkload) -> String {
    format!("PhiWorkload {}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn line(action: &Action) -> String {
    let (service, operation, name) = action.describe();
    format!("{service}:{operation} {name}")
}

/// What keeps the scope from being proven, a failure before what could not be read.
fn unproven(pass: &Pass<'_>, observed: &EnvironmentObservation) -> Option<Finding> {
    let inputs = EnvironmentInputs {
        rules: &pass.rules,
        observed,
        may_hold: false,
        recorded_key: None,
        boundary_refused: false,
        recorded_endpoints: &[],
    };
    let mut findings = scope_findings(&inputs);
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
