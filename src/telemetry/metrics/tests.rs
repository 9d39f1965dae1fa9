use super::*;

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;

fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    value_in(&metrics.text(), series)
}

fn value_in(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().expect("a value is a number"))
}

fn of(control: Control, failing: bool) -> Finding {
    if failing {
        Finding::fail(control, ConditionType::IdentityReady, Reason::Drifted, "it differs")
    } else {
        Finding::pass(control, ConditionType::IdentityReady, "it holds")
    }
}

const FAILING: &str = r#"hipaa_operator_findings{kind="workload",control="IAM-1",verdict="Fail"}"#;
const HOLDING: &str = r#"hipaa_operator_findings{kind="workload",control="IAM-1",verdict="Pass"}"#;
const WAITING: &str = r#"hipaa_operator_objects_in_backoff{kind="workload"}"#;
const AGE: &str = r#"hipaa_operator_sweep_age_seconds{environment="prod"}"#;

#[test]
fn findings_follow_what_lives_and_how_it_is_judged_now() {
    let metrics = Metrics::default();
    let (one, two) = (ObjectKey::new("workload", "clinic", "one"), ObjectKey::new("workload", "clinic", "two"));
    metrics.judged(&one, &[of(Control::LeastPrivilege, true), of(Control::ExactTrust, false)]);
    metrics.judged(&two, &[of(Control::LeastPrivilege, true)]);
    metrics.judged(&two, &[of(Control::LeastPrivilege, true)]);
    assert_eq!((value(&metrics, FAILING), value(&metrics, HOLDING)), (Some(2.0), None));
    metrics.judged(&one, &[of(Control::LeastPrivilege, false)]);
    assert_eq!((value(&metrics, FAILING), value(&metrics, HOLDING)), (Some(1.0), Some(1.0)));
    metrics.gone(&two);
    metrics.gone(&two);
    assert_eq!((value(&metrics, FAILING), value(&metrics, HOLDING)), (Some(0.0), Some(1.0)));
    metrics.gone(&one);
    assert!(metrics.text().lines().filter(|line| line.starts_with("hipaa_operator_findings")).all(|line| line.ends_with(" 0")));
}

#[test]
fn an_object_waits_from_its_failed_pass_to_its_next_good_one_or_its_end() {
    let metrics = Metrics::default();
    let (one, two) = (ObjectKey::new("workload", "clinic", "one"), ObjectKey::new("workload", "clinic", "two"));
    metrics.failing(&one, false);
    assert_eq!(value(&metrics, WAITING), None);
    for object in [&one, &one, &two] {
        metrics.failing(object, true);
    }
    assert_eq!(value(&metrics, WAITING), Some(2.0));
    metrics.failing(&one, false);
    assert_eq!(value(&metrics, WAITING), Some(1.0));
    metrics.gone(&two);
    assert_eq!(value(&metrics, WAITING), Some(0.0));
}

#[test]
fn the_age_of_a_sweep_grows_until_a_good_one_and_ends_with_the_environment() {
    let metrics = Metrics::default();
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    let age = |seconds| value_in(&metrics.text_at(at(seconds)), AGE);
    assert_eq!(age(0), None);
    metrics.objects.swept("prod", false, at(10));
    assert_eq!(age(15), Some(5.0));
    metrics.objects.swept("prod", false, at(20));
    assert_eq!(age(25), Some(15.0), "a failed sweep makes nothing younger");
    metrics.objects.swept("prod", true, at(30));
    assert_eq!(age(31), Some(1.0));
    metrics.gone(&ObjectKey::new("workload", "clinic", "prod"));
    assert_eq!(age(32), Some(2.0));
    metrics.gone(&ObjectKey::new("environment", "", "prod"));
    assert_eq!(age(33), None);
}

#[test]
fn throttles_are_counted_by_service_and_transitions_once() {
    let metrics = Metrics::default();
    for class in [None, Some(FaultClass::Denied), Some(FaultClass::Throttled)] {
        metrics.called("iam", "CreateRole", class);
    }
    assert_eq!(value(&metrics, r#"hipaa_operator_aws_throttles_total{service="iam"}"#), Some(1.0));

    let condition = |status: &str| Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: "InPlace".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
    };
    let became = |status| format!(r#"hipaa_operator_condition_transitions_total{{kind="access",condition="Ready",status="{status}"}}"#);
    metrics.transitioned("access", &[], &[condition("Unknown")]);
    metrics.transitioned("access", &[condition("Unknown")], &[condition("True")]);
    metrics.transitioned("access", &[condition("True")], &[condition("True")]);
    let counts = ["True", "False", "Unknown"].map(|status| value(&metrics, &became(status)));
    assert_eq!(counts, [Some(1.0), None, Some(1.0)]);
}

#[test]
fn a_process_follows_until_it_leads() {
    let metrics = Metrics::default();
    assert_eq!(value(&metrics, "hipaa_operator_leader"), Some(0.0));
    metrics.leading(true);
    assert_eq!(value(&metrics, "hipaa_operator_leader"), Some(1.0));
}
