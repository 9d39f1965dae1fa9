//! The preview of a workload with its accesses.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use crate::api::annotations::HOLD;
use crate::api::conditions::{ConditionType, Reason};
use crate::api::network::NetworkPeer;
use crate::api::{BedrockAccess, BedrockAccessSpec, PhiWorkload, PhiWorkloadSpec};
use crate::observed::identity::Role;
use crate::plan::access::{DeclaredAccess, admit};
use crate::plan::workload::{WorkloadInputs, admits, isolation_policy, plan as plan_workload, requests};
use crate::plan::{Finding, Mode};
use crate::plan::{additional, stores};
use crate::policy::trust::service_account_trust;

use super::carried_out::{self, WorkloadThings};
use super::environment::Bound;
use super::{Assumption, Declared, Preview, PreviewError, Subject, items, standing};

/// The label that every namespace carries, with its name
/// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>).
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Plans a workload and judges its accesses.
pub(super) fn plan(declared: &Declared, workload: &PhiWorkload, environments: &BTreeMap<String, Bound>, preview: &mut Preview) {
    let subject = Subject::of("PhiWorkload", workload);
    let wanted = &workload.spec.environment_ref.name;
    let Some(bound) = environments.get(wanted) else {
        let environment = Subject { kind: "PhiEnvironment".into(), namespace: None, name: wanted.clone() };
        without(declared, &environment, subject, "spec.environmentRef.name", Reason::EnvironmentNotFound, preview);
        return;
    };
    let namespace = workload.namespace().unwrap_or_default();
    let labels = labels_of(declared, &namespace, bound);
    if labels.is_none() {
        let stores = if workload.spec.stores.is_some() { " and to give it the stores that this workload names" } else { "" };
        let message = format!("namespace {namespace} is not among the files; environment {wanted} is assumed to admit it{stores}");
        preview.assume(&subject, Assumption::NamespaceAdmitted, message);
    }
    let accesses = accesses_of(declared, workload);
    let pass = Pass {
        declared,
        workload,
        namespace: &namespace,
        bound,
        admitted: labels.as_ref().is_none_or(|labels| admits(&bound.spec.namespace_selector, labels)),
        admitted_stores: match &labels {
            Some(labels) => stores::admitted(&bound.facts.stores, labels),
            None => bound.facts.stores.iter().map(|store| store.name.clone()).collect(),
        },
        admitted_policies: match &labels {
            Some(labels) => additional::admitted(&bound.facts.additional_policies, labels),
            None => bound.facts.additional_policies.iter().map(|fact| fact.declared.name.clone()).collect(),
        },
        accesses: &accesses,
        others: others(declared, workload),
    };

    let fence = pass.fence_of_platform();
    let fence: Vec<&NetworkPolicy> = fence.iter().collect();
    let standing = WorkloadThings { platform_role: pass.role_of_platform(), ..pass.standing() };
    pass.tell_platform(&subject, standing.platform_role.as_ref(), preview);
    let first = plan_workload(&pass.inputs(&standing, &fence));
    let hold = workload.annotations().get(HOLD).map(String::as_str);
    if let Some(reason) = hold {
        preview.assume(&subject, Assumption::OnHold, format!("the annotation {HOLD} stops all writes ({reason})"));
    }
    items::add(preview, &subject, &first.plan.actions, &Mode::of(bound.spec.enforcement, &[bound.hold, hold]));

    let things = carried_out::workload(standing, &first.plan.actions);
    let inputs = pass.inputs(&things, &fence);
    for finding in &plan_workload(&inputs).plan.findings {
        preview.judge(&subject, finding, field(&workload.spec, bound, finding));
    }
    pass.judge_accesses(&inputs, preview);
    let nothing_given = first.given.is_empty() && first.given_stores.is_empty();
    if nothing_given && accesses.is_empty() && workload.spec.stores.is_none() {
        let message = "no BedrockAccess among the files names this workload, and it names no store, so it gets no role";
        preview.assume(&subject, Assumption::NoAccessDeclared, message);
    } else if !nothing_given && !standing::looked_at(bound.found, &namespace) {
        let message =
            format!("service account {namespace}/{} is assumed to exist; it is annotated, never made", workload.spec.service_account_name);
        preview.assume(&subject, Assumption::ServiceAccountPresent, message);
    }
}

/// Tells of the accesses whose workload is not among the files.
pub(super) fn judge_accesses_without_workload(declared: &Declared, preview: &mut Preview) {
    let mut accesses: Vec<&BedrockAccess> = declared.accesses.iter().collect();
    accesses.sort_by_key(|access| (access.namespace(), access.name_any()));
    for access in accesses {
        let namespace = access.namespace();
        let name = access.spec.workload_ref.name.clone();
        if !declared.workloads.iter().any(|workload| workload.namespace() == namespace && workload.name_any() == name) {
            let workload = Subject { kind: "PhiWorkload".into(), namespace, name };
            let subject = Subject::of("BedrockAccess", access);
            without(declared, &workload, subject, "spec.workloadRef.name", Reason::WorkloadNotFound, preview);
        }
    }
}

