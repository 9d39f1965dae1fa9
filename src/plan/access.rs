//! Which accesses and stores of a workload are given, and what they give. Also what each access is told about itself.

mod guardrail;
mod models;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::conditions::{ConditionType, Reason};
use crate::api::phi_workload::{AppliedAccess, AppliedGuardrail, AppliedStore, WorkloadIdentityStatus};
use crate::api::stores::DataStore;
use crate::api::{BedrockAccessSpec, Operation, PhiWorkloadSpec, UseCase, Verdict};
use crate::catalogue::Control;
use crate::policy::PolicyDocument;
use crate::policy::document::MANAGED_POLICY_SIZE;
use crate::policy::permissions::{Grant, workload_policy};
use crate::policy::relation::{Coverage, covers};

use super::Finding;
use super::facts::EnvironmentFacts;
use super::stores::{self, JudgedStore, StoreRequest};

/// Accesses that one workload may have, so that its status stays small.
const ACCESSES: usize = 64;

const FAMILY: ConditionType = ConditionType::ModelsResolved;

/// An access as declared and not being deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredAccess {
    /// Its name.
    pub name: String,
    /// Generation of its spec.
    pub generation: i64,
    /// When it was created, in a form that sorts by time.
    pub created: String,
    /// Its spec.
    pub spec: BedrockAccessSpec,
}

/// What a workload asks for.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    /// The accesses that name it.
    pub accesses: &'a [DeclaredAccess],
    /// The accesses that its policy contains.
    pub applied: &'a [AppliedAccess],
    /// The guardrails that its policy names.
    pub guardrails: &'a [AppliedGuardrail],
    /// The stores that it names.
    pub stores: StoreRequest<'a>,
}

impl<'a> Requests<'a> {
    /// What the workload of this spec asks for, with what its recorded `identity` has already.
    #[must_use]
    pub fn of(
        namespace: &'a str,
        spec: &'a PhiWorkloadSpec,
        identity: Option<&'a WorkloadIdentityStatus>,
        accesses: &'a [DeclaredAccess],
        admitted_stores: &'a BTreeSet<String>,
    ) -> Self {
        Self {
            accesses,
            applied: identity.map(|identity| identity.accesses.as_slice()).unwrap_or_default(),
            guardrails: identity.map(|identity| identity.guardrails.as_slice()).unwrap_or_default(),
            stores: StoreRequest {
                namespace,
                names: spec.stores.as_deref().unwrap_or_default(),
                admitted: admitted_stores,
                applied: identity.map(|identity| identity.stores.as_slice()).unwrap_or_default(),
            },
        }
    }
}

/// The accesses and stores of a workload, judged together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admitted {
    /// The accesses that are given, oldest first.
    pub given: Vec<AppliedAccess>,
    /// The guardrails that they have to name, by name.
    pub guardrails: Vec<AppliedGuardrail>,
    /// The stores that are given, by name.
    pub given_stores: Vec<AppliedStore>,
    /// The policy with all of them; `None` if none is given.
    pub document: Option<PolicyDocument>,
    /// The findings on every access, by name.
    pub findings: BTreeMap<String, Vec<Finding>>,
    /// The findings on the stores.
    pub store_findings: Vec<Finding>,
}

/// Judges all accesses and stores of a workload together. If their sum does not fit IAM's quota, the newest lose: stores that the policy
/// contains come first, then the accesses by age, then the other stores, which tell no age. An access or store that is `applied`
/// already stays in the policy although the boundary no longer lets it through: the boundary limits it by itself, and whoever narrowed
/// it decides for how long.
#[must_use]
pub fn admit(requests: &Requests, facts: &EnvironmentFacts) -> Admitted {
    let mut admitted = Admitted::default();
    let mut sum = Sum { facts, grants: Vec::new(), stores: Vec::new() };
    let (there, new): (Vec<_>, Vec<_>) = stores::judge(&requests.stores, facts).into_iter().partition(|judged| judged.there);
    sum.add_stores(there, &mut admitted);
    let mut ordered: Vec<&DeclaredAccess> = requests.accesses.iter().collect();
    ordered.sort_by(|a, b| (&a.created, &a.name).cmp(&(&b.created, &b.name)));
    for access in ordered {
        let (grant, mut findings) = judge(&access.spec, facts);
        let applied = requests.applied.iter().find(|applied| applied.is(&access.name, access.generation));
        let there = applied.is_some();
        let limited = |findings: &[Finding]| {
            findings
                .iter()
                .all(|finding| finding.verdict != Verdict::Fail || !finding.blocks || finding.reason == Reason::BoundaryTooNarrow)
        };
        // One that is there goes on under the guardrail that it has until the wanted one is ready; a new one waits for it.
        let awaited = guardrail::is_awaited(&findings);
        let admitted_now = !refused(&findings) && !awaited;
        if let Some(mut grant) = grant.filter(|_| admitted_now || (there && limited(&findings))) {
            if awaited {
                grant.guardrail = applied.and_then(|applied| guardrail::kept(applied, requests.guardrails));
            }
            let guardrail = grant.guardrail.as_ref().map(guardrail::applied);
            sum.grants.push(grant);
            if sum.grants.len() <= ACCESSES && sum.fits(&mut admitted) {
                let name = guardrail.as_ref().map(|guardrail| guardrail.name.clone());
                admitted.given.push(AppliedAccess { name: access.name.clone(), generation: access.generation, guardrail: name });
                admitted.guardrails.extend(guardrail.filter(|one| !admitted.guardrails.iter().any(|other| other.name == one.name)));
            } else {
                sum.grants.pop();
                findings.push(Finding::fail(Control::LeastPrivilege, FAMILY, Reason::QuotaExceeded, format!(
                    "with this access the workload's policy would exceed IAM's {MANAGED_POLICY_SIZE} characters or {ACCESSES} accesses; name fewer models or stores, or use another workload"
                )));
            }
        }
        admitted.findings.insert(access.name.clone(), findings);
    }
    sum.add_stores(new, &mut admitted);
    admitted.guardrails.sort_by(|a, b| a.name.cmp(&b.name));
    admitted.given_stores.sort_by(|a, b| a.name.cmp(&b.name));
    admitted
}

