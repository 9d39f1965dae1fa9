//! What is to be looked at, and which change wakes what.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use crate::cluster::caches::{Caches, Change, is_gone};
use crate::cluster::echoes::Version;
use crate::cluster::guard::DeserializeGuard;
use crate::cluster::policies::PolicyText;
use crate::domain::names;
use crate::plan::workload::{one_holds_the_other, selects_no_less};

use super::coalesce::Why;
use super::selected::Selected;
use super::told::{Told, state_of};

/// Queue of keys of one kind.
pub type Sender<K> = UnboundedSender<(ObjectRef<DeserializeGuard<K>>, Why)>;
/// The other end of it.
pub type Receiver<K> = UnboundedReceiver<(ObjectRef<DeserializeGuard<K>>, Why)>;

/// The queues of all kinds. Sending fails only when the process ends.
#[derive(Clone)]
pub struct Queues {
    environments: Sender<PhiEnvironment>,
    workloads: Sender<PhiWorkload>,
    accesses: Sender<BedrockAccess>,
}

/// The other ends.
pub struct Receivers {
    /// Environments to look at.
    pub environments: Receiver<PhiEnvironment>,
    /// Workloads to look at.
    pub workloads: Receiver<PhiWorkload>,
    /// Accesses to look at.
    pub accesses: Receiver<BedrockAccess>,
}

impl Queues {
    /// Empty queues.
    #[must_use]
    pub fn new() -> (Self, Receivers) {
        let (environments, e) = unbounded_channel();
        let (workloads, w) = unbounded_channel();
        let (accesses, a) = unbounded_channel();
        (Self { environments, workloads, accesses }, Receivers { environments: e, workloads: w, accesses: a })
    }

    /// Wakes an environment.
    pub fn environment(&self, name: &str) {
        let _ = self.environments.send((ObjectRef::new(name), Why::News));
    }

    /// Wakes a workload.
    pub fn workload(&self, namespace: &str, name: &str) {
        self.workload_for(namespace, name, Why::News);
    }

    /// Wakes an access.
    pub fn access(&self, namespace: &str, name: &str) {
        self.access_for(namespace, name, Why::News);
    }

    fn workload_for(&self, namespace: &str, name: &str, why: Why) {
        let _ = self.workloads.send((ObjectRef::new(name).within(namespace), why));
    }

    fn access_for(&self, namespace: &str, name: &str, why: Why) {
        let _ = self.accesses.send((ObjectRef::new(name).within(namespace), why));
    }
}

/// What a follower does with changes, until the watches end: nothing waits for a process that may never lead. Only the pods to watch
/// are kept up to date.
pub async fn follow(caches: &Caches, changes: &mut UnboundedReceiver<Change>) {
    while let Some(change) = changes.recv().await {
        if matches!(change, Change::Workload(_)) {
            caches.pods.look();
        }
    }
}

/// Wakes everything that is in the caches, then turns changes into wake-ups until the watches end. Our own status writes to an
/// environment do not wake it: each of its passes reads the account.
pub async fn wake(caches: Caches, queues: Queues, mut changes: UnboundedReceiver<Change>) {
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut told = Told::default();
    let (mut selectors, mut fences) = (Selected::default(), Selected::default());
    for policy in caches.network_policies.state() {
        fences.note(&*policy, Some(&policy.selector()));
    }
    for environment in caches.environments.state() {
        seen.insert(environment.name_any(), state_of(&*environment));
        queues.environment(&environment.name_any());
    }
    for workload in caches.workloads.state() {
        queues.workload(&workload.namespace().unwrap_or_default(), &workload.name_any());
        selectors.note(&*workload, living_selector(&caches, &workload).as_ref());
    }
    for access in caches.accesses.state() {
        queues.access(&access.namespace().unwrap_or_default(), &access.name_any());
    }
    while let Some(change) = changes.recv().await {
        match change {
            Change::Environment(environment) => {
                let name = environment.name_any();
                let state = state_of(&*environment);
                if seen.insert(name.clone(), state.clone()).as_ref() != Some(&state) {
                    queues.environment(&name);
                }
                if caches.environment(&name).parsed().is_none() {
                    seen.remove(&name);
                    let wake = |workload: &PhiWorkload| queues.workload(&workload.namespace().unwrap_or_default(), &workload.name_any());
                    caches.workloads_of(&name, wake);
                }
            }
            Change::Workload(workload) => {
                caches.pods.look();
                wake_for_workload(&caches, &queues, &workload, &mut told);
                let selector = living_selector(&caches, &workload);
                let before = selectors.note(&*workload, selector.as_ref());
                if before != selector {
                    wake_siblings(&caches, &queues, &workload, &[before, selector]);
                }
            }
            Change::Access(access) => {
                let namespace = access.namespace().unwrap_or_default();
                let gone = is_gone(caches.accesses.get(&ObjectRef::from_obj(&*access)).as_deref(), &*access);
                let news = told.declaration(&*access, gone);
                queues.access_for(&namespace, &access.name_any(), why(&*access, news));
                // Its status is nothing to its workload and to its siblings, which share the room in the policy.
                match &access.0 {
                    _ if !news => {}
                    Ok(access) => {
                        let workload = &access.spec.workload_ref.name;
                        queues.workload(&namespace, workload);
                        let siblings = caches.names_of_accesses(&namespace, workload);
                        siblings.iter().filter(|name| **name != access.name_any()).for_each(|name| queues.access(&namespace, name));
                    }
                    // Whose it is cannot be read.
                    Err(_) => wake_workloads(&caches, &queues, &namespace, |_| true),
                }
            }
            Change::NetworkPolicy(policy) => {
                let living = caches.network_policies.get(&ObjectRef::from_obj(&*policy)).map(|policy| policy.selector());
                let before = fences.note(&*policy, living.as_ref());
                wake_fenced(&caches, &queues, &policy, &[before, living]);
            }
            Change::ConfigMap(namespace, name) => {
                if let Some(workload) = name.strip_suffix(names::SETTINGS) {
                    let living = caches.settings.get(&ObjectRef::new(&name).within(&namespace));
                    queues.workload_for(&namespace, workload, living.map_or(Why::News, |settings| why(&*settings, false)));
                }
            }
            Change::Namespace(namespace) | Change::Pod(namespace) => wake_workloads(&caches, &queues, &namespace, |_| true),
            Change::ServiceAccount(namespace, name) => {
                let account = caches.service_accounts.get(&ObjectRef::new(&name).within(&namespace));
                let why = account.map_or(Why::News, |account| why(&*account, false));
                for name in
                    caches.workloads_in(&namespace, |workload| (workload.spec.service_account_name == name).then(|| workload.name_any()))
                {
                    queues.workload_for(&namespace, &name, why.clone());
                }
            }
        }
    }
}

