//! Each setting as it may be found, against each declaration.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::claims;
use super::super::tests::{MODEL, empty, provisioned, rules_with};
use super::super::{EnvironmentInputs, plan};
use super::*;
use crate::api::Verdict;
use crate::domain::{Fault, FaultClass};
use crate::observed::account_settings::{Bucket, DataKind, EnforcedGuardrail, INHERIT, InvocationLogging, LogGroup, NONE};
use crate::observed::claims::Claims;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::ManagedPolicy;
use crate::plan::Mode;
use crate::plan::action::ClaimOn;
use crate::policy::claim::Holder;

const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:guardrail/enforced1";

fn rules(bedrock: &Value) -> Rules {
    let mut all = json!({ "models": [MODEL] });
    all.as_object_mut().unwrap().extend(bedrock.as_object().unwrap().clone());
    rules_with(&json!({ "bedrock": all }))
}

/// An account in which everything of ours is in place, with a change.
fn account(change: impl FnOnce(&mut EnvironmentObservation)) -> EnvironmentObservation {
    let mut observed = provisioned();
    change(&mut observed);
    observed
}

fn planned(rules: &Rules, observed: &EnvironmentObservation) -> Plan {
    let plan = plan(&EnvironmentInputs::of(rules, observed));
    let of_family = |finding: &Finding| finding.family == FAMILY;
    Plan { findings: plan.findings.into_iter().filter(of_family).collect(), actions: plan.actions, ..Plan::default() }
}

fn verdicts(plan: &Plan) -> Vec<(String, Verdict, Reason)> {
    let open = plan.findings.iter().filter(|finding| finding.verdict != Verdict::Pass);
    open.map(|finding| (finding.id(), finding.verdict, finding.reason)).collect()
}

fn calls(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .filter(|action| action.family() == FAMILY || matches!(action, Action::ReleaseClaim { .. }))
        .map(|action| {
            let (_, operation, name) = action.describe();
            format!("{operation} {}", name.rsplit('/').next().unwrap_or_default())
        })
        .collect()
}

fn fault(class: FaultClass) -> Fault {
    Fault { class, service: "bedrock", operation: "GetAccountDataRetention", code: "Code".into() }
}

fn message(plan: &Plan, id: &str) -> String {
    plan.findings.iter().find(|finding| finding.id() == id).map(|finding| finding.message.clone()).unwrap_or_default()
}

#[test]
fn an_account_that_suits_phi_passes_and_nothing_is_written() {
    let plan = planned(&rules(&json!({})), &provisioned());
    assert_eq!((verdicts(&plan), calls(&plan)), (vec![], vec![]));
    let ids: BTreeSet<String> = plan.findings.iter().map(Finding::id).collect();
    assert_eq!(ids, BTreeSet::from(["BR-2/account", "BR-3", "BR-4/us-east-1", "BR-5"].map(str::to_owned)));
    assert!(plan.findings.iter().all(|finding| !finding.blocks), "Ready does not depend on it");
}

#[test]
fn what_is_not_proven_to_be_the_account_meant_is_not_judged() {
    let rules = rules(&json!({ "dataRetention": { "management": "Provision", "acceptAccountWideImpact": true } }));
    let plan = planned(
        &rules,
        &account(|observed| {
            observed.cluster = Ok(None);
            observed.settings.data_retention.insert("us-east-1".into(), Ok(INHERIT.into()));
        }),
    );
    assert!(plan.findings.len() == 4 && plan.findings.iter().all(|finding| finding.reason == Reason::DependenciesNotReady));
    assert_eq!(plan.actions, []);
}

