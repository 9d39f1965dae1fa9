//! The program around the controllers: probes, logs, the ways it starts and ends.

use std::fs;
use std::process::{Command, Output};

use crate::account::picture;
use crate::scene::{FLAGS, Scene};
use crate::support::operator;

const WRITES: &str = "hipaa_operator_kubernetes_writes_total";

#[tokio::test]
async fn it_answers_probes_restarts_after_a_crash_without_a_write_and_ends_well() {
    let scene = Scene::ready().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(scene.operator.get(path).await.unwrap().status, 200, "{path}");
    }
    let metrics = scene.operator.metrics().await;
    for name in ["hipaa_operator_reconciles_total", "hipaa_operator_reconcile_seconds_bucket", "hipaa_operator_aws_calls_total", WRITES] {
        assert!(metrics.contains(name), "{name}");
    }
    assert!(!metrics.contains("123456789012") && !metrics.contains("clinic"), "labels name no account and no object");

    let before = picture(&scene).await;
    let flags = [FLAGS, &["--log-format", "json"]].concat();
    let Scene { operator, bed } = scene;
    operator.kill();
    bed.free_lease().await;
    let mut restarted = bed.operator(&operator::binary(), &flags);
    restarted.wait_ready().await;
    let scene = Scene { operator: restarted, bed };
    scene.sweeps(3).await;
    assert_eq!(scene.changes_since(&std::collections::BTreeMap::default()).await.into_iter().collect::<Vec<_>>(), []);
    assert_eq!(scene.count(WRITES).await, 0);
    assert_eq!(picture(&scene).await, before);
    scene.all_ready("summaries").await;

    let log = scene.operator.log().to_owned();
    let Scene { operator, bed } = scene;
    operator.stop();
    let text = fs::read_to_string(log).unwrap();
    assert!(text.lines().count() > 0);
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
    }
    assert!(text.contains("ending"), "{text}");
    drop(bed);
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(operator::binary());
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.output().expect("the program can be started")
}

#[test]
fn it_refuses_what_it_cannot_mean() {
    let output = run(&["run"], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("AWS_ENDPOINT_URL") && said.contains("--allow-endpoint-override"), "{said}");
    let output = run(&["run"], &[("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:1")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("AWS_ENDPOINT_URL_IAM"));
    let output = run(&["run"], &[("KUBECONFIG", "/nowhere")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("no cluster"), "{said}");
    assert!(!run(&["run", "--sweep-interval", "0"], &[]).status.success());
    assert!(!run(&["run", "--log", "hipaa_operator=loud"], &[]).status.success());
    assert!(!run(&["run", "--lease-duration", "0"], &[]).status.success());
    let output = run(&["run", "--lease-duration", "10"], &[("HIPAA_OPERATOR_LEASE_RENEW_DEADLINE", "10")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("renew deadline"), "{said}");
}
