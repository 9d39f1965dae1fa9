//! The steps of the tour beside the tampering.

use hipaa_operator::api::annotations::ROLE_ARN;
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, DeleteParams};

use crate::out;
use crate::stage::Stage;
use crate::{account, reads, tables};

/// What is applied, in this order: the workload needs its namespace.
const MANIFESTS: [(&str, &str); 4] = [
    ("environment.yaml", include_str!("manifests/environment.yaml")),
    ("deployment.yaml", include_str!("manifests/deployment.yaml")),
    ("workload.yaml", include_str!("manifests/workload.yaml")),
    ("access.yaml", include_str!("manifests/access.yaml")),
];
/// What the table of our kinds equals.
const GET_OURS: &str = "kubectl get phienv,phiw,bra -A";

/// Applies the manifests.
///
/// # Panics
/// If the API server refuses one.
pub async fn apply(stage: &Stage) {
    out::heading("Three manifests, and an application that knows nothing of them");
    for (name, yaml) in MANIFESTS {
        stage.bed.apply(yaml).await;
        out::seen(&format!("kubectl apply -f tests/demo/manifests/{name}"));
    }
}

/// Waits until all is ready.
pub async fn become_ready(stage: &Stage) -> Result<(), String> {
    stage.ready::<PhiEnvironment>(None, "prod").await?;
    stage.ready::<PhiWorkload>(Some("clinic"), "notes").await?;
    stage.ready::<BedrockAccess>(Some("clinic"), "summaries").await
}

/// Shows what exists now.
pub async fn show(stage: &Stage) -> Result<(), String> {
    let client = stage.bed.client();
    out::heading(GET_OURS);
    out::shown(&tables::ours(&client).await?);
    out::heading("kubectl get deployments,networkpolicies -n clinic");
    out::shown(&tables::of_clinic(&client).await?);
    let role_arn = role_of_service_account(stage).await?.ok_or("service account notes has no role")?;
    out::seen(&format!("service account clinic/notes has {ROLE_ARN}: {role_arn}"));

    out::heading("What now exists in AWS");
    out::shown(&account::listing(&stage.bed).await?);
    out::heading("The policy of the workload's role: the declared model, the declared operations, and nothing else");
    let iam = stage.bed.emulators.iam();
    out::shown(&account::pretty(&reads::policy(&iam, &policy_of_workload(stage).await?).await?));
    Ok(())
}

/// After the repairs all is as it was.
pub async fn still_ready(stage: &Stage) -> Result<(), String> {
    out::heading("After the repairs");
    become_ready(stage).await?;
    out::shown(&format!("$ {GET_OURS}\n{}", tables::ours(&stage.bed.client()).await?));
    Ok(())
}

/// Deletes the access, and waits until what stood on it is gone and what must stay is still there.
pub async fn delete_access(stage: &Stage) -> Result<(), String> {
    out::heading("The access is deleted");
    let policy_arn = policy_of_workload(stage).await?;
    let key = reads::environment_key(&stage.bed.emulators.kms()).await?;
    let accesses: Api<BedrockAccess> = Api::namespaced(stage.bed.client(), "clinic");
    accesses.delete("summaries", &DeleteParams::default()).await.map_err(|error| error.to_string())?;
    out::doing("kubectl delete bra summaries -n clinic");

    let iam = &stage.bed.emulators.iam();
    let roles = || async {
        let left = reads::role_names(iam).await?;
        if left.is_empty() { Ok(()) } else { Err(format!("there is {}", left.join(", "))) }
    };
    stage.until("the role is gone", roles).await?;
    out::seen("the role is gone");
    let policies = || async {
        let left = reads::policy_arns(iam).await?;
        if left.contains(&policy_arn) { Err(format!("there is {policy_arn}")) } else { Ok(()) }
    };
    stage.until("its policy is gone", policies).await?;
    out::seen("its policy is gone");
    let annotation = || async {
        let found = role_of_service_account(stage).await?;
        found.map_or(Ok(()), |role_arn| Err(format!("it is {role_arn}")))
    };
    stage.until("the service account's annotation is gone", annotation).await?;
    out::seen("the service account's annotation is gone");
    let gone = || async {
        let found = accesses.get_opt("summaries").await.map_err(|error| error.to_string())?;
        found.map_or(Ok(()), |_| Err("it is still there".to_owned()))
    };
    stage.until("the access itself is gone", gone).await?;
    out::seen("the access itself is gone");

    let kept = reads::environment_key(&stage.bed.emulators.kms()).await?;
    if kept.id != key.id || kept.state != "Enabled" {
        return Err(format!("the key was {} and is {} {}", key.id, kept.id, kept.state));
    }
    out::seen(&format!("the key is kept: {} {} {}", kept.alias, kept.id, kept.state));
    Ok(())
}

/// Says how to work with what is left running.
pub fn how_to_reach(stage: &Stage) {
    out::heading("Left running until Ctrl-C; in another terminal");
    for (name, value) in stage.bed.environment() {
        out::shown(&format!("export {name}={value}"));
    }
    // The AWS CLI's first version knows no other name of it.
    out::shown(&format!("export AWS_DEFAULT_REGION={}", stage.bed.shape.region));
    out::shown(&format!("{GET_OURS}\naws iam list-roles --path-prefix {}", reads::PATH));
    out::shown(&format!("curl {}/metrics", stage.operator.url()));
    out::shown(&format!("tail -f {}", stage.operator.log().display()));
}

/// The role that the service account's pods get.
async fn role_of_service_account(stage: &Stage) -> Result<Option<String>, String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(stage.bed.client(), "clinic");
    let account = accounts.get("notes").await.map_err(|error| error.to_string())?;
    Ok(account.metadata.annotations.and_then(|mut annotations| annotations.remove(ROLE_ARN)))
}

async fn policy_of_workload(stage: &Stage) -> Result<String, String> {
    Ok(reads::identity(&stage.bed.client()).await?.policy_arn)
}
