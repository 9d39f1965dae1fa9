//! The account's settings as a preview takes them: as they were told, or as they have to be; but what the spec provisions is not yet set.

use std::collections::BTreeMap;

use crate::observed::Read;
use crate::observed::account_settings::{AccountSettings, EnforcedGuardrail, INHERIT, InvocationLogging, NONE};
use crate::plan::environment::Rules;
use crate::plan::environment::account_settings::regions;
use crate::policy::permissions::Profile;

use super::observed::KnownSettings;

/// What a pass would read.
pub(super) fn observation(
    rules: &Rules,
    profiles: &BTreeMap<String, Read<Option<Profile>>>,
    known: Option<&KnownSettings>,
) -> AccountSettings {
    let assumed = if rules.data_retention.provision { INHERIT } else { NONE };
    let mode = |region: &String| known.and_then(|known| known.data_retention.get(region)).map_or(assumed, String::as_str).to_owned();
    AccountSettings {
        data_retention: regions(rules, profiles).into_iter().map(|region| (region.clone(), Ok(mode(&region)))).collect(),
        invocation_logging: Ok(known.map_or_else(|| logging(rules), |known| known.invocation_logging.clone())),
        enforced_guardrails: Ok(known.map_or_else(|| vec![guardrail()], |known| known.enforced_guardrails.clone())),
    }
}

/// What is taken for granted of Regions of which nothing is told; `None` if everything is.
pub(super) fn assumption(rules: &Rules, known: Option<&KnownSettings>) -> Option<String> {
    let told = |region: &String| known.is_some_and(|known| known.data_retention.contains_key(region));
    let regions: Vec<String> = regions(rules, &BTreeMap::new()).into_iter().filter(|region| !told(region)).collect();
    let retention = if rules.data_retention.provision { "to be set by nobody yet" } else { "to be none" };
    let retention = format!("data retention of Bedrock is assumed {retention} in {}", regions.join(", "));
    match known {
        None => Some(format!(
            "{retention}; in {} no prompt is assumed to be logged but as declared, and a guardrail to be enforced by the account",
            rules.scope.region
        )),
        Some(_) if !regions.is_empty() => Some(retention),
        Some(_) => None,
    }
}

fn logging(rules: &Rules) -> InvocationLogging {
    let declared = rules.invocation_logging.as_ref().filter(|rule| !rule.governance.provision);
    declared.map(|rule| rule.wanted.clone()).unwrap_or_default()
}

fn guardrail() -> EnforcedGuardrail {
    EnforcedGuardrail {
        arn: "<enforced-guardrail-arn>".to_owned(),
        version: "<version>".to_owned(),
        guards_all_of_system: Some(true),
        guards_all_of_messages: Some(true),
        ..EnforcedGuardrail::default()
    }
}
