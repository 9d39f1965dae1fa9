//! Reads the declared guardrails: a verified one is one call; of one that the operator makes, the draft, the newest number and that version.

use std::collections::BTreeMap;

use futures::future::join_all;

use crate::api::guardrails::GuardrailStatus;
use crate::api::shared::Management;
use crate::aws::Account;
use crate::domain::{Scope, names, tags};
use crate::observed::Read;
use crate::observed::guardrails::ObservedGuardrail;
use crate::plan::environment::Rules;
use crate::plan::environment::guardrails::GuardrailRule;

/// Every declared guardrail, by the environment's name for it.
pub(super) async fn read(account: &Account, rules: &Rules, recorded: &[GuardrailStatus]) -> BTreeMap<String, Read<ObservedGuardrail>> {
    let one = |rule: &GuardrailRule| {
        let (rule, before) = (rule.clone(), recorded.iter().find(|recorded| recorded.name == rule.name).cloned());
        async move {
            let found = match &rule.verified {
                Some((id, version)) => verified(account, id, version).await,
                None => provisioned(account, &rules.scope, &rule.name, before.as_ref()).await,
            };
            (rule.name, found)
        }
    };
    join_all(rules.guardrails.iter().map(one)).await.into_iter().collect()
}

async fn verified(account: &Account, id: &str, version: &str) -> Read<ObservedGuardrail> {
    let published = account.bedrock.guardrail(id, version).await?;
    Ok(ObservedGuardrail { published, ..ObservedGuardrail::default() })
}

async fn provisioned(account: &Account, scope: &Scope, name: &str, recorded: Option<&GuardrailStatus>) -> Read<ObservedGuardrail> {
    let bedrock = &account.bedrock;
    let mut found = ObservedGuardrail::default();
    // One that was only verified is the platform's, also after the spec says that we make one.
    if let Some(recorded) = recorded.filter(|recorded| recorded.management == Some(Management::Provision)) {
        found.draft = bedrock.guardrail_draft(&recorded.guardrail_id).await?;
        found.ours = found.draft.is_some();
    }
    // Without a record, or when somebody deleted it, one of our name may be there.
    if found.draft.is_none()
        && let Some((id, arn)) = bedrock.guardrail_named(&names::guardrail(scope, name)).await?
    {
        found.draft = bedrock.guardrail_draft(&id).await?;
        found.ours = tags::owned(&bedrock.guardrail_tags(&arn).await?, &tags::of_environment(scope));
    }
    if let Some(draft) = found.draft.as_ref().filter(|_| found.ours)
        && let Some(version) = bedrock.newest_guardrail_version(&draft.id).await?
    {
        found.published = bedrock.guardrail(&draft.id, &version).await?;
    }
    Ok(found)
}