#[test]
fn every_region_is_judged_by_its_own_mode() {
    use Reason::{DataRetained, DataSharedWithProvider, NotAuthorized, NotRead};
    let table = [
        (Ok(NONE), None, None),
        (Ok(INHERIT), Some((Verdict::Fail, DataRetained)), Some((Verdict::Unknown, NotRead))),
        (Ok("default"), Some((Verdict::Fail, DataRetained)), Some((Verdict::Unknown, NotRead))),
        (Ok("aws_review"), Some((Verdict::Fail, DataRetained)), None),
        (Ok("provider_data_share"), Some((Verdict::Fail, DataRetained)), Some((Verdict::Fail, DataSharedWithProvider))),
        (Ok("newer_than_this"), Some((Verdict::Fail, DataRetained)), Some((Verdict::Unknown, NotRead))),
        (Err(FaultClass::Denied), Some((Verdict::Unknown, NotAuthorized)), Some((Verdict::Unknown, NotAuthorized))),
    ];
    for (mode, retention, sharing) in table {
        let read = mode.map(str::to_owned).map_err(fault);
        let observed = account(|observed| drop(observed.settings.data_retention.insert("us-west-2".into(), read)));
        let plan = planned(&rules(&json!({ "approvedRegions": ["us-east-1", "us-west-2"] })), &observed);
        let wanted = retention.map(|(verdict, reason)| ("BR-4/us-west-2".to_owned(), verdict, reason)).into_iter();
        let wanted = wanted.chain(sharing.map(|(verdict, reason)| ("BR-5".to_owned(), verdict, reason)));
        assert_eq!(verdicts(&plan), wanted.collect::<Vec<_>>(), "{mode:?}");
        assert_eq!(calls(&plan), [""; 0], "{mode:?}: verified, never set");
        if retention.is_some_and(|(verdict, _)| verdict == Verdict::Fail) {
            let told = message(&plan, "BR-4/us-west-2");
            assert!(told.contains("put-account-data-retention --mode none --region us-west-2"), "{told}");
        }
    }
}

#[test]
fn a_region_out_of_reach_is_told_as_such() {
    let table = [(FaultClass::Credentials, "enabled in the account"), (FaultClass::NoPath, "a way to Bedrock there")];
    for (class, words) in table {
        let observed = account(|observed| {
            observed.settings.data_retention = ["us-east-1", "eu-south-2"].map(|region| (region.to_owned(), Err(fault(class)))).into();
        });
        let plan = planned(&rules(&json!({})), &observed);
        assert!(message(&plan, "BR-4/eu-south-2").contains(words));
        assert!(message(&plan, "BR-4/eu-south-2").contains("Code"));
        assert!(!message(&plan, "BR-4/us-east-1").contains(words), "at home it is what it says");
    }
}

#[test]
fn regions_are_where_prompts_may_be_processed() {
    let rules = rules(&json!({ "approvedRegions": ["us-east-2"] }));
    let profile = |region: &str| Profile {
        id: "us.profile".into(),
        model_arns: [format!("arn:aws:bedrock:{region}::foundation-model/m"), "arn:aws:bedrock:::foundation-model/m".into()].into(),
    };
    let profiles = BTreeMap::from([
        ("us.a".to_owned(), Ok(Some(profile("us-west-2")))),
        ("us.b".to_owned(), Ok(Some(profile("<us-destination-region>")))),
        ("us.c".to_owned(), Ok(None)),
        ("us.d".to_owned(), Err(fault(FaultClass::Throttled))),
    ]);
    assert_eq!(Vec::from_iter(regions(&rules, &profiles)), ["us-east-1", "us-east-2", "us-west-2"]);
}

// === Who may set what ===

const US: (&str, &str) = ("prod", "prod");
const NEIGHBOUR: (&str, &str) = ("other", "prod");