/// The pods that a workload selects, unless it is going or gone.
fn living_selector(caches: &Caches, workload: &DeserializeGuard<PhiWorkload>) -> Option<LabelSelector> {
    let living = caches.workload(&workload.namespace().unwrap_or_default(), &workload.name_any());
    living.parsed().filter(|living| living.metadata.deletion_timestamp.is_none()).map(|living| living.spec.pod_selector.clone())
}

/// Why an object is woken for this version of itself, or of something that its pass writes.
fn why(changed: &impl Resource, news: bool) -> Why {
    if news { Why::News } else { Version::of(changed).map_or(Why::News, Why::Version) }
}

fn wake_for_workload(caches: &Caches, queues: &Queues, guarded: &DeserializeGuard<PhiWorkload>, told: &mut Told) {
    let namespace = guarded.namespace().unwrap_or_default();
    let name = guarded.name_any();
    let gone = is_gone(caches.workload(&namespace, &name).parsed(), guarded);
    let news = told.declaration(guarded, gone);
    queues.workload_for(&namespace, &name, why(guarded, news));
    let Ok(workload) = &guarded.0 else {
        return;
    };
    if told.of_workload(workload, gone) || news {
        for access in caches.names_of_accesses(&namespace, &name) {
            queues.access(&namespace, &access);
        }
    }
    if gone || workload.metadata.deletion_timestamp.is_some() {
        // A younger claimant of the service account, and an environment that waits to go.
        let account = &workload.spec.service_account_name;
        wake_workloads(caches, queues, &namespace, |other| other.spec.service_account_name == *account);
        let environment = &workload.spec.environment_ref.name;
        if caches.environment(environment).parsed().is_some_and(|environment| environment.metadata.deletion_timestamp.is_some()) {
            queues.environment(environment);
        }
    }
}

/// The other workloads of the namespace whose pods may overlap with what this one selected before or selects now.
fn wake_siblings(caches: &Caches, queues: &Queues, workload: &DeserializeGuard<PhiWorkload>, selectors: &[Option<LabelSelector>; 2]) {
    let (namespace, name) = (workload.namespace().unwrap_or_default(), workload.name_any());
    let selectors: Vec<&LabelSelector> = selectors.iter().flatten().collect();
    let parsed: Vec<Selector> = selectors.iter().filter_map(|&selector| Selector::try_from(selector.clone()).ok()).collect();
    let selects = |labels: &BTreeMap<String, String>| parsed.iter().any(|selector| selector.matches(labels));
    let selects_pods = caches.pods.known(&namespace).is_some_and(|pods| pods.iter().any(|pod| selects(&pod.labels)));
    wake_workloads(caches, queues, &namespace, |other| {
        let overlaps = || selectors.iter().any(|theirs| one_holds_the_other(&other.spec.pod_selector, theirs));
        other.name_any() != name && (selects_pods || overlaps())
    });
}

/// The workload whose network policy this is, and those that it widens or widened.
fn wake_fenced(caches: &Caches, queues: &Queues, policy: &PolicyText, selectors: &[Option<LabelSelector>; 2]) {
    let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
    let living = caches.network_policies.get(&ObjectRef::from_obj(policy));
    let own = living.map_or(Why::News, |policy| why(&*policy, false));
    wake_workloads(caches, queues, &namespace, |workload| {
        let widened = || selectors.iter().flatten().any(|theirs| selects_no_less(theirs, &workload.spec.pod_selector));
        if names::network_policy(&workload.name_any()) == name {
            queues.workload_for(&namespace, &workload.name_any(), own.clone());
            return false;
        }
        widened()
    });
}

/// The workloads of the namespace for which `wanted` holds.
fn wake_workloads(caches: &Caches, queues: &Queues, namespace: &str, wanted: impl Fn(&PhiWorkload) -> bool) {
    for name in caches.workloads_in(namespace, |workload| wanted(workload).then(|| workload.name_any())) {
        queues.workload(namespace, &name);
    }
}
