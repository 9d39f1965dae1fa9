//! Data retention: `none` in every Region in which prompts and replies may be processed.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::domain::{Fault, FaultClass};
use crate::observed::account_settings::{INHERIT, NONE};
use crate::plan::action::Setting;
use crate::plan::environment::EnvironmentInputs;
use crate::plan::environment::claims::SettingClaims;
use crate::plan::environment::rules::Governance;
use crate::plan::{Action, Finding, Plan};

use super::{Deviation, FAMILY, approved, mend};

/// The mode in which AWS may look, and the provider of the model does not
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetAccountDataRetention.html>).
const AWS_REVIEW: &str = "aws_review";
const PROVIDER_DATA_SHARE: &str = "provider_data_share";

/// Judges every Region, and sets those that may be set.
pub(super) fn plan(inputs: &EnvironmentInputs, claims: &mut SettingClaims) -> Plan {
    let mut plan = Plan::default();
    let approved = approved(inputs.rules);
    if inputs.rules.data_retention.provision {
        plan.actions = approved.iter().flat_map(|region| claims.keep(&Setting::DataRetention(region.clone()))).collect();
    }
    for (region, read) in &inputs.observed.settings.data_retention {
        let one = match read {
            Err(fault) => Plan { findings: vec![unreadable(inputs, region, fault)], ..Plan::default() },
            Ok(mode) if mode == NONE => {
                let message = format!("data retention is none in {region}: nothing is stored or shared");
                Plan { findings: vec![Finding::pass(Control::DataRetention, FAMILY, message)], ..Plan::default() }
            }
            Ok(mode) => {
                let governance = if approved.contains(region) { inputs.rules.data_retention } else { Governance::default() };
                deviating(claims, region, mode, governance)
            }
        };
        let findings = one.findings.into_iter().map(|finding| finding.about(region)).collect();
        plan.extend(Plan { findings, ..one });
    }
    plan.findings.push(sharing(inputs));
    plan
}

fn deviating(claims: &SettingClaims, region: &str, mode: &str, governance: Governance) -> Plan {
    let meaning = match mode {
        INHERIT => "nobody has set one, so each model's own default holds",
        "default" => "each model's standard handling holds",
        AWS_REVIEW => "AWS may keep and review prompts and replies",
        PROVIDER_DATA_SHARE => "prompts and replies may go to the provider of the model",
        _ => "what that keeps is not known here",
    };
    let message = format!("data retention of Bedrock in {region} is {mode}, wanted none: {meaning}");
    mend(
        claims,
        Deviation {
            setting: Setting::DataRetention(region.to_owned()),
            governance,
            untouched: mode == INHERIT,
            write: Action::PutAccountDataRetention { region: region.to_owned(), mode: NONE.to_owned() },
            finding: Finding::fail(Control::DataRetention, FAMILY, Reason::DataRetained, message),
            advice: format!(
                "it concerns all of the account in that Region, where models that must retain data are then refused: run aws bedrock put-account-data-retention --mode none --region {region}, or give the operator leave in spec.bedrock.dataRetention"
            ),
        },
    )
}

fn unreadable(inputs: &EnvironmentInputs, region: &str, fault: &Fault) -> Finding {
    let elsewhere = *region != inputs.rules.scope.region;
    let hint = match fault.class {
        FaultClass::Credentials if elsewhere => {
            "; credentials that work in other Regions do not there: see whether the Region is enabled in the account"
        }
        FaultClass::NoPath if elsewhere => {
            "; the VPC's endpoints lead to its own Region alone: the operator needs a way to Bedrock there, such as a NAT gateway or a proxy"
        }
        _ => "",
    };
    let message = format!("data retention of Bedrock in {region} could not be read: {fault}{hint}");
    Finding { message, ..Finding::unreadable(Control::DataRetention, FAMILY, fault) }
}

/// Whether the providers of models get to see prompts and replies: one judgement over all Regions, because one answer is enough.
fn sharing(inputs: &EnvironmentInputs) -> Finding {
    let control = Control::ProviderSharing;
    let modes = &inputs.observed.settings.data_retention;
    let of = |wanted: fn(&str) -> bool| {
        let those = modes.iter().filter(|(_, read)| read.as_ref().is_ok_and(|mode| wanted(mode)));
        those.map(|(region, _)| region.as_str()).collect::<Vec<_>>().join(", ")
    };
    let shared = of(|mode| mode == PROVIDER_DATA_SHARE);
    if !shared.is_empty() {
        let message = format!(
            "prompts and replies may go to the providers of models: the mode of data retention is {PROVIDER_DATA_SHARE} in {shared}"
        );
        return Finding::fail(control, FAMILY, Reason::DataSharedWithProvider, message);
    }
    let unknown = modes.iter().find_map(|(region, read)| Some((region, read.as_ref().err()?)));
    if let Some((region, fault)) = unknown {
        let message = format!(
            "whether providers of models get data depends on the mode of data retention in {region}, which could not be read: {fault}"
        );
        return Finding { message, ..Finding::unreadable(control, FAMILY, fault) };
    }
    let left_to_models = of(|mode| mode != NONE && mode != AWS_REVIEW);
    if left_to_models.is_empty() {
        Finding::pass(control, FAMILY, "in no Region is anything shared with the providers of models")
    } else {
        let message =
            format!("whether the providers of models get data is left to each model, as the mode of data retention is in {left_to_models}");
        Finding::unread(control, FAMILY, message)
    }
}