/// What is given so far.
struct Sum<'a> {
    facts: &'a EnvironmentFacts,
    grants: Vec<Grant>,
    stores: Vec<&'a DataStore>,
}

impl<'a> Sum<'a> {
    fn add_stores(&mut self, judged: Vec<JudgedStore<'a>>, admitted: &mut Admitted) {
        for JudgedStore { name, store, findings, .. } in judged {
            admitted.store_findings.extend(findings);
            let Some(store) = store else { continue };
            self.stores.push(store);
            if self.fits(admitted) {
                admitted.given_stores.push(stores::applied(store));
            } else {
                self.stores.pop();
                admitted.store_findings.push(stores::no_room(name));
            }
        }
    }

    /// Whether the sum fits, which is then the policy.
    fn fits(&self, admitted: &mut Admitted) -> bool {
        let document = workload_policy(&self.facts.setting(), &self.grants, &self.stores);
        let fits = document.fits_managed_policy();
        if fits {
            admitted.document = Some(document);
        }
        fits
    }
}

/// Judges one access: what it would give, unless the environment refuses it, and the findings. One of them may still say that the
/// boundary does not let it through.
#[must_use]
pub fn judge(spec: &BedrockAccessSpec, facts: &EnvironmentFacts) -> (Option<Grant>, Vec<Finding>) {
    let mut findings = vec![use_case(spec)];
    let operations = spec.resolved_operations();
    if operations.contains(&Operation::Unrecognized) {
        findings.push(Finding::fail(
            Control::LeastPrivilege,
            FAMILY,
            Reason::UnrecognizedValue,
            "operations holds a value that this version of the operator does not know; use Invoke, InvokeStream, CountTokens or ApplyGuardrail",
        ));
    }
    let mut grant = Grant { operations: operations.into_iter().collect(), ..Grant::default() };
    for model in spec.models.iter().flatten() {
        findings.push(models::judge_model(model, facts));
        grant.models.insert(model.clone());
    }
    for id in spec.inference_profiles.iter().flatten() {
        match models::judge_profile(id, facts) {
            Ok(profile) => {
                findings.push(Finding::pass(Control::ApprovedRegions, FAMILY, format!("{id} leads to approved Regions only")).about(id));
                grant.profiles.insert(profile);
            }
            Err(finding) => findings.push(*finding),
        }
    }
    if findings.iter().any(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Unknown)) {
        return (None, findings);
    }
    let (guardrail, told) = guardrail::judge(spec, &grant, facts);
    grant.guardrail = guardrail;
    findings.extend(told);
    if findings.iter().any(|finding| finding.verdict == Verdict::Fail && finding.blocks) {
        return (None, findings);
    }
    let wanted = workload_policy(&facts.setting(), std::slice::from_ref(&grant), &[]);
    findings.push(boundary(&wanted, facts, FAMILY, "access"));
    (Some(grant), findings)
}

fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Fail && finding.blocks)
}

fn use_case(spec: &BedrockAccessSpec) -> Finding {
    let case = spec.use_case;
    if case.is_prohibited() {
        Finding::fail(
            Control::UseCases,
            FAMILY,
            Reason::UseCaseProhibited,
            "a model may not treat, diagnose, dose or replace clinical judgement; if a clinician decides and the model only informs, use DecisionSupport with an overseer",
        )
    } else if case == UseCase::Unrecognized {
        Finding::fail(
            Control::UseCases,
            FAMILY,
            Reason::UnrecognizedValue,
            "useCase is not one that this version of the operator knows; choose one of the documented use cases",
        )
    } else if case.needs_overseer() && spec.overseer.is_none() {
        Finding::fail(
            Control::UseCases,
            FAMILY,
            Reason::OverseerMissing,
            "this use case needs a person who reviews what the model says; name them in spec.overseer",
        )
    } else {
        Finding::pass(Control::UseCases, FAMILY, "the use case is allowed")
    }
}

/// What the boundary in force does not let through has to wait; where that cannot be told, nothing is claimed.
pub(super) fn boundary(wanted: &PolicyDocument, facts: &EnvironmentFacts, family: ConditionType, what: &str) -> Finding {
    let control = Control::PermissionsBoundary;
    match facts.boundary.as_ref().map(|boundary| covers(boundary, wanted)) {
        Some(Coverage::Covered) => Finding::pass(control, family, "the permissions boundary lets it through"),
        Some(Coverage::Unproven) => {
            let mut finding = Finding::waiting(control, family).advisory();
            "whether the permissions boundary lets it through depends on conditions in the boundary; compare them"
                .clone_into(&mut finding.message);
            finding
        }
        Some(Coverage::Missing) | None => Finding::fail(
            control,
            family,
            Reason::BoundaryTooNarrow,
            format!(
                "the permissions boundary {} does not let it through yet; the {what} waits until the boundary is widened",
                facts.boundary_arn
            ),
        ),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "(none is approved)".to_owned() } else { names.join(", ") }
}
