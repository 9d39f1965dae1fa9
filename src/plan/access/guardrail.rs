//! Which guardrail the calls of an access have to name.

use crate::api::conditions::Reason;
use crate::api::phi_workload::{AppliedAccess, AppliedGuardrail};
use crate::api::{BedrockAccessSpec, Operation, Verdict};
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::facts::EnvironmentFacts;
use crate::policy::guardrails::{PinnedGuardrail, takes_guardrail};
use crate::policy::permissions::{Grant, exempts};

use super::{FAMILY, listed};

/// The guardrail of an access, and what there is to say. `None` without a finding that fails means that none is required.
pub(super) fn judge(spec: &BedrockAccessSpec, grant: &Grant, facts: &EnvironmentFacts) -> (Option<PinnedGuardrail>, Vec<Finding>) {
    let environment = &facts.scope.environment;
    let fail = |reason, message: String| (None, vec![Finding::fail(Control::GuardrailEnforcement, FAMILY, reason, message)]);
    let named = spec.guardrail_ref.as_ref().map(|reference| &reference.name);
    if facts.guardrails.is_empty() {
        return match named {
            Some(name) => fail(
                Reason::GuardrailNotFound,
                format!(
                    "environment {environment} declares no guardrail {name}; remove guardrailRef, or ask the platform team to declare it in spec.bedrock.guardrails"
                ),
            ),
            None if spec.resolved_operations().contains(&Operation::ApplyGuardrail) => fail(
                Reason::GuardrailMissing,
                format!(
                    "operation ApplyGuardrail needs a guardrail, and environment {environment} declares none; remove the operation, or ask the platform team for one"
                ),
            ),
            None => (None, Vec::new()),
        };
    }
    let Some(name) = named.or(facts.default_guardrail.as_ref()) else {
        let names = listed(facts.guardrails.keys());
        return fail(
            Reason::GuardrailMissing,
            format!("environment {environment} has guardrails and no default; name one in guardrailRef: {names}"),
        );
    };
    match facts.guardrails.get(name) {
        None => {
            let names = listed(facts.guardrails.keys());
            fail(Reason::GuardrailNotFound, format!("environment {environment} has no guardrail {name}; use one of {names}"))
        }
        Some(None) => {
            let mut finding = Finding::waiting(Control::GuardrailEnforcement, FAMILY);
            finding.reason = Reason::GuardrailNotReady;
            finding.message = format!("no version of guardrail {name} is ready yet; the environment's condition GuardrailsReady says why");
            (None, vec![finding])
        }
        Some(Some(guardrail)) => {
            let message = format!("every inference has to name guardrail {} in version {}", guardrail.id, guardrail.version);
            let mut findings = vec![Finding::pass(Control::GuardrailEnforcement, FAMILY, message)];
            findings.extend(exempt(grant));
            (Some(guardrail.clone()), findings)
        }
    }
}

/// Models whose calls cannot carry a guardrail.
fn exempt(grant: &Grant) -> impl Iterator<Item = Finding> {
    let models = grant.models.iter().filter(|model| !takes_guardrail(model));
    let profiles = grant.profiles.iter().filter(|profile| exempts(profile)).map(|profile| &profile.id);
    models.chain(profiles).map(|id| {
        let message = format!("{id} takes no guardrail: its calls are exempt from naming one, and nothing filters them");
        Finding::fail(Control::GuardrailEnforcement, FAMILY, Reason::ModelTakesNoGuardrail, message).about(id).advisory()
    })
}

/// The guardrail that the policy names for an access now: it stays until the one that is wanted is ready.
pub(super) fn kept(applied: &AppliedAccess, guardrails: &[AppliedGuardrail]) -> Option<PinnedGuardrail> {
    let name = applied.guardrail.as_ref()?;
    guardrails.iter().find(|guardrail| guardrail.name == *name).map(|guardrail| PinnedGuardrail {
        name: name.clone(),
        id: guardrail.guardrail_id.clone(),
        version: guardrail.version.clone(),
        identifiers: guardrail.identifiers.iter().cloned().collect(),
        kms_key_arns: guardrail.kms_key_arns.iter().cloned().collect(),
        profile_arn: guardrail.profile_arn.clone(),
    })
}

/// A guardrail as it goes into the policy.
pub(super) fn applied(pinned: &PinnedGuardrail) -> AppliedGuardrail {
    AppliedGuardrail {
        name: pinned.name.clone(),
        guardrail_id: pinned.id.clone(),
        version: pinned.version.clone(),
        identifiers: pinned.identifiers.iter().cloned().collect(),
        kms_key_arns: pinned.kms_key_arns.iter().cloned().collect(),
        profile_arn: pinned.profile_arn.clone(),
    }
}

/// Whether the access only waits for its guardrail.
pub(super) fn is_awaited(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.reason == Reason::GuardrailNotReady && finding.verdict == Verdict::Unknown)
}
