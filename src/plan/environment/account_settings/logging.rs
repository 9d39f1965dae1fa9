//! Invocation logging: off, without prompts and replies, or into a store that the platform declares and protects as PHI.
//!
//! Log groups and buckets are not read: of a declared store only that nothing goes elsewhere is proven.

use std::collections::BTreeSet;

use crate::api::account_settings::LoggingShape;
use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::observed::account_settings::{InvocationLogging, Logged};
use crate::plan::action::Setting;
use crate::plan::environment::EnvironmentInputs;
use crate::plan::environment::claims::SettingClaims;
use crate::plan::environment::rules::{LoggingRule, Rules};
use crate::plan::{Action, Finding, Plan};

use super::{Deviation, FAMILY, mend};

const CONTROL: Control = Control::InvocationLogging;

/// Judges invocation logging in the environment's Region, where its calls are made and so are logged, and sets it if it may be set.
pub(super) fn plan(inputs: &EnvironmentInputs, claims: &mut SettingClaims) -> Plan {
    let setting = Setting::InvocationLogging(inputs.rules.scope.region.clone());
    let rule = inputs.rules.invocation_logging.as_ref();
    let governance = rule.map(|rule| rule.governance).unwrap_or_default();
    let actions = if governance.provision { claims.keep(&setting) } else { Vec::new() };
    let mut plan = Plan { actions, ..Plan::default() };
    let found = match &inputs.observed.settings.invocation_logging {
        Ok(found) => found,
        Err(fault) => {
            plan.findings.push(Finding::unreadable(CONTROL, FAMILY, fault));
            return plan;
        }
    };
    let finding = judge(inputs.rules, found);
    match rule.filter(|rule| !agrees(rule, found)) {
        Some(rule) if governance.provision => {
            let finding = match finding.reason {
                Reason::PromptsLogged => finding,
                _ => differs(rule, found),
            };
            let untouched = found.logged() == Logged::Nothing;
            plan.extend(mend(
                claims,
                Deviation { write: write(inputs.rules, rule), setting, governance, untouched, finding, advice: advice(inputs.rules) },
            ));
        }
        _ => plan.findings.push(finding),
    }
    plan
}

fn write(rules: &Rules, rule: &LoggingRule) -> Action {
    let region = rules.scope.region.clone();
    match rule.shape {
        LoggingShape::Disabled => Action::DeleteModelInvocationLogging { region },
        _ => Action::PutModelInvocationLogging { region, configuration: rule.wanted.clone() },
    }
}

/// Whether it is set as declared, as far as the Region says.
fn agrees(rule: &LoggingRule, found: &InvocationLogging) -> bool {
    match (rule.shape, found.logged()) {
        (LoggingShape::Disabled, logged) => logged == Logged::Nothing,
        (_, Logged::Nothing) => false,
        _ => found.agrees_with(&rule.wanted),
    }
}

fn judge(rules: &Rules, found: &InvocationLogging) -> Finding {
    let Some(rule) = &rules.invocation_logging else {
        return match found.logged() {
            Logged::Nothing | Logged::Metadata => Finding::pass(CONTROL, FAMILY, explanation(rules, found)),
            Logged::NotTold => not_told(found),
            Logged::Content => prompts_logged(rules, &Vec::from_iter(places(found))),
        };
    };
    let declared = places(&rule.wanted);
    let found_in = places(found);
    let undeclared: Vec<String> = found_in.difference(&declared).cloned().collect();
    match (rule.shape, found.logged()) {
        (LoggingShape::Unrecognized, _) => {
            let message = "spec.bedrock.invocationLogging.shape has a value that this version does not know: use Disabled, MetadataOnly or ProtectedStore";
            Finding::fail(CONTROL, FAMILY, Reason::UnrecognizedValue, message)
        }
        (LoggingShape::ProtectedStore, Logged::Content) if undeclared.is_empty() && found_in == declared => {
            Finding::declared(CONTROL, FAMILY, explanation(rules, found))
        }
        (LoggingShape::ProtectedStore, Logged::Content) if undeclared.is_empty() => declared_differs(rules, rule, found),
        (LoggingShape::ProtectedStore, Logged::Content) => prompts_logged(rules, &undeclared),
        (_, Logged::Content) => prompts_logged(rules, &Vec::from_iter(found_in)),
        (LoggingShape::Disabled, Logged::Nothing) => Finding::pass(CONTROL, FAMILY, explanation(rules, found)),
        (LoggingShape::MetadataOnly, Logged::Metadata) if declared.is_empty() || found_in == declared => {
            Finding::pass(CONTROL, FAMILY, explanation(rules, found))
        }
        (LoggingShape::MetadataOnly | LoggingShape::ProtectedStore, Logged::NotTold) => not_told(found),
        _ => declared_differs(rules, rule, found),
    }
}

