//! What someone made narrower stays and is reported, until a person asks for it back or the spec changes.

use aws_sdk_ec2::types::IpPermission;
use hipaa_operator::api::{PhiEnvironment, PhiWorkload, Verdict};
use hipaa_operator::policy::PolicyDocument;
use hipaa_operator::policy::document::Statement;

use crate::account::{Picture, endpoint, groups, keys, looks_like, picture, policy, set_policy};
use crate::scene::{ENVIRONMENT, HAIKU, Scene, access};

const RECONCILE_AT: &str = "hipaa-operator.io/reconcile-at";
/// What revokes the sessions of a role, as IAM's console writes it.
const REVOKE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
    "Condition":{"DateLessThan":{"aws:TokenIssueTime":"2031-01-01T00:00:00Z"}}}]}"#;
const DENY_ALL: &str = "arn:aws:iam::aws:policy/AWSDenyAll";

/// Three sweeps go by, and nothing is written.
async fn stays(scene: &Scene, narrowed: &Picture) {
    let counted = scene.counters().await;
    scene.sweeps(3).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), []);
    assert_eq!(picture(scene).await, *narrowed);
}

/// The document without its last allow, and with one more deny.
fn narrowed(document: &PolicyDocument) -> String {
    let mut document = document.clone();
    let last = document.statement.iter().rposition(|statement| !statement.resource.is_empty()).unwrap();
    let allow = document.statement.iter_mut().find(|statement| statement.action.len() > 1);
    match allow {
        Some(allow) => drop(allow.action.pop()),
        None => drop(document.statement.remove(last)),
    }
    let mut deny = Statement::deny("Responder", &["bedrock:*"], vec!["*".to_owned()]);
    deny.principal.clone_from(&document.statement[0].principal);
    document.statement.push(deny);
    document.to_json()
}

#[tokio::test]
async fn a_tighter_environment_stays_until_someone_asks() {
    let scene = Scene::ready().await;
    let before = picture(&scene).await;
    let (ec2, kms) = (scene.bed.emulators.ec2(), scene.bed.emulators.kms());

    let tighten = async || {
        let sts = endpoint(&scene, "sts").await;
        let document = narrowed(&PolicyDocument::parse(sts.policy_document().unwrap()).unwrap());
        let call = ec2.modify_vpc_endpoint().vpc_endpoint_id(sts.vpc_endpoint_id().unwrap()).policy_document(document);
        call.send().await.expect("ModifyVpcEndpoint");
    };
    tighten().await;
    let group = groups(&scene).await.into_iter().find(|group| group.group_name().unwrap().ends_with("/bedrock-runtime")).unwrap();
    let rules: Vec<IpPermission> = group.ip_permissions().to_vec();
    let call = ec2.revoke_security_group_ingress().group_id(group.group_id().unwrap()).set_ip_permissions(Some(rules));
    call.send().await.expect("RevokeSecurityGroupIngress");
    kms.disable_key().key_id(&keys(&scene).await[0]).send().await.expect("DisableKey");
    let tighter = picture(&scene).await;

    scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "Held").await;
    scene.because::<PhiEnvironment>(None, "prod", "KeyReady", "False", "Held").await;
    stays(&scene, &tighter).await;
    let controls = scene.environment().await.status.unwrap().controls;
    let held = controls.iter().filter(|control| control.verdict == Verdict::Held).count();
    assert_eq!(held, 3, "{controls:?}");
    scene.condition::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;

    scene.annotate::<PhiEnvironment>(None, "prod", RECONCILE_AT, Some("today")).await;
    looks_like(&scene, &before, "a wish brings it back").await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;

    tighten().await;
    kms.disable_key().key_id(&keys(&scene).await[0]).send().await.expect("DisableKey");
    let tighter = picture(&scene).await;
    scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "Held").await;
    scene.because::<PhiEnvironment>(None, "prod", "KeyReady", "False", "Held").await;
    stays(&scene, &tighter).await;
    scene.bed.apply(&format!("{ENVIRONMENT}  deletionPolicy: Retain\n")).await;
    looks_like(&scene, &before, "a change of the spec brings it back").await;
    scene.all_ready("summaries").await;
}

#[tokio::test]
async fn a_narrower_workload_stays_until_someone_asks() {
    let scene = Scene::ready().await;
    let before = picture(&scene).await;
    let iam = scene.bed.emulators.iam();
    let identity = scene.workload().await.status.unwrap().identity.unwrap();
    let role = scene.role().await;
    let document = policy(&scene, &identity.policy_arn).await.unwrap();

    set_policy(&scene, &identity.policy_arn, &narrowed(&document)).await;
    let call = iam.put_role_policy().role_name(&role).policy_name("AWSRevokeOlderSessions").policy_document(REVOKE);
    call.send().await.expect("PutRolePolicy");
    iam.attach_role_policy().role_name(&role).policy_arn(DENY_ALL).send().await.expect("AttachRolePolicy");
    let trust = before.iter().find(|(name, _)| name.ends_with(" trust")).map(|(_, trust)| PolicyDocument::parse(trust).unwrap());
    let mut trust = trust.unwrap();
    let mut deny = Statement::deny("Responder", &["sts:AssumeRoleWithWebIdentity"], vec![]);
    deny.principal.clone_from(&trust.statement[0].principal);
    trust.statement.push(deny);
    let call = iam.update_assume_role_policy().role_name(&role).policy_document(trust.to_json());
    call.send().await.expect("UpdateAssumeRolePolicy");
    let narrower = picture(&scene).await;

    let of_workload = (Some("clinic"), "notes");
    let held = async || scene.because::<PhiWorkload>(of_workload.0, of_workload.1, "IdentityReady", "False", "Held").await;
    held().await;
    stays(&scene, &narrower).await;
    let controls = scene.workload().await.status.unwrap().controls;
    assert!(controls.iter().filter(|control| control.verdict == Verdict::Held).count() >= 4, "{controls:?}");

    scene.annotate::<PhiWorkload>(of_workload.0, of_workload.1, RECONCILE_AT, Some("today")).await;
    let still_denied = before.iter().map(|(name, value)| {
        let left = name.ends_with(" inline") || name.ends_with(" attached");
        (name.clone(), if left { narrower[name].clone() } else { value.clone() })
    });
    let still_denied: Picture = still_denied.collect();
    looks_like(&scene, &still_denied, "policy and trust come back, the denies stay").await;
    held().await;
    stays(&scene, &still_denied).await;
    iam.delete_role_policy().role_name(&role).policy_name("AWSRevokeOlderSessions").send().await.expect("DeleteRolePolicy");
    iam.detach_role_policy().role_name(&role).policy_arn(DENY_ALL).send().await.expect("DetachRolePolicy");
    scene.all_ready("summaries").await;

    set_policy(&scene, &identity.policy_arn, &narrowed(&document)).await;
    held().await;
    scene.bed.apply(&access("summaries", HAIKU).replace("useCase", "operations: [Invoke, InvokeStream, CountTokens]\n  useCase")).await;
    scene.all_ready("summaries").await;
    let text = policy(&scene, &identity.policy_arn).await.unwrap().to_json();
    assert!(text.contains("InvokeModelWithResponseStream") && text.contains("CountTokens") && !text.contains("Responder"), "{text}");
}
