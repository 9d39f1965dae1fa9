//! Makes, changes, publishes and deletes guardrails.

use crate::domain::Fault;
use crate::plan::Action;

use super::Executor;

impl Executor<'_> {
    pub(super) async fn guardrail(&self, action: &Action) -> Result<(), Fault> {
        let bedrock = &self.account.bedrock;
        match action {
            Action::CreateGuardrail(new) => bedrock.create_guardrail(&new.name, &new.content, &new.client_token, &new.tags).await,
            Action::UpdateGuardrail { id, name, content } => bedrock.update_guardrail(id, name, content).await,
            Action::CreateGuardrailVersion { id, client_token, .. } => bedrock.publish_guardrail(id, client_token).await,
            Action::DeleteGuardrail { id, .. } => bedrock.delete_guardrail(id).await,
            _ => Ok(()),
        }
    }
}
