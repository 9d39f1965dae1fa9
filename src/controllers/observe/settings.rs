//! What Bedrock keeps once for the whole account: one call for each Region in which prompts may be processed, and two in our own.

use std::collections::BTreeMap;

use futures::join;

use crate::aws::Account;
use crate::observed::Read;
use crate::observed::account_settings::AccountSettings;
use crate::plan::environment::Rules;
use crate::plan::environment::account_settings::regions;
use crate::policy::permissions::Profile;

use super::each;

/// Reads the settings.
pub(super) async fn read(account: &Account, rules: &Rules, profiles: &BTreeMap<String, Read<Option<Profile>>>) -> AccountSettings {
    let regions = regions(rules, profiles);
    let (data_retention, invocation_logging, enforced_guardrails) = join!(
        each(&regions, |region| {
            let bedrock = account.bedrock.in_region(region);
            async move { bedrock.data_retention().await }
        }),
        account.bedrock.invocation_logging(),
        account.bedrock.enforced_guardrails(),
    );
    AccountSettings { data_retention, invocation_logging, enforced_guardrails }
}
