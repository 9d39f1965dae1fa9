//! The operator's permissions are exactly what its program uses: the shipped binary works as the chart's service account through
//! everything that makes it talk to the API, and the API server's audit log says what it used.

mod scenario;

use std::fs;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;

use futures::FutureExt as _;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::comparison::differences;
use crate::flags::environment;
use crate::helm::{NAMESPACE, OPERATOR, chart, helm, objects, render};
use crate::support::bed::Bed;
use crate::support::control_plane::AUDIT_LOG;
use crate::support::seed::Shape;
use crate::{audit_log, grants};

/// Fewer requests than this are no scenario.
const MANY: usize = 100;

#[tokio::test]
async fn the_service_account_may_do_what_the_program_does_and_nothing_else() {
    let bed = Bed::start_audited(Shape::default()).await;
    let install = ["install", OPERATOR, &chart(OPERATOR), "--namespace", NAMESPACE, "--create-namespace"];
    helm(&install, Some(bed.control_plane.kubeconfig())).unwrap_or_else(|error| panic!("{error}"));
    let mut variables = environment(&objects(&render(OPERATOR, &[]).unwrap()));
    variables.push(("KUBECONFIG".to_owned(), kubeconfig(&bed).await.display().to_string()));

    let granted = grants::of(&bed.client(), NAMESPACE, OPERATOR).await;
    let log = bed.folder.path().join(AUDIT_LOG);

    let played = AssertUnwindSafe(scenario::play(bed, &variables)).catch_unwind().await;
    let record = audit_log::read(&log, &format!("system:serviceaccount:{NAMESPACE}:{OPERATOR}"));
    let mut wrong: Vec<_> = record.forbidden.iter().map(|request| format!("forbidden: {request}")).collect();
    wrong.extend(differences(&granted, &record.used, &[NAMESPACE, "kube-system"]));
    let _bed = played.unwrap_or_else(|panic| {
        // What was not reached yet cannot have been used.
        let lacking = wrong.iter().filter(|line| !line.starts_with("granted")).cloned().collect::<Vec<_>>().join("\n  ");
        eprintln!("the scenario did not come to its end; what the chart does not grant, until then:\n  {lacking}");
        resume_unwind(panic)
    });
    println!("{} requests, {} different; {} grants", record.requests, record.used.len(), granted.len());
    assert!(record.requests > MANY, "{} requests", record.requests);
    assert!(wrong.is_empty(), "what the chart grants is not what the program uses:\n  {}", wrong.join("\n  "));
}

/// A kubeconfig with a token of the chart's service account.
async fn kubeconfig(bed: &Bed) -> PathBuf {
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client(), NAMESPACE);
    let request = accounts.create_token_request(OPERATOR, &PostParams::default(), &TokenRequest::default()).await;
    let token = request.expect("a token can be asked for").status.expect("it is answered").token;
    let admin = fs::read_to_string(bed.control_plane.kubeconfig()).expect("the kubeconfig can be read");
    let mut kubeconfig: Value = serde_json::from_str(&admin).expect("it is JSON");
    kubeconfig["users"][0]["user"] = json!({ "token": token });
    let path = bed.folder.path().join("operator.kubeconfig");
    fs::write(&path, kubeconfig.to_string()).expect("the bed's folder can be written to");
    path
}
