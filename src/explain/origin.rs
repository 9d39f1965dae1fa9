//! Which field of which declaration a permission or a denial comes from.

use std::collections::BTreeSet;

use crate::plan::access::{admit, judge};
use crate::plan::workload::requests;
use crate::policy::permissions::{Grant, workload_policy};
use crate::policy::relation::{Coverage, covers};
use crate::policy::{Effect, PolicyDocument};

use super::Seen;

/// What each field gives.
pub(super) struct Origins {
    /// The field, and the document of what it gives through our own policy.
    fields: Vec<(String, PolicyDocument)>,
    /// ARN of our own policy.
    own: Option<String>,
    /// Fields that name a policy, by its ARN.
    policies: Vec<(String, String)>,
}

impl Origins {
    /// Of everything that is given to the workload.
    pub(super) fn of(seen: &Seen) -> Self {
        let mut origins = Self { fields: Vec::new(), own: own_policy(seen), policies: Vec::new() };
        let Some(inputs) = seen.inputs else { return origins };
        let (facts, environment) = (inputs.facts, &inputs.facts.scope.environment);
        let admitted = admit(&requests(inputs), facts);
        // Where a permission comes from is for the allows to say.
        let document = |grant: Grant| allows(workload_policy(&facts.setting(), &[grant], &[]));
        for access in inputs.accesses.iter().filter(|access| admitted.given.iter().any(|given| given.name == access.name)) {
            let Some(grant) = judge(&access.spec, facts).0 else { continue };
            let object = format!("BedrockAccess {}/{}", inputs.namespace, access.name);
            let of_models = Grant { profiles: BTreeSet::new(), ..grant.clone() };
            let of_profiles = Grant { models: BTreeSet::new(), ..grant.clone() };
            let guardrail = document(Grant { models: BTreeSet::new(), profiles: BTreeSet::new(), ..grant });
            for (field, part) in [("models", of_models), ("inferenceProfiles", of_profiles)] {
                let mut part = document(part);
                part.statement.retain(|statement| !guardrail.statement.contains(statement));
                let words = format!("{object} spec.{field}, approved by PhiEnvironment {environment} spec.bedrock.{field}");
                origins.fields.push((words, part));
            }
            let words = format!("{object} spec.guardrailRef or the default of PhiEnvironment {environment} spec.bedrock.guardrails");
            origins.fields.push((words, guardrail));
        }
        for given in &admitted.given_stores {
            let Some(store) = facts.stores.iter().find(|store| store.name == given.name) else { continue };
            let words = format!(
                "PhiWorkload {}/{} spec.stores ({}), declared by PhiEnvironment {environment} spec.stores",
                inputs.namespace, inputs.name, store.name
            );
            origins.fields.push((words, allows(workload_policy(&facts.setting(), &[], &[store]))));
        }
        let named = inputs.spec.additional_policies.iter().flatten();
        let named = named.filter_map(|name| facts.additional_policies.iter().find(|fact| fact.declared.name == *name));
        for fact in named.filter(|fact| inputs.admitted_policies.contains(&fact.declared.name)) {
            let words = format!(
                "PhiWorkload {}/{} spec.additionalPolicies ({}), declared by PhiEnvironment {environment} spec.identity.additionalPolicies",
                inputs.namespace, inputs.name, fact.declared.name
            );
            origins.policies.push((fact.declared.arn.clone(), words));
        }
        origins
    }

    /// The fields that a permission of this policy comes from.
    pub(super) fn of_permission(&self, policy: &str, permission: &PolicyDocument) -> Vec<String> {
        if self.own.as_deref() == Some(policy) {
            let gives = |document: &PolicyDocument| covers(document, permission) == Coverage::Covered;
            return self.fields.iter().filter(|(_, document)| gives(document)).map(|(words, _)| words.clone()).collect();
        }
        self.policies.iter().filter(|(arn, _)| arn == policy).map(|(_, words)| words.clone()).collect()
    }
}

fn allows(mut document: PolicyDocument) -> PolicyDocument {
    document.statement.retain(|statement| statement.effect == Effect::Allow);
    document
}

fn own_policy(seen: &Seen) -> Option<String> {
    let inputs = seen.inputs?;
    let name = crate::domain::names::role(&inputs.facts.scope, inputs.namespace, &inputs.spec.service_account_name);
    Some(inputs.facts.scope.policy_arn(&name))
}

/// Where a denial comes from.
pub(super) fn of_denial(seen: &Seen, policy: &str, is_boundary: bool) -> String {
    let environment = &seen.rules.scope.environment;
    if is_boundary {
        match &seen.rules.platform_boundary_arn {
            Some(_) => format!("the platform's boundary, PhiEnvironment {environment} spec.identity.boundaryArn"),
            None => format!("the permissions boundary of PhiEnvironment {environment}, which denies it to every role"),
        }
    } else if own_policy(seen).as_deref() == Some(policy) {
        "the operator, which denies it in every role".to_owned()
    } else {
        "nothing that is declared: someone put it on the role".to_owned()
    }
}
