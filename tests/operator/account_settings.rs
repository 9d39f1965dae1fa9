//! What Bedrock keeps once for the whole account: judged in every Region, set only where the spec gives leave, and never by two.

use aws_sdk_bedrock::types::{CloudWatchConfig, LoggingConfig, S3Config};
use hipaa_operator::api::account_settings::{AccountSettingsStatus, LoggingConfigurationStatus};
use hipaa_operator::api::shared::ControlStatus;
use hipaa_operator::api::{PhiEnvironment, Verdict};
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use crate::account::picture;
use crate::scene::{ENVIRONMENT, SOON, Scene};
use crate::support::bed::Bed;
use crate::support::bedrock_stub::enforced_guardrail;
use crate::support::seed::Shape;

const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";
const KIND: &str = "AccountSettingsVerified";
const LOGS: &str = "arn:aws:iam::123456789012:role/bedrock-logs";

/// The environment with two approved Regions and one more line under `bedrock`.
fn environment(more: &str) -> String {
    format!("{ENVIRONMENT}    approvedRegions: [{EAST}, {WEST}]\n    {more}\n")
}

async fn settings(scene: &Scene) -> AccountSettingsStatus {
    scene.environment().await.status.and_then(|status| status.account_settings).unwrap_or_default()
}

/// Waits until the control is judged so, and gives what is told.
async fn control(scene: &Scene, id: &str, verdict: Verdict, reason: &str) -> ControlStatus {
    let judged = || async {
        let controls = scene.environment().await.status.unwrap_or_default().controls;
        let found = controls.iter().find(|control| control.id == id && control.verdict == verdict && control.reason == reason);
        found.cloned().ok_or_else(|| format!("{controls:?}"))
    };
    scene.bed.eventually(&format!("{id} is {verdict:?}, {reason}"), SOON, judged).await
}

