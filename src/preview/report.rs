//! What a preview says beside the objects: assumptions, judgements, broken rules.

use serde::Serialize;

use crate::api::Verdict;
use crate::plan::Finding;

use super::{Preview, Subject};

/// Something that was taken for granted, or that keeps an object from being planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// Facts of the account are written as placeholders.
    FactsNotKnown,
    /// The facts are those of an earlier time.
    Observed,
    /// A service that nobody asked for is offered.
    ServiceOffered,
    /// The approved models can be called.
    ModelsAvailable,
    /// Where a profile leads is not known.
    DestinationsNotKnown,
    /// An endpoint that is only verified is there.
    EndpointPresent,
    /// An endpoint of another account has the declared addresses.
    EndpointDeclared,
    /// A role that a policy is only attached to is there.
    RolePresent,
    /// Network policies that are only verified are there.
    IsolationPresent,
    /// A key that is only verified is there.
    KeyPresent,
    /// The platform's boundary is there and lets the accesses through.
    BoundaryPresent,
    /// The account's settings are as they have to be, or not set where the spec provisions them.
    AccountSettings,
    /// A namespace that is not among the files is admitted.
    NamespaceAdmitted,
    /// The service account exists.
    ServiceAccountPresent,
    /// A workload without an access gets no role.
    NoAccessDeclared,
    /// The hold annotation stops the writes.
    OnHold,
    /// What it depends on cannot be planned.
    NotPlanned,
}

impl Assumption {
    /// The word in the output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FactsNotKnown => "FactsNotKnown",
            Self::Observed => "FactsObserved",
            Self::ServiceOffered => "ServiceAssumedOffered",
            Self::ModelsAvailable => "ModelsAssumedAvailable",
            Self::DestinationsNotKnown => "DestinationsNotKnown",
            Self::EndpointPresent => "EndpointAssumedPresent",
            Self::EndpointDeclared => "EndpointDeclared",
            Self::RolePresent => "RoleAssumedPresent",
            Self::IsolationPresent => "IsolationAssumedPresent",
            Self::KeyPresent => "KeyAssumedPresent",
            Self::BoundaryPresent => "BoundaryAssumedPresent",
            Self::AccountSettings => "AccountSettingsAssumed",
            Self::NamespaceAdmitted => "NamespaceAssumedAdmitted",
            Self::ServiceAccountPresent => "ServiceAccountAssumedPresent",
            Self::NoAccessDeclared => "NoAccessDeclared",
            Self::OnHold => "OnHold",
            Self::NotPlanned => "NotPlanned",
        }
    }
}

/// An assumption or a judgement that breaks no rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PreviewFinding {
    /// `info` or `warning`.
    pub severity: &'static str,
    /// The object concerned.
    pub subject: Subject,
    /// The control it was judged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// The judgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Stable word in `PascalCase`.
    pub reason: &'static str,
    /// What is assumed, or what is wrong and what to do.
    pub message: String,
}

/// A rule that a declaration breaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PreviewError {
    /// The object that breaks it.
    pub subject: Subject,
    /// The field, such as `spec.models[1]`.
    pub field: String,
    /// Stable word in `PascalCase`.
    pub reason: &'static str,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Preview {
    /// Notes an assumption.
    pub(super) fn assume(&mut self, subject: &Subject, assumption: Assumption, message: impl Into<String>) {
        self.findings.push(PreviewFinding {
            severity: "info",
            subject: subject.clone(),
            control: None,
            verdict: None,
            reason: assumption.as_str(),
            message: message.into(),
        });
    }

    /// Notes a judgement that still holds once the plan is carried out: a broken rule if readiness depends on it. What passes is
    /// not worth a line.
    pub(super) fn judge(&mut self, subject: &Subject, finding: &Finding, field: impl Into<String>) {
        match finding.verdict {
            Verdict::Pass | Verdict::NotApplicable => {}
            Verdict::Fail if finding.blocks => self.errors.push(PreviewError {
                subject: subject.clone(),
                field: field.into(),
                reason: finding.reason.as_str(),
                message: finding.message.clone(),
            }),
            verdict => self.findings.push(PreviewFinding {
                severity: if verdict == Verdict::Fail { "warning" } else { "info" },
                subject: subject.clone(),
                control: Some(finding.id()),
                verdict: Some(verdict),
                reason: finding.reason.as_str(),
                message: finding.message.clone(),
            }),
        }
    }
}
