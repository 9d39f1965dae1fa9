//! What the spec asks for of the account's settings, with every default resolved.

use crate::api::account_settings::{DataRetentionRules, InvocationLoggingRules, LoggingShape};
use crate::api::shared::Management;
use crate::observed::account_settings::{Bucket, DataKind, InvocationLogging, LogGroup};

/// Whether a setting of the account may be changed. Without a leave for the impact on all of the account it is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    /// Whether we may set it.
    pub provision: bool,
    /// Whether we may replace what someone else set.
    pub adopt: bool,
}

/// The declared shape of invocation logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingRule {
    /// What is to be logged.
    pub shape: LoggingShape,
    /// Whether we may set it.
    pub governance: Governance,
    /// The configuration that the shape and the named places amount to.
    pub wanted: InvocationLogging,
}

impl Governance {
    fn of(management: Option<Management>, accepted: Option<bool>, adopt: Option<bool>) -> Self {
        let provision = management == Some(Management::Provision) && accepted == Some(true);
        Self { provision, adopt: provision && adopt == Some(true) }
    }

    /// Of data retention.
    pub(super) fn of_retention(rules: Option<&DataRetentionRules>) -> Self {
        rules.map(|rules| Self::of(rules.management, rules.accept_account_wide_impact, rules.adopt)).unwrap_or_default()
    }
}

impl LoggingRule {
    pub(super) fn of(rules: &InvocationLoggingRules) -> Self {
        let bucket = |name: &Option<String>, prefix: Option<&String>| {
            name.clone().map(|name| Bucket { name, prefix: prefix.map(|prefix| prefix.trim_end_matches('/').to_owned()) })
        };
        let content = rules.shape == LoggingShape::ProtectedStore;
        let wanted = InvocationLogging {
            log_group: rules.log_group_name.clone().map(|name| LogGroup {
                name,
                role_arn: rules.role_arn.clone().unwrap_or_default(),
                large_data: bucket(&rules.large_data_bucket_name, None),
            }),
            bucket: bucket(&rules.bucket_name, rules.key_prefix.as_ref()),
            delivers: DataKind::ALL.into_iter().map(|kind| (kind, content)).collect(),
        };
        let governance = match rules.shape {
            LoggingShape::Unrecognized => Governance::default(),
            _ => Governance::of(rules.management, rules.accept_account_wide_impact, rules.adopt),
        };
        Self { shape: rules.shape, governance, wanted }
    }
}