/// Claims that are held, on the environments of their holders too.
fn claimed(claims: &[(&str, (&str, &str))]) -> Claims {
    let scope = rules(&json!({})).scope;
    let mut policies = Vec::new();
    for (thing, (cluster, environment)) in claims.iter().copied().chain([("", US), ("", NEIGHBOUR)]) {
        let cluster_arn = scope.cluster_arn().replace("cluster/prod", &format!("cluster/{cluster}"));
        let on_environment = crate::domain::names::claim_on_environment(&cluster_arn, environment);
        let thing = if thing.is_empty() { on_environment } else { thing.to_owned() };
        let api_server = if cluster == US.0 { "api-1" } else { "api-3" };
        let holder = Holder {
            cluster_arn,
            environment: environment.into(),
            api_server: api_server.into(),
            issuer: if cluster == US.0 { "oidc.example/id/1".into() } else { "oidc.example/id/3".into() },
        };
        policies.push(ManagedPolicy {
            arn: scope.claim_arn(&format!("{thing}.1")),
            document: Some(holder.document()),
            ..ManagedPolicy::default()
        });
    }
    Claims::of(&policies)
}

/// A case: its name, what is declared, the mode found, who holds the claim, what is done, and why it does not pass.
type Row<'a> = (&'a str, Value, &'a str, Option<(&'a str, &'a str)>, Vec<&'a str>, Option<Reason>);

#[test]
fn a_setting_is_set_only_with_leave_and_never_over_someone_elses() {
    const THING: &str = "setting.us-east-1.data-retention";
    let put = "PutAccountDataRetention none in us-east-1";
    let take = "CreatePolicy setting.us-east-1.data-retention.1";
    let leave = json!({ "management": "Provision", "acceptAccountWideImpact": true });
    let adopt = json!({ "management": "Provision", "acceptAccountWideImpact": true, "adopt": true });
    let table: Vec<Row> = vec![
        ("nobody set it", leave.clone(), INHERIT, None, vec![take, put], Some(Reason::DataRetained)),
        ("someone did", leave.clone(), "default", None, vec![], Some(Reason::Conflict)),
        ("someone did, and we may replace it", adopt.clone(), "default", None, vec![take, put], Some(Reason::DataRetained)),
        ("we set it, and someone changed it", leave.clone(), "default", Some(US), vec![put], Some(Reason::DataRetained)),
        ("it is ours and as it should be", leave.clone(), NONE, Some(US), vec![], None),
        ("someone else's, and as it should be", leave.clone(), NONE, None, vec![], None),
        ("another environment keeps it", leave.clone(), INHERIT, Some(NEIGHBOUR), vec![], Some(Reason::SettingClaimed)),
        ("not even with adopt", adopt, "default", Some(NEIGHBOUR), vec![], Some(Reason::SettingClaimed)),
        ("no leave", json!({ "management": "Provision" }), INHERIT, None, vec![], Some(Reason::DataRetained)),
        ("verified", json!({ "acceptAccountWideImpact": true }), INHERIT, None, vec![], Some(Reason::DataRetained)),
        ("leave withdrawn", json!({}), NONE, Some(US), vec!["DeletePolicy setting.us-east-1.data-retention.1"], None),
    ];
    for (case, retention, mode, holder, wanted, reason) in table {
        let observed = account(|observed| {
            observed.settings.data_retention.insert("us-east-1".into(), Ok(mode.into()));
            observed.claims = Ok(claimed(&holder.map(|holder| (THING, holder)).into_iter().collect::<Vec<_>>()));
        });
        let plan = planned(&rules(&json!({ "dataRetention": retention })), &observed);
        assert_eq!(calls(&plan), wanted, "{case}");
        let found = plan.findings.iter().find(|finding| finding.id() == "BR-4/us-east-1").unwrap();
        assert_eq!((found.verdict != Verdict::Pass).then_some(found.reason), reason, "{case}");
        let plan = Plan { findings: Vec::new(), ..plan };
        for mode in [Mode::Audit, Mode::Hold(String::new())] {
            let restricted = plan.clone().restricted_to(&mode);
            assert_eq!(calls(&restricted), [""; 0], "{case}: {mode:?}");
        }
    }
}