async fn modes_are(scene: &Scene, east: &str, west: &str) {
    let stub = &scene.bed.emulators.bedrock;
    let as_wanted = || async {
        let found = (stub.mode(EAST), stub.mode(WEST));
        if found == (east.to_owned(), west.to_owned()) { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually("data retention is set", SOON, as_wanted).await;
}

/// Names of the claims on settings.
async fn claims(scene: &Scene) -> Vec<String> {
    picture(scene).await.into_keys().filter_map(|name| Some(format!("setting.{}", name.split_once("claims/setting.")?.1))).collect()
}

/// The state of invocation logging: the log group, and whether text is delivered.
async fn logged(scene: &Scene) -> Option<(String, Option<bool>)> {
    let answer = scene.bed.emulators.bedrock().get_model_invocation_logging_configuration().send().await;
    let found = answer.expect("GetModelInvocationLoggingConfiguration").logging_config?;
    Some((found.cloud_watch_config?.log_group_name, found.text_data_delivery_enabled))
}

async fn log_prompts_to_a_bucket(scene: &Scene) {
    let bucket = S3Config::builder().bucket_name("someones").key_prefix("logs").build().unwrap();
    let logging = LoggingConfig::builder().s3_config(bucket).text_data_delivery_enabled(true).build();
    let call = scene.bed.emulators.bedrock().put_model_invocation_logging_configuration().logging_config(logging);
    call.send().await.expect("PutModelInvocationLoggingConfiguration");
}

async fn log_metadata(scene: &Scene, group: &str) {
    let group = CloudWatchConfig::builder().log_group_name(group).role_arn(LOGS).build().unwrap();
    let logging = LoggingConfig::builder()
        .cloud_watch_config(group)
        .text_data_delivery_enabled(false)
        .image_data_delivery_enabled(false)
        .embedding_data_delivery_enabled(false)
        .video_data_delivery_enabled(false)
        .audio_data_delivery_enabled(false)
        .build();
    let call = scene.bed.emulators.bedrock().put_model_invocation_logging_configuration().logging_config(logging);
    call.send().await.expect("PutModelInvocationLoggingConfiguration");
}

#[tokio::test]
async fn every_region_is_judged_and_nothing_is_set_without_leave() {
    let scene = Scene::start().await;
    let stub = &scene.bed.emulators.bedrock;
    stub.retain(WEST, "inherit");
    scene.bed.apply(&environment("")).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    let told = control(&scene, "BR-4/us-west-2", Verdict::Fail, "DataRetained").await;
    assert!(told.message.contains("put-account-data-retention --mode none --region us-west-2"), "{}", told.message);
    scene.because::<PhiEnvironment>(None, "prod", "Compliant", "False", "DataRetained").await;
    scene.because::<PhiEnvironment>(None, "prod", KIND, "False", "DataRetained").await;
    assert_eq!(Vec::from_iter(stub.read()), [EAST, WEST]);

    stub.retain(WEST, "none");
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    let found = settings(&scene).await;
    let logging = found.invocation_logging.unwrap();
    assert_eq!(logging.shape.as_deref(), Some("Disabled"));
    assert!(logging.explanation.contains("scanners"), "{}", logging.explanation);
    assert_eq!(found.enforced_guardrails[0].version, "1");

    // A Region that does not know our credentials says nothing of those that work elsewhere.
    for (code, reason) in [
        ("AccessDeniedException", "NotAuthorized"),
        ("ThrottlingException", "Throttled"),
        ("UnrecognizedClientException", "CredentialsUnavailable"),
    ] {
        stub.refuse(WEST, Some(code));
        let told = control(&scene, "BR-4/us-west-2", Verdict::Unknown, reason).await;
        assert!(told.message.contains(code) && told.message.contains(WEST), "{}", told.message);
        scene.because::<PhiEnvironment>(None, "prod", "Compliant", "Unknown", reason).await;
        scene.because::<PhiEnvironment>(None, "prod", KIND, "Unknown", reason).await;
        scene.sweeps(2).await;
        assert_eq!(scene.count("hipaa_operator_credentials_broken").await, 0, "{code}");
    }
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    stub.refuse(WEST, None);
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;

    log_prompts_to_a_bucket(&scene).await;
    let told = control(&scene, "BR-3", Verdict::Fail, "PromptsLogged").await;
    assert!(told.message.contains("bucket someones"), "{}", told.message);
    log_metadata(&scene, "calls").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    assert_eq!(settings(&scene).await.invocation_logging.unwrap().shape.as_deref(), Some("MetadataOnly"));

    // The first page names another model; the second one covers ours.
    let mut other = enforced_guardrail();
    other["modelEnforcement"] = json!({ "includedModels": ["amazon.nova-pro-v1:0"], "excludedModels": [] });
    stub.enforce(vec![other.clone()]);
    control(&scene, "BR-2/account", Verdict::Fail, "GuardrailNotEnforced").await;
    stub.enforce(vec![other, enforced_guardrail()]);
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    let mut selective = enforced_guardrail();
    selective["selectiveContentGuarding"] = json!({ "system": "COMPREHENSIVE", "messages": "SELECTIVE" });
    stub.enforce(vec![selective]);
    control(&scene, "BR-2/account", Verdict::Fail, "GuardrailSkippable").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    assert_eq!((stub.changes(), claims(&scene).await), (vec![], vec![]));
}

#[tokio::test]
async fn with_leave_it_is_set_remembered_repaired_and_never_taken_from_someone() {
    let leave = "dataRetention: { management: Provision, acceptAccountWideImpact: true }";
    let adopt = "dataRetention: { management: Provision, acceptAccountWideImpact: true, adopt: true }";
    let scene = Scene::start().await;
    let stub = &scene.bed.emulators.bedrock;
    stub.retain(EAST, "inherit");
    stub.retain(WEST, "provider_data_share");
    scene.bed.apply(&environment(leave).replace("Enforce", "Audit")).await;
    scene.because::<PhiEnvironment>(None, "prod", KIND, "False", "WithheldByAudit").await;
    scene.sweeps(2).await;
    assert_eq!((stub.changes(), claims(&scene).await), (vec![], vec![]));

    scene.bed.apply(&environment(leave)).await;
    modes_are(&scene, "none", "provider_data_share").await;
    let told = control(&scene, "BR-4/us-west-2", Verdict::Fail, "Conflict").await;
    assert!(told.message.contains("adopt: true"), "{}", told.message);
    control(&scene, "BR-5", Verdict::Fail, "DataSharedWithProvider").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    assert_eq!(claims(&scene).await, ["setting.us-east-1.data-retention.1"]);

    scene.bed.apply(&environment(adopt)).await;
    modes_are(&scene, "none", "none").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    let previous = |settings: AccountSettingsStatus| settings.data_retention.into_iter().map(|one| one.previous_mode).collect::<Vec<_>>();
    assert_eq!(previous(settings(&scene).await), [Some("inherit".to_owned()), Some("provider_data_share".to_owned())]);

    // What is ours by its claim is repaired, and what was before is not forgotten.
    scene.bed.apply(&environment(leave)).await;
    stub.retain(EAST, "default");
    modes_are(&scene, "none", "none").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    assert_eq!(previous(settings(&scene).await), [Some("inherit".to_owned()), Some("provider_data_share".to_owned())]);

    // Without leave the claims go, and the values stay.
    scene.bed.apply(&environment("")).await;
    let released = || async {
        let claims = claims(&scene).await;
        if claims.is_empty() { Ok(()) } else { Err(format!("{claims:?}")) }
    };
    scene.bed.eventually("the claims are released", SOON, released).await;
    modes_are(&scene, "none", "none").await;
    assert_eq!(stub.changes().len(), 3, "{:?}", stub.changes());
}

#[tokio::test]
async fn two_environments_never_fight_over_logging_and_a_deletion_restores_nothing() {
    let metadata = format!(
        "invocationLogging: {{ shape: MetadataOnly, management: Provision, acceptAccountWideImpact: true, adopt: true, logGroupName: calls, roleArn: '{LOGS}' }}"
    );
    let off = "invocationLogging: { shape: Disabled, management: Provision, acceptAccountWideImpact: true, adopt: true }";
    let first = Scene::on(Bed::start(Shape::default()).await, &[]).await;
    log_prompts_to_a_bucket(&first).await;
    first.bed.apply(&environment(&metadata)).await;
    first.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
    assert_eq!(logged(&first).await, Some(("calls".to_owned(), Some(false))));
    let previous = settings(&first).await.invocation_logging.unwrap().previous.unwrap();
    let before = LoggingConfigurationStatus {
        bucket: Some("someones/logs".to_owned()),
        delivers: vec!["text".to_owned()],
        ..LoggingConfigurationStatus::default()
    };
    assert_eq!(previous, before);

    let second = Scene::on(first.bed.beside("second").await, &[]).await;
    second.bed.apply(&environment(off).replace("clusterName: prod", "clusterName: second")).await;
    let told = control(&second, "BR-3", Verdict::Fail, "SettingClaimed").await;
    assert!(told.message.contains("environment prod of cluster arn:aws:eks:us-east-1:123456789012:cluster/prod"), "{}", told.message);
    second.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    first.sweeps(2).await;
    second.sweeps(2).await;
    assert_eq!(logged(&first).await, Some(("calls".to_owned(), Some(false))));

    // The first one goes: its claim with it, and what it set stays until the second one, which now may, sets it.
    second.operator.stop();
    first.delete::<PhiEnvironment>(None, "prod").await;
    let environments: Api<PhiEnvironment> = Api::all(first.bed.client());
    let gone = || async {
        let left = environments.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items.len();
        if left == 0 { Ok(()) } else { Err(left.to_string()) }
    };
    first.bed.eventually("the environment is gone", SOON, gone).await;
    assert_eq!(claims(&first).await, Vec::<String>::new());
    assert_eq!(logged(&first).await, Some(("calls".to_owned(), Some(false))));
    let second = Scene::on(second.bed, &[]).await;
    let turned_off = || async { logged(&second).await.map_or(Ok(()), |found| Err(format!("{found:?}"))) };
    second.bed.eventually("logging is off", SOON, turned_off).await;
    second.condition::<PhiEnvironment>(None, "prod", "Compliant", "True").await;
}
