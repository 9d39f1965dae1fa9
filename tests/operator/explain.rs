//! What a service account can really do, told by the shipped binary from what is live.

use std::process::Output;

use serde_json::Value;

use crate::observe::{run, said};
use crate::scene::{HAIKU, Scene};

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn explain(scene: &Scene, more: &[&str], variables: &[(&str, &str)]) -> Output {
    run(&scene.bed, &[&["explain", "--allow-endpoint-override"], more].concat(), variables)
}

fn json(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said(output)))
}

fn power<'a>(explained: &'a Value, action: &str) -> &'a Value {
    let powers = explained["allowed"].as_array().expect("powers are a list");
    powers.iter().find(|power| power["action"] == action).unwrap_or_else(|| panic!("no {action} in {explained:#}"))
}

#[tokio::test]
async fn a_service_account_is_explained_as_it_is_and_nothing_is_written() {
    let mut scene = Scene::ready().await;
    scene.operator.end();
    let recorder = scene.bed.emulators.recorder();
    recorder.start().await;
    let explained = json(&explain(&scene, &["clinic/notes", "-o", "json"], &[]), 0);
    let invoke = power(&explained, "bedrock:InvokeModel");
    assert_eq!(invoke["resource"], format!("arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"));
    assert_eq!(invoke["effective"], "Yes");
    assert!(invoke["origins"][0].as_str().unwrap().starts_with("BedrockAccess clinic/summaries spec.models"), "{invoke:#}");
    assert_eq!((&explained["notAsDeclared"], &explained["unknown"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert_eq!(explained["role"].as_str(), scene.workload().await.status.unwrap().identity.map(|identity| identity.role_arn).as_deref());
    let text = explain(&scene, &["clinic/notes"], &[]);
    assert_eq!(text.status.code(), Some(0), "{}", said(&text));
    for words in [
        "trusts system:serviceaccount:clinic:notes",
        "bedrock-runtime: through vpce-",
        "role yes, boundary yes, endpoint yes",
        "bedrock-mantle:*",
    ] {
        assert!(said(&text).contains(words), "{words:?} is not in\n{}", said(&text));
    }

    // What someone adds is told, with what the boundary leaves of it.
    let role = scene.role().await;
    let iam = scene.bed.emulators.iam();
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    iam.put_role_policy().role_name(&role).policy_name("more").policy_document(everything).send().await.expect("PutRolePolicy");
    iam.attach_role_policy().role_name(&role).policy_arn(ADMINISTRATOR).send().await.expect("AttachRolePolicy");
    let tampered = json(&explain(&scene, &["clinic/notes", "--output", "json"], &[]), 1);
    let all = power(&tampered, "*");
    assert_eq!((&all["roleLetsThrough"], &all["boundaryLetsThrough"], &all["effective"]), (&"Yes".into(), &"No".into(), &"No".into()));
    let differs = tampered["notAsDeclared"].to_string();
    assert!(differs.contains("more gives the role more than declared") && differs.contains("AdministratorAccess"), "{differs}");

    // What cannot be read is named, and nothing is claimed of it.
    let closed = [("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:1")];
    let unread = json(&explain(&scene, &["clinic/notes", "-o", "json"], &closed), 1);
    assert_eq!((&unread["allowed"], unread.get("role")), (&Value::Array(vec![]), None));
    assert!(unread["unknown"].to_string().contains("the role could not be read"), "{unread:#}");
    let written: Vec<_> = recorder.stop().await.into_iter().filter(|call| call.mutating).map(|call| call.operation).collect();
    assert_eq!(written, ["PutRolePolicy", "AttachRolePolicy"], "but for what was done here");

    for (arguments, words) in [
        (["clinic/nobody"], "no PhiWorkload in namespace clinic has service account nobody"),
        (["nowhere/notes"], "no PhiWorkload in namespace nowhere"),
        (["notes"], "NAMESPACE/NAME"),
    ] {
        let refused = explain(&scene, &arguments, &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(words), "{}", said(&refused));
    }
}