#[test]
fn a_claim_that_is_taken_makes_its_own_setting_wait_and_no_other() {
    let waits = |region: &str| ClaimOn::Setting(Setting::DataRetention(region.to_owned()));
    let put = Action::PutAccountDataRetention { region: "us-east-1".into(), mode: NONE.into() };
    assert!(put.needs_claim(&waits("us-east-1")) && put.needs_claim(&ClaimOn::Environment));
    assert!(!put.needs_claim(&waits("us-west-2")) && !put.needs_claim(&ClaimOn::Setting(Setting::InvocationLogging("us-east-1".into()))));
}

#[test]
fn no_region_is_set_that_is_not_approved() {
    let rules = rules(&json!({ "dataRetention": { "management": "Provision", "acceptAccountWideImpact": true, "adopt": true } }));
    let observed = account(|observed| drop(observed.settings.data_retention.insert("us-west-2".into(), Ok(INHERIT.into()))));
    let plan = planned(&rules, &observed);
    assert_eq!(calls(&plan), [""; 0]);
    assert!(verdicts(&plan).contains(&("BR-4/us-west-2".into(), Verdict::Fail, Reason::DataRetained)));
}

#[test]
fn claims_on_settings_and_endpoints_do_not_disturb_each_other_and_go_with_the_environment() {
    let things = [("setting.us-east-1.data-retention", US), ("endpoint.us-east-1.vpc-1.bedrock", US)];
    let leave = rules(&json!({ "dataRetention": { "management": "Provision", "acceptAccountWideImpact": true } }));
    let observed = account(|observed| observed.claims = Ok(claimed(&things)));
    assert_eq!(calls(&planned(&leave, &observed)), [""; 0]);
    let released = claims::release(&EnvironmentInputs::of(&leave, &observed));
    assert_eq!(released.len(), 3, "{released:?}");
    let unread = EnvironmentObservation { claims: Err(fault(FaultClass::Denied)), ..empty() };
    assert_eq!(planned(&leave, &unread).actions, []);
}

// === Invocation logging ===

fn logging(group: Option<&str>, bucket: Option<&str>, delivers: &[(DataKind, bool)]) -> InvocationLogging {
    InvocationLogging {
        log_group: group.map(|name| LogGroup {
            name: name.into(),
            role_arn: "arn:aws:iam::123456789012:role/logs".into(),
            large_data: None,
        }),
        bucket: bucket.map(|name| Bucket { name: name.into(), prefix: None }),
        delivers: delivers.iter().copied().collect(),
    }
}

fn all(delivered: bool) -> Vec<(DataKind, bool)> {
    DataKind::ALL.map(|kind| (kind, delivered)).into()
}

