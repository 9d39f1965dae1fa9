//! Managed policies of the platform's on a workload's role: attached by name, counted as declared, and taken off with their declaration.

use hipaa_operator::api::PhiWorkload;

use crate::account::roles;
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};

const CLINIC: Option<&str> = Some("clinic");
const READS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:GetLogEvents","Resource":"*"}]}"#;

fn arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:policy/platform/{name}")
}

/// The environment with these policies, each as YAML without its name and ARN.
fn environment(policies: &[(&str, &str)]) -> String {
    let one = |(name, more): &(&str, &str)| format!("{{ name: {name}, arn: '{}'{more} }}", arn(name));
    format!("{ENVIRONMENT}  identity: {{ additionalPolicies: [{}] }}\n", policies.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn workload(policies: &str) -> String {
    format!("{WORKLOAD}  additionalPolicies: {policies}\n")
}

/// Waits until the workload's role has exactly these policies beside our own.
async fn role_has(scene: &Scene, wanted: &[&str]) {
    let wanted: Vec<String> = wanted.iter().map(|name| arn(name)).collect();
    let ask = || async {
        let role = roles(scene).await.into_iter().next().ok_or("no role")?;
        let answer = scene.bed.emulators.iam().list_attached_role_policies().role_name(&role).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        let mut found: Vec<&str> = answer.attached_policies().iter().filter_map(|policy| policy.policy_arn()).collect();
        let own = found.iter().position(|arn| arn.contains("/hipaa-operator/")).ok_or("our own is not attached")?;
        found.remove(own);
        found.sort_unstable();
        if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually(&format!("the role has {wanted:?}"), SOON, ask).await;
}

#[tokio::test]
async fn a_policy_comes_by_its_name_and_goes_with_its_declaration() {
    let scene = Scene::start().await;
    for name in ["logs", "traces"] {
        let call = scene.bed.emulators.iam().create_policy().policy_name(name).path("/platform/").policy_document(READS);
        call.send().await.expect("CreatePolicy");
    }
    let (logs, traces) = (("logs", ""), ("traces", ", namespaceSelector: { matchLabels: { team: research } }"));
    scene.bed.apply(&environment(&[logs, traces])).await;
    scene.bed.apply(&workload("[logs]")).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    role_has(&scene, &["logs"]).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "PoliciesResolved", "True", "InPlace").await;
    assert!(told.message.contains("policy logs is attached") && told.message.contains("the rest has no effect"), "{}", told.message);
    scene.condition::<PhiWorkload>(CLINIC, "notes", "Compliant", "True").await;
    assert_eq!(scene.workload().await.status.unwrap().identity.unwrap().additional_policies, [arn("logs")]);
    let counted = scene.counters().await;
    scene.sweeps(3).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), [], "it is no drift");

    let role = scene.role().await;
    let call = scene.bed.emulators.iam().detach_role_policy().role_name(&role).policy_arn(arn("logs"));
    call.send().await.expect("DetachRolePolicy");
    role_has(&scene, &[]).await;
    role_has(&scene, &["logs"]).await;

    scene.bed.apply(&workload("[logs, traces]")).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "PoliciesResolved", "False", "AdditionalPolicyNotAdmitted").await;
    assert!(told.message.contains("does not give additional policy traces to namespace clinic"), "{}", told.message);
    role_has(&scene, &["logs"]).await;

    // A hold keeps nothing that the environment no longer declares.
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/hold", Some("incident 7")).await;
    scene.bed.apply(&environment(&[("traces", ""), ("nowhere", "")])).await;
    role_has(&scene, &[]).await;
    scene.annotate::<PhiWorkload>(CLINIC, "notes", "hipaa-operator.io/hold", None).await;
    role_has(&scene, &["traces"]).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "PoliciesResolved", "False", "AdditionalPolicyNotFound").await;
    scene.bed.apply(&workload("[traces, nowhere]")).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "PoliciesResolved", "False", "AdditionalPolicyNotFound").await;
    assert!(told.message.contains("policy/platform/nowhere") && told.message.contains("does not exist"), "{}", told.message);
    role_has(&scene, &["traces"]).await;

    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    let gone = || async {
        let left = roles(&scene).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    scene.bed.eventually("the role is gone", SOON, gone).await;
    for name in ["logs", "traces"] {
        scene.bed.emulators.iam().get_policy().policy_arn(arn(name)).send().await.expect("the platform's policy stays");
    }
}
