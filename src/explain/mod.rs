//! What one service account can really do, through which path, where each permission comes from, and what is denied: the declarations
//! beside what is live. It judges and changes nothing.

mod origin;
mod path;
mod powers;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::{PhiEnvironment, Verdict};
use crate::observed::Read;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::Role;
use crate::plan::access::{DeclaredAccess, admit, judge};
use crate::plan::environment::Rules;
use crate::plan::workload::{WorkloadInputs, plan as plan_workload, requests};
use crate::policy::PolicyDocument;

pub use text::text;

/// What an explanation is made from: what was declared, and what was read of the account. What could not be read carries its fault.
pub struct Seen<'a> {
    /// The environment.
    pub environment: &'a PhiEnvironment,
    /// The same, resolved.
    pub rules: &'a Rules,
    /// What a pass over it reads.
    pub observed: &'a EnvironmentObservation,
    /// The workload, with what is live of it; `None` if the environment's facts are not known.
    pub inputs: Option<&'a WorkloadInputs<'a>>,
    /// The workload and its service account.
    pub subject: Subject<'a>,
    /// The role that the service account is to have.
    pub role: Read<Option<Role>>,
    /// Documents of the managed policies attached to it, by ARN.
    pub attached: BTreeMap<String, Read<Option<PolicyDocument>>>,
    /// Document of its permissions boundary, if it has one.
    pub boundary: Read<Option<PolicyDocument>>,
}

/// Whom it is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The service account.
    pub service_account: &'a str,
    /// The `PhiWorkload` that has it.
    pub workload: &'a str,
    /// Value of the role annotation.
    pub annotation: Option<&'a str>,
}

/// The explanation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Namespace and name of the service account.
    pub service_account: String,
    /// Its `PhiWorkload`.
    pub workload: String,
    /// The `PhiEnvironment`, with account, Region and cluster.
    pub environment: String,
    /// ARN of the role; absent if there is none, or it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How calls and credentials get where they go, one sentence each.
    pub path: Vec<String>,
    /// Under which guardrail the calls are made, one sentence each.
    pub guardrails: Vec<String>,
    /// What the role's own policies allow, and whether it gets through.
    pub allowed: Vec<Power>,
    /// What is denied whatever else allows it.
    pub denied: Vec<Denial>,
    /// What is not as declared, one sentence each.
    pub not_as_declared: Vec<String>,
    /// What could not be read, and so is not known.
    pub unknown: Vec<String>,
}

/// One action on one resource that a policy of the role allows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Power {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// What has to hold of the call, such as `aws:SourceVpc is vpc-1`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only_if: Vec<String>,
    /// When the role's policies deny it all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<String>,
    /// The policy that allows it: an ARN, or the name of an inline policy.
    pub policy: String,
    /// The fields of declarations that it comes from; empty if nothing declares it.
    pub origins: Vec<String>,
    /// Whether the role's policies let it through: none of them denies it whenever it is allowed.
    pub role_lets_through: Answer,
    /// Whether the permissions boundary does.
    pub boundary_lets_through: Answer,
    /// Whether the policy of the endpoint does, through which the call goes.
    pub endpoint_lets_through: Answer,
    /// Whether the call can be made: all three let it through.
    pub effective: Answer,
}

/// What a policy says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Answer {
    /// It lets it through.
    Yes,
    /// It does not.
    No,
    /// That depends on what is not known.
    Unknown,
    /// It is not asked.
    NotAsked,
}

impl Answer {
    /// What all of them say together.
    #[must_use]
    pub fn all(answers: &[Self]) -> Self {
        if answers.contains(&Self::No) {
            Self::No
        } else if answers.contains(&Self::Unknown) {
            Self::Unknown
        } else {
            Self::Yes
        }
    }
}

/// Something that is denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// When it is denied; empty for always.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only_if: Vec<String>,
    /// The policy that denies it.
    pub policy: String,
    /// Where the denial comes from.
    pub origin: String,
}

impl Explanation {
    /// Whether all is as declared and known.
    #[must_use]
    pub fn is_as_declared(&self) -> bool {
        self.not_as_declared.is_empty() && self.unknown.is_empty()
    }
}

