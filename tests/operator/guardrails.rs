//! Guardrails: made, published once, pinned in roles, rolled out, repaired.

use hipaa_operator::api::{BedrockAccess, PhiEnvironment};
use serde_json::json;

use crate::account::policy;
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};

const ID: &str = "gr1";

/// The environment with a guardrail of the operator's making.
fn environment(more: &str) -> String {
    let (head, _) = ENVIRONMENT.split_once("    guardrails:").unwrap();
    let guardrail = "management: Provision, default: true, kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/guardrail', \
                     piiEntities: [{ type: NAME, action: ANONYMIZE }, { type: EMAIL, action: BLOCK }], \
                     regexes: [{ name: mrn, pattern: 'MRN-[0-9]{8}', action: BLOCK }]";
    format!("{head}    guardrails: [{{ name: phi, {guardrail}{more} }}]\n")
}

/// Waits until the workload's role may name exactly these versions.
async fn pinned(scene: &Scene, versions: &[&str]) {
    let ask = || async {
        let identity = scene.workload().await.status.and_then(|status| status.identity).ok_or("no identity")?;
        let document = policy(scene, &identity.policy_arn).await.ok_or("no policy")?.to_value();
        let statements = document["Statement"].as_array().cloned().unwrap_or_default();
        let deny = statements.iter().find(|one| one["Sid"] == "WithoutGuardrail").ok_or("nothing is denied")?;
        let named = &deny["Condition"]["StringNotEquals"]["bedrock:GuardrailIdentifier"];
        let wanted: Vec<String> =
            versions.iter().map(|version| format!("arn:aws:bedrock:us-east-1:123456789012:guardrail/{ID}:{version}")).collect();
        let wanted = if let [one] = wanted.as_slice() { json!(one) } else { json!(wanted) };
        if *named == wanted { Ok(()) } else { Err(format!("{named} instead of {wanted}")) }
    };
    scene.bed.eventually(&format!("versions {versions:?} are pinned"), SOON, ask).await;
}

async fn ready(scene: &Scene) {
    scene.condition::<PhiEnvironment>(None, "prod", "GuardrailsReady", "True").await;
    scene.all_ready("summaries").await;
}

#[tokio::test]
async fn a_guardrail_is_published_once_for_each_change_and_rolled_out() {
    let scene = Scene::start().await;
    let changes = || scene.bed.emulators.bedrock.guardrails(|guardrails| guardrails.changes.clone());
    scene.bed.apply(&environment("")).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    ready(&scene).await;
    pinned(&scene, &["1"]).await;
    scene.sweeps(3).await;
    assert_eq!(changes(), ["CreateGuardrail", "CreateGuardrailVersion"], "other orders and what Bedrock adds are no difference");

    // A new version: the old one may be named until the overlap ends or a person confirms.
    scene.bed.apply(&environment(", blockedMessage: 'Not here.'")).await;
    pinned(&scene, &["1", "2"]).await;
    ready(&scene).await;
    assert_eq!(changes()[2..], ["UpdateGuardrail", "CreateGuardrailVersion"]);
    scene.annotate::<PhiEnvironment>(None, "prod", "hipaa-operator.io/confirm-guardrail", Some("phi:2")).await;
    pinned(&scene, &["2"]).await;

    // A draft that somebody weakens is named and mended; what is published is as it was.
    let weaken = |draft: &mut serde_json::Value| {
        draft["sensitiveInformationPolicyConfig"]["piiEntitiesConfig"].as_array_mut().unwrap().retain(|entity| entity["type"] != "NAME");
    };
    scene.bed.emulators.bedrock.guardrails(|guardrails| guardrails.tamper(ID, weaken));
    let mended = || async {
        let made = changes();
        if made[4..] == ["UpdateGuardrail"] { Ok(()) } else { Err(format!("{made:?}")) }
    };
    scene.bed.eventually("the draft is mended", SOON, mended).await;
    scene.sweeps(2).await;
    assert_eq!(changes()[4..], ["UpdateGuardrail"], "and nothing is published");
    pinned(&scene, &["2"]).await;

    // One that somebody deleted is made again, as another one.
    scene.bed.emulators.bedrock.guardrails(|guardrails| guardrails.lose(ID));
    let again = || async {
        let made = changes();
        if made[5..] == ["CreateGuardrail", "CreateGuardrailVersion"] { Ok(()) } else { Err(format!("{made:?}")) }
    };
    scene.bed.eventually("it is made again", SOON, again).await;
}

#[tokio::test]
async fn a_living_access_keeps_its_guardrail_until_another_is_ready() {
    let scene = Scene::start().await;
    scene.bed.apply(&environment("")).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    ready(&scene).await;
    pinned(&scene, &["1"]).await;
    // The platform renames it and names one that is not there: nobody's calls go without a guardrail.
    let (head, _) = ENVIRONMENT.split_once("    guardrails:").unwrap();
    let gone = "{ name: other, management: Verify, default: true, guardrailId: nothing, version: '7' }";
    scene.bed.apply(&format!("{head}    guardrails: [{gone}]\n")).await;
    scene.because::<PhiEnvironment>(None, "prod", "GuardrailsReady", "False", "GuardrailNotFound").await;
    scene.condition::<BedrockAccess>(Some("clinic"), "summaries", "ModelsResolved", "Unknown").await;
    scene.sweeps(2).await;
    pinned(&scene, &["1"]).await;
    assert_eq!(
        scene.bed.emulators.bedrock.guardrails(|guardrails| guardrails.changes.clone()),
        ["CreateGuardrail", "CreateGuardrailVersion"],
        "it is left"
    );
    // Another access is not given without one.
    scene.bed.apply(&access("letters", HAIKU)).await;
    let told = scene.condition::<BedrockAccess>(Some("clinic"), "letters", "ModelsResolved", "Unknown").await;
    assert_eq!(told.reason, "GuardrailNotReady", "{}", told.message);
}