/// Tells that what `subject` refers to is not among the files, or would be refused.
fn without(declared: &Declared, missing: &Subject, subject: Subject, field: &str, reason: Reason, preview: &mut Preview) {
    let named = match &missing.namespace {
        Some(namespace) => format!("{} {namespace}/{}", missing.kind, missing.name),
        None => format!("{} {}", missing.kind, missing.name),
    };
    if declared.refused.contains(missing) {
        preview.assume(&subject, Assumption::NotPlanned, format!("not planned, because {named} cannot be used as it is: see its errors"));
    } else {
        let message = format!("{named} is not among the files: correct the name, or pass its file too (-f)");
        preview.errors.push(PreviewError { subject, field: field.to_owned(), reason: reason.as_str(), message });
    }
}

/// The namespace's labels; `None` if it is neither among the files nor among the facts.
fn labels_of(declared: &Declared, namespace: &str, bound: &Bound) -> Option<BTreeMap<String, String>> {
    let observed = || bound.found.and_then(|found| found.namespaces.get(namespace)).map(|namespace| &namespace.labels);
    let mut labels = declared.namespaces.get(namespace).or_else(observed)?.clone();
    labels.insert(NAMESPACE_NAME.to_owned(), namespace.to_owned());
    Some(labels)
}

/// The accesses that name the workload. Files tell no age, so that the names decide which is the newest.
fn accesses_of(declared: &Declared, workload: &PhiWorkload) -> Vec<DeclaredAccess> {
    declared
        .accesses
        .iter()
        .filter(|access| access.namespace() == workload.namespace() && access.spec.workload_ref.name == workload.name_any())
        .map(|access| DeclaredAccess { name: access.name_any(), generation: 1, created: String::new(), spec: access.spec.clone() })
        .collect()
}

/// The other workloads of the namespace, with the pods they select.
fn others<'a>(declared: &'a Declared, workload: &PhiWorkload) -> Vec<(&'a str, &'a LabelSelector)> {
    let is_other = |other: &&PhiWorkload| other.namespace() == workload.namespace() && other.metadata.name != workload.metadata.name;
    let others = declared.workloads.iter().filter(is_other);
    others.map(|other| (other.metadata.name.as_deref().unwrap_or_default(), &other.spec.pod_selector)).collect()
}

/// What both passes over a workload share.
struct Pass<'a> {
    declared: &'a Declared,
    workload: &'a PhiWorkload,
    namespace: &'a str,
    bound: &'a Bound<'a>,
    admitted: bool,
    admitted_stores: BTreeSet<String>,
    admitted_policies: BTreeSet<String>,
    accesses: &'a [DeclaredAccess],
    others: Vec<(&'a str, &'a LabelSelector)>,
}

impl<'a> Pass<'a> {
    /// The platform's role for the service account, as it should be.
    fn role_of_platform(&self) -> Option<Role> {
        let (facts, account) = (&self.bound.facts, &self.workload.spec.service_account_name);
        facts.platform_role(self.namespace, account).map(|name| Role {
            name: name.to_owned(),
            arn: format!("arn:{}:iam::{}:role/{name}", facts.scope.partition, facts.scope.account_id),
            trust: Some(service_account_trust(&facts.scope, &facts.issuer, self.namespace, account)),
            boundary_arn: Some(facts.boundary_arn.clone()),
            ..Role::default()
        })
    }

    /// The platform's network policy for the pods, as it should be, where the platform makes it.
    fn fence_of_platform(&self) -> Option<NetworkPolicy> {
        let (facts, spec) = (&self.bound.facts, &self.workload.spec);
        let chosen = spec.network_peers.as_deref().unwrap_or_default();
        let peers: Vec<&NetworkPeer> = facts.peers.iter().filter(|peer| chosen.contains(&peer.name)).collect();
        let name = self.workload.metadata.name.as_deref().unwrap_or_default();
        facts.verify_isolation.then(|| isolation_policy(self.namespace, name, &spec.pod_selector, facts, &peers))
    }

    fn tell_platform(&self, subject: &Subject, role: Option<&Role>, preview: &mut Preview) {
        if let Some(role) = role {
            let message = format!(
                "role {} is assumed to exist without a path, to trust the service account and to have the environment's boundary; only a policy is attached to it",
                role.name
            );
            preview.assume(subject, Assumption::RolePresent, message);
        }
        if self.bound.facts.verify_isolation {
            let message = "NetworkPolicies of the platform's are assumed to fence the pods in and to let them reach what they need; they are only verified";
            preview.assume(subject, Assumption::IsolationPresent, message);
        }
    }

