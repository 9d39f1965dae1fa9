//! Everything that was made goes while the declarations stay: what a platform engineer asks for before the operator is uninstalled.
//!
//! The plans are those of deletions, and so is the order: identities first, isolation after them, shared things last. Each step can
//! be repeated, so that a run that was ended half-way is finished by the next.

mod environment;

use std::time::Instant;

use kube::ResourceExt;

use crate::api::annotations::FINALIZER;
use crate::api::{PhiEnvironment, PhiWorkload};
use crate::cluster::objects::WithStatus;
use crate::plan::{Action, Mode};

use super::context::Context;
use super::sweep;

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
        if let Err(fault) = Box::pin(self.of_environment(&subject, object)).await {
            self.report.left.push(format!("{subject}: {fault}"));
        }
    }

    async fn released<K>(&mut self, subject: &str, api: kube::Api<K>, object: &K)
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + serde::Serialize,
    {
        if !self.act {
            return;
        }
        if let Err(fault) = self.context.statuses.set_finalizer(&api, object, FINALIZER, false).await {
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
            Mode::Hold(reason) | Mode::Suspended(reason) | Mode::Frozen(reason) => reason,
        };
        let told = actions.iter().map(|action| format!("{subject}: {}: not done, because {why}", line(action)));
        let told: Vec<String> = told.filter(|line| !self.report.left.contains(line)).collect();
        self.report.left.extend(told);
    }

    fn braked(&mut self, subject: &str, roles: usize) {
        if roles > 0 {
            self.report.left.push(format!("{subject}: {}", sweep::brake(roles)));
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
