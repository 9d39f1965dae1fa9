//! A key of the platform's: judged property by property, never touched.

use std::collections::BTreeSet;

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::domain::Scope;
use crate::observed::account::Key;
use crate::plan::Finding;
use crate::plan::environment::EnvironmentInputs;
use crate::policy::key::SERVICES;
use crate::policy::passage::{is_anyone, is_tied};
use crate::policy::relation::{Coverage, covers};
use crate::policy::{Effect, PolicyDocument, Principal, Statement};

use super::{FAMILY, state, store_services};

/// Judges the key that the spec names.
pub(super) fn judge(inputs: &EnvironmentInputs, key: Option<&Key>) -> Vec<Finding> {
    let (control, scope) = (Control::CustomerManagedKey, &inputs.rules.scope);
    let named = inputs.rules.key_arn.as_deref().unwrap_or_default();
    if let Some(message) = elsewhere(scope, named) {
        return vec![Finding::fail(control, FAMILY, Reason::KeyElsewhere, message)];
    }
    let Some(key) = key else {
        let message = format!("{named} does not exist; correct spec.key.keyArn, or remove it and set management to Provision");
        return vec![Finding::fail(control, FAMILY, Reason::KeyNotFound, message)];
    };
    let mut findings = vec![state(key, false)];
    findings.extend(kind(key));
    findings.push(rotation(key, inputs.rules.resolved.rotation_period_in_days));
    findings.extend(policy(scope, key, &store_services(inputs, &key.arn)));
    findings
}

fn elsewhere(scope: &Scope, arn: &str) -> Option<String> {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    (region != scope.region || account != scope.account_id).then(|| {
        format!(
            "{arn} belongs to account {account} and Region {region}, wanted account {} and Region {}; name a key from there",
            scope.account_id, scope.region
        )
    })
}

/// Services encrypt with symmetric keys only. Where KMS does not say, nothing is claimed.
fn kind(key: &Key) -> Option<Finding> {
    let differs = |found: &Option<String>, wanted: &str| found.as_deref().is_some_and(|found| found != wanted);
    (differs(&key.usage, "ENCRYPT_DECRYPT") || differs(&key.spec, "SYMMETRIC_DEFAULT")).then(|| {
        let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let message = format!(
            "{} is of usage {} and spec {}, wanted ENCRYPT_DECRYPT and SYMMETRIC_DEFAULT; name a symmetric encryption key",
            key.arn,
            told(&key.usage),
            told(&key.spec)
        );
        Finding::fail(Control::CustomerManagedKey, FAMILY, Reason::KeyNotSymmetric, message)
    })
}

fn rotation(key: &Key, wanted: i32) -> Finding {
    let (control, arn) = (Control::KeyRotation, &key.arn);
    match (key.rotation_enabled, key.rotation_period_in_days) {
        (false, _) => Finding::fail(
            control,
            FAMILY,
            Reason::RotationDisabled,
            format!("{arn} is not rotated, wanted at least every {wanted} days; enable its rotation (aws kms enable-key-rotation)"),
        )
        .advisory(),
        (true, Some(days)) if days > wanted => Finding::fail(
            control,
            FAMILY,
            Reason::RotationTooRare,
            format!("{arn} is rotated every {days} days, wanted at least every {wanted}; shorten its period, or raise spec.key.rotationPeriodInDays"),
        )
        .advisory(),
        (true, Some(days)) => Finding::pass(control, FAMILY, format!("{arn} is rotated every {days} days")),
        (true, None) => {
            Finding::unread(control, FAMILY, format!("{arn} is rotated, but how often is not told; wanted at least every {wanted} days"))
                .advisory()
        }
    }
}

fn policy(scope: &Scope, key: &Key, services: &BTreeSet<&str>) -> Vec<Finding> {
    let (control, arn) = (Control::KeyPolicy, &key.arn);
    let Some(policy) = &key.policy else {
        return vec![Finding::unread(control, FAMILY, format!("the policy of {arn} is no readable document")).advisory()];
    };
    let wide: Vec<String> = policy.statement.iter().filter_map(|statement| whom(scope, statement)).collect();
    let mut findings = Vec::new();
    if !wide.is_empty() {
        let message =
            format!("the policy of {arn} admits {}, wanted principals of account {} only; narrow it", wide.join("; "), scope.account_id);
        findings.push(Finding::fail(control, FAMILY, Reason::KeyPolicyTooWide, message).advisory());
    }
    match covers(policy, &usage(scope, services)) {
        Coverage::Covered if findings.is_empty() => {
            findings.push(Finding::pass(control, FAMILY, format!("the policy of {arn} admits the account's own principals")));
        }
        Coverage::Covered => {}
        Coverage::Missing => {
            let message = format!(
                "the policy of {arn} lets neither the account's IAM policies (principal {}) nor {} use it (kms:Decrypt, kms:GenerateDataKey), so the workloads cannot; add such a statement",
                scope.root_arn(),
                scope.workload_role_pattern()
            );
            findings.push(Finding::fail(control, FAMILY, Reason::KeyPolicyTooNarrow, message));
        }
        Coverage::Unproven => {
            let message = format!("whether the policy of {arn} lets the workloads use it depends on its conditions; compare them");
            findings.push(Finding::unread(control, FAMILY, message).advisory());
        }
    }
    findings
}

/// Whom a statement admits that is not of the account, in words.
fn whom(scope: &Scope, statement: &Statement) -> Option<String> {
    if statement.effect == Effect::Deny {
        return None;
    }
    let sid = statement.sid.as_ref().map(|sid| format!(" (statement {sid})")).unwrap_or_default();
    if statement.not_principal.is_some() {
        return Some(format!("everyone but some{sid}"));
    }
    let principal = statement.principal.as_ref()?;
    if is_anyone(principal) {
        return (!is_tied(&statement.condition)).then(|| format!("everyone{sid}"));
    }
    let Principal::Of(kinds) = principal else { return None };
    let foreign = |value: &&String| value.as_str() != scope.account_id && value.split(':').nth(4).is_some_and(|id| id != scope.account_id);
    let digits = |value: &&String| value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()) && **value != scope.account_id;
    let others: Vec<&str> = kinds.get("AWS")?.0.iter().filter(|value| foreign(value) || digits(value)).map(String::as_str).collect();
    (!others.is_empty()).then(|| format!("{}{sid}", others.join(", ")))
}

/// What the workloads do with the key, with all that is known of their calls: through the services that every environment uses, and
/// those of the stores.
fn usage(scope: &Scope, services: &BTreeSet<&str>) -> PolicyDocument {
    let through: BTreeSet<&str> = services.iter().copied().chain(SERVICES).collect();
    let through: Vec<String> = through.into_iter().map(|service| scope.via_service(service)).collect();
    let mut usage = Statement::allow("", &["kms:Decrypt", "kms:GenerateDataKey"], vec!["*".to_owned()])
        .for_principal(Principal::one("AWS", scope.root_arn()));
    for operator in ["StringEquals", "StringLike"] {
        usage = usage
            .when(operator, "kms:ViaService", through.clone())
            .when(operator, "kms:CallerAccount", vec![scope.account_id.clone()])
            .when(operator, "aws:PrincipalAccount", vec![scope.account_id.clone()]);
    }
    for operator in ["ArnLike", "StringLike"] {
        usage = usage.when(operator, "aws:PrincipalArn", vec![scope.workload_role_pattern()]);
    }
    PolicyDocument::of(vec![usage])
}