#[test]
fn logging_has_one_of_three_shapes() {
    use Reason::{DeclaredOnly, LoggingDiffers, NotRead, PromptsLogged, UnrecognizedValue};
    let off = || logging(None, None, &all(true));
    let metadata = || logging(Some("calls"), None, &all(false));
    let content = || logging(Some("calls"), None, &[(DataKind::Text, true)]);
    let untold = || logging(Some("calls"), None, &[(DataKind::Text, false), (DataKind::Image, false), (DataKind::Embedding, false)]);
    let both = || logging(Some("calls"), Some("vault"), &all(true));
    let shape = |shape: &str| json!({ "shape": shape });
    let store = json!({ "shape": "ProtectedStore", "logGroupName": "calls" });
    let pass = None;
    let fail = |reason| Some((Verdict::Fail, reason));
    let unknown = |reason| Some((Verdict::Unknown, reason));
    let table = [
        (Value::Null, off(), pass),
        (Value::Null, metadata(), pass),
        (Value::Null, content(), fail(PromptsLogged)),
        (Value::Null, untold(), unknown(NotRead)),
        (shape("Disabled"), off(), pass),
        (shape("Disabled"), metadata(), fail(LoggingDiffers)),
        (shape("Disabled"), content(), fail(PromptsLogged)),
        (shape("MetadataOnly"), metadata(), pass),
        (shape("MetadataOnly"), off(), fail(LoggingDiffers)),
        (shape("MetadataOnly"), untold(), unknown(NotRead)),
        (shape("MetadataOnly"), both(), fail(PromptsLogged)),
        (json!({ "shape": "MetadataOnly", "bucketName": "other" }), metadata(), fail(LoggingDiffers)),
        (store.clone(), content(), unknown(DeclaredOnly)),
        (store.clone(), both(), fail(PromptsLogged)),
        (store.clone(), off(), fail(LoggingDiffers)),
        (store.clone(), metadata(), fail(LoggingDiffers)),
        (json!({ "shape": "ProtectedStore", "logGroupName": "calls", "bucketName": "vault" }), content(), fail(LoggingDiffers)),
        (shape("NewerThanThis"), off(), fail(UnrecognizedValue)),
    ];
    for (declared, found, wanted) in table {
        let rules = rules(&json!({ "invocationLogging": declared }));
        let plan = planned(&rules, &account(|observed| observed.settings.invocation_logging = Ok(found.clone())));
        let wanted: Vec<_> = wanted.map(|(verdict, reason)| ("BR-3".to_owned(), verdict, reason)).into_iter().collect();
        assert_eq!(verdicts(&plan), wanted, "{declared} {found:?}: {}", message(&plan, "BR-3"));
        assert_eq!(calls(&plan), [""; 0], "{declared}: verified, never set");
    }
}

#[test]
fn logging_is_set_as_declared_and_then_left() {
    let leave = json!({ "management": "Provision", "acceptAccountWideImpact": true, "roleArn": "arn:aws:iam::123456789012:role/logs" });
    let with = |more: Value, adopt: bool| {
        let mut all = leave.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all["adopt"] = json!(adopt);
        rules(&json!({ "invocationLogging": all }))
    };
    let (take, put, delete) = (
        "CreatePolicy setting.us-east-1.invocation-logging.1",
        "PutModelInvocationLoggingConfiguration us-east-1",
        "DeleteModelInvocationLoggingConfiguration us-east-1",
    );
    let metadata = json!({ "shape": "MetadataOnly", "logGroupName": "calls" });
    let store = json!({ "shape": "ProtectedStore", "logGroupName": "calls" });
    let table = [
        ("nothing is set", with(metadata.clone(), false), logging(None, None, &[]), vec![take, put]),
        ("it is set", with(metadata.clone(), false), logging(Some("calls"), None, &all(false)), vec![]),
        ("the Region does not tell of video", with(metadata.clone(), false), logging(Some("calls"), None, &all(false)[..3]), vec![]),
        ("someone logs prompts", with(metadata.clone(), false), logging(Some("calls"), None, &all(true)), vec![]),
        ("and we may replace it", with(metadata, true), logging(Some("calls"), None, &all(true)), vec![take, put]),
        ("off is off", with(json!({ "shape": "Disabled" }), true), logging(None, None, &[]), vec![]),
        ("off over someone's", with(json!({ "shape": "Disabled" }), true), logging(None, Some("theirs"), &all(false)), vec![take, delete]),
        ("some of the prompts", with(store.clone(), true), logging(Some("calls"), None, &all(true)[..2]), vec![]),
        ("the store", with(store, false), logging(None, None, &[]), vec![take, put]),
    ];
    for (case, rules, found, wanted) in table {
        let observed = account(|observed| {
            observed.settings.invocation_logging = Ok(found);
            observed.claims = Ok(claimed(&[]));
        });
        let before = planned(&rules, &observed);
        assert_eq!(calls(&before), wanted, "{case}");
        let Some(Action::PutModelInvocationLogging { configuration, .. }) = before.actions.last() else { continue };
        let after = account(|observed| {
            observed.settings.invocation_logging = Ok(configuration.clone());
            observed.claims = Ok(claimed(&[("setting.us-east-1.invocation-logging", US)]));
        });
        assert_eq!(calls(&planned(&rules, &after)), [""; 0], "{case}: written once");
    }
}

