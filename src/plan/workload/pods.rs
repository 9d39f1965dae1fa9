//! The pods of a workload: are they those that are fenced in, and do they use the role and nothing else?
//!
//! These findings count for `Compliant` alone: only the owner of the pods can mend them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::observed::pods::PodFacts;
use crate::plan::Finding;

use super::WorkloadInputs;

const FENCE: ConditionType = ConditionType::NetworkIsolated;
const IDENTITY: ConditionType = ConditionType::IdentityReady;
/// Pods or workloads that a message names; all are counted.
const NAMED: usize = 3;

pub(super) fn judge(inputs: &WorkloadInputs) -> Vec<Finding> {
    let Some(facts) = inputs.pods else {
        let namespace = inputs.namespace;
        return vec![unread(format!(
            "the pods of namespace {namespace} were not read yet; if this stays, let the operator list and watch pods"
        ))];
    };
    let Ok(selector) = Selector::try_from(inputs.spec.pod_selector.clone()) else {
        return vec![unread("spec.podSelector cannot be read, so it is not known which pods are meant; correct it")];
    };
    let account = &inputs.spec.service_account_name;
    let pod = |facts| Pod::of(facts, &selector, account);
    let pods: Vec<Pod> = facts.iter().map(pod).filter(|pod| pod.is_selected || pod.uses_account).collect();
    let checks = checks(account).into_iter().filter(|check| inputs.role.is_some() || check.reason != Reason::CredentialsNotInjected);
    let mut findings: Vec<Finding> = checks.map(|check| check.judge(&pods)).collect();
    findings.push(overlaps(inputs, &pods));
    findings
}

/// The judgement as long as the workload is not admitted.
pub(super) fn waiting() -> Finding {
    Finding::waiting(Control::PodIsolation, FENCE).about("pods").advisory()
}

fn unread(message: impl Into<String>) -> Finding {
    Finding::unread(Control::PodIsolation, FENCE, message).about("pods").advisory()
}

/// A pod that the workload selects or that uses its service account.
struct Pod<'a> {
    facts: &'a PodFacts,
    is_selected: bool,
    uses_account: bool,
}

impl<'a> Pod<'a> {
    fn of(facts: &'a PodFacts, selector: &Selector, account: &str) -> Self {
        Self { facts, is_selected: selector.matches(&facts.labels), uses_account: facts.service_account == account }
    }
}

/// Something that no pod may do.
struct Check {
    control: Control,
    family: ConditionType,
    about: &'static str,
    reason: Reason,
    is_broken_by: fn(&Pod) -> bool,
    /// Proven if no pod does it.
    right: &'static str,
    /// Said if pods do; their number and names follow, and what to do.
    wrong: String,
    mend: &'static str,
}

impl Check {
    fn judge(self, pods: &[Pod]) -> Finding {
        let broken: Vec<&str> = pods.iter().filter(|pod| (self.is_broken_by)(pod)).map(|pod| pod.facts.name.as_str()).collect();
        let finding = if broken.is_empty() {
            Finding::pass(self.control, self.family, self.right)
        } else {
            let message = format!("{}: {}; {}", self.wrong, listed(broken), self.mend);
            Finding::fail(self.control, self.family, self.reason, message)
        };
        finding.about(self.about).advisory()
    }
}

fn checks(account: &str) -> [Check; 5] {
    [
        Check {
            control: Control::PodIsolation,
            family: FENCE,
            about: "labels",
            reason: Reason::PodNotSelected,
            is_broken_by: |pod| pod.uses_account && !pod.is_selected,
            right: "spec.podSelector selects every pod that uses the service account",
            wrong: format!(
                "pods use service account {account} and may get its role, but lack the labels of spec.podSelector and are not fenced in"
            ),
            mend: "give their template the labels, or another service account",
        },
        Check {
            control: Control::Segmentation,
            family: FENCE,
            about: "pods",
            reason: Reason::PodServiceAccountDiffers,
            is_broken_by: |pod| pod.is_selected && !pod.uses_account,
            right: "every selected pod uses the service account",
            wrong: format!("spec.podSelector selects pods that do not use service account {account}"),
            mend: "set serviceAccountName in their template, or narrow spec.podSelector",
        },
        Check {
            control: Control::PodIsolation,
            family: FENCE,
            about: "host-network",
            reason: Reason::HostNetwork,
            is_broken_by: |pod| pod.facts.host_network,
            right: "no pod is in the network of its node",
            wrong: "pods set hostNetwork, where network policies do not apply".to_owned(),
            mend: "remove hostNetwork from their template",
        },
        Check {
            control: Control::WebIdentity,
            family: IDENTITY,
            about: "static-keys",
            reason: Reason::StaticKeys,
            is_broken_by: |pod| pod.facts.static_keys,
            right: "no container sets a variable for long-lived credentials by name",
            wrong: "pods set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_BEARER_TOKEN_BEDROCK, which the SDKs prefer to the role"
                .to_owned(),
            mend: "remove the variables from their template, and revoke the keys",
        },
        Check {
            control: Control::WebIdentity,
            family: IDENTITY,
            about: "credentials",
            reason: Reason::CredentialsNotInjected,
            is_broken_by: |pod| pod.uses_account && !pod.facts.terminating && !pod.facts.identity_injected,
            right: "every pod with the service account was given the role's credentials",
            wrong: format!(
                "pods with service account {account} got no credentials of its role when they were admitted, for example because they are older than the role"
            ),
            mend: "restart them (kubectl rollout restart); if this stays, the cluster's pod identity webhook does not run",
        },
    ]
}

/// Fences add up, so that pods which two workloads select are fenced in by neither.
fn overlaps(inputs: &WorkloadInputs, pods: &[Pod]) -> Finding {
    let ours = &inputs.spec.pod_selector;
    let overlaps = |theirs: &LabelSelector| {
        let selector = Selector::try_from(theirs.clone());
        let selects = |pod: &Pod| pod.is_selected && selector.as_ref().is_ok_and(|selector| selector.matches(&pod.facts.labels));
        one_holds_the_other(ours, theirs) || pods.iter().any(selects)
    };
    let others = inputs.other_workloads.iter().filter(|(_, theirs)| overlaps(theirs)).map(|(name, _)| *name).collect::<Vec<_>>();
    let finding = if others.is_empty() {
        Finding::pass(Control::Segmentation, FENCE, "no other workload of the namespace selects the same pods")
    } else {
        let message = format!(
            "other PhiWorkloads select the same pods, which may then reach what any of them may: {}; give the pods of each workload a label of their own",
            listed(others)
        );
        Finding::fail(Control::Segmentation, FENCE, Reason::SelectorsOverlap, message)
    };
    finding.about("selectors").advisory()
}

/// Whether two selectors ask for the same labels and not both narrow that further, so that one selects whatever the other does.
#[must_use]
pub fn one_holds_the_other(ours: &LabelSelector, theirs: &LabelSelector) -> bool {
    // An absent list says the same as an empty one.
    let same_labels = ours.match_labels.iter().flatten().eq(theirs.match_labels.iter().flatten());
    let our_further = ours.match_expressions.as_deref().unwrap_or_default();
    let their_further = theirs.match_expressions.as_deref().unwrap_or_default();
    same_labels && (our_further.is_empty() || their_further.is_empty() || our_further == their_further)
}

/// How many there are, and the names of the first, in an order that does not depend on the watch's.
fn listed(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    let count = names.len();
    let more = if count > NAMED { ", …" } else { "" };
    names.truncate(NAMED);
    format!("{count} ({}{more})", names.join(", "))
}

#[cfg(test)]
mod tests;
