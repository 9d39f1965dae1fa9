//! Whether the models and profiles of an access are approved and can be called.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::facts::{EnvironmentFacts, ProfileFact};
use crate::policy::permissions::Profile;

use super::{FAMILY, listed};

/// Whether a model is approved and can be called.
pub(super) fn judge_model(model: &str, facts: &EnvironmentFacts) -> Finding {
    let environment = &facts.scope.environment;
    match facts.models.get(model) {
        None if facts.too_many.contains(model) => too_many(model),
        None if facts.terms.approves_model(model) => not_asked(model),
        None => Finding::fail(Control::ApprovedModels, FAMILY, Reason::ModelNotApproved, format!(
            "model {model} is not approved by environment {environment}; use one of {}, or ask the platform team to add it to spec.bedrock.models",
            listed(facts.terms.models.iter())
        )),
        Some(Some(obstacle)) => Finding::fail(Control::ApprovedModels, FAMILY, Reason::ModelNotAvailable, format!("model {model} cannot be called: {obstacle}")),
        Some(None) => Finding::pass(Control::ApprovedModels, FAMILY, format!("model {model} is approved and can be called")),
    }
    .about(model)
}

/// Approved by a family, and one too many of its namespace.
fn too_many(id: &str) -> Finding {
    let message = format!(
        "{id} is of an approved family, but the accesses of this namespace name more such models and profiles than the account is asked for; name fewer, or ask the platform team to list it by its id"
    );
    Finding::fail(Control::ApprovedModels, FAMILY, Reason::QuotaExceeded, message).about(id)
}

/// Approved by a family, and what the account says of it not read yet.
fn not_asked(id: &str) -> Finding {
    let message = format!("{id} is of an approved family; what the account says of it was not read yet");
    Finding::unread(Control::ApprovedModels, FAMILY, message).about(id)
}

/// Whether a profile is approved, can be called, and leads to approved Regions only.
pub(super) fn judge_profile(id: &str, facts: &EnvironmentFacts) -> Result<Profile, Box<Finding>> {
    let environment = &facts.scope.environment;
    let finding = match facts.profiles.get(id) {
        Some(ProfileFact::Callable(profile)) => return Ok(profile.clone()),
        None if facts.too_many.contains(id) => too_many(id),
        None if facts.terms.approves_profile(id) => not_asked(id),
        None => Finding::fail(
            Control::ApprovedModels,
            FAMILY,
            Reason::ModelNotApproved,
            format!(
                "profile {id} is not approved by environment {environment}; use one of {}, or ask the platform team to add it to spec.bedrock.inferenceProfiles",
                listed(facts.terms.profiles.iter().chain(facts.terms.application_profiles.keys()))
            ),
        ),
        Some(ProfileFact::NotFound(why)) => {
            Finding::fail(Control::ApprovedModels, FAMILY, Reason::ProfileNotFound, format!("profile {id} cannot be used: {why}"))
        }
        Some(ProfileFact::OtherRegions(regions)) => Finding::fail(
            Control::ApprovedRegions,
            FAMILY,
            Reason::RegionNotApproved,
            format!(
                "profile {id} may send PHI to {}, which the environment does not approve; ask the platform team to add them to spec.bedrock.approvedRegions, or use another profile",
                listed(regions.iter())
            ),
        ),
    };
    Err(Box::new(finding.about(id)))
}
