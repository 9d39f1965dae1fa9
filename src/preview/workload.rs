//! The preview of a workload with its accesses.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use crate::api::annotations::HOLD;
use crate::api::conditions::Reason;
use crate::api::{BedrockAccess, BedrockAccessSpec, PhiWorkload, PhiWorkloadSpec};
use crate::plan::access::{DeclaredAccess, admit};
use crate::plan::workload::{WorkloadInputs, admits, plan as plan_workload};
use crate::plan::{Finding, Mode};

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
    let admitted = is_admitted(declared, &namespace, bound);
    if admitted.is_none() {
        let message = format!("namespace {namespace} is not among the files; environment {wanted} is assumed to admit it");
        preview.assume(&subject, Assumption::NamespaceAdmitted, message);
    }
    let accesses = accesses_of(declared, workload);
    let pass = Pass {
        declared,
        workload,
        namespace: &namespace,
        bound,
        admitted: admitted.unwrap_or(true),
        accesses: &accesses,
        others: others(declared, workload),
    };

    let standing = pass.standing();
    let first = plan_workload(&pass.inputs(&standing));
    let hold = workload.annotations().get(HOLD).map(String::as_str);
    if let Some(reason) = hold {
        preview.assume(&subject, Assumption::OnHold, format!("the annotation {HOLD} stops all writes ({reason})"));
    }
    items::add(preview, &subject, &first.plan.actions, &Mode::of(bound.spec.enforcement, &[bound.hold, hold]));

    let things = carried_out::workload(standing, &first.plan.actions);
    let settled = plan_workload(&pass.inputs(&things));
    for finding in &settled.plan.findings {
        preview.judge(&subject, finding, field(&workload.spec, bound, finding));
    }
    pass.judge_accesses(preview);
    if first.given.is_empty() && accesses.is_empty() {
        preview.assume(&subject, Assumption::NoAccessDeclared, "no BedrockAccess among the files names this workload, so it gets no role");
    } else if !first.given.is_empty() && !standing::looked_at(bound.found, &namespace) {
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

/// Whether the environment admits the namespace; `None` if the namespace is neither among the files nor among the facts.
fn is_admitted(declared: &Declared, namespace: &str, bound: &Bound) -> Option<bool> {
    let observed = || bound.found.and_then(|found| found.namespaces.get(namespace)).map(|namespace| &namespace.labels);
    let mut labels = declared.namespaces.get(namespace).or_else(observed)?.clone();
    labels.insert(NAMESPACE_NAME.to_owned(), namespace.to_owned());
    Some(admits(&bound.spec.namespace_selector, &labels))
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
    accesses: &'a [DeclaredAccess],
    others: Vec<(&'a str, &'a LabelSelector)>,
}

impl<'a> Pass<'a> {
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

    fn inputs(&'a self, things: &'a WorkloadThings) -> WorkloadInputs<'a> {
        WorkloadInputs {
            namespace: self.namespace,
            name: self.workload.metadata.name.as_deref().unwrap_or_default(),
            spec: &self.workload.spec,
            previous: &things.previous,
            facts: &self.bound.facts,
            admitted: self.admitted,
            older_claimant: self.earlier_claimant(),
            service_account: things.service_account.as_ref(),
            accesses: self.accesses,
            role: things.role.as_ref(),
            policy: things.policy.as_ref(),
            policy_is_ours: things.policy_is_ours,
            identity: &things.identity,
            network_policy: things.network_policy.as_ref(),
            other_network_policies: &[],
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

    fn judge_accesses(&self, preview: &mut Preview) {
        for (name, findings) in admit(self.accesses, &self.bound.facts, &[]).findings {
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
