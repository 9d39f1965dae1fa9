use serde_json::json;

use crate::api::conditions::Reason;
use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::Rules;
use crate::plan::environment::tests::{Case, allow_all, each_has_its_reason, provisioned, rules_with};
use crate::policy::{PolicyDocument, Principal, Statement};

const ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/1";

fn verifying(arn: &str) -> Rules {
    rules_with(&json!({ "key": { "management": "Verify", "keyArn": arn, "rotationPeriodInDays": 180 } }))
}

fn key(observed: &mut EnvironmentObservation) -> &mut Key {
    observed.key.as_mut().unwrap().as_mut().unwrap()
}

fn sound() -> EnvironmentObservation {
    let mut observed = provisioned();
    let key = key(&mut observed);
    key.tags.clear();
    key.arn = ARN.to_owned();
    key.rotation_period_in_days = Some(90);
    key.usage = Some("ENCRYPT_DECRYPT".into());
    key.spec = Some("SYMMETRIC_DEFAULT".into());
    observed
}

fn statement(principal: Principal, action: &str) -> Statement {
    Statement::allow("Theirs", &[action], vec!["*".into()]).for_principal(principal)
}

fn with_policy(observed: &mut EnvironmentObservation, statements: Vec<Statement>) {
    key(observed).policy = Some(PolicyDocument::of(statements));
}

fn root() -> Principal {
    Principal::one("AWS", "arn:aws:iam::123456789012:root")
}

#[test]
fn each_missing_property_of_a_key_has_its_own_reason() {
    let cases: [Case; 14] = [
        ("gone", |seen| seen.key = Ok(None), Reason::KeyNotFound, true, &[ARN, "does not exist"]),
        ("of AWS", |seen| key(seen).customer_managed = false, Reason::KeyNotCustomerManaged, true, &["managed by AWS"]),
        ("disabled", |seen| key(seen).state = "Disabled".into(), Reason::KeyDisabled, true, &["is Disabled; enable it"]),
        ("going", |seen| key(seen).state = "PendingDeletion".into(), Reason::KeyPendingDeletion, true, &["cancel the deletion"]),
        (
            "for signatures",
            |seen| key(seen).usage = Some("SIGN_VERIFY".into()),
            Reason::KeyNotSymmetric,
            true,
            &["usage SIGN_VERIFY", "wanted ENCRYPT_DECRYPT"],
        ),
        (
            "of two halves",
            |seen| key(seen).spec = Some("RSA_2048".into()),
            Reason::KeyNotSymmetric,
            true,
            &["spec RSA_2048", "SYMMETRIC_DEFAULT"],
        ),
        ("not rotated", |seen| key(seen).rotation_enabled = false, Reason::RotationDisabled, false, &["wanted at least every 180 days"]),
        (
            "rotated too rarely",
            |seen| key(seen).rotation_period_in_days = Some(365),
            Reason::RotationTooRare,
            false,
            &["every 365 days, wanted at least every 180"],
        ),
        ("a period that is not told", |seen| key(seen).rotation_period_in_days = None, Reason::NotRead, false, &["how often is not told"]),
        ("an unreadable policy", |seen| key(seen).policy = None, Reason::NotRead, false, &["no readable document"]),
        ("open to all", |seen| key(seen).policy = Some(allow_all()), Reason::KeyPolicyTooWide, false, &["everyone (statement All)"]),
        (
            "another account",
            |seen| {
                let other = Principal::one("AWS", "arn:aws:iam::210987654321:root");
                with_policy(seen, vec![statement(root(), "kms:*"), statement(other, "kms:Decrypt")]);
            },
            Reason::KeyPolicyTooWide,
            false,
            &["arn:aws:iam::210987654321:root", "account 123456789012 only"],
        ),
        (
            "one role only",
            |seen| with_policy(seen, vec![statement(Principal::one("AWS", "arn:aws:iam::123456789012:role/x"), "kms:*")]),
            Reason::NotRead,
            false,
            &["depends on its conditions"],
        ),
        (
            "administration only",
            |seen| with_policy(seen, vec![statement(root(), "kms:PutKeyPolicy")]),
            Reason::KeyPolicyTooNarrow,
            true,
            &["kms:Decrypt, kms:GenerateDataKey", "add such a statement"],
        ),
    ];
    each_has_its_reason(&verifying(ARN), &sound(), &cases);
}

#[test]
fn usual_policies_let_the_workloads_through() {
    type Write = fn(&mut EnvironmentObservation);
    let delegating: [Write; 3] = [
        |seen| with_policy(seen, vec![statement(root(), "kms:*")]),
        |seen| with_policy(seen, vec![statement(Principal::one("AWS", "123456789012"), "kms:*")]),
        |seen| {
            let tied = statement(Principal::anyone(), "kms:*").when("StringEquals", "kms:CallerAccount", vec!["123456789012".into()]);
            with_policy(seen, vec![tied]);
        },
    ];
    for write in delegating {
        let mut observed = sound();
        write(&mut observed);
        each_has_its_reason(&verifying(ARN), &observed, &[]);
    }
}

#[test]
fn a_key_of_stores_has_to_let_their_services_through() {
    let mut observed = sound();
    let through = |services: &[&str]| services.iter().map(|service| format!("{service}.us-east-1.amazonaws.com")).collect::<Vec<_>>();
    let queue = json!({
        "name": "letters", "type": "SQS", "arn": "arn:aws:sqs:us-east-1:123456789012:letters", "verbs": ["read"], "kmsKeyArn": ARN,
        "namespaceSelector": { "matchLabels": { "team": "clinic" } },
    });
    let ruled = |stores: Vec<&serde_json::Value>| {
        rules_with(&json!({ "key": { "management": "Verify", "keyArn": ARN, "rotationPeriodInDays": 180 }, "stores": stores }))
    };
    for (services, stores, reasons) in [
        (vec!["bedrock", "s3"], vec![], vec![]),
        (vec!["bedrock", "s3"], vec![&queue], vec![Reason::NotRead]),
        (vec!["bedrock", "s3", "sqs"], vec![&queue], vec![]),
    ] {
        with_policy(&mut observed, vec![statement(root(), "kms:*").when("StringEquals", "kms:ViaService", through(&services))]);
        let plan = crate::plan::environment::tests::plan_for(&ruled(stores), &observed, &[]);
        let of_key = plan.findings.iter().filter(|finding| finding.control == crate::catalogue::Control::KeyPolicy);
        let found: Vec<Reason> =
            of_key.filter(|finding| finding.verdict != crate::api::Verdict::Pass).map(|finding| finding.reason).collect();
        assert_eq!(found, reasons, "{services:?}");
    }
}

#[test]
fn a_key_of_another_account_or_region_is_told_before_it_is_read() {
    for (arn, words) in [
        ("arn:aws:kms:us-west-2:123456789012:key/1", "Region us-west-2, wanted account 123456789012 and Region us-east-1"),
        ("arn:aws:kms:us-east-1:210987654321:key/1", "account 210987654321"),
    ] {
        let plan = crate::plan::environment::tests::plan_for(&verifying(arn), &sound(), &[]);
        let found = plan.findings.iter().find(|finding| finding.reason == Reason::KeyElsewhere).unwrap();
        assert!(found.blocks && found.message.contains(words), "{}", found.message);
    }
}