fn prompts_logged(rules: &Rules, places: &[String]) -> Finding {
    let message = format!(
        "Bedrock logs prompts and replies of everyone in the account into {}, which the environment does not declare as a protected store",
        places.join(" and ")
    );
    let finding = Finding::fail(CONTROL, FAMILY, Reason::PromptsLogged, message);
    if rules.invocation_logging.as_ref().is_some_and(|rule| rule.governance.provision) { finding } else { advised(rules, finding) }
}

/// The same, where nothing is set.
fn declared_differs(rules: &Rules, rule: &LoggingRule, found: &InvocationLogging) -> Finding {
    let finding = differs(rule, found);
    if rule.governance.provision { finding } else { advised(rules, finding) }
}

fn differs(rule: &LoggingRule, found: &InvocationLogging) -> Finding {
    let message = format!("invocation logging is {}, and is declared as {}", told(found), declared(rule));
    Finding::fail(CONTROL, FAMILY, Reason::LoggingDiffers, message)
}

fn advised(rules: &Rules, finding: Finding) -> Finding {
    let message = format!("{}; {}", finding.message, advice(rules));
    Finding { message, ..finding }
}

fn advice(rules: &Rules) -> String {
    format!(
        "change it for all of the account (aws bedrock delete-model-invocation-logging-configuration or put-model-invocation-logging-configuration --region {}), or declare what is meant in spec.bedrock.invocationLogging: Disabled, MetadataOnly, or ProtectedStore with its log group or bucket",
        rules.scope.region
    )
}

fn not_told(found: &InvocationLogging) -> Finding {
    let message = format!(
        "no prompts or replies are known to be logged, but the Region does not say whether {} is: turn logging off, or let a person attest it",
        found.not_told().join(", ")
    );
    Finding::unread(CONTROL, FAMILY, message)
}

fn told(found: &InvocationLogging) -> String {
    match found.logged() {
        Logged::Nothing => "off".to_owned(),
        Logged::Metadata | Logged::NotTold => format!("on without prompts and replies{}", into(found)),
        Logged::Content => format!("on with prompts and replies{}", into(found)),
    }
}

fn declared(rule: &LoggingRule) -> String {
    match rule.shape {
        LoggingShape::MetadataOnly => format!("MetadataOnly{}", into(&rule.wanted)),
        LoggingShape::ProtectedStore => format!("ProtectedStore{}", into(&rule.wanted)),
        LoggingShape::Disabled | LoggingShape::Unrecognized => "Disabled".to_owned(),
    }
}

fn into(logging: &InvocationLogging) -> String {
    let places = places(logging);
    if places.is_empty() { String::new() } else { format!(", into {}", Vec::from_iter(places).join(" and ")) }
}

/// Where it logs to, for people.
fn places(logging: &InvocationLogging) -> BTreeSet<String> {
    let group = logging.log_group.as_ref();
    let large = group.and_then(|group| group.large_data.as_ref());
    let buckets = logging.bucket.iter().chain(large).map(|bucket| format!("bucket {}", bucket.name));
    group.map(|group| format!("log group {}", group.name)).into_iter().chain(buckets).collect()
}

/// The shape that was found, in the words of the spec where it has them; `None` if it cannot be told.
#[must_use]
pub fn shape(found: &InvocationLogging) -> Option<&'static str> {
    match found.logged() {
        Logged::Nothing => Some("Disabled"),
        Logged::Metadata => Some("MetadataOnly"),
        Logged::Content => Some("ContentLogged"),
        Logged::NotTold => None,
    }
}

/// What follows from what was found, for those who want logging on and those who want it off.
#[must_use]
pub fn explanation(rules: &Rules, found: &InvocationLogging) -> String {
    let places = places(found).into_iter().collect::<Vec<_>>().join(" and ");
    match found.logged() {
        Logged::Nothing => "invocation logging is off, so no prompt or reply is in a log; scanners that want it on (such as Prowler's bedrock_model_invocation_logging_enabled) report that".to_owned(),
        Logged::Metadata => format!("invocations are logged into {places} without prompts and replies: scanners that want logging on are content, and no PHI is in it"),
        Logged::NotTold => format!("invocations are logged into {places}; whether all prompts and replies are left out is not told"),
        Logged::Content => {
            let declared = rules.invocation_logging.as_ref().is_some_and(|rule| rule.shape == LoggingShape::ProtectedStore);
            let store = if declared {
                "the declared store of PHI; that it has a customer-managed key, retention, few readers and, for a bucket, Object Lock is not read here: a person has to attest it"
            } else {
                "which holds PHI by that"
            };
            format!("prompts and replies are logged into {places}, {store}")
        }
    }
}
