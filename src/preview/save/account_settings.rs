//! What Bedrock keeps once for the whole account: facts of an account that concern every environment in it, and name no one's data.

use crate::domain::Fault;
use crate::observed::account_settings::AccountSettings;
use crate::preview::observed::KnownSettings;

/// The settings as they were read.
pub(super) fn keep(settings: &AccountSettings) -> Result<KnownSettings, Fault> {
    let modes = settings.data_retention.iter().map(|(region, read)| Ok((region.clone(), read.clone()?)));
    Ok(KnownSettings {
        data_retention: modes.collect::<Result<_, Fault>>()?,
        invocation_logging: settings.invocation_logging.clone()?,
        enforced_guardrails: settings.enforced_guardrails.clone()?,
    })
}
