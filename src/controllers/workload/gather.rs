//! What a pass over a workload starts from: all of it lies in the caches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::api::annotations::ROLE_ARN;
use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload, PhiWorkloadStatus};
use crate::cluster::objects::hold;
use crate::controllers::context::{Context, Environment};
use crate::domain::{digest, names};
use crate::plan::Mode;
use crate::plan::access::DeclaredAccess;
use crate::plan::workload::{ServiceAccountFacts, admits};
use crate::plan::{additional, stores};
use crate::status::conditions::Stamp;

use super::find::Found;
use super::pass::Pass;

impl<'a> Pass<'a> {
    pub(super) fn new(context: &'a Context, object: &'a PhiWorkload, declared: &PhiEnvironment, environment: Arc<Environment>) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        let name = object.name_any();
        let around = context.caches.namespaces.get(&ObjectRef::new(&namespace));
        let labels = labels_of(context, &namespace);
        let account = ObjectRef::new(&object.spec.service_account_name).within(&namespace);
        let service_account = context.caches.service_accounts.get(&account);
        let policy = ObjectRef::new(&names::network_policy(&name)).within(&namespace);
        let previous = context.statuses.previous(object);
        let held = held_access(context, &namespace, &name);
        let mode = environment.mode(declared, &[hold(object), hold(declared), held.as_deref()]);
        let admitted = admits(&declared.spec.namespace_selector, &labels);
        let accesses = declared_accesses(context, &namespace, &name);
        let unknown = || {
            unreadable_access(context, &namespace, &previous)
                .or_else(|| unresolved(&environment, &accesses, &previous).filter(|_| admitted))
        };
        let mode = match unknown() {
            Some(what) if mode != Mode::Audit => Mode::Frozen(what),
            _ => mode,
        };
        Self {
            mode,
            leaving: around.is_some_and(|found| found.metadata.deletion_timestamp.is_some()),
            admitted,
            admitted_stores: stores::admitted(&environment.facts.stores, &labels),
            admitted_policies: additional::admitted(&environment.facts.additional_policies, &labels),
            given_policies: BTreeSet::new(),
            older_claimant: older_claimant(context, object),
            accesses,
            pods: context.caches.pods.of(&namespace),
            other_workloads: other_workloads(context, object),
            previous,
            at: Stamp::new(object.metadata.generation, Timestamp::now()),
            service_account: service_account.map(|account| ServiceAccountFacts {
                uid: account.metadata.uid.clone(),
                role_arn: account.annotations().get(ROLE_ARN).cloned(),
            }),
            network_policy: context.caches.network_policies.get(&policy).map(|policy| policy.read()),
            settings: context
                .caches
                .settings
                .get(&ObjectRef::new(&names::settings(&name)).within(&namespace))
                .map(|found| (*found).clone()),
            found: Found::default(),
            context,
            object,
            environment,
            namespace,
            name,
        }
    }

    /// Whether the account is asked for something that an access names, and the pass waits for that.
    pub(super) fn waits_for_answer(&self) -> bool {
        let lives = !self.leaving && self.object.metadata.deletion_timestamp.is_none();
        lives && self.admitted && self.context.waits_for_answer(&self.environment, self.accesses.iter().map(|access| &access.spec))
    }

    /// What a `Held` is judged against: everything that the desired documents are made from.
    pub(super) fn digest_of_inputs(&self) -> String {
        let facts = &self.environment.facts;
        let one = |access: &DeclaredAccess| digest::of_value(&(&access.name, &access.spec, facts.resolution(&access.spec)));
        let accesses: BTreeSet<String> = self.accesses.iter().map(one).collect();
        let admitted = (self.admitted, &self.admitted_stores, &self.admitted_policies);
        digest::of_value(&(&self.object.spec, &self.environment.digest_of_facts, accesses, admitted, &self.older_claimant))
    }
}

/// An older workload of the namespace with the same service account: it keeps it.
fn older_claimant(context: &Context, object: &PhiWorkload) -> Option<String> {
    let age = |workload: &PhiWorkload| (workload.creation_timestamp().map(|time| time.0), workload.name_any());
    let others = context.caches.workloads_in(object.metadata.namespace.as_deref().unwrap_or_default(), |other| {
        let claims = other.spec.service_account_name == object.spec.service_account_name && other.metadata.uid != object.metadata.uid;
        (claims && age(other) < age(object)).then(|| age(other))
    });
    others.into_iter().min().map(|(_, name)| name)
}

/// The other workloads of the namespace that are not being deleted, with the pods they select.
fn other_workloads(context: &Context, object: &PhiWorkload) -> Vec<(String, LabelSelector)> {
    context.caches.workloads_in(object.metadata.namespace.as_deref().unwrap_or_default(), |other| {
        let lives = other.metadata.name != object.metadata.name && other.metadata.deletion_timestamp.is_none();
        lives.then(|| (other.name_any(), other.spec.pod_selector.clone()))
    })
}

/// A hold on one access holds the policy that it shares with its siblings.
fn held_access(context: &Context, namespace: &str, workload: &str) -> Option<String> {
    let held = |access: &BedrockAccess| hold(access).map(|reason| format!("BedrockAccess {}: {reason}", access.name_any()));
    context.caches.accesses_of(namespace, workload, held).into_iter().next()
}

/// What accesses that are in the policy name of approved families, and the account did not tell of since we started: what lies behind a
/// profile is not known, and nothing is taken from the policy because of that.
fn unresolved(environment: &Environment, accesses: &[DeclaredAccess], previous: &PhiWorkloadStatus) -> Option<String> {
    let applied = previous.identity.as_ref().map(|identity| identity.accesses.as_slice()).unwrap_or_default();
    let there = |access: &&DeclaredAccess| applied.iter().any(|applied| applied.is(&access.name, access.generation));
    let missing = environment.facts.not_asked(accesses.iter().filter(there).map(|access| &access.spec));
    let listed = missing.into_iter().collect::<Vec<_>>().join(", ");
    (!listed.is_empty()).then(|| format!("the account did not tell yet whether it can call {listed}"))
}

/// An access that is in the policy but can no longer be read, for example because a newer version wrote it: nothing it may need is
/// taken from the policy.
fn unreadable_access(context: &Context, namespace: &str, previous: &PhiWorkloadStatus) -> Option<String> {
    let accesses = previous.identity.as_ref().map(|identity| identity.accesses.as_slice()).unwrap_or_default();
    let unreadable = |name: &str| {
        let found = context.caches.accesses.get(&ObjectRef::new(name).within(namespace));
        found.is_some_and(|guarded| guarded.0.is_err())
    };
    let found = accesses.iter().find(|access| unreadable(&access.name))?;
    Some(format!("BedrockAccess {} cannot be read by this version of the operator", found.name))
}

/// The labels of a namespace; none if it is not there.
pub(in crate::controllers) fn labels_of(context: &Context, namespace: &str) -> BTreeMap<String, String> {
    let found = context.caches.namespaces.get(&ObjectRef::new(namespace));
    found.map(|found| found.labels().clone()).unwrap_or_default()
}

/// The accesses of a workload that are not being deleted.
pub(in crate::controllers) fn declared_accesses(context: &Context, namespace: &str, workload: &str) -> Vec<DeclaredAccess> {
    context.caches.accesses_of(namespace, workload, |access| {
        access.metadata.deletion_timestamp.is_none().then(|| DeclaredAccess {
            name: access.name_any(),
            generation: access.metadata.generation.unwrap_or_default(),
            created: access.creation_timestamp().map(|time| time.0.to_string()).unwrap_or_default(),
            spec: access.spec.clone(),
        })
    })
}
