//! Which of the additional policies that a workload names its role gets, and what the workload is told of each. One that is refused takes
//! nothing from the others, and nothing from accesses and stores.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::conditions::{ConditionType, Reason};
use crate::api::identity::AdditionalPolicy;
use crate::catalogue::Control;
use crate::observed::environment::EnvironmentObservation;
use crate::policy::PolicyDocument;
use crate::policy::relation::{Coverage, covers};

use super::Finding;
use super::facts::EnvironmentFacts;
use super::workload::admits;

const FAMILY: ConditionType = ConditionType::PoliciesResolved;
const CONTROL: Control = Control::LeastPrivilege;

/// An additional policy of the environment, and what the account says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFact {
    /// As it is declared.
    pub declared: AdditionalPolicy,
    /// What the account says of it.
    pub standing: PolicyStanding,
}

/// What the account says of an additional policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyStanding {
    /// It is not there.
    Missing,
    /// It is there, and the boundary in force lets all of it through.
    Within,
    /// It is there, and the boundary in force does not let all of it through.
    Beyond,
    /// It could not be read, or the boundary could not, or it depends on conditions: nothing is said of it.
    Untold,
}

impl PolicyFact {
    /// What an observation tells of a policy. If it could not be read, what was `known` of it holds.
    #[must_use]
    pub fn of(
        declared: &AdditionalPolicy,
        observed: &EnvironmentObservation,
        boundary: Option<&PolicyDocument>,
        known: Option<&[Self]>,
    ) -> Self {
        let known = known.into_iter().flatten().find(|fact| fact.declared.arn == declared.arn);
        let standing = match (observed.additional_policies.get(&declared.arn), boundary) {
            (Some(Err(_)), _) => known.map_or(PolicyStanding::Untold, |fact| fact.standing),
            (Some(Ok(None)), _) => PolicyStanding::Missing,
            (Some(Ok(Some(document))), Some(boundary)) => match covers(boundary, document) {
                Coverage::Covered => PolicyStanding::Within,
                Coverage::Missing => PolicyStanding::Beyond,
                Coverage::Unproven => PolicyStanding::Untold,
            },
            _ => PolicyStanding::Untold,
        };
        Self { declared: declared.clone(), standing }
    }
}

/// Names of those policies that workloads of a namespace with these labels may have.
#[must_use]
pub fn admitted(policies: &[PolicyFact], labels: &BTreeMap<String, String>) -> BTreeSet<String> {
    let admits = |fact: &&PolicyFact| fact.declared.namespace_selector.as_ref().is_none_or(|selector| admits(selector, labels));
    policies.iter().filter(admits).map(|fact| fact.declared.name.clone()).collect()
}

/// What a workload asks for beside our own policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct PolicyRequest<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The policies it names.
    pub names: &'a [String],
    /// The environment's policies that its namespace may have.
    pub admitted: &'a BTreeSet<String>,
    /// What is attached to its role now.
    pub attached: &'a BTreeSet<String>,
    /// How many managed policies the role has, or will have, beside additional ones.
    pub others: usize,
}

/// The additional policies of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Additional {
    /// ARNs of those that its role gets.
    pub given: BTreeSet<String>,
    /// What it is told of each that it names.
    pub findings: Vec<Finding>,
}

/// Judges every policy that the workload names, in the order of their names. What is attached stays first; the rest is attached as long
/// as the account's quota has room for it.
pub(super) fn judge(request: &PolicyRequest, facts: &EnvironmentFacts) -> Additional {
    let names: BTreeSet<&str> = request.names.iter().map(String::as_str).collect();
    let mut additional = Additional::default();
    let mut found = Vec::new();
    for name in names {
        match find(name, request, facts) {
            Ok(fact) => found.push(fact),
            Err(finding) => additional.findings.push(finding.about(name)),
        }
    }
    found.sort_by_key(|fact| !request.attached.contains(&fact.declared.arn));
    for fact in found {
        let (name, arn) = (&fact.declared.name, &fact.declared.arn);
        let fits = request.attached.contains(arn)
            || additional.given.contains(arn)
            || facts.attachment_quota.is_some_and(|quota| request.others + additional.given.len() < quota);
        if fits {
            additional.given.insert(arn.clone());
        }
        let finding = match facts.attachment_quota {
            _ if fits => Finding::pass(CONTROL, FAMILY, told(fact, facts)),
            None => Finding::unread(
                CONTROL,
                FAMILY,
                format!("how many policies a role may have in the account could not be read, so policy {name} is not attached yet"),
            ),
            Some(quota) => Finding::fail(
                CONTROL,
                FAMILY,
                Reason::QuotaExceeded,
                format!(
                    "with policy {name} the role would have more than the {quota} managed policies that the account allows; name fewer, or have the quota raised"
                ),
            ),
        };
        additional.findings.push(finding.about(name));
    }
    additional
}

/// The policy of this name, if the namespace may have it and the account does.
fn find<'a>(name: &str, request: &PolicyRequest, facts: &'a EnvironmentFacts) -> Result<&'a PolicyFact, Finding> {
    let environment = &facts.scope.environment;
    let Some(fact) = facts.additional_policies.iter().find(|fact| fact.declared.name == name) else {
        let admitted: Vec<&str> = request.admitted.iter().map(String::as_str).collect();
        let known = if admitted.is_empty() { "none".to_owned() } else { admitted.join(", ") };
        let message = format!(
            "environment {environment} has no additional policy {name} (namespace {} may have: {known}); correct spec.additionalPolicies, or ask the platform team to add it to the environment's spec.identity.additionalPolicies",
            request.namespace
        );
        return Err(Finding::fail(CONTROL, FAMILY, Reason::AdditionalPolicyNotFound, message));
    };
    if !request.admitted.contains(name) {
        let message = format!(
            "environment {environment} does not give additional policy {name} to namespace {}: its labels do not match the policy's namespaceSelector; ask the platform team to label the namespace, or remove it from spec.additionalPolicies",
            request.namespace
        );
        return Err(Finding::fail(Control::Segmentation, FAMILY, Reason::AdditionalPolicyNotAdmitted, message));
    }
    if fact.standing == PolicyStanding::Missing {
        return Err(Finding::fail(CONTROL, FAMILY, Reason::AdditionalPolicyNotFound, missing(&fact.declared)));
    }
    Ok(fact)
}

/// What there is to say of a policy that the account does not have.
pub(super) fn missing(declared: &AdditionalPolicy) -> String {
    let AdditionalPolicy { name, arn, .. } = declared;
    format!("{arn}, which additional policy {name} stands for, does not exist; ask the platform team to create it, or to correct its ARN")
}

/// What an attached policy gives, as far as it is known.
fn told(fact: &PolicyFact, facts: &EnvironmentFacts) -> String {
    let (name, boundary) = (&fact.declared.name, &facts.boundary_arn);
    match fact.standing {
        PolicyStanding::Within => format!("policy {name} is attached, and the permissions boundary lets all of it through"),
        PolicyStanding::Beyond => {
            format!(
                "policy {name} is attached, and the permissions boundary {boundary} does not let all of it through: the rest has no effect"
            )
        }
        PolicyStanding::Missing | PolicyStanding::Untold => {
            format!("policy {name} is attached; it gives nothing that the permissions boundary {boundary} does not let through")
        }
    }
}

/// The findings as long as the workload has no role to attach anything to.
pub(super) fn waiting(names: &[String]) -> Vec<Finding> {
    names.iter().map(|name| Finding::waiting(CONTROL, FAMILY).about(name)).collect()
}
