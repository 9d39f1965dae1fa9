//! The policy of an endpoint of someone else's: does it let through what is needed, and not everyone?

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::observed::network::{Endpoint, OfferedService};
use crate::plan::Finding;
use crate::plan::environment::rules::EndpointRule;
use crate::policy::passage::{Passage, Traffic, is_anyone, is_tied, passage};
use crate::policy::{Effect, PolicyDocument, Statement};

use super::{FAMILY, Network};

/// How many refused calls a sentence names.
const NAMED: usize = 3;

impl Network<'_> {
    pub(super) fn policy_of_others(&self, rule: &EndpointRule, endpoint: &Endpoint, offered: &OfferedService) -> Vec<Finding> {
        let control = Control::EndpointPolicies;
        if !offered.policy_supported {
            return vec![Finding::not_applicable(control, FAMILY, "endpoints of this service take no policy")];
        }
        let mut findings = Vec::new();
        if let Some(sid) = endpoint.policy.as_ref().map_or(Some(String::new()), open_statement) {
            let account = &self.rules.scope.account_id;
            let message = format!(
                "the policy of {} admits every principal and resource{sid}, wanted the account's own (aws:PrincipalAccount and aws:ResourceAccount {account}); narrow it",
                endpoint.id
            );
            findings.push(Finding::fail(control, FAMILY, Reason::EndpointPolicyTooWide, message).advisory());
        }
        if let Some(policy) = &endpoint.policy {
            findings.extend(self.needed(rule, endpoint, policy));
        }
        if findings.is_empty() {
            findings.push(Finding::pass(
                control,
                FAMILY,
                format!("the policy of {} is narrowed and lets through what is needed", endpoint.id),
            ));
        }
        findings
    }

    fn needed(&self, rule: &EndpointRule, endpoint: &Endpoint, policy: &PolicyDocument) -> Option<Finding> {
        let traffic = Traffic {
            scope: &self.rules.scope,
            vpc_id: &endpoint.vpc_id,
            terms: &self.rules.terms,
            stores: &self.rules.stores,
            operator: self.operator_arn,
        };
        let Passage { mut refused, mut untold } = passage(policy, &rule.service, &traffic);
        // Where the platform's roles lie is for their workloads to read.
        if self.rules.platform_roles.is_some() {
            untold.append(&mut refused);
        }
        let (control, id) = (Control::EndpointPolicies, &endpoint.id);
        if !refused.is_empty() {
            let unsigned = if rule.service == "sts" { ", unsigned: under no condition on the principal" } else { "" };
            let message = format!("the policy of {id} does not let through {}{unsigned}, which is needed; allow it", listed(&refused));
            return Some(Finding::fail(control, FAMILY, Reason::EndpointPolicyTooNarrow, message));
        }
        (!untold.is_empty()).then(|| {
            let message = format!(
                "whether the policy of {id} lets through {} depends on its conditions, whose outcome is not known; compare them",
                listed(&untold)
            );
            Finding::unread(control, FAMILY, message).advisory()
        })
    }
}

fn listed(calls: &[String]) -> String {
    let more = calls.len().saturating_sub(NAMED);
    let named = calls.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if more == 0 { named } else { format!("{named}; and {more} more") }
}

/// The default policy of an endpoint, or one as wide: anyone may do anything to anything.
#[must_use]
pub fn admits_everyone(policy: &PolicyDocument) -> bool {
    open_statement(policy).is_some()
}

/// The name of the statement that admits everyone, for a sentence.
fn open_statement(policy: &PolicyDocument) -> Option<String> {
    let found = policy.statement.iter().find(|statement| is_open(statement))?;
    Some(found.sid.as_ref().map(|sid| format!(" (statement {sid})")).unwrap_or_default())
}

fn is_open(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
        && !is_tied(&statement.condition)
        && statement.action.iter().any(|action| action == "*" || action.ends_with(":*"))
        && statement.resource.iter().any(|resource| resource == "*")
        && statement.principal.as_ref().is_some_and(is_anyone)
}
