//! What Bedrock keeps once for the whole account: data retention, invocation logging, enforced guardrails. Everyone in the account has a
//! part in it, so it is judged, and set only where the spec gives leave; enforced guardrails never are. It counts for `Compliant` alone.

mod guardrails;
mod logging;
mod retention;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::observed::Read;
use crate::plan::action::Setting;
use crate::plan::facts::is_placeholder;
use crate::plan::{Action, Finding, Plan};
use crate::policy::permissions::Profile;

use super::claims::{Leave, SettingClaims};
use super::rules::Governance;
use super::{EnvironmentInputs, Rules};

pub use logging::{explanation, shape};

const FAMILY: ConditionType = ConditionType::AccountSettingsVerified;

/// Judges the settings, and plans those that may be set.
pub(super) fn plan(inputs: &EnvironmentInputs) -> Plan {
    let mut claims = SettingClaims::of(inputs);
    let mut plan = retention::plan(inputs, &mut claims);
    plan.extend(logging::plan(inputs, &mut claims));
    plan.findings.push(guardrails::judge(inputs));
    plan.extend(claims.release_others());
    plan.findings = plan.findings.into_iter().map(Finding::advisory).collect();
    plan
}

/// Nothing is judged before account and cluster are proven to be the ones meant.
pub(super) fn waiting() -> impl Iterator<Item = Finding> {
    let controls = [Control::DataRetention, Control::ProviderSharing, Control::InvocationLogging, Control::GuardrailEnforcement];
    controls.into_iter().map(|control| Finding::waiting(control, FAMILY).advisory())
}

/// The Regions in which prompts and replies may be processed: the environment's own, where the calls are made, the approved ones, and
/// those that an approved profile leads to.
#[must_use]
pub fn regions(rules: &Rules, profiles: &BTreeMap<String, Read<Option<Profile>>>) -> BTreeSet<String> {
    let profiles = profiles.values().filter_map(|read| read.as_ref().ok()?.as_ref());
    let destinations = profiles.flat_map(|profile| &profile.model_arns).filter_map(|arn| arn.split(':').nth(3));
    let destinations = destinations.filter(|region| !region.is_empty() && !is_placeholder(region)).map(str::to_owned);
    approved(rules).into_iter().chain(destinations).collect()
}

/// Those of them that the spec names: in no other is anything set.
fn approved(rules: &Rules) -> BTreeSet<String> {
    rules.resolved.approved_regions.iter().chain([&rules.scope.region]).cloned().collect()
}

/// A setting that is not as it is wanted.
struct Deviation {
    setting: Setting,
    governance: Governance,
    /// Whether nobody has set it.
    untouched: bool,
    /// What would set it.
    write: Action,
    /// What is wrong, without what to do.
    finding: Finding,
    /// What a person may do.
    advice: String,
}

/// Sets what may be set, and says why the rest is not.
fn mend(claims: &SettingClaims, deviation: Deviation) -> Plan {
    let Deviation { setting, governance, untouched, write, mut finding, advice } = deviation;
    let mut actions = Vec::new();
    let more = if governance.provision {
        match claims.leave(&setting, untouched || governance.adopt, write) {
            Leave::Write(write) => {
                actions = write;
                "the operator sets it".to_owned()
            }
            Leave::Taken(holder) => {
                finding.reason = Reason::SettingClaimed;
                format!("it is kept by {holder}, and two never fight over one setting: agree on one, or let only one provision it")
            }
            Leave::Foreign => {
                finding.reason = Reason::Conflict;
                format!("someone chose that, so it is left: {advice}; or let the operator replace it with adopt: true")
            }
        }
    } else {
        advice
    };
    finding.message = format!("{}; {more}", finding.message);
    Plan { actions, findings: vec![finding], ..Plan::default() }
}

#[cfg(test)]
mod tests;