/// Explains what was seen.
#[must_use]
pub fn explain(seen: &Seen) -> Explanation {
    let Subject { namespace, service_account, workload, .. } = seen.subject;
    let scope = &seen.rules.scope;
    let role = seen.role.as_ref().ok().and_then(Option::as_ref);
    let mut explanation = Explanation {
        service_account: format!("{namespace}/{service_account}"),
        workload: format!("{namespace}/{workload}"),
        environment: format!(
            "{}: account {}, Region {}, cluster {}",
            scope.environment, scope.account_id, scope.region, scope.cluster_name
        ),
        role: role.map(|role| role.arn.clone()),
        path: path::sentences(seen),
        guardrails: guardrails(seen),
        allowed: powers::allowed(seen),
        denied: powers::denied(seen),
        not_as_declared: Vec::new(),
        unknown: unread(seen),
    };
    let Some(inputs) = seen.inputs else {
        explanation
            .unknown
            .push("the environment's facts are not known, so what is declared cannot be compared with what is live".to_owned());
        return explanation;
    };
    for finding in plan_workload(inputs).plan.findings {
        let about = if finding.about.is_empty() { String::new() } else { format!("{}: ", finding.about) };
        let sentence = format!("{about}{} ({}, {})", finding.message, finding.reason.as_str(), finding.control.id());
        match finding.verdict {
            Verdict::Fail | Verdict::Held => explanation.not_as_declared.push(sentence),
            Verdict::Unknown => explanation.unknown.push(sentence),
            _ => {}
        }
    }
    explanation.not_as_declared.extend(refused(inputs));
    let undeclared = explanation.allowed.iter().filter(|power| power.origins.is_empty() && power.effective != Answer::No);
    let undeclared =
        undeclared.map(|power| format!("nothing declares {} on {}, which {} allows", power.action, power.resource, power.policy));
    let undeclared: Vec<String> = undeclared.collect();
    explanation.not_as_declared.extend(undeclared);
    explanation
}

/// What keeps accesses from being given.
fn refused(inputs: &WorkloadInputs) -> Vec<String> {
    let admitted = admit(&requests(inputs), inputs.facts);
    let failing = admitted.findings.iter().flat_map(|(access, findings)| findings.iter().map(move |finding| (access, finding)));
    let failing = failing.filter(|(_, finding)| finding.verdict == Verdict::Fail);
    failing.map(|(access, finding)| format!("BedrockAccess {access}: {} ({})", finding.message, finding.reason.as_str())).collect()
}

/// Under which guardrail the calls of each access are made.
fn guardrails(seen: &Seen) -> Vec<String> {
    let Some(inputs) = seen.inputs else {
        return vec!["not known, because the environment's facts are not".to_owned()];
    };
    let given = admit(&requests(inputs), inputs.facts).given;
    let accesses = inputs.accesses.iter().filter(|access| given.iter().any(|given| given.name == access.name));
    let one = |access: &DeclaredAccess| match judge(&access.spec, inputs.facts).0.and_then(|grant| grant.guardrail) {
        Some(pinned) => format!(
            "BedrockAccess {}: every inference has to name guardrail {} in version {}, or another of {}",
            access.name,
            pinned.id,
            pinned.version,
            pinned.identifiers.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        ),
        None => format!("BedrockAccess {}: none is declared, so its calls need name none", access.name),
    };
    accesses.map(one).collect()
}

/// What could not be read.
fn unread(seen: &Seen) -> Vec<String> {
    let mut unknown: Vec<String> =
        seen.observed.faults().into_iter().map(|(what, fault)| format!("{what} could not be read: {fault}")).collect();
    unknown.extend(seen.role.as_ref().err().map(|fault| format!("the role could not be read: {fault}")));
    unknown.extend(seen.boundary.as_ref().err().map(|fault| format!("the role's permissions boundary could not be read: {fault}")));
    for (arn, read) in &seen.attached {
        match read {
            Ok(Some(_)) => {}
            Ok(None) => unknown.push(format!("{arn} is attached to the role and was not found")),
            Err(fault) => unknown.push(format!("{arn}, which is attached to the role, could not be read: {fault}")),
        }
    }
    if let Ok(Some(role)) = &seen.role {
        let unreadable = role.inline.iter().filter(|(_, document)| document.is_none());
        unknown.extend(unreadable.map(|(name, _)| format!("the inline policy {name} of the role is no readable document")));
        if role.boundary_arn.is_some() && matches!(seen.boundary, Ok(None)) {
            unknown.push("the role's permissions boundary was not found".to_owned());
        }
    }
    unknown
}

#[cfg(test)]
mod tests;
