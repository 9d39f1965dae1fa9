//! The account's settings as they were found, with what they were before the operator first set them.

use crate::api::account_settings::{
    AccountSettingsStatus, DataRetentionStatus, EnforcedGuardrailStatus, InvocationLoggingStatus, LoggingConfigurationStatus,
};
use crate::observed::account_settings::{AccountSettings, Bucket, InvocationLogging};
use crate::plan::Action;
use crate::plan::environment::account_settings::{explanation, shape};

use super::EnvironmentPass;

/// Regions in a status, as many as its schema allows.
const REGIONS: usize = 64;

/// What was found. What could not be read is absent; what was recorded of former values stays.
pub(super) fn of(pass: &EnvironmentPass, previous: Option<&AccountSettingsStatus>) -> AccountSettingsStatus {
    let settings = &pass.observed.settings;
    let before = |region: &str| previous.and_then(|previous| previous.data_retention.iter().find(|one| one.region == region));
    let retention = settings.data_retention.iter().map(|(region, read)| DataRetentionStatus {
        region: region.clone(),
        mode: read.as_ref().ok().cloned(),
        previous_mode: before(region).and_then(|before| before.previous_mode.clone()),
    });
    let former =
        |recorded: &&DataRetentionStatus| recorded.previous_mode.is_some() && !settings.data_retention.contains_key(&recorded.region);
    let recorded = previous.iter().flat_map(|previous| &previous.data_retention).filter(former);
    let mut data_retention: Vec<_> = retention.chain(recorded.map(|one| DataRetentionStatus { mode: None, ..one.clone() })).collect();
    data_retention.sort_by(|a, b| a.region.cmp(&b.region));
    data_retention.truncate(REGIONS);
    let logging = settings.invocation_logging.as_ref();
    AccountSettingsStatus {
        data_retention,
        invocation_logging: Some(InvocationLoggingStatus {
            shape: logging.ok().and_then(shape).map(str::to_owned),
            explanation: match logging {
                Ok(found) => explanation(pass.rules, found),
                Err(fault) => format!("it could not be read: {fault}"),
            },
            previous: previous.and_then(|previous| previous.invocation_logging.as_ref()?.previous.clone()),
        }),
        enforced_guardrails: settings
            .enforced_guardrails
            .iter()
            .flatten()
            .map(|guardrail| EnforcedGuardrailStatus { arn: guardrail.arn.clone(), version: guardrail.version.clone() })
            .collect(),
    }
}

/// The same record with the values that these actions are about to replace; the first value that was replaced stays. To be written
/// before they are carried out: afterwards it could not be told any more.
#[must_use]
pub fn remembering(recorded: Option<&AccountSettingsStatus>, found: &AccountSettings, actions: &[Action]) -> Option<AccountSettingsStatus> {
    let mut record = recorded.cloned().unwrap_or_default();
    for action in actions {
        match action {
            Action::PutAccountDataRetention { region, .. } => {
                let Some(Ok(mode)) = found.data_retention.get(region) else { continue };
                match record.data_retention.iter_mut().find(|one| one.region == *region) {
                    Some(one) => drop(one.previous_mode.get_or_insert_with(|| mode.clone())),
                    None => record.data_retention.push(DataRetentionStatus {
                        region: region.clone(),
                        mode: Some(mode.clone()),
                        previous_mode: Some(mode.clone()),
                    }),
                }
            }
            Action::PutModelInvocationLogging { .. } | Action::DeleteModelInvocationLogging { .. } => {
                let Ok(logging) = &found.invocation_logging else { continue };
                let status = record.invocation_logging.get_or_insert_with(InvocationLoggingStatus::default);
                status.previous.get_or_insert_with(|| configuration(logging));
            }
            _ => {}
        }
    }
    (Some(&record) != recorded && record != AccountSettingsStatus::default()).then_some(record)
}

fn configuration(logging: &InvocationLogging) -> LoggingConfigurationStatus {
    let place = |bucket: &Bucket| match &bucket.prefix {
        Some(prefix) => format!("{}/{prefix}", bucket.name),
        None => bucket.name.clone(),
    };
    let group = logging.log_group.as_ref();
    let on = group.is_some() || logging.bucket.is_some();
    LoggingConfigurationStatus {
        log_group_name: group.map(|group| group.name.clone()),
        role_arn: group.map(|group| group.role_arn.clone()),
        large_data_bucket: group.and_then(|group| group.large_data.as_ref()).map(place),
        bucket: logging.bucket.as_ref().map(place),
        delivers: logging.delivers.iter().filter(|(_, delivered)| on && **delivered).map(|(kind, _)| kind.as_str().to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Fault, FaultClass};
    use crate::observed::account_settings::{DataKind, LogGroup, NONE};
    use crate::plan::environment::tests::settings;

    fn put() -> Vec<Action> {
        let region = "us-east-1".to_owned();
        vec![
            Action::PutAccountDataRetention { region: region.clone(), mode: NONE.to_owned() },
            Action::DeleteModelInvocationLogging { region },
        ]
    }

    fn found(mode: &str) -> AccountSettings {
        let mut found = settings();
        found.data_retention.insert("us-east-1".into(), Ok(mode.into()));
        found
    }

    #[test]
    fn what_is_replaced_first_is_remembered_for_good() {
        let mut before = found("default");
        before.invocation_logging = Ok(InvocationLogging {
            log_group: Some(LogGroup { name: "calls".into(), role_arn: "role".into(), large_data: None }),
            bucket: Some(Bucket { name: "vault".into(), prefix: Some("a/b".into()) }),
            delivers: [(DataKind::Text, true), (DataKind::Image, false), (DataKind::Audio, true)].into(),
        });
        let record = remembering(None, &before, &put()).unwrap();
        assert_eq!(record.data_retention[0].previous_mode.as_deref(), Some("default"));
        let logging = record.invocation_logging.clone().unwrap().previous.unwrap();
        assert_eq!((logging.log_group_name.as_deref(), logging.bucket.as_deref()), (Some("calls"), Some("vault/a/b")));
        assert_eq!(logging.delivers, ["text", "audio"]);
        assert_eq!(remembering(Some(&record), &found("provider_data_share"), &put()), None, "a repair is no first time");
        assert_eq!(remembering(Some(&record), &before, &[]), None);
    }

    #[test]
    fn what_nobody_had_set_is_remembered_as_that() {
        let record = remembering(None, &found("inherit"), &put()).unwrap();
        assert_eq!(record.data_retention[0].previous_mode.as_deref(), Some("inherit"));
        assert_eq!(record.invocation_logging.unwrap().previous, Some(LoggingConfigurationStatus::default()));
        let mut unread = settings();
        let fault = Fault { class: FaultClass::Denied, service: "bedrock", operation: "Get", code: String::new() };
        unread.data_retention.insert("us-east-1".into(), Err(fault.clone()));
        unread.invocation_logging = Err(fault);
        assert_eq!(remembering(None, &unread, &put()), None, "what was not read is not remembered");
    }
}