    /// What is there of the workload before anything is done.
    fn standing(&self) -> WorkloadThings {
        let Some(found) = self.bound.found else {
            return WorkloadThings::default();
        };
        let (name, account) = (self.workload.name_any(), &self.workload.spec.service_account_name);
        let mut things = standing::workload(&self.bound.facts.scope, found, self.namespace, &name, account);
        if self.declared.service_accounts.contains(&(self.namespace.to_owned(), account.clone())) {
            things.service_account.get_or_insert_default();
        }
        things
    }

    fn inputs(&'a self, things: &'a WorkloadThings, others: &'a [&'a NetworkPolicy]) -> WorkloadInputs<'a> {
        WorkloadInputs {
            namespace: self.namespace,
            name: self.workload.metadata.name.as_deref().unwrap_or_default(),
            uid: "",
            spec: &self.workload.spec,
            previous: &things.previous,
            facts: &self.bound.facts,
            admitted: self.admitted,
            older_claimant: self.earlier_claimant(),
            service_account: things.service_account.as_ref(),
            accesses: self.accesses,
            admitted_stores: &self.admitted_stores,
            admitted_policies: &self.admitted_policies,
            role: things.role.as_ref(),
            platform_role: things.platform_role.as_ref(),
            known_session: None,
            policy: things.policy.as_ref(),
            policy_is_ours: things.policy_is_ours,
            identity: &things.identity,
            network_policy: things.network_policy.as_ref(),
            settings: things.settings.as_ref(),
            settings_taken: false,
            other_network_policies: others,
            pods: Some(&[]),
            other_workloads: &self.others,
            may_hold: false,
        }
    }

    /// The first workload of the files with the same service account, if that is not this one.
    fn earlier_claimant(&self) -> Option<&'a str> {
        let account = &self.workload.spec.service_account_name;
        let same = |other: &&PhiWorkload| other.namespace() == self.workload.namespace() && other.spec.service_account_name == *account;
        let first = self.declared.workloads.iter().find(same)?;
        (first.metadata.name != self.workload.metadata.name).then_some(first.metadata.name.as_deref()).flatten()
    }

    fn judge_accesses(&self, inputs: &WorkloadInputs, preview: &mut Preview) {
        for (name, findings) in admit(&requests(inputs), inputs.facts).findings {
            let Some(access) = self.accesses.iter().find(|access| access.name == name) else { continue };
            let subject = Subject { kind: "BedrockAccess".into(), namespace: Some(self.namespace.to_owned()), name };
            for finding in &findings {
                preview.judge(&subject, finding, access_field(&access.spec, finding));
            }
        }
    }
}

/// The field of a workload's spec that a finding comes from.
fn field(spec: &PhiWorkloadSpec, bound: &Bound, finding: &Finding) -> String {
    match finding.reason {
        _ if finding.family == ConditionType::StoresResolved => {
            let index = spec.stores.iter().flatten().position(|name| *name == finding.about).unwrap_or_default();
            format!("spec.stores[{index}]")
        }
        _ if finding.family == ConditionType::PoliciesResolved => {
            let index = spec.additional_policies.iter().flatten().position(|name| *name == finding.about).unwrap_or_default();
            format!("spec.additionalPolicies[{index}]")
        }
        Reason::NamespaceNotAdmitted => "metadata.namespace".to_owned(),
        Reason::ServiceAccountClaimed | Reason::ServiceAccountNotFound => "spec.serviceAccountName".to_owned(),
        Reason::PeerNotFound => {
            let unknown = |name: &String| !bound.facts.peers.iter().any(|peer| peer.name == *name);
            let index = spec.network_peers.iter().flatten().position(unknown).unwrap_or_default();
            format!("spec.networkPeers[{index}]")
        }
        _ => "spec".to_owned(),
    }
}

/// The field of an access's spec that a finding comes from.
fn access_field(spec: &BedrockAccessSpec, finding: &Finding) -> String {
    let index = |list: &Option<Vec<String>>| list.iter().flatten().position(|id| *id == finding.about);
    match finding.reason {
        Reason::GuardrailNotFound | Reason::GuardrailMissing => "spec.guardrailRef".to_owned(),
        Reason::UseCaseProhibited => "spec.useCase".to_owned(),
        Reason::OverseerMissing => "spec.overseer".to_owned(),
        Reason::UnrecognizedValue if finding.control == crate::catalogue::Control::UseCases => "spec.useCase".to_owned(),
        Reason::UnrecognizedValue => "spec.operations".to_owned(),
        _ => match (index(&spec.models), index(&spec.inference_profiles)) {
            (Some(index), _) => format!("spec.models[{index}]"),
            (None, Some(index)) => format!("spec.inferenceProfiles[{index}]"),
            (None, None) => "spec".to_owned(),
        },
    }
}
