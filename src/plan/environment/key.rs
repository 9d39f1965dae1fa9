//! The environment's KMS key: made, rotated and tightly held, or verified. Never deleted.

mod verify;

use std::collections::BTreeSet;

use crate::api::conditions::{ConditionType, Reason};
use crate::api::shared::Management;
use crate::catalogue::Control;
use crate::domain::{names, tags};
use crate::observed::account::Key;
use crate::plan::action::KeyReference;
use crate::plan::{Action, Finding, Plan};
use crate::policy::key::key_policy;
use crate::policy::{PolicyDocument, Relation, relate};

use super::EnvironmentInputs;

const FAMILY: ConditionType = ConditionType::KeyReady;

pub(super) fn plan(inputs: &EnvironmentInputs) -> Plan {
    let (key, operator) = match (&inputs.observed.key, &inputs.observed.operator_arn) {
        (Ok(key), Ok(operator)) => (key, operator),
        (Err(fault), _) | (_, Err(fault)) => {
            return Plan { findings: vec![Finding::unreadable(Control::CustomerManagedKey, FAMILY, fault)], ..Plan::default() };
        }
    };
    if inputs.rules.resolved.key_management == Management::Verify {
        return Plan { findings: verify::judge(inputs, key.as_ref()), ..Plan::default() };
    }
    match key {
        None => create(inputs, operator),
        Some(key) => keep(inputs, key, operator),
    }
}

fn create(inputs: &EnvironmentInputs, operator: &str) -> Plan {
    let scope = &inputs.rules.scope;
    let alias = names::key_alias(scope);
    let actions = vec![
        Action::CreateKey { alias: alias.clone(), policy: wanted_policy(inputs, operator, None), tags: tags::of_environment(scope) },
        Action::CreateAlias { key: KeyReference::Created, alias },
        Action::EnableKeyRotation { key: KeyReference::Created, days: inputs.rules.resolved.rotation_period_in_days },
    ];
    let missing = Finding::fail(Control::CustomerManagedKey, FAMILY, Reason::KeyNotFound, "the environment has no key yet");
    Plan { actions, findings: vec![missing], ..Plan::default() }
}

/// A key of ours: rotation, policy and tags are restored; a key that someone disabled stays so until a person asks for it.
fn keep(inputs: &EnvironmentInputs, key: &Key, operator: &str) -> Plan {
    let reference = || KeyReference::Arn(key.arn.clone());
    let wanted_tags = tags::of_environment(&inputs.rules.scope);
    if !tags::owned(&key.tags, &wanted_tags) && inputs.recorded_key != Some(key.arn.as_str()) {
        let message = format!(
            "{} points at {}, which does not carry our tags and is not recorded; remove the alias, or name the key in spec.key with management Verify",
            names::key_alias(&inputs.rules.scope),
            key.arn
        );
        return Plan { findings: vec![Finding::fail(Control::CustomerManagedKey, FAMILY, Reason::Conflict, message)], ..Plan::default() };
    }
    if is_disabled(key) && inputs.asked {
        let message = format!("{} was disabled, and a person asked for what was cut off", key.arn);
        let finding = Finding::fail(Control::CustomerManagedKey, FAMILY, Reason::KeyDisabled, message);
        return Plan { actions: vec![Action::EnableKey { key: reference() }], findings: vec![finding], ..Plan::default() };
    }
    let mut plan = Plan { findings: vec![state(key, true)], ..Plan::default() };
    if !usable(key) {
        return plan;
    }
    if rotated(inputs, key) {
        plan.findings.push(Finding::pass(Control::KeyRotation, FAMILY, "the key is rotated"));
    } else {
        plan.actions.push(Action::EnableKeyRotation { key: reference(), days: inputs.rules.resolved.rotation_period_in_days });
        plan.findings.push(Finding::fail(Control::KeyRotation, FAMILY, Reason::RotationDisabled, "the key is not rotated as declared"));
    }
    let wanted = wanted_policy(inputs, operator, Some(&key.arn));
    let relation = key.policy.as_ref().map_or(Relation::Wider, |policy| relate(&wanted, policy));
    plan.findings.push(match relation {
        Relation::Same => Finding::pass(Control::KeyPolicy, FAMILY, "the key policy is as declared"),
        Relation::Narrower if inputs.may_hold => Finding::held(Control::KeyPolicy, FAMILY, "the key policy"),
        Relation::Narrower | Relation::Wider => {
            plan.actions.push(Action::PutKeyPolicy { key: reference(), policy: wanted });
            Finding::fail(Control::KeyPolicy, FAMILY, Reason::KeyPolicyTooWide, "the key policy is not the declared one")
        }
    });
    if !tags::owned(&key.tags, &wanted_tags) {
        plan.actions.push(Action::TagKey { key: reference(), tags: wanted_tags });
    }
    // The environment was deleted and is there again.
    if key.tags.contains_key(tags::ORPHANED) {
        plan.actions.push(Action::UntagKey { key: reference(), tags: vec![tags::ORPHANED.to_owned()] });
    }
    plan
}

fn state(key: &Key, ours: bool) -> Finding {
    if !key.customer_managed {
        return Finding::fail(
            Control::CustomerManagedKey,
            FAMILY,
            Reason::KeyNotCustomerManaged,
            format!("{} is managed by AWS; name a customer-managed key", key.arn),
        );
    }
    match key.state.as_str() {
        "Enabled" => Finding::pass(Control::CustomerManagedKey, FAMILY, format!("{} is enabled and customer-managed", key.arn)),
        "Disabled" if ours => Finding::cut_off(
            Control::CustomerManagedKey,
            FAMILY,
            format!(
                "{} was disabled and is left so until the spec changes or the annotation hipaa-operator.io/reconcile-at asks for it",
                key.arn
            ),
        ),
        "PendingDeletion" => Finding::fail(
            Control::KeyRetention,
            FAMILY,
            Reason::KeyPendingDeletion,
            format!("{} is waiting to be deleted, and with it all data under it; cancel the deletion", key.arn),
        ),
        other => Finding::fail(Control::CustomerManagedKey, FAMILY, Reason::KeyDisabled, format!("{} is {other}; enable it", key.arn)),
    }
}

fn is_disabled(key: &Key) -> bool {
    key.customer_managed && key.state == "Disabled"
}

fn usable(key: &Key) -> bool {
    key.customer_managed && key.state == "Enabled"
}

/// A period that the service does not tell is unknown, not drift.
fn rotated(inputs: &EnvironmentInputs, key: &Key) -> bool {
    let wanted = inputs.rules.resolved.rotation_period_in_days;
    key.rotation_enabled && key.rotation_period_in_days.is_none_or(|days| days <= wanted)
}

/// The stores that are encrypted with the key, once it has an ARN that they can name, are used through their services.
/// Services of the stores that are encrypted with this key.
fn store_services<'a>(inputs: &EnvironmentInputs<'a>, arn: &str) -> BTreeSet<&'a str> {
    let encrypted = inputs.rules.stores.iter().filter(|store| store.kms_key_arn.as_deref() == Some(arn));
    encrypted.filter_map(|store| store.kind.service()).collect()
}

fn wanted_policy(inputs: &EnvironmentInputs, operator: &str, arn: Option<&str>) -> PolicyDocument {
    let services = arn.map(|arn| store_services(inputs, arn)).unwrap_or_default();
    key_policy(&inputs.rules.scope, &inputs.rules.key_administrators, operator, &services)
}

#[cfg(test)]
mod tests;