// === Enforced guardrails ===

#[test]
fn a_guardrail_is_enforced_only_if_callers_have_no_say() {
    use Reason::{GuardrailNotEnforced, GuardrailSkippable, NotRead};
    let sure = EnforcedGuardrail {
        arn: ARN.into(),
        version: "3".into(),
        guards_all_of_system: Some(true),
        guards_all_of_messages: Some(true),
        ..EnforcedGuardrail::default()
    };
    let only = |model: &str| Some(BTreeSet::from([model.to_owned()]));
    let table = [
        ("none", vec![], Some((Verdict::Fail, GuardrailNotEnforced))),
        ("all", vec![sure.clone()], None),
        ("all, by name", vec![EnforcedGuardrail { included_models: only("ALL"), ..sure.clone() }], None),
        ("this model", vec![EnforcedGuardrail { included_models: only(MODEL), ..sure.clone() }], None),
        (
            "another model",
            vec![EnforcedGuardrail { included_models: only("amazon.nova"), ..sure.clone() }],
            Some((Verdict::Fail, GuardrailNotEnforced)),
        ),
        (
            "all but this",
            vec![EnforcedGuardrail { excluded_models: only(MODEL).unwrap(), ..sure.clone() }],
            Some((Verdict::Fail, GuardrailNotEnforced)),
        ),
        (
            "what callers tag",
            vec![EnforcedGuardrail { guards_all_of_messages: Some(false), ..sure.clone() }],
            Some((Verdict::Fail, GuardrailSkippable)),
        ),
        ("not told", vec![EnforcedGuardrail { guards_all_of_system: None, ..sure.clone() }], Some((Verdict::Unknown, NotRead))),
        ("a second that is sure", vec![EnforcedGuardrail { guards_all_of_system: Some(false), ..sure.clone() }, sure.clone()], None),
    ];
    for (case, enforced, wanted) in table {
        let observed = account(|observed| observed.settings.enforced_guardrails = Ok(enforced));
        let plan = planned(&rules(&json!({})), &observed);
        let wanted: Vec<_> = wanted.map(|(verdict, reason)| ("BR-2/account".to_owned(), verdict, reason)).into_iter().collect();
        assert_eq!(verdicts(&plan), wanted, "{case}");
        assert_eq!(calls(&plan), [""; 0], "{case}: never set");
    }
}

#[test]
fn models_that_take_no_guardrail_need_none_and_those_behind_profiles_do() {
    let embedding = rules_with(&json!({ "bedrock": { "models": ["amazon.titan-embed-text-v2:0", "cohere.rerank-v3-5:0"] } }));
    let none = account(|observed| observed.settings.enforced_guardrails = Ok(Vec::new()));
    assert!(planned(&embedding, &none).findings.iter().any(|finding| finding.verdict == Verdict::NotApplicable));
    let profiles = rules_with(&json!({ "bedrock": { "inferenceProfiles": ["us.a"], "approvedRegions": ["us-east-1", "us-west-2"] } }));
    let observed = account(|observed| {
        let model_arns = ["us-east-1", "us-west-2"].map(|region| format!("arn:aws:bedrock:{region}::foundation-model/anthropic.new"));
        observed.profiles.insert("us.a".into(), Ok(Some(Profile { id: "us.a".into(), model_arns: model_arns.into() })));
        observed.settings.enforced_guardrails =
            Ok(vec![EnforcedGuardrail { excluded_models: BTreeSet::from(["anthropic.new".to_owned()]), ..EnforcedGuardrail::default() }]);
    });
    assert!(message(&planned(&profiles, &observed), "BR-2/account").contains("anthropic.new"));
}
