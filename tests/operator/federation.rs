//! Roles that others made and that let a workload's service account in too.

use crate::scene::{SOON, Scene};

#[tokio::test]
async fn a_role_of_others_that_lets_a_workload_in_is_found_by_the_next_sweep_and_left() {
    let scene = Scene::ready().await;
    let issuer = scene.environment().await.status.unwrap().scope.unwrap().oidc_issuer;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
        "Principal":{{"Federated":"arn:aws:iam::123456789012:oidc-provider/{issuer}"}},
        "Condition":{{"StringLike":{{"{issuer}:sub":"system:serviceaccount:clin*:*"}}}}}}]}}"#
    );
    let iam = scene.bed.emulators.iam();
    iam.create_role().role_name("reports").assume_role_policy_document(trust).send().await.expect("CreateRole");
    let told = |wanted: bool| {
        let scene = &scene;
        async move {
            let controls = scene.environment().await.status.unwrap_or_default().controls;
            let found = controls.iter().find(|control| control.reason == "TrustedElsewhere");
            match found {
                Some(control) if wanted && control.message.contains("clinic/notes") && control.message.contains("role/reports") => Ok(()),
                None if !wanted => Ok(()),
                other => Err(format!("{other:?}")),
            }
        }
    };
    scene.bed.eventually("the role is told of", SOON, || told(true)).await;
    let found = iam.get_role().role_name("reports").send().await.expect("GetRole").role.expect("it is left");
    assert_eq!(found.role_name, "reports");
    iam.delete_role().role_name("reports").send().await.expect("DeleteRole");
    scene.bed.eventually("and no longer", SOON, || told(false)).await;
}
