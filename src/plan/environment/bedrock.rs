//! What the account makes of the approved models and profiles, and what the environment opens on purpose. None of it blocks the
//! environment: each access is judged by itself.

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::facts::{ProfileFact, obstacle, profile_fact};
use crate::policy::denies::actions_behind;

use super::EnvironmentInputs;

const FAMILY: ConditionType = ConditionType::BedrockReachable;

/// Judges models, profiles and side doors. What only an access names is told there.
pub(super) fn judge(inputs: &EnvironmentInputs) -> Vec<Finding> {
    let mut findings: Vec<Finding> = models(inputs).collect();
    findings.extend(profiles(inputs));
    findings.extend(opened(inputs));
    findings
}

fn models<'a>(inputs: &'a EnvironmentInputs) -> impl Iterator<Item = Finding> + 'a {
    let observed = &inputs.observed.models;
    inputs.rules.terms.exact_models().filter_map(|model| {
        let read = observed.get(model)?;
        if let Err(fault) = read {
            return Some(Finding::unreadable(Control::ApprovedModels, FAMILY, fault).about(model).advisory());
        }
        Some(model_not_available(model, &obstacle(read)?))
    })
}

/// An approved model that the account cannot call. It keeps nobody from the others: it does not block the environment.
#[must_use]
pub fn model_not_available(model: &str, obstacle: &str) -> Finding {
    let message = format!("model {model} cannot be called: {obstacle}");
    Finding::fail(Control::ApprovedModels, FAMILY, Reason::ModelNotAvailable, message).about(model).advisory()
}

/// A profile may gain destinations after it was approved; accesses to it are then refused.
fn profiles<'a>(inputs: &'a EnvironmentInputs) -> impl Iterator<Item = Finding> + 'a {
    let terms = &inputs.rules.terms;
    terms.exact_profiles().filter_map(|profile| match profile_fact(inputs.observed.profiles.get(profile)?, terms) {
        ProfileFact::OtherRegions(regions) => {
            let regions = regions.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "profile {profile} may send PHI to {regions}, which spec.bedrock.approvedRegions does not list; add what you approve there, or take the profile off the list: accesses to it are refused"
            );
            Some(Finding::fail(Control::ApprovedRegions, FAMILY, Reason::RegionNotApproved, message).about(profile).advisory())
        }
        _ => None,
    })
}

fn opened<'a>(inputs: &'a EnvironmentInputs) -> impl Iterator<Item = Finding> + 'a {
    let terms = &inputs.rules.terms;
    let doors = terms.side_doors.iter().map(|&door| {
        let message = format!(
            "spec.bedrock.sideDoors opens {door:?}: {} are not denied, and no guardrail can be demanded of them; remove it where it is not needed",
            actions_behind(door).join(", ")
        );
        Finding::fail(Control::SideDoors, FAMILY, Reason::SideDoorsOpen, message).about(&format!("{door:?}")).advisory()
    });
    let global = terms.global_profiles.then(|| {
        let message = "spec.bedrock.allowGlobalProfiles is true: global. profiles may process PHI in any commercial Region, whatever approvedRegions lists";
        Finding::fail(Control::ApprovedRegions, FAMILY, Reason::GlobalProfilesAllowed, message).about("global-profiles").advisory()
    });
    doors.chain(global)
}
